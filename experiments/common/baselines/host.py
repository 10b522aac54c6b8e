"""MAP-Elites from pyribs and CMA-ES from pycma: numpy programs, one repetition after another.

Shape letters: R repetitions, N points of a batch, D dimensions, P points kept.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common.baselines.problem import Outcome, Problem, host_rng, start_mean


@functools.cache
def _compiled(objective: Callable[[Array], Array]) -> Callable[[np.ndarray], np.ndarray]:
    """The objective for numpy arrays; compiles once a batch size."""
    function = jax.jit(objective)
    return lambda points: np.asarray(function(jnp.asarray(points, jnp.float32)))


def _stack(runs: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Outcome:
    points, fitness, paths = zip(*runs, strict=True)
    return Outcome(
        np.stack(points).astype(np.float32),
        np.stack(fitness).astype(np.float32),
        np.stack(paths).astype(np.float32),
    )


@dataclass(frozen=True)
class MAPElites:
    """pyribs' MAP-Elites: a GridArchive over the first two coordinates, and one emitter.

    Attributes:
        budget: evaluations, the initial ones included.
        num_initial: evaluations before the first parent is chosen.
        initial: where those lie: "gaussian" N(0, sigma_initial^2) or "uniform" in the box.
        sigma_initial: of the initial points.
        emitter: "gaussian" adds N(0, sigma^2) to a parent; "line" adds N(0, sigma^2) and a step
            along the line to a second elite (Vassiliades and Mouret 2018), N(0, 0.2^2) of its
            length.
        sigma: of the emitter, in evaluation space.
        cell_size: edge of an archive cell.
        extent: the archive covers [-extent, extent]; None covers the box, and clips points to it.
        batch_size: points a generation.
    """

    budget: int = 12_800
    num_initial: int = 512
    initial: Literal["gaussian", "uniform"] = "uniform"
    sigma_initial: float = 4.0
    emitter: Literal["gaussian", "line"] = "line"
    sigma: float = 0.08
    cell_size: float = 0.16
    extent: float | None = None
    batch_size: int = 64

    @classmethod
    def protocol(cls, budget: int = 6400, num_initial: int = 256) -> "MAPElites":
        """The authors': 256 points from N(0, 4^2), then mutations by 0.5, cells round(x).

        25 x 256 evaluations in all. Theirs is one mutation at a time, ours is batches of 64; theirs
        has no limits, here a point beyond 40.5 falls into the outermost cell.
        """
        return cls(
            budget=budget,
            num_initial=num_initial,
            initial="gaussian",
            emitter="gaussian",
            sigma=0.5,
            cell_size=1.0,
            extent=40.5,
        )

    @classmethod
    def fair(cls, budget: int = 12_800) -> "MAPElites":
        """50 x 50 cells over the box [-4, 4]^2 and pyribs' iso-line emitter at its usual widths.

        Those are 0.01 of the box for the isotropic part and 0.2 for the line.
        """
        return cls(budget=budget, num_initial=min(512, budget))

    def num_evaluations(self, num_dims: int) -> int:
        """Evaluations of one run."""
        del num_dims
        batches = math.ceil((self.budget - self.num_initial) / self.batch_size)
        return self.num_initial + batches * self.batch_size

    def run(self, problem: Problem, keys: Array, num_points: int, choice: int = 0) -> Outcome:
        """Run once for every key (R,) and keep the best ``num_points`` elites.

        An archive with fewer elites repeats them, best first.
        """
        return _stack([self._once(problem, choice, key, num_points) for key in keys])

    def _once(
        self, problem: Problem, choice: int, key: Array, num_points: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        from ribs.archives import GridArchive
        from ribs.emitters import GaussianEmitter, IsoLineEmitter

        rng = host_rng(key)
        shape = (self.num_initial, problem.num_dims)
        if self.initial == "gaussian":
            initial = rng.normal(scale=self.sigma_initial, size=shape)
        else:
            initial = rng.uniform(problem.low, problem.high, shape)
        low, high = (
            (problem.low, problem.high) if self.extent is None else (-self.extent, self.extent)
        )
        num_measures = min(2, problem.num_dims)
        archive = GridArchive(
            solution_dim=problem.num_dims,
            dims=[max(1, round((high - low) / self.cell_size))] * num_measures,
            ranges=[(low, high)] * num_measures,
            seed=int(rng.integers(2**31)),
        )
        common: dict[str, Any] = {
            "initial_solutions": initial,
            "batch_size": self.batch_size,
            "seed": int(rng.integers(2**31)),
        }
        if self.extent is None:
            common |= {"lower_bounds": [low] * shape[1], "upper_bounds": [high] * shape[1]}
        emitter = (
            GaussianEmitter(archive, sigma=self.sigma, **common)
            if self.emitter == "gaussian"
            else IsoLineEmitter(archive, iso_sigma=self.sigma, line_sigma=0.2, **common)
        )
        objective = _compiled(problem.objectives[choice])
        evaluations = 0
        while evaluations < self.budget:
            points = emitter.ask()
            fitness = objective(points)
            archive.add(points, -fitness, points[:, :num_measures])
            evaluations += len(points)
        elites = archive.data(["solution", "objective"], return_type="dict")
        order = np.argsort(-elites["objective"], kind="stable")
        order = order[np.arange(num_points) % len(order)]
        path = np.zeros((0, num_measures))
        return elites["solution"][order], -elites["objective"][order], path


@dataclass(frozen=True)
class PyCMA:
    """pycma, the reference implementation of CMA-ES: a second opinion on evosax's.

    Attributes:
        num_generations: G, or None to spend ``budget`` and obey pycma's own stop rules.
        budget: evaluations; used where num_generations is None.
        population_size: N; None is 4 + floor(3 ln D).
        sigma: initial step size, in evaluation space.
        start: the initial mean: "centre" of the box, or "uniform" in it.
        weight_decay: added to the objective: weight_decay mean(x^2).
    """

    num_generations: int | None = None
    budget: int = 12_800
    population_size: int | None = None
    sigma: float = 2.0
    start: Literal["centre", "uniform"] = "uniform"
    weight_decay: float = 0.0

    @classmethod
    def protocol(cls, population_size: int = 512, num_generations: int = 25) -> "PyCMA":
        """The authors': 25 generations of 512, sigma 4, mean 0, weight decay 1e-3, no stop rule.

        They use pycma too. The objective is evaluated in float32 here and in float64 there.
        """
        return cls(num_generations, 0, population_size, 4.0, "centre", 1e-3)

    @classmethod
    def fair(cls, budget: int = 12_800) -> "PyCMA":
        """Its defaults from a random start; stops by its own rules, without restarts."""
        return cls(budget=budget)

    def _size(self, num_dims: int) -> int:
        return self.population_size or 4 + math.floor(3 * math.log(num_dims))

    def num_evaluations(self, num_dims: int) -> int:
        """Evaluations of one run; fewer if pycma finds itself converged."""
        size = self._size(num_dims)
        return size * (self.num_generations or max(1, self.budget // size))

    def run(self, problem: Problem, keys: Array, num_points: int, choice: int = 0) -> Outcome:
        """Run once for every key (R,) and keep the last ``num_points`` evaluated points.

        A run that stopped before evaluating as many repeats the last ones.
        """
        return _stack([self._once(problem, choice, key, num_points) for key in keys])

    def _once(
        self, problem: Problem, choice: int, key: Array, num_points: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        import cma

        size = self._size(problem.num_dims)
        limit = self.num_evaluations(problem.num_dims) // size
        start_key, seed_key = jax.random.split(key)
        objective = _compiled(problem.objectives[choice])
        rng = host_rng(seed_key)
        # Its own generator, not numpy's global one: runs may share a process.
        options = {
            "popsize": size,
            "randn": lambda *shape: rng.standard_normal(shape),
            "seed": np.nan,
            "verbose": -9,
        }
        mean = np.asarray(start_mean(problem, start_key, self.start), np.float64)
        path, points, fitness = [], [], []
        search = cma.CMAEvolutionStrategy(mean, self.sigma, options)
        while len(points) < limit:
            batch = np.asarray(search.ask())
            value = objective(batch)
            path.append(np.array(search.mean[:2]))
            penalty = self.weight_decay * np.mean(batch**2, axis=1)
            search.tell(batch, (value + penalty).tolist())
            points.append(batch)
            fitness.append(value)
            if self.num_generations is None and search.stop():
                break
        path.extend([path[-1]] * (limit - len(path)))
        last = -1 - np.arange(num_points) % (len(points) * size)
        return np.concatenate(points)[last], np.concatenate(fitness)[last], np.stack(path)

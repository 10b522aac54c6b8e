"""CMA-ES, OpenES and PGPE from evosax, a whole run as one scan, all repetitions at once.

Every class has two ready-made settings: ``protocol()``, the authors' of table 1 (papers: arXiv
2410.02543; their repository, experiments/benchmarks), and ``fair()``, ours for the same number of
evaluations as Diffusion Evolution. Their docstrings say what differs from the authors' programs.

Shape letters: N population, D dimensions, G generations, P points kept.
"""

import functools
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from evosax.algorithms import CMA_ES, PGPE, Open_ES
from evosax.core.fitness_shaping import (
    add_weight_decay,
    centered_rank_fitness_shaping_fn,
    identity_fitness_shaping_fn,
    weights_fitness_shaping_fn,
)
from jax import Array

from experiments.common.baselines.problem import Outcome, Problem, last_points, start_mean

_ONE_DECOMPOSITION = threading.Lock()

Adjust = Callable[[Any, Any, Array, Array], Any]


def _evolve(
    strategy: Any,
    params: Any,
    state: Any,
    problem: Problem,
    choice: Array,
    key: Array,
    num_generations: int,
    num_points: int,
    adjust: Adjust | None = None,
) -> Outcome:
    """G generations of an evosax strategy; keeps the last points and the path of the mean.

    ``adjust(before, after, population, fitness)`` may replace the state that `tell` returned.
    """
    # Only the last points are kept, in a ring: all of them would be gigabytes in 256 dimensions.
    size = strategy.population_size
    kept = min(num_generations, math.ceil(num_points / size))
    ring = jnp.zeros((kept, size, problem.num_dims)), jnp.zeros((kept, size))

    def generation(carry: tuple[Any, Any], index: Array) -> tuple[tuple[Any, Any], Array]:
        state, (points, values) = carry
        ask_key, tell_key = jax.random.split(jax.random.fold_in(key, index))
        population, state = strategy.ask(ask_key, state, params)
        fitness = problem.evaluate(population, choice)
        after, _ = strategy.tell(tell_key, population, fitness, state, params)
        if adjust is not None:
            after = adjust(state, after, population, fitness)
        slot = (index - num_generations) % kept
        ring = points.at[slot].set(population), values.at[slot].set(fitness)
        return (after, ring), state.mean[:2]

    generations = jnp.arange(num_generations)
    (_, (points, values)), path = jax.lax.scan(generation, (state, ring), generations)
    # The last generation is in the last slot: (G - 1 - G) mod kept = kept - 1.
    return Outcome(*last_points(points, values, num_points), path)


class _Vectorized:
    """Runs ``_simulate`` for a batch of keys: compiled once for equal settings and problems."""

    def _simulate(self, problem: Problem, num_points: int, choice: Array, key: Array) -> Outcome:
        raise NotImplementedError

    def run(self, problem: Problem, keys: Array, num_points: int, choice: int = 0) -> Outcome:
        """Run once for every key (R,) and keep the last ``num_points`` evaluated points."""
        return self._run(problem, keys, num_points, jnp.asarray(choice))

    @functools.partial(jax.jit, static_argnames=("self", "problem", "num_points"))
    def _run(self, problem: Problem, keys: Array, num_points: int, choice: Array) -> Outcome:
        return jax.vmap(lambda key: self._simulate(problem, num_points, choice, key))(keys)


def _decay(ends: tuple[float, float], num_steps: int) -> Callable[[Any], Any]:
    """From the first end towards the second over so many steps, exponentially."""
    return optax.exponential_decay(ends[0], 1, (ends[1] / ends[0]) ** (1.0 / num_steps))


def default_population_size(num_dims: int) -> int:
    """CMA-ES's own default, 4 + floor(3 ln D), made even for evosax."""
    size = 4 + math.floor(3 * math.log(num_dims))
    return size + size % 2


@dataclass(frozen=True)
class CMAES(_Vectorized):
    """evosax's CMA-ES.

    Attributes:
        num_generations: G, or None to spend ``budget``.
        budget: evaluations; used where num_generations is None.
        population_size: N; None is 4 + floor(3 ln D).
        sigma: initial step size, in evaluation space.
        start: the initial mean: "centre" of the box, or "uniform" in it.
        weight_decay: added to the objective: weight_decay mean(x^2).
        smallest_sigma: floor of the step size, where float32 still tells points apart.
    """

    num_generations: int | None = None
    budget: int = 12_800
    population_size: int | None = None
    sigma: float = 2.0
    start: Literal["centre", "uniform"] = "uniform"
    weight_decay: float = 0.0
    smallest_sigma: float = 1e-6

    @classmethod
    def protocol(cls, population_size: int = 512, num_generations: int = 25) -> "CMAES":
        """The authors': 25 generations of 512, sigma 4, mean 0, weight decay 1e-3.

        They run pycma (see `experiments.common.baselines.host.PyCMA` for that); evosax's step-size
        and covariance rules are those of Hansen's tutorial without pycma's later refinements, and
        it counts in float32, so that a converged population ties where pycma still ranks.
        """
        return cls(
            num_generations=num_generations,
            population_size=population_size,
            sigma=4.0,
            start="centre",
            weight_decay=1e-3,
            smallest_sigma=0.0,
        )

    @classmethod
    def fair(cls, budget: int = 12_800) -> "CMAES":
        """CMA-ES as its author recommends: small default population, sigma a quarter of the box.

        One run without restarts.
        """
        return cls(budget=budget)

    def run(self, problem: Problem, keys: Array, num_points: int, choice: int = 0) -> Outcome:
        """Run once for every key (R,) and keep the last ``num_points`` evaluated points.

        One at a time in a process: two programs that each decompose a batch of matrices wait for
        each other for ever where XLA has but two threads (jaxlib 0.10.2: each decomposition holds a
        thread of the pool that its own batch needs).
        """
        with _ONE_DECOMPOSITION:
            return jax.block_until_ready(self._run(problem, keys, num_points, jnp.asarray(choice)))

    def _size(self, num_dims: int) -> int:
        return self.population_size or default_population_size(num_dims)

    def _generations(self, num_dims: int) -> int:
        return self.num_generations or max(1, self.budget // self._size(num_dims))

    def num_evaluations(self, num_dims: int) -> int:
        """Evaluations of one run."""
        return self._size(num_dims) * self._generations(num_dims)

    def _simulate(self, problem: Problem, num_points: int, choice: Array, key: Array) -> Outcome:
        start_key, init_key, run_key = jax.random.split(key, 3)
        shaping: Any = weights_fitness_shaping_fn
        if self.weight_decay:
            # evosax sums over dimensions where the authors average.
            shaping = add_weight_decay(shaping, self.weight_decay / problem.num_dims)
        strategy = CMA_ES(
            self._size(problem.num_dims), jnp.zeros(problem.num_dims), fitness_shaping_fn=shaping
        )
        params = strategy.default_params.replace(
            std_init=jnp.asarray(self.sigma), std_min=self.smallest_sigma
        )
        mean = start_mean(problem, start_key, self.start)
        state = strategy.init(init_key, mean, params)
        generations = self._generations(problem.num_dims)
        return _evolve(strategy, params, state, problem, choice, run_key, generations, num_points)


@dataclass(frozen=True)
class OpenES(_Vectorized):
    """evosax's OpenAI evolution strategy.

    Attributes:
        num_generations: G.
        population_size: N, even.
        sigma: sampling width at the start and at the end, exponential in between.
        learning_rate: at the start and at the end, exponential in between.
        optimizer: "momentum" (0.9) or "adam".
        ranks: shape the fitness to centred ranks; False takes the objective as it is.
        antithetic: sample in mirrored pairs.
        start: the initial mean: "centre" of the box, or "uniform" in it.
    """

    num_generations: int
    population_size: int = 64
    sigma: tuple[float, float] = (1.0, 0.1)
    learning_rate: tuple[float, float] = (0.1, 0.01)
    optimizer: Literal["momentum", "adam"] = "adam"
    ranks: bool = True
    antithetic: bool = True
    start: Literal["centre", "uniform"] = "uniform"

    @classmethod
    def protocol(cls, population_size: int = 512, num_generations: int = 1000) -> "OpenES":
        """The authors': **1000** generations of 512, raw fitness, no ranks, no mirrored sampling.

        sigma 4 shrinks to 0.04, the learning rate from 1000 to 0.01; momentum 0.9 with the new
        gradient damped by 0.1, which is evosax's undamped momentum at a tenth of the rate. No
        difference is known but float32.
        """
        return cls(
            num_generations=num_generations,
            population_size=population_size,
            sigma=(4.0, 0.04),
            learning_rate=(100.0, 1e-3),
            optimizer="momentum",
            ranks=False,
            antithetic=False,
            start="centre",
        )

    @classmethod
    def fair(cls, budget: int = 12_800) -> "OpenES":
        """Ranks, mirrored sampling and Adam, 64 samples a generation (Salimans et al. 2017)."""
        return cls(num_generations=max(1, budget // 64))

    def num_evaluations(self, num_dims: int) -> int:
        """Evaluations of one run."""
        del num_dims
        return self.population_size * self.num_generations

    def _simulate(self, problem: Problem, num_points: int, choice: Array, key: Array) -> Outcome:
        start_key, init_key, run_key = jax.random.split(key, 3)

        rate = _decay(self.learning_rate, self.num_generations)
        optimizer = optax.adam(rate) if self.optimizer == "adam" else optax.sgd(rate, momentum=0.9)
        width = _decay(self.sigma, self.num_generations)
        strategy = Open_ES(
            self.population_size,
            jnp.zeros(problem.num_dims),
            use_antithetic_sampling=self.antithetic,
            optimizer=optimizer,
            # evosax sets generation g + 1's width from its counter g: asked one ahead.
            std_schedule=lambda count: width(count + 1),
            fitness_shaping_fn=(
                centered_rank_fitness_shaping_fn if self.ranks else identity_fitness_shaping_fn
            ),
        )
        params = strategy.default_params
        state = strategy.init(init_key, start_mean(problem, start_key, self.start), params)
        state = state.replace(std=jnp.asarray(width(0)))
        return _evolve(
            strategy, params, state, problem, choice, run_key, self.num_generations, num_points
        )


@dataclass(frozen=True)
class PGPEs(_Vectorized):
    """evosax's policy gradients with parameter-based exploration; the paper calls it PEPG.

    Attributes:
        num_generations: G.
        population_size: N, even.
        sigma: initial width in every dimension.
        sigma_rate: learning rate of the widths (evosax's convention: half of PEPG's sigma_alpha).
        elite_ratio: > 0 moves the mean to the average of this share of the population, best
            first, in place of the gradient step.
        learning_rate: of Adam at the start and at the end, exponential in between.
        sigma_decay: over the whole run, the factor by which widths above 0.01 shrink besides.
        weight_decay: added to the centred ranks: weight_decay mean(x^2).
        start: the initial mean: "centre" of the box, or "uniform" in it.
    """

    num_generations: int
    population_size: int = 64
    sigma: float = 2.0
    sigma_rate: float = 0.1
    elite_ratio: float = 0.0
    learning_rate: tuple[float, float] = (0.1, 0.01)
    sigma_decay: float = 1.0
    weight_decay: float = 0.0
    start: Literal["centre", "uniform"] = "uniform"

    @classmethod
    def protocol(cls, population_size: int = 512, num_generations: int = 25) -> "PGPEs":
        """The authors': 25 generations of 512, sigma 4 decaying by 0.01, elite ratio 0.1.

        sigma_alpha 0.2, weight decay 0.01 on centred ranks. evosax has neither elites nor decay:
        its tell adapts the widths, then the mean and the decay are applied here by the authors'
        rule. What differs: ties share their mean rank (theirs are in order of appearance), float32.
        """
        return cls(
            num_generations=num_generations,
            population_size=population_size,
            sigma=4.0,
            elite_ratio=0.1,
            sigma_decay=0.01,
            weight_decay=0.01,
            start="centre",
        )

    @classmethod
    def fair(cls, budget: int = 12_800) -> "PGPEs":
        """Ranks, mirrored sampling, adapted widths and Adam, 64 samples a generation."""
        return cls(num_generations=max(1, budget // 64))

    def num_evaluations(self, num_dims: int) -> int:
        """Evaluations of one run."""
        del num_dims
        return self.population_size * self.num_generations

    def _shape(self, population: Array, fitness: Array, state: Any, params: Any) -> Array:
        ranks = centered_rank_fitness_shaping_fn(population, fitness, state, params)
        return ranks + self.weight_decay * jnp.mean(population**2, axis=-1)

    def _simulate(self, problem: Problem, num_points: int, choice: Array, key: Array) -> Outcome:
        start_key, init_key, run_key = jax.random.split(key, 3)
        num_elites = int(self.elite_ratio * self.population_size)
        rate = _decay(self.learning_rate, self.num_generations)
        strategy = PGPE(
            self.population_size,
            jnp.zeros(problem.num_dims),
            # With elites the mean is set below: the gradient step must not move it.
            optimizer=optax.sgd(0.0) if num_elites else optax.adam(rate),
            fitness_shaping_fn=self._shape,
        )
        params = strategy.default_params.replace(std_init=self.sigma, std_lr=self.sigma_rate)
        state = strategy.init(init_key, start_mean(problem, start_key, self.start), params)
        decay = self.sigma_decay ** (1.0 / self.num_generations)

        def adjust(before: Any, after: Any, population: Array, fitness: Array) -> Any:
            if num_elites:
                order = jnp.argsort(self._shape(population, fitness, before, params))
                after = after.replace(mean=jnp.mean(population[order[:num_elites]], axis=0))
            return after.replace(std=jnp.where(after.std > 0.01, after.std * decay, after.std))

        return _evolve(
            strategy,
            params,
            state,
            problem,
            choice,
            run_key,
            self.num_generations,
            num_points,
            adjust,
        )

"""The methods under their names, how each sees a task, and what is measured of its runs.

Shape letters: R repetitions, G generations, N population, D dimensions, K optima.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

import tasks
from diffevo import DiffusionEvolution, LatentDiffusionEvolution
from diffevo.core import posterior
from diffevo.core.processes import Categorical, LogNormal
from experiments.common import generations, statistics
from experiments.common.baselines import searches
from experiments.processes import rivals
from experiments.processes.config import Config
from tasks.functions.discrete import NK, Ising, LeadingOnes, OneMax
from tasks.functions.rates import Rates

Discrete = OneMax | LeadingOnes | NK | Ising


class Method(NamedTuple):
    """A search, the task as it sees it, and the params it is run with (None: its own)."""

    search: Any
    task: Any
    params: Any = None


# --- Positive parameters --------------------------------------------------------------------------


@dataclass(frozen=True)
class Logarithm:
    """A task of positive numbers for searches of real ones: x = exp(spread * genome).

    Args:
        task: of positive numbers.
        spread: standard deviation of log x under a unit Gaussian.
    """

    task: Rates
    spread: float
    scaling: float = 1.0

    @property
    def num_dims(self) -> int:
        """D."""
        return self.task.num_dims

    @property
    def solution(self) -> Array:
        """Template."""
        return self.task.solution

    def positive(self, genomes: Array) -> Array:
        """The task's genomes (.., D)."""
        return jnp.exp(self.spread * genomes)

    def __call__(self, genomes: Array) -> Array:
        """The task's fitness."""
        return self.task(self.positive(genomes))


@dataclass(frozen=True)
class ArithmeticMean(LogNormal):
    """The log-normal process with the mean of x instead of that of log x as the estimate.

    The kernel is the same; the means are taken of x / m and turned into coordinates afterwards.
    """

    def estimate(
        self, genomes: Array, log_weights: Array, alpha: ArrayLike, **options: Any
    ) -> Array:
        """Coordinates of the posterior mean of x."""
        coordinates = self.coordinates(genomes)
        # In units of the largest, so that nothing overflows.
        unit = jnp.max(genomes, axis=0, keepdims=True)
        mean = posterior.estimate_x0(
            genomes / unit, log_weights, alpha, **{**options, "latent": coordinates}
        )
        tiny = jnp.finfo(genomes.dtype).tiny
        return self.coordinates(jnp.maximum(mean * unit, tiny))


def _rates_searches(config: Config) -> dict[str, Callable[[Rates], Method]]:
    size, spread = config.rates_population, config.spread * math.log(10.0)

    def diffusion(task: Any, temperature: float = 1.0, **options: Any) -> Method:
        moves = config.rates_generations - 1
        search = DiffusionEvolution(size, task.solution, moves, **options)
        params = search.default_params.replace(temperature=jnp.float32(temperature))
        return Method(search, task, params)

    def cma_es(task: Rates) -> Method:
        logarithm: Any = Logarithm(task, spread)
        rival = searches.cma_es(logarithm, size, sigma=1.0)
        return Method(rival.search, logarithm, rival.params)

    return {
        "log-normal": lambda task: diffusion(task, process=LogNormal(1.0, spread)),
        "log-normal, sharp": lambda task: diffusion(
            task, config.sharp, process=LogNormal(1.0, spread)
        ),
        "log-normal, arithmetic mean": lambda task: diffusion(
            task, process=ArithmeticMean(1.0, spread)
        ),
        "Gaussian, logarithm": lambda task: diffusion(Logarithm(task, spread)),
        "Gaussian, raw 1": diffusion,
        "Gaussian, raw 10": lambda task: diffusion(dataclasses.replace(task, scaling=10.0)),
        "Gaussian, raw 100": lambda task: diffusion(dataclasses.replace(task, scaling=100.0)),
        "CMA-ES, logarithm": cma_es,
        "random, logarithm": lambda task: Method(
            rivals.RandomSearch(size, task.num_dims, LogNormal(1.0, spread)), task
        ),
    }


def best_member(task: Any, genomes: Array, fitness: Array, traits: Any) -> dict[str, Array]:
    """The best of a generation: its fitness, and its rates (D,)."""
    del traits
    number = jnp.argmin(fitness)
    return {"best_fitness": fitness[number], "best": _positive(task, genomes[number])}


def _positive(task: Any, genomes: Array) -> Array:
    """Rates (.., D) behind genomes; what counts as 0 becomes tiny, so that it has a logarithm."""
    if isinstance(task, Logarithm):
        return task.positive(genomes)
    return jnp.maximum(task.scaling * genomes, jnp.finfo(genomes.dtype).tiny)


def run_rates(config: Config, name: str, method: str, keys: Array) -> dict[str, np.ndarray]:
    """All repetitions of a method on a task of rates.

    Returns:
        ``fitness`` (R,), lowest of the run; ``decades`` (R,), the largest error of that member's
        rates, in decades, from the nearest optimum; ``optima`` (R,), the number of optima that a
        member of the last population is near to.
    """
    task = tasks.make(name)
    assert isinstance(task, Rates)
    search, seen, params = _rates_searches(config)[method](task)
    history = generations.run(
        search, seen, keys, config.rates_generations, params, measure=best_member
    )
    fitness = np.asarray(history.metrics["best_fitness"])  # (R, G)
    rows = np.arange(len(fitness)), np.argmin(fitness, axis=1)
    best = np.asarray(history.metrics["best"], np.float64)[rows]  # (R, D)
    optima = np.log10(np.asarray(task.optima, np.float64))

    def off(points: np.ndarray) -> np.ndarray:
        """Largest error in decades (.., K) of rates (.., D)."""
        return np.max(np.abs(np.log10(points)[..., None, :] - optima), axis=-1)

    last = np.asarray(_positive(seen, history.genomes), np.float64)
    near = np.any(off(last) <= config.near, axis=1)  # (R, K)
    return {
        "fitness": np.min(fitness, axis=1),
        "decades": np.min(off(best), axis=-1),
        "optima": np.sum(near, axis=-1).astype(float),
    }


# --- Bits and categories --------------------------------------------------------------------------


@dataclass(frozen=True)
class Thresholded:
    """A discrete task for searches of real genomes: x > 0, or the largest of K numbers a locus.

    Args:
        task: discrete.
    """

    task: Discrete
    scaling: float = 1.0

    @property
    def num_dims(self) -> int:
        """D of bits, D K of categories."""
        task = self.task
        return task.num_dims * (1 if task.num_categories == 2 else task.num_categories)

    @property
    def solution(self) -> Array:
        """Template."""
        return jnp.zeros(self.num_dims)

    def __call__(self, genomes: Array) -> Array:
        """The task's fitness."""
        if self.task.num_categories == 2:
            values = genomes > 0
        else:
            by_locus = genomes.reshape(genomes.shape[0], self.task.num_dims, -1)
            values = jnp.argmax(by_locus, axis=-1)
        return self.task(values.astype(genomes.dtype))


def _discrete_searches(config: Config) -> dict[str, Callable[[Discrete], Method]]:
    size = config.population
    moves = config.evaluations // size - 1

    def tuned(search: Any, task: Any, **params: float) -> Method:
        values = {name: jnp.float32(value) for name, value in params.items()}
        return Method(search, task, search.default_params.replace(**values))

    def categorical(
        task: Discrete,
        loci: float | None = Categorical.num_effective_loci,
        schedule: str = "cosine",
        length: int = moves,
        **params: float,
    ) -> Method:
        process = Categorical(task.num_categories, loci)
        search = DiffusionEvolution(size, task.solution, length, process=process, schedule=schedule)
        return tuned(search, task, **params)

    def threshold(task: Discrete, kind: Any, length: int = moves, **params: float) -> Method:
        seen = Thresholded(task)
        return tuned(kind(size, seen.solution, length), seen, **params)

    def rival(kind: Any, number: int, **options: Any) -> Callable[[Discrete], Method]:
        return lambda task: Method(
            kind(number, task.num_dims, task.num_categories, **options), task
        )

    latent = LatentDiffusionEvolution
    sharp: dict[str, Any] = {"temperature": config.sharp}
    cycles = sharp | {
        "length": max(moves // config.cycles, 1),
        "renoise_fraction": config.renoise_fraction,
    }
    return {
        "categorical": categorical,
        "categorical, sharp": lambda task: categorical(task, **sharp),
        "categorical, sharp, geometric": lambda task: categorical(
            task, schedule="geometric", **sharp
        ),
        "categorical, sharp, cycles": lambda task: categorical(task, **cycles),
        "categorical, 4 loci": lambda task: categorical(task, 4.0),
        "categorical, all loci": lambda task: categorical(task, None),
        "categorical, keeps noise": lambda task: categorical(task, noise_scale=0.0),
        "categorical, new noise": lambda task: categorical(task, noise_scale=1.0),
        "Gaussian, threshold": lambda task: threshold(task, DiffusionEvolution),
        "latent Gaussian, threshold": lambda task: threshold(task, latent),
        "latent Gaussian, threshold, sharp": lambda task: threshold(task, latent, **sharp),
        "latent Gaussian, threshold, sharp, cycles": lambda task: threshold(task, latent, **cycles),
        "random": lambda task: Method(
            rivals.RandomSearch(size, task.num_dims, Categorical(task.num_categories)),
            task,
        ),
        "(1+1)-EA": rival(rivals.Evolution, 1),
        "GA": rival(rivals.Genetic, size),
        "compact GA": rival(rivals.Compact, 2, virtual_population=config.virtual_population),
    }


def best_fitness(task: Any, genomes: Array, fitness: Array, traits: Any) -> dict[str, Array]:
    """Of a generation; a GA's is that of its children."""
    del task, genomes, traits
    return {"best_fitness": jnp.min(fitness)}


def run_discrete(config: Config, name: str, method: str, keys: Array) -> dict[str, np.ndarray]:
    """All repetitions of a method on a discrete task.

    Returns:
        ``excess`` (R,), lowest fitness of the run minus the optimum's; ``evaluations`` (R,), until
        the optimum, inf where it was not found.
    """
    task = tasks.make(name)
    assert isinstance(task, Discrete)
    assert task.optimum_fitness is not None
    search, seen, params = _discrete_searches(config)[method](task)
    size = search.population_size
    history = generations.run(
        search, seen, keys, config.evaluations // size, params, measure=best_fitness
    )
    excess = np.asarray(history.metrics["best_fitness"], np.float64) - task.optimum_fitness
    excess = np.minimum.accumulate(excess, axis=1)
    solved = excess <= config.solved
    excess = np.where(solved, 0.0, excess)
    first = np.where(solved.any(axis=1), size * (1 + np.argmax(solved, axis=1)), np.inf)
    return {"excess": excess[:, -1], "evaluations": first}


# --- Comparison -----------------------------------------------------------------------------------


def paired(values: ArrayLike, reference: ArrayLike) -> float:
    """Two-sided Wilcoxon signed-rank probability of paired runs; 1 where no pair differs."""
    return statistics.wilcoxon(np.asarray(values, np.float64) - np.asarray(reference, np.float64))


def summarize_rates(found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Over the runs."""
    return {key: statistics.summarize(values) for key, values in found.items()}


def summarize_discrete(config: Config, found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Over the runs: excess, share solved, and evaluations; those not solved had them all."""
    solved = np.isfinite(found["evaluations"])
    spent = np.where(solved, found["evaluations"], config.evaluations)
    return {
        "excess": statistics.summarize(found["excess"]),
        "solved": float(np.mean(solved)),
        "spent": statistics.summarize(spent),
    }

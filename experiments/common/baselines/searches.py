"""Rivals that go from generation to generation: for `experiments.common.generations`.

Each function returns a search and its params. Settings are in evaluation space, the searches work
in the task's genome units like all others. Equal settings give the same object, so that evosax's
classes, which hash by identity, compile once.

Defaults are those of the HADES experiments (arXiv 2411.13420; examples/conditional of the authors'
repository): 256 individuals, sigma 0.2, started from 0.

Shape letters: N population, D dimensions, S starts.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from evosax.algorithms import CMA_ES, SimpleGA
from flax import struct
from jax import Array

from tasks.base import Task


class Rival(NamedTuple):
    """A search with its params: ``generations.run(rival.search, task, keys, G, rival.params)``."""

    search: Any
    params: Any


@functools.lru_cache
def _cma_es(population_size: int, num_dims: int) -> CMA_ES:
    return CMA_ES(population_size, jnp.zeros(num_dims))


def cma_es(
    task: Task, population_size: int = 256, sigma: float = 0.2, smallest_sigma: float = 0.0
) -> Rival:
    """Evosax's CMA-ES from the origin, without restarts.

    Args:
        task: to search on.
        population_size: N.
        sigma: initial step size, in evaluation space.
        smallest_sigma: floor of the step size, in evaluation space.
    """
    search = _cma_es(population_size, task.num_dims)
    return Rival(search, _widths(search, task, sigma, smallest_sigma))


def _widths(search: CMA_ES, task: Task, sigma: float, smallest_sigma: float) -> Any:
    return search.default_params.replace(
        std_init=jnp.asarray(sigma / task.scaling), std_min=smallest_sigma / task.scaling
    )


class MultiStartParams(struct.PyTreeNode):
    """Traced numbers of `MultiStart`: the strategy's params, and the scatter of its means."""

    strategy: Any
    start_std: Array


@dataclass(frozen=True)
class MultiStart:
    """Independent copies of a search distribution, each with its share of the population.

    Their initial means are N(0, start_std^2), their states are one, stacked along a first axis S.

    Args:
        strategy: an evosax search distribution for N / S samples.
        num_starts: S.
    """

    strategy: Any
    num_starts: int

    @property
    def population_size(self) -> int:
        """N, over all copies."""
        return self.num_starts * self.strategy.population_size

    @property
    def default_params(self) -> MultiStartParams:
        """The strategy's own, means scattered by 1."""
        return MultiStartParams(self.strategy.default_params, jnp.asarray(1.0))

    def init(self, key: Array, mean: Array, params: MultiStartParams) -> Any:
        """The copies' states, scattered around a mean (D,)."""
        mean_key, init_key = jax.random.split(key)
        means = mean + params.start_std * jax.random.normal(
            mean_key, (self.num_starts, *mean.shape)
        )
        return jax.vmap(lambda key, mean: self.strategy.init(key, mean, params.strategy))(
            self._split(init_key), means
        )

    def ask(self, key: Array, state: Any, params: MultiStartParams) -> tuple[Array, Any]:
        """All copies' samples (N, D), copy by copy."""
        samples, state = jax.vmap(lambda key, one: self.strategy.ask(key, one, params.strategy))(
            self._split(key), state
        )
        return samples.reshape(self.population_size, -1), state

    def tell(
        self, key: Array, population: Array, fitness: Array, state: Any, params: MultiStartParams
    ) -> tuple[Any, Any]:
        """Each copy learns from its own samples; metrics are stacked along S."""
        return jax.vmap(
            lambda key, samples, values, one: self.strategy.tell(
                key, samples, values, one, params.strategy
            )
        )(
            self._split(key),
            population.reshape(self.num_starts, -1, population.shape[1]),
            fitness.reshape(self.num_starts, -1),
            state,
        )

    def _split(self, key: Array) -> Array:
        return jax.random.split(key, self.num_starts)


def multi_start_cma_es(
    task: Task,
    population_size: int = 256,
    sigma: float = 0.2,
    start_std: float = 0.2,
    num_starts: int = 5,
    smallest_sigma: float = 0.0,
) -> Rival:
    """Several CMA-ES at once that share the population: 5 times 51 of 256.

    How the authors scatter the starts is not known; here by ``start_std``, in evaluation space.
    The other arguments are those of `cma_es`.
    """
    strategy = _cma_es(population_size // num_starts, task.num_dims)
    params = MultiStartParams(
        _widths(strategy, task, sigma, smallest_sigma), jnp.asarray(start_std / task.scaling)
    )
    return Rival(MultiStart(strategy, num_starts), params)


@functools.lru_cache
def _simple_ga(
    population_size: int, num_dims: int, elite_ratio: float, sigma: tuple[float, float, float]
) -> SimpleGA:
    start, decay, floor = sigma
    search = SimpleGA(
        population_size,
        jnp.zeros(num_dims),
        std_schedule=lambda generation: jnp.maximum(start * decay**generation, floor),
    )
    # evosax rounds the number of parents down, the authors up.
    search.elite_ratio = math.ceil(elite_ratio * population_size) / population_size
    return search


def simple_ga(
    task: Task,
    population_size: int = 256,
    sigma: float = 0.2,
    decay: float = 0.999,
    smallest_sigma: float = 0.01,
    elite_ratio: float = 0.1,
) -> Rival:
    """Evosax's SimpleGA: children of two of the best tenth, gene by gene, plus N(0, sigma^2).

    Parents are forgotten every generation. As the authors' first population is N(0, sigma^2) too,
    run it with ``initial_std=sigma / task.scaling``.

    Args:
        task: to search on.
        population_size: N.
        sigma: mutation at the start, in evaluation space; compiles anew.
        decay: factor on it each generation.
        smallest_sigma: its floor, in evaluation space.
        elite_ratio: share of the population that become parents, at least one.
    """
    widths = (sigma / task.scaling, decay, smallest_sigma / task.scaling)
    search = _simple_ga(population_size, task.num_dims, elite_ratio, widths)
    return Rival(search, search.default_params.replace(crossover_rate=0.5))

"""evosax's algorithms as ours: what `minimize` and `Optimizer` expect, made of what evosax offers.

Nothing of evosax is imported: any object with its `init`, `ask` and `tell` will do, whether based
on a population (`init(key, population, fitness, params)`) or on a distribution
(`init(key, mean, params)`).
"""

import dataclasses
import inspect
from typing import Any, final

import jax.numpy as jnp
from flax import struct
from jax import Array

from diffevo.algorithms import base
from diffevo.algorithms.base import Metrics, PyTree, SolutionSpec
from diffevo.core import archive


class State(struct.PyTreeNode):
    """The algorithm's own state, and what ours keep besides."""

    inner: PyTree
    population: Array  # (N, D), the genomes told last
    fitness: Array  # (N,)
    generation: Array  # int32
    best_solution: Array  # (D,)
    best_fitness: Array


def is_foreign(algorithm: Any) -> bool:
    """Whether it is one of these: asks and tells, but draws no first population."""
    wanted = ("init", "ask", "tell", "population_size", "solution", "default_params")
    return all(hasattr(algorithm, name) for name in wanted) and not hasattr(
        algorithm, "sample_population"
    )


@final
@dataclasses.dataclass(frozen=True)
class Foreign:
    """An algorithm with evosax's signatures under ours.

    The first population is N(0, I); a distribution starts at the best of it. evosax ranks a failed
    member or lets its NaN spread, depending on the algorithm: it is told the worst finite value of
    the generation instead.

    Attributes:
        algorithm: of evosax; equal only to itself, as its objects have an identity and no value.
    """

    algorithm: Any

    @property
    def population_size(self) -> int:
        """N."""
        return self.algorithm.population_size

    @property
    def solution(self) -> SolutionSpec:
        """Structure of one solution."""
        return SolutionSpec.of(self.algorithm.solution)

    @property
    def default_params(self) -> Any:
        """The algorithm's own."""
        return self.algorithm.default_params

    def sample_population(self, key: Array) -> PyTree:
        """N solutions from N(0, I)."""
        return base.sample_population(key, self.population_size, self.solution)

    def init(self, key: Array, population: PyTree, fitness: Array, params: Any) -> State:
        """The state after an evaluated first population."""
        genomes, fitness = base.take_in(population, fitness, self.population_size, self.solution)
        best_solution, best_fitness = base.first_best(genomes, fitness)
        if "mean" in inspect.signature(self.algorithm.init).parameters:
            inner = self.algorithm.init(key, self.solution.unravel(best_solution), params)
        else:
            inner = self.algorithm.init(
                key, self.solution.unravel(genomes), _without_failures(fitness), params
            )
        generation = jnp.zeros((), jnp.int32)
        return State(inner, genomes, fitness, generation, best_solution, best_fitness)

    def ask(self, key: Array, state: State, params: Any) -> tuple[PyTree, State]:
        """The algorithm's own."""
        population, inner = self.algorithm.ask(key, state.inner, params)
        return population, state.replace(inner=inner)

    def tell(
        self, key: Array, population: PyTree, fitness: Array, state: State, params: Any
    ) -> tuple[State, Metrics]:
        """The algorithm's own, and our metrics."""
        genomes, fitness = base.take_in(
            population, fitness, self.population_size, self.solution, state.population
        )
        inner, _ = self.algorithm.tell(
            key, self.solution.unravel(genomes), _without_failures(fitness), state.inner, params
        )
        best_solution, best_fitness = archive.update_best(
            state.best_solution, state.best_fitness, genomes, fitness
        )
        generation = state.generation + 1
        return (
            State(inner, genomes, fitness, generation, best_solution, best_fitness),
            base.summarize(genomes, fitness, best_fitness, generation),
        )


def _without_failures(fitness: Array) -> Array:
    """What is not finite as the worst finite value; all zero if there is none."""
    finite = jnp.isfinite(fitness)
    worst = jnp.max(jnp.where(finite, fitness, -jnp.inf))
    return jnp.where(finite, fitness, jnp.where(jnp.any(finite), worst, 0.0))

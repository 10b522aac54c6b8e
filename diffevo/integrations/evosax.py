"""Our algorithms where evosax's loops expect one of theirs; nothing of evosax is imported.

evosax's population-based algorithms have the signatures of ours, so there only the import changes.
Those based on a distribution begin at a mean, without an evaluated population: `FromMean` does so
with ours. (The other way round, `minimize` and `Optimizer` take algorithms of evosax.)
"""

import dataclasses
from typing import Any, final

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from diffevo.algorithms.base import Metrics, PyTree


class State(struct.PyTreeNode):
    """The algorithm's own state, and what evosax's loops read.

    Attributes:
        inner: of the algorithm; its first population is evaluated by the first `tell`.
        center: of the first population, shape (D,).
        population: asked for last, as genomes, shape (N, D).
        generation_counter: how often was told, int32.
        best_solution: shape (D,).
        best_fitness: lower is better.
    """

    inner: PyTree
    center: Array
    population: Array
    generation_counter: Array
    best_solution: Array
    best_fitness: Array


@final
@dataclasses.dataclass(frozen=True)
class FromMean:
    """An algorithm of ours as evosax's distribution-based ones: `init` takes a mean.

    ```python
    es = FromMean(diffevo.NichingDiffusionEvolution(population_size, solution))
    state = es.init(key, solution, es.default_params)
    ```

    Attributes:
        algorithm: of ours.
        scale: solution = mean + scale * genome, so the spread of the first population; > 0.

    Raises:
        ValueError: scale is out of its range.
    """

    algorithm: Any
    scale: float = 1.0

    def __post_init__(self):
        if not self.scale > 0:
            raise ValueError(f"scale: expected a number > 0, got {self.scale!r}")

    @property
    def population_size(self) -> int:
        """N."""
        return self.algorithm.population_size

    @property
    def default_params(self) -> Any:
        """The algorithm's own."""
        return self.algorithm.default_params

    def init(self, key: Array, mean: PyTree, params: Any) -> State:
        """The state before anything was evaluated.

        Args:
            key: for the first population.
            mean: one solution, the middle of the first population.
            params: the algorithm's.

        Returns:
            The state.
        """
        spec = self.algorithm.solution
        center = spec.ravel(jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], mean), 1)[0]
        genomes = spec.ravel(self.algorithm.sample_population(key), self.population_size)
        # Of this structure; its values are replaced by the first `tell`.
        fitness = jnp.zeros(self.population_size, genomes.dtype)
        inner = self.algorithm.init(key, spec.unravel(genomes), fitness, params)
        worst = jnp.full((), jnp.inf, genomes.dtype)
        return State(inner, center, genomes, jnp.zeros((), jnp.int32), center, worst)

    def ask(self, key: Array, state: State, params: Any) -> tuple[PyTree, State]:
        """The population to evaluate next, and the state."""
        spec = self.algorithm.solution

        def next_one() -> tuple[Array, PyTree]:
            population, inner = self.algorithm.ask(key, state.inner, params)
            return spec.ravel(population, self.population_size), inner

        genomes, inner = jax.lax.cond(
            state.generation_counter > 0, next_one, lambda: (state.population, state.inner)
        )
        solutions = state.center + self.scale * genomes
        return spec.unravel(solutions), state.replace(inner=inner, population=genomes)

    def tell(
        self, key: Array, population: PyTree, fitness: Array, state: State, params: Any
    ) -> tuple[State, Metrics]:
        """The state after an evaluated population, and metrics by evosax's names and ours."""
        spec = self.algorithm.solution
        genomes = (spec.ravel(population, self.population_size) - state.center) / self.scale
        told = spec.unravel(genomes)

        def first() -> tuple[PyTree, Metrics]:
            inner = self.algorithm.init(key, told, fitness, params)
            # Only for its metrics.
            return inner, self.algorithm.tell(key, told, fitness, inner, params)[1]

        inner, metrics = jax.lax.cond(
            state.generation_counter > 0,
            lambda: self.algorithm.tell(key, told, fitness, state.inner, params),
            first,
        )
        best = state.center + self.scale * inner.best_solution
        count = state.generation_counter + 1
        metrics |= {
            "generation_counter": count,
            "best_solution": best,
            "best_solution_norm": jnp.linalg.norm(best),
        }
        state = state.replace(
            inner=inner,
            population=genomes,
            generation_counter=count,
            best_solution=best,
            best_fitness=inner.best_fitness,
        )
        return state, metrics

    def get_mean(self, state: State) -> PyTree:
        """What their loops evaluate at the end: here the best solution, before `tell` the mean."""
        one = self.algorithm.solution.unravel(state.best_solution[None])
        return jax.tree.map(lambda leaf: leaf[0], one)

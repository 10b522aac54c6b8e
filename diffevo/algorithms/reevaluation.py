"""Re-evaluation for noisy fitness: an algorithm that never takes a lucky draw for its best.

The lowest of many noisy values is low by luck as well as by merit. So another algorithm's N members
are asked for beside K candidates, which are evaluated again every generation: in odd generations
the values decide which candidate is chosen, in even ones they are what is reported of it. As the
second are independent of the first, the mean that is reported of the chosen is unbiased.

After every second generation the worst candidate makes place for that generation's best member,
which comes in without the value it was picked for.

Shape letters: N population, K candidates, D dimensions.
"""

import dataclasses
from typing import Any, final

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from diffevo.algorithms.base import Metrics, PyTree, SolutionSpec
from diffevo.core import running
from diffevo.core.running import Running

_MOST_CANDIDATES = 8
# So many standard errors a candidate's mean is taken to be worse than it is: with one, newcomers of
# a single lucky value are chosen too often.
_CAUTION = 2.0


class State(struct.PyTreeNode):
    """The algorithm's own state, and the candidates."""

    inner: PyTree
    candidates: Array  # (K, D)
    seen: Array  # (K,), the values with which they came in
    choosing: Running
    reporting: Running
    best: Array  # int32, which candidate is chosen
    improved_at: Array  # int32, the generation in which it was chosen

    @property
    def population(self) -> Array:
        """The last generation's members, (N, D)."""
        return self.inner.population

    @property
    def fitness(self) -> Array:
        """Their values, (N,)."""
        return self.inner.fitness

    @property
    def generation(self) -> Array:
        """Its number."""
        return self.inner.generation

    @property
    def best_solution(self) -> Array:
        """The chosen candidate, (D,)."""
        return self.candidates[self.best]

    @property
    def best_fitness(self) -> Array:
        """Mean of what is reported of it; before there is any, a value that it was chosen for."""
        chosen = jnp.where(self.choosing.number > 0.0, self.choosing.mean, self.seen)
        return jnp.where(self.reporting.number > 0.0, self.reporting.mean, chosen)[self.best]

    @property
    def bound(self) -> Array:
        """What is compared with a target, so that luck does not stop a search."""
        return running.upper_bounds(self.choosing, _CAUTION)[self.best]

    @property
    def num_evaluations(self) -> Array:
        """Of how many values `best_fitness` is the mean."""
        return jnp.maximum(self.reporting.number[self.best], 1.0).astype(jnp.int32)

    @property
    def standard_error(self) -> Array:
        """Of `best_fitness`; NaN from fewer than two values."""
        return running.standard_errors(self.reporting)[self.best]


def num_candidates(population_size: int) -> int:
    """K: a quarter of the population, from two to eight."""
    return min(max(population_size // 4, 2), _MOST_CANDIDATES, population_size)


@final
@dataclasses.dataclass(frozen=True)
class Reevaluation:
    """An algorithm for noisy fitness made of any other.

    Its `init` takes N members; its `ask` gives N + K, of which the last K are the candidates. The
    other algorithm is told the members' values alone.

    Attributes:
        algorithm: one of ours, or a `Foreign`.
    """

    algorithm: Any

    @property
    def population_size(self) -> int:
        """N."""
        return self.algorithm.population_size

    @property
    def num_asked(self) -> int:
        """N + K, what `ask` gives."""
        return self.population_size + num_candidates(self.population_size)

    @property
    def solution(self) -> SolutionSpec:
        """Structure of one solution."""
        return self.algorithm.solution

    @property
    def default_params(self) -> Any:
        """The algorithm's own."""
        return self.algorithm.default_params

    def sample_population(self, key: Array) -> PyTree:
        """The algorithm's own."""
        return self.algorithm.sample_population(key)

    def init(self, key: Array, population: PyTree, fitness: Array, params: Any) -> State:
        """The state after an evaluated first population: its best are the candidates."""
        inner = self.algorithm.init(key, population, fitness, params)
        order = jnp.argsort(inner.fitness)[: num_candidates(self.population_size)]  # NaN last
        seen = inner.fitness[order]
        none = running.none(seen)
        zero = jnp.zeros((), jnp.int32)
        return State(inner, inner.population[order], seen, none, none, zero, zero)

    def ask(self, key: Array, state: State, params: Any) -> tuple[PyTree, State]:
        """N members and the K candidates."""
        population, inner = self.algorithm.ask(key, state.inner, params)
        genomes = self.solution.ravel(population, self.population_size)
        everything = jnp.concatenate([genomes, state.candidates.astype(genomes.dtype)])
        return self.solution.unravel(everything), state.replace(inner=inner)

    def tell(
        self, key: Array, population: PyTree, fitness: Array, state: State, params: Any
    ) -> tuple[State, Metrics]:
        """The algorithm's own for the members, and what the candidates gave.

        Told N values alone (the first population's, for its metrics) it leaves the candidates.
        """
        size = self.population_size
        members = jax.tree.map(lambda leaf: leaf[:size], population)
        fitness = jnp.asarray(fitness)
        inner, metrics = self.algorithm.tell(key, members, fitness[:size], state.inner, params)
        state = state.replace(inner=inner)
        if fitness.shape[0] > size:
            state = _update(state, fitness[size:].astype(state.seen.dtype))
        return state, metrics | {
            "best_fitness": state.best_fitness,
            "standard_error": state.standard_error,
            "num_evaluations": state.num_evaluations,
        }


def _update(state: State, again: Array) -> State:
    """The candidates after another value of each, (K,)."""
    inner, generation = state.inner, state.inner.generation
    is_odd = generation % 2 == 1
    choosing = running.add(state.choosing, jnp.where(is_odd, again, jnp.nan))
    reporting = running.add(state.reporting, jnp.where(is_odd, jnp.nan, again))
    # Only what something can be reported of is chosen; at first that is none.
    bounds = running.upper_bounds(choosing, _CAUTION)
    bounds = jnp.where(reporting.number > 0.0, bounds, jnp.inf)
    best = jnp.where(jnp.isfinite(jnp.min(bounds)), jnp.argmin(bounds), state.best)
    best = best.astype(jnp.int32)
    worst = jnp.argmax(
        jnp.where(choosing.number > 0.0, choosing.mean, jnp.inf).at[best].set(-jnp.inf)
    )
    newcomer = jnp.argmin(jnp.where(jnp.isnan(inner.fitness), jnp.inf, inner.fitness))
    is_new = ~is_odd & (worst != best) & ~jnp.isnan(inner.fitness[newcomer])
    replaced = (jnp.arange(len(again)) == worst) & is_new
    return state.replace(
        candidates=jnp.where(replaced[:, None], inner.population[newcomer], state.candidates),
        seen=jnp.where(replaced, inner.fitness[newcomer], state.seen),
        choosing=running.forget(choosing, replaced),
        reporting=running.forget(reporting, replaced),
        best=best,
        improved_at=jnp.where(best == state.best, state.improved_at, generation).astype(jnp.int32),
    )

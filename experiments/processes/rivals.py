"""Standard searches of discrete genomes, with the same init, ask and tell as all others.

Written from their textbook definitions. Genomes hold 0, .., K - 1 as numbers.

Shape letters: N population, D loci, K categories.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from diffevo.core.processes import Categorical, Process

Told = tuple[Any, dict[str, Array]]


def _mutate(key: Array, genomes: Array, num_categories: int, rate: float) -> Array:
    """Every locus takes one of its other values with probability rate."""
    where, value = jax.random.split(key)
    other = jax.random.randint(value, genomes.shape, 1, num_categories)
    hit = jax.random.bernoulli(where, rate, genomes.shape)
    return jnp.where(hit, (genomes + other) % num_categories, genomes)


class State(struct.PyTreeNode):
    """Evaluated parents."""

    population: Array  # (N, D)
    fitness: Array  # (N,)


@dataclass(frozen=True)
class _Search:
    """What the searches with a population of parents share.

    Attributes:
        population_size: N.
        num_dims: D.
        num_categories: K.
    """

    population_size: int
    num_dims: int
    num_categories: int = 2

    @property
    def default_params(self) -> tuple[()]:
        """None."""
        return ()

    def sample_population(self, key: Array) -> Array:
        """Uniform on all genomes."""
        shape = (self.population_size, self.num_dims)
        return Categorical(self.num_categories).sample_prior(key, shape, jnp.float32)

    def init(self, key: Array, population: Array, fitness: Array, params: tuple[()]) -> Any:
        """The first parents."""
        del key, params
        return State(population, fitness)


@dataclass(frozen=True)
class Evolution(_Search):
    """(1+1)-EA, N times: a mutant replaces its parent unless it is worse; rate 1 / D.

    Reference: Droste, Jansen, Wegener, Theor. Comput. Sci. 276 (2002).
    """

    def ask(self, key: Array, state: State, params: tuple[()]) -> tuple[Array, State]:
        """A mutant of every parent."""
        del params
        rate = 1.0 / self.num_dims
        return _mutate(key, state.population, self.num_categories, rate), state

    def tell(
        self, key: Array, population: Array, fitness: Array, state: State, params: tuple[()]
    ) -> Told:
        """Keep those that are not worse."""
        del key, params
        better = fitness <= state.fitness
        return State(
            jnp.where(better[:, None], population, state.population),
            jnp.where(better, fitness, state.fitness),
        ), {}


@dataclass(frozen=True)
class Genetic(_Search):
    """(N + N) GA: parents by binary tournament, uniform crossover, mutation rate 1 / D.

    The better half of parents and children survives (truncation).
    """

    def ask(self, key: Array, state: State, params: tuple[()]) -> tuple[Array, State]:
        """Children of two tournament winners each."""
        del params
        pick_key, cross_key, mutation_key = jax.random.split(key, 3)
        size = self.population_size
        rivals = jax.random.randint(pick_key, (2, 2, size), 0, size)  # parent, rival, child
        won = jnp.where(
            state.fitness[rivals[:, 0]] <= state.fitness[rivals[:, 1]], rivals[:, 0], rivals[:, 1]
        )
        mother, father = state.population[won[0]], state.population[won[1]]
        children = jnp.where(jax.random.bernoulli(cross_key, 0.5, mother.shape), mother, father)
        return _mutate(mutation_key, children, self.num_categories, 1.0 / self.num_dims), state

    def tell(
        self, key: Array, population: Array, fitness: Array, state: State, params: tuple[()]
    ) -> Told:
        """The best N of both generations; children first among equals."""
        del key, params
        everybody = jnp.concatenate([population, state.population])
        values = jnp.concatenate([fitness, state.fitness])
        best = jnp.argsort(values, stable=True)[: self.population_size]
        return State(everybody[best], values[best]), {}


@dataclass(frozen=True)
class Compact(_Search):
    """Compact GA: two samples of independent loci; probabilities move towards the better one.

    Probabilities stay within [1 / D, 1 - 1 / D] before they are normalised.

    Attributes:
        virtual_population: a step is one over this.

    Reference: Harik, Lobo, Goldberg, IEEE Trans. Evol. Comput. 3 (1999).
    """

    virtual_population: int = 64

    def init(self, key: Array, population: Array, fitness: Array, params: tuple[()]) -> Array:
        """Even probabilities (D, K), moved by the first pair."""
        even = jnp.full((self.num_dims, self.num_categories), 1.0 / self.num_categories)
        return self.tell(key, population, fitness, even, params)[0]

    def ask(self, key: Array, state: Array, params: tuple[()]) -> tuple[Array, Array]:
        """Two genomes."""
        del params
        shape = (self.population_size, self.num_dims)
        return jax.random.categorical(key, jnp.log(state), shape=shape).astype(jnp.float32), state

    def tell(
        self, key: Array, population: Array, fitness: Array, state: Array, params: tuple[()]
    ) -> Told:
        """One step towards the winner and away from the loser; none if they are equal."""
        del key, params
        order = jnp.argsort(fitness)
        shown = jax.nn.one_hot(population[order].astype(int), self.num_categories)
        step = jnp.where(fitness[0] == fitness[1], 0.0, shown[0] - shown[-1])
        moved = state + step / self.virtual_population
        moved = jnp.clip(moved, 1.0 / self.num_dims, 1.0 - 1.0 / self.num_dims)
        return moved / jnp.sum(moved, axis=1, keepdims=True), {}


@dataclass(frozen=True)
class RandomSearch:
    """Independent draws of a process's prior.

    Attributes:
        population_size: N.
        num_dims: D.
        process: whose prior.
    """

    population_size: int
    num_dims: int
    process: Process

    @property
    def default_params(self) -> tuple[()]:
        """None."""
        return ()

    def sample_population(self, key: Array) -> Array:
        """N draws."""
        return self.process.sample_prior(key, (self.population_size, self.num_dims), jnp.float32)

    def init(self, key: Array, population: Array, fitness: Array, params: tuple[()]) -> tuple[()]:
        """Nothing to remember."""
        del key, population, fitness, params
        return ()

    def ask(self, key: Array, state: tuple[()], params: tuple[()]) -> tuple[Array, tuple[()]]:
        """N draws."""
        del params
        return self.sample_population(key), state

    def tell(
        self, key: Array, population: Array, fitness: Array, state: tuple[()], params: tuple[()]
    ) -> Told:
        """Nothing to learn."""
        del key, population, fitness, params
        return state, {}

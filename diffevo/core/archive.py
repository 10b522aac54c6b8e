"""What a search remembers: the best solution so far, and a history of fixed size.

Shape letters: N population, D dimensions, R rows of the memory.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from diffevo.core.distances import squared_distances

Retention = Literal["quality", "diversity"]


def update_best(
    best_solution: Array, best_fitness: Array, population: Array, fitness: Array
) -> tuple[Array, Array]:
    """Best-so-far after one more evaluated generation; a failed member (NaN) never enters.

    Args:
        best_solution: shape (D,).
        best_fitness: scalar, +inf if there is none yet.
        population: shape (N, D).
        fitness: shape (N,), lower is better, NaN is failed.

    Returns:
        (best_solution, best_fitness); on a tie the older one stays.
    """
    ordered = jnp.where(jnp.isnan(fitness), jnp.inf, fitness)
    index = jnp.argmin(ordered)
    better = ordered[index] < best_fitness
    return (
        jnp.where(better, population[index], best_solution),
        jnp.where(better, ordered[index], best_fitness),
    )


class Memory(NamedTuple):
    """Evaluated solutions of all generations, as many as there is room for; failed ones never.

    The first `num_filled` rows are filled; the others are zeros. Its size, and so its cost, is the
    same in every generation.
    """

    genomes: Array  # (R, D)
    fitness: Array  # (R,), lower is better; may be infinite, never NaN
    traits: dict[str, Array]  # what the evaluation reported beside the fitness, each (R, ...)
    num_filled: Array  # int32

    @property
    def filled(self) -> Array:
        """Booleans (R,)."""
        return jnp.arange(self.fitness.shape[0], dtype=jnp.int32) < self.num_filled


def empty(num_rows: int, genomes: Array, traits: Mapping[str, Array]) -> Memory:
    """A memory of R rows for genomes (N, D) and traits, each (N, ...), like these."""

    def zeros(like: Array) -> Array:
        return jnp.zeros((num_rows, *like.shape[1:]), like.dtype)

    return Memory(
        zeros(genomes),
        zeros(genomes[:, 0]),
        {name: zeros(values) for name, values in traits.items()},
        jnp.zeros((), jnp.int32),
    )


def remember(
    memory: Memory,
    genomes: Array,
    fitness: Array,
    traits: Mapping[str, Array],
    retention: Retention,
) -> Memory:
    """Take in an evaluated generation; the memory's size stays.

    "quality": all of the new ones enter, and the best of the old ones fill the rest, so that an
    empty generation forgets nothing. "diversity": a new one takes a free row while there is one,
    and then the row of the nearest old one that is not better than it, if there is any: what is
    remembered stays as spread out as it was found.

    Args:
        memory: of R >= N rows.
        genomes: shape (N, D), finite.
        fitness: shape (N,), NaN is failed: such a member is not remembered.
        traits: the keys of the memory's, each (N, ...).
        retention: which of the two policies.

    Returns:
        The memory with the new ones.
    """
    new = (genomes, fitness, {name: traits[name] for name in memory.traits})
    if retention == "diversity":
        return _replace_near(memory, *new)
    failed = jnp.isnan(fitness)
    old = (memory.genomes, memory.fitness, memory.traits)
    genomes, fitness, traits = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), new, old)
    # New, old, nothing; by fitness within each.
    rank = jnp.concatenate([jnp.where(failed, 2, 0), jnp.where(memory.filled, 1, 2)])
    fitness = jnp.where(rank == 2, 0.0, fitness)
    order = jnp.lexsort((fitness, rank))[: memory.fitness.shape[0]]
    count = jnp.sum(rank[order] < 2, dtype=jnp.int32)
    return Memory(
        jnp.where(rank[order][:, None] < 2, genomes[order], 0.0),
        fitness[order],
        jax.tree.map(lambda values: values[order], traits),
        count,
    )


def forget(memory: Memory, genomes: Array) -> Memory:
    """Strike out the rows that hold any of the genomes (n, D) exactly: they are told again.

    For solutions that survive unchanged; without it their copies would fill the memory.
    """

    def is_same(genome: Array) -> Array:
        return jnp.all(memory.genomes == genome[None], axis=1)

    struck = jnp.any(jax.lax.map(is_same, genomes), axis=0)
    keep = memory.filled & ~struck
    order = jnp.argsort(~keep, stable=True)
    kept = keep[order]
    return Memory(
        jnp.where(kept[:, None], memory.genomes[order], 0.0),
        jnp.where(kept, memory.fitness[order], 0.0),
        jax.tree.map(lambda values: values[order], memory.traits),
        jnp.sum(keep, dtype=jnp.int32),
    )


def _replace_near(
    memory: Memory, genomes: Array, fitness: Array, traits: dict[str, Array]
) -> Memory:
    """One new member after the other, on tables of distances; genomes move once at the end."""
    num_rows, size = memory.fitness.shape[0], fitness.shape[0]
    to_new = squared_distances(genomes, genomes)

    def enter(carry, number):
        distances, values, source, count = carry
        value = fitness[number]
        free = count < num_rows
        worse = (values >= value) & (jnp.arange(num_rows, dtype=jnp.int32) < count)
        nearest = jnp.argmin(jnp.where(worse, distances[number], jnp.inf)).astype(jnp.int32)
        slot = jnp.where(free, count, nearest)
        enters = ~jnp.isnan(value) & (free | jnp.any(worse))
        distances = distances.at[:, slot].set(
            jnp.where(enters, to_new[:, number], distances[:, slot])
        )
        values = values.at[slot].set(jnp.where(enters, value, values[slot]))
        source = source.at[slot].set(jnp.where(enters, num_rows + number, source[slot]))
        return (distances, values, source, count + (enters & free).astype(jnp.int32)), None

    start = (
        squared_distances(genomes, memory.genomes),
        memory.fitness,
        jnp.arange(num_rows, dtype=jnp.int32),
        memory.num_filled,
    )
    (_, values, source, count), _ = jax.lax.scan(enter, start, jnp.arange(size, dtype=jnp.int32))
    genomes, traits = jax.tree.map(
        lambda old, new: jnp.concatenate([old, new])[source],
        (memory.genomes, memory.traits),
        (genomes, traits),
    )
    return Memory(genomes, values, traits, count)

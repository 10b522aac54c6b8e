"""What a search remembers: the best solution so far."""

import jax.numpy as jnp
from jax import Array


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

"""The distinct optima that a search has found, in an archive of fixed size.

Two end points of local searches are the same optimum if they are closer than the searches were wide
when they ended; a converged search is many orders of magnitude narrower than the distance between
optima, so no further evaluations are needed to tell.

Shape letters: A places of the archive, D dimensions, n points.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from diffevo.core.distances import squared_distances

# So many widths apart, two end points are different optima.
WIDTHS_APART = 10.0
# While no more places are filled, others are not looked at.
_FEW = 32


class Optima(NamedTuple):
    """Distinct optima; a place that is not filled has the greatest fitness of its dtype."""

    solutions: Array  # (A, D)
    fitness: Array  # (A,), lower is better, not NaN
    width: Array  # (A,), of the search when it ended: how well the position is known
    spacing: Array  # (A,), distance to the nearest other one; 0 if there is none
    tries: Array  # (A,) int32, chains that have been started from it to find a better one near
    found: Array  # (A,) int32, the generation in which it was first found

    @property
    def filled(self) -> Array:
        """Booleans (A,)."""
        return self.fitness < jnp.finfo(self.fitness.dtype).max


def empty(num_places: int, num_dims: int, dtype: DTypeLike) -> Optima:
    """An archive without optima."""
    return Optima(
        jnp.zeros((num_places, num_dims), dtype),
        jnp.full(num_places, jnp.finfo(dtype).max, dtype),
        jnp.zeros(num_places, dtype),
        jnp.zeros(num_places, dtype),
        jnp.zeros(num_places, jnp.int32),
        jnp.zeros(num_places, jnp.int32),
    )


def distances(points: Array, optima: Optima) -> Array:
    """Distance of points (n, D) to every optimum, shape (n, A); infinite where there is none."""
    squares = squared_distances(points, optima.solutions)
    return jnp.where(optima.filled[None, :], jnp.sqrt(squares), jnp.inf)


def gaps(point: Array, optima: Optima) -> Array:
    """The same of one point (D,), shape (A,): slower, but exact where points are very close.

    The product of `squared_distances` rounds by more than searches are wide when they end.
    """
    squares = jnp.sum((optima.solutions - point[None, :]) ** 2, axis=1)
    return jnp.where(optima.filled, jnp.sqrt(squares), jnp.inf)


def gaps_to_better(optima: Optima) -> Array:
    """Distance of every optimum to the nearest better one, shape (A,); infinite where none is."""
    squares = squared_distances(optima.solutions, optima.solutions)
    better = optima.fitness[None, :] < optima.fitness[:, None]
    return jnp.sqrt(jnp.min(jnp.where(better, squares, jnp.inf), axis=1))


def of_filled(function: Callable[[Optima], Any], optima: Optima) -> Any:
    """A function of the archive, given only its first places while the rest are not filled."""
    return jax.lax.cond(
        jnp.any(optima.filled[_FEW:]),
        lambda: function(optima),
        lambda: function(Optima(*(leaf[:_FEW] for leaf in optima))),
    )


def insert(
    optima: Optima, solution: Array, fitness: Array, width: Array, generation: Array
) -> tuple[Optima, Array]:
    """Take in the end point of a local search.

    A known optimum keeps the better of its positions; a new one takes a free place, or that of the
    worst if it is better.

    Args:
        optima: the archive.
        solution: shape (D,).
        fitness: scalar, lower is better; NaN is not taken in.
        width: scalar, standard deviation of the search's samples when it ended.
        generation: scalar int.

    Returns:
        (archive, whether a place was given to a new optimum).
    """
    apart = gaps(solution, optima)
    same = apart <= WIDTHS_APART * (width + optima.width)
    known = jnp.any(same)
    place = jnp.where(
        known, jnp.argmin(jnp.where(same, apart, jnp.inf)), jnp.argmax(optima.fitness)
    )
    taken = fitness < optima.fitness[place]  # False for NaN
    new = taken & ~known

    def put(values: Array, value: Array) -> Array:
        return values.at[place].set(jnp.where(taken, value, values[place]))

    others = apart.at[place].set(jnp.inf)
    nearest = jnp.min(others)
    nearest = jnp.where(jnp.isfinite(nearest), nearest, 0.0)
    closer = new & jnp.isfinite(others) & ((others < optima.spacing) | (optima.spacing == 0))
    spacing = jnp.where(closer, others, optima.spacing)
    return Optima(
        put(optima.solutions, solution),
        put(optima.fitness, fitness),
        put(optima.width, width),
        spacing.at[place].set(jnp.where(new, nearest, spacing[place])),
        optima.tries.at[place].set(jnp.where(new, 0, optima.tries[place])),
        optima.found.at[place].set(
            jnp.where(new, generation.astype(jnp.int32), optima.found[place])
        ),
    ), new

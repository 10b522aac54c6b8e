"""Measures of a set of points: how spread, how good, how many optima. All jit and vmap.

Shape letters: n points, D dimensions, K known optima. Cells of a grid are compared pairwise, so
the cost is O(n^2 D) whatever the number of cells; meant for hundreds of points.
"""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


def _same_cell(points: Array, cell_size: ArrayLike) -> Array:
    """(n, n) booleans: do two points round to the same grid cell?"""
    cells = jnp.round(points / cell_size)
    # One dimension at a time: no (n, n, D) array, whatever D.
    start = jnp.ones((points.shape[0], points.shape[0]), bool)
    return jax.lax.fori_loop(
        0,
        points.shape[1],
        lambda d, same: same & (cells[:, d][:, None] == cells[:, d][None, :]),
        start,
    )


def entropy(points: Array, cell_size: ArrayLike = 0.1, base: float = 2.0) -> Array:
    r"""Shannon entropy of the grid cells that the points fall into.

    H = -sum_c p_c log p_c with p_c the share of points in cell c; at most log n.

    Args:
        points: shape (n, D).
        cell_size: edge of a cell; the cell of x is round(x / cell_size).
        base: of the logarithm, 2 gives bits.

    Returns:
        H >= 0, a scalar.

    Reference: the benchmark of arXiv 2410.02543 (top 64, cells of 0.1, bits).
    """
    counts = jnp.sum(_same_cell(points, cell_size), axis=1)
    return -jnp.mean(jnp.log(counts / points.shape[0])) / jnp.log(base)


def qd_score(points: Array, quality: Array, cell_size: ArrayLike) -> Array:
    """Sum over occupied grid cells of the best quality in each (higher is better).

    Args:
        points: shape (n, D), the descriptors.
        quality: shape (n,), >= 0; NaN counts as 0.
        cell_size: edge of a cell.

    Returns:
        The quality-diversity score, a scalar.

    Reference: Pugh, Soros, Stanley, Quality Diversity, Frontiers in Robotics and AI 2016.
    """
    quality = jnp.where(jnp.isnan(quality), 0.0, quality)
    same = _same_cell(points, cell_size)
    order = jnp.arange(points.shape[0])
    better = (quality[None, :] > quality[:, None]) | (
        (quality[None, :] == quality[:, None]) & (order[None, :] < order[:, None])
    )
    is_elite = ~jnp.any(same & better, axis=1)
    return jnp.sum(jnp.where(is_elite, quality, 0.0))


def coverage(points: Array, low: ArrayLike, high: ArrayLike, num_cells: int) -> Array:
    """Share of the cells of a regular grid on a box that hold at least one point.

    Args:
        points: shape (n, D); points outside the box count for nothing.
        low: lower corner, scalar or shape (D,).
        high: upper corner, scalar or shape (D,).
        num_cells: cells per dimension, >= 1.

    Returns:
        Occupied cells / num_cells^D, in [0, 1].
    """
    low, high = (jnp.broadcast_to(side, points.shape) for side in (low, high))
    scaled = (points - low) / (high - low) * num_cells
    inside = jnp.all((points >= low) & (points <= high), axis=1)
    # The upper edge belongs to the last cell; centres, so that rounding finds the cell.
    cells = jnp.minimum(jnp.floor(scaled), num_cells - 1)
    same = _same_cell(cells, 1.0) & inside[None, :]
    first = jnp.argmax(same, axis=1) == jnp.arange(points.shape[0])
    return jnp.sum(first & inside) / num_cells ** points.shape[1]


def optimum_hits(
    points: Array,
    optima: Array,
    radius: ArrayLike,
    fitness: Array | None = None,
    optimum_fitness: ArrayLike = 0.0,
    accuracy: ArrayLike = jnp.inf,
) -> Array:
    """How many points lie at each known optimum.

    A point hits the optimum nearest to it, at most one, if it lies within radius of it and its
    fitness is within accuracy of the optimum's.

    Args:
        points: shape (n, D).
        optima: shape (K, D).
        radius: > 0, Euclidean.
        fitness: shape (n,), lower is better; None asks for the position only.
        optimum_fitness: fitness at the optima, a scalar or shape (K,).
        accuracy: >= 0.

    Returns:
        The counts (K,), integers in [0, n].
    """
    squared = jax.vmap(lambda optimum: jnp.sum((points - optimum[None, :]) ** 2, axis=1))(
        optima
    )  # (K, n)
    nearest = jnp.argmin(squared, axis=0)[None, :] == jnp.arange(optima.shape[0])[:, None]
    hit = nearest & (squared <= jnp.asarray(radius) ** 2)
    if fitness is not None:
        gap = fitness[None, :] - jnp.broadcast_to(optimum_fitness, optima.shape[:1])[:, None]
        hit = hit & (gap <= accuracy)
    return jnp.sum(hit, axis=1)


def distinct_optima(
    points: Array,
    optima: Array,
    radius: ArrayLike,
    fitness: Array | None = None,
    optimum_fitness: ArrayLike = 0.0,
    accuracy: ArrayLike = jnp.inf,
) -> Array:
    """How many known optima have been found: those with a hit of `optimum_hits`.

    The arguments are those of `optimum_hits`.

    Returns:
        The number found, an integer in [0, K].
    """
    hits = optimum_hits(points, optima, radius, fitness, optimum_fitness, accuracy)
    return jnp.sum(hits > 0)


def top_k(points: Array, fitness: Array, k: int) -> tuple[Array, Array]:
    """The k fittest points, best first; failed ones (NaN) come last.

    Args:
        points: shape (n, D).
        fitness: shape (n,), lower is better.
        k: in [1, n].

    Returns:
        (points (k, D), fitness (k,)).
    """
    order = jnp.argsort(fitness)[:k]
    return points[order], fitness[order]


def diversity(points: Array) -> Array:
    """Root-mean-square distance to the centroid, per dimension: 1 for a unit Gaussian."""
    return jnp.sqrt(jnp.mean((points - jnp.mean(points, axis=0, keepdims=True)) ** 2))

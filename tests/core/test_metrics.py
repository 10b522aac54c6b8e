"""Measures of point sets against brute force on grids of numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import metrics

# Compiled as a whole: operation by operation, every shape costs ten compilations.
qd_score, optimum_hits, distinct_optima, diversity = map(
    jax.jit, (metrics.qd_score, metrics.optimum_hits, metrics.distinct_optima, metrics.diversity)
)
entropy = jax.jit(metrics.entropy, static_argnames="base")
coverage = jax.jit(metrics.coverage, static_argnames="num_cells")
top_k = jax.jit(metrics.top_k, static_argnames="k")


def cells_of(points, cell_size):
    return [tuple(cell) for cell in np.round(np.asarray(points, np.float64) / cell_size)]


def numpy_entropy(points, cell_size, base=2.0):
    cells = np.round(np.asarray(points, np.float64) / cell_size)
    _, counts = np.unique(cells, axis=0, return_counts=True)
    shares = counts / counts.sum()
    return -np.sum(shares * np.log(shares)) / np.log(base)


def off_edges(rng, shape, cell_size):
    """Random points at least a tenth of a cell away from a cell's edge, whatever rounding does."""
    cells = rng.integers(-6, 7, size=shape)
    return np.float32((cells + rng.uniform(-0.4, 0.4, size=shape)) * cell_size)


@pytest.mark.parametrize("num_dims", [1, 2, 5, 300])
@pytest.mark.parametrize("cell_size", [0.1, 1.0, 3.0])
def test_entropy_is_numpys(rng, num_dims, cell_size):
    points = off_edges(rng, (64, num_dims), cell_size)
    points[10:30] = points[0]
    np.testing.assert_allclose(
        entropy(jnp.asarray(points), cell_size),
        numpy_entropy(points, cell_size),
        rtol=1e-5,
    )


def test_entropy_of_the_paper_is_at_most_6_bits(rng):
    spread = np.float32(10 * np.arange(128).reshape(64, 2))
    np.testing.assert_allclose(entropy(jnp.asarray(spread)), 6.0, rtol=1e-6)
    together = np.tile(rng.normal(size=(1, 2)), (64, 1)).astype(np.float32)
    np.testing.assert_allclose(entropy(jnp.asarray(together)), 0.0, atol=1e-6)
    halves = np.float32(np.repeat([[0.0, 0.0], [1.0, 1.0]], 32, axis=0))
    np.testing.assert_allclose(entropy(jnp.asarray(halves)), 1.0, rtol=1e-6)


def test_entropy_default_cells_are_tenths():
    # 0.04 and -0.04 round to the cell of 0, 0.06 to the next one.
    points = jnp.asarray([[0.04], [-0.04], [0.06], [0.14]])
    np.testing.assert_allclose(entropy(points), 1.0, rtol=1e-6)


def test_entropy_base(rng):
    points = off_edges(rng, (64, 2), 0.1)
    np.testing.assert_allclose(
        entropy(jnp.asarray(points), base=np.e), numpy_entropy(points, 0.1, np.e), rtol=1e-5
    )


def brute_force_qd_score(points, quality, cell_size):
    best = {}
    for cell, value in zip(cells_of(points, cell_size), quality, strict=True):
        value = 0.0 if np.isnan(value) else value
        best[cell] = max(best.get(cell, 0.0), value)
    return sum(best.values())


@pytest.mark.parametrize("num_dims", [1, 2])
def test_qd_score_is_brute_force(rng, num_dims):
    points = off_edges(rng, (200, num_dims), 0.5)
    quality = rng.uniform(size=200).astype(np.float32)
    quality[::7] = np.nan
    quality[::5] = 0.5  # ties within cells
    actual = qd_score(jnp.asarray(points), jnp.asarray(quality), 0.5)
    np.testing.assert_allclose(actual, brute_force_qd_score(points, quality, 0.5), rtol=1e-5)


def test_qd_score_by_hand():
    points = jnp.asarray([[0.0], [0.1], [2.0], [2.1], [9.0]])
    quality = jnp.asarray([0.2, 0.7, 0.4, 0.4, jnp.nan])
    np.testing.assert_allclose(qd_score(points, quality, 1.0), 1.1, rtol=1e-6)


def brute_force_coverage(points, low, high, num_cells):
    occupied = set()
    for point in np.asarray(points, np.float64):
        if np.all((point >= low) & (point <= high)):
            cell = np.floor((point - low) / (high - low) * num_cells)
            occupied.add(tuple(np.minimum(cell, num_cells - 1)))
    return len(occupied) / num_cells ** points.shape[1]


@pytest.mark.parametrize("num_dims", [1, 2, 3])
@pytest.mark.parametrize("num_cells", [1, 5, 20])
def test_coverage_is_brute_force(rng, num_dims, num_cells):
    points = rng.normal(size=(300, num_dims)).astype(np.float32)
    actual = coverage(jnp.asarray(points), -1.5, 2.0, num_cells)
    np.testing.assert_allclose(
        actual, brute_force_coverage(points, -1.5, 2.0, num_cells), rtol=1e-5
    )


def test_coverage_with_a_corner_per_dimension():
    low, high = jnp.asarray([0.0, -10.0]), jnp.asarray([1.0, 10.0])
    points = jnp.asarray([[0.1, -9.0], [0.2, -8.0], [0.9, 9.0], [0.9, 11.0]])
    np.testing.assert_allclose(coverage(points, low, high, 2), 0.5)


def test_coverage_ends():
    corners = jnp.asarray([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert coverage(corners, 0.0, 1.0, 2) == 1.0
    assert coverage(corners + 5.0, 0.0, 1.0, 2) == 0.0
    assert coverage(corners.at[:, :].set(jnp.nan), 0.0, 1.0, 2) == 0.0


OPTIMA = jnp.asarray([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ([[0.0, 0.0]], 1),
        ([[9.0, 9.0]], 0),
        ([[0.4, 0.0], [0.0, 0.4], [0.1, 0.1]], 1),  # several near one count once
        ([[0.4, 0.0], [4.0, 0.3], [-0.3, 4.0], [7.0, 7.0]], 3),
        ([[2.0, 0.0]], 0),
        ([[np.nan, 0.0]], 0),
        ([[np.nan, 0.0], [4.0, 0.0]], 1),
    ],
)
def test_distinct_optima_by_position(points, found):
    assert distinct_optima(jnp.asarray(points), OPTIMA, 0.5) == found


def test_distinct_optima_closer_to_each_other_than_the_radius():
    twins = jnp.asarray([[0.0, 0.0], [0.2, 0.0]])
    # One point lies within the radius of both; it finds the nearer one only.
    assert distinct_optima(jnp.asarray([[0.01, 0.0]]), twins, 0.5) == 1
    assert distinct_optima(jnp.asarray([[0.01, 0.0], [0.19, 0.0]]), twins, 0.5) == 2


@pytest.mark.parametrize(
    ("fitness", "accuracy", "found"),
    [
        ([1.0, 1.0, 1.0], 0.5, 3),
        ([1.0, 1.6, 1.0], 0.5, 2),
        ([1.0, np.nan, 1.0], 0.5, 2),
        ([np.nan, np.nan, np.nan], 0.5, 0),
        ([1.0, np.inf, 9.0], 10.0, 2),
        ([0.0, 1.0, 1.0], 0.5, 3),  # better than the stated optimum is not worse than it
    ],
)
def test_distinct_optima_by_fitness(fitness, accuracy, found):
    actual = distinct_optima(
        OPTIMA, OPTIMA, 0.5, jnp.asarray(fitness), optimum_fitness=1.0, accuracy=accuracy
    )
    assert actual == found


def test_distinct_optima_with_a_fitness_for_each():
    actual = distinct_optima(
        OPTIMA,
        OPTIMA,
        0.5,
        jnp.asarray([1.0, 2.0, 9.0]),
        optimum_fitness=jnp.asarray([1.0, 2.0, 3.0]),
        accuracy=0.1,
    )
    assert actual == 2


def test_distinct_optima_nan_fitness_never_finds_even_at_any_accuracy():
    assert distinct_optima(OPTIMA, OPTIMA, 0.5, jnp.full(3, jnp.nan)) == 0


def test_optimum_hits_counts_each_point_once(rng):
    optima = rng.normal(size=(4, 3)).astype(np.float32)
    optima[3] = optima[2] + 0.3
    points = (optima[rng.integers(4, size=200)] + 0.2 * rng.normal(size=(200, 3))).astype(
        np.float32
    )
    distances = np.linalg.norm(points[:, None] - optima[None], axis=2)
    near = distances.min(axis=1) <= 0.4
    expected = np.bincount(distances.argmin(axis=1)[near], minlength=4)
    assert 0 < near.sum() < 200
    hits = optimum_hits(jnp.asarray(points), jnp.asarray(optima), 0.4)
    np.testing.assert_array_equal(hits, expected)


@pytest.mark.parametrize("k", [1, 3, 6])
def test_top_k_puts_nan_last(k):
    points = jnp.arange(12.0).reshape(6, 2)
    fitness = jnp.asarray([3.0, jnp.nan, -jnp.inf, 1.0, jnp.inf, 2.0])
    order = [2, 3, 5, 0, 4, 1][:k]
    best, values = top_k(points, fitness, k)
    np.testing.assert_array_equal(best, np.asarray(points)[order])
    np.testing.assert_array_equal(values, np.asarray(fitness)[order])


def test_diversity_is_one_for_a_unit_gaussian(rng):
    points = rng.normal(size=(20_000, 5)).astype(np.float32)
    np.testing.assert_allclose(diversity(jnp.asarray(points)), 1.0, atol=0.02)
    np.testing.assert_allclose(diversity(jnp.asarray(7 + 3 * points)), 3.0, atol=0.06)
    assert diversity(jnp.ones((4, 3))) == 0.0


def test_diversity_is_brute_force(rng):
    points = rng.normal(size=(30, 4)).astype(np.float32)
    distances = np.sum((points - points.mean(axis=0)) ** 2, axis=1)
    np.testing.assert_allclose(
        diversity(jnp.asarray(points)), np.sqrt(distances.mean() / 4), rtol=1e-5
    )


@pytest.mark.parametrize(
    "measure",
    [
        lambda points: entropy(points),
        lambda points: qd_score(points, jnp.abs(points[:, 0]), 0.5),
        lambda points: coverage(points, -2.0, 2.0, 4),
        lambda points: optimum_hits(points, OPTIMA, 1.0),
        lambda points: distinct_optima(points, OPTIMA, 1.0, points[:, 0]),
        lambda points: top_k(points, points[:, 0], 3)[0],
        lambda points: diversity(points),
    ],
    ids=[
        "entropy",
        "qd_score",
        "coverage",
        "optimum_hits",
        "distinct_optima",
        "top_k",
        "diversity",
    ],
)
def test_vmap_is_one_after_the_other(rng, measure):
    points = jnp.asarray(rng.normal(size=(3, 20, 2)).astype(np.float32))
    each = [jax.jit(measure)(one) for one in points]
    np.testing.assert_allclose(jax.jit(jax.vmap(measure))(points), jnp.stack(each), rtol=1e-5)

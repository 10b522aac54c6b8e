"""The archive of distinct optima."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import optima

# Compiled as a whole: operation by operation, every size costs dozens of compilations.
insert = jax.jit(optima.insert)


@jax.jit
def best_and_number_seen(archive):
    """The place of the best optimum, and how many places were looked at."""
    return optima.of_filled(
        lambda known: (jnp.argmin(known.fitness), jnp.asarray(known.fitness.size)), archive
    )


def put(archive, solution, fitness, width=1e-3, generation=0):
    return insert(
        archive,
        jnp.asarray(solution, jnp.float32),
        jnp.asarray(fitness, jnp.float32),
        jnp.asarray(width, jnp.float32),
        jnp.asarray(generation, jnp.int32),
    )


@pytest.fixture
def three():
    archive = optima.empty(3, 2, jnp.float32)
    for number, (solution, fitness) in enumerate([((0, 0), 1.0), ((3, 4), 2.0), ((3, 0), 3.0)]):
        archive, new = put(archive, solution, fitness, generation=number)
        assert new
    return archive


def test_spacing_is_the_distance_to_the_nearest_other(three):
    np.testing.assert_allclose(three.spacing, [3.0, 4.0, 3.0])
    assert three.found.tolist() == [0, 1, 2]


def test_gaps_to_better_are_distances_to_the_nearest_better_optimum(three):
    np.testing.assert_allclose(optima.gaps_to_better(three), [np.inf, 5.0, 3.0])


def test_a_known_optimum_keeps_the_better_position(three):
    better, new = put(three, (0.005, 0), 0.9, generation=7)
    assert not new
    np.testing.assert_allclose(better.solutions[0], [0.005, 0])
    assert better.fitness[0] == np.float32(0.9)
    assert better.found[0] == 0, "when it was first found"
    worse, new = put(three, (0.005, 0), 1.1)
    assert not new
    np.testing.assert_array_equal(worse.solutions, three.solutions)


def test_a_full_archive_gives_up_its_worst(three):
    fuller, new = put(three, (-1, -1), 1.5)
    assert new
    np.testing.assert_allclose(np.sort(fuller.fitness), [1.0, 1.5, 2.0])
    same, new = put(three, (-1, -1), 3.5)
    assert not new
    np.testing.assert_array_equal(same.fitness, three.fitness)


def test_failed_is_not_taken_in(three):
    same, new = put(three, (-1, -1), jnp.nan)
    assert not new
    np.testing.assert_array_equal(same.fitness, three.fitness)


def test_nothing_is_infinitely_far_from_an_empty_archive(three):
    empty = optima.empty(3, 2, jnp.float32)
    assert not empty.filled.any()
    assert np.all(np.isinf(optima.distances(jnp.zeros((2, 2)), empty)))
    np.testing.assert_allclose(
        optima.distances(jnp.array([[0.0, 0.0]]), three), [[0.0, 5.0, 3.0]], atol=1e-6
    )


def test_only_the_places_that_may_be_filled_are_looked_at():
    archive = optima.empty(optima._FEW + 8, 1, jnp.float32)
    for number in range(optima._FEW + 1):
        best, seen = best_and_number_seen(archive)
        assert best == max(0, number - 1)
        assert seen == optima._FEW
        archive, _ = put(archive, (float(number),), -float(number))
    best, seen = best_and_number_seen(archive)
    assert best == optima._FEW
    assert seen == optima._FEW + 8

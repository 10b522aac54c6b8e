"""Margins of integers and probabilities of categories, against their definitions in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from diffevo.core import discrete
from diffevo.core.discrete import Cells

ALPHA = 0.02
RATE = jnp.float32(0.5)


def leaving(mean, deviation, low, high):
    """Probabilities of a smaller and of a greater integer, float64."""
    normal = scipy.stats.norm(np.asarray(mean, float), np.asarray(deviation, float))
    return normal.cdf(low), normal.sf(high)


def cells(low, high, first=False, last=False):
    low, high = jnp.atleast_1d(low), jnp.atleast_1d(high)
    return Cells(low, high, jnp.full(low.shape, first), jnp.full(low.shape, last))


def test_inside_the_range_both_neighbours_stay_likely_enough(rng):
    low = rng.uniform(-1, 1, 200).astype(np.float32)
    high = low + rng.uniform(0.05, 0.5, 200).astype(np.float32)
    mean = (low + (high - low) * rng.uniform(0.001, 0.999, 200)).astype(np.float32)
    deviation = np.exp(rng.uniform(-12, 1, 200)).astype(np.float32)
    new_mean, new = discrete.keep_margin(
        jnp.asarray(mean), jnp.asarray(deviation), cells(low, high), jnp.float32(ALPHA)
    )
    below, above = leaving(new_mean, new, low, high)
    assert np.all(below > ALPHA / 2 * 0.99)
    assert np.all(above > ALPHA / 2 * 0.99)
    was = leaving(mean, deviation, low, high)
    enough = (was[0] > 1.01 * ALPHA / 2) & (was[1] > 1.01 * ALPHA / 2)
    assert 20 < enough.sum() < 180
    np.testing.assert_array_equal(np.asarray(new_mean)[enough], mean[enough])
    np.testing.assert_array_equal(np.asarray(new)[enough], deviation[enough])
    # A mean that is sure of its integer keeps it.
    sure = (was[0] + was[1] < 0.01) & (deviation < 0.01)
    assert sure.sum() > 20
    assert np.all((np.asarray(new_mean) > low)[sure] & (np.asarray(new_mean) < high)[sure])


def test_at_an_end_the_only_neighbour_stays_likely_enough():
    deviation = jnp.asarray([0.01, 0.2])
    mean = jnp.asarray([-1.3, -0.8])
    at_first = cells(jnp.full(2, -1.0), jnp.full(2, -0.7), first=True)
    new_mean, new = discrete.keep_margin(mean, deviation, at_first, jnp.float32(ALPHA))
    np.testing.assert_array_equal(new, deviation)
    above = leaving(new_mean, new, -1.0, -0.7)[1]
    np.testing.assert_allclose(above[0], ALPHA, rtol=1e-3)  # drawn near
    assert above[1] > ALPHA
    assert new_mean[1] == mean[1]
    mirrored = cells(jnp.full(2, 0.7), jnp.full(2, 1.0), last=True)
    other, _ = discrete.keep_margin(-mean, deviation, mirrored, jnp.float32(ALPHA))
    np.testing.assert_allclose(other, -new_mean, rtol=1e-6)


def test_probabilities_follow_the_weighted_samples_and_keep_their_floor():
    probabilities = jnp.asarray([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]])
    drawn = np.array([[0, 1], [2, 1], [2, 0], [2, 0]])
    indicators = jax.nn.one_hot(drawn, 3)
    weights = jnp.asarray([0.5, 0.3, 0.2, 0.0])
    floor = jnp.asarray([0.01, 0.02])
    moved = discrete.step_probabilities(probabilities, indicators, weights, RATE, floor)
    share = np.array([[0.5, 0.0, 0.5], [0.2, 0.8, 0.0]])
    np.testing.assert_allclose(moved, 0.5 * np.asarray(probabilities) + 0.5 * share, atol=1e-6)
    for _ in range(200):
        moved = discrete.step_probabilities(moved, indicators[:1], weights[:1] * 2, RATE, floor)
    np.testing.assert_allclose(moved, [[0.98, 0.01, 0.01], [0.02, 0.98, 0.0]], atol=1e-5)


def test_without_weights_probabilities_stay():
    probabilities = jnp.asarray([[0.2, 0.8]])
    indicators = jax.nn.one_hot(jnp.zeros((3, 1), int), 2)
    still = discrete.step_probabilities(
        probabilities, indicators, jnp.zeros(3), RATE, jnp.full(1, 0.1)
    )
    np.testing.assert_allclose(still, probabilities, atol=1e-6)


def test_the_floor_leaves_the_share_of_untouched_samples():
    count = np.array([2, 5, 3])
    floor = discrete.floors(count)
    np.testing.assert_allclose(np.prod(1 - (count - 1) * floor), 0.73)
    assert np.all(floor < 1 / count)
    assert discrete.floors(np.zeros(0, int)).shape == (0,)


def test_categories_are_drawn_with_their_probabilities(key):
    probabilities = jnp.asarray([[0.1, 0.9, 0.0], [0.5, 0.25, 0.25]])
    drawn = discrete.draw_categories(key, probabilities, 20_000)
    assert drawn.shape == (20_000, 2, 3)
    np.testing.assert_array_equal(drawn.sum(axis=2), 1)
    np.testing.assert_allclose(drawn.mean(axis=0), probabilities, atol=0.02)

"""Critics: the Fourier basis and the TD error against their formulas in float64."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.rl.critics import FourierBasis, Table, td_error

RANGES = ((-2.0, 2.0), (0.0, 1.0), (-0.5, 1.5), (10.0, 20.0))


@pytest.mark.parametrize(("num_dims", "order"), [(1, 4), (2, 4), (3, 2), (4, 3)])
def test_fourier_features_are_cosines_of_all_frequencies(num_dims, order, rng):
    basis = FourierBasis(order, RANGES[:num_dims])
    frequencies = list(itertools.product(range(order + 1), repeat=num_dims))
    low, high = np.array(RANGES[:num_dims]).T
    states = rng.uniform(low - 0.2, high + 0.2, (20, num_dims))  # some outside, where it is cut
    places = np.clip((states - low) / (high - low), 0, 1)
    expected = np.array([[np.cos(np.pi * np.dot(c, u)) for c in frequencies] for u in places])
    ours = jax.vmap(basis)(jnp.asarray(states, jnp.float32))
    assert ours.shape == (20, basis.num_features) == expected.shape
    np.testing.assert_allclose(ours, expected, atol=2e-5)
    norms = [max(1.0, float(np.linalg.norm(c))) for c in frequencies]
    np.testing.assert_allclose(basis.scales, 1 / np.array(norms))


def test_a_table_has_one_feature_a_cell():
    table = Table((3, 4))
    cells = np.array(list(itertools.product(range(3), range(4))), np.float32)
    np.testing.assert_array_equal(jax.vmap(table)(jnp.asarray(cells)), np.eye(12))
    np.testing.assert_array_equal(table.scales, np.ones(table.num_features))


@pytest.mark.parametrize("ended", [False, True])
def test_td_error(ended, rng):
    values, features, after = rng.normal(size=(3, 7))
    expected = 0.5 + (0 if ended else 0.9 * values @ after) - values @ features
    ours = td_error(*map(jnp.asarray, (values, features, 0.5, after, ended, 0.9)))
    assert float(ours) == pytest.approx(expected, abs=1e-6)


def test_bad_order_names_what_was_expected():
    with pytest.raises(ValueError, match="order: expected at least 1, got 0"):
        FourierBasis(0, RANGES)

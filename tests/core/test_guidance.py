"""Classifier-free mixing."""

import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import guidance


@pytest.fixture
def predictions(rng):
    return (
        jnp.asarray(rng.normal(size=(5, 3)), jnp.float32),
        jnp.asarray(rng.normal(size=(2, 5, 3)), jnp.float32),
    )


def test_is_its_formula(predictions):
    plain, asked = predictions
    mixed = guidance.mix(plain, asked, jnp.asarray([2.0, -0.5]))
    u, c = np.asarray(plain, np.float64), np.asarray(asked, np.float64)
    np.testing.assert_allclose(mixed, u + 2 * (c[0] - u) - 0.5 * (c[1] - u), atol=1e-5)


def test_scale_zero_ignores_and_one_follows(predictions):
    plain, asked = predictions
    np.testing.assert_array_equal(guidance.mix(plain, asked, jnp.zeros(2)), plain)
    followed = guidance.mix(plain, asked, jnp.asarray([0.0, 1.0]))
    np.testing.assert_allclose(followed, asked[1], atol=1e-6)


def test_without_conditions_nothing_is_mixed(predictions):
    plain, _ = predictions
    np.testing.assert_array_equal(guidance.mix(plain, jnp.zeros((0, 5, 3)), jnp.zeros(0)), plain)

"""Distances by one matrix product."""

import jax.numpy as jnp
import numpy as np

from diffevo.core import distances


def test_squared_distances(rng):
    one, other = (jnp.asarray(rng.normal(size=(n, 5)) + 100, jnp.float32) for n in (4, 6))
    direct = np.sum((np.asarray(one)[:, None] - np.asarray(other)[None]) ** 2, axis=2)
    np.testing.assert_allclose(
        distances.squared_distances(one, other), direct, rtol=1e-4, atol=1e-3
    )

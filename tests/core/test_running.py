"""Running moments against numpy."""

import jax.numpy as jnp
import numpy as np

from diffevo.core import running


def test_moments_are_those_of_numpy_and_infinities_do_no_harm():
    values = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    values[2, 0] = np.nan
    moments = running.none(jnp.zeros(3))
    for row in values:
        moments = running.add(moments, jnp.asarray(row))
    np.testing.assert_array_equal(moments.number, [5, 6, 6])
    np.testing.assert_allclose(moments.mean, np.nanmean(values, axis=0), rtol=1e-5)
    expected = np.nanvar(values, axis=0) * np.asarray(moments.number)
    np.testing.assert_allclose(moments.squares, expected, rtol=1e-5)
    infinite = running.add(running.add(moments, jnp.full(3, jnp.inf)), jnp.zeros(3))
    assert np.all(np.isposinf(infinite.mean))
    np.testing.assert_allclose(infinite.squares, expected, rtol=1e-5)
    forgotten = running.forget(moments, jnp.array([True, False, False]))
    assert forgotten.number.tolist() == [0, 6, 6]
    errors = np.nanstd(values, axis=0, ddof=1) / np.sqrt(moments.number)
    np.testing.assert_allclose(running.standard_errors(moments), errors, rtol=1e-5)
    assert np.all(np.isnan(running.standard_errors(running.none(jnp.zeros(3)))))
    pooled = np.sqrt(expected.sum() / (4 + 5 + 5) / np.asarray(moments.number))
    bounds = np.nanmean(values, axis=0) + 2.0 * pooled
    np.testing.assert_allclose(running.upper_bounds(moments, 2.0), bounds, rtol=1e-5)

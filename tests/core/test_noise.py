"""Normal draws: distributed as they should be, independent, of any shape."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32

from diffevo.core import noise

# Compiled as a whole: operation by operation, every shape costs fifty compilations.
standard_normal = jax.jit(noise.standard_normal, static_argnums=(1, 2))


def test_the_generator_is_threefry(key):
    counter = jnp.arange(1001, dtype=jnp.uint32)
    words = noise._threefry(jax.random.key_data(key), counter, counter + jnp.uint32(1001))
    theirs = threefry_2x32(jax.random.key_data(key), jnp.arange(2002, dtype=jnp.uint32))
    np.testing.assert_array_equal(jnp.concatenate(words), theirs)


def test_standard_normal_is_standard_normal(key):
    draws = np.sort(np.ravel(standard_normal(key, (1000, 201), jnp.float32)))
    count = draws.size
    # Five standard errors of the first four moments.
    assert abs(draws.mean()) < 5 / np.sqrt(count)
    assert abs(draws.var() - 1) < 5 * np.sqrt(2 / count)
    assert abs(np.mean(draws**3)) < 5 * np.sqrt(15 / count)
    assert abs(np.mean(draws**4) - 3) < 5 * np.sqrt(96 / count)
    # Kolmogorov and Smirnov: the largest gap to the distribution, at a level of 1e-6.
    distribution = np.array([(1 + math.erf(draw / 2**0.5)) / 2 for draw in draws])
    gap = np.max(np.abs(distribution - (np.arange(count) + 0.5) / count))
    assert gap < 2.7 / np.sqrt(count)
    # As many far out as there should be: 2 (1 - Phi(4)) = 6.3e-5 of 201,000 are 12.7.
    assert 1 <= np.sum(np.abs(draws) > 4) <= 35
    assert len(np.unique(draws)) > 0.97 * count


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5), (2, 3, 4)])
def test_standard_normal_of_any_shape(key, shape):
    draws = standard_normal(key, shape, jnp.float32)
    assert draws.shape == shape
    assert draws.dtype == jnp.float32
    np.testing.assert_array_equal(draws, standard_normal(key, shape, jnp.float32))
    other = standard_normal(jax.random.fold_in(key, 1), shape, jnp.float32)
    assert not np.any(np.asarray(draws) == np.asarray(other))


def test_standard_normal_draws_are_independent(key):
    draws = np.asarray(standard_normal(key, (400, 500), jnp.float32), np.float64)
    flat, count = draws.ravel(), draws.size
    # Neighbours, rows, and the two halves.
    for lag in (1, 2, 500, count // 2):
        rest = count - lag
        assert abs(np.mean(flat[:rest] * flat[lag:])) < 5 / np.sqrt(rest), lag
        squares = flat**2 - 1
        assert abs(np.mean(squares[:rest] * squares[lag:])) < 5 * 2 / np.sqrt(rest), lag
    other = np.asarray(standard_normal(jax.random.fold_in(key, 1), (400, 500), jnp.float32))
    assert abs(np.mean(draws * other)) < 5 / np.sqrt(count)


def test_standard_normal_under_vmap(key):
    keys = jax.random.split(key, 3)
    together = jax.vmap(lambda key: standard_normal(key, (4, 3), jnp.float32))(keys)
    for draws, one in zip(together, keys, strict=True):
        np.testing.assert_array_equal(draws, standard_normal(one, (4, 3), jnp.float32))


def test_standard_normal_has_streams(key):
    streams = jax.vmap(lambda one: standard_normal(key, (50_000,), jnp.float32, one))(jnp.arange(3))
    np.testing.assert_array_equal(streams[0], standard_normal(key, (50_000,), jnp.float32))
    assert np.all(np.abs(np.corrcoef(streams) - np.eye(3)) < 5 / np.sqrt(50_000))


def test_standard_normal_with_another_generator():
    key = jax.random.key(3, impl="rbg")
    draws = np.asarray(standard_normal(key, (10_000,), jnp.float32))
    assert abs(draws.mean()) < 5 / 100
    assert abs(draws.var() - 1) < 5 * np.sqrt(2) / 100


def test_standard_normal_in_double(key):
    with jax.enable_x64(True):
        draws = standard_normal(key, (10_000,), jnp.dtype("float64"))
        assert draws.dtype == jnp.float64
        assert abs(np.var(draws) - 1) < 5 * np.sqrt(2) / 100
        other = standard_normal(key, (10_000,), jnp.dtype("float64"), jnp.asarray(1))
        assert abs(np.mean(draws * other)) < 5 / 100

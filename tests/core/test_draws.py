"""Random words as numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import draws

COUNT = 100_000
FLOAT = jnp.dtype("float32")


@pytest.fixture
def words(key):
    return draws.draw(key, (COUNT,))[0]


def test_draw_deals_one_stream(key):
    one, two, none, three = draws.draw(key, (2, 3), (4,), (0, 7), ())
    assert [part.shape for part in (one, two, none, three)] == [(2, 3), (4,), (0, 7), ()]
    joined = np.concatenate([np.ravel(part) for part in (one, two, three)])
    np.testing.assert_array_equal(joined, jax.random.bits(key, (11,), jnp.uint32))


def test_uniform_is_uniform(words):
    values = np.sort(draws.uniform(words, FLOAT))
    assert values[0] >= 0
    assert values[-1] < 1
    # Kolmogorov and Smirnov at a level of 1e-6.
    gap = np.max(np.abs(values - (np.arange(COUNT) + 0.5) / COUNT))
    assert gap < 2.7 / np.sqrt(COUNT)


def test_normal_is_normal(words):
    values = np.asarray(draws.normal(words, FLOAT))
    # Five standard errors of the first four moments.
    assert abs(values.mean()) < 5 / np.sqrt(COUNT)
    assert abs(values.var() - 1) < 5 * np.sqrt(2 / COUNT)
    assert abs(np.mean(values**3)) < 5 * np.sqrt(15 / COUNT)
    assert abs(np.mean(values**4) - 3) < 5 * np.sqrt(96 / COUNT)


def test_the_extreme_words_are_finite_and_symmetric():
    ends = draws.normal(jnp.asarray([0, 2**32 - 1], jnp.uint32), FLOAT)
    assert np.all(np.isfinite(ends))
    assert ends[0] == -ends[1]


def test_pick_is_proportional(words):
    weights = jnp.asarray([0.0, 1.0, 0.0, 3.0, 6.0, 0.0])
    counts = np.bincount(draws.pick(words, weights, FLOAT), minlength=6)
    expected = np.asarray(weights) / 10
    error = np.sqrt(expected * (1 - expected) / COUNT)
    assert np.all(np.abs(counts / COUNT - expected) <= 5 * error)


def test_keys_are_of_the_same_kind(key):
    words = draws.draw(key, (3, 4))[0]
    made = draws.keys(words, key)
    assert made.shape == (3,)
    assert jax.random.key_impl(made) == jax.random.key_impl(key)
    assert len({float(jax.random.normal(one)) for one in made}) == 3
    assert draws.keys(words, jax.random.PRNGKey(0)).shape == (3,)

"""Codes: the rates and times that they promise, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.snn import encodings


def test_poisson_has_its_rates(key):
    values = jnp.array([[0.0, 0.25, 1.0], [1.0, 1.0, 4.0]])
    spikes = encodings.poisson(key, values, 4000, rate=100.0, dt=0.5)
    assert spikes.shape == (4000, 2, 3)
    expected = 1 - np.exp(-np.asarray(values) * 100 * 0.5e-3)
    error = np.sqrt(expected * (1 - expected) / 4000)
    assert np.all(np.abs(spikes.mean(axis=0) - expected) <= 4 * error + 1e-5)
    assert set(np.unique(spikes)) == {0, 1}
    # Trains are independent of each other.
    assert abs(np.corrcoef(spikes[:, 1, 0], spikes[:, 1, 1])[0, 1]) < 4 / np.sqrt(4000)


def test_bernoulli_has_its_chances(key):
    spikes = encodings.bernoulli(key, jnp.array([0.0, 0.5, 1.0]), 4000, chance=0.8)
    np.testing.assert_allclose(spikes.mean(axis=0), [0, 0.4, 0.8], atol=4 * 0.5 / np.sqrt(4000))
    always = encodings.bernoulli(key, jnp.ones(5), 100)
    np.testing.assert_array_equal(always, 1)


def test_latency():
    spikes = encodings.latency(np.array([1.0, 0.5, 0.1, 0.0]), 11)
    assert [np.nonzero(train)[0].tolist() for train in spikes.T] == [[0], [5], [9], []]
    loud = encodings.latency(np.array([[0.0], [1.0]]), 11, silent=False)
    assert loud.shape == (11, 2, 1)
    assert loud[10, 0, 0] == loud[0, 1, 0] == 1


def test_rank_order():
    spikes = encodings.rank_order(np.array([[0.2, 0.9, 0.0, 0.5, 0.2], [0, 0, 0, 0, 0]]), 8)
    times = [np.nonzero(train)[0].tolist() for train in spikes[:, 0].T]
    assert times == [[4], [0], [], [2], [6]]
    assert spikes[:, 1].sum() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda k: encodings.poisson(k, np.array([-0.1]), 5), r"values: expected finite.*-0\.1"),
        (lambda k: encodings.poisson(k, np.array([np.nan]), 5), "values: expected finite"),
        (lambda k: encodings.poisson(k, np.ones(2), 5, rate=-1.0), "rate: expected a number in"),
        (lambda k: encodings.poisson(k, np.ones(2), 0), "num_steps: expected at least 1, got 0"),
        (lambda k: encodings.poisson(k, np.ones(2), 5, dt=0.0), "dt: expected a number above 0"),
        (lambda k: encodings.bernoulli(k, np.ones(2), 5, chance=1.5), "chance: expected a number"),
        (lambda k: encodings.latency(np.array([1.2]), 5), r"values: .*in \[0, 1.0\], got 1.2"),
        (lambda k: encodings.rank_order(np.array([-1.0]), 5), "values: expected finite"),
    ],
)
def test_bad_input(key, call, message):
    with pytest.raises(ValueError, match=message):
        call(key)


def test_traced_values_are_taken(key):
    found = jax.jit(lambda v: encodings.poisson(key, v, 20))(jnp.ones(3))
    np.testing.assert_array_equal(found, encodings.poisson(key, jnp.ones(3), 20))

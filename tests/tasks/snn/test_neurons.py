"""Neurons against their equations in float64 numpy, one neuron and one step after another."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.snn.neurons import LIF, AdaptiveLIF, DiehlCook, rest, winner

T, N = 200, 6


@pytest.fixture
def currents(rng):
    return rng.normal(0.15, 0.5, (T, N)).astype(np.float32)


def run(neuron, currents):
    def step(state, current):
        state, spikes = neuron.step(state, current)
        return state, (spikes, state.v, state.adaptation)

    return jax.jit(lambda c: jax.lax.scan(step, rest(c.shape[1:]), c)[1])(currents)


def oracle_lif(currents, threshold, tau, refractory, reset):
    v, wait, before = np.zeros(N), np.zeros(N), np.zeros(N)
    spikes, voltages = [], []
    for x in currents.astype(np.float64):
        for j in range(N):
            v[j] *= math.exp(-1 / tau)
            if reset == "subtract":
                v[j] += x[j] - threshold * before[j]
                before[j] = v[j] >= threshold
                continue
            if wait[j] <= 0:
                v[j] += x[j]
            wait[j] = max(wait[j] - 1, 0)
            before[j] = v[j] >= threshold
            if before[j]:
                v[j], wait[j] = 0, refractory
        spikes.append(before.copy())
        voltages.append(v.copy())
    return np.array(spikes), np.array(voltages)


@pytest.mark.parametrize(
    ("tau", "refractory", "reset"),
    [(math.inf, 0, "zero"), (20, 0, "zero"), (20, 3, "zero"), (20, 0, "subtract")],
)
def test_lif(currents, tau, refractory, reset):
    neuron = LIF(threshold=0.9, tau=tau, refractory=refractory, reset=reset)
    spikes, voltages, _ = run(neuron, currents)
    expected, expected_v = oracle_lif(currents, 0.9, tau, refractory, reset)
    assert 20 < expected.sum() < T * N / 2
    np.testing.assert_array_equal(spikes, expected)
    np.testing.assert_allclose(voltages, expected_v, atol=1e-5)


def test_adaptive_lif(currents):
    neuron = AdaptiveLIF(threshold=0.8, tau=20, tau_adaptation=30, scale=1.5)
    spikes, voltages, adaptation = run(neuron, currents)
    v, a, s = np.zeros(N), np.zeros(N), np.zeros(N)
    for t, x in enumerate(currents.astype(np.float64)):
        v = math.exp(-1 / 20) * v + x - (0.8 + 1.5 * a) * s
        kept = math.exp(-1 / 30)
        a = kept * a + (1 - kept) * s
        s = (v >= 0.8 + 1.5 * a).astype(float)
        np.testing.assert_array_equal(spikes[t], s)
        np.testing.assert_allclose(voltages[t], v, atol=1e-5)
        np.testing.assert_allclose(adaptation[t], a, atol=1e-5)
    assert spikes.sum() > 20


@pytest.mark.parametrize("one_spike", [False, True])
def test_diehl_cook(rng, one_spike):
    currents = rng.normal(1.5, 2.0, (T, N)).astype(np.float32)
    neuron = DiehlCook(theta_plus=1.0, tau_theta=500.0, one_spike=one_spike)
    spikes, voltages, theta = run(neuron, currents)
    v, wait, extra = np.zeros(N), np.zeros(N), np.zeros(N)
    for t, x in enumerate(currents.astype(np.float64)):
        v = v * math.exp(-1 / 100) + np.where(wait > 0, 0, x)
        wait = np.maximum(wait - 1, 0)
        excess = v - (13 + extra)
        fires = excess >= 0
        if one_spike and fires.any():
            fires = np.arange(N) == np.argmax(excess)
        v[fires], wait[fires] = 5.0, 5
        extra = extra * math.exp(-1 / 500) + fires
        np.testing.assert_array_equal(spikes[t], fires)
        np.testing.assert_allclose(voltages[t], v, atol=1e-4)
        np.testing.assert_allclose(theta[t], extra, atol=1e-4)
    assert spikes.sum() > 20
    if one_spike:
        assert spikes.sum(axis=1).max() == 1


def test_winner_is_the_first_of_equals():
    values = jnp.array([[1.0, 3.0, 3.0], [0.0, -1.0, -2.0]])
    np.testing.assert_array_equal(winner(values), [[False, True, False], [True, False, False]])


def test_numbers_are_traced_and_may_differ(currents):
    many = jax.jit(jax.vmap(lambda tau: run(LIF(threshold=0.9, tau=tau), currents)[0]))
    found = many(jnp.array([5.0, 20.0]))
    for spikes, tau in zip(found, (5.0, 20.0), strict=True):
        np.testing.assert_array_equal(spikes, run(LIF(threshold=0.9, tau=tau), currents)[0])
    assert hash(LIF(tau=5.0)) == hash(LIF(tau=5.0)) != hash(LIF(tau=6.0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LIF(threshold=0.0), "threshold: expected a number above 0, got 0"),
        (lambda: LIF(tau=-1), "tau: expected a number above 0, got -1"),
        (lambda: LIF(reset="soft"), "reset: expected one of"),
        (lambda: LIF(refractory=2, reset="subtract"), "refractory: expected a number in"),
        (lambda: AdaptiveLIF(tau_adaptation=0), "tau_adaptation: expected a number above 0"),
        (lambda: DiehlCook(dt=0), "dt: expected a number above 0"),
        (lambda: DiehlCook(theta_plus=-1.0), "theta_plus: expected a number in"),
    ],
)
def test_bad_numbers(make, message):
    with pytest.raises(ValueError, match=message):
        make()

"""Rules against their equations in float64 numpy, spike by spike."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.snn.plasticity import (
    Activity,
    Expectation,
    Hebbian,
    PairSTDP,
    RewardSTDP,
    WeightDependentSTDP,
    delay_change,
    traces,
)

T, M, N = 60, 5, 3
DECAY = math.exp(-1 / 20)


@pytest.fixture
def spikes(rng):
    return (rng.uniform(size=(T, M)) < 0.2).astype(float), (rng.uniform(size=(T, N)) < 0.1).astype(
        float
    )


def oracle_traces(spikes, additive=False):
    found = np.zeros_like(spikes)
    for i in range(spikes.shape[1]):
        x = 0.0
        for t in range(len(spikes)):
            x *= DECAY
            if spikes[t, i]:
                x = x + 1 if additive else 1.0
            found[t, i] = x
    return found


@pytest.mark.parametrize("additive", [False, True])
def test_traces(spikes, additive):
    found = traces(jnp.asarray(spikes[0], jnp.float32), DECAY, additive=additive)
    np.testing.assert_allclose(found, oracle_traces(spikes[0], additive), atol=1e-5)


def oracle_change(name, w, pre, x_pre, post, x_post):
    """What one step adds to the weight of each synapse."""
    change = np.zeros_like(w)
    for i in range(M):
        for j in range(N):
            if pre[i]:  # the input fires
                change[i, j] += {
                    "pair": -1e-3 * x_post[j],
                    "dependent": -1e-3 * x_post[j] * (w[i, j] - 0.1),
                    "hebbian": 1e-3 * x_post[j],
                }[name]
            if post[j]:  # the output fires
                factor = (0.9 - w[i, j]) if name == "dependent" else 1.0
                change[i, j] += 1e-2 * x_pre[i] * factor
    return change


RULES = {
    "pair": PairSTDP(1e-3, 1e-2),
    "dependent": WeightDependentSTDP(1e-3, 1e-2, low=0.1, high=0.9),
    "hebbian": Hebbian(1e-3, 1e-2),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_step_by_step_and_all_at_once(spikes, rng, name):
    pre, post = spikes
    x_pre, x_post = oracle_traces(pre), oracle_traces(post)
    w = start = rng.uniform(0.2, 0.8, (M, N))
    change = jax.jit(RULES[name].change)
    ours = jnp.asarray(w, jnp.float32)
    for t in range(T):
        w = w + oracle_change(name, w, pre[t], x_pre[t], post[t], x_post[t])
        row = Activity(
            *(jnp.asarray(a[t : t + 1], jnp.float32) for a in (pre, x_pre, post, x_post))
        )
        ours = ours + change(ours, row)
    assert np.abs(w - start).max() > 0.02
    np.testing.assert_allclose(ours, w, atol=1e-5)
    rows = Activity(*(jnp.asarray(a, jnp.float32) for a in (pre, x_pre, post, x_post)))
    together = sum(
        oracle_change(name, start, pre[t], x_pre[t], post[t], x_post[t]) for t in range(T)
    )
    np.testing.assert_allclose(change(jnp.asarray(start, jnp.float32), rows), together, atol=1e-5)


def test_no_rate_before_is_a_rate_of_zero(spikes):
    pre, post = (jnp.asarray(s, jnp.float32) for s in spikes)
    rows = Activity(pre, traces(pre, DECAY), post, traces(post, DECAY))
    w = jnp.full((M, N), 0.5)
    for rule in (PairSTDP, WeightDependentSTDP, Hebbian):
        np.testing.assert_array_equal(
            rule(None, 1e-2).change(w, rows), rule(0.0, 1e-2).change(w, rows)
        )


@pytest.mark.parametrize("tau_eligibility", [None, 25.0], ids=["MSTDP", "MSTDPET"])
def test_reward_modulated(spikes, rng, tau_eligibility):
    pre, post = spikes
    rewards = rng.normal(size=T)
    rule = RewardSTDP(0.1, tau_eligibility=tau_eligibility)
    state, ours = rule.start(M, N), jnp.zeros((M, N))
    step = jax.jit(rule.step)
    plus, minus, z = np.zeros(M), np.zeros(N), np.zeros((M, N))
    zeta, w = np.zeros((M, N)), np.zeros((M, N))
    for t in range(T):
        if tau_eligibility is None:
            w = w + 0.1 * rewards[t] * zeta
        else:
            z = math.exp(-1 / 25) * z + zeta / 25
            w = w + 0.1 * 1.0 * rewards[t] * z
        plus = DECAY * plus + pre[t]
        minus = DECAY * minus - post[t]
        zeta = np.outer(plus, post[t]) + np.outer(pre[t], minus)
        state, change = step(state, jnp.asarray(pre[t]), jnp.asarray(post[t]), rewards[t])
        ours = ours + change
        np.testing.assert_allclose(ours, w, atol=1e-5)
    assert np.abs(w).max() > 0.05


def test_expectation():
    expected, mean = Expectation(jnp.zeros(())), 0.0
    for reward in (1.0, 0.5, -2.0):
        expected, error = expected.step(reward, window=4.0)
        assert float(error) == pytest.approx(reward - mean)
        mean += (reward - mean) / 4
        assert float(expected.mean) == pytest.approx(mean)


def test_delays_move_arrivals_towards_the_spike():
    lags = jnp.array([3.0, -2.0, 0.0, jnp.inf, 100.0])
    change = np.asarray(delay_change(lags, 5.0))
    np.testing.assert_allclose(
        change, [3 * math.exp(-0.6), -2 * math.exp(-0.4), 0, 0, 100 * math.exp(-20)], rtol=1e-5
    )
    delays = lags = jnp.array([1.0, 4.0, 7.0])  # arrivals of inputs at step 0, spike at 5
    for _ in range(100):
        delays = delays + 0.2 * delay_change(5.0 - delays, 10.0)
    np.testing.assert_allclose(delays, 5.0, atol=1e-2)


def test_bad_rates():
    with pytest.raises(ValueError, match="rate_before: expected a number in"):
        PairSTDP(-1e-3)
    with pytest.raises(ValueError, match="rate_after: expected a number in"):
        Hebbian(None, -1.0)
    with pytest.raises(ValueError, match="tau_eligibility: expected a number above 0"):
        RewardSTDP(tau_eligibility=0.0)

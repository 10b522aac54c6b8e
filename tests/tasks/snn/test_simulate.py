"""The scan over time against a plain loop in float64, and against itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.snn.connections import Fields
from tasks.snn.neurons import LIF, DiehlCook
from tasks.snn.plasticity import PairSTDP, WeightDependentSTDP
from tasks.snn.simulate import Learning, present, simulate

T, B, F = 40, 3, 4
FIELDS = Fields(3, 4, 2, 1)  # 2 x 3 locations of 4 pixels
NEURON = DiehlCook(threshold=6.0, theta_plus=0.5, tau_theta=1e3, refractory=2.0)


@pytest.fixture
def given(rng):
    spikes = (rng.uniform(size=(T, B, 12)) < 0.3).astype(np.float32)
    weights = rng.uniform(0.2, 1.0, (6, 4, F)).astype(np.float32)
    lateral = rng.uniform(1, 4, (F, F)).astype(np.float32)
    np.fill_diagonal(lateral, 0)
    return spikes, weights, lateral


def oracle(spikes, weights, lateral, rule, average):
    """One image at a time but for the weights, every quantity of every neuron by its equation."""
    weights = weights.astype(np.float64)
    shape = (B, 6, F)
    v, wait, theta, fired = (np.zeros(shape) for _ in range(4))
    x_pre, x_post = np.zeros((B, 12)), np.zeros(shape)
    record = []
    for now in spikes.astype(np.float64):
        changes = np.zeros_like(weights)
        last = fired.copy()
        x_pre = np.where(now > 0, 1, x_pre * np.exp(-1 / 20))
        for b in range(B):
            for place, pixels in enumerate(FIELDS.places):
                current = now[b, pixels] @ weights[place] - last[b, place] @ lateral
                v[b, place] = np.exp(-1 / 100) * v[b, place] + np.where(
                    wait[b, place] > 0, 0, current
                )
                wait[b, place] = np.maximum(wait[b, place] - 1, 0)
                excess = v[b, place] - 6.0 - theta[b, place]
                fires = (excess >= 0) & (np.arange(F) == np.argmax(excess))
                v[b, place][fires], wait[b, place][fires] = 5.0, 2
                theta[b, place] = np.exp(-1e-3) * theta[b, place] + 0.5 * fires
                fired[b, place] = fires
                x_post[b, place] = np.where(fires, 1, x_post[b, place] * np.exp(-1 / 20))
                raised = rule.rate_after * np.outer(x_pre[b, pixels], fires)
                lowered = rule.rate_before * np.outer(now[b, pixels], x_post[b, place])
                if isinstance(rule, WeightDependentSTDP):
                    raised, lowered = raised * (1 - weights[place]), lowered * weights[place]
                changes[place] += raised - lowered
        weights = np.clip(weights + changes / (B if average else 1), 0, 1)
        record.append(fired.copy())
    return weights, np.array(record), v, theta


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("rule", [PairSTDP(0.002, 0.02), WeightDependentSTDP(0.002, 0.02)])
def test_learning_in_every_step_is_the_loop(given, rule, average):
    spikes, weights, lateral = given
    learning = Learning(rule, average=average)
    found, state, record = jax.jit(
        lambda *a: present(NEURON, a[0], a[1], FIELDS, lateral=a[2], learning=learning, block=1)
    )(weights, spikes, lateral)
    expected, fired, v, theta = oracle(spikes, weights, lateral, rule, average)
    assert fired.sum() > 50
    np.testing.assert_array_equal(record.spikes, fired)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(state.v, v, atol=1e-4)
    np.testing.assert_allclose(state.adaptation, theta, atol=1e-4)
    assert np.abs(expected - weights).max() > 0.02


def test_blocks_without_learning_are_the_same(given):
    spikes, weights, lateral = given
    whole, *others = (
        present(
            NEURON,
            weights,
            spikes,
            FIELDS,
            lateral=lateral,
            block=b,
            monitors=("spikes", "voltages"),
        )[2]
        for b in (None, 1, 8)
    )
    for other in others:
        np.testing.assert_array_equal(other.spikes, whole.spikes)
        np.testing.assert_allclose(other.voltages, whole.voltages, atol=1e-5)


def test_a_block_of_learning_is_the_rule_at_its_start(given):
    spikes, weights, lateral = given
    learning = Learning(PairSTDP(0.0002, 0.002), low=-9.0, high=9.0, average=False)

    def after(block):
        return present(
            NEURON, weights, spikes[:8], FIELDS, lateral=lateral, learning=learning, block=block
        )

    whole, steps = after(None), after(1)
    # Spikes are the same here, so that the pair rule's sum does not depend on the weights.
    np.testing.assert_array_equal(whole[2].spikes, steps[2].spikes)
    np.testing.assert_allclose(whole[0], steps[0], atol=1e-6)


def test_a_batch_is_its_images(given):
    spikes, weights, lateral = given
    together = present(NEURON, weights, spikes, FIELDS, lateral=lateral)[2].spikes
    for b in range(B):
        alone = present(NEURON, weights, spikes[:, b : b + 1], FIELDS, lateral=lateral)[2].spikes
        np.testing.assert_array_equal(alone[:, 0], together[:, b])


def test_monitors(given):
    spikes, weights, _ = given
    learning = Learning(PairSTDP())
    record = present(
        NEURON, weights, spikes, FIELDS, learning=learning, block=10, monitors=("weights",)
    )
    assert record[2].spikes is None
    assert record[2].weights.shape == (4, *weights.shape)
    np.testing.assert_array_equal(record[2].weights[-1], record[0])


def test_one_spike_or_many_hold_down_alike(given):
    spikes, weights, lateral = given
    many = NEURON.replace(one_spike=False)
    record = present(
        many, weights, spikes, FIELDS, lateral=lateral, monitors=("spikes", "voltages")
    )
    fired = np.asarray(record[2].spikes)
    assert fired.sum(axis=-1).max() > 1
    seen = np.stack([spikes[..., p] for p in FIELDS.places], axis=2)
    current = np.einsum("tblk,lkf->tblf", seen, weights)[1] - fired[0] @ lateral
    first = np.asarray(record[2].voltages)[0] * np.exp(-1 / 100) + np.where(fired[0], 0, current)
    quiet = fired[1] == 0
    np.testing.assert_allclose(np.asarray(record[2].voltages)[1][quiet], first[quiet], atol=1e-4)


@pytest.mark.parametrize("block", [None, 7, 100])
def test_simulate_a_dense_layer(rng, block):
    spikes = (rng.uniform(size=(42, 10)) < 0.2).astype(np.float32)
    weights = rng.normal(0, 0.4, (10, 6)).astype(np.float32)
    recurrent = rng.normal(0, 0.3, (6, 6)).astype(np.float32)
    record = simulate(
        LIF(tau=20.0),
        weights,
        spikes,
        recurrent=recurrent,
        block=block,
        monitors=("spikes", "voltages"),
    )
    v, fired = np.zeros(6), np.zeros(6)
    for t in range(42):
        v = np.exp(-1 / 20) * v + spikes[t] @ weights.astype(float) + fired @ recurrent
        fired = (v >= 1).astype(float)
        v = np.where(fired > 0, 0, v)
        np.testing.assert_array_equal(record.spikes[t], fired)
        np.testing.assert_allclose(record.voltages[t], v, atol=1e-4)
    both = simulate(LIF(tau=20.0), weights, np.stack([spikes] * 2, axis=1), recurrent=recurrent)
    np.testing.assert_array_equal(both.spikes[:, 1], record.spikes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"monitors": ("spike",)}, r"monitors: expected names of .* got \['spike'\]"),
        ({"block": 7}, "block: expected a divisor of the 40 steps, got 7"),
        (
            {"weights": jnp.zeros((6, 5, F))},
            r"weights: expected shape \(6, 4, F\), got \(6, 5, 4\)",
        ),
        ({"spikes": jnp.zeros((T, 12))}, r"spikes: expected shape \(T, B, I\), got \(40, 12\)"),
        ({"spikes": jnp.zeros((T, B, 13))}, "images: expected 12 pixels"),
    ],
)
def test_bad_input(given, options, message):
    arguments = {"weights": given[1], "spikes": given[0]} | options
    with pytest.raises(ValueError, match=message):
        present(NEURON, arguments.pop("weights"), arguments.pop("spikes"), FIELDS, **arguments)

"""GLM neurons: firing, and their local gradients, against loops in float64."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.rl.glm import Network

KEY = jax.random.key(3)
GAIN = 0.7
NETWORKS = [
    Network(3, 2, (4,), num_actors=2, credit="own"),
    Network(3, 2, (4, 3), num_actors=2, credit="action"),
    Network(2, 3, (2,), num_actors=2, modular=True, taps=3, credit="action"),
    Network(2, 3, (), num_actors=2, modular=True, credit="own"),
]


def drawn(network, seed=0):
    """Weights, inputs and luck."""
    rng = np.random.default_rng(seed)
    return (
        tuple(jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in network.shapes),
        jnp.asarray(rng.normal(size=(network.num_steps, network.num_inputs)), jnp.float32),
        tuple(jnp.asarray(rng.uniform(size=shape), jnp.float32) for shape in network.spike_shapes),
    )


def plain_layers(network, weights, inputs, luck):
    """(what each neuron saw, its drive, its spike), by layer, actor, module, step, neuron."""
    layers = []
    for number, (matrix, uniform) in enumerate(zip(weights, luck, strict=True)):
        layer = {}
        for actor, module, step, neuron in np.ndindex(uniform.shape):
            seen = []
            for tap in range(network.taps):
                if number == 0:
                    seen += list(np.asarray(inputs, np.float64)[step + tap])
                else:
                    width = luck[number - 1].shape[3]
                    seen += [
                        layers[-1][actor, module, step + tap, sender][2] for sender in range(width)
                    ]
            drive = GAIN * float(
                np.dot(np.asarray(matrix, np.float64)[actor, module, neuron], seen)
            )
            fires = uniform[actor, module, step, neuron] < 1 / (1 + math.exp(-2 * drive))
            layer[actor, module, step, neuron] = (np.array(seen), drive, 1 if fires else -1)
        layers.append(layer)
    return layers


def plain_sign(network, layers, place, number, action):
    """+1, or -1 where a neuron speaks for an action that was not chosen, and its module spiked."""
    actor, module, _, neuron = place
    if network.credit == "own":
        return 1
    last = number == len(layers) - 1
    if not last and not network.modular:
        return 1
    speaks_for = module if network.modular else neuron
    if speaks_for == action:
        return 1
    output = layers[-1][actor, module, 0, neuron if last else 0][2]
    return -output


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_firing_votes_and_changes_are_those_of_a_plain_loop(network):
    weights, inputs, luck = drawn(network)
    layers = jax.jit(network.fire)(weights, inputs, luck, GAIN)
    plain = plain_layers(network, weights, inputs, luck)
    votes = np.zeros(network.num_actions)
    for number, (layer, ours) in enumerate(zip(plain, layers, strict=True)):
        for place, (_, drive, spike) in layer.items():
            assert float(ours.drive[place]) == pytest.approx(drive, abs=1e-5)
            assert float(ours.spikes[place]) == spike
            if number == len(plain) - 1 and spike == 1:
                votes[place[1] if network.modular else place[3]] += 1
    np.testing.assert_array_equal(network.votes(layers), votes)

    for action in range(network.num_actions):
        changes = network.eligibilities(layers, jnp.asarray(action), GAIN)
        for number, (layer, change) in enumerate(zip(plain, changes, strict=True)):
            expected = np.zeros(network.shapes[number])
            for place, (seen, drive, spike) in layer.items():
                actor, module, _, neuron = place
                slope = GAIN * 2 * spike / (1 + math.exp(2 * drive * spike)) * seen
                sign = plain_sign(network, plain, place, number, action)
                expected[actor, module, neuron] += sign * slope
            np.testing.assert_allclose(change, expected, atol=1e-5)


def test_own_change_is_the_gradient_of_the_log_probability_of_the_spikes():
    network = NETWORKS[0]
    weights, inputs, luck = drawn(network, seed=1)
    layers = network.fire(weights, inputs, luck, GAIN)
    with jax.enable_x64(True):

        def log_probability(weights):
            total = 0.0
            for matrix, layer in zip(weights, layers, strict=True):
                seen = jnp.broadcast_to(
                    jnp.asarray(layer.inputs, float), (2, 1, 1, layer.inputs.shape[-1])
                )
                drive = GAIN * jnp.einsum("nmoi,nmsi->nmso", matrix, seen)
                total += jnp.sum(jnp.log(jax.nn.sigmoid(2 * drive * layer.spikes)))
            return total

        wide = tuple(jnp.asarray(matrix, jnp.float64) for matrix in weights)
        expected = jax.grad(log_probability)(wide)
    changes = network.eligibilities(layers, jnp.asarray(1), GAIN)
    for change, gradient in zip(changes, expected, strict=True):
        np.testing.assert_allclose(change, gradient, atol=1e-5)


def test_neurons_fire_with_the_logistic_probability():
    network = Network(1, 2, (), num_actors=1)
    weights = (jnp.asarray([[[[0.8], [-0.3]]]]),)
    luck = jax.random.uniform(KEY, (20_000, 1, 1, 1, 2))
    spikes = jax.vmap(lambda luck: network.fire(weights, jnp.ones((1, 1)), (luck,), 1.0)[0].spikes)(
        luck
    )
    share = np.mean(np.asarray(spikes)[:, 0, 0, 0] == 1, axis=0)
    expected = 1 / (1 + np.exp(-2 * np.array([0.8, -0.3])))
    np.testing.assert_allclose(share, expected, atol=0.012)  # 3.5 standard errors at most


def test_number_and_spread_of_weights():
    network = NETWORKS[2]
    assert network.num_steps == 5
    assert network.shapes == ((2, 3, 2, 6), (2, 3, 1, 6))
    assert network.spike_shapes == ((2, 3, 3, 2), (2, 3, 1, 1))
    assert network.num_weights == 108
    wide = Network(50, 2, (40,), num_actors=10)
    first, second = wide.draw_weights(KEY, 2.0)
    assert float(first.std() * math.sqrt(50)) == pytest.approx(2, rel=0.03)
    assert float(second.std() * math.sqrt(40)) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_actions": 1}, "num_actions: expected at least 2, got 1"),
        ({"num_actors": 0}, "num_actors: expected at least 1, got 0"),
        ({"taps": 0}, "taps: expected at least 1, got 0"),
        ({"hidden": (3, 0)}, r"hidden: expected widths of at least 1, got \(3, 0\)"),
        ({"credit": "all"}, r"credit: expected one of \('own', 'action'\), got 'all'"),
    ],
)
def test_bad_networks_name_what_was_expected(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(NETWORKS[0], **changes)


def test_bad_inputs_name_what_was_expected():
    weights, _, luck = drawn(NETWORKS[0])
    with pytest.raises(ValueError, match=r"inputs: expected shape \(1, 3\), got \(1, 4\)"):
        NETWORKS[0].fire(weights, jnp.zeros((1, 4)), luck, 1.0)

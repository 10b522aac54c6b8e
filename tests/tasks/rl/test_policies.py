"""Policies against plain numpy loops in float64, and that memory lasts an episode and no longer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.rl import MLP, Pooled, Recurrent, Spiking
from tasks.rl.policies import ACTIVATIONS, act, parameter_spec, start

T, WIDTH = 7, 3


def parameters_of(policy, scale=1.0):
    """Random parameters, as JAX's and as float64 arrays by name."""
    spec = parameter_spec(policy, WIDTH)
    genome = scale * jax.random.normal(jax.random.key(1), (spec.num_dims,))
    parameters = spec.unravel(genome)
    return parameters, jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), parameters)["params"]


def outputs_of(policy, parameters, observations):
    """Outputs (T, A) to a sequence of observations (T, 3)."""
    memory, found = start(policy, ()), []
    step = jax.jit(lambda observation, memory: act(policy, parameters, observation, memory))
    for observation in observations:
        outputs, memory = step(jnp.asarray(observation, jnp.float32), memory)
        found.append(outputs)
    return np.array(found)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp(activation, rng):
    policy = MLP((5, 4), 2, activation)
    parameters, plain = parameters_of(policy)
    observations = rng.normal(size=(T, WIDTH))
    hidden = observations
    for name in ("Dense_0", "Dense_1"):
        hidden = hidden @ plain[name]["kernel"] + plain[name]["bias"]
        hidden = np.asarray(ACTIVATIONS[activation](jnp.asarray(hidden)))
    expected = hidden @ plain["Dense_2"]["kernel"] + plain["Dense_2"]["bias"]
    np.testing.assert_allclose(outputs_of(policy, parameters, observations), expected, rtol=1e-3)


def test_pooled(rng):
    policy = Pooled((2, 3, 4), (5,), 2)
    spec = parameter_spec(policy, 24)
    parameters = spec.unravel(jax.random.normal(jax.random.key(1), (spec.num_dims,)))
    planes = rng.normal(size=(T, 2, 3, 4)).astype(np.float32)
    sums = np.concatenate([planes.sum(2).reshape(T, 8), planes.sum(1).reshape(T, 12)], axis=1)
    wanted = MLP((5,), 2, "relu").apply({"params": parameters["params"]["MLP_0"]}, sums)
    found = policy.apply(parameters, planes.reshape(T, 24))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_elman(rng):
    policy = Recurrent("elman", 4, 2)
    parameters, plain = parameters_of(policy)
    observations, state, expected = rng.normal(size=(T, WIDTH)), np.zeros(4), []
    cell, readout = plain["SimpleCell_0"], plain["Dense_0"]
    for observation in observations:
        state = np.tanh(
            observation @ cell["i"]["kernel"] + cell["i"]["bias"] + state @ cell["h"]["kernel"]
        )
        expected.append(state @ readout["kernel"] + readout["bias"])
    np.testing.assert_allclose(
        outputs_of(policy, parameters, observations), expected, rtol=1e-3, atol=1e-5
    )


def test_spiking(rng):
    policy = Spiking((6, 5), 2, num_steps=3)
    parameters, plain = parameters_of(policy, scale=2.0)
    observations = rng.normal(size=(T, WIDTH))
    potentials, expected, spikes_seen = [np.zeros(6), np.zeros(5)], [], 0
    for observation in observations:
        rates = np.zeros(5)
        for _ in range(3):
            values = observation
            for i in range(2):
                layer, keep = plain[f"Dense_{i}"], 1 / (1 + np.exp(-plain[f"leak_{i}"]))
                potentials[i] = keep * potentials[i] + values @ layer["kernel"] + layer["bias"]
                values = (potentials[i] > 1).astype(float)
                potentials[i] = potentials[i] - values
            rates += values / 3
        spikes_seen += rates.sum()
        expected.append(rates @ plain["Dense_2"]["kernel"] + plain["Dense_2"]["bias"])
    assert 0 < spikes_seen < T * 5
    np.testing.assert_allclose(
        outputs_of(policy, parameters, observations), expected, rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("policy", [Recurrent("gru", 4), Recurrent("elman", 4), Spiking((6,))])
def test_memory_lasts_and_starts_anew(policy, rng):
    parameters, _ = parameters_of(policy, scale=0.5)
    observations = np.repeat(rng.normal(size=(1, WIDTH)), T, axis=0)
    found = outputs_of(policy, parameters, observations)
    assert np.ptp(found, axis=0).max() > 1e-3
    np.testing.assert_array_equal(found, outputs_of(policy, parameters, observations))


@pytest.mark.parametrize(
    ("policy", "size"),
    [
        (MLP((8,), 2), 50),
        (Recurrent("elman", 8, 2), 3 * 8 + 8 + 64 + 18),
        (Recurrent("gru", 8, 2), 3 * (3 * 8 + 8 + 64) + 8 + 18),
        (Spiking((16,), 2), 3 * 16 + 16 + 16 + 34),
    ],
)
def test_number_of_parameters(policy, size):
    assert parameter_spec(policy, WIDTH).num_dims == size


def test_bad_arguments_name_argument_expected_and_got():
    with pytest.raises(ValueError, match=r"cell: expected one of .*'gru'.*got 'lstm'"):
        parameter_spec(Recurrent("lstm"), WIDTH)
    with pytest.raises(ValueError, match=r"at least one layer and one step, got \(\) and 4"):
        parameter_spec(Spiking(()), WIDTH)
    with pytest.raises(ValueError, match=r"at least one layer and one step, got \(4,\) and 0"):
        parameter_spec(Spiking((4,), num_steps=0), WIDTH)

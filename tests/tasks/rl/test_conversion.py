"""Integrate-and-fire networks: against numpy, against ReLU networks, and what normalises them."""

import flax.errors
import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("gymnax")

from tasks.rl import MLP, IntegrateAndFire, control
from tasks.rl.conversion import activations, normalize, scaled
from tasks.rl.policies import parameter_spec, spike
from tasks.rl.saved import load, save

WIDTH, HIDDEN, OUTPUTS = 12, (16, 10), 3
NETWORK = MLP(HIDDEN, OUTPUTS, "relu")


def plain(parameters):
    """(kernel, bias) of each layer in float64."""
    named = parameters["params"]
    return [
        tuple(np.asarray(named[f"Dense_{i}"][name], np.float64) for name in ("kernel", "bias"))
        for i in range(len(named))
    ]


@pytest.fixture(scope="module")
def network():
    """Parameters, and observations (200, 12)."""
    spec = parameter_spec(NETWORK, WIDTH)
    parameters = spec.unravel(0.5 * jax.random.normal(jax.random.key(2), (spec.num_dims,)))
    return parameters, jax.random.uniform(jax.random.key(3), (200, WIDTH))


@pytest.mark.parametrize(
    ("leak", "reset", "readout"),
    [(0.0, "subtract", "potential"), (0.1, "zero", "spikes"), (0.05, "subtract", "spikes")],
)
def test_against_numpy(network, leak, reset, readout):
    parameters, observations = network
    policy = IntegrateAndFire(HIDDEN, OUTPUTS, 9, leak, reset, readout)
    layers, num_spikes = plain(parameters), 0
    potentials = [np.zeros((200, bias.size)) for _, bias in layers]
    total = np.zeros((200, OUTPUTS))
    for _ in range(9):
        values = np.asarray(observations, np.float64)
        for i, (kernel, bias) in enumerate(layers):
            values = values @ kernel + bias
            if i == 2 and readout == "potential":
                break
            potentials[i] = (1 - leak) * potentials[i] + values
            values = (potentials[i] >= 1).astype(float)
            potentials[i] = np.where(
                values > 0, 0 if reset == "zero" else potentials[i] - 1, potentials[i]
            )
            num_spikes += values.sum()
        total += values
    assert num_spikes > 100
    found = jax.jit(policy.apply)(parameters, observations)
    # A potential at the threshold to the last bit may spike a step later in float32.
    close = np.isclose(found, total / 9, atol=1e-4).all(axis=1)
    assert close.mean() >= 0.98


def test_rates_are_activations_within_one_spike():
    # A readout that copies shows the rates themselves.
    kernel = jax.random.normal(jax.random.key(0), (WIDTH, WIDTH)) / WIDTH
    copy = {"kernel": jnp.eye(WIDTH), "bias": jnp.zeros(WIDTH)}
    parameters = {"params": {"Dense_0": {"kernel": kernel, "bias": copy["bias"]}, "Dense_1": copy}}
    observations = jax.random.uniform(jax.random.key(1), (50, WIDTH))
    wanted = np.maximum(observations @ kernel, 0)
    assert 0.2 < wanted.max() < 1
    for steps in (4, 16, 64, 256):
        rates = IntegrateAndFire((WIDTH,), WIDTH, steps).apply(parameters, observations)
        error = np.abs(rates - wanted).max()
        assert 0.3 / steps < error <= 1 / steps + 1e-5


def test_deep_outputs_converge_as_one_over_the_steps(network):
    parameters, observations = network
    wanted = NETWORK.apply(parameters, observations)
    converted = normalize(parameters, observations, 100.0)
    errors = {
        steps: float(
            np.abs(
                IntegrateAndFire(HIDDEN, OUTPUTS, steps).apply(converted, observations) - wanted
            ).mean()
        )
        for steps in (25, 100, 400)
    }
    for few, many in ((25, 100), (100, 400)):
        assert 2.5 < errors[few] / errors[many] < 6  # 4 is expected


def test_actions_agree_after_many_steps(network):
    parameters, observations = network
    converted = normalize(parameters, observations, 100.0)
    outputs = IntegrateAndFire(HIDDEN, OUTPUTS, 500).apply(converted, observations)
    same = jnp.argmax(outputs, -1) == jnp.argmax(NETWORK.apply(parameters, observations), -1)
    assert same.mean() >= 0.98


def test_normalising_changes_the_scale_of_hidden_layers_only(network):
    parameters, observations = network
    before = activations(parameters, observations)
    for percentile in (100.0, 90.0):
        converted = normalize(parameters, observations, percentile)
        after = activations(converted, observations)
        np.testing.assert_allclose(after[-1], before[-1], rtol=1e-4, atol=1e-5)
        for one, other in zip(before[:-1], after[:-1], strict=True):
            scale = np.percentile(np.asarray(one, np.float64), percentile)
            np.testing.assert_allclose(other, one / scale, rtol=1e-4, atol=1e-5)
    spiking = activations(normalize(parameters, observations, 100.0, "spikes"), observations)
    assert float(spiking[-1].max()) == pytest.approx(1, rel=1e-5)


def test_the_percentile_trades_speed_for_saturation(network):
    # One neuron is fifty times as active as the others, which leaves these few spikes.
    parameters, observations = network
    first, second, third = (parameters["params"][f"Dense_{i}"] for i in range(3))
    gain = jnp.ones(HIDDEN[0]).at[0].set(50)
    parameters = {
        "params": {
            "Dense_0": {
                "kernel": first["kernel"] * gain,
                "bias": jnp.maximum(first["bias"], 0.1) * gain,
            },
            "Dense_1": {"kernel": second["kernel"] / gain[:, None], "bias": second["bias"]},
            "Dense_2": third,
        }
    }
    wanted = NETWORK.apply(parameters, observations)

    def error(percentile, steps):
        converted = normalize(parameters, observations, percentile)
        outputs = IntegrateAndFire(HIDDEN, OUTPUTS, steps).apply(converted, observations)
        return float(jnp.abs(outputs - wanted).mean())

    assert error(93.0, 16) < 0.8 * error(100.0, 16)
    assert error(93.0, 1500) > 2 * error(100.0, 1500)


def test_poisson_input_has_the_mean_of_the_current():
    # A readout that copies shows the rates; these currents are far from silence and saturation.
    parameters = {
        "params": {
            "Dense_0": {"kernel": 0.1 * jnp.eye(4), "bias": jnp.full(4, 0.4)},
            "Dense_1": {"kernel": jnp.eye(4), "bias": jnp.zeros(4)},
        }
    }
    observations = jnp.tile(jnp.array([0.0, 0.3, 0.8, 1.5]), (50, 1))
    policy = IntegrateAndFire((4,), 4, 200, input="poisson")
    rates = policy.apply(parameters, observations, rngs={"input": jax.random.key(4)})
    again = policy.apply(parameters, observations, rngs={"input": jax.random.key(5)})
    # Of 50 x 200 draws each; the last input is cut to a probability of 1.
    np.testing.assert_allclose(rates.mean(axis=0), [0.4, 0.43, 0.48, 0.5], atol=0.006)
    assert (rates[:, 1:3] != again[:, 1:3]).any()
    np.testing.assert_array_equal(rates[:, 3], again[:, 3])
    with pytest.raises(flax.errors.InvalidRngError):
        policy.apply(parameters, observations)


def test_a_spike_and_its_surrogate_derivative():
    potentials = jnp.array([0.5, 0.999, 1.0, 1.1])
    np.testing.assert_array_equal(spike(potentials), [0, 0, 1, 1])
    slopes = jax.vmap(jax.grad(spike))(potentials)
    expected = 1 / (1 + 10 * np.abs(np.array([0.5, 0.999, 1.0, 1.1]) - 1)) ** 2
    np.testing.assert_allclose(slopes, expected, rtol=1e-4)


def test_scales_are_those_of_currents(network):
    parameters, _ = network
    for i, scale in enumerate((2.0, 3.0, 0.5)):
        found = scaled(parameters, (2.0, 3.0, 0.5))["params"][f"Dense_{i}"]
        for name in ("kernel", "bias"):
            np.testing.assert_allclose(
                found[name], scale * parameters["params"][f"Dense_{i}"][name], rtol=1e-6
            )


def test_it_is_a_policy_like_others(tmp_path):
    policy = IntegrateAndFire((5,), 3, 10, input="current")
    task = control("minatar_breakout", policy=policy, num_episodes=2, max_steps=20)
    assert task.num_dims == control("minatar_breakout", (5,), "relu").num_dims
    genomes = jax.random.normal(jax.random.key(0), (2, task.num_dims))
    fitness = task(genomes)
    save(tmp_path / "policy.safetensors", task, genomes[1])
    loaded, genome = load(tmp_path / "policy.safetensors")
    assert loaded.policy == policy
    assert float(loaded(genome[None])[0]) == float(fitness[1])


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"hidden": ()}, "hidden, num_steps"),
        ({"num_steps": 0}, "hidden, num_steps"),
        ({"leak": 1.5}, "leak"),
        ({"reset": "none"}, "reset"),
        ({"readout": "voltage"}, "readout"),
        ({"input": "rate"}, "input"),
    ],
)
def test_bad_attributes(attributes, message):
    with pytest.raises(ValueError, match=message):
        IntegrateAndFire(**attributes).init(jax.random.key(0), jnp.zeros(3))


def test_bad_arguments(network):
    parameters, observations = network
    for percentile in (0.0, 101.0, -1):
        with pytest.raises(ValueError, match="percentile: expected"):
            normalize(parameters, observations, percentile)
    with pytest.raises(ValueError, match="readout: expected"):
        normalize(parameters, observations, 99.0, "voltage")
    with pytest.raises(ValueError, match=r"observations: expected shape \(B, 12\)"):
        normalize(parameters, observations[:, :5])
    with pytest.raises(ValueError, match="parameters: expected those of an MLP"):
        activations({"params": {"GRUCell_0": {}}}, observations)
    with pytest.raises(ValueError, match=r"scales: expected shape \(3,\)"):
        scaled(parameters, (1.0, 2.0))

"""spyx's neurons are ours a step later, and NIR gives the same spikes back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("spyx")

import nir
import spyx.nir
import spyx.nn

from tasks.snn import export
from tasks.snn.neurons import LIF, AdaptiveLIF, rest
from tasks.snn.simulate import simulate

T, N = 100, 6
NEURONS = {
    "if": LIF(0.9, reset="subtract"),
    "lif": LIF(0.9, tau=10.0, reset="subtract"),
    "adaptive": AdaptiveLIF(0.9, tau=10.0, tau_adaptation=30.0),
}


@pytest.mark.parametrize("name", NEURONS)
def test_spyx_is_a_step_later(rng, name):
    currents = jnp.asarray(rng.normal(0.2, 0.4, (T, N)), jnp.float32)
    neuron = NEURONS[name]
    ours = jax.lax.scan(neuron.step, rest((N,)), currents)[1]
    module = export.spyx_neuron(neuron, N)
    theirs, _ = spyx.nn.run(module, currents[:, None])
    assert ours.sum() > 50
    np.testing.assert_array_equal(theirs[1:, 0], ours[:-1])


def test_nir_round_trip(rng, tmp_path):
    weights = [rng.normal(0, 0.6, shape).astype(np.float32) for shape in ((5, 7), (7, 3))]
    neurons = [NEURONS["lif"]] * 2
    graph = export.to_nir(neurons, weights)
    nir.write(tmp_path / "network.nir", graph)
    graph = nir.read(tmp_path / "network.nir")
    spikes = (rng.uniform(size=(T, 5)) < 0.4).astype(np.float32)
    _, theirs = spyx.nir.from_nir(graph, jnp.asarray(spikes[:, None]))
    hidden = simulate(neurons[0], weights[0], spikes, block=None).spikes
    ours = simulate(neurons[1], weights[1], hidden, block=None).spikes
    assert ours.sum() > 5
    # A step later for each layer.
    np.testing.assert_array_equal(theirs[2:, 0], ours[:-2])


def test_what_spyx_does_not_have():
    for neuron in (LIF(), AdaptiveLIF(scale=2.0)):
        with pytest.raises(ValueError, match=r"spyx|expected LIF"):
            export.spyx_neuron(neuron, 3)

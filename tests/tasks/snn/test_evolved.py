"""Tasks: what the contract tests do not see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("sklearn")

from tasks.snn import Fields, evolved, locally_connected
from tasks.snn.evolved import with_constants

NAMES = ("rate_before", "rate_after", "theta_plus", "tau", "tau_trace", "norm", "rate", "high")


def test_genomes_are_delays():
    task = evolved.delays("patterns", num_neurons=10, num_steps=8, longest=8, batch_size=32)
    genomes = jnp.stack([jnp.zeros(task.num_dims), jnp.full(task.num_dims, -1.0)])
    delays = task.delays(genomes)
    assert delays.shape == (2, 40, 10)
    np.testing.assert_allclose(delays[0], 4.0)
    np.testing.assert_allclose(delays[1], 0.0)
    _, traits = task.evaluate(genomes, jax.random.key(0))
    np.testing.assert_allclose(traits["mean_delay"], [4.0, 0.0])
    np.testing.assert_allclose(traits["accuracy"], traits["accuracy"][0])  # all neurons are alike


@pytest.mark.slow
def test_mirrored_prototypes_solve_the_patterns():
    """The known good delays: each neuron's mirror its class's prototype."""
    task = evolved.delays("patterns", num_neurons=10, num_steps=16, longest=16)
    mirrored = 15.0 - task.patterns.prototypes.T
    genome = (mirrored / 8 - 1).reshape(1, -1)
    loss, accuracy = task.score(genome, test=True)
    assert accuracy[0] > 0.95
    assert loss[0] < 0.5
    random = jax.random.uniform(jax.random.key(0), genome.shape, minval=-1, maxval=1)
    assert task.score(random, test=True)[1][0] < 0.5


def test_constants_reach_the_network():
    network = locally_connected(Fields(8, 8, 4, 2), 3)
    values = {name: jnp.asarray(0.5 + i) for i, name in enumerate(NAMES)}
    changed = with_constants(network, values)
    assert changed.neuron.theta_plus == values["theta_plus"]
    assert changed.rule.rate_after == values["rate_after"]
    assert changed.inhibition.high == values["high"]
    assert changed.norm == values["norm"]
    assert changed.fields == network.fields


def test_bad_words():
    with pytest.raises(ValueError, match="data: expected 'digits' or 'patterns', got 'letters'"):
        evolved.delays("letters")
    with pytest.raises(ValueError, match="kind: expected 'lattice' or 'local', got 'ring'"):
        evolved.constants("ring")


def test_fitness_is_of_images_that_were_not_learned():
    task = evolved.constants("local", 2, 20, num_train=8, num_valid=40)
    fitness, traits = task.evaluate(jnp.zeros((2, task.num_dims)), jax.random.key(1))
    np.testing.assert_allclose(fitness, 1 - traits["accuracy"])
    np.testing.assert_allclose(fitness * 40, np.round(fitness * 40), atol=1e-4)
    assert np.all(traits["synapses"] <= task.network.num_synapses)

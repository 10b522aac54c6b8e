"""Reservoirs as tasks; what holds for every task is in test_tasks_contract."""

import dataclasses

import jax
import numpy as np
import pytest

pytest.importorskip("sklearn")

from tasks import images
from tasks.reservoir import build, network, reservoir, respond_all
from tasks.reservoir.evolved import LARGEST_RING

TINY = {"num_rings": 5, "num_train": 40, "num_held_out": 20}


def genome(task, **values):
    """A genome with these values, all others in the middle."""
    middle = jax.tree.map(lambda leaf: leaf[0], task.space.decode(task.solution[None]))
    return np.asarray(task.space.encode(middle | values))


def luck_of(task, key):
    return network.draw(key, task.num_rings, task.num_inputs)


def test_constants_are_those_of_a_design():
    task = reservoir(**TINY)
    assert task.num_dims == 6
    wanted = {"coupling": 0.3, "rewiring": 0.5, "gain": 0.7, "density": 0.25}
    design = task.design(genome(task, **wanted, one_size=7, other_size=3))
    assert (design.num_rings, design.smallest_ring, design.largest_ring) == (5, 3, 7)
    for name, value in wanted.items():
        assert getattr(design, name) == pytest.approx(value, rel=1e-5)


@pytest.mark.slow  # compiles two networks
def test_room_that_no_neuron_has_changes_nothing():
    """A genome's network, with room for the largest rings, responds as the one of its design."""
    task = reservoir(**TINY)
    one = genome(task, coupling=0.4, rewiring=0.5, gain=1.0, one_size=3, other_size=5)
    key = jax.random.key(4)
    luck = luck_of(task, key)
    roomy, tight = jax.jit(task.network)(one, luck), build(task.design(one), key)
    assert len(roomy.ring) == 5 * LARGEST_RING
    assert roomy.num_synapses == tight.num_synapses
    some = images.flat(images.unit(images.digits())).test_x[:3]
    found, expected = (respond_all(n, some, key, task.timing) for n in (roomy, tight))
    np.testing.assert_array_equal(found.spikes, expected.spikes)
    found, expected = (
        one.snapshots[..., np.asarray(n.real)] for n, one in ((roomy, found), (tight, expected))
    )
    np.testing.assert_array_equal(found, expected)


def test_wiring_says_who_hears_what():
    task = reservoir("wiring", **TINY)
    assert task.num_dims == 3 + 5 * (1 + 8)
    assert task.name == "reservoir_digits_wiring"
    rng = np.random.default_rng(0)
    sizes, mask = rng.integers(2, 11, 5), rng.uniform(-1, 1, (5, 8)).astype(np.float32)
    one = genome(task, sizes=sizes, mask=mask)
    wired = jax.jit(task.network)(one, luck_of(task, jax.random.key(0)))
    np.testing.assert_array_equal(wired.sizes, sizes)
    np.testing.assert_array_equal(wired.inputs, mask > 0)
    assert wired.num_synapses == sizes.sum() + 10 + (mask > 0).sum()
    with pytest.raises(ValueError, match="evolved: expected 'constants', got 'wiring'"):
        task.design(one)


@pytest.mark.slow
@pytest.mark.parametrize("evolved", ["constants", "wiring"])
def test_a_reservoir_that_hears_is_better_than_one_that_does_not(evolved):
    task = reservoir(evolved)
    if evolved == "constants":
        few, many = {"density": 0.05}, {"density": 0.3}
    else:
        mask = np.random.default_rng(0).uniform(-1, 1, (12, 8)).astype(np.float32)
        few, many = {"mask": np.where(mask > 0.9, 0.5, -0.5)}, {"mask": mask}
    deaf, hearing = genome(task, gain=0.05, **few), genome(task, gain=0.6, **many)
    fitness, traits = task.evaluate(np.stack([deaf, hearing]), jax.random.key(1))
    assert fitness[0] > 0.7
    assert fitness[1] < 0.65
    np.testing.assert_allclose(traits["accuracy"], 1 - fitness, rtol=1e-6)
    assert (traits["spikes"] > 20).all()


def test_bad_input():
    for wrong, message in (
        ({"evolved": "weights"}, r"evolved: expected one of \('constants', 'wiring'\)"),
        ({"num_rings": 2}, "degree: expected an even number .*num_rings = 2"),
        ({"num_train": 0}, "num_train: expected at least 1, got 0"),
        ({"alpha": 0.0}, "alpha: expected a number > 0, got 0.0"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(reservoir(), **wrong)
    many = reservoir(num_train=2000)
    with pytest.raises(ValueError, match="expected at most the 1436 images of digits, got 2000"):
        many(many.solution[None])

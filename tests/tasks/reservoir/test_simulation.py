"""Neurons, rings and networks: against the equations in float64, and in batches."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.reservoir import Design, Timing, build, hilbert, respond_all, simulation
from tasks.reservoir import network as network_of_rings
from tasks.reservoir.network import Luck, Network
from tasks.reservoir.simulation import State

DESIGN = Design(num_rings=9, largest_ring=6, rewiring=0.5, density=0.4)
TIMING = Timing(dt=0.05, steps_per_row=3, num_snapshots=4)


@pytest.fixture(scope="module")
def network() -> Network:
    return build(DESIGN, jax.random.key(1))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(5, 64)).astype(np.float32)


def dense(network):
    """Weights among neurons (M, M) and from inputs (M, I), row by row from the definition."""
    ring, place = np.asarray(network.ring), np.asarray(network.place)
    row = {pair: m for m, pair in enumerate(zip(ring.tolist(), place.tolist(), strict=True))}
    assert len(row) == len(ring)
    among = np.zeros((len(ring), len(ring)))
    inputs = np.zeros((len(ring), network.inputs.shape[1]))
    for i, size in enumerate(np.asarray(network.sizes).tolist()):
        for j in range(size):
            among[row[i, j], row[i, (j - 1) % size]] = 1
        for other, joined in zip(network.neighbours[i], network.joined[i], strict=True):
            if joined:
                among[row[i, 0], row[int(other), 1]] += float(network.coupling)
        inputs[row[i, 0]] = float(network.gain) * np.asarray(network.inputs[i])
    return among, inputs


def oracle(network, cap, out, pixels, timing):
    """All states (steps, M) of one copy, by the equations as they stand."""
    among, inputs = dense(network)
    decay = np.exp(-timing.dt)
    num_inputs = inputs.shape[1]
    caps, outs = [], []
    for t in range(len(pixels) - num_inputs + 1):
        window = np.array([pixels[t + num_inputs - 1 - j] for j in range(num_inputs)])
        for _ in range(timing.steps_per_row):
            u = among @ out + inputs @ window
            cap = decay * cap + (1 - decay) * u
            d = u - cap
            out = 1.0 - ((d >= 0.49) | ((d >= 0.2) & (out == 0)))
            caps.append(cap), outs.append(out)
    return np.array(caps), np.array(outs)


def test_against_the_equations_in_float64(network, images):
    rng = np.random.default_rng(1)
    shape = (len(network.ring), 2)
    with jax.enable_x64(True):
        network = network.replace(coupling=jnp.asarray(0.25), gain=jnp.asarray(0.6375))
        out = jnp.asarray(rng.integers(0, 2, shape), jnp.int8)
        state = State(jnp.asarray(rng.uniform(size=shape)), out)
        pixels = hilbert.sequence(jnp.asarray(images[:2], float))
        last, snapshots, spikes = jax.jit(simulation.simulate, static_argnums=3)(
            network, state, pixels, TIMING
        )
        assert last.cap.dtype == jnp.float64
    for b in range(2):
        before = np.asarray(state.out[:, b], float)
        caps, outs = oracle(
            network, np.asarray(state.cap[:, b]), before, np.asarray(pixels[b]), TIMING
        )
        real = np.asarray(network.real)
        np.testing.assert_allclose(last.cap[real, b], caps[-1][real], rtol=0, atol=1e-12)
        ends = [3 * -(-57 * (k + 1) // 4) - 1 for k in range(4)]
        np.testing.assert_array_equal(snapshots[:, real, b], outs[ends][:, real])
        began = (np.diff(np.concatenate([before[None], outs]), axis=0) < 0)[:, real].sum()
        assert spikes[b] == began > 50


def test_the_trigger():
    rise = jnp.array([0.1, 0.2, 0.3, 0.48, 0.49, 0.6, -1.0])
    resting = simulation.trigger(jnp.ones(7, jnp.int8), rise)
    firing = simulation.trigger(jnp.zeros(7, jnp.int8), rise)
    np.testing.assert_array_equal(resting, [1, 1, 1, 1, 0, 0, 1])
    np.testing.assert_array_equal(firing, [1, 0, 0, 0, 0, 0, 1])


def test_scan_is_the_loop(network, images):
    keys = simulation.start_keys(jax.random.key(2), 5, False)
    state = simulation.start(network, keys, 6)
    pixels = hilbert.sequence(images)
    last, _, _ = simulation.simulate(network, state, pixels, TIMING)
    step = jax.jit(simulation.step, static_argnums=3)
    weights = (network.gain * network.inputs)[:, ::-1]
    for t in range(57):
        for _ in range(3):
            state = step(network, state, weights @ pixels[:, t : t + 8].T, TIMING.dt)
    np.testing.assert_allclose(state.cap, last.cap, atol=1e-5)
    np.testing.assert_array_equal(state.out, last.out)


def test_a_batch_is_its_single_images(network, images):
    key = jax.random.key(3)
    together = respond_all(network, images, key, TIMING)
    assert together.snapshots.shape == (5, 4, len(network.ring))
    assert together.snapshots.dtype == bool
    for size in (1, 2):
        apart = respond_all(network, images, key, TIMING, batch_size=size)
        np.testing.assert_array_equal(apart.snapshots, together.snapshots)
        np.testing.assert_array_equal(apart.spikes, together.spikes)
    # With one start for all, equal images have equal responses; else not.
    twice = np.repeat(images[:1], 2, axis=0)
    same = respond_all(network, twice, key, TIMING, same_start=True).snapshots
    np.testing.assert_array_equal(same[0], same[1])
    other = respond_all(network, twice, key, TIMING).snapshots
    assert (other[0] != other[1]).any()


def test_a_ring_alone_keeps_one_pulse_going():
    caps, outs = simulation.orbits(6)
    assert caps.shape == outs.shape == (5, 1024, 6)
    for size, (cap, out) in enumerate(zip(caps, outs, strict=True), start=2):
        assert set((out == 0).sum(axis=1)) <= {0, 1, 2}
        # Each neuron has its share of the time, and that is nearly all the time.
        shares = (out == 0).mean(axis=0)[:size]
        assert shares.min() > 0.8 / size
        np.testing.assert_allclose(shares, 1 / size, atol=0.1 / size)
        assert (out[:, size:] == 1).all()
        assert cap.min() > 0
        assert cap.max() <= 1
    # A pulse ends where d = .2: two neurons in turn have e^t = 4 (5 (1 - lo) with lo = .2).
    began = np.sum(np.diff(outs[0, :, 0]) < 0)
    assert 1024 * 8 * 0.01 / began == pytest.approx(2 * np.log(4), rel=0.03)


def test_a_network_as_designed(network):
    sizes = np.asarray(network.sizes)
    assert sizes.min() >= 3
    assert sizes.max() <= 6
    assert len(network.ring) % 9 == 0 or (network.sizes == 6).all()
    assert network.real.sum() == sizes.sum() == network.num_neurons
    np.testing.assert_array_equal(np.bincount(network.ring[network.real]), sizes)
    assert not np.diag(np.asarray(network.inputs)[:8]).any()
    among, inputs = dense(network)
    assert (among > 0).sum() + (inputs > 0).sum() == network.num_synapses


def test_sizes_and_masks_have_their_shares():
    rng = np.random.default_rng(0)
    luck = Luck(rng.uniform(size=400), *np.zeros((2, 1)), rng.uniform(size=(400, 8)))
    counts = np.bincount(network_of_rings.ring_sizes(luck, 3, 10), minlength=11)
    assert counts.sum() == counts[3:].sum() == 400
    assert counts[3:].min() > 50 - 4 * np.sqrt(50)
    mask = np.asarray(network_of_rings.input_mask(luck, 0.2))
    assert np.mean(mask) == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 3200))
    assert not np.diag(mask[:8]).any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"coupling": -0.1}, r"coupling: expected a finite number >= 0, got -0.1"),
        ({"coupling": float("nan")}, r"coupling: .* got nan"),
        ({"gain": float("inf")}, r"gain: expected a finite number >= 0, got inf"),
        ({"rewiring": 1.5}, r"rewiring: expected a number in \[0, 1\], got 1.5"),
        ({"density": -1}, r"density: expected a number in \[0, 1\], got -1"),
        ({"smallest_ring": 1}, r"smallest_ring: expected at least 2 neurons, got 1"),
        ({"largest_ring": 2}, r"largest_ring: expected at least smallest_ring = 3, got 2"),
        ({"num_rings": 2}, r"degree: expected an even number .*num_rings = 2, got 2"),
        ({"num_inputs": 0}, r"num_inputs: expected at least 1, got 0"),
    ],
)
def test_designs_that_cannot_be(wrong, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(DESIGN, **wrong)


def test_timings_and_images_that_cannot_be(network, images):
    for wrong, message in (
        ({"dt": 0.0}, r"dt: expected a number in \(0, 1\), got 0.0"),
        ({"steps_per_row": 0}, "steps_per_row: expected at least 1, got 0"),
        ({"num_snapshots": 0}, "num_snapshots: expected at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(TIMING, **wrong)
    key = jax.random.key(0)
    for wrong, message in (
        (images[:, :63], r"images: expected flat square images.* got \(5, 63\)"),
        (images[:0], "images: expected at least one, got none"),
        (2 * images, r"images: expected values in \[0, 1\]"),
        (np.full_like(images, np.nan), r"images: expected values in \[0, 1\]"),
        (images[:, :9], r"pixels: expected at least 19 for 8 inputs and 12 snapshots, got 16"),
    ):
        with pytest.raises(ValueError, match=message):
            respond_all(network, wrong, key, dataclasses.replace(TIMING, num_snapshots=12))
    with pytest.raises(ValueError, match="batch_size: expected at least 1, got 0"):
        respond_all(network, images, key, TIMING, batch_size=0)
    state = State(jnp.ones((len(network.ring), 2)), jnp.ones((len(network.ring), 2), jnp.int8))
    with pytest.raises(ValueError, match="pixels: expected 2 images, one a state, got 5"):
        simulation.simulate(network, state, hilbert.sequence(images), TIMING)

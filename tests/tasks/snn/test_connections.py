"""Receptive fields, and delays against an event simulation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.snn.connections import Fields, delayed, delayed_once


def test_fields():
    fields = Fields(5, 6, 3, 2)
    assert (fields.grid, fields.num_locations, fields.size) == ((2, 2), 4, 9)
    image = np.arange(30).reshape(5, 6)
    seen = fields.see(jnp.asarray(image.reshape(1, 30)))
    for place, (y, x) in enumerate([(0, 0), (0, 2), (2, 0), (2, 2)]):
        np.testing.assert_array_equal(seen[0, place], image[y : y + 3, x : x + 3].ravel())
    whole = Fields(5, 6)
    assert (whole.grid, whole.size) == ((1, 1), 30)
    np.testing.assert_array_equal(whole.see(jnp.arange(30)), np.arange(30)[None])
    # MNIST as in the paper: 20 x 20, kernel 16, stride 2.
    assert Fields(20, 20, 16, 2).grid == (3, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fields(8, 6, 7), "kernel: expected 1 to 6, the image's lesser side, got 7"),
        (lambda: Fields(8, 8, 0), "kernel: expected 1 to 8"),
        (lambda: Fields(8, 8, 4, 0), "stride: expected at least 1, got 0"),
        (lambda: Fields(8, 8).see(jnp.zeros((2, 63))), r"images: expected 64 pixels.*\(2, 63\)"),
    ],
)
def test_bad_fields(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def by_events(spikes, delays, weights, num_steps):
    """Every spike is put down at its time of arrival."""
    currents = np.zeros((num_steps, delays.shape[1]))
    for t, i in zip(*np.nonzero(spikes), strict=True):
        for j in range(delays.shape[1]):
            arrival = t + int(np.round(delays[i, j]))
            if arrival < num_steps:
                currents[arrival, j] += weights[i, j]
    return currents


SIZES = (20, 4, 3)  # one shape, one compilation
compiled = jax.jit(delayed, static_argnums=(2, 4))
compiled_once = jax.jit(delayed_once, static_argnums=(2, 3))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from([0, 1, 7]),
    st.floats(0, 1),
)
def test_delays_are_those_of_an_event_simulation(seed, longest, share):
    rng = np.random.default_rng(seed)
    steps, inputs, outputs = SIZES
    spikes = (rng.uniform(size=(steps, inputs)) < share).astype(np.float32)
    delays = rng.uniform(0, longest, (inputs, outputs)).astype(np.float32)
    weights = rng.normal(size=(inputs, outputs)).astype(np.float32)
    found = compiled(spikes, delays, longest, weights, steps + longest)
    expected = by_events(spikes, delays, weights, steps + longest)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    times = rng.integers(0, steps, inputs).astype(np.int32)
    once = np.zeros((steps, inputs))
    once[times, np.arange(inputs)] = 1
    found = compiled_once(times, delays, longest, steps + longest)
    expected = by_events(once, delays, np.ones_like(weights), steps + longest)
    np.testing.assert_array_equal(found, expected)


def test_a_longer_buffer_changes_nothing(rng):
    spikes = (rng.uniform(size=(15, 4)) < 0.3).astype(np.float32)
    delays = rng.integers(0, 5, (4, 3))
    short, long = (delayed(spikes, delays, longest, 1.0, 20) for longest in (4, 40))
    np.testing.assert_array_equal(short, long)


def test_delays_beyond_the_buffer_are_refused():
    for delays in (np.full((4, 3), 5.5), np.full((4, 3), -0.5)):
        with pytest.raises(ValueError, match=r"delays: expected steps in \[0, 5\], the length of"):
            delayed(np.zeros((9, 4), np.float32), delays, 5)
        with pytest.raises(ValueError, match=r"delays: expected steps in \[0, 5\]"):
            delayed_once(np.zeros(4, np.int32), delays, 5, 20)
    with pytest.raises(ValueError, match="longest: expected at least 0, got -1"):
        delayed(np.zeros((9, 4), np.float32), np.zeros((4, 3)), -1)

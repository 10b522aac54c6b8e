r"""Differentiating neurons with Schmitt-trigger outputs in coupled rings, driven by an image.

    u = out of the neuron before + (first neurons) eps sum of the neighbours' second neurons
                                 + (first neurons) gain sum of the pixels that are heard
    cap <- a cap + (1 - a) u,  a = exp(-dt);    d = u - cap
    out <- 0 if d >= .49, or if d >= .2 and out is 0;  else 1

Time is in units of the capacitors' time constant. As a step from u has d = a (u - cap), one
difference serves both lines. A neuron in a ring is silent (1) but for a pulse of 0 of about 1.3
that wanders from neuron to neuron.

Reference: arXiv 2507.21377; constants from its authors' programs.

Shape letters: B images, L pixels, I pixels in the window, R rings, M neurons, K snapshots, T rows.
"""

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tasks.reservoir import hilbert
from tasks.reservoir.network import SMALLEST_RING, Network

UPPER = 0.49
"""A neuron fires where d rises to this."""
LOWER = 0.2
"""It stops firing where d falls below this."""


@dataclass(frozen=True)
class Timing:
    """How time passes.

    The reference has dt = .01 and 9 steps a row on 32 x 32 pixels: 9,153 steps for the 1,017 rows
    of the window, after which it shows the first rows again, up to 10,001 steps.

    Attributes:
        dt: of a step, > 0, in time constants.
        steps_per_row: >= 1, steps for which the window rests on its pixels.
        num_snapshots: K >= 1, of all outputs, at the ends of K equal parts of the time. The
            reference has one more, at the start, before anything is seen.

    Raises:
        ValueError: a number is out of its range; the message names it.
    """

    dt: float = 0.01
    steps_per_row: int = 9
    num_snapshots: int = 8

    def __post_init__(self):
        if not 0 < self.dt < 1:
            raise ValueError(f"dt: expected a number in (0, 1), got {self.dt}")
        for name in ("steps_per_row", "num_snapshots"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")


class State(NamedTuple):
    """Of B copies of a network.

    Attributes:
        cap: (M, B), voltage of the capacitors.
        out: (M, B), 1 at rest and 0 in a pulse, int8.
    """

    cap: Array
    out: Array


class Response(NamedTuple):
    """What images do to a network.

    Attributes:
        snapshots: (n, K, M), outputs, booleans; False in rows that are no neurons.
        spikes: (n,), pulses that began, over all neurons.
    """

    snapshots: Array
    spikes: Array


def trigger(out: Any, rise: Any) -> Any:
    """The inverting Schmitt trigger: new outputs from the old ones and d, of JAX or of numpy."""
    fires = (rise >= UPPER) | ((rise >= LOWER) & (out == 0))
    return 1 - fires.astype(out.dtype)


def step(network: Network, state: State, drive: Array, dt: float) -> State:
    """One step.

    Args:
        network: with M rows.
        state: of B copies.
        drive: (R, B), what the first neurons hear of the image.
        dt: > 0.
    """
    num_rings = len(network.sizes)
    dtype = state.cap.dtype
    second = state.out[num_rings : 2 * num_rings]
    heard = jnp.zeros(second.shape, dtype)
    for column in range(network.neighbours.shape[1]):
        said = second[network.neighbours[:, column]].astype(dtype)
        heard = heard + network.joined[:, column, None].astype(dtype) * said
    before = state.out[network.previous].astype(dtype)
    first = before[:num_rings] + network.coupling.astype(dtype) * heard + drive
    gap = jnp.concatenate([first, before[num_rings:]]) - state.cap
    decay = np.exp(-dt)
    cap = state.cap + dtype.type(1 - decay) * gap
    return State(cap, trigger(state.out, dtype.type(decay) * gap))


# A ring alone: so long until it has forgotten how it began, and so often looked at from then on.
_FORGET, _PHASES, _EVERY, _DT = 3000, 1024, 8, 0.01


@functools.cache
def orbits(largest: int) -> tuple[np.ndarray, np.ndarray]:
    """What rings do alone: states to start from.

    Args:
        largest: number of neurons P; the rings have 2 to P.

    Returns:
        cap and out, (P - 1, phases, P), of one ring of every size, at equally spaced times over
        several of its periods; 1 where it has no neurons.
    """
    sizes = np.arange(SMALLEST_RING, largest + 1)
    previous = np.maximum(np.arange(largest) - 1, 0) + np.zeros((len(sizes), 1), int)
    previous[:, 0] = sizes - 1
    # As the authors begin: one neuron fires, with an empty capacitor.
    cap = np.full(previous.shape, 0.9)
    out = np.ones(previous.shape, np.int8)
    cap[:, 0], out[:, 0] = 0.1, 0
    decay, caps, outs = np.exp(-_DT), [], []
    for number in range(_FORGET + _PHASES * _EVERY):
        gap = np.take_along_axis(out, previous, axis=1) - cap
        cap = cap + (1 - decay) * gap
        out = trigger(out, decay * gap)
        if number >= _FORGET and (number - _FORGET) % _EVERY == 0:
            caps.append(cap)
            outs.append(out)
    exists = np.arange(largest) < sizes[:, None, None]
    return (
        np.where(exists, np.stack(caps, axis=1), 1).astype(np.float32),
        np.where(exists, np.stack(outs, axis=1), 1).astype(np.int8),
    )


def start(network: Network, keys: Array, num_places: int) -> State:
    """Every ring at a random time of what it does alone.

    Args:
        network: with M rows.
        keys: (B,), one a copy.
        num_places: P, at least the rows of the largest ring.
    """
    num_rings = len(network.sizes)
    bits = jax.vmap(lambda key: jax.random.bits(key, (num_rings,)), out_axes=1)(keys)
    phases = (bits % _PHASES).astype(int)[network.ring]
    which = (network.sizes - SMALLEST_RING)[network.ring]
    cap, out = (
        jnp.asarray(table)[which[:, None], phases, network.place[:, None]]
        for table in orbits(num_places)
    )
    return State(cap.astype(float), out)


def simulate(
    network: Network, state: State, pixels: Array, timing: Timing
) -> tuple[State, Array, Array]:
    """Show images to copies of a network: one scan over the rows of the sliding window.

    Beside the pixels the memory is that of the states and the snapshots, 5 M B + K M B bytes.

    Args:
        network: with M rows and I inputs.
        state: of B copies, at the start.
        pixels: (B, L), values in [0, 1] in the order of the Hilbert curve, L >= I.
        timing: steps and snapshots.

    Returns:
        The last state; snapshots (K, M, B), int8; and the pulses of each copy that began, (B,).

    Raises:
        ValueError: fewer pixels than inputs, fewer rows than snapshots, or copies and images differ
            in number.
    """
    num_inputs = network.inputs.shape[1]
    num_rows = pixels.shape[1] - num_inputs + 1
    if num_rows < timing.num_snapshots:
        raise ValueError(
            f"pixels: expected at least {num_inputs + timing.num_snapshots - 1} for {num_inputs} "
            f"inputs and {timing.num_snapshots} snapshots, got {pixels.shape[1]}"
        )
    if len(pixels) != state.cap.shape[1]:
        raise ValueError(
            f"pixels: expected {state.cap.shape[1]} images, one a state, got {len(pixels)}"
        )
    dtype = state.cap.dtype
    weights = (network.gain * network.inputs).astype(dtype)[:, ::-1]
    sequence = pixels.T.astype(dtype)

    def move(carry: tuple[State, Array], drive: Array) -> tuple[State, Array]:
        state, spikes = carry
        new = step(network, state, drive, timing.dt)
        began = (new.out < state.out) & network.real[:, None]
        return new, spikes + jnp.sum(began, axis=0, dtype=jnp.int32)

    def row(carry: tuple[State, Array, Array], number: Array) -> tuple[Any, None]:
        state, spikes, snapshots = carry
        window = jax.lax.dynamic_slice_in_dim(sequence, number, num_inputs)
        drive = weights @ window
        state, spikes = jax.lax.fori_loop(
            0, timing.steps_per_row, lambda _, carry: move(carry, drive), (state, spikes)
        )
        # Each part's last row is the one that stays.
        part = number * timing.num_snapshots // num_rows
        snapshots = jax.lax.dynamic_update_index_in_dim(snapshots, state.out, part, 0)
        return (state, spikes, snapshots), None

    spikes = jnp.zeros(len(pixels), jnp.int32)
    snapshots = jnp.zeros((timing.num_snapshots, *state.out.shape), state.out.dtype)
    carry, _ = jax.lax.scan(row, (state, spikes, snapshots), jnp.arange(num_rows))
    return carry[0], carry[2], carry[1]


def respond(
    network: Network, pixels: Array, keys: Array, timing: Timing, num_places: int
) -> Response:
    """What images do to a network, every image to a copy of its own; may be traced.

    Args:
        network: with M rows.
        pixels: (B, L), in the order of the Hilbert curve.
        keys: (B,), of the phases at the start.
        timing: steps and snapshots.
        num_places: P, at least the rows of the largest ring.
    """
    _, snapshots, spikes = simulate(network, start(network, keys, num_places), pixels, timing)
    return Response(jnp.moveaxis(snapshots, 2, 0).astype(bool) & network.real, spikes)


@functools.partial(jax.jit, static_argnums=(3, 4))
def _look(
    network: Network, images: Array, keys: Array, timing: Timing, num_places: int
) -> Response:
    return respond(network, hilbert.sequence(images), keys, timing, num_places)


def start_keys(key: Array, num_images: int, same: bool) -> Array:
    """Keys (n,) of the phases at the start: fold_in(key, i) for image i, or with i = 0 for all."""
    numbers = jnp.zeros(num_images, int) if same else jnp.arange(num_images)
    return jax.vmap(jax.random.fold_in, (None, 0))(key, numbers)


def respond_all(
    network: Network,
    images: np.ndarray,
    key: Array,
    timing: Timing,
    *,
    same_start: bool = False,
    batch_size: int = 32,
) -> Response:
    """What many images do to a network, batch by batch: the memory of a batch, and n K M bytes.

    An image's response does not depend on the others nor on the size of the batch.

    Args:
        network: from `network.build`.
        images: (n, pixels) of square images, row by row, values in [0, 1].
        key: of the phases at the start.
        timing: steps and snapshots.
        same_start: all images meet the network in the same phases. In the reference each meets its
            own.
        batch_size: B >= 1; on a CPU the states of a batch should fit its cache.

    Returns:
        Arrays of numpy.

    Raises:
        ValueError: there are no images, they are not square, or have values beyond [0, 1].
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
    if not len(images):
        raise ValueError("images: expected at least one, got none")
    if not (np.min(images) >= 0 and np.max(images) <= 1):
        raise ValueError(
            f"images: expected values in [0, 1], got {np.min(images)} to {np.max(images)}"
        )
    keys = start_keys(key, len(images), same_start)
    num_places = int(jnp.max(network.place)) + 1
    batch_size = min(batch_size, len(images))
    parts = []
    for begin in range(0, len(images), batch_size):
        size = min(batch_size, len(images) - begin)
        # The last batch is filled up, so that all share one program.
        places = (begin + np.arange(batch_size)) % len(images)
        found = _look(network, images[places], keys[places], timing, num_places)
        parts.append(jax.tree.map(lambda leaf, size=size: np.asarray(leaf)[:size], found))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)

r"""Time: one scan over the steps of a presentation, whatever the network.

Synapses from the input see no feedback, so their currents for a block of S steps are one matrix
product, and so is what a block's spikes change in the weights (`tasks.snn.plasticity`). Only
potentials, thresholds and inhibition go step by step. With S = 1 weights change after every step,
as the rules are written; with S = T after every presentation. Between, a block's changes are those
of the rule at the weights of the block's start, and bounds are kept at its end.

Memory: S B (I + N) numbers for a block beside the weights, T B N for what is recorded.

Shape letters: T steps, S of a block, B images, I inputs, L locations, K inputs of each, F neurons
of each, N = L F neurons.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from tasks.snn.connections import Fields
from tasks.snn.neurons import Neuron, Number, State, leak, rest
from tasks.snn.plasticity import Activity, Rule, step_trace, traces

MONITORS = ("spikes", "voltages", "weights")


class Record(NamedTuple):
    """What the monitors saw; None where there was none.

    Attributes:
        spikes: (T, B, L, F).
        voltages: after each step, spiking neurons already reset, (T, B, L, F).
        weights: after each block, (T / S, L, K, F).
    """

    spikes: Array | None = None
    voltages: Array | None = None
    weights: Array | None = None


@struct.dataclass
class Learning:
    """How weights change.

    Attributes:
        rule: of `tasks.snn.plasticity`.
        tau: of the traces on both sides, ms.
        low: least weight.
        high: greatest weight.
        average: the changes of a batch's images are averaged, else summed.
    """

    rule: Rule
    tau: Number = 20.0
    low: Number = 0.0
    high: Number = 1.0
    average: bool = struct.field(pytree_node=False, default=True)


def present(
    neuron: Neuron,
    weights: Array,
    spikes: Array,
    fields: Fields,
    *,
    state: State | None = None,
    lateral: Array | None = None,
    learning: Learning | None = None,
    block: int | None = None,
    monitors: Sequence[str] = ("spikes",),
) -> tuple[Array, State, Record]:
    r"""Show spikes to a network of one layer.

        x[t] = s_input[t] W - s[t - 1] D,    neuron.step

    Args:
        neuron: what the layer is made of.
        weights: W, (L, K, F).
        spikes: of the inputs (T, B, I).
        fields: which inputs each location sees.
        state: of the neurons (B, L, F) before; None is at rest.
        lateral: D, (F, F) from one neuron to another within a location, > 0 inhibits.
        learning: None leaves the weights.
        block: S, a divisor of T; None is T.
        monitors: names of `MONITORS`.

    Returns:
        The weights after, the neurons' state after, and what the monitors saw.

    Raises:
        ValueError: for an unknown monitor, a block that does not divide T, and other shapes.
    """
    unknown = set(monitors) - set(MONITORS)
    if unknown:
        raise ValueError(f"monitors: expected names of {MONITORS}, got {sorted(unknown)}")
    if spikes.ndim != 3:
        raise ValueError(f"spikes: expected shape (T, B, I), got {spikes.shape}")
    num_steps, num_images, _ = spikes.shape
    block = num_steps if block is None else block
    if block < 1 or num_steps % block:
        raise ValueError(f"block: expected a divisor of the {num_steps} steps, got {block}")
    if weights.ndim != 3 or weights.shape[:2] != (fields.num_locations, fields.size):
        raise ValueError(
            f"weights: expected shape ({fields.num_locations}, {fields.size}, F), "
            f"got {weights.shape}"
        )
    shape = (num_images, fields.num_locations, weights.shape[-1])
    spikes, weights = jnp.asarray(spikes), jnp.asarray(weights)
    lateral = None if lateral is None else jnp.asarray(lateral)
    state = rest(shape) if state is None else state
    blocks = (num_steps // block, block)
    given = (spikes.reshape(*blocks, *spikes.shape[1:]),)
    decay = leak(learning.tau, neuron.dt) if learning is not None else None
    if decay is not None:
        given += (traces(spikes, decay).reshape(given[0].shape),)

    def one_step(carry: tuple[State, Array], current: Array) -> tuple:
        state, trace = carry
        if lateral is not None:
            current = current - _held_down(neuron, state.spikes, lateral)
        state, fired = neuron.step(state, current)
        kept = [fired, state.v if "voltages" in monitors else None]
        if decay is not None:
            trace = step_trace(trace, fired, decay)
            kept.append(trace)
        return (state, trace), tuple(kept)

    def one_block(carry: tuple[Array, State, Array], given: tuple[Array, ...]) -> tuple:
        weights, state, trace = carry
        seen = fields.see(given[0])
        currents = jnp.einsum("sblk,lkf->sblf", seen, weights)
        (state, trace), (fired, voltages, *after) = jax.lax.scan(one_step, (state, trace), currents)
        if learning is not None:
            before = (_rows(seen), _rows(fields.see(given[1])))
            activity = Activity(*before, _rows(fired), _rows(after[0]))
            change = jax.vmap(learning.rule.change, (0, 1))(weights, activity)
            change = change / num_images if learning.average else change
            weights = jnp.clip(weights + change, learning.low, learning.high)
        seen_by = (
            fired if "spikes" in monitors else None,
            voltages,
            weights if "weights" in monitors else None,
        )
        return (weights, state, trace), seen_by

    carry = (weights, state, jnp.zeros_like(state.v))
    (weights, state, _), (fired, voltages, weight_history) = jax.lax.scan(one_block, carry, given)
    fired, voltages = (
        None if part is None else part.reshape(num_steps, *shape) for part in (fired, voltages)
    )
    return weights, state, Record(fired, voltages, weight_history)


def simulate(
    neuron: Neuron,
    weights: Array,
    spikes: Array,
    *,
    recurrent: Array | None = None,
    block: int | None = 100,
    monitors: Sequence[str] = ("spikes",),
) -> Record:
    """A dense layer that does not learn: spikes (T, I) or (T, B, I) through weights (I, N).

    Args:
        neuron: what the layer is made of.
        weights: (I, N), mV.
        spikes: of the inputs.
        recurrent: weights (N, N) within the layer, a step later.
        block: steps whose currents are one product, which bounds memory; T if it is less.
        monitors: names of `MONITORS`.

    Returns:
        What the monitors saw, (T, N) or (T, B, N).
    """
    many = spikes if spikes.ndim == 3 else spikes[:, None]
    block = None if block is None or block > len(spikes) else block
    lateral = None if recurrent is None else -recurrent
    record = present(
        neuron,
        weights[None],
        many,
        Fields(1, weights.shape[0]),
        lateral=lateral,
        block=block,
        monitors=monitors,
    )[2]
    shape = (*spikes.shape[:-1], weights.shape[1])
    return Record(*(None if part is None else part.reshape(shape) for part in record[:2]))


def _held_down(neuron: Neuron, spikes: Array, lateral: Array) -> Array:
    """What spikes (B, L, F) take from the potentials."""
    if getattr(neuron, "one_spike", False):  # one row of the matrix, not a product with all
        fired = jnp.max(spikes, axis=-1, keepdims=True)
        return fired * lateral[jnp.argmax(spikes, axis=-1)]
    return spikes @ lateral


def _rows(values: Array) -> Array:
    """(S, B, L, n) as rows (S B, L, n)."""
    return values.reshape(-1, *values.shape[2:])

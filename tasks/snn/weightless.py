r"""A network whose memory is its delays: all synapses weigh the same.

Every input fires once at most, at step t_i. It reaches neuron j at t_i + d_ij and adds the same
``weight`` for all; a leak forgets it within a few steps, so a neuron fires where many inputs arrive
together, that is for the pattern of spike times that its delays mirror. Neurons compete: the first
to fire holds the others down, and `learn` has one winner an image. Delay STDP
(`tasks.snn.plasticity.delay_change`) then moves its arrivals towards its spike:

    d_ij <- clip(d_ij + rate R (c_ij - mean_i c_ij), 0, longest),
    c_ij = lag e^{-|lag| / window},   lag = t_j - t_i - d_ij

The mean is over the inputs that fired: what a neuron's delays sum to is kept, as Diehl & Cook keep
the sum of weights. Without it delays grow until all are the longest, since a neuron fires after
most of its inputs have arrived.

R is 1; with `teach` "reward" it is 1 if the neuron that fired is of the image's class, else
-punishment; with "teacher", only neurons of the class take part while it is taught. Neuron j is of
class j mod C then, and in "none" of the class that it fires for most (`tasks.snn.voting`).

Delays are real numbers, and rounded when spikes travel: small changes add up.

arXiv 2202.07132 has the idea (weights carry nothing; delays, trained by Hebbian STDP, remember);
its equations, data and sizes are not known to us. Neuron, rule, code and constants are ours.

Shape letters: n images, I inputs, N neurons, C classes, T steps of the input, S = T + longest.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jax.typing import ArrayLike

from tasks.snn.connections import check_delays, delayed_once
from tasks.snn.neurons import DiehlCook, Number, State, leak, rest
from tasks.snn.plasticity import delay_change

TEACH = ("none", "reward", "teacher")


@struct.dataclass
class Weightless:
    """The network's constants; shapes are static, numbers may be traced.

    Attributes:
        num_inputs: I.
        num_neurons: N.
        num_steps: T.
        longest: delay, steps, >= 0.
        neuron: with ``one_spike``; its theta rises with every spike of training.
        weight: of every synapse.
        inhibition: what a spike takes from all others in the next step.
        rate: of delay STDP, share of the lag.
        window: of delay STDP, steps.
        punishment: R of a wrong spike is minus this.
        teach: "none", "reward" or "teacher".
    """

    num_inputs: int = struct.field(pytree_node=False)
    num_neurons: int = struct.field(pytree_node=False)
    num_steps: int = struct.field(pytree_node=False, default=32)
    longest: int = struct.field(pytree_node=False, default=32)
    neuron: DiehlCook = DiehlCook(
        threshold=0.1, reset=0.0, tau=32.0, refractory=1000.0, theta_plus=0.15, tau_theta=1e5
    )
    weight: Number = 1.0
    inhibition: Number = 500.0
    rate: Number = 0.15
    window: Number = 60.0
    punishment: Number = 0.3
    teach: str = struct.field(pytree_node=False, default="none")

    def __post_init__(self):
        for name in ("num_inputs", "num_neurons", "num_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.longest < 0:
            raise ValueError(f"longest: expected at least 0, got {self.longest}")
        if self.teach not in TEACH:
            raise ValueError(f"teach: expected one of {TEACH}, got {self.teach!r}")

    @property
    def duration(self) -> int:
        """S, steps until all has arrived."""
        return self.num_steps + self.longest


class Memory(NamedTuple):
    """What the network has learned.

    Attributes:
        delays: (I, N), steps, real numbers in [0, longest].
        theta: what is added to the thresholds, (N,).
    """

    delays: Array
    theta: Array


class Answer(NamedTuple):
    """What neurons did with one image.

    Attributes:
        fired: step of each one's first spike, (N,) int32; S is none.
        margin: greatest potential without spikes and inhibition, less the threshold, (N,).
        theta: after it, (N,).
    """

    fired: Array
    margin: Array
    theta: Array


def init(network: Weightless, key: Array) -> Memory:
    """Delays uniform in [0, longest], theta 0."""
    shape = (network.num_inputs, network.num_neurons)
    delays = jax.random.uniform(key, shape, maxval=float(network.longest))
    return Memory(delays, jnp.zeros(network.num_neurons))


def answer(network: Weightless, memory: Memory, times: Array, among: Array | None = None) -> Answer:
    """Show one image.

    Args:
        network: its constants.
        memory: what it knows.
        times: steps of the inputs' spikes (I,) int32; T or more is none.
        among: which neurons take part (N,); None is all.
    """
    currents = _currents(network, memory.delays, times)
    if among is not None:
        currents = currents * among
    state = rest(currents.shape[1:])._replace(adaptation=memory.theta)

    def step(state: State, current: Array) -> tuple[State, Array]:
        held = network.inhibition * (jnp.sum(state.spikes) - state.spikes)
        return network.neuron.step(state, current - held)

    state, spikes = jax.lax.scan(step, state, currents)
    fired = jnp.where(jnp.any(spikes > 0, axis=0), jnp.argmax(spikes, axis=0), network.duration)
    margin = _peak(network, currents)[0] - network.neuron.threshold - memory.theta
    return Answer(fired.astype(jnp.int32), margin, state.adaptation)


def peaks(network: Weightless, delays: Array, times: Array) -> Array:
    """How high each neuron's potential gets with one image if none fires, (N,).

    Args:
        network: its constants.
        delays: (I, N).
        times: of the inputs' spikes (I,).
    """
    return _peak(network, _currents(network, delays, times))[0]


def _currents(network: Weightless, delays: Array, times: Array) -> Array:
    times = jnp.where(times < network.num_steps, times, network.duration)
    return network.weight * delayed_once(times, delays, network.longest, network.duration)


def _peak(network: Weightless, currents: Array) -> tuple[Array, Array]:
    """The greatest potential without spikes, and its step, each (N,)."""
    kept = leak(network.neuron.tau, network.neuron.dt)

    def step(carry: tuple[Array, ...], now: tuple[Array, Array]) -> tuple[tuple[Array, ...], None]:
        potential, greatest, when = carry
        time, current = now
        potential = kept * potential + current
        when = jnp.where(potential > greatest, time, when)
        return (potential, jnp.maximum(greatest, potential), when), None

    zeros = jnp.zeros_like(currents[0])
    start = (zeros, zeros, jnp.zeros(zeros.shape, jnp.int32))
    given = (jnp.arange(len(currents), dtype=jnp.int32), currents)
    _, greatest, when = jax.lax.scan(step, start, given)[0]
    return greatest, when


def learn(
    network: Weightless, memory: Memory, times: Array, label: ArrayLike, num_classes: int
) -> Memory:
    """Show one image, and let the delays of the neuron that wins change.

    While it learns, thresholds sink until one neuron fires, at the peak of its potential: the one
    with the greatest peak less theta. So every image has a winner, however unlike it is to all.

    Args:
        network: its constants.
        memory: what it knows.
        times: of the inputs' spikes (I,).
        label: class of the image; of no use in "none".
        num_classes: C.
    """
    own = jnp.arange(network.num_neurons) % num_classes == label
    among = own.astype(jnp.float32) if network.teach == "teacher" else None
    peak, when = _peak(network, _currents(network, memory.delays, times))
    margin = peak - memory.theta
    margin = margin if among is None else jnp.where(among > 0, margin, -jnp.inf)
    chosen = jnp.arange(network.num_neurons) == jnp.argmax(margin)
    lags = when[None, :] - (times[:, None] + memory.delays)
    present = (times[:, None] < network.num_steps) & chosen
    change = delay_change(jnp.where(present, lags, jnp.inf), network.window)
    mean = jnp.sum(change, axis=0) / jnp.maximum(jnp.sum(present, axis=0), 1)
    change = jnp.where(present, change - mean, 0.0)
    if network.teach == "reward":
        change = change * jnp.where(own, 1.0, -network.punishment)
    delays = jnp.clip(memory.delays + network.rate * change, 0.0, float(network.longest))
    neuron = network.neuron
    kept = leak(neuron.tau_theta, neuron.dt * network.duration)
    return Memory(delays, kept * memory.theta + neuron.theta_plus * chosen)


def train(
    network: Weightless,
    memory: Memory,
    times: ArrayLike,
    labels: ArrayLike,
    key: Array,
    *,
    num_epochs: int = 1,
    num_classes: int = 10,
) -> Memory:
    """Show images one after another, in a new order every epoch.

    Args:
        network: its constants.
        memory: from `init` or `train`.
        times: (n, I) steps of the inputs' spikes (`encodings.latency_times`, `patterns`).
        labels: (n,); of no use in "none".
        key: of the order; consumed.
        num_epochs: >= 1.
        num_classes: C.

    Raises:
        ValueError: for other shapes, and delays beyond the buffer.
    """
    times = _checked(network, memory, times)
    return _train(network, memory, times, jnp.asarray(labels), key, num_epochs, num_classes)


@functools.partial(jax.jit, static_argnums=(5, 6))
def _train(
    network: Weightless,
    memory: Memory,
    times: Array,
    labels: Array,
    key: Array,
    num_epochs: int,
    num_classes: int,
) -> Memory:
    def step(memory: Memory, place: Array) -> tuple[Memory, None]:
        return learn(network, memory, times[place], labels[place], num_classes), None

    orders = jax.vmap(lambda k: jax.random.permutation(k, len(times)))(
        jax.random.split(key, num_epochs)
    )
    return jax.lax.scan(step, memory, orders.ravel())[0]


@jax.jit
def _answers(network: Weightless, memory: Memory, times: Array) -> Answer:
    return jax.lax.map(lambda t: answer(network, memory, t), times, batch_size=16)


def answers(network: Weightless, memory: Memory, times: ArrayLike) -> Answer:
    """Show images (n, I), learning nothing: an `Answer` whose arrays are (n, N).

    Raises:
        ValueError: as `train`.
    """
    return _answers(network, memory, _checked(network, memory, times))


def nearest(said: Answer) -> Array:
    """Counts (n, N) for `tasks.snn.voting`: 1 for who would fire first if all thresholds sank."""
    number = said.margin.shape[-1]
    return (jnp.arange(number) == jnp.argmax(said.margin, axis=-1)[:, None]).astype(jnp.int32)


def class_best(values: Array, num_classes: int) -> Array:
    """The greatest value among each class's neurons, j mod C: (..., N) -> (..., C)."""
    number = values.shape[-1]
    members = jnp.arange(number) % num_classes == jnp.arange(num_classes)[:, None]
    return jnp.max(jnp.where(members, values[..., None, :], -jnp.inf), axis=-1)


def _checked(network: Weightless, memory: Memory, times: ArrayLike) -> Array:
    check_delays(memory.delays, network.longest)
    times = jnp.asarray(times)
    if times.ndim != 2 or times.shape[1] != network.num_inputs:
        raise ValueError(f"times: expected shape (n, {network.num_inputs}), got {times.shape}")
    if memory.delays.shape[-2:] != (network.num_inputs, network.num_neurons):
        raise ValueError(
            f"delays: expected shape ({network.num_inputs}, {network.num_neurons}), "
            f"got {memory.delays.shape}"
        )
    return times.astype(jnp.int32)

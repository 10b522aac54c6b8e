r"""Spiking neurons, one step at a time.

A neuron is a frozen dataclass of numbers, hashed by value, with `step`, which maps a state and the
current of a time step to the next state and the spikes, 0 or 1; `rest` is the state before anything
came in. Arrays may have any shape: (N,), (images, N). Its numbers are the leaves of a pytree: other
numbers compile nothing, and `jax.vmap` runs over networks that differ in them.

Potentials v are relative to the resting potential, which is 0. Times are in ms, dt is the length of
a step. exp(-dt / tau) is the leak.

References: Diehl & Cook, Unsupervised learning of digit recognition using STDP (2015), in the form
without conductances of BindsNET (arXiv 1806.01423); `AdaptiveLIF` is that of Bellec et al. (2018),
as spyx has it.
"""

import math
from typing import NamedTuple, Protocol

import jax.numpy as jnp
from flax import struct
from jax import Array
from jax.typing import ArrayLike

Number = Array | float
"""A constant of a model: Python's number, or an array without axes, which may be traced."""

RESETS = ("zero", "subtract")


class State(NamedTuple):
    """What a neuron remembers.

    Attributes:
        v: potential above rest.
        spikes: of the last step, 0 or 1.
        adaptation: what is added to the threshold.
        refractory: ms until current is taken in again.
    """

    v: Array
    spikes: Array
    adaptation: Array
    refractory: Array


class Neuron(Protocol):
    """What `tasks.snn.simulate` needs of a neuron."""

    @property
    def dt(self) -> Number:
        """Milliseconds of a step."""
        ...

    def step(self, state: State, current: Array, /) -> tuple[State, Array]:
        """The next state and the spikes, both of the current's shape."""
        ...


def rest(shape: tuple[int, ...], dtype: jnp.dtype | type = jnp.float32) -> State:
    """The state of neurons that nothing has come to: zeros."""
    zeros = jnp.zeros(shape, dtype)
    return State(zeros, zeros, zeros, zeros)


def leak(tau: ArrayLike, dt: ArrayLike) -> Array:
    """exp(-dt / tau): what is left of a potential or a trace after a step; 1 for tau = inf."""
    return jnp.exp(-jnp.asarray(dt) / jnp.asarray(tau))


@struct.dataclass
class LIF:
    r"""Leaky integrate-and-fire; with ``tau`` inf, the default, integrate-and-fire.

    With the reset "zero", and a refractory period r in which currents are lost:

        v <- e^{-dt / tau} v + x [not refractory],   s = [v >= threshold],   v <- 0 if s

    With "subtract", the threshold is taken off in the step after, as in spyx, whose output is this
    one's, a step later:

        v <- e^{-dt / tau} v + x - threshold s_before,   s = [v >= threshold]

    Attributes:
        threshold: > 0.
        tau: of the membrane, ms, > 0; inf is no leak.
        refractory: ms, >= 0; 0 with "subtract".
        reset: "zero" or "subtract".
        dt: ms of a step, > 0.

    Raises:
        ValueError: for another reset, or a refractory period with "subtract".
    """

    threshold: Number = 1.0
    tau: Number = jnp.inf
    refractory: Number = 0.0
    reset: str = struct.field(pytree_node=False, default="zero")
    dt: Number = 1.0

    def __post_init__(self):
        check_positive(threshold=self.threshold, tau=self.tau, dt=self.dt)
        check_not_negative(refractory=self.refractory)
        if self.reset not in RESETS:
            raise ValueError(f"reset: expected one of {RESETS}, got {self.reset!r}")
        if self.reset == "subtract":
            check_range(0.0, refractory=self.refractory)

    def step(self, state: State, current: Array) -> tuple[State, Array]:
        """Take in the current of one step."""
        decayed = leak(self.tau, self.dt) * state.v
        if self.reset == "subtract":
            v = decayed + current - self.threshold * state.spikes
            spikes = (v >= self.threshold).astype(v.dtype)
            return state._replace(v=v, spikes=spikes), spikes
        v = decayed + jnp.where(state.refractory > 0, 0.0, current)
        fires = v >= self.threshold
        spikes = fires.astype(v.dtype)
        wait = jnp.where(fires, self.refractory, jnp.maximum(state.refractory - self.dt, 0.0))
        return state._replace(v=jnp.where(fires, 0.0, v), spikes=spikes, refractory=wait), spikes


@struct.dataclass
class AdaptiveLIF:
    r"""LIF whose threshold rises with its spikes.

        v <- e^{-dt / tau} v + x - (threshold + a) s_before      (a before this step's change)
        a <- g a + (1 - g) s_before,    g = e^{-dt / tau_adaptation}
        s = [v >= threshold + scale a]

    The threshold that is taken off is the one that was passed. With ``scale`` 1 it is spyx's ALIF,
    whose output comes a step later.

    Attributes:
        threshold: of a neuron that has not fired, > 0.
        tau: of the membrane, ms, > 0.
        tau_adaptation: of the threshold, ms, > 0.
        scale: of the adaptation, >= 0.
        dt: ms of a step, > 0.
    """

    threshold: Number = 1.0
    tau: Number = 20.0
    tau_adaptation: Number = 100.0
    scale: Number = 1.0
    dt: Number = 1.0

    def __post_init__(self):
        check_positive(
            threshold=self.threshold,
            tau=self.tau,
            tau_adaptation=self.tau_adaptation,
            dt=self.dt,
        )
        check_not_negative(scale=self.scale)

    def step(self, state: State, current: Array) -> tuple[State, Array]:
        """Take in the current of one step."""
        passed = self.threshold + self.scale * state.adaptation
        v = leak(self.tau, self.dt) * state.v + current - passed * state.spikes
        kept = leak(self.tau_adaptation, self.dt)
        adaptation = kept * state.adaptation + (1 - kept) * state.spikes
        spikes = (v >= self.threshold + self.scale * adaptation).astype(v.dtype)
        return state._replace(v=v, spikes=spikes, adaptation=adaptation), spikes


@struct.dataclass
class DiehlCook:
    r"""Diehl & Cook's excitatory neuron without conductances.

        v <- e^{-dt / tau} v + x [not refractory]
        s = [v >= threshold + theta],    v <- reset if s,
        theta <- e^{-dt / tau_theta} theta + theta_plus s   (theta is ``adaptation``)

    With ``one_spike``, of the neurons along the last axis that pass their thresholds only the one
    that passes it by most fires, and resets; the others wait at their potential. (BindsNET draws
    one of them; the choice without luck is ours.)

    Potentials are in mV above rest: rest -65, reset -60 and threshold -52 mV are 0, 5 and 13.

    Attributes:
        threshold: mV above rest, > 0.
        reset: mV above rest.
        tau: of the membrane, ms, > 0.
        refractory: ms, >= 0.
        theta_plus: mV a spike, >= 0; 0 freezes theta but for its decay.
        tau_theta: ms, > 0; inf is no decay.
        one_spike: at most one spike in a step along the last axis.
        dt: ms of a step, > 0.
    """

    threshold: Number = 13.0
    reset: Number = 5.0
    tau: Number = 100.0
    refractory: Number = 5.0
    theta_plus: Number = 0.05
    tau_theta: Number = 1e7
    one_spike: bool = struct.field(pytree_node=False, default=True)
    dt: Number = 1.0

    def __post_init__(self):
        check_positive(threshold=self.threshold, tau=self.tau, tau_theta=self.tau_theta, dt=self.dt)
        check_not_negative(refractory=self.refractory, theta_plus=self.theta_plus)

    def step(self, state: State, current: Array) -> tuple[State, Array]:
        """Take in the current of one step."""
        v = leak(self.tau, self.dt) * state.v + jnp.where(state.refractory > 0, 0.0, current)
        excess = v - (self.threshold + state.adaptation)
        fires = excess >= 0
        if self.one_spike:
            fires = fires & winner(excess)
        spikes = fires.astype(v.dtype)
        wait = jnp.where(fires, self.refractory, jnp.maximum(state.refractory - self.dt, 0.0))
        theta = leak(self.tau_theta, self.dt) * state.adaptation + self.theta_plus * spikes
        return State(jnp.where(fires, self.reset, v), spikes, theta, wait), spikes


def winner(values: Array) -> Array:
    """Whether a value is the greatest along the last axis; the first of equals only."""
    places = jnp.arange(values.shape[-1])
    return places == jnp.argmax(values, axis=-1, keepdims=True)


def check_positive(**numbers: ArrayLike) -> None:
    """Raise ValueError unless the numbers are > 0; traced ones and arrays are not looked at."""
    for name, number in numbers.items():
        if isinstance(number, int | float) and not number > 0:
            raise ValueError(f"{name}: expected a number above 0, got {number}")


def check_not_negative(**numbers: ArrayLike) -> None:
    """Raise ValueError unless the numbers are >= 0; traced ones and arrays are not looked at."""
    check_range(math.inf, **numbers)


def check_range(most: float, **numbers: ArrayLike) -> None:
    """Raise ValueError unless the numbers are in [0, most]; others than Python's are not seen."""
    for name, number in numbers.items():
        if isinstance(number, int | float) and not 0 <= number <= most:
            raise ValueError(f"{name}: expected a number in [0, {most}], got {number}")

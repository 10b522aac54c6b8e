r"""How synapses learn from the spikes on their two sides.

Rules are frozen dataclasses whose numbers are a pytree's leaves, as those of `tasks.snn.neurons`.
`PairSTDP`, `WeightDependentSTDP` and `Hebbian` are sums of products of one side's spikes s and the
other side's trace x, so the change over any number of time steps and images, at fixed weights, is
two matrix products. ``change`` takes rows: (R, I) and (R, O), R = steps * images; one step of one
image is R = 1, the rule as it is written. Traces:

    x <- e^{-dt / tau} x,   then 1 at a spike (`trace`), or + 1 (`additive`)

`RewardSTDP` carries a state from step to step, as the reward comes later than the spikes.
`delay_change` moves delays instead of weights.

Shape letters: R rows, T steps, I inputs (before), O outputs (after).

References: BindsNET (arXiv 1806.01423); Florian, Reinforcement learning through modulation of
spike-timing-dependent synaptic plasticity (2007); Hopfield, Pattern recognition computation using
action potential timing (1995), and arXiv 2202.07132 for delays.
"""

from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from tasks.snn.neurons import Number, check_not_negative, check_positive, leak


def step_trace(trace: Array, spikes: Array, decay: Number, additive: bool = False) -> Array:
    """The trace after one more step: decayed, then set to 1 at a spike, or raised by 1."""
    kept = decay * trace
    return kept + spikes if additive else jnp.where(spikes > 0, 1.0, kept)


def traces(
    spikes: Array, decay: Number, start: Array | None = None, additive: bool = False
) -> Array:
    """Traces (T, ...) of spikes (T, ...), each step's own spike included.

    Args:
        spikes: (T, ...), the time first.
        decay: e^{-dt / tau}.
        start: the trace before the first step; None is 0.
        additive: spikes add 1 rather than set to 1.
    """

    def step(trace: Array, now: Array) -> tuple[Array, Array]:
        trace = step_trace(trace, now, decay, additive)
        return trace, trace

    start = jnp.zeros_like(spikes[0]) if start is None else start
    return jax.lax.scan(step, start, spikes)[1]


class Activity(NamedTuple):
    """Spikes and traces on both sides.

    Attributes:
        before: spikes (R, I).
        before_trace: (R, I), the row's own spikes included.
        after: spikes (R, O).
        after_trace: (R, O).
    """

    before: Array
    before_trace: Array
    after: Array
    after_trace: Array


class Rule(Protocol):
    """What a network needs of a rule without reward."""

    def change(self, weights: Array, activity: Activity, /) -> Array:
        """What is to be added to the weights (I, O)."""
        ...


@struct.dataclass
class PairSTDP:
    """dw = rate_after x_before s_after - rate_before s_before x_after: BindsNET's PostPre.

    Attributes:
        rate_before: nu0, of depression when the input fires, >= 0; None is 0, without its product.
        rate_after: nu1, of potentiation when the output fires, >= 0.
    """

    rate_before: Number | None = 1e-4
    rate_after: Number = 1e-2

    def __post_init__(self):
        _check_rates(self)

    def change(self, weights: Array, activity: Activity) -> Array:
        """What is to be added to the weights (I, O)."""
        del weights
        raised, lowered = _products(self, activity)
        return raised - lowered


@struct.dataclass
class WeightDependentSTDP:
    """dw = rate_after x_before s_after (high - w) - rate_before s_before x_after (w - low).

    The nearer to a bound, the smaller the step towards it. Over several rows w is that before them.

    Attributes:
        rate_before: nu0 >= 0, or None.
        rate_after: nu1 >= 0.
        low: least weight.
        high: greatest weight.
    """

    rate_before: Number | None = 1e-4
    rate_after: Number = 1e-2
    low: Number = 0.0
    high: Number = 1.0

    def __post_init__(self):
        _check_rates(self)

    def change(self, weights: Array, activity: Activity) -> Array:
        """What is to be added to the weights (I, O)."""
        raised, lowered = _products(self, activity)
        return raised * (self.high - weights) - lowered * (weights - self.low)


@struct.dataclass
class Hebbian:
    """dw = rate_after x_before s_after + rate_before s_before x_after: both orders strengthen.

    Attributes:
        rate_before: nu0 >= 0, or None.
        rate_after: nu1 >= 0.
    """

    rate_before: Number | None = 1e-4
    rate_after: Number = 1e-2

    def __post_init__(self):
        _check_rates(self)

    def change(self, weights: Array, activity: Activity) -> Array:
        """What is to be added to the weights (I, O)."""
        del weights
        raised, lowered = _products(self, activity)
        return raised + lowered


def _products(rule: PairSTDP | WeightDependentSTDP | Hebbian, activity: Activity) -> tuple:
    raised = rule.rate_after * (activity.before_trace.T @ activity.after)
    if rule.rate_before is None:
        return raised, jnp.zeros_like(raised)
    return raised, rule.rate_before * (activity.before.T @ activity.after_trace)


def _check_rates(rule: PairSTDP | WeightDependentSTDP | Hebbian) -> None:
    check_not_negative(rate_after=rule.rate_after)
    if rule.rate_before is not None:
        check_not_negative(rate_before=rule.rate_before)


class RewardState(NamedTuple):
    """What reward-modulated STDP remembers.

    Attributes:
        plus: P+, trace of the inputs' spikes (I,).
        minus: P-, trace of the outputs' spikes (O,).
        pairs: zeta of the last step (I, O).
        eligibility: z, (I, O); zeros where none is kept.
    """

    plus: Array
    minus: Array
    pairs: Array
    eligibility: Array


@struct.dataclass
class RewardSTDP:
    r"""STDP that a reward R turns into a change: Florian's MSTDP and, with a trace, MSTDPET.

        P+ <- e^{-dt / tau_plus} P+ + a_plus s_before
        P- <- e^{-dt / tau_minus} P- + a_minus s_after
        zeta = P+ s_after + s_before P-
        MSTDP:    dw = rate R zeta(step before)
        MSTDPET:  z <- e^{-dt / tau_z} z + zeta(step before) / tau_z,   dw = rate dt R z

    Attributes:
        rate: nu >= 0.
        a_plus: of input before output.
        a_minus: of output before input; < 0 weakens.
        tau_plus: ms.
        tau_minus: ms.
        tau_eligibility: tau_z, ms; None is MSTDP.
        dt: ms of a step.
    """

    rate: Number = 1e-2
    a_plus: Number = 1.0
    a_minus: Number = -1.0
    tau_plus: Number = 20.0
    tau_minus: Number = 20.0
    tau_eligibility: Number | None = None
    dt: Number = 1.0

    def __post_init__(self):
        check_not_negative(rate=self.rate)
        check_positive(tau_plus=self.tau_plus, tau_minus=self.tau_minus, dt=self.dt)
        if self.tau_eligibility is not None:
            check_positive(tau_eligibility=self.tau_eligibility)

    def start(self, num_inputs: int, num_outputs: int) -> RewardState:
        """The state before the first step."""
        synapses = jnp.zeros((num_inputs, num_outputs))
        return RewardState(jnp.zeros(num_inputs), jnp.zeros(num_outputs), synapses, synapses)

    def step(
        self, state: RewardState, before: Array, after: Array, reward: Number
    ) -> tuple[RewardState, Array]:
        """One step.

        Args:
            state: of the step before.
            before: the inputs' spikes (I,).
            after: the outputs' spikes (O,).
            reward: R, a number.

        Returns:
            The next state, and what is to be added to the weights (I, O).
        """
        if self.tau_eligibility is None:
            eligibility, change = state.eligibility, self.rate * reward * state.pairs
        else:
            kept = leak(self.tau_eligibility, self.dt) * state.eligibility
            eligibility = kept + state.pairs / self.tau_eligibility
            change = self.rate * self.dt * reward * eligibility
        plus = leak(self.tau_plus, self.dt) * state.plus + self.a_plus * before
        minus = leak(self.tau_minus, self.dt) * state.minus + self.a_minus * after
        pairs = plus[:, None] * after + before[:, None] * minus
        return RewardState(plus, minus, pairs, eligibility), change


class Expectation(NamedTuple):
    """Reward prediction error R - mean, of a mean over about ``window`` rewards.

    Attributes:
        mean: exponential moving average of the rewards.
    """

    mean: Array

    def step(self, reward: Number, window: Number = 10.0) -> tuple["Expectation", Array]:
        """The next mean, and the reward less the mean before it."""
        error = reward - self.mean
        return Expectation(self.mean + error / window), error


def delay_change(lags: Array, window: Number) -> Array:
    r"""How delays move so that spikes which were nearly together arrive together (delay STDP).

    An input that arrived ``lag`` steps before its output fired is to come later, one that arrived
    after it earlier; far from the output's spike a synapse is left alone. To be multiplied by a
    rate, and by a reward where there is one:

        dd = lag e^{-|lag| / window}                                  (delay STDP; ours)

    The rule is Hebbian: it is zero without a spike on either side. At its fixed point all inputs of
    a neuron arrive when it fires: the delays hold the pattern of spike times, mirrored. The paper
    (arXiv 2202.07132) names "Hebbian STDP that modulates delays" and no equation that we know.

    Args:
        lags: the output's spike less the arrivals, steps, any shape; inf where either is missing.
        window: steps, > 0; inf weighs all alike.

    Returns:
        Steps that the delays are to be longer.
    """
    near = jnp.where(jnp.isfinite(lags), lags, 0.0)
    return near * jnp.exp(-jnp.abs(near) / window)

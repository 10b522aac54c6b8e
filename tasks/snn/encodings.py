r"""Images in [0, 1] as spikes.

Every function maps values of any shape (..., I) to spikes 0 or 1 of shape (T, ..., I), the time
first. Rates are in Hz, dt in ms.

Shape letters: T steps, I inputs.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from tasks.snn.neurons import Number, check_not_negative, check_positive, check_range


def poisson(
    key: Array, values: ArrayLike, num_steps: int, rate: Number = 128.0, dt: Number = 1.0
) -> Array:
    r"""Poisson trains of the rates ``rate * values``, in Hz.

    A step has a spike if at least one event falls into it, p = 1 - exp(-rate value dt / 1000), and
    steps are independent; so the number of spikes of a train is that of a Poisson process but for
    events that share a step.

    Args:
        key: consumed.
        values: (..., I) >= 0.
        num_steps: T >= 1.
        rate: of a value of 1, Hz, >= 0.
        dt: ms of a step.

    Raises:
        ValueError: for negative or not finite values or rates, and T < 1.
    """
    values = _checked(values, num_steps)
    check_not_negative(rate=rate)
    check_positive(dt=dt)
    chance = -jnp.expm1(-values * rate * dt / 1000)
    return _draw(key, chance, num_steps)


def bernoulli(key: Array, values: ArrayLike, num_steps: int, chance: Number = 1.0) -> Array:
    """A spike in each step with probability ``chance * value``, at most 1.

    Args:
        key: consumed.
        values: (..., I) in [0, 1].
        num_steps: T >= 1.
        chance: of a value of 1, in [0, 1].

    Raises:
        ValueError: as `poisson`.
    """
    values = _checked(values, num_steps)
    check_range(1.0, chance=chance)
    return _draw(key, values * chance, num_steps)


def latency(values: ArrayLike, num_steps: int, silent: bool = True) -> Array:
    """One spike each, the earlier the greater the value: at step round((1 - value) (T - 1)).

    Args:
        values: (..., I) in [0, 1].
        num_steps: T >= 1.
        silent: values of 0 have no spike; else they have theirs in the last step.

    Raises:
        ValueError: as `poisson`, and for values above 1.
    """
    return one_hot_steps(latency_times(values, num_steps, silent), num_steps)


def latency_times(values: ArrayLike, num_steps: int, silent: bool = True) -> Array:
    """Steps (..., I) int32 of the spikes of `latency`; T is none."""
    values = _checked(values, num_steps, most=1.0)
    times = jnp.round((1 - values) * (num_steps - 1)).astype(jnp.int32)
    return jnp.where(values > 0, times, num_steps) if silent else times


def rank_order(values: ArrayLike, num_steps: int) -> Array:
    """One spike each, in the order of the values, evenly over the steps.

    The r-th greatest, from 0, of the M positive values of an image fires at floor(r T / M); equal
    values in the order of their places. Values of 0 do not fire.

    Args:
        values: (..., I) >= 0.
        num_steps: T >= 1.

    Raises:
        ValueError: as `poisson`.
    """
    values = _checked(values, num_steps)
    ranks = jnp.argsort(jnp.argsort(-values, axis=-1), axis=-1)
    number = jnp.maximum(jnp.sum(values > 0, axis=-1, keepdims=True), 1)
    times = (ranks * num_steps) // number
    return one_hot_steps(jnp.where(values > 0, times, num_steps), num_steps)


def one_hot_steps(times: Array, num_steps: int) -> Array:
    """Spikes (T, ..., I) of one a train at given steps (..., I); outside of [0, T) it is none."""
    steps = jnp.arange(num_steps).reshape(-1, *(1,) * times.ndim)
    return (steps == times).astype(jnp.float32)


def _draw(key: Array, chance: Array, num_steps: int) -> Array:
    # 16 bits a draw: half the generator's work, probabilities in steps of 1.5e-5.
    bits = jax.random.bits(key, (num_steps, *chance.shape), jnp.uint16)
    level = jnp.round(jnp.clip(chance, 0, 1) * 65536).astype(jnp.int32)
    return (bits.astype(jnp.int32) < level).astype(jnp.float32)


def checked(name: str, values: ArrayLike, most: float = np.inf) -> Array:
    """Values float32; ValueError unless they are finite ones in [0, most], or traced."""
    if not isinstance(values, Tracer):
        found = np.asarray(values)
        if not np.all((found >= 0) & (found <= most) & np.isfinite(found)):
            raise ValueError(
                f"{name}: expected finite numbers in [0, {most}], "
                f"got {found.min()} to {found.max()}"
            )
    return jnp.asarray(values, jnp.float32)


def _checked(values: ArrayLike, num_steps: int, most: float = np.inf) -> Array:
    if num_steps < 1:
        raise ValueError(f"num_steps: expected at least 1, got {num_steps}")
    return checked("values", values, most)

"""Running number, mean and spread of values that come one after the other.

Shape letter: K series.

Reference: Welford, Note on a method for calculating corrected sums of squares and products,
Technometrics 4 (1962).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


class Running(NamedTuple):
    """Number n, mean m and sum of squared deviations S of each series, shapes (K,)."""

    number: Array
    mean: Array
    squares: Array


def none(like: Array) -> Running:
    """Of nothing, for K series like these."""
    zeros = jnp.zeros_like(like)
    return Running(zeros, zeros, zeros)


def add(before: Running, values: Array) -> Running:
    """With one more value x each, (K,): n + 1, m + (x - m) / (n + 1), S + (x - m) (x - m').

    NaN is no value. An infinite one makes the mean infinite, and says nothing of the spread.
    """
    valid = ~jnp.isnan(values)
    number = before.number + valid.astype(values.dtype)
    delta = values - before.mean
    finite = jnp.isfinite(delta)
    mean = jnp.where(finite, before.mean + delta / jnp.maximum(number, 1.0), before.mean + values)
    squares = before.squares + jnp.where(finite, delta * (values - mean), 0.0)
    return Running(
        number, jnp.where(valid, mean, before.mean), jnp.where(valid, squares, before.squares)
    )


def forget(before: Running, which: Array) -> Running:
    """Without the values of some series, booleans (K,)."""
    return jax.tree.map(lambda leaf: jnp.where(which, 0.0, leaf), before)


def standard_errors(of: Running) -> Array:
    """sqrt(S / (n - 1) / n), (K,); NaN from fewer than two values."""
    variance = of.squares / jnp.maximum(of.number - 1.0, 1.0)
    return jnp.where(of.number > 1.0, jnp.sqrt(variance / jnp.maximum(of.number, 1.0)), jnp.nan)


def upper_bounds(of: Running, num_errors: ArrayLike) -> Array:
    """Mean and so many standard errors, (K,), of the pooled spread; infinite if that is unknown."""
    freedom = jnp.sum(jnp.maximum(of.number - 1.0, 0.0))
    variance = jnp.sum(of.squares) / freedom
    spread = jnp.where(freedom > 0.0, num_errors * jnp.sqrt(variance / of.number), jnp.inf)
    bounds = of.mean + spread
    return jnp.where((of.number > 0.0) & ~jnp.isnan(bounds), bounds, jnp.inf)

"""Codes: how an observation becomes what input neurons of `tasks.rl.glm` do.

Each takes an observation (d,) and the ranges of its numbers, and returns (steps, neurons).
"""

import math
from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from tasks.rl.critics import unit
from tasks.rl.environments import Ranges


def scaled(observation: Array, ranges: Ranges) -> Array:
    """The observation itself, its ranges scaled to +-sqrt(3) and cut there: (1, d)."""
    return (math.sqrt(3) * (2 * unit(observation, ranges) - 1))[None]


def raw(observation: Array, ranges: Ranges) -> Array:
    """The observation as it is, (1, d)."""
    del ranges
    return observation[None]


def windows(observation: Array, ranges: Ranges) -> Array:
    """Ten neurons a variable, five neighbours of which fire: where says how large it is, (1, 10 d).

    A "5-of-10" code (paper); that the five are neighbours, in six positions, is ours.
    """
    first = jnp.minimum(jnp.floor(6 * unit(observation, ranges)), 5)[:, None]
    neurons = jnp.arange(10)
    fires = (neurons >= first) & (neurons < first + 5)
    return jnp.where(fires, 1.0, -1.0).reshape(1, -1)


def binary(observation: Array, ranges: Ranges) -> Array:
    """Spike trains of 3 neurons over 5 steps, (5, 3), for a cell (row, column) of 10 x 10.

    The size is the paper's, the code ours: the binary digits, lowest first, of row (4), column (4)
    and 10 row + column (7), read step by step; 1 is a spike, 0 is -1.
    """
    del ranges
    row, column = jnp.round(observation).astype(int)
    numbers = ((row, 4), (column, 4), (10 * row + column, 7))
    digits = jnp.concatenate([(number >> jnp.arange(size)) & 1 for number, size in numbers])
    return (2.0 * digits - 1).reshape(5, 3)


CODES: dict[str, Callable[[Array, Ranges], Array]] = {
    "scaled": scaled,
    "raw": raw,
    "windows": windows,
    "binary": binary,
}

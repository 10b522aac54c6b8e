"""A gridworld in which moves go wrong, as functions in the shape of gymnax's environments.

Size, moves and reward: arXiv 1910.06489, "Reinforcement learning with a network of spiking agents";
the corners and the walls: its authors' code.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

SIZE = 10
GOAL_REWARD = 10.0
# (row, column) of up, right, down, left: the neighbours of one are what is left and right of it.
DIRECTIONS = ((-1, 0), (0, 1), (1, 0), (0, -1))
# Probabilities of going where one wants to, and to the left or to the right of that.
INTENDED, VEER_LEFT, VEER_RIGHT = 0.8, 0.05, 0.05


class Place(NamedTuple):
    """Where the agent is: row, 0 at the top, and column, integers in [0, 9]."""

    row: Array
    column: Array


def _observe(place: Place) -> Array:
    """(row, column) as real numbers."""
    return jnp.stack([place.row, place.column]).astype(float)


def reset(key: Array) -> tuple[Array, Place]:
    """The top left corner, always: its observation (0, 0) and state."""
    del key
    place = Place(jnp.asarray(0), jnp.asarray(0))
    return _observe(place), place


def step(key: Array, place: Place, action: Array) -> tuple[Array, Place, Array, Array]:
    """Try to go to a neighbouring cell.

    The agent goes where it wants to with probability 0.8, to the left or to the right of that with
    0.05 each, and stays with 0.1. At a wall it stays too. Entering the bottom right corner gives
    the reward 10 and is the end; all else gives 0.

    Args:
        key: of the move's luck.
        place: before the move.
        action: 0 up, 1 right, 2 down, 3 left.

    Returns:
        (observation (2,): row and column, place, reward, whether it was the end).
    """
    luck = jax.random.uniform(key)
    turn = jnp.where(luck < INTENDED, 0, jnp.where(luck < INTENDED + VEER_LEFT, -1, 1))
    moves = luck < INTENDED + VEER_LEFT + VEER_RIGHT
    row_step, column_step = jnp.asarray(DIRECTIONS)[(action + turn) % len(DIRECTIONS)] * moves
    place = Place(
        jnp.clip(place.row + row_step, 0, SIZE - 1),
        jnp.clip(place.column + column_step, 0, SIZE - 1),
    )
    ended = (place.row == SIZE - 1) & (place.column == SIZE - 1)
    return _observe(place), place, jnp.where(ended, GOAL_REWARD, 0.0), ended

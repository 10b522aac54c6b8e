"""The gridworld: where moves lead and how often, walls, the goal, and as a control task."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.rl import gridworld
from tasks.rl.gridworld import Place

NUM = 8000
UP, RIGHT, DOWN, LEFT = range(4)
# Where each action leads to from (4, 4): intended, veered to the left, to the right, not at all.
ENDS = {
    UP: [(3, 4), (4, 3), (4, 5), (4, 4)],
    RIGHT: [(4, 5), (3, 4), (5, 4), (4, 4)],
    DOWN: [(5, 4), (4, 5), (4, 3), (4, 4)],
    LEFT: [(4, 3), (5, 4), (3, 4), (4, 4)],
}


@jax.jit
def tried(row, column, action):
    """(places, rewards, ends) of NUM moves."""
    keys = jax.random.split(jax.random.key(0), NUM)
    place = Place(jnp.asarray(row), jnp.asarray(column))
    return jax.vmap(gridworld.step, (0, None, None))(keys, place, action)[1:]


@pytest.mark.parametrize("action", ENDS)
def test_moves_and_their_probabilities(action):
    places, rewards, ends = tried(4, 4, action)
    found = np.stack([places.row, places.column], axis=1)
    shares = [np.mean((found == end).all(axis=1)) for end in ENDS[action]]
    np.testing.assert_allclose(shares, [0.8, 0.05, 0.05, 0.1], atol=0.016)  # 3.5 standard errors
    assert sum(shares) == pytest.approx(1)
    assert not np.any(rewards)
    assert not np.any(ends)


def test_walls_hold():
    places, *_ = tried(0, 0, UP)
    assert np.all(np.asarray(places.row) == 0)
    assert np.mean(np.asarray(places.column) == 1) == pytest.approx(0.05, abs=0.01)
    places, *_ = tried(9, 3, DOWN)
    assert np.all(np.asarray(places.row) == 9)


def test_the_goal_is_rewarded_and_the_end():
    places, rewards, ends = tried(9, 8, RIGHT)
    there = (np.asarray(places.row) == 9) & (np.asarray(places.column) == 9)
    assert np.mean(there) == pytest.approx(0.8, abs=0.016)
    np.testing.assert_array_equal(ends, there)
    np.testing.assert_array_equal(rewards, 10.0 * there)


def test_starts_in_the_corner_and_observes_its_place():
    observation, place = gridworld.reset(jax.random.key(1))
    assert (int(place.row), int(place.column)) == (0, 0)
    np.testing.assert_array_equal(observation, [0, 0])
    observation, place, *_ = gridworld.step(jax.random.key(0), Place(*jnp.array([3, 6])), RIGHT)
    np.testing.assert_array_equal(observation, [int(place.row), int(place.column)])

"""Frames of MinAtar's Breakout with what a player would do: an image a step, three classes.

The player follows the ball: left, right, or nothing if it is above the paddle. It plays with half
of its actions drawn at random, so that there are frames in which it has to move.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tasks.images import Images
from tasks.rl import ENVIRONMENTS
from tasks.rl.simulator import simulator

BRIGHTNESS = (1.0, 1.0, 0.5, 0.25)
"""Of paddle, ball, trail and bricks."""

_RANDOM = 0.5


@functools.partial(jax.jit, static_argnums=1)
def play(key: Array, num_steps: int) -> tuple[Array, Array]:
    """Frames (num_steps, 10, 10) in [0, 1] and actions (num_steps,): 0 nothing, 1 left, 2 right."""
    game = simulator(ENVIRONMENTS["minatar_breakout"])

    def step(carry: tuple, key: Array) -> tuple:
        planes, state = carry
        paddle, ball = (jnp.argmax(jnp.max(planes[..., plane], axis=0)) for plane in (0, 1))
        wanted = jnp.where(ball < paddle, 1, jnp.where(ball > paddle, 2, 0))
        luck, choice, move, start = jax.random.split(key, 4)
        drawn = jax.random.randint(choice, (), 0, 3)
        action = jnp.where(jax.random.bernoulli(luck, _RANDOM), drawn, wanted)
        after, new_state, _, ended = game.step(move, state, action)
        begun = game.reset(start)
        following = jax.tree.map(
            lambda first, second: jnp.where(ended, first, second), begun, (after, new_state)
        )
        frame = jnp.max(planes * jnp.asarray(BRIGHTNESS), axis=-1)
        return following, (frame, wanted)

    begin, luck = jax.random.split(key)
    return jax.lax.scan(step, game.reset(begin), jax.random.split(luck, num_steps))[1]


def draw(key: Array, num_train: int, num_test: int) -> Images:
    """Frames to train on and, of other games, to test: as many of each class, in random order.

    Those who are seen twice are only kept once, and no frame is in both.

    Raises:
        ValueError: there are not so many different frames.
    """
    key_play, key_order = jax.random.split(key)
    frames, actions = map(np.asarray, play(key_play, 20 * (num_train + num_test)))
    _, first = np.unique(frames.reshape(len(frames), -1), axis=0, return_index=True)
    order = np.asarray(jax.random.permutation(key_order, np.sort(first)))
    share = (num_train + num_test) // 3
    kept = [order[actions[order] == action][:share] for action in range(3)]
    if min(map(len, kept)) < share:
        raise ValueError(
            f"num_train: expected at most {3 * min(map(len, kept)) - num_test}, the different "
            f"frames of {len(frames)} steps, got {num_train}"
        )
    # In turn, so that both parts have as many of each class.
    places = np.stack(kept, axis=1).ravel()
    train, test = places[: num_train - num_train % 3], places[num_train - num_train % 3 :]
    labels = actions.astype(np.int32)
    return Images(frames[train], labels[train], frames[test], labels[test])

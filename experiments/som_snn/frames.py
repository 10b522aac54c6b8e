"""Frames of MinAtar's Breakout with what a player would do: an image a step, three classes.

The player follows the ball: left, right, or nothing if it is above the paddle. A tenth of its
actions are drawn at random, so that it does not see the same game again and again.
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

_RANDOM = 0.1
# Games are much alike: of so many steps one is a frame that was not seen before, and more.
_STEPS = 80


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
    """Different frames in random order, to train on and to test; none is in both.

    Raises:
        ValueError: there are not so many different frames.
    """
    key_play, key_order = jax.random.split(key)
    number = num_train + num_test
    frames, actions = map(np.asarray, play(key_play, _STEPS * number))
    _, first = np.unique(frames.reshape(len(frames), -1), axis=0, return_index=True)
    if len(first) < number:
        raise ValueError(
            f"num_train: expected at most {len(first) - num_test}, the different frames of "
            f"{len(frames)} steps but those to test, got {num_train}"
        )
    places = np.asarray(jax.random.permutation(key_order, np.sort(first)))
    train, test = places[:num_train], places[num_train:number]
    labels = actions.astype(np.int32)
    return Images(frames[train], labels[train], frames[test], labels[test])

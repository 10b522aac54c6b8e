"""Environments inside jit: gymnax's, and others. The only file that imports gymnax.

Reference: https://github.com/RobertTLange/gymnax, 1.0.1.
"""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from tasks.rl import gridworld, swimmer
from tasks.rl.environments import Environment


class Simulator(NamedTuple):
    """One episode of an environment. Gymnax's own time limit is left out.

    Attributes:
        reset: key -> (observation, state).
        step: (key, state, action) -> (observation, state, reward, whether it was an end).

    Observations have the environment's own shape, O numbers in all: a loop that carries planes flat
    takes up to half as long again.
    """

    reset: Callable[[Array], tuple[Array, Any]]
    step: Callable[[Array, Any, Array], tuple[Array, Any, Array, Array]]


def gymnax() -> ModuleType:
    """The package, or an ImportError with the install command."""
    try:
        return importlib.import_module("gymnax")
    except ImportError as error:
        raise ImportError(
            'Control tasks need gymnax: pip install "diffevo-jax[experiments]"'
        ) from error


def _stop_at_wall(state: Any, constants: Any) -> Any:
    """Gymnasium's car stands still once it is at the left wall; gymnax's keeps its speed."""
    at_wall = (state.position <= constants.min_position) & (state.velocity < 0)
    return state.replace(velocity=jnp.where(at_wall, 0.0, state.velocity))


# Where gymnax departs from Gymnasium by mistake. tests/tasks/rl/test_simulator.py says for each
# that it is still needed.
MENDS: dict[str, Callable[[Any, Any], Any]] = {"MountainCarContinuous-v0": _stop_at_wall}


# What gymnax lacks, by the name of the environment.
OWN = {
    "Gridworld": Simulator(gridworld.reset, gridworld.step),
    "Swimmer-v5": Simulator(swimmer.reset, swimmer.step),
}


def require(environment: Environment) -> None:
    """Raise an ImportError, with the install command, without what an environment needs."""
    if environment.name == "Swimmer-v5":
        swimmer.packages()
    else:
        gymnax()


def simulator(environment: Environment) -> Simulator:
    """The environment of that name: one of `OWN`, or gymnax's, with `MENDS`.

    Raises:
        ImportError: without gymnax, with the command that installs it.
        ValueError: gymnax has none of that name.
    """
    if environment.name in OWN:
        return OWN[environment.name]
    game, constants = gymnax().make(environment.name)
    mend = MENDS.get(environment.name)

    def step(key: Array, state: Any, action: Array) -> tuple[Array, Any, Array, Array]:
        observation, state, reward, ended, _ = game.step_env(key, state, action, constants)
        if mend is not None:
            state = mend(state, constants)
            observation = game.get_obs(state)
        return observation, state, reward, ended

    def reset(key: Array) -> tuple[Array, Any]:
        observation, state = game.reset_env(key, constants)
        # Some resets hold plain numbers; a loop carries what a step makes of them.
        action = jax.eval_shape(environment.action, jnp.zeros(environment.num_outputs))
        after = jax.eval_shape(step, key, state, action)[1]
        return observation, jax.tree.map(
            lambda leaf, shape: jnp.asarray(leaf, shape.dtype).reshape(shape.shape), state, after
        )

    return Simulator(reset, step)

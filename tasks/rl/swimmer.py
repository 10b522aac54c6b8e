"""The swimmer of MuJoCo's benchmarks, by MJX inside jit. The only file that imports MuJoCo.

Three links in a viscous fluid, a motor in each of the two joints, the reward is the speed forwards.
The model file is Gymnasium's, and so are the integrator, Runge-Kutta of order 4, and its step.

References: Coulom, Reinforcement learning using neural networks, with applications to motor
control, 2002; Gymnasium's ``Swimmer-v5``; https://mujoco.readthedocs.io/en/stable/mjx.html.
"""

import contextlib
import functools
import importlib
import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

SUBSTEPS = 4  # of the physics in a step of the environment
NOISE = 0.1  # positions and velocities start uniformly within +- this
CONTROL_COST = 1e-4
# Runge-Kutta's stages: how far along the last slope, and what the slope there counts.
_STAGES = ((0.0, 1 / 6), (0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6))


class Swim(NamedTuple):
    """x, y, the angle of the first link, those of the two joints; (5,), and their velocities."""

    position: Array
    velocity: Array


def packages() -> tuple[ModuleType, ModuleType, Path]:
    """MuJoCo, MJX and Gymnasium's model file, or an ImportError with the install command."""
    try:
        # MJX prints which of its other backends are missing.
        with contextlib.redirect_stdout(io.StringIO()):
            mujoco, mjx = map(importlib.import_module, ("mujoco", "mujoco.mjx"))
    except ImportError as error:
        raise ImportError('The swimmer needs MJX: pip install "diffevo-jax[mjx]"') from error
    gymnasium = importlib.util.find_spec("gymnasium")
    if gymnasium is None or gymnasium.origin is None:
        raise ImportError('The swimmer needs Gymnasium: pip install "diffevo-jax[mjx]"')
    return mujoco, mjx, Path(gymnasium.origin).parent / "envs" / "mujoco" / "assets" / "swimmer.xml"


@functools.cache
def _physics() -> tuple[Callable[[Swim, Array], Array], float]:
    """Accelerations (5,) for a state and the motors' actions (2,), and the physics' time step."""
    mujoco, mjx, path = packages()
    model = mujoco.MjModel.from_xml_path(str(path))
    # The solver holds the joints within their limits, all there is to solve here: half a dozen of
    # Newton's steps instead of 100, as MJX makes all steps of a line search, needed or not.
    model.opt.iterations, model.opt.ls_iterations = 6, 8
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_WARMSTART
    with jax.ensure_compile_time_eval():  # kept for other programs than the one being traced
        on_device, data = mjx.put_model(model, impl="jax"), mjx.make_data(model, impl="jax")

    def acceleration(swim: Swim, action: Array) -> Array:
        state = data.replace(qpos=swim.position, qvel=swim.velocity, ctrl=action)
        return mjx.forward(on_device, state).qacc

    return acceleration, float(model.opt.timestep)


def _observe(swim: Swim) -> Array:
    """All but x and y, (8,)."""
    return jnp.concatenate([swim.position[2:], swim.velocity])


def reset(key: Array) -> tuple[Array, Swim]:
    """Nearly straight and at rest: observation (8,) and state."""
    start = jax.random.uniform(key, (2, 5), minval=-NOISE, maxval=NOISE)
    swim = Swim(*start)
    return _observe(swim), swim


def step(key: Array, swim: Swim, action: Array) -> tuple[Array, Swim, Array, Array]:
    """Four steps of the physics, 0.04 s.

    Args:
        key: unused; nothing is random.
        swim: before the step.
        action: torques of the two motors, (2,), in [-1, 1].

    Returns:
        (observation (8,): angle of the first link and of the joints, all five velocities; state;
        reward, the mean speed along x less 1e-4 times the squared action; False).

    Raises:
        ImportError: without MJX, with the command that installs it.
    """
    del key
    acceleration, duration = _physics()

    def substep(swim: Swim, _: None) -> tuple[Swim, None]:
        def stage(carry: tuple[Swim, Swim], coefficients: Array) -> tuple[Any, None]:
            slope, total = carry
            along, weight = coefficients
            there = jax.tree.map(lambda at, by: at + along * duration * by, swim, slope)
            slope = Swim(there.velocity, acceleration(there, action))
            return (slope, jax.tree.map(lambda sum_, by: sum_ + weight * by, total, slope)), None

        still = jax.tree.map(jnp.zeros_like, swim)
        stages = jnp.asarray(_STAGES, swim.position.dtype)
        (_, slope), _ = jax.lax.scan(stage, (still, still), stages)
        return jax.tree.map(lambda at, by: at + duration * by, swim, slope), None

    after, _ = jax.lax.scan(substep, swim, length=SUBSTEPS)
    speed = (after.position[0] - swim.position[0]) / (SUBSTEPS * duration)
    reward = speed - CONTROL_COST * jnp.sum(action**2)
    return _observe(after), after, reward, jnp.asarray(False)

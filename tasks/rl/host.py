"""The same task in Gymnasium, whose environments are Python objects: outside jit, and slowly.

For environments that gymnax lacks, and to check the others. The only file that imports Gymnasium.

Shape letters: N individuals, E episodes, D parameters.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tasks.base import check_points
from tasks.rl.control import Control
from tasks.rl.episodes import Tally
from tasks.rl.policies import act, start

try:
    import gymnasium
except ImportError as error:
    raise ImportError(
        'tasks.rl.host needs Gymnasium: pip install "diffevo-jax[experiments]"'
    ) from error


def evaluate(
    task: Control, genomes: Array, seed: int, mode: str = "sync", **options: Any
) -> tuple[Array, dict[str, Array]]:
    """`Control.evaluate` in Gymnasium: its vector interface steps N E environments in turn.

    ```python
    lander = Environment("LunarLander-v3", (8,), 4, max_steps=1000)
    task = Control("lander", lander, MLP((8,), 4), num_episodes=4)
    fitness, traits = host.evaluate(task, genomes, seed=0)
    ```

    Args:
        task: its environment's name is Gymnasium's id; observations are arrays, actions as
            `Environment.action` makes them.
        genomes: shape (N, D).
        seed: of the episodes: E for all individuals if the task shares them, else N E.
        mode: "sync", one after the other, or "async", a process each.
        options: for the environment's constructor.

    Returns:
        Fitness (N,) and traits, each (N,).

    Raises:
        ValueError: observations or outputs are not as the task says.
    """
    check_points("genomes", genomes, task.num_dims)
    environment = task.environment
    shape = (genomes.shape[0], task.num_episodes)
    games = gymnasium.make_vec(environment.name, shape[0] * shape[1], mode, **options)
    try:
        found = games.single_observation_space.shape
        if found != environment.observation_shape:
            raise ValueError(
                f"observation_shape: expected {found} for {environment.name}, "
                f"got {environment.observation_shape}"
            )
        num_seeds = shape[1] if task.shared_episodes else shape
        seeds = np.random.default_rng(seed).integers(2**31, size=num_seeds)
        seeds = np.broadcast_to(seeds, shape).ravel().tolist()
        observations, _ = games.reset(seed=seeds)  # type: ignore  # a list is what they document
        memory = start(task.policy, shape)
        tally = Tally.begin(environment, shape, genomes.dtype)
        while tally.goes_on(environment):
            actions, memory = _choose(task, genomes, _flat(observations, shape), memory)
            observations, rewards, terminated, truncated, _ = games.step(
                np.asarray(actions).reshape(-1, *actions.shape[2:])
            )
            # Being stopped at the task's own time limit is no end, it is survival.
            early = int(tally.time) + 1 < environment.max_steps
            ended = (terminated | (truncated & early)).reshape(shape)
            rewards = np.asarray(rewards, genomes.dtype).reshape(shape)
            tally = _add(task, tally, _flat(observations, shape), actions, rewards, ended)
    finally:
        games.close()
    return tally.finish(environment)


def _flat(observations: Any, shape: tuple[int, int]) -> np.ndarray:
    return np.asarray(observations, np.float32).reshape(*shape, -1)


@functools.partial(jax.jit, static_argnames="task")
def _choose(task: Control, genomes: Array, observations: Array, memory: Any) -> tuple[Array, Any]:
    """Actions (N, E, ...) and the next memory."""
    parameters = task.spec.unravel(task.scaling * genomes)
    centre, gain = (jnp.asarray(part, genomes.dtype) for part in task.environment.normalizer())
    outputs, memory = jax.vmap(functools.partial(act, task.policy))(
        parameters, (observations - centre) * gain, memory
    )
    return task.environment.action(outputs), memory


@functools.partial(jax.jit, static_argnames="task")
def _add(task: Control, tally: Tally, *step: Any) -> Tally:
    return tally.add(task.environment, *step)

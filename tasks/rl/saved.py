"""A controller in one file: the policy's parameters, and the task that they were evolved for.

The file is one of `tasks.parameter_file`, with the parameters by name, ``params.Dense_0.kernel``
and so on, and in its header, as ``task``, the environment's key, time limit and ranges, the
policy's class and attributes, and how it was evaluated.

Shape letter: D parameters.
"""

import dataclasses
from pathlib import Path
from typing import Any, cast

import jax.numpy as jnp
from flax import traverse_util
from jax import Array

from tasks import parameter_file
from tasks.rl.control import Control
from tasks.rl.environments import ENVIRONMENTS, Environment
from tasks.rl.policies import POLICIES

KIND = parameter_file.Kind("diffevo policy", "1", "controller", "task")


def save(path: Path, task: Control, genome: Array) -> None:
    """Write a controller.

    Args:
        path: of the file, which is replaced; by custom it ends in .safetensors.
        task: of a known environment, `ENVIRONMENTS`, whose time limit and ranges may be its own,
            and a known policy, `POLICIES`.
        genome: shape (D,).

    Raises:
        ValueError: for another environment, policy or shape.
    """
    genome = jnp.asarray(genome)
    if genome.shape != (task.num_dims,):
        raise ValueError(f"genome: expected shape ({task.num_dims},), got {genome.shape}")
    description = _describe(task)
    parameter_file.write(path, KIND, _by_name(task, task.scaling * genome), description)


def load(path: Path) -> tuple[Control, Array]:
    """Read a controller.

    Args:
        path: of a file from `save`.

    Returns:
        The task, with scaling 1, and the genome (D,), which for it is the parameters themselves.

    Raises:
        ValueError: the file is damaged, or something else; the message says what was expected.
        FileNotFoundError: there is none.
    """
    description, arrays = parameter_file.read(path, KIND)
    try:
        task = _rebuild(description)
        shapes = {
            name: leaf.shape for name, leaf in _by_name(task, jnp.zeros(task.num_dims)).items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected the description of a task; {error}") from error
    found = {name: array.shape for name, array in arrays.items()}
    if found != shapes:
        raise ValueError(f"{path}: expected parameters {shapes} for its policy, got {found}")
    leaves = {tuple(name.split(".")): jnp.asarray(array)[None] for name, array in arrays.items()}
    return task, task.spec.ravel(traverse_util.unflatten_dict(leaves), 1)[0]


def _by_name(task: Control, parameters: Array) -> dict[str, Array]:
    """Parameters (D,) as arrays by their dotted names."""
    flat = traverse_util.flatten_dict(task.spec.unravel(parameters), sep=".")
    return cast("dict[str, Array]", flat)


def _describe(task: Control) -> dict[str, Any]:
    """What `_rebuild` needs, in JSON's types."""
    environment, policy = task.environment, task.policy
    keys = [key for key, known in ENVIRONMENTS.items() if known.name == environment.name]
    if not keys or _with(keys[0], environment.max_steps, environment.ranges) != environment:
        raise ValueError(
            f"environment: expected one of {', '.join(ENVIRONMENTS)}, with a time limit or ranges "
            f"of its own at most, got {environment}"
        )
    return {
        "name": task.name,
        "environment": keys[0],
        "max_steps": environment.max_steps,
        "ranges": environment.ranges,
        **parameter_file.describe_module(policy, POLICIES, "policy"),
        "num_episodes": task.num_episodes,
        "shared_episodes": task.shared_episodes,
        "seed": task.seed,
    }


def _with(key: str, max_steps: int, ranges: Any) -> Environment:
    return dataclasses.replace(ENVIRONMENTS[key], max_steps=max_steps, ranges=ranges)


def _rebuild(description: dict[str, Any]) -> Control:
    ranges = description["ranges"]
    if ranges is not None:
        ranges = tuple((float(low), float(high)) for low, high in ranges)
    return Control(
        description["name"],
        _with(description["environment"], description["max_steps"], ranges),
        parameter_file.rebuild_module(description, POLICIES, "policy"),
        description["num_episodes"],
        description["shared_episodes"],
        description["seed"],
    )

"""A controller in one file: the policy's parameters, and the task that they were evolved for.

The file is a safetensors file (https://huggingface.co/docs/safetensors), a JSON header and arrays:
nothing in it can run, and other programs can read the parameters,
``params.Dense_0.kernel`` and so on, float32. The header's ``__metadata__`` holds ``format``,
``version``, ``sha256`` of the arrays' bytes, and ``task``, as JSON: the environment's key, time
limit and ranges, the policy's class and attributes, and how it was evaluated.

Shape letter: D parameters.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import jax.numpy as jnp
import numpy as np
from flax import linen, traverse_util
from jax import Array
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tasks.rl.control import Control
from tasks.rl.environments import ENVIRONMENTS, Environment
from tasks.rl.policies import POLICIES

FORMAT, VERSION = "diffevo policy", "1"


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
    arrays = {
        name: np.asarray(leaf, np.float32)
        for name, leaf in _by_name(task, task.scaling * genome).items()
    }
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": _hash(arrays),
        "task": json.dumps(description),
    }
    save_file(arrays, path, metadata)


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
    metadata, arrays = _read(path)
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{path}: a safetensors file, but no controller: expected the format {FORMAT!r} in its "
            f"metadata, got {metadata!r}"
        )
    if metadata.get("version") != VERSION:
        raise ValueError(
            f"{path}: expected version {VERSION!r}, got {metadata.get('version')!r}; a newer "
            "diffevo may read it"
        )
    if metadata.get("sha256") != _hash(arrays):
        raise ValueError(f"{path}: damaged: the parameters are not those that were saved")
    try:
        task = _rebuild(json.loads(metadata["task"]))
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


def _read(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The header's metadata, and the arrays by their names."""
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, TypeError) as error:  # TypeError: a dtype that numpy lacks
        raise ValueError(f"{path}: expected a safetensors file, whole; {error}") from error
    others = {str(array.dtype) for array in arrays.values()} - {"float32"}
    if others:
        raise ValueError(f"{path}: no controller: expected float32 arrays, got {others}")
    return metadata, arrays


def _hash(arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 of the arrays' bytes, in the order of their names, as they are in the file."""
    content = b"".join(arrays[name].astype("<f4").tobytes() for name in sorted(arrays))
    return hashlib.sha256(content).hexdigest()


def _describe(task: Control) -> dict[str, Any]:
    """What `_rebuild` needs, in JSON's types."""
    environment, policy = task.environment, task.policy
    keys = [key for key, known in ENVIRONMENTS.items() if known.name == environment.name]
    if not keys or _with(keys[0], environment.max_steps, environment.ranges) != environment:
        raise ValueError(
            f"environment: expected one of {', '.join(ENVIRONMENTS)}, with a time limit or ranges "
            f"of its own at most, got {environment}"
        )
    if POLICIES.get(type(policy).__name__) is not type(policy):
        raise ValueError(
            f"policy: expected one of {', '.join(POLICIES)}, got {type(policy).__name__}"
        )
    return {
        "name": task.name,
        "environment": keys[0],
        "max_steps": environment.max_steps,
        "ranges": environment.ranges,
        "policy": type(policy).__name__,
        "attributes": {name: getattr(policy, name) for name in _attributes(type(policy))},
        "num_episodes": task.num_episodes,
        "shared_episodes": task.shared_episodes,
        "seed": task.seed,
    }


def _attributes(policy: type[linen.Module]) -> list[str]:
    """Names of a policy's own fields; Flax adds two."""
    return [
        field.name for field in dataclasses.fields(policy) if field.name not in ("parent", "name")
    ]


def _with(key: str, max_steps: int, ranges: Any) -> Environment:
    return dataclasses.replace(ENVIRONMENTS[key], max_steps=max_steps, ranges=ranges)


def _rebuild(description: dict[str, Any]) -> Control:
    ranges = description["ranges"]
    if ranges is not None:
        ranges = tuple((float(low), float(high)) for low, high in ranges)
    attributes = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in description["attributes"].items()
    }
    return Control(
        description["name"],
        _with(description["environment"], description["max_steps"], ranges),
        POLICIES[description["policy"]](**attributes),
        description["num_episodes"],
        description["shared_episodes"],
        description["seed"],
    )

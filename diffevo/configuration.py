"""What determines a search, as JSON: written into a run directory, compared when a run is resumed.

Everything is here but the function itself, which nobody can compare. Arrays of more than a few
numbers are told apart by a checksum.
"""

import dataclasses
import functools
import hashlib
import importlib.metadata
import platform
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from diffevo.algorithms.base import SolutionSpec
from diffevo.search import Setup
from diffevo.space import SearchSpace

_PACKAGES = ("diffevo-jax", "jax", "jaxlib", "numpy", "flax", "optax", "orbax-checkpoint")
# Arrays of at most so many numbers are written out.
_MOST_NUMBERS = 32
# What evosax's algorithms hold that says nothing about them, or says it at great length.
_UNTOLD = ("metrics_fn", "fitness_shaping_fn", "solution", "_unravel_solution")


def describe_search(setup: Setup, sign: float, compiled: bool) -> dict[str, Any]:
    """All that determines the search, stop rules aside.

    Args:
        setup: the search.
        sign: -1 where the user maximises.
        compiled: whether fun is part of the compiled loop, which rounds differently from Python.

    Returns:
        JSON-ready; equal for equal searches, in every process.
    """
    start = setup.start
    repeats = {"num_repeats": setup.costs.num_repeats} if setup.costs.noisy else {}
    return {
        "maximize": sign < 0,
        "compiled": compiled,
        "space": describe_space(setup.space),
        "algorithm": describe(setup.algorithm),
        "population_size": int(setup.algorithm.population_size),
        "params": {
            jax.tree_util.keystr(path, simple=True, separator="."): describe(leaf)
            for path, leaf in jax.tree_util.tree_flatten_with_path(setup.params)[0]
        },
        "seed": describe(setup.key),
        "start": {
            "genomes": describe(start.genomes),
            "fitness": describe(start.fitness),
            "known": describe(start.known),
        },
    } | repeats


def describe_space(space: SearchSpace) -> dict[str, Any]:
    """A search space, leaf by leaf under the leaf's name."""
    layout, limits = space.layout, space.limits
    described = {}
    for name, leaf, where, categories in zip(
        leaf_names(space), layout.leaves, layout.columns(), space.categories, strict=True
    ):
        entry: dict[str, Any] = {"kind": leaf.kind, "dtype": leaf.dtype, "shape": list(leaf.shape)}
        if categories is not None:
            entry["categories"] = [describe(category) for category in categories.tolist()]
        else:
            entry["log"] = leaf.log
            sides = {"low": limits.low, "high": limits.high}
            box = {"center": limits.box.center, "scale": limits.box.scale}
            bounded = bool(np.all(np.asarray(limits.box.bounded)[where]))
            entry |= {
                side: describe(np.asarray(values)[where])
                for side, values in (sides if bounded else box).items()
            }
        described[name] = entry
    return described


def leaf_names(space: SearchSpace) -> list[str]:
    """A name for every leaf of a solution, from its path: ``layers.0.bias``; ``x`` if it is all."""
    treedef = space.layout.treedef
    tree = treedef.unflatten(range(treedef.num_leaves))
    paths = [path for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]
    return [jax.tree_util.keystr(path, simple=True, separator=".") or "x" for path in paths]


def describe(value: Any) -> Any:
    """Any part of a configuration as JSON, the same in every process."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, SolutionSpec):
        return {"structure": str(value.treedef), "shapes": describe(value.shapes)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"name": type(value).__name__} | fields
    if isinstance(value, (list, tuple)):
        return [describe(one) for one in value]
    if isinstance(value, dict):
        return {str(key): describe(one) for key, one in value.items()}
    if isinstance(value, functools.partial):
        return [describe(value.func), describe(value.args), describe(value.keywords)]
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return {
            "key": np.asarray(jax.random.key_data(value)).tolist(),
            "implementation": str(jax.random.key_impl(value)),
        }
    if isinstance(value, (jax.Array, np.ndarray, np.generic)):
        return _describe_array(np.asarray(value))
    if hasattr(value, "__qualname__"):  # functions, classes
        return f"{value.__module__}.{value.__qualname__}"
    # An object of another library: its class, and what it says of itself in plain values.
    plain = {
        name: describe(one)
        for name, one in sorted(getattr(value, "__dict__", {}).items())
        if name not in _UNTOLD and not callable(one)
    }
    return {"name": f"{type(value).__module__}.{type(value).__qualname__}"} | plain


def _describe_array(array: np.ndarray) -> Any:
    if array.size <= _MOST_NUMBERS and array.dtype.kind in "biuf":
        return describe(array.tolist())
    data = str(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
    digest = hashlib.sha256(data).hexdigest()[:16]
    return {"dtype": array.dtype.name, "shape": list(array.shape), "sha256": digest}


def differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Where two descriptions differ, as "name: before, now"."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            line
            for key in dict.fromkeys([*before, *now])
            for line in differences(
                before.get(key), now.get(key), f"{name}.{key}" if name else str(key)
            )
        ]
    return [] if before == now else [f"{name}: {before!r:.60} there, {now!r:.60} here"]


def versions() -> dict[str, str | None]:
    """Versions of what the search is made with."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def machine() -> dict[str, Any]:
    """Where the search runs."""
    device = jax.devices()[0]
    return {
        "platform": platform.platform(),
        "device": f"{device.platform}: {device.device_kind}",
        "devices": jax.device_count(),
        "command": sys.argv,
    }

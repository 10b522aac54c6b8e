"""Checkpoints on disk: arrays written by orbax, checked by sums of ours, the newest few kept.

A checkpoint is a folder, named by its generation::

    0000000120/arrays/        what orbax writes
    0000000120/manifest.json  the run it belongs to, shapes, a SHA-256 of every file, notes

It is written beside its place and moved there when it is complete, so that a process that is killed
leaves either all of it or nothing. Nothing in it is code, and nothing is ever unpickled.
"""

import hashlib
import json
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np

KEEP = 2
_FORMAT = 1
_NAME = re.compile(r"\d{10}")


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message says why."""


def write_text(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    os.replace(temporary, path)


def to_arrays(tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a pytree by their path, on the host."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    }


def from_arrays(template: Any, arrays: dict[str, np.ndarray], prefix: str) -> Any:
    """The inverse: a pytree like a template, of arrays whose names begin with a prefix and a dot.

    Raises:
        CheckpointError: the arrays are not those of the template.
    """
    named, treedef = jax.tree_util.tree_flatten_with_path(template)
    leaves = []
    for path, leaf in named:
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        name = f"{prefix}.{name}" if name else prefix
        array = arrays.get(name)
        if array is None or (array.shape, array.dtype) != (leaf.shape, leaf.dtype):
            found = "nothing" if array is None else f"{array.dtype}{list(array.shape)}"
            raise CheckpointError(
                f"run_dir: expected {leaf.dtype}{list(leaf.shape)} as {name} in its checkpoint, "
                f"got {found}: another version of diffevo wrote it"
            )
        leaves.append(array)
    return treedef.unflatten(leaves)


def under(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays whose names begin with a prefix and a dot, without these."""
    return {
        name.removeprefix(f"{prefix}."): array
        for name, array in arrays.items()
        if name.startswith(f"{prefix}.")
    }


def numbers(folder: Path) -> list[int]:
    """Generations of the checkpoints in a folder, the oldest first, intact or not."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if _NAME.fullmatch(path.name))


def save(
    folder: Path, generation: int, arrays: dict[str, np.ndarray], notes: Any, run: str
) -> list[int]:
    """Write a checkpoint, and remove those before the newest `KEEP`.

    Args:
        folder: of all checkpoints of a run; it exists.
        generation: number of the generation after which this is.
        arrays: by name.
        notes: whatever else, as JSON takes it.
        run: what the run is known by; `load` asks for the same.

    Returns:
        The generations of the checkpoints that are left.

    Raises:
        Exception: what orbax or the system raises if it cannot be written.
    """
    place = folder / f"{generation:010d}"
    temporary = folder / f"tmp-{place.name}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    # orbax takes no arrays of size zero; the manifest has all there is to know of them.
    filled = {name: array for name, array in arrays.items() if array.size}
    with _checkpointer() as checkpointer:
        checkpointer.save(temporary.resolve() / "arrays", filled)
    manifest = {
        "format": _FORMAT,
        "run": run,
        "generation": generation,
        "notes": notes,
        "arrays": {name: [a.dtype.name, list(a.shape)] for name, a in arrays.items()},
        "files": _sums(temporary),
    }
    manifest["sum"] = _sum_of(manifest)
    (temporary / "manifest.json").write_text(json.dumps(manifest))
    shutil.rmtree(place, ignore_errors=True)
    os.rename(temporary, place)
    kept = numbers(folder)
    for old in kept[:-KEEP]:
        remove(folder, old)
    return kept[-KEEP:]


def remove(folder: Path, generation: int) -> None:
    """Remove a checkpoint, if it is there."""
    shutil.rmtree(folder / f"{generation:010d}", ignore_errors=True)


def remove_after(folder: Path, generation: int) -> None:
    """Remove the checkpoints of later generations, and what is left of some half written."""
    for number in numbers(folder):
        if number > generation:
            remove(folder, number)
    for path in folder.glob("tmp-*"):
        shutil.rmtree(path, ignore_errors=True)


def load(folder: Path, generation: int, run: str) -> tuple[dict[str, np.ndarray], Any]:
    """(arrays, notes) of a checkpoint.

    Raises:
        CheckpointError: it is damaged, incomplete, or of another run.
    """
    place = folder / f"{generation:010d}"
    try:
        manifest = json.loads((place / "manifest.json").read_text())
        total, kind = manifest.pop("sum"), manifest["format"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{place}: its manifest cannot be read, {error}") from error
    if kind != _FORMAT:
        raise CheckpointError(f"{place}: expected format {_FORMAT}, got {kind!r}")
    if total != _sum_of(manifest):
        raise CheckpointError(f"{place}: damaged, manifest.json has changed since it was written")
    if manifest["run"] != run:
        raise CheckpointError(f"{place}: expected a checkpoint of this run, got one of another")
    if manifest["generation"] != generation:
        raise CheckpointError(
            f"{place}: expected a checkpoint of generation {generation}, "
            f"got one of {manifest['generation']}"
        )
    try:
        found = _sums(place)
    except OSError as error:
        raise CheckpointError(f"{place}: damaged, {error}") from error
    changed = {
        name
        for name in found.keys() | manifest["files"].keys()
        if found.get(name) != manifest["files"].get(name)
    }
    if changed:
        raise CheckpointError(f"{place}: damaged, {sorted(changed)[0]} is not what was written")
    try:
        with _checkpointer() as checkpointer:
            arrays = checkpointer.restore(place.resolve() / "arrays")
    except Exception as error:  # orbax raises what it likes
        raise CheckpointError(f"{place}: orbax cannot read it, {error}") from error
    for name, (dtype, shape) in manifest["arrays"].items():
        arrays.setdefault(name, np.zeros(shape, dtype))
    return {name: np.asarray(array) for name, array in arrays.items()}, manifest["notes"]


def load_newest(folder: Path, run: str) -> tuple[int, dict[str, np.ndarray], Any] | None:
    """(generation, arrays, notes) of the newest checkpoint that is intact; None if there is none.

    One that is not intact is reported by a warning and passed over.

    Raises:
        CheckpointError: there are some, and none can be used.
    """
    refused: list[CheckpointError] = []
    for generation in reversed(numbers(folder)):
        try:
            arrays, notes = load(folder, generation, run)
        except CheckpointError as error:
            refused.append(error)
            continue
        for error in refused:
            warnings.warn(
                f"{error}. Going on from generation {generation} instead.",
                RuntimeWarning,
                stacklevel=4,
            )
        return generation, arrays, notes
    if refused:
        raise CheckpointError(
            "run_dir: expected an intact checkpoint of this run, got none: "
            + "; ".join(map(str, refused))
        ) from refused[0]
    return None


def _checkpointer() -> Any:
    """Orbax's, which waits for no other process of JAX's: only this one reads and writes."""
    # Here, not above: it takes a second or two to import, and few searches need it.
    import orbax.checkpoint as ocp

    this = jax.process_index()
    return ocp.Checkpointer(
        ocp.PyTreeCheckpointHandler(),
        multiprocessing_options=ocp.options.MultiprocessingOptions(
            primary_host=this, active_processes={this}
        ),
    )


def _sums(place: Path) -> dict[str, str]:
    """SHA-256 of every file but the manifest, by its path."""
    return {
        path.relative_to(place).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(place.rglob("*"))
        if path.is_file() and path != place / "manifest.json"
    }


def _sum_of(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()

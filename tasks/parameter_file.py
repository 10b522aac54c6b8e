"""Parameters in a safetensors file, with a description that is checked when it is read.

A safetensors file (https://huggingface.co/docs/safetensors) is a JSON header and arrays: nothing in
it can run, and other programs can read it. The header's ``__metadata__`` holds ``format``,
``version``, ``sha256`` of the arrays' bytes, and a description as JSON.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flax import linen
from numpy.typing import ArrayLike
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file


class Kind(NamedTuple):
    """What a file holds.

    Attributes:
        format: its name, in every file's metadata.
        version: of the description.
        noun: what the messages call it.
        key: of the description in the metadata.
    """

    format: str
    version: str
    noun: str
    key: str


def write(path: Path, kind: Kind, arrays: Mapping[str, ArrayLike], description: Any) -> None:
    """Write arrays, as float32, and a description, which JSON must know."""
    plain = {name: np.asarray(leaf, np.float32) for name, leaf in arrays.items()}
    metadata = {
        "format": kind.format,
        "version": kind.version,
        "sha256": _hash(plain),
        kind.key: json.dumps(description),
    }
    save_file(plain, path, metadata)


def read(path: Path, kind: Kind) -> tuple[Any, dict[str, np.ndarray]]:
    """The description and the arrays by their names.

    Raises:
        ValueError: the file is damaged, or something else; the message says what was expected.
        FileNotFoundError: there is none.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, TypeError) as error:  # TypeError: a dtype that numpy lacks
        raise ValueError(f"{path}: expected a safetensors file, whole; {error}") from error
    others = {str(array.dtype) for array in arrays.values()} - {"float32"}
    if others:
        raise ValueError(f"{path}: no {kind.noun}: expected float32 arrays, got {others}")
    if metadata.get("format") != kind.format:
        raise ValueError(
            f"{path}: a safetensors file, but no {kind.noun}: expected the format {kind.format!r} "
            f"in its metadata, got {metadata!r}"
        )
    if metadata.get("version") != kind.version:
        raise ValueError(
            f"{path}: expected version {kind.version!r}, got {metadata.get('version')!r}; a newer "
            "diffevo may read it"
        )
    if metadata.get("sha256") != _hash(arrays):
        raise ValueError(f"{path}: damaged: the parameters are not those that were saved")
    try:
        return json.loads(metadata[kind.key]), arrays
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: expected a description in its metadata; {error}") from error


def _hash(arrays: Mapping[str, np.ndarray]) -> str:
    """sha256 of the arrays' bytes, in the order of their names, as they are in the file."""
    content = b"".join(arrays[name].astype("<f4").tobytes() for name in sorted(arrays))
    return hashlib.sha256(content).hexdigest()


def describe_module(module: linen.Module, known: Mapping[str, type], argument: str) -> Any:
    """A module's class and attributes, in JSON's types, for `rebuild_module`.

    Raises:
        ValueError: for a class that is not known; the message names the argument.
    """
    if known.get(type(module).__name__) is not type(module):
        raise ValueError(
            f"{argument}: expected one of {', '.join(known)}, got {type(module).__name__}"
        )
    # Flax adds two fields.
    names = [f.name for f in dataclasses.fields(module) if f.name not in ("parent", "name")]
    return {
        argument: type(module).__name__,
        "attributes": {name: getattr(module, name) for name in names},
    }


def rebuild_module(description: Any, known: Mapping[str, type], argument: str) -> Any:
    """The module that `describe_module` described; KeyError or TypeError where it cannot be."""
    attributes = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in description["attributes"].items()
    }
    return known[description[argument]](**attributes)

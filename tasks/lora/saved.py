"""A network in a few kilobytes: adapters and the seed of their scaffold, in one file.

The file is one of `tasks.parameter_file`, with the adapters by name, ``Dense_0.a`` and so on, and
in its header the module, the low rank's settings, the seed, and for each layer a fingerprint of the
random matrix (`backbones.fingerprint`): a JAX whose generator gives other numbers refuses the file
instead of giving wrong outputs.
"""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import traverse_util

from tasks import parameter_file
from tasks.lora import backbones
from tasks.lora.adapters import Backbone, LowRank, Params
from tasks.lora.models import MODELS

KIND = parameter_file.Kind("diffevo adapters", "1", "network of adapters", "model")
_SETTINGS = ("input_shape", "rank", "alpha", "family", "trained", "input_dtype")


class Saved(NamedTuple):
    """What a file holds, and the scaffold that its seed gives.

    Attributes:
        model: module and settings.
        params: what was trained.
        seed: of the scaffold.
        backbone: the scaffold.
    """

    model: LowRank
    params: Params
    seed: int
    backbone: Backbone


def save(path: Path, model: LowRank, params: Params, seed: int) -> None:
    """Write a network.

    Args:
        path: of the file, which is replaced; by custom it ends in .safetensors.
        model: of a module that is one of `MODELS`.
        params: as from ``model.init``.
        seed: of the scaffold that they belong to, ``model.backbone(seed)``.

    Raises:
        ValueError: for another module, or other shapes.
    """
    arrays = _by_name(params)
    _check_shapes(model, arrays, "params")
    prints = {name: backbones.fingerprint(w) for name, w in model.backbone(seed).items()}
    description = {
        **parameter_file.describe_module(model.module, MODELS, "module"),
        **{name: getattr(model, name) for name in _SETTINGS},
        "seed": int(seed),
        "fingerprints": prints,
        "jax": jax.__version__,
    }
    parameter_file.write(path, KIND, arrays, description)


def load(path: Path) -> Saved:
    """Read a network.

    Raises:
        ValueError: the file is damaged, something else, or of a generator with other numbers.
        FileNotFoundError: there is none.
    """
    description, arrays = parameter_file.read(path, KIND)
    try:
        settings: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in ((name, description[name]) for name in _SETTINGS)
        }
        module = parameter_file.rebuild_module(description, MODELS, "module")
        model = LowRank(module, **settings)
        seed, prints = description["seed"], description["fingerprints"]
        _check_shapes(model, arrays, str(path))
        backbone = model.backbone(seed)
        missing = backbone.keys() - prints.keys()
        if missing:
            raise ValueError(f"no fingerprint of {missing}")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected the description of a network; {error}") from error
    try:
        backbones.check_fingerprints(backbone, prints)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; it was saved with JAX {description['jax']}") from error
    params = traverse_util.unflatten_dict(
        {tuple(name.split(".")): jnp.asarray(array) for name, array in arrays.items()}
    )
    return Saved(model, params, seed, backbone)


def _by_name(params: Params) -> dict[str, Any]:
    return dict(traverse_util.flatten_dict(params, sep="."))


def _check_shapes(model: LowRank, arrays: dict[str, Any], source: str) -> None:
    expected = {name: leaf.shape for name, leaf in _by_name(model.shapes).items()}
    found = {name: array.shape for name, array in arrays.items()}
    if found != expected:
        raise ValueError(f"{source}: expected arrays {expected}, got {found}")

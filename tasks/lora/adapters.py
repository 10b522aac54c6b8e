"""Any Flax module as a frozen random scaffold with trainable low-rank adapters.

A linear layer h = W x + b of the module (`linen.Dense`, `DenseGeneral`, `Conv`) becomes

    h = beta W_seed x + (alpha / r) B A x                                                   Eq. (1)

with W_seed drawn from a seed and never trained, beta one number a layer, 1 at the start, B = 0 at
the start, A random. The bias goes. All other parameters (norms, embeddings) are trained as they
are, and so is the last linear layer, the head.

With many models at once, ``jax.vmap(model.apply, (0, None, None))``, W_seed is not batched: its
products with all models' activations are one product, and of the first layer, whose inputs all
models share, the product is made once.

Shape letters: N models, I inputs and O outputs of a layer, r rank.

Reference: LottaLoRA, arXiv 2604.08749.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, traverse_util
from jax import Array

from tasks.lora import backbones

Path = tuple[str, ...]
Params = Any
Backbone = dict[str, Array]
"""Matrices (I, O) by the names of their layers."""


@dataclass(frozen=True)
class Layer:
    """An adapted layer.

    Attributes:
        kernel: the shape of its kernel in the module.
        num_outputs: axes of the kernel that are outputs, its last ones.
    """

    kernel: tuple[int, ...]
    num_outputs: int

    @property
    def inputs(self) -> tuple[int, ...]:
        """Shape of the kernel's input axes."""
        return self.kernel[: -self.num_outputs]

    @property
    def outputs(self) -> tuple[int, ...]:
        """Shape of the kernel's output axes."""
        return self.kernel[-self.num_outputs :]

    @property
    def shape(self) -> tuple[int, int]:
        """(I, O)."""
        return math.prod(self.inputs), math.prod(self.outputs)


@dataclass(frozen=True)
class LowRank:
    """A module whose linear layers are frozen random matrices with adapters.

    ```python
    model = LowRank(Classifier((128, 64)), (64,), rank=8)
    backbone = model.backbone(seed=0)                 # costs no memory in a file: 0 tells all of it
    params = model.init(jax.random.key(1))            # what is trained or evolved
    logits = model.apply(params, backbone, images)
    ```

    Attributes:
        module: any Flax module (linen) that has parameters and no other collection; hashed by
            value. Its linear layers must not lie in a lifted one (`linen.scan`, `linen.vmap`).
        input_shape: of one example.
        rank: r >= 1, at most the smaller side of every adapted layer; None trains the module as
            it is.
        alpha: of the adapters' factor alpha / r; the paper's is 1 for MLPs, 16 for Transformers.
        family: of the random matrices, a key of `backbones.FAMILIES`.
        trained: names of the linear layers that are trained as they are, "Dense_2" or
            "block/Dense_0"; None is the last one that is called, the head.
        input_dtype: of an example.

    Raises:
        ValueError: an argument is out of its range, when it is made; the message names it.
    """

    module: linen.Module
    input_shape: tuple[int, ...]
    rank: int | None = 8
    alpha: float = 1.0
    family: str = "normal"
    trained: tuple[str, ...] | None = None
    input_dtype: str = "float32"

    def __post_init__(self):
        backbones.check_family(self.family)
        known = _linear(self)
        unknown = set(self.trained or ()) - set(known)
        if unknown:
            raise ValueError(f"trained: expected some of {', '.join(known)}; got {unknown}")
        if self.rank is not None and self.rank < 1:
            raise ValueError(f"rank: expected at least 1 or None, got {self.rank}")
        for name, layer in self.layers.items():
            if self.rank is not None and self.rank > min(layer.shape):
                raise ValueError(
                    f"rank: expected at most {min(layer.shape)}, the smaller side of the layer "
                    f"{name!r} of {layer.shape[0]} inputs and {layer.shape[1]} outputs; got "
                    f"{self.rank}"
                )

    @property
    def layers(self) -> dict[str, Layer]:
        """The adapted layers by name, in the order in which they are called."""
        if self.rank is None:
            return {}
        known = _linear(self)
        trained = list(known)[-1:] if self.trained is None else self.trained
        return {name: layer for name, layer in known.items() if name not in trained}

    @property
    def shapes(self) -> Params:
        """Shapes of what `init` gives."""
        return jax.eval_shape(self.init, jax.random.key(0))

    @property
    def num_trained(self) -> int:
        """Numbers that are trained or evolved."""
        return _count(self.shapes)

    @property
    def num_full(self) -> int:
        """Parameters of the module itself."""
        return _count(_trace(self.module, self.input_shape, self.input_dtype)[0])

    def backbone(self, seed: int | Array) -> Backbone:
        """The random matrices (I, O) by layer, of a seed or a key; may be traced."""
        key = backbones.key_of(int(seed)) if isinstance(seed, int | np.integer) else seed
        return _draw(self, key)

    def init(self, key: Array) -> Params:
        """What is trained: the module's parameters, an adapted layer's replaced by its adapter.

        Returns:
            The nested dictionaries of Flax. Of an adapted layer: ``a``, the kernel's input axes
            and r, uniform within 1 / sqrt(I), as in LoRA; ``b``, r and its output axes, 0;
            ``beta``, 1.
        """
        return _init(self, key)

    def apply(self, params: Params, backbone: Backbone, inputs: Array, **options: Any) -> Any:
        """What the module gives for inputs (..., *input_shape).

        Args:
            params: as from `init`.
            backbone: as from `backbone`.
            inputs: any batch.
            options: for the module's ``apply``: ``train=True, rngs={"dropout": key}``.
        """
        layers, flat = self.layers, _flat(params)

        def adapt(
            call: Callable[..., Any],
            args: tuple[Any, ...],
            kwargs: dict[str, Any],
            context: linen.module.InterceptorContext,
        ) -> Any:
            path = context.module.path
            name = "/".join(path)
            if name not in layers or context.method_name != "__call__":
                return call(*args, **kwargs)
            layer, rank = layers[name], self.rank or 1

            def linear(kernel: Array, features: Any) -> Array:
                # A copy without a parent has the empty path: it is not adapted once more.
                module: Any = context.module.clone(
                    parent=None, name=None, features=features, use_bias=False
                )
                return module.apply({"params": {"kernel": kernel}}, *args, **kwargs)

            module: Any = context.module
            frozen = linear(backbone[name].reshape(layer.kernel), module.features)
            a, b, beta = (flat[*path, part] for part in ("a", "b", "beta"))
            return beta * frozen + jnp.tensordot(linear(a, rank), (self.alpha / rank) * b, 1)

        with linen.intercept_methods(adapt):
            return self.module.apply({"params": params}, inputs, **options)

    def merge(self, params: Params, backbone: Backbone) -> Params:
        """The module's own parameters for the same outputs: kernels beta W + (alpha / r) A B."""
        flat = _flat(params)
        shapes = _flat(_trace(self.module, self.input_shape, self.input_dtype)[0])
        for name, layer in self.layers.items():
            path = tuple(name.split("/"))
            a, b, beta = (flat.pop((*path, part)) for part in ("a", "b", "beta"))
            low = jnp.tensordot(a, b, 1) * (self.alpha / (self.rank or 1))
            flat[*path, "kernel"] = beta * backbone[name].reshape(layer.kernel) + low
            if (*path, "bias") in shapes:
                flat[*path, "bias"] = jnp.zeros(shapes[*path, "bias"].shape)
        return traverse_util.unflatten_dict(flat)


def _flat(params: Params) -> dict[Path, Any]:
    return dict(traverse_util.flatten_dict(params))


def _count(shapes: Params) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))


@functools.lru_cache(maxsize=64)
def _trace(
    module: linen.Module, input_shape: tuple[int, ...], input_dtype: str
) -> tuple[Params, Mapping[str, int]]:
    """Shapes of a module's parameters, and its linear layers in the order of their calls.

    Of each layer the number of its kernel's axes that are outputs.
    """
    found: dict[str, int] = {}

    def note(
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: linen.module.InterceptorContext,
    ) -> Any:
        layer, name = context.module, "/".join(context.module.path)
        if context.method_name == "__call__" and name:
            if isinstance(layer, linen.Dense | linen.Conv):
                found[name] = 1
            elif isinstance(layer, linen.DenseGeneral):
                features = layer.features
                found[name] = 1 if isinstance(features, int) else len(features)
        return call(*args, **kwargs)

    example = jnp.zeros((1, *input_shape), input_dtype)
    with linen.intercept_methods(note):
        shapes = jax.eval_shape(module.init, jax.random.key(0), example)
    return shapes["params"], found


@functools.partial(jax.jit, static_argnums=0)
def _draw(model: LowRank, key: Array) -> Backbone:
    return {
        name: backbones.draw(model.family, key, name, layer.shape)
        for name, layer in model.layers.items()
    }


@functools.partial(jax.jit, static_argnums=0)
def _init(model: LowRank, key: Array) -> Params:
    module_key, adapter_key = jax.random.split(key)
    example = jnp.zeros((1, *model.input_shape), model.input_dtype)
    params = _flat(model.module.init(module_key, example)["params"])
    for number, (name, layer) in enumerate(model.layers.items()):
        path = tuple(name.split("/"))
        params = {full: leaf for full, leaf in params.items() if full[:-1] != path}
        bound, rank = 1 / math.sqrt(layer.shape[0]), model.rank or 0
        params[*path, "a"] = jax.random.uniform(
            jax.random.fold_in(adapter_key, number),
            (*layer.inputs, rank),
            minval=-bound,
            maxval=bound,
        )
        params[*path, "b"] = jnp.zeros((rank, *layer.outputs))
        params[*path, "beta"] = jnp.ones(())
    return traverse_util.unflatten_dict(params)


def _linear(model: LowRank) -> dict[str, Layer]:
    """All linear layers of a model's module, by name."""
    shapes, found = _trace(model.module, model.input_shape, model.input_dtype)
    flat = _flat(shapes)
    return {
        name: Layer(flat[*name.split("/"), "kernel"].shape, num_outputs)
        for name, num_outputs in found.items()
    }

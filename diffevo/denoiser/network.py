r"""Networks that denoise: from a noisy genome and features of level and condition to an output.

A network is any Flax module (linen) that is called as ``network(x, features)`` with shapes (n, D)
and (n, F) and returns (n, D). Modules are frozen dataclasses hashed by value, so they are static
configuration; their weights are handled as one flat vector (W,): in a training loop of small
matrices the optimizer's update is then one pass instead of one for each layer.

The last layer starts at zero. Since every prediction is learned as a correction to what is right
for unit-Gaussian data (`diffevo.denoiser.process`), an untrained network samples a unit Gaussian.

Shape letters: n rows, D genome dimensions, F features, C condition values, K conditions.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

_FREQUENCIES = (1.0, 2.0)


def waves(alpha: Array) -> Array:
    r"""The level as sines and cosines of pi k phi, k = 1, 2.

    phi = 2/pi atan(sqrt((1 - alpha) / alpha)) is in [0, 1], 0 clean and 1 noise.

    Args:
        alpha: signal levels, shape (n,), in (0, 1].

    Returns:
        Shape (n, 4).
    """
    angle = 2.0 * jnp.arctan2(jnp.sqrt(1.0 - alpha), jnp.sqrt(alpha))
    return jnp.stack([wave(k * angle) for k in _FREQUENCIES for wave in (jnp.sin, jnp.cos)], axis=1)


def features(level: Array, condition: Array, present: Array) -> Array:
    """What a network is told beside the noisy genome.

    An absent condition is all zeros, which "no condition" means, and its flag tells it from a
    condition whose value is zero.

    Args:
        level: from `waves`, shape (n, 4).
        condition: condition values, shape (n, C), zero where absent.
        present: 1 where a condition is present, 0 where not, shape (n, K).

    Returns:
        Shape (n, F), F = 4 + C + K.
    """
    return jnp.concatenate([level, condition, present], axis=1)


def num_features(num_values: int, num_conditions: int) -> int:
    """F, the width of `features`."""
    return 2 * len(_FREQUENCIES) + num_values + num_conditions


def init_weights(network: nn.Module, key: Array, num_dims: int, num_inputs: int, dtype) -> Array:
    """Fresh weights of a network as one vector (W,)."""
    return ravel_pytree(_init(network, key, num_dims, num_inputs, dtype))[0]


def apply(network: nn.Module, weights: Array, x: Array, inputs: Array) -> Array:
    """The network's output (n, D) with flat weights (W,), on x (n, D) and features (n, F)."""
    shapes = jax.eval_shape(
        lambda: _init(network, jax.random.key(0), x.shape[1], inputs.shape[1], weights.dtype)
    )
    leaves, structure = jax.tree.flatten(shapes)
    # A split, because its gradient is a concatenation: that of slices would be a sum of paddings.
    ends = np.cumsum([math.prod(leaf.shape) for leaf in leaves])[:-1]
    parts = jnp.split(weights, ends)
    parts = [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    return cast(Array, network.apply(jax.tree.unflatten(structure, parts), x, inputs))


def _init(network: nn.Module, key: Array, num_dims: int, num_inputs: int, dtype):
    return network.init(key, jnp.zeros((1, num_dims), dtype), jnp.zeros((1, num_inputs), dtype))


@jax.custom_vjp
def _product(x: Array, kernel: Array) -> Array:
    """X @ kernel, whose gradient for the kernel is a product of the transposed x.

    XLA's fast routine for small products on a CPU contracts the last axis of its left side; left
    alone, it would fold the transposition into the product and take a slower one.
    """
    return x @ kernel


def _product_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return x @ kernel, (x, kernel)


def _product_backward(operands: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, kernel = operands
    return gradient @ kernel.T, jax.lax.optimization_barrier(x.T) @ gradient


_product.defvjp(_product_forward, _product_backward)


def _dot_general(x: Array, kernel: Array, *_: Any, **__: Any) -> Array:
    """`_product` where flax's Dense asks for `jax.lax.dot_general`."""
    return _product(x, kernel)


class MLP(nn.Module):
    """A plain perceptron on [x, features]; the default, as large as the authors' 32 x 2.

    Attributes:
        hidden: width of each hidden layer.
        activation: between the layers.
    """

    hidden: tuple[int, ...] = (32, 32)
    activation: Callable[[Array], Array] = nn.relu

    @nn.compact
    def __call__(self, x: Array, features: Array) -> Array:
        """Output (n, D)."""
        dense = functools.partial(nn.Dense, param_dtype=x.dtype, dot_general=_dot_general)
        h = jnp.concatenate([x, features], axis=1)
        for width in self.hidden:
            h = self.activation(dense(width)(h))
        return dense(x.shape[1], kernel_init=nn.initializers.zeros)(h)


class ResidualMLP(nn.Module):
    """Residual blocks that are each told level and condition anew: for larger networks.

    Attributes:
        width: of the residual stream.
        num_blocks: each is norm, layer plus features, activation, layer.
        activation: within the blocks.
    """

    width: int = 64
    num_blocks: int = 3
    activation: Callable[[Array], Array] = nn.silu

    @nn.compact
    def __call__(self, x: Array, features: Array) -> Array:
        """Output (n, D)."""
        dtype = x.dtype
        h = nn.Dense(self.width, param_dtype=dtype)(x)
        for _ in range(self.num_blocks):
            inner = nn.Dense(self.width, param_dtype=dtype)(nn.LayerNorm(param_dtype=dtype)(h))
            inner += nn.Dense(self.width, use_bias=False, param_dtype=dtype)(features)
            h += nn.Dense(self.width, param_dtype=dtype)(self.activation(inner))
        return nn.Dense(x.shape[1], kernel_init=nn.initializers.zeros, param_dtype=dtype)(h)


class ChunkAttention(nn.Module):
    """Attention over chunks of the genome: weights do not grow with D but for the positions.

    The genome is cut into ceil(D / chunk_size) tokens. All chunks share their maps in and out, so
    that thousands of dimensions cost about as many weights as one chunk does.

    Attributes:
        chunk_size: numbers a token.
        width: of a token, a multiple of num_heads.
        num_heads: attention heads.
        num_blocks: attention and perceptron, each with a norm before and a residual around.
    """

    chunk_size: int = 256
    width: int = 64
    num_heads: int = 4
    num_blocks: int = 2

    @nn.compact
    def __call__(self, x: Array, features: Array) -> Array:
        """Output (n, D)."""
        num_rows, num_dims = x.shape
        num_chunks = -(-num_dims // self.chunk_size)
        padding = num_chunks * self.chunk_size - num_dims
        chunks = jnp.pad(x, ((0, 0), (0, padding))).reshape(num_rows, num_chunks, self.chunk_size)

        def dense(width: int, **options) -> nn.Dense:
            return nn.Dense(width, param_dtype=x.dtype, **options)

        shape = (1, num_chunks, self.width)
        position = self.param("position", nn.initializers.normal(0.5), shape, x.dtype)
        tokens = dense(self.width)(chunks) + position + dense(self.width)(features)[:, None, :]
        for _ in range(self.num_blocks):
            attention = nn.MultiHeadDotProductAttention(self.num_heads, param_dtype=x.dtype)
            tokens += attention(nn.LayerNorm(param_dtype=x.dtype)(tokens))
            inner = dense(2 * self.width)(nn.LayerNorm(param_dtype=x.dtype)(tokens))
            tokens += dense(self.width)(nn.silu(inner))
        out = dense(self.chunk_size, kernel_init=nn.initializers.zeros)(tokens)
        return out.reshape(num_rows, -1)[:, :num_dims]

r"""Networks that denoise: from a noisy genome and features of level and condition to an output.

A network is any Flax module (linen) that is called as ``network(x, features)`` with shapes (n, D)
and (n, F) and returns (n, D). Modules are frozen dataclasses hashed by value, so they are static
configuration; their weights are handled as one flat vector (W,): in a training loop of small
matrices the optimizer's update is then one pass instead of one for each layer.

The last layer starts at zero. Since every prediction is learned as a correction to what is right
for unit-Gaussian data (`diffevo.denoiser.process`), an untrained network samples a unit Gaussian.

Shape letters: n rows, D genome dimensions, F features, C condition values, K conditions.
"""

import math
from collections.abc import Callable
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree

Initializer = nn.initializers.Initializer
_INIT = nn.initializers.lecun_uniform()
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
    condition whose value is zero. The last column is 1: a bias.

    Args:
        level: from `waves`, shape (n, 4).
        condition: condition values, shape (n, C), zero where absent.
        present: 1 where a condition is present, 0 where not, shape (n, K).

    Returns:
        Shape (n, F), F = 4 + C + K + 1.
    """
    return jnp.concatenate([level, condition, present, jnp.ones_like(level[:, :1])], axis=1)


def num_features(num_values: int, num_conditions: int) -> int:
    """F, the width of `features`."""
    return 2 * len(_FREQUENCIES) + num_values + num_conditions + 1


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


class MLP(nn.Module):
    """A plain perceptron on [x, features]; the default, as large as the authors' 32 x 2.

    Biases are a row of the next layer's kernel, against a column of ones: at these sizes a separate
    bias costs as much time as the layer.

    Attributes:
        hidden: width of each hidden layer.
        activation: between the layers.
    """

    hidden: tuple[int, ...] = (32, 32)
    activation: Callable[[Array], Array] = nn.relu

    @nn.compact
    def __call__(self, x: Array, features: Array) -> Array:
        """Output (n, D)."""
        h = jnp.concatenate([x, features], axis=1)
        for number, width in enumerate(self.hidden):
            h = self.activation(h @ self._kernel(f"kernel_{number}", h, width))
            h = jnp.pad(h, ((0, 0), (0, 1)), constant_values=1.0)
        return h @ self._kernel("out", h, x.shape[1], nn.initializers.zeros)

    def _kernel(self, name: str, h: Array, width: int, init: Initializer = _INIT) -> Array:
        return self.param(name, init, (h.shape[1], width), h.dtype)


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

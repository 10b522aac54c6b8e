"""Random words as numbers: what one draw of a generator's bits is turned into.

Every call of JAX's generator is a loop to compile, about as long as a small network's gradient, so
an algorithm with many random parts draws all of its words at once and hands them out with `deal`.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array


def deal(words: Array, *shapes: tuple[int, ...]) -> list[Array]:
    """Cut a vector of words, as long as needed, into arrays of these shapes, in order."""
    dealt, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        dealt.append(words[start:stop].reshape(shape))
        start = stop
    return dealt


def draw(key: Array, *shapes: tuple[int, ...]) -> list[Array]:
    """Random words uint32 of these shapes by one call of the generator; the key is consumed."""
    total = sum(math.prod(shape) for shape in shapes)
    return deal(jax.random.bits(key, (total,), jnp.uint32), *shapes)


def keys(words: Array, like: Array) -> Array:
    """Random words (..., 4) as keys (...) of the same kind as `like`."""
    size = jax.random.key_data(like).shape[-1]
    return jax.random.wrap_key_data(words[..., :size], impl=jax.random.key_impl(like))


def uniform(words: Array, dtype: jnp.dtype) -> Array:
    """Numbers in [0, 1) from the higher 23 bits."""
    return (words >> 9).astype(dtype) * jnp.asarray(2.0**-23, dtype)


def normal(words: Array, dtype: jnp.dtype) -> Array:
    """Standard normal numbers from the higher 23 bits."""
    centered = 2.0 * uniform(words, dtype) - jnp.asarray(1.0 - 2.0**-23, dtype)
    return math.sqrt(2.0) * jax.lax.erf_inv(centered)


def pick(words: Array, weights: Array, dtype: jnp.dtype) -> Array:
    """Indices drawn with probability proportional to weights (n,) >= 0, with replacement."""
    ends = jnp.cumsum(weights)
    places = jnp.searchsorted(ends, uniform(words, dtype) * ends[-1], side="right")
    return jnp.minimum(places, weights.shape[0] - 1).astype(jnp.int32)

"""Gaussian noise: the draws that a generation adds, cheaper than JAX's own on a CPU.

At a few hundred members `jax.random.normal` is a good part of a generation. On a CPU its generator
loops over the rounds of Threefry, a pass over memory each, and the error function is inverted. Here
the rounds are written out, so that they compile into one vectorised pass with the normal draws and
with what they are added to. Every number has a block of its own, of which Box and Muller's second
number is left: joining the two would cost several times as much as drawing anew, because XLA does
not vectorise a concatenation.

References: Salmon, Moraes, Dror, Shaw. Parallel random numbers: as easy as 1, 2, 3 (SC 2011);
Box, Muller. A note on the generation of random normal deviates (1958).
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
# sin(pi h) / h as a polynomial in h^2 for |h| <= 1/2, highest power first: interpolated at the
# Chebyshev nodes, off by 1.4e-8.
_SINE = (0.07765591, -0.59829038, 2.55007740, -5.16771030, 3.14159274)


def _threefry(key_words: Array, first: Array, second: Array) -> tuple[Array, Array]:
    """Threefry-2x32 with 20 rounds: the two words of every block, from the two of its counter."""
    keys = key_words[0], key_words[1], key_words[0] ^ key_words[1] ^ jnp.uint32(0x1BD11BDA)
    first, second = first + keys[0], second + keys[1]
    for i in range(5):
        for rotation in _ROTATIONS[i % 2]:
            first = first + second
            second = (second << jnp.uint32(rotation)) | (second >> jnp.uint32(32 - rotation))
            second = second ^ first
        first, second = first + keys[(i + 1) % 3], second + keys[(i + 2) % 3] + jnp.uint32(i + 1)
    return first, second


def _box_muller(first: Array, second: Array) -> Array:
    """N(0, 1) from two independent uniform words: sqrt(-2 log u) cos(2 pi h)."""
    uniform = (first.astype(jnp.float32) + 0.5) * jnp.float32(2.0**-32)  # in (0, 1]
    radius = jnp.sqrt(-2.0 * jnp.log(uniform))
    half_turns = jax.lax.bitcast_convert_type(second, jnp.int32).astype(jnp.float32)
    half_turns = half_turns * jnp.float32(2.0**-32)
    square = half_turns * half_turns
    sine = jnp.full_like(square, _SINE[0])
    for coefficient in _SINE[1:]:
        sine = sine * square + jnp.float32(coefficient)
    sine = half_turns * sine
    return radius * (1.0 - 2.0 * sine * sine)


def standard_normal(
    key: Array, shape: tuple[int, ...], dtype: DTypeLike, stream: Array | None = None
) -> Array:
    """Independent N(0, 1) draws, up to 6.7 standard deviations out.

    Args:
        key: random key, consumed. Keys of another kind than JAX's default fall back to
            `jax.random.normal`, as do dtypes other than float32.
        shape: of the result.
        dtype: floating.
        stream: integer >= 0; the streams of a key are independent, and cheaper than keys of their
            own. None is the first.

    Returns:
        Draws of that shape and dtype.
    """
    if jnp.dtype(dtype) != jnp.float32 or jax.random.key_impl(key) != "threefry2x32":
        key = key if stream is None else jax.random.fold_in(key, stream)
        return jax.random.normal(key, shape, dtype)
    counter = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    streams = jnp.zeros_like(counter) if stream is None else stream.astype(jnp.uint32)
    words = _threefry(jax.random.key_data(key), counter, streams)
    return _box_muller(*words)

"""Gaussian noise: the draws that a generation adds, cheaper than JAX's own on a CPU.

At a few hundred members `jax.random.normal` is a good part of a generation. On a CPU its generator
loops over the rounds of Threefry, a pass over memory each, keeps one of two words, and the error
function is inverted. Here the rounds are written out, so that they compile into one pass with the
normal draws, and both words of a block become one pair of Box and Muller.

References: Salmon, Moraes, Dror, Shaw. Parallel random numbers: as easy as 1, 2, 3 (SC 2011);
Box, Muller. A note on the generation of random normal deviates (1958).
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
# sin(pi h) / h and cos(pi h) as polynomials in h^2 for |h| <= 1/2, highest power first:
# interpolated at the Chebyshev nodes, off by 1.4e-8 and 4.7e-8.
_SINE = (0.07765591, -0.59829038, 2.55007740, -5.16771030, 3.14159274)
_COSINE = (0.21968243, -1.33187294, 4.05841064, -4.93479300, 0.99999994)


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


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    value = jnp.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + jnp.float32(coefficient)
    return value


def _box_muller(first: Array, second: Array) -> tuple[Array, Array]:
    """Two independent N(0, 1) from two independent uniform words."""
    uniform = (first.astype(jnp.float32) + 0.5) * jnp.float32(2.0**-32)  # in (0, 1]
    radius = jnp.sqrt(-2.0 * jnp.log(uniform))
    # The angle is 2 pi h; the double angle's sine and cosine from those of pi h.
    half_turns = jax.lax.bitcast_convert_type(second, jnp.int32).astype(jnp.float32)
    half_turns = half_turns * jnp.float32(2.0**-32)
    square = half_turns * half_turns
    sine = half_turns * _polynomial(_SINE, square)
    cosine = _polynomial(_COSINE, square)
    return radius * (2.0 * sine * cosine), radius * (1.0 - 2.0 * sine * sine)


def standard_normal(key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Independent N(0, 1) draws, up to 6.7 standard deviations out.

    Args:
        key: random key, consumed. Keys of another kind than JAX's default fall back to
            `jax.random.normal`, as do dtypes other than float32.
        shape: of the result.
        dtype: floating.

    Returns:
        Draws of that shape and dtype.
    """
    if jnp.dtype(dtype) != jnp.float32 or jax.random.key_impl(key) != "threefry2x32":
        return jax.random.normal(key, shape, dtype)
    # A pair shares no row, so that the halves are joined without a copy in another order.
    num_rows = shape[0] if shape else 1
    half = (-(-num_rows // 2), *shape[1:])
    count = math.prod(half)
    counter = jax.lax.iota(jnp.uint32, count).reshape(half)
    words = _threefry(jax.random.key_data(key), counter, counter + jnp.uint32(count))
    return jnp.concatenate(_box_muller(*words))[:num_rows].reshape(shape)

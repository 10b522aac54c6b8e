"""Images as sequences of pixels along a Hilbert curve, so that neighbours stay neighbours.

Shape letters: n images, S side of the square, a power of two, L = S^2 pixels.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


@functools.cache
def curve(side: int) -> np.ndarray:
    """The pixels (row, column) of a square in the order of a Hilbert curve.

    The curve of a square is four of half its side: mirrored at the diagonal, twice as it is,
    mirrored at the other diagonal.

    Args:
        side: S, a power of two.

    Returns:
        (L, 2) integers, from (0, 0) to (S - 1, 0); consecutive ones differ by 1 in one of the two.

    Raises:
        ValueError: the side is no power of two.
    """
    if side < 1 or side & (side - 1):
        raise ValueError(f"side: expected a power of two, got {side}")
    pixels = np.zeros((1, 2), int)
    half = 1
    while half < side:
        last = np.array([2 * half - 1, half - 1]) - pixels[:, ::-1]
        parts = (pixels[:, ::-1], pixels + np.array([0, half]), pixels + half, last)
        pixels = np.concatenate(parts)
        half *= 2
    return pixels


def sequence(images: Array) -> Array:
    """Images as sequences along the curve of the smallest square that holds them.

    Other sizes than a power of two are enlarged to the next one (28 to 32), by bilinear
    interpolation between the pixels' centres; the reference's own cubic splines differ a little.

    Args:
        images: (n, pixels) of square images, row by row.

    Returns:
        (n, L).

    Raises:
        ValueError: the images are not flat, or not square.
    """
    height = math.isqrt(images.shape[-1]) if images.ndim == 2 else 0
    if images.ndim != 2 or height < 1 or height**2 != images.shape[-1]:
        raise ValueError(
            f"images: expected flat square images, shape (n, side * side), got {images.shape}"
        )
    side = 1 << (height - 1).bit_length()
    squares = images.reshape(-1, height, height)
    if side != height:
        squares = jax.image.resize(squares, (len(images), side, side), "linear")
    rows, columns = curve(side).T
    return jnp.asarray(squares)[:, rows, columns]

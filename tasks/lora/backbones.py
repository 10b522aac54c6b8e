"""Families of frozen random matrices, and what tells one stream of random numbers from another.

A matrix W has shape (I, O), inputs by outputs, and is drawn from a key. Families whose width is
given are as wide in every layer; "fan_in", Kaiming's, Xavier's, "orthogonal" and
"spectral_radius" fit theirs to the layer. The names are those of table 13 of the paper; where its
constants are not known to us, those below are ours: the clip of "cauchy", "mixture", the centres
of "beta" and "exponential", the range of the quantised.

Reference: LottaLoRA, arXiv 2604.08749.
"""

import math
import zlib
from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, random
from jax.nn import initializers

Shape = tuple[int, int]
Draw = Callable[[Array, Shape], Array]

WIDTH = 0.1


def _fan_in(key: Array, shape: Shape) -> Array:
    return random.normal(key, shape) / math.sqrt(shape[0])


def _spectral(key: Array, shape: Shape) -> Array:
    """Of a rectangle, the largest singular value stands for the spectral radius."""
    drawn = random.normal(key, shape)
    return 0.95 * drawn / jnp.linalg.norm(drawn, ord=2)


def _cauchy(key: Array, shape: Shape) -> Array:
    return jnp.clip(WIDTH * random.cauchy(key, shape), -1.0, 1.0)


def _mixture(key: Array, shape: Shape) -> Array:
    """Half N(0, 0.05^2), half N(0, 0.15^2)."""
    which, values = random.split(key)
    width = jnp.where(random.bernoulli(which, 0.5, shape), 0.05, 0.15)
    return width * random.normal(values, shape)


def _sparse(values: Draw, key: Array, shape: Shape) -> Array:
    """One weight in five, the others 0."""
    which, rest = random.split(key)
    return jnp.where(random.bernoulli(which, 0.2, shape), values(rest, shape), 0.0)


def _beta(key: Array, shape: Shape) -> Array:
    """Beta(2, 2), whose standard deviation is 1 / sqrt(20), centred and of width 0.1."""
    return WIDTH * math.sqrt(20.0) * (random.beta(key, 2.0, 2.0, shape) - 0.5)


def _exponential(key: Array, shape: Shape) -> Array:
    return WIDTH * (random.exponential(key, shape) - 1.0)


def _quantised(bits: int, key: Array, shape: Shape) -> Array:
    """N(0, 0.1^2) in 2^bits equal steps over three widths to either side."""
    step = 6.0 * WIDTH / 2**bits
    most = 2 ** (bits - 1)
    level = jnp.floor(WIDTH * random.normal(key, shape) / step)
    return (jnp.clip(level, -most, most - 1) + 0.5) * step


def _normal(key: Array, shape: Shape) -> Array:
    return WIDTH * random.normal(key, shape)


def _binary(key: Array, shape: Shape) -> Array:
    return WIDTH * random.rademacher(key, shape, jnp.float32)


FAMILIES: dict[str, Draw] = {
    "normal": _normal,
    "truncated_normal": lambda key, shape: WIDTH * random.truncated_normal(key, -2, 2, shape),
    "uniform": lambda key, shape: random.uniform(key, shape, minval=-WIDTH, maxval=WIDTH),
    "fan_in": _fan_in,
    "orthogonal": initializers.orthogonal(),
    "kaiming_normal": initializers.he_normal(),
    "kaiming_uniform": initializers.he_uniform(),
    "xavier_normal": initializers.glorot_normal(),
    "xavier_uniform": initializers.glorot_uniform(),
    "spectral_radius": _spectral,
    "cauchy": _cauchy,
    "laplace": lambda key, shape: WIDTH * random.laplace(key, shape),
    "student_t": lambda key, shape: WIDTH * random.t(key, 3.0, shape),
    "mixture": _mixture,
    "sparse_normal": partial(_sparse, _normal),
    "erdos_renyi": partial(_sparse, _binary),
    "beta": _beta,
    "exponential": _exponential,
    **{f"{bits}_bit": partial(_quantised, bits) for bits in (16, 8, 4, 2)},
    "binary": _binary,
    "zero": lambda key, shape: jnp.zeros(shape),
}


def check_family(family: str) -> None:
    """Raise ValueError unless ``family`` is a key of `FAMILIES`."""
    if family not in FAMILIES:
        raise ValueError(f"family: expected one of {', '.join(FAMILIES)}; got {family!r}")


def draw(family: str, key: Array, name: str, shape: Shape) -> Array:
    """The matrix (I, O) of the layer called ``name``.

    It depends on the key, the name and the shape alone: layers that come or go change no other.

    Raises:
        ValueError: for an unknown family.
    """
    check_family(family)
    return FAMILIES[family](random.fold_in(key, zlib.crc32(name.encode())), shape)


def key_of(seed: int) -> Array:
    """The key of a seed, of a generator that does not depend on JAX's settings."""
    return random.key(seed, impl="threefry2x32")


TOLERANCE = 1e-4


def fingerprint(matrix: Array) -> tuple[float, float]:
    """Two numbers that tell another stream of random numbers from another rounding.

    With W of shape (I, O): u' W v, for u_i = cos(i + 1), v_j = cos(sqrt(2) (j + 1)), and |W|_F.
    """
    values = np.asarray(matrix, np.float64)
    left, right = (np.arange(1, size + 1) for size in values.shape)
    probe = np.cos(left) @ values @ np.cos(math.sqrt(2.0) * right)
    return float(probe), float(np.linalg.norm(values))


def check_fingerprints(
    drawn: Mapping[str, Array], expected: Mapping[str, tuple[float, float]]
) -> None:
    """Raise ValueError where a matrix is not the one that was meant.

    Differences in the last digits, as between two devices, pass: up to `TOLERANCE` times the norm.
    One weight of 100,000 that is another draw does not.

    Args:
        drawn: matrices by the names of their layers.
        expected: fingerprints by the same names.
    """
    for name, matrix in drawn.items():
        found = fingerprint(matrix)
        limit = TOLERANCE * max(found[1], expected[name][1])
        if max(abs(a - b) for a, b in zip(found, expected[name], strict=True)) > limit:
            raise ValueError(
                f"{name}: the seed gives another random matrix here (JAX {jax.__version__}) than "
                f"where the adapters were trained: expected the fingerprint {expected[name]}, got "
                f"{found}. They belong together; load them with the JAX that they were saved with"
            )

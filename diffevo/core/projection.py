r"""Latent maps: neighbourhoods measured in z = E x instead of x.

Reference: Zhang et al., arXiv 2410.02543, section 5 (eq. 12).
"""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike


def random_projection(
    key: Array,
    num_latent_dims: int,
    num_dims: int,
    *,
    normalize: bool = True,
    dtype: DTypeLike = float,
) -> Array:
    r"""Draw E with entries N(0, 1 / D).

    With unit-norm rows each latent coordinate of a unit Gaussian is again a unit Gaussian, which
    is the scale that the noise schedule assumes; without, it is so on average only.

    Args:
        key: random key, consumed.
        num_latent_dims: d >= 1.
        num_dims: D >= 1.
        normalize: scale each row to unit norm (the authors' code does, the paper's text does not).
        dtype: of E, floating.

    Returns:
        E, shape (d, D).
    """
    projection = jax.random.normal(key, (num_latent_dims, num_dims), dtype=dtype)
    if normalize:
        return projection / jnp.linalg.norm(projection, axis=1, keepdims=True)
    return projection / num_dims**0.5


def project(projection: Array, population: Array) -> Array:
    """Latent coordinates z_i = E x_i: (d, D) and (N, D) to (N, d)."""
    return jnp.matmul(population, projection.T, precision=jax.lax.Precision.HIGHEST)

"""Distances between sets of points."""

import jax
import jax.numpy as jnp
from jax import Array


def squared_distances(one: Array, other: Array) -> Array:
    """|x_i - y_j|^2 by one matrix product: (n, D) and (m, D) to (n, m), no n x m x D array."""
    center = jnp.mean(other, axis=0, keepdims=True)
    one, other = one - center, other - center
    product = jnp.matmul(one, other.T, precision=jax.lax.Precision.HIGHEST)
    squares = jnp.sum(one**2, axis=1)[:, None] + jnp.sum(other**2, axis=1)[None, :]
    return jnp.maximum(squares - 2.0 * product, 0.0)

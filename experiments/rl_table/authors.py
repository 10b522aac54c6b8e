"""The authors' estimator of x0, with its floors: for reproduction only.

Reference: Zhang et al., arXiv 2410.02543; https://github.com/Zhangyanbo/diffusion-evolution.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from diffevo.core.distances import squared_distances
from diffevo.core.processes import Gaussian

FLOOR = 1e-9


@dataclasses.dataclass(frozen=True)
class Floored(Gaussian):
    r"""The Gaussian process with the floors of the authors' program.

        x0_i = sum_j w_ij x_j / sum_j w_ij,
        w_ij = (g_j + 1e-9) (exp(-|z_i - sqrt(alpha) z_j|^2 / (2 (1 - alpha))) + 1e-9)

    Where the Gaussian is far below 1e-9, as between any two of a population in 58 dimensions at the
    start, every member sees every other at the same distance, and all move towards the one weighted
    mean; a member that is good for nothing (g_j below 1e-9) does so even later. In the paper's
    equations, 8 and 9, there is no floor.
    """

    def estimate(
        self, genomes: Array, log_weights: Array, alpha: ArrayLike, **options: Any
    ) -> Array:
        """x0 (N, D) of genomes (N, D), distances in ``latent`` if that is among the options."""
        latent = options.get("latent")
        z = genomes if latent is None else latent
        alpha = jnp.asarray(alpha, genomes.dtype)
        kernel = jnp.exp(-squared_distances(z, jnp.sqrt(alpha) * z) / (2 * (1 - alpha)))
        weights = (jnp.exp(log_weights) + FLOOR) * (kernel + FLOOR)
        return jnp.matmul(weights, genomes, precision=jax.lax.Precision.HIGHEST) / jnp.sum(
            weights, axis=1, keepdims=True
        )

r"""The reverse step of the diffusion: one generation from alpha to alpha_next.

References:
    Song, Meng, Ermon. Denoising Diffusion Implicit Models. arXiv 2010.02502, eq. 12 and 16.
    Zhang et al. Diffusion Models are Evolutionary Algorithms. arXiv 2410.02543, eq. 5 and 10.
"""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


def sigma(alpha: ArrayLike, alpha_next: ArrayLike, noise_scale: ArrayLike) -> Array:
    r"""Standard deviation of the fresh noise in one reverse step.

    sigma = noise_scale sqrt((1 - alpha') / (1 - alpha)) sqrt(1 - alpha / alpha'), never above
    sqrt(1 - alpha'), the whole noise that may be left after the step.

    Args:
        alpha: level before the step, in (0, 1).
        alpha_next: level alpha' after it, in [alpha, 1].
        noise_scale: 0 is DDIM (deterministic), 1 is DDPM.

    Returns:
        sigma, a scalar >= 0.
    """
    alpha, alpha_next = jnp.asarray(alpha), jnp.asarray(alpha_next)
    remaining = 1.0 - alpha_next
    variance = remaining / (1.0 - alpha) * (1.0 - alpha / alpha_next)
    return jnp.minimum(noise_scale * jnp.sqrt(variance), jnp.sqrt(remaining))


def reverse_step(
    population: Array,
    x0: Array,
    alpha: ArrayLike,
    alpha_next: ArrayLike,
    noise: Array,
    noise_scale: ArrayLike,
) -> Array:
    r"""One reverse step: keep the estimated origin, shrink the estimated noise, add fresh noise.

    eps = (x - sqrt(alpha) x0) / sqrt(1 - alpha)                                     # Eq. (10)
    x' = sqrt(alpha') x0 + sqrt(1 - alpha' - sigma^2) eps + sigma noise              # Eq. (5)

    Args:
        population: x at level alpha, shape (N, D).
        x0: estimated origins, shape (N, D).
        alpha: level before the step, in (0, 1).
        alpha_next: level alpha' after it, in [alpha, 1].
        noise: standard normal draws, shape (N, D).
        noise_scale: 0 is DDIM, 1 is DDPM; the step stays finite above 1.

    Returns:
        x' at level alpha', shape (N, D).
    """
    alpha, alpha_next = jnp.asarray(alpha), jnp.asarray(alpha_next)
    fresh = sigma(alpha, alpha_next, noise_scale)
    # Rounding can push the difference below zero where noise_scale >= 1 takes all that is left.
    kept = jnp.sqrt(jnp.maximum(1.0 - alpha_next - fresh**2, 0.0) / (1.0 - alpha))
    return kept * population + (jnp.sqrt(alpha_next) - kept * jnp.sqrt(alpha)) * x0 + fresh * noise


def forward(population: Array, alpha: ArrayLike, alpha_next: ArrayLike, noise: Array) -> Array:
    r"""The forward process: from level alpha up to the noisier alpha' <= alpha.

    x' = sqrt(alpha' / alpha) x + sqrt(1 - alpha' / alpha) noise.

    Args:
        population: x at level alpha, shape (N, D).
        alpha: level before, in (0, 1].
        alpha_next: level alpha' after, in (0, alpha].
        noise: standard normal draws, shape (N, D).

    Returns:
        x' at level alpha', shape (N, D).
    """
    ratio = jnp.minimum(jnp.asarray(alpha_next) / jnp.asarray(alpha), 1.0)
    return jnp.sqrt(ratio) * population + jnp.sqrt(1.0 - ratio) * noise

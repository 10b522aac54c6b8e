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
    fresh, _ = _variance_shares(alpha, alpha_next, noise_scale)
    return jnp.sqrt(fresh * (1.0 - jnp.asarray(alpha_next)))


def _variance_shares(
    alpha: ArrayLike, alpha_next: ArrayLike, noise_scale: ArrayLike
) -> tuple[Array, Array]:
    """Shares of the variance 1 - alpha' that are fresh noise and old noise; they add up to 1.

    With r = (alpha' - alpha) / (alpha' (1 - alpha)), the fresh share is eta^2 r and the old one
    1 - eta^2 r = (1 - eta^2) r + alpha (1 - alpha') / (alpha' (1 - alpha)): written so, nothing
    nearly equal is subtracted at either end of a schedule.
    """
    alpha, alpha_next = jnp.asarray(alpha), jnp.asarray(alpha_next)
    scale = alpha_next * (1.0 - alpha)
    ratio = (alpha_next - alpha) / scale
    eta_squared = jnp.asarray(noise_scale) ** 2
    old = (1.0 - eta_squared) * ratio + alpha * (1.0 - alpha_next) / scale
    # Above noise_scale = 1 the fresh noise may ask for more than the whole.
    return jnp.minimum(eta_squared * ratio, 1.0), jnp.clip(old, 0.0, 1.0)


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
    fresh, old = _variance_shares(alpha, alpha_next, noise_scale)
    remaining = 1.0 - alpha_next
    kept = jnp.sqrt(remaining * old / (1.0 - alpha))
    return (
        kept * population
        + (jnp.sqrt(alpha_next) - kept * jnp.sqrt(alpha)) * x0
        + jnp.sqrt(remaining * fresh) * noise
    )


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

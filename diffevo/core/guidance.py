r"""Classifier-free guidance: ask for what a conditional model learned, more or less strongly.

Reference: Ho, Salimans. Classifier-Free Diffusion Guidance. arXiv 2207.12598, eq. 6; several
conditions at once: Liu et al., Compositional Visual Generation. arXiv 2206.01714, eq. 11.
"""

import jax.numpy as jnp
from jax import Array


def mix(unconditional: Array, conditional: Array, scales: Array) -> Array:
    r"""eps_u + sum_k s_k (eps_k - eps_u).

    The same rule holds for predictions of eps, x0, v or a flow's velocity, because each is an
    affine function of the others with the same coefficients for all of the terms.

    Args:
        unconditional: the prediction without any condition, shape (N, D).
        conditional: the predictions with condition k alone, shape (K, N, D).
        scales: s_k, shape (K,): 0 ignores a condition, 1 samples the conditional model, above 1
            overstates what distinguishes it. K = 0 leaves the unconditional prediction.

    Returns:
        The guided prediction, shape (N, D).
    """
    differences = conditional - unconditional[None]
    return unconditional + jnp.sum(scales[:, None, None] * differences, axis=0)

"""Variation beside the diffusion: crossover, mutation gene by gene, random moves.

All randomness comes in as arrays. Shape letters: n individuals, D genome dimensions.

Reference: Hartl et al. arXiv 2411.13420.
"""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


def crossover(one: Array, other: Array, genes: Array) -> Array:
    """Uniform crossover.

    Args:
        one: first parents, shape (n, D).
        other: second parents, shape (n, D).
        genes: booleans (n, D): where the child takes after the first.

    Returns:
        Children, shape (n, D).
    """
    return jnp.where(genes, one, other)


def mutate_genes(
    genomes: Array, who: Array, where: Array, noise: Array, ratio: ArrayLike, rate: ArrayLike
) -> Array:
    """Unbiased mutation: add noise to some genes of some individuals.

    Args:
        genomes: shape (n, D).
        who: uniform numbers (n, 1) in [0, 1), one an individual.
        where: uniform numbers (n, D) in [0, 1), one a gene.
        noise: what is added, shape (n, D).
        ratio: share of the individuals, in [0, 1].
        rate: share of their genes, in [0, 1].

    Returns:
        Genomes, shape (n, D).
    """
    return jnp.where((who < ratio) & (where < rate), genomes + noise, genomes)


def move_some(
    genomes: Array, who: Array, where: Array, ratio: ArrayLike, half_width: ArrayLike
) -> Array:
    """Move some individuals, each within a cube around it.

    Args:
        genomes: shape (n, D).
        who: uniform numbers (n, 1) in [0, 1).
        where: uniform numbers (n, D) in [0, 1): 0 is one end of the cube, 1 the other.
        ratio: share of the individuals, in [0, 1].
        half_width: half the cube's edge, >= 0.

    Returns:
        Genomes, shape (n, D).
    """
    return jnp.where(who < ratio, genomes + half_width * (2.0 * where - 1.0), genomes)

r"""Latent Space Diffusion Evolution: neighbourhoods in a random projection z = E x.

The sum over the population is the same as in Diffusion Evolution, but with the kernel
N(z_t; sqrt(alpha_t) z, (1 - alpha_t) I) in d dimensions, d small (eq. 12). In thousands of
dimensions every member is far from every other one and selection dies; in the projection they
still are neighbours. There is no decoder: the mean is taken over the genomes themselves.

Reference: Zhang et al., arXiv 2410.02543, algorithm 2.
"""

import dataclasses
from typing import final

from jax import Array

from diffevo.algorithms import base
from diffevo.algorithms.diffusion_evolution import _AnalyticDenoising
from diffevo.core.processes import Categorical
from diffevo.core.projection import random_projection


@final
@dataclasses.dataclass(frozen=True)
class LatentDiffusionEvolution(_AnalyticDenoising):
    """Latent Space Diffusion Evolution: see the module's first lines for what it computes.

    Attributes (those of `diffevo.DiffusionEvolution`, and):
        num_latent_dims: d >= 1.
        normalize_projection: scale the rows of E to unit norm.

    Raises:
        ValueError: an argument is out of its range; the message names it.
    """

    num_latent_dims: int = dataclasses.field(default=2, kw_only=True)
    normalize_projection: bool = dataclasses.field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        """Check the configuration."""
        base.check_int("num_latent_dims", self.num_latent_dims)
        object.__setattr__(self, "num_latent_dims", int(self.num_latent_dims))
        super().__post_init__()
        if isinstance(self.process, Categorical):
            # Projected indicators have no Hamming distance, on which the kernel rests.
            raise ValueError(
                "process: expected one of real numbers with a latent projection, "
                f"got {self.process!r}"
            )

    def _draw_projection(self, key: Array) -> Array:
        return random_projection(
            key,
            self.num_latent_dims,
            self.process.num_coordinates(self.num_dims),
            normalize=self.normalize_projection,
            dtype=self.solution.dtype,
        )

    @property
    def _num_kernel_dims(self) -> int:
        return self.num_latent_dims

"""The two-peak demonstration of figure 2: can a method hold two equal optima at once?

Shape letters: N points, K = 2 peaks.

Reference: Zhang, Hartl, Hazan, Levin, "Diffusion Models are Evolutionary Algorithms",
ICLR 2025, arXiv 2410.02543; the authors' code, diffevo/examples.py.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from tasks.base import check_points

PEAKS = ((-1.0, -1.0), (1.0, 1.0))


@dataclass(frozen=True)
class TwoPeaks:
    """Two equal peaks at (-1, -1) and (1, 1), in two dimensions.

    * smooth: quality = sum_k exp(-|x - mu_k|^2 / (2 width^2)), a mixture of two Gaussians scaled
      to 1 at each peak;
    * step: quality = 1 nearer than ``width`` to a peak, else 1e-9. Every point of the two discs is
      optimal; ``optima`` holds the centres.

    Fitness = -quality: the authors maximise, here lower is better. The box only says where to
    look and to draw: nothing is limited to it.

    Args:
        name: name of the task.
        width: standard deviation (smooth) or radius (step), 0 < width <= 0.5, beyond which the
            peaks of the mixture would start to move towards each other.
        step: whether the peaks are discs.
        scaling: x = scaling * genome. The authors' figures use 1.5.

    Raises:
        ValueError: for a width outside (0, 0.5] or a scaling that is not positive.
    """

    name: str
    width: float
    step: bool = False
    scaling: float = 1.0
    num_dims: int = 2
    low: float = -3.0
    high: float = 3.0
    optimum_fitness: float = -1.0

    def __post_init__(self):
        if not 0 < self.width <= 0.5:
            raise ValueError(f"width: expected 0 < width <= 0.5, got {self.width}")
        if not self.scaling > 0:
            raise ValueError(f"scaling: expected a positive number, got {self.scaling}")

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (2,)."""
        return jnp.zeros(self.num_dims)

    @property
    def optima(self) -> jax.Array:
        """The two peaks, (2, 2), in evaluation space."""
        return jnp.array(PEAKS)

    def quality(self, genomes: jax.Array) -> jax.Array:
        """The papers' fitness, higher is better: (N, 2) -> (N,), at most 1."""
        check_points("genomes", genomes, self.num_dims)
        peaks = jnp.array(PEAKS, dtype=genomes.dtype)
        offsets = self.scaling * genomes[:, None, :] - peaks[None, :, :]  # (N, K, 2)
        squared = jnp.sum(offsets**2, axis=2)
        if self.step:
            inside = jnp.min(squared, axis=1) < self.width**2
            return jnp.where(inside, 1.0, 1e-9).astype(genomes.dtype)
        return jnp.sum(jnp.exp(-squared / (2 * self.width**2)), axis=1)

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Minus the quality: (N, 2) -> (N,), lower is better."""
        return -self.quality(genomes)


def two_peaks(std: float = 0.1, scaling: float = 1.0) -> TwoPeaks:
    """The mixture of two Gaussians; the paper's figure uses std 0.1, the authors' README 0.25."""
    name = "two_peaks" if std == 0.1 else f"two_peaks_std_{std:g}"
    return TwoPeaks(name, std, scaling=scaling)


def two_peaks_step(radius: float = 0.5, scaling: float = 1.0) -> TwoPeaks:
    """The step variant: 1 inside a radius around each peak, 1e-9 elsewhere."""
    name = "two_peaks_step" if radius == 0.5 else f"two_peaks_step_radius_{radius:g}"
    return TwoPeaks(name, radius, step=True, scaling=scaling)

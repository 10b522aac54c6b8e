"""The double peak, and what becomes of it when its heights swing.

Shape letters: N points, D dimensions, K = 2 peaks.

Reference: the formulas of bhartl/foobench, ``double_dip`` and ``OscillatingDoubleDip``; used in
Hartl, Zhang, Hazan, Levin, "Heuristically Adaptive Diffusion-Model Evolutionary Strategy",
Advanced Science 2026, arXiv 2411.13420.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from tasks.base import check_num_dims, check_points


@dataclass(frozen=True)
class DoublePeak:
    """Two Gaussian peaks at (m, ..., m) and (-m, ..., -m) whose heights may change with time.

    quality_t(x) = cos(omega t) exp(-|x - m|^2 / (4 s^2))
                 + cos(omega t + phase) exp(-|x + m|^2 / (4 s^2))

    with t the generation; each peak has the standard deviation s sqrt(2). Fitness = -quality: the
    source maximises, here lower is better. omega = 0 and phase = 0 is the static double peak of
    height 1. phase = pi swaps peak and pit every pi / omega generations; halfway between two swaps'
    heights both are 0, and the whole landscape is flat.

    ``task(genomes)`` is t = 0; ``optima`` and ``optimum_fitness`` belong to that time as well.

    Args:
        name: name of the task.
        distance: m > 0, of each peak from 0 in every coordinate.
        width: s > 0, at most m sqrt(D) / 2, beyond which one peak would lift the other.
        omega: angle by which the heights turn in a generation, in radians.
        phase: the second peak's lead, in radians.
        num_dims: D.
        scaling: x = scaling * genome. 2 is the authors' initial standard deviation.

    Raises:
        ValueError: for a distance, a width or a number of dimensions outside their ranges.
    """

    name: str
    distance: float
    width: float = 0.125
    omega: float = 0.0
    phase: float = 0.0
    num_dims: int = 2
    scaling: float = 2.0
    low: float = -3.0
    high: float = 3.0
    optimum_fitness: float = -1.0

    def __post_init__(self):
        check_num_dims(self.num_dims)
        if not self.distance > 0:
            raise ValueError(f"distance: expected a positive number, got {self.distance}")
        widest = self.distance * math.sqrt(self.num_dims) / 2
        if not 0 < self.width <= widest:
            raise ValueError(f"width: expected 0 < width <= {widest:g}, got {self.width}")

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def peaks(self) -> jax.Array:
        """Both peaks in evaluation space, (2, D), whatever their heights."""
        return jnp.asarray(self.distance * np.array([[1.0], [-1.0]]) * np.ones(self.num_dims))

    @property
    def optima(self) -> jax.Array:
        """The peaks of height 1 at t = 0, (1, D) or (2, D), in evaluation space."""
        return self.peaks if math.isclose(math.cos(self.phase), 1.0) else self.peaks[:1]

    def heights(self, generation: ArrayLike) -> jax.Array:
        """The heights (2,) of the peaks at a generation, in [-1, 1]."""
        angle = self.omega * jnp.asarray(generation, jnp.float32)
        return jnp.cos(angle + jnp.array([0.0, self.phase], jnp.float32))

    def at(self, genomes: jax.Array, generation: ArrayLike) -> jax.Array:
        """Minus the quality at a generation, which may be traced: (N, D) -> (N,)."""
        check_points("genomes", genomes, self.num_dims)
        points = self.scaling * genomes
        squared = [jnp.sum((points - peak[None, :]) ** 2, axis=1) for peak in self.peaks]
        shapes = jnp.exp(-jnp.stack(squared) / (4 * self.width**2))  # (K, N)
        return -jnp.sum(self.heights(generation)[:, None] * shapes, axis=0)

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Minus the quality at t = 0: (N, D) -> (N,), lower is better."""
        return self.at(genomes, 0)


def double_peak(m: float = 0.4, scaling: float = 2.0) -> DoublePeak:
    """The static double peak; foobench's default m is 0.4, the HADES experiments use 1."""
    name = "double_peak" if m == 0.4 else f"double_peak_m_{m:g}"
    return DoublePeak(name, m, scaling=scaling)


def dynamic_double_peak(
    m: float = 1.0, omega: float = 0.1 * math.pi, phase: float = math.pi, scaling: float = 2.0
) -> DoublePeak:
    """The HADES experiment's: peak and pit change places every 10 generations.

    The authors' benchmark configuration, ``DynamicDoublePeak``, is m = 0.625, omega = 0.2 pi.
    """
    return DoublePeak("dynamic_double_peak", m, omega=omega, phase=phase, scaling=scaling)


def oscillating_double_peak(
    m: float = 0.4, omega: float = 0.1, phase: float = math.pi, scaling: float = 2.0
) -> DoublePeak:
    """Foobench's ``OscillatingDoubleDip`` at its defaults: a period of 62.8 generations."""
    return DoublePeak("oscillating_double_peak", m, omega=omega, phase=phase, scaling=scaling)

"""The linear projection domains of quality diversity: an objective, and two measures to cover.

Shape letters: N population, D dimensions.

Reference: Fontaine, Togelius, Nikolaidis, Hoover. Covariance Matrix Adaptation for the Rapid
Illumination of Behavior Space. arXiv 1912.02400 (GECCO 2020), section 4.
"""

import math
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

from tasks.base import check_num_dims, check_points

_LIMIT = 5.12
_SHIFT = 0.4 * _LIMIT


@dataclass(frozen=True)
class LinearProjection:
    r"""A sphere or Rastrigin function with two sums of clipped coordinates as measures.

    With u = x - 2.048 (0.4 of the limit 5.12),

        sphere f(x) = sum u_i^2,   Rastrigin f(x) = sum (10 + u_i^2 - 10 cos(2 pi u_i)),

    and the fitness is 100 f(x) / f(-5.12, ..., -5.12): 0 at the optimum, 100 in the box's worst
    corner; beyond the box, and by up to a tenth for Rastrigin within it, it may be more. The score
    that the literature maximises is 100 - fitness. The measures are

        m_1 = sum over the first half of clip(x_i),   m_2 = the same over the second half,

    clip(x) = x for |x| <= 5.12 and 5.12 / x beyond, so they lie in [-5.12 D / 2, 5.12 D / 2]; only
    the box's corners reach the ends. Random points have measures near 0 (a standard deviation of
    sqrt(D / 2) against a range that grows with D), which is what makes covering them hard.

    Unit-Gaussian genomes are scaled by 2.56: two standard deviations reach the sides of the box.

    Attributes:
        function: "sphere" or "rastrigin".
        num_dims: D, even, >= 2.
        seed: of nothing; the task is deterministic.

    Raises:
        ValueError: for another function or an odd number of dimensions.
    """

    function: Literal["sphere", "rastrigin"] = "sphere"
    num_dims: int = 20
    seed: int = 0
    scaling: float = _LIMIT / 2
    low: float = -_LIMIT
    high: float = _LIMIT
    optimum_fitness: float = 0.0

    def __post_init__(self) -> None:
        """Check function and size."""
        if self.function not in ("sphere", "rastrigin"):
            raise ValueError(f"function: expected 'sphere' or 'rastrigin', got {self.function!r}")
        check_num_dims(self.num_dims, 2)
        if self.num_dims % 2:
            raise ValueError(f"num_dims: expected an even number, got {self.num_dims}")

    @property
    def name(self) -> str:
        """``lp_sphere`` or ``lp_rastrigin``."""
        return f"lp_{self.function}"

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def optima(self) -> jax.Array:
        """The optimum of the fitness, (1, D); covering the measures takes much more."""
        return jnp.full((1, self.num_dims), _SHIFT, jnp.float32)

    @property
    def measure_limit(self) -> float:
        """Both measures lie in [-limit, limit]."""
        return _LIMIT * self.num_dims / 2

    def fitness(self, points: jax.Array) -> jax.Array:
        """Fitness (N,) of points (N, D) of the evaluation space."""
        offset = points - _SHIFT
        worst = (-_LIMIT - _SHIFT) ** 2
        terms = offset**2
        if self.function == "rastrigin":
            worst += 10.0 - 10.0 * math.cos(2 * math.pi * (-_LIMIT - _SHIFT))
            terms += 10.0 - 10.0 * jnp.cos(2 * math.pi * offset)
        return (100.0 / worst) * jnp.mean(terms, axis=1)

    def measures(self, points: jax.Array) -> jax.Array:
        """Measures (N, 2) of points (N, D) of the evaluation space."""
        inside = jnp.abs(points) <= _LIMIT
        clipped = jnp.where(inside, points, _LIMIT / jnp.where(inside, 1.0, points))
        return jnp.sum(clipped.reshape(points.shape[0], 2, -1), axis=2)

    def evaluate(
        self, genomes: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Fitness (N,) and the traits ``measure_1`` and ``measure_2``, each (N,); needs no key."""
        del key
        check_points("genomes", genomes, self.num_dims)
        points = self.scaling * genomes
        measures = self.measures(points)
        return self.fitness(points), {"measure_1": measures[:, 0], "measure_2": measures[:, 1]}

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Fitness: (N, D) -> (N,), lower is better."""
        check_points("genomes", genomes, self.num_dims)
        return self.fitness(self.scaling * genomes)


def lp_sphere(num_dims: int = 20) -> LinearProjection:
    """The sphere with two measures to cover."""
    return LinearProjection("sphere", num_dims)


def lp_rastrigin(num_dims: int = 20) -> LinearProjection:
    """Rastrigin's function with two measures to cover."""
    return LinearProjection("rastrigin", num_dims)

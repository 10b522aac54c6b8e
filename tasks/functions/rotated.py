"""Rastrigin's corners, turned: optima that no pair of coordinates lines up.

Shape letters: N points.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from tasks.base import check_points
from tasks.functions.benchmark import Benchmark, rastrigin


@dataclass(frozen=True)
class RotatedRastrigin:
    """The benchmark's two-dimensional rastrigin (`Benchmark`), turned about the origin.

    raw(x) = raw_rastrigin(R^T x), R the rotation by ``angle``; fitness = |raw - target|. Limits
    turn with it: outside the turned square |R^T x|_i <= 4 the raw value is 1e-9.

    It stands for the "helix-Rastrigin" of the HADES experiments (arXiv 2411.13420), whose source
    is not public: all that is known are its four maxima, about (4.8, -1.37) and its turns by 90
    degrees. Rastrigin's corners lie as far from the origin, and the default angle puts them there;
    whatever else the original has, this one does not have.

    Args:
        angle: in degrees, counterclockwise.
        scaling: x = scaling * genome.
    """

    angle: float = 29.0
    scaling: float = 4.0
    name: str = "rotated_rastrigin"
    num_dims: int = 2
    low: float = -6.0
    high: float = 6.0

    @property
    def upright(self) -> Benchmark:
        """The function before it is turned; it has target, scale and max_distance."""
        return rastrigin()

    @property
    def optimum_fitness(self) -> float:
        """What the printed digits of the target leave at the corners."""
        return self.upright.optimum_fitness

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (2,)."""
        return jnp.zeros(self.num_dims)

    @property
    def optima(self) -> jax.Array:
        """The four turned corners (4, 2), in evaluation space."""
        corners = self.upright.optima
        assert corners is not None  # listed in two dimensions
        return _turn(corners, self.angle)

    def raw(self, points: jax.Array) -> jax.Array:
        """The upright function's value: (N, 2) in evaluation space -> (N,)."""
        check_points("points", points, self.num_dims)
        return self.upright.raw(_turn(points, -self.angle))

    def quality(self, genomes: jax.Array, temperature: float | jax.Array = 1.0) -> jax.Array:
        """The papers' g of `Benchmark.quality`: (N, 2) -> (N,) in [0, 1], higher is better."""
        return self.upright.quality(self._upright_genomes(genomes), temperature)

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Distance to the target: (N, 2) -> (N,), lower is better."""
        return self.upright(self._upright_genomes(genomes))

    def _upright_genomes(self, genomes: jax.Array) -> jax.Array:
        check_points("genomes", genomes, self.num_dims)
        return _turn(genomes * (self.scaling / self.upright.scaling), -self.angle)


def _turn(points: jax.Array, degrees: float) -> jax.Array:
    """Points (N, 2) turned about the origin. No matrix product: a GPU may round those to 1e-3."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = points[:, 0], points[:, 1]
    return jnp.stack([cos * x - sin * y, sin * x + cos * y], axis=1)


def rotated_rastrigin(angle: float = 29.0) -> RotatedRastrigin:
    """Rastrigin turned by so many degrees."""
    return RotatedRastrigin(angle)

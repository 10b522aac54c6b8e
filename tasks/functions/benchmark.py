"""The five functions of table 1 of "Diffusion Models are Evolutionary Algorithms".

The formulas are those of bhartl/foobench; targets, scales, largest distances and limits are those
of the authors' benchmark script (Zhangyanbo/diffusion-evolution, experiments/benchmarks).

Shape letters: N points, D dimensions.

Reference: Zhang, Hartl, Hazan, Levin, "Diffusion Models are Evolutionary Algorithms",
ICLR 2025, arXiv 2410.02543.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from tasks.base import check_num_dims, check_points

TABLE1 = ("rosenbrock", "beale", "himmelblau", "ackley", "rastrigin")

# Where |f| is largest on [-4, 4] and how large, found by root finding in float64.
_ACKLEY_CORNER, _ACKLEY_PEAK = 3.6140494, 12.540094131723642  # |x_i|; value in two dimensions
_RASTRIGIN_CORNER, _RASTRIGIN_PEAK = 3.51785914, 32.312440977260394  # |x_i|; value per dimension

# The authors' constants: number of dimensions of the target -> (target, scale).
RASTRIGIN_TARGETS = {
    2: (-64.6249, 30.0),
    4: (-129.2498, 60.0),
    32: (-1033.9980, 500.0),
    256: (-8271.9844, 4000.0),
}
_MOST_LISTED_DIMS = 10  # 2^D corners are listed as optima up to here


def _rosenbrock(points: jax.Array) -> jax.Array:
    """(1 - x)^2 + 100 (y - x^2)^2."""
    x, y = points[:, 0], points[:, 1]
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _beale(points: jax.Array) -> jax.Array:
    """(1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2."""
    x, y = points[:, 0], points[:, 1]
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _himmelblau(points: jax.Array) -> jax.Array:
    """(x^2 + y - 11)^2 + (x + y^2 - 7)^2."""
    x, y = points[:, 0], points[:, 1]
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _ackley(points: jax.Array) -> jax.Array:
    """20 + e - 20 exp(-0.2 rms(x)) - exp(mean cos(2 pi x))."""
    radius = jnp.sqrt(jnp.mean(points**2, axis=1))
    waves = jnp.mean(jnp.cos(2 * math.pi * points), axis=1)
    return 20 + math.e - 20 * jnp.exp(-0.2 * radius) - jnp.exp(waves)


def _rastrigin(points: jax.Array) -> jax.Array:
    """10 D + sum(x^2 - 10 cos(2 pi x))."""
    return 10 * points.shape[1] + jnp.sum(points**2 - 10 * jnp.cos(2 * math.pi * points), axis=1)


FORMULAS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "rosenbrock": _rosenbrock,
    "beale": _beale,
    "himmelblau": _himmelblau,
    "ackley": _ackley,
    "rastrigin": _rastrigin,
}
_FLIPPED = ("ackley", "rastrigin")
_OPTIMA = {
    "rosenbrock": ((1.0, 1.0),),
    "beale": ((3.0, 0.5),),
    "himmelblau": (
        (3.0, 2.0),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286170),
        (3.584428340330492, -1.848126526964404),
    ),
}
_CORNERS = {"ackley": _ACKLEY_CORNER, "rastrigin": _RASTRIGIN_CORNER}


@dataclass(frozen=True)
class Benchmark:
    """One function of table 1 with the authors' limits, target and scale.

    ``raw(x)`` is the authors' ``Objective`` value, the only place where directions differ:

    * rosenbrock, beale, himmelblau: ``raw = f(x)``, 100 outside the box; target 0 (the minima).
    * ackley, rastrigin: ``raw = -f(x)``, 1e-9 outside the box; the target is the *most negative*
      value, so the corner peaks of f are looked for, not the familiar minimum at the origin.

    From there on, one direction: ``fitness = |raw(4 genome) - target|``, lower is better.

    Rosenbrock's outside value is no penalty: most of the box is worse than 100, so an algorithm
    that leaves the box keeps a quality of exp(-100 / 287.51) = 0.706. That is the protocol.

    Args:
        name: name of the task.
        formula: key of ``FORMULAS``.
        num_dims: D; 2 for all formulas but rastrigin.
        target: value of ``raw`` that is looked for.
        scale: s of the quality map, > 0, in units of ``raw``.
        max_distance: d_max of the quality map, > 0, in units of ``raw``.
        optimum_fitness: smallest distance that the box allows. Not exactly 0 where the printed
            target lies beyond the peak (ackley by 6e-6, rastrigin in 2 and 4 dimensions by 2e-5
            and 4e-5); in 32 and 256 dimensions the peak lies beyond the printed target, so
            that 0 is reached 1e-4 and 5e-4 short of the corner's value.

    Raises:
        ValueError: for an unknown formula or a number of dimensions that it does not have.
    """

    name: str
    formula: str
    num_dims: int
    target: float
    scale: float
    max_distance: float
    optimum_fitness: float = 0.0
    low: float = -4.0
    high: float = 4.0
    scaling: float = 4.0

    def __post_init__(self):
        if self.formula not in FORMULAS:
            raise ValueError(f"formula: expected one of {tuple(FORMULAS)}, got {self.formula!r}")
        check_num_dims(self.num_dims)
        if self.formula != "rastrigin" and self.num_dims != 2:
            raise ValueError(f"num_dims: expected 2 for {self.formula}, got {self.num_dims}")

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def optima(self) -> jax.Array | None:
        """Optima (K, D) in evaluation space; None for the 2^D corners of more than 10 dims."""
        if self.formula in _OPTIMA:
            return jnp.asarray(np.array(_OPTIMA[self.formula]))
        if self.num_dims > _MOST_LISTED_DIMS:
            return None
        signs = itertools.product((-1.0, 1.0), repeat=self.num_dims)
        return jnp.asarray(_CORNERS[self.formula] * np.array(list(signs)))

    def raw(self, points: jax.Array) -> jax.Array:
        """The authors' objective value, in its own direction (see the class).

        Args:
            points: (N, D) in evaluation space, any finite value.

        Returns:
            (N,) values; 100 or 1e-9 for a point with any coordinate outside [-4, 4].
        """
        check_points("points", points, self.num_dims)
        outside = jnp.any((points < self.low) | (points > self.high), axis=1)
        # Clipped so that a far point cannot overflow on its way to being replaced.
        value = FORMULAS[self.formula](jnp.clip(points, self.low, self.high))
        if self.formula in _FLIPPED:
            return jnp.where(outside, 1e-9, -value)
        return jnp.where(outside, 100.0, value)

    def quality(self, genomes: jax.Array, temperature: float | jax.Array = 1.0) -> jax.Array:
        """The papers' fitness g, higher is better.

        g = (p - p_min) / (1 - p_min) with p = exp(-d / (T s)), p_min = exp(-d_max / (T s)) and
        d = |raw - target|, cut off at 0 for the few points with d > d_max.

        Args:
            genomes: (N, D).
            temperature: T > 0, no unit.

        Returns:
            (N,) in [0, 1].
        """
        width = temperature * self.scale
        p, p_min = jnp.exp(-self(genomes) / width), jnp.exp(-self.max_distance / width)
        return jnp.maximum((p - p_min) / (1 - p_min), 0.0)

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Distance to the target, |raw(4 genome) - target|: (N, D) -> (N,), lower is better."""
        check_points("genomes", genomes, self.num_dims)
        return jnp.abs(self.raw(self.scaling * genomes) - self.target)


def rosenbrock() -> Benchmark:
    """Rosenbrock's curved valley in two dimensions, one optimum at (1, 1).

    The authors' d_max, 40009, is the value at (4, -4); the largest on the box is 40025, at
    (-4, -4). That changes g by less than 1e-8 at temperatures up to 10.
    """
    return Benchmark("rosenbrock", "rosenbrock", 2, 0.0, 287.51, 40009.0)


def beale() -> Benchmark:
    """Beale's function in two dimensions, one optimum at (3, 0.5)."""
    return Benchmark("beale", "beale", 2, 0.0, 20.0, 72769.2)


def himmelblau() -> Benchmark:
    """Himmelblau's function in two dimensions, four equal optima."""
    return Benchmark("himmelblau", "himmelblau", 2, 0.0, 17.01, 308.803)


def ackley() -> Benchmark:
    """Ackley's function in two dimensions upside down: its four corner peaks are the optima."""
    target = -12.5401
    return Benchmark("ackley", "ackley", 2, target, 2.0, -target, -target - _ACKLEY_PEAK)


def rastrigin(num_dims: int = 2, target_dims: int | None = None) -> Benchmark:
    """Rastrigin's function upside down: the 2^D peaks at |x_i| = 3.51786 are the optima.

    Args:
        num_dims: D, true number of dimensions, at least 1 and at most ``target_dims``.
        target_dims: 2, 4, 32 or 256; whose target and scale to use, ``num_dims`` by default.
            **The authors' quirk**: their committed scripts never pass the dimension on, so their
            rastrigin_4d, 32d and 256d rows evolve 2-dimensional points against the target and
            the scale of more dimensions, which cannot be reached. That is
            ``rastrigin(num_dims=2, target_dims=4)``, or 32, or 256.

    Raises:
        ValueError: for numbers of dimensions that the authors give no target for.
    """
    check_num_dims(num_dims)
    target_dims = num_dims if target_dims is None else target_dims
    if target_dims not in RASTRIGIN_TARGETS or num_dims > target_dims:
        raise ValueError(
            f"target_dims: expected one of {tuple(RASTRIGIN_TARGETS)}, at least num_dims, "
            f"got {target_dims} with num_dims {num_dims}"
        )
    target, scale = RASTRIGIN_TARGETS[target_dims]
    name = "rastrigin" if num_dims == 2 else f"rastrigin_{num_dims}d"
    if target_dims != num_dims:
        name = f"rastrigin_{num_dims}d_target_{target_dims}d"
    shortfall = max(0.0, -target - num_dims * _RASTRIGIN_PEAK)
    return Benchmark(name, "rastrigin", num_dims, target, scale, -target, shortfall)

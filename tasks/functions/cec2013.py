"""F1 to F10 of the CEC 2013 niching competition: functions with many equal optima.

Formulas, boxes, budgets and radii are those of the technical report; written anew from it. The
report's F11 to F20 are compositions; ours are in `tasks.functions.composed`.

Shape letters: N points, D dimensions, K global optima.

Reference: Li, Engelbrecht, Epitropakis, "Benchmark Functions for CEC'2013 Special Session and
Competition on Niching Methods for Multimodal Function Optimization", RMIT University, 2013.
"""

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from tasks.base import check_points, clip_to_box

# Positions and heights were computed by Newton's method with 50 digits; tests check them.
_HIMMELBLAU = (
    (3.0, 2.0),
    (-2.8051180869527449, 3.1313125182505730),
    (-3.7793102533777469, -3.2831859912861694),
    (3.5844283403304917, -1.8481265269644036),
)
_CAMEL = (0.089842013100318062, -0.71265640302073963)
_DECREASING = 0.079699779611795815
# s(x) = sum_j j cos((j + 1) x + j) is largest and smallest at these x + 1, modulo 2 pi.
_SHUBERT_TOP = (0.19967889952802688, 14.508007927195033)
_SHUBERT_BOTTOM = (-0.42512842831976098, -12.870885497725685)


def _trap(x: jax.Array) -> jax.Array:
    """Piecewise linear: peaks of 200, 160, 140, 160, 200 at 0, 5, 12.5, 22.5, 30."""
    knots = jnp.asarray([0.0, 2.5, 5.0, 7.5, 12.5, 17.5, 22.5, 27.5, 30.0], x.dtype)
    heights = jnp.asarray([200.0, 0.0, 160.0, 0.0, 140.0, 0.0, 160.0, 0.0, 200.0], x.dtype)
    return jnp.interp(x[:, 0], knots, heights)


def _equal_maxima(x: jax.Array) -> jax.Array:
    """sin(5 pi x)^6."""
    return jnp.sin(5 * math.pi * x[:, 0]) ** 6


def _uneven_decreasing_maxima(x: jax.Array) -> jax.Array:
    """exp(-2 ln 2 ((x - 0.08) / 0.854)^2) sin(5 pi (x^0.75 - 0.05))^6."""
    x = x[:, 0]
    envelope = jnp.exp(-2 * math.log(2) * ((x - 0.08) / 0.854) ** 2)
    return envelope * jnp.sin(5 * math.pi * (x**0.75 - 0.05)) ** 6


def _himmelblau(x: jax.Array) -> jax.Array:
    """200 - (x^2 + y - 11)^2 - (x + y^2 - 7)^2."""
    x, y = x[:, 0], x[:, 1]
    return 200 - (x**2 + y - 11) ** 2 - (x + y**2 - 7) ** 2


def _six_hump_camel_back(x: jax.Array) -> jax.Array:
    """-(4 - 2.1 x^2 + x^4 / 3) x^2 - x y - (4 y^2 - 4) y^2."""
    x, y = x[:, 0], x[:, 1]
    return -(4 - 2.1 * x**2 + x**4 / 3) * x**2 - x * y - (4 * y**2 - 4) * y**2


def _shubert(x: jax.Array) -> jax.Array:
    """-prod_i sum_{j=1..5} j cos((j + 1) x_i + j)."""
    # (j + 1) x + j = (j + 1) (x + 1) - 1. One angle for all five terms: its rounding error moves
    # the point, which at an optimum costs nothing, where five errors would bend the function.
    angle = x + 1
    angle = angle - 2 * math.pi * jnp.round(angle / (2 * math.pi))
    waves = sum(j * jnp.cos((j + 1) * angle - 1) for j in range(1, 6))
    return -jnp.prod(jnp.asarray(waves), axis=1)


def _vincent(x: jax.Array) -> jax.Array:
    """mean_i sin(10 ln x_i)."""
    return jnp.mean(jnp.sin(10 * jnp.log(x)), axis=1)


def _modified_rastrigin(x: jax.Array) -> jax.Array:
    """-sum_i (10 + 9 cos(2 pi k_i x_i)), k = (3, 4)."""
    waves = jnp.asarray([3.0, 4.0], x.dtype)
    return -jnp.sum(10 + 9 * jnp.cos(2 * math.pi * waves * x), axis=1)


@dataclass(frozen=True)
class _Definition:
    """What the report says about a function."""

    number: int
    raw: Callable[[jax.Array], jax.Array]
    box: tuple[tuple[float, float], ...]
    num_optima: int
    height: float
    radius: float
    budget: int


_TOP, _BOTTOM = _SHUBERT_TOP[1], _SHUBERT_BOTTOM[1]
DEFINITIONS = {
    "five_uneven_peak_trap": _Definition(1, _trap, ((0, 30),), 2, 200, 0.01, 50_000),
    "equal_maxima": _Definition(2, _equal_maxima, ((0, 1),), 5, 1, 0.01, 50_000),
    "uneven_decreasing_maxima": _Definition(
        3, _uneven_decreasing_maxima, ((0, 1),), 1, 0.99999982845447246, 0.01, 50_000
    ),
    "himmelblau": _Definition(4, _himmelblau, ((-6, 6),) * 2, 4, 200, 0.01, 50_000),
    "six_hump_camel_back": _Definition(
        5, _six_hump_camel_back, ((-1.9, 1.9), (-1.1, 1.1)), 2, 1.0316284534898774, 0.5, 50_000
    ),
    "shubert_2d": _Definition(6, _shubert, ((-10, 10),) * 2, 18, 186.73090883102386, 0.5, 200_000),
    "vincent_2d": _Definition(7, _vincent, ((0.25, 10),) * 2, 36, 1, 0.2, 200_000),
    "shubert_3d": _Definition(8, _shubert, ((-10, 10),) * 3, 81, 2709.0935055728267, 0.5, 400_000),
    "vincent_3d": _Definition(9, _vincent, ((0.25, 10),) * 3, 216, 1, 0.2, 400_000),
    "modified_rastrigin": _Definition(
        10, _modified_rastrigin, ((0, 1),) * 2, 12, -2, 0.01, 200_000
    ),
}
CEC2013_FUNCTIONS = tuple(DEFINITIONS)


def _shubert_positions(num_dims: int) -> np.ndarray:
    """One coordinate at a bottom of s, the others at a top: the most negative product."""
    shifts = 2 * math.pi * np.arange(-3, 4) - 1

    def inside(angle: float) -> np.ndarray:
        positions = angle + shifts
        return positions[np.abs(positions) <= 10]

    tops, bottoms = inside(_SHUBERT_TOP[0]), inside(_SHUBERT_BOTTOM[0])
    return np.array(
        [
            point
            for low in range(num_dims)
            for point in itertools.product(
                *(bottoms if axis == low else tops for axis in range(num_dims))
            )
        ]
    )


@functools.lru_cache
def _positions(function: str) -> np.ndarray:
    """The global optima (K, D) in float64, by closed form but for the constants above."""
    num_dims = len(DEFINITIONS[function].box)
    match function:
        case "five_uneven_peak_trap":
            return np.array([[0.0], [30.0]])
        case "equal_maxima":
            return np.arange(0.1, 1, 0.2)[:, None]
        case "uneven_decreasing_maxima":
            return np.array([[_DECREASING]])
        case "himmelblau":
            return np.array(_HIMMELBLAU)
        case "six_hump_camel_back":
            return np.array([_CAMEL, np.negative(_CAMEL)])
        case "shubert_2d" | "shubert_3d":
            return _shubert_positions(num_dims)
        case "vincent_2d" | "vincent_3d":  # sin = 1 at ln x = (1 / 2 + 2 k) pi / 10
            line = np.exp((0.5 + 2 * np.arange(-2, 4)) * math.pi / 10)
            return np.array(list(itertools.product(line, repeat=num_dims)))
        case _:  # modified_rastrigin: cos = -1
            lines = [(2 * np.arange(waves) + 1) / (2 * waves) for waves in (3, 4)]
            return np.array(list(itertools.product(*lines)))


@dataclass(frozen=True)
class CEC2013:
    """One of F1 to F10: fitness = height of the global optima - the published value.

    The report maximises; here lower is better and 0 is the optimum, so that "within the accuracy"
    of the report is fitness <= accuracy. A point outside the box is judged where it enters the box,
    plus its squared distance to there.

    In float32 the fitness at the optima is 0 up to 7e-4 (shubert_3d, whose values go to -2709),
    elsewhere up to 4e-5, so accuracies down to 1e-5 need ``jax.enable_x64`` and float64 genomes,
    where it is below 1e-11.

    Two things in which sources differ: six_hump_camel_back is the competition's program (height
    1.0316), not the report's formula, which is 4 times as large; uneven_decreasing_maxima has its
    height as computed, 1.7e-7 below the 1 that the report states.

    Args:
        function: one of ``CEC2013_FUNCTIONS``.

    Raises:
        ValueError: for an unknown function.
    """

    function: str
    optimum_fitness: float = 0.0

    def __post_init__(self):
        if self.function not in DEFINITIONS:
            raise ValueError(
                f"function: expected one of {CEC2013_FUNCTIONS}, got {self.function!r}"
            )

    @property
    def definition(self) -> _Definition:
        """The report's numbers."""
        return DEFINITIONS[self.function]

    @property
    def name(self) -> str:
        """``cec2013_`` and the function's name."""
        return f"cec2013_{self.function}"

    @property
    def number(self) -> int:
        """1 to 10, as in the report."""
        return self.definition.number

    @property
    def num_dims(self) -> int:
        """D, from 1 to 3."""
        return len(self.definition.box)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The published box, low (D,) and high (D,); only the camel's sides differ."""
        low, high = np.array(self.definition.box, dtype=np.float64).T
        return low, high

    @property
    def low(self) -> float:
        """Lower side of the smallest cube around the box."""
        return float(self.bounds[0].min())

    @property
    def high(self) -> float:
        """Upper side of the smallest cube around the box."""
        return float(self.bounds[1].max())

    @property
    def scaling(self) -> float:
        """The box's largest coordinate.

        Boxes are as published, some of them positive, so half of a unit Gaussian or more lies
        outside these: search with ``bounds``.
        """
        return self.high

    @property
    def num_optima(self) -> int:
        """K, the number of global optima."""
        return self.definition.num_optima

    @property
    def height(self) -> float:
        """The published value, to be maximised, at the global optima."""
        return float(self.definition.height)

    @property
    def scale(self) -> float:
        """What the accuracies are multiples of: 1, as they are absolute in the competition."""
        return 1.0

    @property
    def radius(self) -> float:
        """The niche radius r: solutions that are nearer to each other count as one."""
        return self.definition.radius

    @property
    def budget(self) -> int:
        """The competition's evaluations a run."""
        return self.definition.budget

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def positions(self) -> np.ndarray:
        """The global optima (K, D) in evaluation space, in float64 whatever JAX's settings."""
        return _positions(self.function).copy()

    @property
    def optima(self) -> jax.Array:
        """The global optima (K, D) in evaluation space."""
        return jnp.asarray(self.positions)

    def raw(self, points: jax.Array) -> jax.Array:
        """The published value, higher is better: (N, D) in evaluation space, inside the box."""
        check_points("points", points, self.num_dims)
        return self.definition.raw(points)

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Height minus value, of points scaling * genomes: (N, D) -> (N,), lower is better."""
        check_points("genomes", genomes, self.num_dims)
        inside, outside = clip_to_box(self.scaling * genomes, *self.bounds)
        return self.height - self.raw(inside) + outside


def cec2013(function: str) -> CEC2013:
    """A function of ``CEC2013_FUNCTIONS``."""
    return CEC2013(function)

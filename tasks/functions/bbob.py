"""The 24 noiseless BBOB functions, as evosax implements them, behind the Task protocol.

The only file that imports evosax. Shape letters: N population, D dimensions.

Reference: Hansen, Finck, Ros, Auger, "Real-Parameter Black-Box Optimization Benchmarking 2009:
Noiseless Functions Definitions", INRIA RR-6829; evosax 0.3.2, ``evosax.problems``.
"""

import contextlib
import functools
import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tasks.base import check_num_dims, check_points

BBOB_FUNCTIONS = (
    "sphere",
    "ellipsoidal",
    "rastrigin",
    "bueche_rastrigin",
    "linear_slope",
    "attractive_sector",
    "step_ellipsoidal",
    "rosenbrock",
    "rosenbrock_rotated",
    "ellipsoidal_rotated",
    "discus",
    "bent_cigar",
    "sharp_ridge",
    "different_powers",
    "rastrigin_rotated",
    "weierstrass",
    "schaffers_f7",
    "schaffers_f7_ill_cond",
    "griewank_rosenbrock",
    "schwefel",
    "gallagher_101_me",
    "gallagher_21_hi",
    "katsuura",
    "lunacek",
)


class Instance(NamedTuple):
    """What makes a function an instance: the shift x_opt (D,) and the rotations R, Q (D, D)."""

    x_opt: np.ndarray
    R: np.ndarray
    Q: np.ndarray


@functools.lru_cache(maxsize=256)
def draw_instance(num_dims: int, seed: int) -> Instance:
    """Draw x_opt uniform in [-4, 4]^D, then R and Q uniform among the rotations, as evosax does.

    On the host and in float64 until the end: no compilation, no tracer to keep, the same instance
    on every machine and under every global flag.
    """
    generator = np.random.default_rng(seed)
    x_opt = generator.uniform(-4, 4, num_dims)

    def rotation() -> np.ndarray:
        q, r = np.linalg.qr(generator.normal(size=(num_dims, num_dims)))
        q *= np.sign(np.diag(r))  # makes the orthogonal matrix uniform (Haar)
        q[0] *= np.sign(np.linalg.det(q))
        return q.astype(np.float32)

    return Instance(x_opt.astype(np.float32), rotation(), rotation())


def _problems() -> ModuleType:
    """The module evosax.problems, or an ImportError with the install command."""
    try:
        return importlib.import_module("evosax.problems")
    except ImportError as error:
        raise ImportError(
            'The BBOB tasks need evosax: pip install "diffevo-jax[experiments]"'
        ) from error


@contextlib.contextmanager
def _lenient() -> Iterator[None]:
    """Let evosax mix ranks and types, which the tests forbid to everybody else."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@dataclass(frozen=True)
class BBOB:
    """One BBOB function: shifted and rotated by its seed, and lowered so that 0 is the optimum.

    fitness(genome) = f(5 genome) - f_opt, boundary penalty included, lower is better. evosax's
    offset f_opt, up to +-1000, is left out rather than subtracted, which would cost four digits.
    The optimum is 0 up to float32 rounding: at most 8e-4 (katsuura in 2 dimensions), measured on
    seeds 0 to 9 in 2, 10 and 40 dimensions. A value that overflows far outside the box is +inf.

    Where evosax departs from the definition (RR-6829), this does too: bueche_rastrigin skews the
    even coordinates (counted from 1) instead of the odd ones, and without the sign that the
    definition gives to x_opt there; step_ellipsoidal is 100 times as large; rosenbrock draws x_opt
    from [-4, 4] instead of [-3, 3]; katsuura sums 30 terms instead of 32. Seeds are ours, not
    evosax's: its own would give all instances of a Gallagher function the same lesser peaks.

    Args:
        function: one of ``BBOB_FUNCTIONS``.
        num_dims: D, at least 2.
        seed: which instance, a non-negative integer.

    Raises:
        ValueError: for an unknown function, fewer than 2 dimensions or a negative seed.
        ImportError: without evosax, with the command that installs it.
    """

    function: str
    num_dims: int = 2
    seed: int = 0
    low: float = -5.0
    high: float = 5.0
    scaling: float = 5.0
    optimum_fitness: float = 0.0

    def __post_init__(self):
        if self.function not in BBOB_FUNCTIONS:
            raise ValueError(f"function: expected one of {BBOB_FUNCTIONS}, got {self.function!r}")
        check_num_dims(self.num_dims, minimum=2)
        if self.seed < 0:
            raise ValueError(f"seed: expected at least 0, got {self.seed}")
        _problems()

    @property
    def name(self) -> str:
        """``bbob_`` and the function's name; dimensions and seed are fields of their own."""
        return f"bbob_{self.function}"

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def optima(self) -> jax.Array:
        """The optimum (1, D) in evaluation space; of linear_slope, the corner of the flat part."""
        x_opt, rotation, _ = draw_instance(self.num_dims, self.seed)
        signs = np.where(x_opt > 0, 1.0, -1.0)
        match self.function:
            case "linear_slope":
                x_opt = 5 * signs
            case "rosenbrock_rotated" | "griewank_rosenbrock":  # c R x + 1/2 = 1
                c = max(1.0, math.sqrt(self.num_dims) / 8)
                x_opt = rotation.T @ np.full(self.num_dims, 0.5 / c)
            case "schwefel":
                x_opt = 4.2096874633 / 2 * signs
            case "gallagher_21_hi":
                x_opt = 0.98 * x_opt
            case "lunacek":
                x_opt = 1.25 * signs
        return jnp.asarray(x_opt)[None, :]

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Value above the optimum, f(5 genome) - f_opt: (N, D) -> (N,), lower is better."""
        check_points("genomes", genomes, self.num_dims)
        return evaluate(self.function, self.instance, self.scaling * genomes)

    @property
    def instance(self) -> Instance:
        """Shift and rotations as `evaluate` takes them."""
        instance = draw_instance(self.num_dims, self.seed)
        if self.function.startswith("gallagher"):
            # evosax seeds the lesser peaks with Q[0, 0], for which it has no other use, cut down
            # to an integer: 0 for every rotation. With the seed in its place, instances differ.
            instance = instance._replace(Q=np.full_like(instance.Q, self.seed % 2**24))
        return instance


@functools.partial(jax.jit, static_argnames="function")  # one compilation for all seeds
def evaluate(function: str, instance: Instance, points: jax.Array) -> jax.Array:
    """Evosax's function value plus penalty, without f_opt: points (N, D) -> (N,).

    The instance is traced: vmap over stacked ones runs a search on all of them at once.
    """

    def single(x: jax.Array) -> jax.Array:
        value, penalty = _problems().bbob_fns[function](x, *instance, points.shape[1])
        return value + penalty

    with _lenient():
        fitness = jax.vmap(single)(points).astype(points.dtype)
    return jnp.where(jnp.isnan(fitness), jnp.inf, fitness)  # NaN here is inf - inf or sin(inf)


def bbob(function: str, num_dims: int = 2, seed: int = 0) -> BBOB:
    """A BBOB function of ``BBOB_FUNCTIONS`` in any number of dimensions from 2."""
    return BBOB(function, num_dims, seed)

"""Composed functions with many equal optima of different basins, drawn from a seed.

A generator of our own for what the composition functions of niching benchmarks test: rotated
landscapes in which narrow, ill-conditioned basins lie beside wide ones, at known positions.

Shape letters: N points, D dimensions, M optima (first the K global ones, then the lesser ones).
"""

import functools
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tasks.base import check_num_dims, check_points, clip_to_box

FORMS = ("bowls", "mixture")
_HALF_WIDTH = 5.0  # of the box
_MARGIN = 0.5  # between the optima and the box's sides
_EXPONENTS = (0.5, 1.0, 2.0)  # of a quadratic: conical, quadratic and quartic bowls
_TINY = 1e-30
_NUM_SAMPLES = 1 << 13  # points of the box with which shares and scales are set
# Weights of sum z^2, of sum (1 - cos 2 pi 3^k z) for k = 0 to 3, and of 1 - prod cos(4 z_j /
# sqrt j). The waves' are multiplied by the ruggedness.
_BASES = {
    "sphere": (1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "ellipsoid": (1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "rastrigin": (1.0, 1.0, 0.0, 0.0, 0.0, 0.0),
    "griewank": (0.16, 0.0, 0.0, 0.0, 0.0, 1.0),
    "weierstrass": (1.0, 0.5, 0.25, 0.125, 0.0625, 0.0),
}


class Instance(NamedTuple):
    """What makes a function, in float64 and on the host.

    Attributes:
        centres: (M, D), the optima.
        transforms: (M, D, D), z_i = transforms_i (x - centre_i): turned, stretched.
        log_widths: (M,), log w_i.
        shapes: (M, 1) exponents of the bowls, or (M, 6) weights of the base functions.
        offsets: (M,), fitness at the optima: 0 at the K global ones.
        scales: (M,), what the pieces are divided by, so that the function's own scale is 1.
    """

    centres: Any
    transforms: Any
    log_widths: Any
    shapes: Any
    offsets: Any
    scales: Any


def _squares(xp: Any, vectors: Any) -> Any:
    """Squared lengths (..., D) -> (...)."""
    return xp.sum(vectors**2, axis=-1)


def _local(xp: Any, points: Any, instance: Instance) -> tuple[Any, Any]:
    """(x - centre_i, z_i), each (N, M, D)."""
    offsets = points[:, None, :] - instance.centres[None]
    # Highest precision: a GPU would round a product of matrices to three digits.
    options = {"precision": jax.lax.Precision.HIGHEST} if xp is jnp else {}
    turned = xp.matmul(
        xp.swapaxes(offsets, 0, 1), xp.swapaxes(instance.transforms, 1, 2), **options
    )
    return offsets, xp.swapaxes(turned, 0, 1)


def _bowls(xp: Any, z: Any, instance: Instance) -> Any:
    """(|z_i|^2 / w_i^2)^p_i, (N, M); the scale and the offset are not in it."""
    return (_squares(xp, z) * xp.exp(-2 * instance.log_widths)) ** instance.shapes[:, 0]


def _bases(xp: Any, z: Any, instance: Instance) -> Any:
    """The base functions (N, M), each 0 at z = 0 and only there."""
    weights = instance.shapes
    waves = xp.cos(2 * np.pi * z)
    value = weights[:, 0] * _squares(xp, z)
    for k in range(1, 5):
        value = value + weights[:, k] * xp.sum(1 - waves, axis=-1)
        waves = (4 * waves**2 - 3) * waves  # cos 3 a of cos a
    ramp = np.sqrt(np.arange(1, z.shape[-1] + 1)).astype(z.dtype)
    return value + weights[:, 5] * (1 - xp.prod(xp.cos(4 * z / ramp), axis=-1))


def _log_weights(xp: Any, squares: Any, log_widths: Any, num_dims: int) -> Any:
    """Log-weights (N, M) of squared distances d^2: -d^2 / (2 D w^2) - 2 log(d^2 / D)."""
    squares = squares / num_dims
    return -squares * xp.exp(-2 * log_widths) / 2 - 2 * xp.log(squares + _TINY)


def _value(xp: Any, form: str, points: Any, instance: Instance) -> Any:
    """Fitness (N,) of points (N, D) of the box."""
    offsets, z = _local(xp, points, instance)
    if form == "bowls":
        return xp.min(_bowls(xp, z, instance) / instance.scales + instance.offsets, axis=1)
    weights = _log_weights(xp, _squares(xp, offsets), instance.log_widths, points.shape[1])
    weights = xp.exp(weights - xp.max(weights, axis=1, keepdims=True))
    pieces = _bases(xp, z, instance) / instance.scales + instance.offsets
    return xp.sum(weights * pieces, axis=1) / xp.sum(weights, axis=1)


def _cells(form: str, points: np.ndarray, instance: Instance) -> np.ndarray:
    """Which piece rules at each of the points: the lowest bowl, or the largest weight; (N,)."""
    offsets, z = _local(np, points, instance)
    if form == "bowls":
        return np.argmin(_bowls(np, z, instance) / instance.scales + instance.offsets, axis=1)
    squares = _squares(np, offsets)
    return np.argmax(_log_weights(np, squares, instance.log_widths, points.shape[1]), axis=1)


def _ends(points: np.ndarray, instance: Instance, num_steps: int) -> np.ndarray:
    """In whose cell a walk ends that goes a tenth of the way to the lowest bowl's centre; (N,)."""
    cells = _cells("bowls", points, instance)
    for _ in range(num_steps):
        points = points + 0.1 * (instance.centres[cells] - points)
        cells = _cells("bowls", points, instance)
    return cells


def _rotation(rng: np.random.Generator, num_dims: int) -> np.ndarray:
    """Uniform among the orthogonal matrices (D, D)."""
    q, r = np.linalg.qr(rng.normal(size=(num_dims, num_dims)))
    return q * np.sign(np.diag(r))


def _place(rng: np.random.Generator, count: int, num_dims: int) -> np.ndarray:
    """Centres (count, D) in the box less its margin, each the farthest of 10 from the others."""
    reach = _HALF_WIDTH - _MARGIN
    centres = rng.uniform(-reach, reach, (1, num_dims))
    while len(centres) < count:
        candidates = rng.uniform(-reach, reach, (10, num_dims))
        distances = np.sqrt(_squares(np, candidates[:, None] - centres[None])).min(axis=1)
        centres = np.vstack([centres, candidates[distances.argmax()]])
    return centres


def _target_shares(count: int, smallest: float) -> np.ndarray:
    """A geometric series (count,) from the smallest share up, of sum 1."""
    low, high = 1.0, 1.0 / smallest
    for _ in range(100):
        ratio = (low + high) / 2
        if smallest * np.sum(ratio ** np.arange(count)) > 1:
            high = ratio
        else:
            low = ratio
    shares = smallest * low ** np.arange(count)
    return shares / shares.sum()


@functools.lru_cache(maxsize=64)
def draw_instance(task: "Composed") -> Instance:
    """Draw and scale a function, on the host: the same on every machine and under every setting.

    Widths are found by iteration, so that each basin's share of the box, counted on fixed random
    points, becomes its target. Takes up to seconds, once a process.
    """
    # Instances of one seed in different forms or dimensions have nothing in common.
    rng = np.random.default_rng((task.seed, task.num_dims, FORMS.index(task.form)))
    num_dims, count = task.num_dims, task.num_optima + task.num_lesser
    centres = _place(rng, count, num_dims)[rng.permutation(count)]
    targets = rng.permutation(_target_shares(count, task.smallest_share))
    conditions = task.condition ** rng.uniform(0, 1, count)
    conditions[0] = task.condition
    if task.form == "bowls":
        order = rng.permutation(np.resize(_EXPONENTS, count))
        shapes, lambdas = order[:, None], np.ones(count)
    else:
        names = [list(_BASES)[k] for k in rng.permutation(np.resize(np.arange(len(_BASES)), count))]
        rugged = np.array([1.0, *[task.ruggedness] * 5])
        shapes = np.array([_BASES[name] for name in names]) * rugged
        lambdas = 2.0 ** rng.uniform(-1, 1, count)
        powers = {"sphere": 0.0, "ellipsoid": 1.0}
        conditions = task.condition ** np.array([powers.get(name, 1 / 3) for name in names])
    ramp = np.linspace(-0.5, 0.5, num_dims)
    stretches = conditions[:, None] ** (ramp / 2) / lambdas[:, None]  # square roots of eigenvalues
    transforms = stretches[:, :, None] * np.stack([_rotation(rng, num_dims) for _ in centres])
    samples = rng.uniform(-_HALF_WIDTH, _HALF_WIDTH, (_NUM_SAMPLES, num_dims))
    fractions = np.concatenate([np.zeros(task.num_optima), rng.uniform(0.3, 0.7, task.num_lesser)])
    instance = Instance(
        centres, transforms, np.zeros(count), shapes, np.zeros(count), np.ones(count)
    )
    finish = _finish_bowls if task.form == "bowls" else _finish_mixture
    return finish(instance, samples, targets, fractions)


def _adapt(log_widths: np.ndarray, cells: np.ndarray, targets: np.ndarray, rate: float) -> Any:
    """One step of widths towards target shares, given the cells of the samples."""
    shares = (np.bincount(cells, minlength=len(targets)) + 0.5) / len(cells)
    log_widths = log_widths + rate * np.clip(np.log(targets / shares), -2, 2)
    return log_widths - log_widths.mean()


_STEPS, _WALKS = 300, 40  # of the iterations for cells and for basins


def _finish_bowls(
    instance: Instance, samples: np.ndarray, targets: np.ndarray, fractions: np.ndarray
) -> Instance:
    """Widths by iteration, offsets from the pieces at the lesser optima, one scale."""
    num_dims = samples.shape[1]

    def pieces(points: np.ndarray, instance: Instance) -> np.ndarray:
        parts = np.array_split(points, -(-len(points) // 1024))
        return np.concatenate(
            [_bowls(np, _local(np, part, instance)[1], instance) for part in parts]
        )

    def at_width(log_widths: np.ndarray) -> Instance:
        changed = instance._replace(log_widths=log_widths)
        if not fractions.any():
            return changed
        at_centres = pieces(instance.centres, changed)
        np.fill_diagonal(at_centres, np.inf)
        return changed._replace(offsets=fractions * at_centres.min(axis=1))

    # Cells first, as they cost nothing; then where walks end.
    powers = 2 * instance.shapes[:, 0]
    at_one = pieces(samples, instance)
    log_widths = instance.log_widths
    for step in range(_STEPS):
        offsets = at_width(log_widths).offsets
        cells = np.argmin(at_one * np.exp(-powers * log_widths) + offsets, axis=1)
        log_widths = _adapt(log_widths, cells, targets, 0.5 / num_dims / (1 + step / 50))
    for step in range(_WALKS):
        ends = _ends(samples[: len(samples) // 4], at_width(log_widths), 40)
        log_widths = _adapt(log_widths, ends, targets, 0.5 / num_dims / (1 + step / 10))
    instance = at_width(log_widths)
    scale = np.median(np.min(pieces(samples, instance) + instance.offsets, axis=1))
    return instance._replace(offsets=instance.offsets / scale, scales=np.full(len(targets), scale))


def _finish_mixture(
    instance: Instance, samples: np.ndarray, targets: np.ndarray, fractions: np.ndarray
) -> Instance:
    """Scales of the pieces, widths of the weights by iteration, offsets of the lesser optima."""
    num_dims = samples.shape[1]
    parts = [
        (_squares(np, offsets), _bases(np, z, instance))
        for offsets, z in (
            _local(np, part, instance) for part in np.array_split(samples, len(samples) // 1024)
        )
    ]
    squares, pieces = (np.concatenate(values) for values in zip(*parts, strict=True))
    log_widths = instance.log_widths
    for step in range(_STEPS):
        cells = _log_weights(np, squares, log_widths, num_dims).argmax(axis=1)
        log_widths = _adapt(log_widths, cells, targets, 0.3 / (1 + step / 50))
    scales = np.median(pieces, axis=0)
    weights = _log_weights(np, squares, log_widths, num_dims)
    weights = np.exp(weights - weights.max(axis=1, keepdims=True))
    mixed = np.sum(weights * (pieces / scales + fractions), axis=1) / weights.sum(axis=1)
    # Near every centre its own piece rules, so the mixture is lower than the pieces are.
    scale = np.median(mixed)
    return instance._replace(
        log_widths=log_widths, offsets=fractions / scale, scales=scales * scale
    )


@dataclass(frozen=True)
class Composed:
    """A landscape of K global and L lesser optima in [-5, 5]^D; 0 is the optimum.

    Each optimum i has a centre, a rotation, a condition number and a width of its own:
    z_i = diag(lambda_i)^(1/2) R_i (x - centre_i), eigenvalues lambda_i of product 1, spread evenly
    in the logarithm.

    * "bowls": f(x) = min_i (|z_i|^2 / w_i^2)^p_i / s + b_i with exponents p_i of 1/2, 1 and 2.
      There are no optima but the M listed: where i is the lowest, a step straight to its centre
      goes down. Condition numbers of |z_i|^2 are log-uniform from 1 to ``condition``; one has the
      largest.
    * "mixture": f(x) = sum_i v_i (F_i(z_i) / s_i + b_i) / sum_i v_i with weights v_i =
      exp(-|x - centre_i|^2 / (2 D w_i^2)) / (|x - centre_i|^2 / D)^2, which leave piece i alone at
      its own centre. Pieces in turn: sphere (condition 1), ellipsoid (``condition``), and three
      with local optima of their own and the cube root of ``condition``: Rastrigin's and
      Weierstrass's waves on a quadratic, and Griewank's; scaled by a factor from 1/2 to 2. Near
      borders and within the rugged pieces there are local optima that are not listed.

    **Scale.** 1: s and s_i make the median of f over the box 1 (up to the error of 8192 random
    points), so an accuracy of 1e-5 is relative to a random point's fitness. The pieces of a
    mixture have equal medians.

    **Basins.** A width ratio means little in many dimensions, where a basin's volume goes with its
    power D. So the shares of the box are prescribed instead, a geometric series from
    ``smallest_share`` up, in random order, and the widths follow. For bowls it is the share of the
    points from which a descent in short steps ends at optimum i, for a mixture that of the cell
    where weight i is the largest; `basin_shares` counts both on fresh points. In a rugged piece of
    a mixture most descents end at a local optimum on the way: ``tasks/README.md`` has them.

    **Lesser optima** have fitness b_i > 0. Bowls: .3 to .7 of what the other pieces have there,
    so that each is a local minimum; mixture: .3 to .7 of the pieces' median.

    In float32 the fitness at the optima is 0 up to 1e-3, in float64 (``jax.enable_x64``) to 1e-12.

    Args:
        form: "bowls" or "mixture".
        num_dims: D >= 2.
        seed: which instance, a non-negative integer.
        num_optima: K >= 1. 0: drawn from the seed, 6 to 10.
        num_lesser: L >= 0.
        condition: largest condition number, >= 1.
        smallest_share: of the box, of the smallest basin; positive, at most 1 / (K + L).
        ruggedness: height of the mixture's waves, >= 0; Rastrigin's own are 10.

    Raises:
        ValueError: for a number out of range.
    """

    form: Literal["bowls", "mixture"]
    num_dims: int = 2
    seed: int = 0
    num_optima: int = 0
    num_lesser: int = 0
    condition: float = 1000.0
    smallest_share: float = 0.02
    ruggedness: float = 1.0
    low: float = -_HALF_WIDTH
    high: float = _HALF_WIDTH
    scaling: float = _HALF_WIDTH / 2
    optimum_fitness: float = 0.0

    def __post_init__(self):
        if self.form not in FORMS:
            raise ValueError(f"form: expected one of {FORMS}, got {self.form!r}")
        check_num_dims(self.num_dims, minimum=2)
        if not self.num_optima and self.seed >= 0:
            drawn = np.random.default_rng((self.seed, self.num_dims, 99)).integers(6, 11)
            object.__setattr__(self, "num_optima", int(drawn))
        for name, least in (("seed", 0), ("num_optima", 1), ("num_lesser", 0), ("condition", 1)):
            if not getattr(self, name) >= least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")
        if not self.ruggedness >= 0:
            raise ValueError(f"ruggedness: expected at least 0, got {self.ruggedness}")
        largest = 1 / (self.num_optima + self.num_lesser)
        if not 0 < self.smallest_share <= largest:
            raise ValueError(
                f"smallest_share: expected a positive number up to {largest:.4g}, "
                f"1 / (num_optima + num_lesser), got {self.smallest_share}"
            )

    @property
    def name(self) -> str:
        """``composed_`` and the form; dimensions and seed are fields of their own."""
        return f"composed_{self.form}"

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The box, low (D,) and high (D,)."""
        return np.full(self.num_dims, self.low), np.full(self.num_dims, self.high)

    @property
    def positions(self) -> np.ndarray:
        """The global optima (K, D) in evaluation space, in float64 whatever JAX's settings."""
        return draw_instance(self).centres[: self.num_optima].copy()

    @property
    def optima(self) -> jax.Array:
        """The global optima (K, D) in evaluation space."""
        return jnp.asarray(self.positions)

    @property
    def lesser_optima(self) -> tuple[np.ndarray, np.ndarray]:
        """The lesser ones (L, D) in evaluation space, and the fitness there (L,)."""
        instance = draw_instance(self)
        return instance.centres[self.num_optima :].copy(), instance.offsets[
            self.num_optima :
        ].copy()

    @property
    def scale(self) -> float:
        """The function's own scale, what accuracies are multiples of: 1."""
        return 1.0

    @property
    def radius(self) -> float:
        """Half the smallest distance between two optima, lesser ones included."""
        centres = draw_instance(self).centres
        distances = np.sqrt(_squares(np, centres[:, None] - centres[None]))
        return float(distances[~np.eye(len(centres), dtype=bool)].min(initial=np.inf)) / 2

    @property
    def budget(self) -> int:
        """Evaluations a run, as the competition gives its compositions: more from 3 dimensions."""
        return 200_000 if self.num_dims == 2 else 400_000

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Fitness (N,) of points scaling * genomes, (N, D); lower is better.

        A point outside the box is judged where it enters the box, plus its squared distance.
        """
        check_points("genomes", genomes, self.num_dims)
        inside, outside = clip_to_box(self.scaling * genomes, self.low, self.high)
        return _evaluate(self.form, inside, draw_instance(self)) + outside


@functools.partial(jax.jit, static_argnums=0)  # one compilation for all seeds
def _evaluate(form: str, points: jax.Array, instance: Instance) -> jax.Array:
    """Fitness (N,) of points (N, D), in their type."""
    instance = jax.tree.map(lambda leaf: jnp.asarray(leaf, points.dtype), instance)
    return _value(jnp, form, points, instance)


def basin_shares(
    task: Composed, num_points: int = 1 << 14, seed: int = 1, descend: bool = False
) -> np.ndarray:
    """Share of the box that belongs to each optimum, by Monte-Carlo.

    Args:
        task: the function.
        num_points: uniform in the box; other points than those that set the widths.
        seed: of the points.
        descend: for bowls: from each point walk towards the centre of the lowest bowl, a tenth of
            the way at a time, 60 times; the share is of the points that end in i's cell. This is
            the basin of attraction. False: of the points that are in it.

    Returns:
        (M,), of sum 1; a share p has a standard error of sqrt(p (1 - p) / num_points).

    Raises:
        ValueError: descend with a mixture, whose cells have optima that are not listed.
    """
    if descend and task.form != "bowls":
        raise ValueError(f"descend: expected False for a {task.form}, got True")
    instance = draw_instance(task)
    rng = np.random.default_rng((seed, task.num_dims))
    points = rng.uniform(task.low, task.high, (num_points, task.num_dims))
    counts = np.zeros(len(instance.centres))
    for part in np.array_split(points, -(-num_points // 1024)):
        cells = _ends(part, instance, 60) if descend else _cells(task.form, part, instance)
        counts += np.bincount(cells, minlength=len(counts))
    return counts / num_points


def composed(
    form: Literal["bowls", "mixture"], num_dims: int = 2, seed: int = 0, **options: Any
) -> Composed:
    """A composed function; options are those of `Composed`."""
    return Composed(form, num_dims, seed, **options)

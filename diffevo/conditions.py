r"""What can be asked of the next offspring: fitness, novelty, a region, a trait, a distribution.

A condition is a small frozen dataclass with three duties: `measure` a trait of what is remembered,
`choose` its value for the next offspring, `transform` both for the network. `CharlesD` then learns
p(genome | trait) from the memory and samples with the chosen values. Only `measure` must be
written; see docs/steering.md for a user's own.

Every generation the trait is measured anew on the whole memory and standardised over it. Two rules
keep a request from doing harm:

* A trait that is the same for all that is remembered (a region that nobody has entered) says
  nothing: it is neither learned nor asked for, and offspring are sampled as if it were not there,
  until mutation finds the first exception.
* A value is cut off at `LIMIT` standard deviations from the mean of what was seen. A target far
  outside is thereby "as far as known", and moves on with the population.

NaN is "not known" in a measurement and "no request" in a choice, for that row alone.

Shape letters: R rows of the memory, N offspring, D genome dimensions, c values of one condition,
C values of all of them, K conditions.
"""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from diffevo.core.archive import Memory
from diffevo.core.distances import squared_distances
from diffevo.core.weighting import unit_range

LIMIT = 3.0


@dataclasses.dataclass(frozen=True)
class Condition(abc.ABC):
    """Base of all conditions; a frozen dataclass, so that equal ones share a compilation."""

    @property
    def num_values(self) -> int:
        """How many numbers describe the trait, c."""
        return 1

    @property
    def default_target(self) -> Any:
        """What is asked for until `params.targets` says otherwise: a number or an array, traced."""
        return 1.0

    @property
    def reported(self) -> tuple[str, ...]:
        """Names of the traits that `tell` must be given for this condition."""
        return ()

    @abc.abstractmethod
    def measure(self, memory: Memory, target: Array) -> Array:
        """The trait of every row of the memory, shape (R,) or (R, c)."""

    def choose(
        self, key: Array, values: Array, memory: Memory, target: Array, num: int
    ) -> ArrayLike:
        """Its value for the next offspring, broadcastable to (num, c); the target by default.

        Args:
            key: random key, consumed.
            values: what `measure` returned, (R, c), NaN in the rows that are not filled.
            memory: what was measured.
            target: from the params.
            num: how many offspring.
        """
        del key, values, memory, num
        return target

    def transform(self, values: Array) -> Array:
        """Measured and chosen values (..., c) as the network shall see them (before scaling)."""
        return values


@final
@dataclasses.dataclass(frozen=True)
class Fitness(Condition):
    r"""Good offspring, by asking for fitness.

    The trait is the quality q within the memory: 1 for the best finite fitness, 0 for the worst.
    Asked for is, with W standard normal and the target as a factor t (0.5 by default),
    "fisher": mean(q of the elite) + t std(q) |W|; "greedy": max(q) + t std(q) W.

    Attributes:
        mode: see above.
        elite_ratio: share of the memory that counts as elite, in (0, 1].

    Reference: arXiv 2411.13420; the authors scale W by the variance, which depends on the unit.
    """

    mode: Literal["fisher", "greedy"] = "greedy"
    elite_ratio: float = 0.15

    def __post_init__(self) -> None:
        """Check mode and ratio."""
        if self.mode not in ("fisher", "greedy"):
            raise ValueError(f"mode: expected 'fisher' or 'greedy', got {self.mode!r}")
        if not 0 < self.elite_ratio <= 1:
            raise ValueError(f"elite_ratio: expected a number in (0, 1], got {self.elite_ratio!r}")

    @property
    def default_target(self) -> float:
        """Size of the random part."""
        return 0.5

    def measure(self, memory: Memory, target: Array) -> Array:
        """Quality, shape (R,)."""
        del target
        return _quality(memory)

    def choose(self, key: Array, values: Array, memory: Memory, target: Array, num: int) -> Array:
        """Shape (num, 1)."""
        quality = values[:, 0]
        spread = jnp.nanstd(quality)
        draws = target * spread * jax.random.normal(key, (num, 1), values.dtype)
        if self.mode == "greedy":
            return jnp.nanmax(quality) + draws
        elite = quality >= jnp.nanquantile(quality, 1.0 - self.elite_ratio)
        return jnp.nanmean(jnp.where(elite, quality, jnp.nan)) + jnp.abs(draws)


@final
@dataclasses.dataclass(frozen=True)
class KNNNovelty(Condition):
    r"""Offspring unlike what is remembered.

    The trait is log(mean distance to the k nearest rows). Asked for is the novelty of rows drawn
    with p proportional to exp(-beta (1 - q) / novelty), q and novelty scaled to [0, 1] over the
    memory, plus half a standard deviation of noise: novel, but not at any price. The target is
    beta, 10 by default; 0 draws evenly.

    Attributes:
        k: >= 1.
        beyond: the mean of the distances to all but the k nearest instead, which is what the
            authors' code computes.

    Reference: arXiv 2411.13420.
    """

    k: int = 10
    beyond: bool = False

    def __post_init__(self) -> None:
        """Check k."""
        if isinstance(self.k, bool) or not isinstance(self.k, int | np.integer) or self.k < 1:
            raise ValueError(f"k: expected an int >= 1, got {self.k!r}")

    @property
    def default_target(self) -> float:
        """How much fitness matters in what is asked for, beta."""
        return 10.0

    def measure(self, memory: Memory, target: Array) -> Array:
        """Log-distance, shape (R,)."""
        del target
        num_rows = memory.fitness.shape[0]
        squares = squared_distances(memory.genomes, memory.genomes)
        other = memory.filled[None, :] & ~jnp.eye(num_rows, dtype=bool)
        distances = jnp.where(other, jnp.sqrt(squares), jnp.inf)
        near = -jax.lax.top_k(-distances, min(self.k, num_rows))[0]
        total, count = _finite_sum(near)
        if self.beyond:
            whole, all_others = _finite_sum(distances)
            total, count = whole - total, all_others - count
        # Duplicates are at distance zero: a small number keeps the logarithm finite.
        return jnp.log(jnp.maximum(total, 0.0) / jnp.maximum(count, 1.0) + 1e-6)

    def choose(self, key: Array, values: Array, memory: Memory, target: Array, num: int) -> Array:
        """Shape (num, 1)."""
        row_key, noise_key = jax.random.split(key)
        novelty = values[:, 0]
        # A hundredth keeps the least novel row possible.
        lack = (1.0 - _quality(memory)) / (unit_range(novelty) + 0.01)
        logits = jnp.where(memory.filled, -target * lack, -jnp.inf)
        rows = jax.random.categorical(row_key, logits, shape=(num,))
        noise = jax.random.normal(noise_key, (num,), novelty.dtype)
        return (novelty[rows] + 0.5 * jnp.nanstd(novelty) * noise)[:, None]


@final
@dataclasses.dataclass(frozen=True)
class Region(Condition):
    """A region of genome space by the user's own predicate or label.

    Attributes:
        label: hashable function from genomes (n, D) to booleans or labels (n,); the target is the
            label asked for, 1 by default. Genomes are in the algorithm's coordinates.
    """

    label: Callable[[Array], Array]

    def __post_init__(self) -> None:
        """Check the label."""
        if not callable(self.label):
            raise ValueError(f"label: expected a function of genomes, got {self.label!r}")

    def measure(self, memory: Memory, target: Array) -> Array:
        """Labels as numbers, shape (R,)."""
        del target
        return self.label(memory.genomes).astype(memory.genomes.dtype)


@final
@dataclasses.dataclass(frozen=True)
class Quadrant(Condition):
    """All coordinates positive (label 1), all negative (-1), or mixed (0).

    Attributes:
        dims: the coordinates that count.
    """

    dims: tuple[int, ...] = (0, 1)

    def measure(self, memory: Memory, target: Array) -> Array:
        """Labels, shape (R,)."""
        del target
        signs = jnp.sign(memory.genomes[:, np.array(self.dims)])
        positive, negative = jnp.all(signs > 0, axis=1), jnp.all(signs < 0, axis=1)
        return positive.astype(signs.dtype) - negative.astype(signs.dtype)


@final
@dataclasses.dataclass(frozen=True)
class Box(Condition):
    """Inside an axis-parallel box; its corners are the target, so it may be moved during a run.

    Attributes:
        low: lower corner that the run starts with, one number a coordinate.
        high: upper corner; infinite where open.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the corners."""
        if len(self.low) != len(self.high) or not np.all(np.less(self.low, self.high)):
            raise ValueError(
                f"low, high: expected low < high in every coordinate, got {self.low}, {self.high}"
            )

    @property
    def default_target(self) -> list[tuple[float, ...]]:
        """The corners, shape (2, D)."""
        return [self.low, self.high]

    def measure(self, memory: Memory, target: Array) -> Array:
        """1 inside, 0 outside, shape (R,)."""
        genomes = memory.genomes
        inside = jnp.all((genomes >= target[:1]) & (genomes <= target[1:]), axis=1)
        return inside.astype(genomes.dtype)

    def choose(
        self, key: Array, values: Array, memory: Memory, target: Array, num: int
    ) -> ArrayLike:
        """Inside."""
        del key, memory, target, num
        return jnp.ones((), values.dtype)


@final
@dataclasses.dataclass(frozen=True)
class Trait(Condition):
    """What the evaluation reports through `tell(..., traits={name: values})`.

    Attributes:
        name: key of the reported values.
        size: how many numbers a solution; the values have shape (N,) or (N, size). The target has
            shape () or (size,), zero by default.
    """

    name: str
    size: int = 1

    @property
    def num_values(self) -> int:
        """The size."""
        return self.size

    @property
    def default_target(self) -> tuple[float, ...]:
        """Zero."""
        return (0.0,) * self.size

    @property
    def reported(self) -> tuple[str, ...]:
        """The name."""
        return (self.name,)

    def measure(self, memory: Memory, target: Array) -> Array:
        """As reported, shape (R, size)."""
        del target
        return memory.traits[self.name]


@final
@dataclasses.dataclass(frozen=True)
class Distribution(Condition):
    """A distribution of another condition's trait over the whole population.

    The target holds evenly spaced quantiles of the wanted distribution, from its minimum to its
    maximum: (low, high) is uniform, (a, a, b, b) is nearly half and half. Every generation of N
    offspring covers it evenly, one stratum for each.

    Attributes:
        base: a condition of one value, which measures the trait.
        quantiles: what the run starts with; its length is fixed.
    """

    base: Condition
    quantiles: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check base and quantiles."""
        if not isinstance(self.base, Condition) or self.base.num_values != 1:
            raise ValueError(f"base: expected a condition of one value, got {self.base!r}")
        if len(self.quantiles) < 2 or np.any(np.diff(self.quantiles) < 0):
            raise ValueError(
                f"quantiles: expected at least two numbers in order, got {self.quantiles!r}"
            )

    @property
    def default_target(self) -> tuple[float, ...]:
        """The quantiles."""
        return self.quantiles

    @property
    def reported(self) -> tuple[str, ...]:
        """The base's."""
        return self.base.reported

    def measure(self, memory: Memory, target: Array) -> Array:
        """The base's measurement."""
        return self.base.measure(memory, jnp.asarray(self.base.default_target, target.dtype))

    def transform(self, values: Array) -> Array:
        """The base's transformation."""
        return self.base.transform(values)

    def choose(self, key: Array, values: Array, memory: Memory, target: Array, num: int) -> Array:
        """Shape (num, 1)."""
        del memory
        order_key, place_key = jax.random.split(key)
        stratum = jax.random.permutation(order_key, num).astype(values.dtype)
        place = (stratum + jax.random.uniform(place_key, (num,), values.dtype)) / num
        steps = jnp.linspace(0.0, 1.0, target.shape[0], dtype=values.dtype)
        return jnp.interp(place, steps, target)[:, None]


# --- What the algorithm does with all of its conditions -------------------------------------------


class Standard(NamedTuple):
    """How condition values are standardised; part of what was learned."""

    center: Array  # (C,)
    spread: Array  # (C,), > 0
    informative: Array  # (K,), 1 where a condition's values differ within the memory, else 0


def unknown(conditions: Sequence[Condition], dtype: Any) -> Standard:
    """Before anything was measured: no condition says anything."""
    num_values = sum(condition.num_values for condition in conditions)
    return Standard(
        jnp.zeros(num_values, dtype), jnp.ones(num_values, dtype), jnp.zeros(len(conditions), dtype)
    )


def measure(conditions: Sequence[Condition], memory: Memory, targets: Sequence[Array]) -> list:
    """Every condition's trait on the memory, (R, c) each; NaN where not filled or not finite."""
    values = []
    for condition, target in zip(conditions, targets, strict=True):
        raw = condition.measure(memory, target).reshape(-1, condition.num_values)
        known = memory.filled[:, None] & jnp.isfinite(raw)
        values.append(jnp.where(known, raw, jnp.nan))
    return values


def choose(
    conditions: Sequence[Condition],
    keys: Array,
    values: Sequence[Array],
    memory: Memory,
    targets: Sequence[Array],
    num: int,
) -> list:
    """What is asked of `num` offspring, (num, c) for each condition; keys (K,) are consumed."""
    return [
        jnp.broadcast_to(
            jnp.asarray(condition.choose(keys[k], values[k], memory, targets[k], num)),
            (num, condition.num_values),
        )
        for k, condition in enumerate(conditions)
    ]


def standardize(conditions: Sequence[Condition], values: Sequence[Array], dtype: Any) -> Standard:
    """Mean and spread of the measured values, and which conditions say anything."""
    centers, spreads, informative = [], [], []
    for condition, value in zip(conditions, values, strict=True):
        seen = condition.transform(value)
        known = jnp.isfinite(seen)
        seen = jnp.where(known, seen, 0.0)
        count = jnp.maximum(jnp.sum(known, axis=0), 1).astype(dtype)
        center = jnp.sum(seen, axis=0) / count
        offset = jnp.where(known, seen - center[None], 0.0)
        spread = jnp.sqrt(jnp.sum(offset**2, axis=0) / count)
        # Rounding alone is no difference.
        differs = spread > 1e-6 * (1e-30 + jnp.max(jnp.abs(seen), axis=0))
        centers.append(center)
        spreads.append(jnp.where(differs, spread, 1.0))
        informative.append(jnp.any(differs).astype(dtype))
    if not conditions:
        return unknown(conditions, dtype)
    return Standard(jnp.concatenate(centers), jnp.concatenate(spreads), jnp.stack(informative))


def encode(
    conditions: Sequence[Condition], values: Sequence[Array], standard: Standard, num: int
) -> tuple[Array, Array]:
    """Values for the network: (standardised (n, C), present (n, K)), zeros where absent."""
    dtype = standard.center.dtype
    columns, present = [jnp.zeros((num, 0), dtype)], [jnp.zeros((num, 0), dtype)]
    start = 0
    for k, (condition, value) in enumerate(zip(conditions, values, strict=True)):
        stop = start + condition.num_values
        scaled = (condition.transform(value) - standard.center[None, start:stop]) / (
            standard.spread[None, start:stop]
        )
        known = jnp.all(~jnp.isnan(scaled), axis=1) & (standard.informative[k] > 0)
        columns.append(jnp.where(known[:, None], jnp.clip(scaled, -LIMIT, LIMIT), 0.0))
        present.append(known.astype(dtype)[:, None])
        start = stop
    return jnp.concatenate(columns, axis=1), jnp.concatenate(present, axis=1)


def _quality(memory: Memory) -> Array:
    """1 for the best finite fitness in the memory to 0 for the worst, shape (R,)."""
    return 1.0 - unit_range(jnp.where(memory.filled, memory.fitness, jnp.nan))


def _finite_sum(values: Array) -> tuple[Array, Array]:
    """(sum, count) of the finite entries of each row."""
    finite = jnp.isfinite(values)
    return (
        jnp.sum(jnp.where(finite, values, 0.0), axis=1),
        jnp.sum(finite, axis=1).astype(values.dtype),
    )

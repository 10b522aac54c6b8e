r"""Weightings: from fitness (lower is better) to log-weights log g of the posterior mean.

p(x_0 = x) is proportional to g[f(x)]. Everything is kept as log g, shifted so that the largest is
0: the posterior mean is a softmax, for which a common factor of g means nothing. One rule holds
for all of them (`settle`): a failed member (NaN) has weight zero, infinities are ordered, and if
nobody has any weight everybody has the same.

A weighting is a frozen dataclass, hashed by value, and is called as
``weighting(fitness, genomes, temperature)`` with shapes (N,), (N, D), (). The temperature is a
traced number: changing it compiles nothing. Higher is softer for all of them.

Reference: Zhang et al., arXiv 2410.02543 (Identity, Energy, Power, L2Prior and the benchmark's
NormalizedEnergy); Hartl et al., arXiv 2411.13420 (RouletteWheel, Adaptive); ScaleFree, RankBased,
Standardized and DensityCorrected are ours.
"""

import dataclasses
import math
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from diffevo.core.distances import squared_distances
from diffevo.core.ranks import sortable


@runtime_checkable
class Weighting(Protocol):
    """What an algorithm asks of a weighting; any hashable callable of this shape will do."""

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,), before or after `settle`."""
        ...


def settle(log_weights: Array, fitness: Array) -> Array:
    """The one rule for failed and infinite members; idempotent.

    Args:
        log_weights: shape (N,); may hold anything.
        fitness: shape (N,); NaN marks a failed member.

    Returns:
        Log-weights with maximum 0: -inf where failed; where some are +inf, those alone count; all
        zero where no member has any weight.
    """
    log_weights = jnp.where(jnp.isnan(fitness) | jnp.isnan(log_weights), -jnp.inf, log_weights)
    unbounded = jnp.isposinf(log_weights)
    log_weights = jnp.where(jnp.any(unbounded), jnp.where(unbounded, 0.0, -jnp.inf), log_weights)
    top = jnp.max(log_weights)
    return jnp.where(jnp.isfinite(top), log_weights - top, jnp.zeros_like(log_weights))


def _quality(fitness: Array) -> Array:
    """The papers' non-negative fitness: they maximise."""
    return jnp.maximum(-fitness, 0.0)


def _rank(fitness: Array) -> Array:
    """0 for the best to 1 for the worst of the members that did not fail; ties share the mean."""
    keys = sortable(fitness)
    ordered = jnp.sort(keys)
    fewer = jnp.searchsorted(ordered, keys, side="left")
    fewer_or_equal = jnp.searchsorted(ordered, keys, side="right")
    rank = (fewer + fewer_or_equal - 1).astype(fitness.dtype) / 2.0
    return rank / jnp.maximum(jnp.sum(~jnp.isnan(fitness)) - 1, 1).astype(fitness.dtype)


def unit_range(fitness: Array) -> Array:
    """0 for the lowest to 1 for the highest finite value, 0 if all are equal; NaN becomes 0.

    Infinities count as one range beyond the finite values.
    """
    finite = jnp.isfinite(fitness)
    # Halves keep the range of values near the largest float from overflowing.
    low = jnp.min(jnp.where(finite, fitness, jnp.inf)) / 2.0
    high = jnp.max(jnp.where(finite, fitness, -jnp.inf)) / 2.0
    spread = high - low
    unit = (fitness / 2.0 - low) / jnp.where(spread > 0, spread, 1.0)
    unit = jnp.where(finite & (spread > 0), unit, 0.0)
    return jnp.where(jnp.isposinf(fitness), 2.0, jnp.where(jnp.isneginf(fitness), -1.0, unit))


def _standard_score(fitness: Array) -> Array:
    """(f - mean f) / std f over the members that did not fail, 0 if all are equal."""
    unit = unit_range(fitness)
    valid = ~jnp.isnan(fitness)
    count = jnp.maximum(jnp.sum(valid), 1).astype(fitness.dtype)
    mean = jnp.sum(jnp.where(valid, unit, 0.0)) / count
    std = jnp.sqrt(jnp.sum(jnp.where(valid, (unit - mean) ** 2, 0.0)) / count)
    return (unit - mean) / jnp.where(std > 0, std, 1.0)


def weighted_moments(shares: Array, genomes: Array) -> tuple[Array, Array]:
    """(mean, standard deviation), each (D,), of genomes (n, D); shares (n,) add up to 1."""
    mean = jnp.sum(shares[:, None] * genomes, axis=0)
    return mean, jnp.sqrt(jnp.sum(shares[:, None] * (genomes - mean[None]) ** 2, axis=0))


@dataclasses.dataclass(frozen=True)
class ScaleFree:
    r"""The default: log g = -(4 rank + max(z, -4)) / T, by order and by standard score.

    rank runs from 0 (best) to 1 (worst), ties share their mean rank; z = (f - mean f) / std f. The
    rank keeps outliers on the bad side from flattening everything else, the standard score lets
    a few outstanding members stand out of a flat background, and its bound keeps the luckiest of
    those from taking all the weight. The same weights for f and a f + b, a > 0, to rounding. The
    form was chosen by measurement: `experiments/weighting` and `experiments/two_peaks`.
    """

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        del genomes
        score = jnp.maximum(_standard_score(fitness), -4.0)
        return settle(-(4.0 * _rank(fitness) + score) / temperature, fitness)


@dataclasses.dataclass(frozen=True)
class RankBased:
    r"""By order alone: log g = -6 rank / T, so the worst has e^(-6 / T).

    rank as in `ScaleFree`. Any increasing transformation of the fitness gives the same weights.
    """

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        del genomes
        return settle(-6.0 * _rank(fitness) / temperature, fitness)


@dataclasses.dataclass(frozen=True)
class Standardized:
    r"""By standard score alone: log g = -z / T, z = (f - mean f) / std f.

    The same weights for f and a f + b, a > 0, to rounding. One very bad member flattens the rest.
    """

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        del genomes
        return settle(-_standard_score(fitness) / temperature, fitness)


@dataclasses.dataclass(frozen=True)
class RouletteWheel:
    r"""HADES's roulette wheel: a member weighs what all that are not better add up to.

    With u = 1 for the best finite fitness to 0 for the worst, and the sum over distinct values,
    g_i = sum_{u_j <= u_i} exp(s u_j), s = pressure / T. Few of the best take almost everything at
    a high pressure; at a low one g grows with the rank. The same weights for f and a f + b, a > 0,
    to rounding.

    Attributes:
        pressure: s at temperature 1, > 0. The authors use 3 to 18.

    Reference: Hartl et al., arXiv 2411.13420 (the authors' selection).
    """

    pressure: float = 5.0

    def __post_init__(self) -> None:
        """Check the pressure."""
        if not self.pressure > 0:
            raise ValueError(f"pressure: expected a number > 0, got {self.pressure!r}")

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        del genomes
        # Worst first: failed ones come before all others, and have no share in the sum.
        order = jnp.argsort(jnp.where(jnp.isnan(fitness), -jnp.inf, -fitness), stable=True)
        ordered = fitness[order]
        repeated = jnp.concatenate([jnp.zeros(1, bool), ordered[1:] == ordered[:-1]])
        logits = -(self.pressure / temperature) * unit_range(ordered)
        log_terms = jnp.where(repeated | jnp.isnan(ordered), -jnp.inf, logits)
        log_weights = jax.lax.cumlogsumexp(log_terms)
        return settle(jnp.zeros_like(fitness).at[order].set(log_weights), fitness)


@dataclasses.dataclass(frozen=True)
class Adaptive:
    r"""Another weighting at the temperature that gives the elite its share.

    The temperature is found by bisection such that the best `elite_ratio` of the members have the
    share 1 - elite_ratio of all the weight, and then multiplied by T.

    Attributes:
        base: a weighting that a higher temperature softens.
        elite_ratio: in (0, 1).
        pressures: range of the inverse temperature searched, relative to the base's own.

    Reference: Hartl et al., arXiv 2411.13420 (the authors' adaptive pressure).
    """

    base: Weighting = dataclasses.field(default_factory=RouletteWheel)
    elite_ratio: float = 0.15
    pressures: tuple[float, float] = (1e-3, 10.0)

    def __post_init__(self) -> None:
        """Check base, ratio and range."""
        if not callable(self.base):
            raise ValueError(f"base: expected a Weighting, got {self.base!r}")
        if not 0 < self.elite_ratio < 1:
            raise ValueError(f"elite_ratio: expected a number in (0, 1), got {self.elite_ratio!r}")
        if not 0 < self.pressures[0] < self.pressures[1]:
            raise ValueError(f"pressures: expected 0 < low < high, got {self.pressures!r}")

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        rank = _rank(fitness)
        valid = ~jnp.isnan(fitness)
        cut = jnp.maximum(self.elite_ratio, jnp.min(jnp.where(valid, rank, jnp.inf)))
        elite = valid & (rank <= cut)

        def narrow(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = ends
            middle = (low + high) / 2.0
            weights = jnp.exp(self.base(fitness, genomes, jnp.exp(-middle)))
            share = jnp.sum(jnp.where(elite, weights, 0.0)) / jnp.sum(weights)
            enough = share > 1.0 - self.elite_ratio
            return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

        ends = tuple(jnp.asarray(math.log(end), fitness.dtype) for end in self.pressures)
        low, high = jax.lax.fori_loop(0, 20, narrow, (ends[0], ends[1]))
        return self.base(fitness, genomes, jnp.exp(-(low + high) / 2.0) * temperature)


@dataclasses.dataclass(frozen=True)
class DensityCorrected:
    r"""Another weighting divided by how densely the members lie: log g = base - log rho.

    rho_i = sum_j exp(-|x_i - x_j|^2 / (2 h^2 D v)), v the members' mean variance a coordinate. What
    is learned from members of density rho with weights g is rho g: generation after generation a
    crowd attracts more of a crowd, until one of two equal peaks is lost. With g / rho the same
    density g is learned every time. Costs a table of n x n distances.

    Attributes:
        base: the weighting that judges the fitness.
        bandwidth: h > 0, in units of the members' own spread; below the distance of the peaks.
    """

    base: Weighting = dataclasses.field(default_factory=RouletteWheel)
    bandwidth: float = 0.1

    def __post_init__(self) -> None:
        """Check base and bandwidth."""
        if not callable(self.base):
            raise ValueError(f"base: expected a Weighting, got {self.base!r}")
        if not self.bandwidth > 0:
            raise ValueError(f"bandwidth: expected a number > 0, got {self.bandwidth!r}")

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        valid = ~jnp.isnan(fitness)
        squares = squared_distances(genomes, genomes)
        squares = jnp.where(valid[:, None] & valid[None, :], squares, 0.0)
        count = jnp.maximum(jnp.sum(valid), 1).astype(genomes.dtype)
        # The mean squared distance is 2 D v.
        scale = self.bandwidth**2 * jnp.sum(squares) / count**2
        kernel = jnp.exp(-squares / jnp.where(scale > 0, scale, 1.0))
        density = jnp.sum(jnp.where(valid[None, :], kernel, 0.0), axis=1)
        return settle(self.base(fitness, genomes, temperature) - jnp.log(density), fitness)


@dataclasses.dataclass(frozen=True)
class Identity:
    r"""The papers' raw fitness: g = max(-f, 0). The temperature plays no part."""

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        del genomes, temperature
        return settle(jnp.log(_quality(fitness)), fitness)


@dataclasses.dataclass(frozen=True)
class Energy:
    r"""Boltzmann: g = exp(-f / T), in the units of the fitness."""

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        del genomes
        return settle(-fitness / temperature, fitness)


@dataclasses.dataclass(frozen=True)
class Power:
    r"""g = (max(-f, 0) / T)^power.

    Attributes:
        power: > 0. The temperature is a common factor and changes nothing.
    """

    power: float = 1.0

    def __post_init__(self) -> None:
        """Check the power."""
        if not self.power > 0:
            raise ValueError(f"power: expected a number > 0, got {self.power!r}")

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        del genomes, temperature
        return settle(self.power * jnp.log(_quality(fitness)), fitness)


@dataclasses.dataclass(frozen=True)
class NormalizedEnergy:
    r"""The benchmark's map: g = (p - p_min) / (1 - p_min), p = exp(-|f - target| / (T scale)).

    p_min = exp(-max_distance / (T scale)), so that g is 0 at the distance max_distance and 1 on
    the target.

    Attributes:
        target: fitness of the wanted solutions.
        scale: > 0, in units of the fitness.
        max_distance: > 0, the largest distance |f - target| that occurs.
    """

    target: float
    scale: float
    max_distance: float

    def __post_init__(self) -> None:
        """Check the constants."""
        if not math.isfinite(self.target):
            raise ValueError(f"target: expected a finite number, got {self.target!r}")
        for name in ("scale", "max_distance"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected a number > 0, got {getattr(self, name)!r}")

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        del genomes
        unit = self.scale * temperature
        # log(p - p_min) = -distance / unit + log(1 - exp((distance - max_distance) / unit))
        distance = jnp.abs(fitness - self.target)
        gap = jnp.minimum((distance - self.max_distance) / unit, 0.0)
        return settle(-distance / unit + jnp.log(-jnp.expm1(gap)), fitness)


@dataclasses.dataclass(frozen=True)
class L2Prior:
    r"""Another weighting times a Gaussian prior on the genome: log g = base - strength |x|^2.

    Attributes:
        base: the weighting that judges the fitness.
        strength: lambda >= 0, in 1 / genome units squared.
    """

    base: Weighting
    strength: float

    def __post_init__(self) -> None:
        """Check base and strength."""
        if not callable(self.base):
            raise ValueError(f"base: expected a Weighting, got {self.base!r}")
        if not self.strength >= 0:
            raise ValueError(f"strength: expected a number >= 0, got {self.strength!r}")

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        penalty = self.strength * jnp.sum(genomes**2, axis=1)
        return settle(self.base(fitness, genomes, temperature) - penalty, fitness)


WEIGHTINGS: dict[str, type] = {
    "scale_free": ScaleFree,
    "rank": RankBased,
    "standardized": Standardized,
    "roulette_wheel": RouletteWheel,
    "adaptive": Adaptive,
    "density_corrected": DensityCorrected,
    "identity": Identity,
    "energy": Energy,
    "power": Power,
    "normalized_energy": NormalizedEnergy,
    "l2_prior": L2Prior,
}

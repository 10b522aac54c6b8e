r"""Weightings: from fitness (lower is better) to log-weights log g of the posterior mean.

p(x_0 = x) is proportional to g[f(x)]. Everything is kept as log g, shifted so that the largest is
0: the posterior mean is a softmax, for which a common factor of g means nothing. One rule holds
for all of them (`settle`): a failed member (NaN) has weight zero, infinities are ordered, and if
nobody has any weight everybody has the same.

A weighting is a frozen dataclass, hashed by value, and is called as
``weighting(fitness, genomes, temperature)`` with shapes (N,), (N, D), (). The temperature is a
traced number: changing it compiles nothing. Higher is softer for all of them.

Reference: Zhang et al., arXiv 2410.02543 (Identity, Energy, Power, L2Prior and the benchmark's
NormalizedEnergy); RankBased and Standardized are ours.
"""

import dataclasses
from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


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


@dataclasses.dataclass(frozen=True)
class RankBased:
    r"""Scale-free, the default: log g = -6 rank / (n - 1) / T, so the worst has e^(-6 / T).

    rank = 0 for the best and n - 1 for the worst of the n members that did not fail; ties share
    their mean rank. Any increasing transformation of the fitness gives the same weights, outliers
    included. The form and the 6 were chosen by measurement: `experiments/weighting`.
    """

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        del genomes
        ordered = jnp.sort(fitness)  # NaN sorts last
        fewer = jnp.searchsorted(ordered, fitness, side="left")
        fewer_or_equal = jnp.searchsorted(ordered, fitness, side="right")
        rank = (fewer + fewer_or_equal - 1).astype(fitness.dtype) / 2.0
        worst = jnp.maximum(jnp.sum(~jnp.isnan(fitness)) - 1, 1).astype(fitness.dtype)
        return settle(-6.0 * rank / worst / temperature, fitness)


@dataclasses.dataclass(frozen=True)
class Standardized:
    r"""Scale-free: log g = -(f - mean f) / (std f) / T over the members that did not fail.

    The same weights for f, a f + b (a > 0), to rounding. Infinities count as one range beyond the
    finite values; equal fitness gives equal weights.
    """

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        del genomes
        finite = jnp.isfinite(fitness)
        # Halves keep the range of values near the largest float from overflowing.
        low = jnp.min(jnp.where(finite, fitness, jnp.inf)) / 2.0
        high = jnp.max(jnp.where(finite, fitness, -jnp.inf)) / 2.0
        spread = high - low
        usable = finite & (spread > 0)
        unit = (fitness / 2.0 - low) / jnp.where(spread > 0, spread, 1.0)
        unit = jnp.where(usable, unit, 0.0)
        unit = jnp.where(jnp.isposinf(fitness), 2.0, jnp.where(jnp.isneginf(fitness), -1.0, unit))
        valid = ~jnp.isnan(fitness)
        count = jnp.maximum(jnp.sum(valid), 1)
        mean = jnp.sum(jnp.where(valid, unit, 0.0)) / count
        std = jnp.sqrt(jnp.sum(jnp.where(valid, (unit - mean) ** 2, 0.0)) / count)
        score = (unit - mean) / jnp.where(std > 0, std, 1.0)
        return settle(-score / temperature, fitness)


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
        """Check the strength."""
        if not self.strength >= 0:
            raise ValueError(f"strength: expected a number >= 0, got {self.strength!r}")

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights, shape (N,)."""
        penalty = self.strength * jnp.sum(genomes**2, axis=1)
        return settle(self.base(fitness, genomes, temperature) - penalty, fitness)


WEIGHTINGS: dict[str, type] = {
    "rank": RankBased,
    "standardized": Standardized,
    "identity": Identity,
    "energy": Energy,
    "power": Power,
    "normalized_energy": NormalizedEnergy,
    "l2_prior": L2Prior,
}

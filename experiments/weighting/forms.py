r"""The forms of weighting that were compared.

All are log-weights before `diffevo.weighting.settle`; T is the temperature, r in [0, 1] the rank
of a member over n - 1 (0 the best), z its fitness standardised to mean 0 and deviation 1. What is
not in `diffevo.weighting` is defined here so that the study can show it; it needs no care for
failed members, which the study's functions do not have.

Energy on the standardised fitness, exp(-z / T), is `diffevo.weighting.Standardized`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from diffevo import weighting
from experiments.common.diffusion import default_weighting
from tasks.functions.benchmark import Benchmark


def _ranks(fitness: Array) -> Array:
    """0 for the best to n - 1 for the worst; ties in the order of the members."""
    return jnp.argsort(jnp.argsort(fitness)).astype(fitness.dtype)


@dataclass(frozen=True)
class RankPower:
    """log g = -6 r^power / T."""

    power: float

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights (N,)."""
        del genomes
        rank = _ranks(fitness) / (fitness.shape[0] - 1)
        return weighting.settle(-6.0 * rank**self.power / temperature, fitness)


@dataclass(frozen=True)
class RankPowerLaw:
    """g = (1 + rank)^(-1 / T), rank from 0 to n - 1."""

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights (N,)."""
        del genomes
        return weighting.settle(-jnp.log1p(_ranks(fitness)) / temperature, fitness)


@dataclass(frozen=True)
class NormalScores:
    """log g = -q / T, q the normal quantile of (rank + 1/2) / n."""

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights (N,)."""
        del genomes
        score = jax.scipy.special.ndtri((_ranks(fitness) + 0.5) / fitness.shape[0])
        return weighting.settle(-score / temperature, fitness)


@dataclass(frozen=True)
class MedianScaled:
    """log g = -(f - min f) / (median f - min f) / T."""

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights (N,)."""
        del genomes
        above = fitness - jnp.min(fitness)
        # The floor only keeps a population of equals from dividing by zero.
        return weighting.settle(
            -above / jnp.maximum(jnp.median(above), 1e-30) / temperature, fitness
        )


@dataclass(frozen=True)
class Ranked:
    r"""log g = -(steepness r + size z) / T, and what ties do.

    Ties matter on Rosenbrock, where every point outside the box has the value 100: about half of
    an early population. With ``share_ties`` each of k equals gets the mean of the weights that the
    k ranks would have, which is the expectation over breaking the ties at random; without, ties
    are broken in the order of the members.

    Attributes:
        steepness: the best rank weighs e^(steepness / T) times as much as the worst.
        size: how much the standardised fitness counts beside the rank.
        share_ties: see above.
    """

    steepness: float
    size: float = 0.0
    share_ties: bool = True

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights (N,)."""
        slope = self.steepness / (fitness.shape[0] - 1) / jnp.asarray(temperature)
        if self.share_ties:
            ordered = jnp.sort(fitness)
            fewer = jnp.searchsorted(ordered, fitness, side="left")
            equal = (jnp.searchsorted(ordered, fitness, side="right") - fewer).astype(slope.dtype)
            # The mean of exp(-slope rank) over the ranks fewer ... fewer + equal - 1.
            share = jnp.log(jnp.expm1(-slope * equal) / jnp.expm1(-slope) / equal)
            log_weights = share - slope * fewer
        else:
            log_weights = -slope * _ranks(fitness)
        if self.size:
            z = weighting.Standardized()(fitness, genomes, temperature)
            log_weights = log_weights + self.size * z
        return weighting.settle(log_weights, fitness)


@dataclass(frozen=True)
class Unbounded:
    """The library's default without the bound: log g = -(4 r + z) / T."""

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights (N,)."""
        by_rank = weighting.RankBased()(fitness, genomes, temperature)
        by_size = weighting.Standardized()(fitness, genomes, temperature)
        return weighting.settle(4.0 / 6.0 * by_rank + by_size, fitness)


def paper_map(task: Benchmark) -> weighting.Weighting:
    """The benchmark's map for one function: it knows target, scale and range."""
    return weighting.NormalizedEnergy(0.0, task.scale, task.max_distance)


@dataclass(frozen=True)
class Form:
    """One candidate.

    Attributes:
        formula: of log g.
        build: the weighting for a function; all but the paper's ignore which.
        knows: what it has to know about the function, empty if nothing.
    """

    formula: str
    build: Callable[[Benchmark], weighting.Weighting]
    knows: str = ""


@dataclass(frozen=True)
class _ScaledEnergy:
    """exp(-f / (T s)) with the function's own scale s."""

    scale: float

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights (N,)."""
        return weighting.Energy()(fitness, genomes, jnp.asarray(temperature) * self.scale)


FORMS: dict[str, Form] = {
    "paper": Form(
        "log((p - p_min) / (1 - p_min)), p = exp(-f / (s T))", paper_map, "target, scale, range"
    ),
    "energy": Form("-f / (s T)", lambda task: _ScaledEnergy(task.scale), "scale"),
    "scale_free": Form(
        "-(4 r + max(z, -4)) / T, ties share their mean rank", lambda task: default_weighting()
    ),
    "scale_free_unbounded": Form(
        "-(4 r + z) / T, ties share their mean rank", lambda task: Unbounded()
    ),
    "scale_free_shared": Form(
        "-(4 r + z) / T, ties share their mean weight", lambda task: Ranked(4.0, 1.0)
    ),
    "rank": Form("-6 r / T, ties share their mean rank", lambda task: weighting.RankBased()),
    "rank_shared": Form("-6 r / T, ties share their mean weight", lambda task: Ranked(6.0)),
    "rank_in_order": Form(
        "-6 r / T, ties in the order of the members", lambda task: Ranked(6.0, share_ties=False)
    ),
    "standardized": Form("-z / T", lambda task: weighting.Standardized()),
    "rank_power_1.5": Form("-6 r^1.5 / T", lambda task: RankPower(1.5)),
    "rank_power_law": Form("-log(1 + rank) / T", lambda task: RankPowerLaw()),
    "normal_scores": Form("-normal quantile of the rank / T", lambda task: NormalScores()),
    "median_scaled": Form("-(f - min) / (median - min) / T", lambda task: MedianScaled()),
    "blend_5_0.5": Form(
        "-(5 r + z / 2) / T, ties share their mean weight", lambda task: Ranked(5.0, 0.5)
    ),
    "blend_4.5_0.75": Form(
        "-(4.5 r + 3 z / 4) / T, ties share their mean weight", lambda task: Ranked(4.5, 0.75)
    ),
}

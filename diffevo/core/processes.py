r"""Forward processes: how an origin is destroyed, hence how it is estimated and approached again.

Diffusion Evolution reads a member x_t as a noisy copy of an origin x_0, estimates the origin by the
fitness-weighted posterior over the evaluated population and takes one reverse step. What the noise
is, is a choice:

* `Gaussian`: real numbers, x_t = sqrt(alpha) x_0 + sqrt(1 - alpha) eps. The papers' process.
* `LogNormal`: positive numbers, multiplied by noise instead of added to it.
* `Categorical`: loci with K values, replaced by a random value (bits: flipped) now and then.

Every process offers *coordinates* c(x), shape (N, C), in which its posterior is a weighted mean of
coordinates under a kernel that depends on a squared distance of coordinates: x itself, log x, one
indicator per value. So one sum (`diffevo.core.posterior`) serves all of them, and no array of size
N x N x D is ever built. Derivations: docs/derivation.md.

A process is a frozen dataclass, hashed by value. Shape letters: N population, D genome dimensions,
C coordinates, K categories.

References: Zhang et al., arXiv 2410.02543 (Gaussian); arXiv 2510.02730 (geometric Brownian motion
in a diffusion model); Austin et al., arXiv 2107.03006, and Song et al., arXiv 2010.02502, appendix
A (categorical). Posterior sums over an evaluated population for the latter two are ours.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from diffevo.core import ddim, posterior
from diffevo.core.noise import standard_normal


@runtime_checkable
class Process(Protocol):
    """What Diffusion Evolution asks of a process; any hashable object with these will do."""

    def check(self, num_dims: int) -> None:
        """Raise ValueError unless the process fits genomes of D = num_dims."""
        ...

    def num_coordinates(self, num_dims: int) -> int:
        """C, the number of coordinates of a genome with D = num_dims."""
        ...

    def sample_prior(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """What remains of any origin as alpha goes to 0: genomes of shape (N, D)."""
        ...

    def admit(self, genomes: Array) -> Array:
        """The genomes (N, D), with NaN where a value is outside the process's domain."""
        ...

    def coordinates(self, genomes: Array) -> Array:
        """c(x), shape (N, C): where distances are measured and means are taken."""
        ...

    def estimate(
        self, genomes: Array, log_weights: Array, alpha: ArrayLike, **options: Any
    ) -> Array:
        """Posterior mean of c(x_0) for every member, shape (N, C).

        The options are those of `diffevo.core.posterior.estimate_x0`; a `latent` is a projection
        of the coordinates.
        """
        ...

    def origin(self, estimate: Array) -> Array:
        """An estimate (N, C) as genomes (N, D)."""
        ...

    def draw(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """The noise of one generation, (N, D), for `reverse_step` or `forward`."""
        ...

    def reverse_step(
        self,
        genomes: Array,
        estimate: Array,
        alpha: ArrayLike,
        alpha_next: ArrayLike,
        noise: Array,
        noise_scale: ArrayLike,
    ) -> Array:
        """Genomes (N, D) at the cleaner level alpha_next >= alpha."""
        ...

    def forward(
        self, genomes: Array, alpha: ArrayLike, alpha_next: ArrayLike, noise: Array
    ) -> Array:
        """Genomes (N, D) at the noisier level alpha_next <= alpha."""
        ...


@dataclasses.dataclass(frozen=True)
class Gaussian:
    r"""Real numbers: x_t = sqrt(alpha) x_0 + sqrt(1 - alpha) eps, eps ~ N(0, I). The default.

    Coordinates are the genome, C = D; the sums and steps are `diffevo.core.posterior` and
    `diffevo.core.ddim`.

    Reference: arXiv 2410.02543, eq. 5, 8 to 10.
    """

    def check(self, num_dims: int) -> None:
        """Any genome fits."""

    def num_coordinates(self, num_dims: int) -> int:
        """C = D."""
        return num_dims

    def sample_prior(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """N(0, I)."""
        return jax.random.normal(key, shape, dtype)

    def admit(self, genomes: Array) -> Array:
        """All that is finite; what is not is contained by the algorithm."""
        return genomes

    def coordinates(self, genomes: Array) -> Array:
        """The genomes themselves."""
        return genomes

    def estimate(
        self, genomes: Array, log_weights: Array, alpha: ArrayLike, **options: Any
    ) -> Array:
        """Equations 8 and 9: `diffevo.core.posterior.estimate_x0`."""
        return posterior.estimate_x0(genomes, log_weights, alpha, **options)

    def origin(self, estimate: Array) -> Array:
        """The estimate itself."""
        return estimate

    def draw(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Standard normal."""
        return standard_normal(key, shape, dtype)

    def reverse_step(
        self,
        genomes: Array,
        estimate: Array,
        alpha: ArrayLike,
        alpha_next: ArrayLike,
        noise: Array,
        noise_scale: ArrayLike,
    ) -> Array:
        """Equations 10 and 5: `diffevo.core.ddim.reverse_step`."""
        return ddim.reverse_step(genomes, estimate, alpha, alpha_next, noise, noise_scale)

    def forward(
        self, genomes: Array, alpha: ArrayLike, alpha_next: ArrayLike, noise: Array
    ) -> Array:
        """See `diffevo.core.ddim.forward`."""
        return ddim.forward(genomes, alpha, alpha_next, noise)


def _positive(name: str, value: object) -> float | tuple[float, ...]:
    """A number > 0 or a tuple of such."""
    try:
        numbers = np.asarray(value, float)
    except (TypeError, ValueError):
        numbers = np.full(1, np.nan)
    if not (numbers.ndim <= 1 and numbers.size and np.all((numbers > 0) & np.isfinite(numbers))):
        raise ValueError(
            f"{name}: expected a finite number > 0, or one for each dimension, got {value!r}"
        )
    return float(numbers) if numbers.ndim == 0 else tuple(numbers.tolist())


@dataclasses.dataclass(frozen=True)
class LogNormal:
    r"""Positive numbers under multiplicative noise; they stay positive for ever.

    x_t = m (x_0 / m)^sqrt(alpha) exp(sqrt(1 - alpha) s eps), m the center, s the spread: geometric
    Brownian motion whose logarithm reverts to log m, so that the prior is log-normal(log m, s^2)
    instead of ever wider. In coordinates c = log(x / m) / s it is the Gaussian process, C = D. The
    estimate is the posterior mean of c, that is the *geometric* mean of the origins: the mean of
    least square error in ratios, which the reverse step mixes in; the same for x and 1 / x; and,
    unlike the mean of x, not that of the largest few when members span decades. If the center is
    given in another unit, u m for m, the whole search is multiplied by u.

    Attributes:
        center: m > 0, a number or one for each dimension: the median of the prior.
        spread: s > 0, likewise: standard deviation of the prior's log x. The default, log(10),
            has two thirds of the prior within one decade of the center to either side.

    Raises:
        ValueError: center or spread are not positive, or do not fit the genome.

    Reference: arXiv 2510.02730 has geometric Brownian motion as the forward process of an image
    model; the mean-reverting form and its posterior are ours.
    """

    center: ArrayLike | Sequence[float] = 1.0
    spread: ArrayLike | Sequence[float] = 2.302585092994046

    def __post_init__(self) -> None:
        """Check the numbers and keep them hashable."""
        for name in ("center", "spread"):
            object.__setattr__(self, name, _positive(name, getattr(self, name)))

    def check(self, num_dims: int) -> None:
        """Raise ValueError unless center and spread are one number or D of them."""
        for name in ("center", "spread"):
            length = np.size(getattr(self, name))
            if np.ndim(getattr(self, name)) and length != num_dims:
                raise ValueError(
                    f"process: expected a {name} of one number or of {num_dims}, got {length}"
                )

    def num_coordinates(self, num_dims: int) -> int:
        """C = D."""
        return num_dims

    def _log_center_and_spread(self, dtype: DTypeLike) -> tuple[Array, Array]:
        """Rows of shape (1, 1) or (1, D); the logarithm is taken in float64."""
        log_center = np.atleast_2d(np.log(self.center))
        return jnp.asarray(log_center, dtype), jnp.asarray(np.atleast_2d(self.spread), dtype)

    def sample_prior(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Log-normal with median m and standard deviation s of the logarithm."""
        return self.origin(jax.random.normal(key, shape, dtype))

    def admit(self, genomes: Array) -> Array:
        """Positive numbers."""
        return jnp.where(genomes > 0, genomes, jnp.nan)

    def coordinates(self, genomes: Array) -> Array:
        """Logarithms in units of the prior: c = log(x / m) / s."""
        log_center, spread = self._log_center_and_spread(genomes.dtype)
        return (jnp.log(genomes) - log_center) / spread

    def estimate(
        self, genomes: Array, log_weights: Array, alpha: ArrayLike, **options: Any
    ) -> Array:
        """Posterior mean of c(x_0)."""
        return posterior.estimate_x0(self.coordinates(genomes), log_weights, alpha, **options)

    def origin(self, estimate: Array) -> Array:
        """Back from logarithms: x = m exp(s c), within the positive range of the dtype."""
        log_center, spread = self._log_center_and_spread(estimate.dtype)
        limits = jnp.finfo(estimate.dtype)
        # A margin of 1 keeps rounding from reaching 0 or infinity.
        low, high = math.log(float(limits.tiny)) + 1.0, math.log(float(limits.max)) - 1.0
        return jnp.exp(jnp.clip(log_center + spread * estimate, low, high))

    def draw(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Standard normal."""
        return standard_normal(key, shape, dtype)

    def reverse_step(
        self,
        genomes: Array,
        estimate: Array,
        alpha: ArrayLike,
        alpha_next: ArrayLike,
        noise: Array,
        noise_scale: ArrayLike,
    ) -> Array:
        """Equations 10 and 5 on the coordinates: x is multiplied, never added to."""
        return self.origin(
            ddim.reverse_step(
                self.coordinates(genomes), estimate, alpha, alpha_next, noise, noise_scale
            )
        )

    def forward(
        self, genomes: Array, alpha: ArrayLike, alpha_next: ArrayLike, noise: Array
    ) -> Array:
        """Multiplicative noise: `diffevo.core.ddim.forward` on the coordinates."""
        return self.origin(ddim.forward(self.coordinates(genomes), alpha, alpha_next, noise))


@dataclasses.dataclass(frozen=True)
class Categorical:
    r"""Loci with K values each; with K = 2, bits.

    Forward: a locus keeps its value with probability alpha and is drawn anew from all K otherwise,

        q(x_t = a | x_0 = b) = alpha 1[a = b] + (1 - alpha) / K

    (bits: flipped with probability (1 - alpha) / 2). The kernel between a member and an origin
    falls by the odds 1 + K alpha / (1 - alpha) with every locus that differs, so it is
    exp(-lambda Hamming), lambda = log(1 + K alpha / (1 - alpha)). Coordinates are one indicator
    for each value of each locus, C = D K: their squared distance is twice the Hamming distance,
    and their posterior mean is the probability p(x_0 = b | x_t) of every value at every locus.

    In many loci every member is far from every other one, each is its own origin, and selection
    ends while most of the noise is still there. So by default the distance counts as if it had
    been measured in d = `num_effective_loci` of the D loci, lambda d / D Hamming for d < D: what a
    random subset of d loci has on average, as Latent Space Diffusion Evolution measures distance in
    d of D directions. `None` is the exact posterior.

    Genomes hold the values 0, 1, .., K - 1 as floating-point numbers. The order of the values
    means nothing. Any other number is a failed member.

    Attributes:
        num_categories: K >= 2, the same for all loci.
        num_effective_loci: d > 0, or None for all. Larger isolates niches earlier, smaller selects
            for longer (measured: experiments/processes).

    Raises:
        ValueError: num_categories is not an int >= 2, or num_effective_loci not positive.

    References: Austin et al., arXiv 2107.03006, sections 3 and A.2.1 (uniform transitions); Song et
    al., arXiv 2010.02502, appendix A (a reverse step that keeps the noise).
    """

    num_categories: int = 2
    num_effective_loci: float | None = 2.0

    def __post_init__(self) -> None:
        """Check K and d."""
        value = self.num_categories
        is_int = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not is_int or value < 2:
            raise ValueError(f"num_categories: expected an int >= 2, got {value!r}")
        object.__setattr__(self, "num_categories", int(value))
        loci = self.num_effective_loci
        if loci is not None:
            is_number = isinstance(loci, int | float | np.number) and not isinstance(loci, bool)
            if not (is_number and 0 < loci < math.inf):
                raise ValueError(
                    f"num_effective_loci: expected a finite number > 0 or None, got {loci!r}"
                )
            object.__setattr__(self, "num_effective_loci", float(loci))

    def check(self, num_dims: int) -> None:
        """Any genome fits."""

    def num_coordinates(self, num_dims: int) -> int:
        """C = D K."""
        return num_dims * self.num_categories

    def sample_prior(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Every value with probability 1 / K."""
        return jax.random.randint(key, shape, 0, self.num_categories).astype(dtype)

    def admit(self, genomes: Array) -> Array:
        """0, 1, .., K - 1."""
        known = (genomes == jnp.round(genomes)) & (genomes >= 0) & (genomes < self.num_categories)
        return jnp.where(known, genomes, jnp.nan)

    def _indicators(self, genomes: Array) -> Array:
        """1[x = b], shape (N, D, K)."""
        values = jnp.arange(self.num_categories, dtype=genomes.dtype)
        return (genomes[:, :, None] == values[None, None, :]).astype(genomes.dtype)

    def coordinates(self, genomes: Array) -> Array:
        """One indicator for each value of each locus, shape (N, D K)."""
        return self._indicators(genomes).reshape(genomes.shape[0], -1)

    def estimate(
        self, genomes: Array, log_weights: Array, alpha: ArrayLike, **options: Any
    ) -> Array:
        r"""The probability p(x_0 = b | x_t) of every value b at every locus, shape (N, D K).

        The Gaussian kernel of `diffevo.core.posterior` depends on sqrt(a) / (2 (1 - a)) times the
        squared distance and on the norms, which here are all the same; so it is this one where
        sqrt(a) / (1 - a) = lambda, that is sqrt(a) = 2 lambda / (1 + sqrt(1 + 4 lambda^2)).
        """
        alpha = jnp.asarray(alpha, genomes.dtype)
        # lambda is infinite at alpha = 1: there take the nearest alpha that has one.
        noise = jnp.maximum(1.0 - alpha, float(jnp.finfo(genomes.dtype).epsneg))
        log_odds = jnp.log1p(self.num_categories * alpha / noise)
        if self.num_effective_loci is not None:
            log_odds = min(1.0, self.num_effective_loci / genomes.shape[1]) * log_odds
        root = 2.0 * log_odds / (1.0 + jnp.sqrt(1.0 + 4.0 * log_odds**2))
        return posterior.estimate_x0(self.coordinates(genomes), log_weights, root**2, **options)

    def origin(self, estimate: Array) -> Array:
        """The most probable value of every locus."""
        by_locus = estimate.reshape(estimate.shape[0], -1, self.num_categories)
        return jnp.argmax(by_locus, axis=-1).astype(estimate.dtype)

    def draw(self, key: Array, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
        """Uniform on [0, 1)."""
        return jax.random.uniform(key, shape, dtype)

    def step_probabilities(
        self,
        genomes: Array,
        estimate: Array,
        alpha: ArrayLike,
        alpha_next: ArrayLike,
        noise_scale: ArrayLike,
    ) -> Array:
        r"""Probability of every value at every locus after the reverse step, shape (N, D, K).

        With a the present value and p the estimate, a mixture of two ways to go from alpha to
        alpha', both of which have the marginals of the forward process if p is the truth:

        * share noise_scale: the reversed process, sum_b p(b) q(x' | x = a, x_0 = b), with
          q(x' | a, b) proportional to q(a | x') q(x' | b);
        * the rest: keep the noise. The locus stays as it is with probability
          (1 - alpha') / (1 - alpha), and takes a value drawn from p otherwise.

        Args:
            genomes: x at level alpha, shape (N, D).
            estimate: from `estimate`, shape (N, D K).
            alpha: level before the step, in (0, 1).
            alpha_next: level alpha' after it, in [alpha, 1].
            noise_scale: 0 keeps noise, 1 (and above) draws it anew as the reversed process does.
        """
        alpha, alpha_next = jnp.asarray(alpha), jnp.asarray(alpha_next)
        share = jnp.clip(jnp.asarray(noise_scale), 0.0, 1.0)
        here = self._indicators(genomes)
        origin = estimate.reshape(here.shape)
        even = 1.0 / self.num_categories
        kept = alpha / alpha_next
        odds = origin / (alpha * here + (1.0 - alpha) * even)
        reversed_ = (kept * here + (1.0 - kept) * even) * (
            alpha_next * odds + (1.0 - alpha_next) * even * jnp.sum(odds, axis=-1, keepdims=True)
        )
        stay = (1.0 - alpha_next) / (1.0 - alpha)
        inherited = stay * here + (1.0 - stay) * origin
        return share * reversed_ + (1.0 - share) * inherited

    def _pick(self, probabilities: Array, noise: Array) -> Array:
        """A value for each locus from probabilities (N, D, K) and uniform numbers (N, D)."""
        ends = jnp.cumsum(probabilities, axis=-1)
        passed = ends <= noise[:, :, None] * ends[:, :, -1:]
        value = jnp.minimum(jnp.sum(passed, axis=-1), self.num_categories - 1)
        return value.astype(noise.dtype)

    def reverse_step(
        self,
        genomes: Array,
        estimate: Array,
        alpha: ArrayLike,
        alpha_next: ArrayLike,
        noise: Array,
        noise_scale: ArrayLike,
    ) -> Array:
        """A value of every locus drawn from `step_probabilities`; noise is uniform, (N, D)."""
        probabilities = self.step_probabilities(genomes, estimate, alpha, alpha_next, noise_scale)
        return self._pick(probabilities, noise)

    def forward(
        self, genomes: Array, alpha: ArrayLike, alpha_next: ArrayLike, noise: Array
    ) -> Array:
        """Keep a locus with probability alpha_next / alpha, else draw it anew from all K."""
        kept = jnp.minimum(jnp.asarray(alpha_next) / jnp.asarray(alpha), 1.0)
        here = self._indicators(genomes)
        return self._pick(kept * here + (1.0 - kept) / self.num_categories, noise)


PROCESSES: dict[str, type] = {
    "gaussian": Gaussian,
    "log_normal": LogNormal,
    "categorical": Categorical,
}

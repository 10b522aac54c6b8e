r"""One denoising chain: a Gaussian whose mean, noise level and metric follow the ranks of samples.

A chain holds x = m + sigma M z, z ~ N(0, I): the noise-free origin m, the noise level sigma and the
metric M. With a flat kernel inside the chain, the posterior mean of the origin is the weighted mean
of its samples (eq. 7 of Diffusion Evolution with weights that depend on ranks alone), so a reverse
step moves m to it and replaces the noise. The level is not scheduled: an evolution path compares
the steps with those of a search without selection, and M learns which directions the good samples
take.

With lambda samples, ordered by fitness, recombination weights w_j > 0 for the better half (sum 1),
w_j^- for the others (sum 1) and mu = 1 / sum w_j^2:

    y     = sum_j w_j z_j                               estimated origin, in noise units
    p'    = (1 - c_p) p + sqrt(c_p (2 - c_p) mu) y       evolution path
    m'    = m + sigma M y
    M'    = M (I + c_1 / 2 (p' p'^T - I) + c_mu / 2 (S - I)),
            S = sum_j w_j z_j z_j^T - a sum_j w_j^- D z_j z_j^T / |z_j|^2 + a I
    sigma' = sigma exp(c_p / d (|p'| / E|N(0, I)| - 1))

Beyond a few hundred dimensions M is the product of r rank-one maps instead of a matrix, which takes
O(r D) a sample and is rotation-invariant as well.

A push b in [0, 1] from the bad samples makes y = sum_j (w_j - b w_j^-) z_j, and mu that of these
weights. Where fitness is almost linear over a step, the worst samples tell as much as the best, so
y tells twice as much for less than twice the noise; close to an optimum they mislead.

In a box, a sample beyond a face is evaluated at the nearest point of the box, x - sigma e. Samples
are then ordered by rank + .15 lambda |e|^2 / n, with n the number of coordinates beyond: without
the second term the level would grow without end where all samples beyond a face are alike.

Shape letters: L (lambda) samples of the chain, D dimensions, r rank.

References: Zhang et al., arXiv 2410.02543, eq. 7 (the posterior mean); Hansen, The CMA Evolution
Strategy: A Tutorial, arXiv 1604.00772 (weights and rates); Beyer, Sendhoff, Simplify Your
Covariance Matrix Adaptation Evolution Strategy, IEEE TEVC 2017 (M without a decomposition);
Loshchilov, Glasmachers, Beyer, arXiv 1705.06693 (low rank).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from diffevo.core.ranks import places

# What one sigma beyond a face costs, as a share of all ranks. With more, or with the sum over the
# coordinates in place of the mean of those beyond, an optimum in a corner of 20 dimensions, where a
# good sample is beyond all faces at once, takes long or is not reached; with less the level falls
# more slowly.
_RANKS_OF_EXCESS = 0.15


class Chain(NamedTuple):
    """The state of a chain."""

    mean: Array  # (D,), m
    log_scale: Array  # log sigma
    metric: Array  # (D, D), or (r, D): directions of the rank-one maps
    path: Array  # (D,), p


class Weights(NamedTuple):
    """What samples weigh, in their own order, and the rates that follow from how many they are."""

    good: Array  # (L,), w_j of the better half, sum 1; all 0 if all samples failed
    bad: Array  # (L,), w_j^- of the others, sum 1; 0 for failed samples
    push: Array  # b
    mu: Array  # of good - b bad
    num_samples: Array  # lambda
    alive: Array  # 0 if all samples failed, else 1
    mu_bad: Array


class Moments(NamedTuple):
    """Weighted sums over samples; those of parts of the samples add up."""

    origin: Array  # (D,), y = sum_j (w_j - b w_j^-) z_j
    step: Array  # (D,), M y
    spread: Array  # (D, D), M sum_j (w_j - a w_j^- D / |z_j|^2) z_j z_j^T; (0, D) of low rank


def start(mean: Array, log_scale: ArrayLike, rank: int | None = None) -> Chain:
    """A chain about a mean (D,), its metric the identity.

    Args:
        mean: shape (D,).
        log_scale: log sigma, a scalar.
        rank: r of a metric of low rank; None is a full one.
    """
    num_dims, dtype = mean.shape[-1], mean.dtype
    metric = jnp.eye(num_dims, dtype=dtype) if rank is None else jnp.zeros((rank, num_dims), dtype)
    return Chain(mean, jnp.asarray(log_scale, dtype), metric, jnp.zeros_like(mean))


def is_full(chain: Chain) -> bool:
    """Whether the metric is a matrix."""
    return chain.metric.shape[-1] == chain.metric.shape[-2]


def _shrinkages(rank: int, num_dims: int, dtype: DTypeLike) -> Array:
    """How much of the identity each rank-one map takes away: 1 / (1.5^j D), j = 0, 1, ..."""
    return jnp.asarray(1.0 / (1.5 ** np.arange(rank) * num_dims), dtype)


def shape_noise(chain: Chain, noise: Array) -> Array:
    """M z of every row: noise (L, D) to steps (L, D) in units of sigma."""
    if is_full(chain):
        return noise @ chain.metric.T
    rank, num_dims = chain.metric.shape

    def apply(steps: Array, one: tuple[Array, Array]) -> tuple[Array, None]:
        direction, share = one
        along = steps @ direction
        return (1 - share) * steps + share * along[:, None] * direction[None, :], None

    # From the slowest direction to the fastest, as they were learned.
    shares = _shrinkages(rank, num_dims, noise.dtype)
    # A direction that has not been learned yet (zero) would only shrink the steps.
    shares = jnp.where(jnp.any(chain.metric != 0, axis=1), shares, 0.0)
    return jax.lax.scan(apply, noise, (chain.metric, shares))[0]


def into_box(
    samples: Array, log_scale: Array, bounded: np.ndarray | None = None
) -> tuple[Array, Array]:
    """The points of [-1, 1]^D nearest to samples (L, D), and |e|^2 / n (L,), e in sigmas.

    Sigma may be one for each coordinate; those that are not ``bounded`` are left alone.
    """
    inside = jnp.clip(samples, -1.0, 1.0)
    if bounded is not None:
        inside = jnp.where(bounded, inside, samples)
    squares = ((samples - inside) / jnp.exp(log_scale)) ** 2
    beyond = jnp.sum((squares > 0).astype(samples.dtype), axis=1)
    return inside, jnp.sum(squares, axis=1) / jnp.maximum(beyond, 1.0)


def weigh(
    fitness: Array,
    *,
    taken: Array | None = None,
    excess: Array | None = None,
    push: ArrayLike = 0.0,
) -> Weights:
    """Weights by rank: w_j ~ max(0, log((lambda + 1) / 2) - log j), and w_j^- of the negative part.

    Args:
        fitness: shape (L,), lower is better; NaN is failed and has no weight, neither good nor bad.
        taken: booleans (L,), which rows are samples, lambda of them; None: all.
        excess: |e|^2 / n, shape (L,), from `into_box`; None: nothing was moved.
        push: b in [0, 1], a scalar.

    Returns:
        See `Weights`.
    """
    num_rows, dtype = fitness.shape[0], fitness.dtype
    num_samples, push = jnp.asarray(num_rows, dtype), jnp.asarray(push, dtype)
    if taken is not None:
        num_samples, fitness = jnp.sum(taken).astype(dtype), jnp.where(taken, fitness, jnp.nan)
    valid = ~jnp.isnan(fitness)
    place = places(fitness)
    if excess is not None:
        place = places(
            jnp.where(
                valid, place.astype(dtype) + _RANKS_OF_EXCESS * num_samples * excess, jnp.nan
            ),
            shared=False,
        )
    order = jnp.arange(num_rows, dtype=dtype)
    raw = jnp.log((num_samples + 1) / 2) - jnp.log1p(order)
    raw = jnp.where(order < num_samples, raw, 0.0)
    good, bad = jnp.maximum(raw, 0.0), jnp.maximum(-raw, 0.0)
    # A single sample is a good one.
    good = jnp.where(num_samples > 1, good, (order == 0).astype(dtype))
    good = good / jnp.sum(good)
    bad = bad / jnp.maximum(jnp.sum(bad), jnp.finfo(dtype).tiny)
    mu_bad = 1 / jnp.maximum(jnp.sum(bad**2), 1e-12)
    # Good and bad samples are different ones: their weights have no product.
    mu = 1 / (jnp.sum(good**2) + push**2 / mu_bad)

    good = jnp.where(valid, good[place], 0.0)
    total = jnp.sum(good)
    good = jnp.where(total > 0, good / jnp.where(total > 0, total, 1.0), 0.0)
    alive = (total > 0).astype(dtype)
    bad = alive * jnp.where(valid, bad[place], 0.0)
    return Weights(good, bad, push, mu, num_samples, alive, mu_bad)


def num_effective(num_samples: int) -> float:
    """Mu = 1 / sum w_j^2 of the weights that `weigh` gives so many samples, without a push."""
    raw = np.log((num_samples + 1) / 2) - np.log(np.arange(1, num_samples + 1))
    good = np.maximum(raw, 0.0)
    return float(good.sum() ** 2 / (good**2).sum()) if num_samples > 1 else 1.0


class _Rates(NamedTuple):
    path: Array  # c_p
    damping: Array  # d
    one: Array  # c_1
    many: Array  # c_mu
    bad: Array  # a


def _rates(weights: Weights, num_dims: int) -> _Rates:
    mu = weights.mu
    path = (mu + 2) / (num_dims + mu + 5)
    # With a push, mu of a handful of samples is below 1.
    beyond = jnp.sqrt(jnp.maximum(mu - 1, 0.0) / (num_dims + 1)) - 1
    damping = 1 + path + 2 * jnp.maximum(0.0, beyond)
    one = 2 / ((num_dims + 1.3) ** 2 + mu)
    many = jnp.minimum(1 - one, 2 * jnp.maximum(mu - 2 + 1 / mu, 0.0) / ((num_dims + 2) ** 2 + mu))
    # Not more bad weight than leaves the metric positive definite (tutorial, eq. 50 to 53).
    bad = jnp.minimum(
        1 + one / jnp.maximum(many, 1e-30),
        jnp.minimum(
            1 + 2 * weights.mu_bad / (mu + 2),
            (1 - one - many) / (num_dims * jnp.maximum(many, 1e-30)),
        ),
    )
    return _Rates(path, damping, one, many, bad)


def moments(chain: Chain, noise: Array, weights: Weights, steps: Array | None = None) -> Moments:
    """Weighted sums over samples.

    Args:
        chain: that the samples were drawn from.
        noise: z, shape (L, D).
        weights: of these samples.
        steps: M z, shape (L, D); None: z in its place, for `shape_moments` to multiply the sums.
    """
    num_dims, steps = noise.shape[1], noise if steps is None else steps
    pushed = weights.good - weights.push * weights.bad
    origin, step = pushed @ noise, pushed @ steps
    if not is_full(chain):
        return Moments(origin, step, jnp.zeros((0, num_dims), noise.dtype))
    squares = jnp.sum(noise**2, axis=1)
    bad = _rates(weights, num_dims).bad * weights.bad
    signed = weights.good - bad * num_dims / jnp.where(squares > 0, squares, 1.0)
    return Moments(origin, step, steps.T @ (signed[:, None] * noise))


def shape_moments(chain: Chain, sums: Moments) -> Moments:
    """Moments of samples from those that `moments` takes without M."""
    spread = chain.metric @ sums.spread if is_full(chain) else sums.spread
    return Moments(sums.origin, shape_noise(chain, sums.origin[None, :])[0], spread)


def move(chain: Chain, sums: Moments, weights: Weights) -> Chain:
    """The chain after the step that follows from all its samples' weights and moments."""
    num_dims, dtype = sums.origin.shape[0], sums.origin.dtype
    rates, mu, alive = _rates(weights, num_dims), weights.mu, weights.alive
    expected_length = math.sqrt(num_dims) * (1 - 1 / (4 * num_dims) + 1 / (21 * num_dims**2))

    rate = alive * rates.path
    path = (1 - rate) * chain.path + jnp.sqrt(rate * (2 - rate) * mu) * sums.origin
    mean = chain.mean + jnp.exp(chain.log_scale) * sums.step
    length = jnp.sqrt(jnp.sum(path**2)) / expected_length
    log_scale = chain.log_scale + rate / rates.damping * (length - 1)
    if is_full(chain):
        one, many = alive * rates.one, alive * rates.many
        kept = 1 - one / 2 - many / 2 * (jnp.sum(weights.good) - rates.bad * jnp.sum(weights.bad))
        metric = (
            kept * chain.metric
            + one / 2 * jnp.outer(chain.metric @ path, path)
            + many / 2 * sums.spread
        )
        # sigma and M share one factor: M has the mean square of the identity.
        gain = jnp.sqrt(jnp.sum(metric**2) / num_dims)
        metric, log_scale = metric / gain, log_scale + jnp.log(gain)
    else:
        shares = jnp.asarray(1 / (4.0 ** np.arange(chain.metric.shape[0]) * num_dims), dtype)
        rates_of_maps = alive * jnp.minimum(1.0, weights.num_samples * shares)
        gain = jnp.sqrt(rates_of_maps * (2 - rates_of_maps) * mu)
        metric = (1 - rates_of_maps)[:, None] * chain.metric + gain[:, None] * sums.origin[None, :]
    return Chain(mean, log_scale, metric, path)


def reverse_step(
    chain: Chain,
    noise: Array,
    steps: Array,
    fitness: Array,
    *,
    excess: Array | None = None,
    push: ArrayLike = 0.0,
) -> Chain:
    """One reverse step from evaluated samples: the equations at the head of the module.

    Args:
        chain: that the samples were drawn from.
        noise: z, shape (L, D).
        steps: M z, shape (L, D).
        fitness: shape (L,), lower is better; NaN is failed and has no weight, neither good nor bad.
        excess: |e|^2 / n, shape (L,); see `weigh`.
        push: b in [0, 1], a scalar.

    Returns:
        The chain after the step; unchanged if all samples failed.
    """
    weights = weigh(fitness, excess=excess, push=push)
    return move(chain, moments(chain, noise, weights, steps), weights)

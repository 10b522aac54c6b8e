r"""One denoising chain: a Gaussian whose mean, noise level and metric follow the ranks of samples.

A chain holds x = m + sigma M z, z ~ N(0, I): the noise-free origin m, the noise level sigma and the
metric M. With a flat kernel inside the chain, the posterior mean of the origin is the weighted mean
of its samples (eq. 7 of Diffusion Evolution with weights that depend on ranks alone), so a reverse
step moves m a share 1/s of the way towards it and replaces the noise. The level is not scheduled:
an evolution path compares the steps with those of a search without selection, and M learns which
directions the good samples take. s, the slowness, is the number of reverse steps in place of one: a
slow chain averages s generations, as one of s times as many samples would.

With lambda samples, ordered by fitness, recombination weights w_j > 0 for the better half (sum 1),
w_j^- for the others (sum 1), mu = 1 / sum w_j^2, and rates c computed for s lambda samples:

    y     = sum_j w_j z_j                                          estimated origin, in noise units
    p'    = (1 - c_p / s) p + sqrt(c_p / s (2 - c_p / s) mu) y      evolution path
    m'    = m + sigma M y / s
    M'    = M (I + c_1 / 2s (p' p'^T - I) + c_mu / 2s (S - I)),
            S = sum_j w_j z_j z_j^T - a sum_j w_j^- D z_j z_j^T / |z_j|^2 + a I
    sigma' = sigma exp(c_p / (s d) (|p'| / E|N(0, I)| - 1))

Beyond a few hundred dimensions M is the product of r rank-one maps instead of a matrix, which takes
O(r D) a sample and is rotation-invariant as well.

A push b in [0, 1] from the bad samples makes y = sum_j (w_j - b w_j^-) z_j, and mu that of these
weights. Where fitness is almost linear over a step, the worst samples tell as much as the best, so
y tells twice as much for less than twice the noise; close to an optimum they mislead.

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


class Chain(NamedTuple):
    """The state of a chain."""

    mean: Array  # (D,), m
    log_scale: Array  # log sigma
    metric: Array  # (D, D), or (r, D): directions of the rank-one maps
    path: Array  # (D,), p


class _Weights(NamedTuple):
    good: np.ndarray  # (L,), of the samples in order of fitness, sum 1
    bad: np.ndarray  # (L,), sum 1, or zeros
    mu: float  # the effective number of good samples
    mu_bad: float


def _weights(num_samples: int) -> _Weights:
    raw = math.log((num_samples + 1) / 2) - np.log(np.arange(1, num_samples + 1))
    good, bad = np.maximum(raw, 0.0), np.maximum(-raw, 0.0)
    if num_samples == 1:
        good = np.ones(1)
    good, bad = good / good.sum(), bad / max(bad.sum(), 1e-300)
    # Python's floats: numpy's would make float64 of a float32 chain where x64 is on.
    return _Weights(good, bad, float(1 / np.sum(good**2)), float(1 / max(np.sum(bad**2), 1e-12)))


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


def reverse_step(
    chain: Chain,
    noise: Array,
    steps: Array,
    fitness: Array,
    slowness: ArrayLike = 1.0,
    push: ArrayLike = 0.0,
) -> Chain:
    """One reverse step from evaluated samples: the equations at the head of the module.

    Args:
        chain: that the samples were drawn from.
        noise: z, shape (L, D).
        steps: M z, shape (L, D).
        fitness: shape (L,), lower is better; NaN is failed and has no weight, neither good nor bad.
        slowness: s >= 1, a scalar.
        push: b in [0, 1], a scalar.

    Returns:
        The chain after the step; unchanged if all samples failed.
    """
    num_samples, num_dims = noise.shape
    dtype = noise.dtype
    weights = _weights(num_samples)
    s, push = jnp.asarray(slowness, dtype), jnp.asarray(push, dtype)
    # Good and bad samples are different ones: their weights have no product.
    mu_once = 1 / (1 / weights.mu + push**2 / weights.mu_bad)
    mu = s * mu_once
    rate_path = (mu + 2) / (num_dims + mu + 5)
    damping = 1 + rate_path + 2 * jnp.maximum(0.0, jnp.sqrt((mu - 1) / (num_dims + 1)) - 1)
    rate_one = 2 / ((num_dims + 1.3) ** 2 + mu)
    rate_mu = jnp.minimum(
        1 - rate_one, 2 * jnp.maximum(mu - 2 + 1 / mu, 0.0) / ((num_dims + 2) ** 2 + mu)
    )
    expected_length = math.sqrt(num_dims) * (1 - 1 / (4 * num_dims) + 1 / (21 * num_dims**2))

    failed = jnp.isnan(fitness)
    # The failed after +inf, in one sort.
    keys = (failed.astype(jnp.int32), jnp.where(failed, 0.0, fitness), jnp.arange(num_samples))
    order = jax.lax.sort(keys, num_keys=2)[2]
    noise, steps = noise[order], steps[order]
    valid = ~failed[order]
    good = jnp.where(valid, jnp.asarray(weights.good, dtype), 0.0)
    total = jnp.sum(good)
    good = jnp.where(total > 0, good / jnp.where(total > 0, total, 1.0), 0.0)
    alive = (total > 0).astype(dtype)

    bad = alive * jnp.where(valid, jnp.asarray(weights.bad, dtype), 0.0)
    pushed = good - push * bad
    rate = alive * rate_path / s
    origin = pushed @ noise
    path = (1 - rate) * chain.path + jnp.sqrt(rate * (2 - rate) * mu_once) * origin
    mean = chain.mean + jnp.exp(chain.log_scale) / s * (pushed @ steps)
    length = jnp.sqrt(jnp.sum(path**2)) / expected_length
    log_scale = chain.log_scale + rate / damping * (length - 1)

    if is_full(chain):
        one, many = alive * rate_one / s, alive * rate_mu / s
        # Not more bad weight than leaves the metric positive definite (tutorial, eq. 50 to 53).
        most = jnp.minimum(
            1 + rate_one / jnp.maximum(rate_mu, 1e-30),
            jnp.minimum(
                1 + 2 * weights.mu_bad * s / (mu + 2),
                (1 - rate_one - rate_mu) / (num_dims * jnp.maximum(rate_mu, 1e-30)),
            ),
        )
        squares = jnp.sum(noise**2, axis=1)
        bad = bad * most
        signed = good - bad * num_dims / jnp.where(squares > 0, squares, 1.0)
        kept = 1 - one / 2 - many / 2 * (jnp.sum(good) - jnp.sum(bad))
        metric = (
            kept * chain.metric
            + one / 2 * jnp.outer(chain.metric @ path, path)
            + many / 2 * (steps.T @ (signed[:, None] * noise))
        )
        # sigma and M share one factor: M has the mean square of the identity.
        gain = jnp.sqrt(jnp.sum(metric**2) / num_dims)
        metric, log_scale = metric / gain, log_scale + jnp.log(gain)
    else:
        rank = chain.metric.shape[0]
        rates = (
            alive
            / s
            * jnp.asarray(np.minimum(1.0, num_samples / (4.0 ** np.arange(rank) * num_dims)), dtype)
        )
        gain = jnp.sqrt(rates * (2 - rates) * mu_once)
        metric = (1 - rates)[:, None] * chain.metric + gain[:, None] * origin[None, :]
    return Chain(mean, log_scale, metric, path)


def fold(chain: Chain) -> Chain:
    """The same chain after its mean has been reflected into [-1, 1]^D.

    Reflection flips the sign of some coordinates of its samples, so of the rows of M.
    """
    turned = jnp.mod(chain.mean + 1.0, 4.0)
    mean = 1.0 - jnp.abs(turned - 2.0)
    signs = jnp.where(turned > 2.0, -1.0, 1.0).astype(mean.dtype)
    if is_full(chain):
        return chain._replace(mean=mean, metric=chain.metric * signs[:, None])
    return chain._replace(mean=mean, metric=chain.metric * signs, path=chain.path * signs)

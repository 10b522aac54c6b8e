r"""Integers and categories beside real numbers: how a denoising chain keeps trying other values.

*Integers* are real numbers that are rounded. A chain that has become narrower than a cell, the real
numbers that are rounded to the same integer, gives the same one for ever. So after every step its
mean m and deviation s in that coordinate are changed, no more than is needed, until it gives a
smaller integer with probability >= a / 2 and a greater one likewise; at an end of the range, the
only neighbour with probability >= a. With l and u the ends of the mean's cell and
p = P(x < l), q = P(x > u) wanted,

    s' = (u - l) / (z_p + z_q),  m' = l + s' z_p,  z_p = Phi^-1(1 - p).

*Categories* have the forward process of `diffevo.core.processes.Categorical`: a value is kept or
drawn anew. A chain has a probability for each value of each of them, which it draws samples from.
The posterior mean of the indicators of the origin is, with weights by rank, the weighted share of
each value among the samples, and a step goes a share r of the way to it:

    P'(b) = (1 - r) P(b) + r sum_j w_j 1[x_j = b],  then P'(b) >= floor for all b.

Shape letters: n coordinates, L samples, C categorical variables, K categories (of the variable that
has most; the rest is padding).

References: Hamano, Saito, Nomura, Shirakawa, CMA-ES with Margin, GECCO 2022, arXiv 2205.13482 (the
margin); Hamano et al., CatCMA, GECCO 2024, arXiv 2405.09962 (a Gaussian and categorical
distributions side by side, the floor).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.stats import norm

# With this probability all categorical variables of a sample have their most probable values, once
# these are as probable as the floor lets them be.
_ALL_MOST_PROBABLE = 0.73


class Cells(NamedTuple):
    """Where the mean is in terms of integers; all of shape (n,)."""

    low: Array  # lower end l of its cell
    high: Array  # upper end u
    is_first: Array  # no smaller integer is allowed
    is_last: Array


class Grid(NamedTuple):
    """Where integers i are in a genome: at (i - center) / scale, or (log i - center) / scale.

    All of shape (n,); coordinates that are no integers may have anything.
    """

    center: Array
    scale: Array
    log: np.ndarray  # whether it is the logarithm
    bounded: np.ndarray  # whether integers end where the genome does, at -1 and 1

    def _ends(self) -> tuple[Array, Array]:
        """The first and the last integer, as real numbers."""
        ends = [self.center - self.scale, self.center + self.scale]
        first, last = (jnp.where(self.log, jnp.exp(end), end) for end in ends)
        huge = float(jnp.finfo(self.center.dtype).max)
        return (
            jnp.where(self.bounded, jnp.round(first + 0.5), jnp.where(self.log, 1.0, -huge)),
            jnp.where(self.bounded, jnp.round(last - 0.5), huge),
        )

    def integers(self, coordinates: Array) -> Array:
        """What coordinates (n,) are rounded to."""
        values = self.center + self.scale * coordinates
        values = jnp.where(self.log, jnp.exp(values), values)
        return jnp.clip(jnp.round(values), *self._ends())

    def coordinates(self, values: Array) -> Array:
        """Where integers, or numbers between two, are: (n,) of (n,)."""
        return (jnp.where(self.log, jnp.log(values), values) - self.center) / self.scale

    def cells(self, coordinates: Array) -> Cells:
        """The cells that coordinates (n,) are in."""
        integers, (first, last) = self.integers(coordinates), self._ends()
        return Cells(
            self.coordinates(integers - 0.5),
            self.coordinates(integers + 0.5),
            integers <= first,
            integers >= last,
        )


def keep_margin(mean: Array, deviation: Array, cells: Cells, alpha: Array) -> tuple[Array, Array]:
    """The mean and deviation with which every coordinate leaves its cell often enough.

    Args:
        mean: m, shape (n,), within its cell or, at an end of the range, beyond.
        deviation: s > 0, shape (n,).
        cells: of the mean.
        alpha: a in (0, 1/2), a scalar.

    Returns:
        (m', s'); what was often enough is as it was.
    """
    # In the inside of the range.
    below, above = norm.sf((mean - cells.low) / deviation), norm.sf((cells.high - mean) / deviation)
    low, high = jnp.maximum(below, alpha / 2), jnp.maximum(above, alpha / 2)
    # What is added on one side is taken from what is more than enough.
    total = low + high + jnp.maximum(1 - below - above, alpha / 2)
    rest = (1 - total) / (total - 1.5 * alpha)
    low, high = low + rest * (low - alpha / 2), high + rest * (high - alpha / 2)
    to_low, to_high = norm.isf(low), norm.isf(high)
    inside_deviation = (cells.high - cells.low) / (to_low + to_high)
    inside_mean = cells.low + inside_deviation * to_low
    enough = (below >= alpha / 2) & (above >= alpha / 2)
    # At an end there is one neighbour; the mean may not be far from it.
    farthest = norm.isf(alpha) * deviation
    first_mean = jnp.maximum(mean, cells.high - farthest)
    last_mean = jnp.minimum(mean, cells.low + farthest)
    new_mean = jnp.where(enough, mean, inside_mean)
    new_mean = jnp.where(cells.is_last, last_mean, new_mean)
    new_mean = jnp.where(cells.is_first, first_mean, new_mean)
    at_end = cells.is_first | cells.is_last | enough
    return new_mean, jnp.where(at_end, deviation, inside_deviation)


def floors(num_categories: np.ndarray) -> np.ndarray:
    """The least probability of a category, for each of C variables with so many, shape (C,)."""
    count = np.maximum(num_categories, 2)
    return (1 - _ALL_MOST_PROBABLE ** (1 / max(count.size, 1))) / (count - 1)


def learning_rate(num_effective: float, num_categories: np.ndarray) -> float:
    """The rate r = mu / (mu + 5 + sum_i (K_i - 1)) of the probabilities of C variables.

    The smaller, the more there is to learn from as many samples.

    Args:
        num_effective: mu of the samples' weights, see `diffevo.core.chain`.
        num_categories: K_i, shape (C,).
    """
    return num_effective / (num_effective + 5 + int(np.sum(num_categories - 1)))


def step_probabilities(
    probabilities: Array, indicators: Array, weights: Array, rate: Array, floor: Array
) -> Array:
    """One reverse step of the probabilities: the last equation at the head of the module.

    Args:
        probabilities: P, shape (C, K), 0 in the padding.
        indicators: 1[x_j = b], shape (L, C, K).
        weights: w_j, shape (L,), sum 1; or 0 if all samples failed: then nothing changes.
        rate: r in [0, 1], a scalar.
        floor: of each variable's categories, shape (C,).

    Returns:
        P', shape (C, K), sums 1.
    """
    share = jnp.einsum("l,lck->ck", weights, indicators)
    moved = probabilities + rate * (share - jnp.sum(weights) * probabilities)
    is_category = probabilities > 0
    spare = jnp.where(is_category, jnp.maximum(moved - floor[:, None], 0.0), 0.0)
    count = jnp.sum(is_category, axis=1, keepdims=True).astype(moved.dtype)
    scale = (1 - count * floor[:, None]) / jnp.sum(spare, axis=1, keepdims=True)
    return jnp.where(is_category, floor[:, None] + scale * spare, 0.0)


def draw_categories(key: Array, probabilities: Array, num_samples: int) -> Array:
    """Indicators of categories drawn from probabilities (C, K), shape (L, C, K)."""
    drawn = jax.random.categorical(
        key, jnp.log(probabilities), axis=-1, shape=(num_samples, probabilities.shape[0])
    )
    return jax.nn.one_hot(drawn, probabilities.shape[1], dtype=probabilities.dtype)

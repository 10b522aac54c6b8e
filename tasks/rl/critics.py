r"""Linear critics: state values V(s) = v . phi(s) by temporal differences.

With the next state s', after an action that gave the reward r:

    delta = r + gamma V(s') - V(s),        V(s') = 0 where the episode ended             (1)
    e <- gamma lambda e + phi(s),          e = 0 at an episode's start                   (2)
    v <- v + rate scale delta e                                                          (3)

**Features.** `FourierBasis`, phi_c(s) = cos(pi c . u) for all c in {0, ..., n}^d, u = s scaled to
[0, 1]^d; scale_c = 1 / max(1, |c|) (Konidaris, Osentoski, Thomas, "Value function approximation in
reinforcement learning using the Fourier basis", AAAI 2011). `Table`, one feature a cell, scale 1:
tabular TD(lambda).

Reference for (1) to (3): Sutton, Barto, "Reinforcement learning", 2nd edition, chapter 12;
as arXiv 1910.06489 uses them.

Shape letters: d state variables, F features.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tasks.rl.environments import Ranges


def unit(observation: Array, ranges: Ranges) -> Array:
    """An observation (..., d) scaled to [0, 1]^d, cut where it leaves its ranges."""
    low, high = (jnp.asarray(side, observation.dtype) for side in np.asarray(ranges).T)
    return jnp.clip((observation - low) / (high - low), 0, 1)


def _grid(order: int, num_dims: int) -> np.ndarray:
    """All integer vectors {0, ..., order}^num_dims, row by row, the last number fastest."""
    axes = np.meshgrid(*[np.arange(order + 1)] * num_dims, indexing="ij")
    return np.stack(axes, axis=-1).reshape(-1, num_dims)


@dataclass(frozen=True)
class FourierBasis:
    """Cosines of all frequencies up to an order in every variable.

    Args:
        order: n >= 1.
        ranges: (low, high) of each of d variables.

    Raises:
        ValueError: for an order below 1.
    """

    order: int
    ranges: Ranges

    def __post_init__(self):
        if self.order < 1:
            raise ValueError(f"order: expected at least 1, got {self.order}")

    @property
    def num_features(self) -> int:
        """F = (n + 1)^d."""
        return (self.order + 1) ** len(self.ranges)

    @property
    def scales(self) -> np.ndarray:
        """Shape (F,), 1 / max(1, |c|)."""
        frequencies = _grid(self.order, len(self.ranges))
        return 1 / np.maximum(1, np.linalg.norm(frequencies, axis=1))

    def __call__(self, observation: Array) -> Array:
        """Features (F,) of an observation (d,)."""
        # cos(p + q) = cos p cos q - sin p sin q, over halves of the variables: 2 sqrt(F) cosines
        # and sines instead of F, and a matrix product.
        place, half = jnp.pi * unit(observation, self.ranges), (len(self.ranges) + 1) // 2
        first = jnp.asarray(_grid(self.order, half), place.dtype) @ place[:half]
        if half == len(self.ranges):
            return jnp.cos(first)
        second = jnp.asarray(_grid(self.order, len(self.ranges) - half), place.dtype) @ place[half:]
        product = jnp.stack([jnp.cos(first), -jnp.sin(first)], axis=1) @ jnp.stack(
            [jnp.cos(second), jnp.sin(second)]
        )
        return product.ravel()


@dataclass(frozen=True)
class Table:
    """One feature for each cell of a grid, observed as integers from 0 on.

    Args:
        sizes: of each variable, >= 1.
    """

    sizes: tuple[int, ...]

    @property
    def num_features(self) -> int:
        """F, the number of cells."""
        return int(np.prod(self.sizes))

    @property
    def scales(self) -> np.ndarray:
        """Shape (F,), 1."""
        return np.ones(self.num_features)

    def __call__(self, observation: Array) -> Array:
        """Features (F,) of an observation (d,): 1 at its cell."""
        cell = jnp.zeros((), int)
        for number, size in enumerate(self.sizes):
            cell = cell * size + jnp.round(observation[number]).astype(int)
        return jax.nn.one_hot(cell, self.num_features)


Critic = FourierBasis | Table


def td_error(
    values: Array, features: Array, reward: Array, after: Array, ended: Array, discount: Array
) -> Array:
    """Delta of Eq. (1), from the features (F,) of a state and of the one after it."""
    return reward + discount * jnp.where(ended, 0, values @ after) - values @ features

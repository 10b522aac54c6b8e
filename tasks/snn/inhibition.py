r"""Who is held down when a neuron fires.

Neurons that compete lie on a lattice of about sqrt(F) x sqrt(F) sites; those of a locally connected
network, one of its lattices for every location. An inhibition is a frozen dataclass whose numbers
are a pytree's leaves, with `strength(distances, progress)`: by how many mV a spike of one neuron
lowers another in the next step, a matrix (F, F) from the one to the other, zero on the diagonal.
``progress`` in [0, 1] is the share of the training that is over.

Shape letters: F neurons that compete.

References: `Growing` and `TwoLevel` arXiv 1906.11826 (LM-SNN) and its authors' code; `Increasing`
BindsNET's IncreasingInhibitionNetwork and arXiv 1807.09374; `Uniform` arXiv 1904.06269 (LC-SNN).
"""

import math
from typing import Protocol

import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from tasks.snn.neurons import Number, check_not_negative, check_range


class Inhibition(Protocol):
    """What a competitive network needs."""

    def strength(self, distances: Array, progress: Number, /) -> Array:
        """MV (F, F), >= 0, 0 on the diagonal, of distances (F, F)."""
        ...


def lattice_distances(number: int) -> np.ndarray:
    """Euclidean distances (F, F) on a square lattice, filled row by row, of ceil(sqrt F) columns.

    Args:
        number: F >= 1; the last row is not full unless it is a square.
    """
    if number < 1:
        raise ValueError(f"number: expected at least 1, got {number}")
    side = math.isqrt(number - 1) + 1
    places = np.stack(np.divmod(np.arange(number), side), axis=1)
    return np.linalg.norm(places[:, None] - places[None], axis=-1).astype(np.float32)


@struct.dataclass
class Uniform:
    """The same for all others: ``high`` mV.

    Attributes:
        high: mV >= 0.
    """

    high: Number = 120.0

    def __post_init__(self):
        check_not_negative(high=self.high)

    def strength(self, distances: Array, progress: Number) -> Array:
        """MV (F, F), 0 on the diagonal."""
        del progress
        return _apart(distances, self.high)


@struct.dataclass
class Growing:
    """The farther the more, so that neighbours become alike: min(high, low sqrt(d)).

    Attributes:
        low: mV at distance 1, >= 0.
        high: mV at most, >= 0.
    """

    low: Number = 1.0
    high: Number = 120.0

    def __post_init__(self):
        check_not_negative(low=self.low, high=self.high)

    def strength(self, distances: Array, progress: Number) -> Array:
        """MV (F, F), 0 on the diagonal."""
        del progress
        return jnp.minimum(self.low * jnp.sqrt(distances), _apart(distances, self.high))


@struct.dataclass
class Increasing:
    """Growing with distance, and with the training: start + grown + span sqrt(d / d_max), d > 0.

    grown = ``rise`` * progress, up to ``high`` in all. (BindsNET raises by a constant every so many
    images; that is a rise per training.)

    Attributes:
        start: mV at the start, >= 0.
        span: mV that the farthest have more than the nearest, >= 0.
        rise: mV over the whole training, >= 0.
        high: mV at most.
    """

    start: Number = 10.0
    span: Number = 40.0
    rise: Number = 60.0
    high: Number = 120.0

    def __post_init__(self):
        check_not_negative(start=self.start, span=self.span, rise=self.rise, high=self.high)

    def strength(self, distances: Array, progress: Number) -> Array:
        """MV (F, F), 0 on the diagonal."""
        farthest = jnp.maximum(jnp.max(distances), 1.0)
        grown = self.start + self.rise * progress + self.span * jnp.sqrt(distances / farthest)
        return _apart(distances, jnp.minimum(grown, self.high))


@struct.dataclass
class TwoLevel:
    """`Growing` for the first part of the training, then ``high`` for all others.

    Attributes:
        low: mV at distance 1 in the first part, >= 0.
        high: mV at most in the first part, and for all in the second, >= 0.
        share_low: p_low, share of the training at the low level, in [0, 1].
    """

    low: Number = 1.0
    high: Number = 120.0
    share_low: Number = 0.1

    def __post_init__(self):
        check_not_negative(low=self.low, high=self.high)
        check_range(1.0, share_low=self.share_low)

    def strength(self, distances: Array, progress: Number) -> Array:
        """MV (F, F), 0 on the diagonal."""
        before = Growing(self.low, self.high).strength(distances, progress)
        after = _apart(distances, self.high)
        return jnp.where(jnp.asarray(progress) < self.share_low, before, after)


def _apart(distances: Array, values: Number) -> Array:
    """Values where neurons are not the same, else 0."""
    return jnp.where(distances > 0, values, 0.0)

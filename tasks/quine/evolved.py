"""The vanilla quine as a task: evolve weights that replicate themselves.

Reference: arXiv 1803.05859; the relative error as fitness is ours.

Shape letters: N individuals, D weights.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from tasks.base import check_points
from tasks.quine.network import Errors, QuineNetwork

FITNESS = ("relative", "absolute")


@dataclass(frozen=True)
class Quine:
    """Evolve the weights of a quine. Fitness = relative error, or the sum of squared errors.

    Absolutely, weights of 0 are perfect, and a search finds just that; relatively they are at 1,
    and 0 is a network that replicates itself. The traits are ``sse``, ``norm`` (sum of squared
    weights), ``relative`` and ``r2`` (`tasks.quine.network`).

    Args:
        network: without images.
        fitness: "relative" or "absolute".
        seed: of nothing; the task is deterministic.

    Raises:
        ValueError: for another word, or a network that sees images.
    """

    network: QuineNetwork
    fitness: str = "relative"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check word and network."""
        if self.fitness not in FITNESS:
            raise ValueError(f"fitness: expected one of {FITNESS}, got {self.fitness!r}")
        if self.network.num_pixels:
            raise ValueError(
                f"network: expected one without images, got {self.network.num_pixels} pixels"
            )

    @property
    def name(self) -> str:
        """``quine``, or ``quine_absolute``."""
        return "quine" if self.fitness == "relative" else "quine_absolute"

    @property
    def num_dims(self) -> int:
        """D."""
        return self.network.num_weights

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def scaling(self) -> float:
        """Weights of a unit-Gaussian genome keep the variance of a layer's inputs: 1 / sqrt(H)."""
        return 1 / math.sqrt(self.network.hidden)

    @property
    def low(self) -> float:
        """Weights are at home above this."""
        return -3 * self.scaling

    @property
    def high(self) -> float:
        """And below this."""
        return 3 * self.scaling

    @property
    def optima(self) -> Array | None:
        """Of the absolute error: nothing but zeros (1, D). Of the relative one they are unknown."""
        return None if self.fitness == "relative" else jnp.zeros((1, self.num_dims))

    @property
    def optimum_fitness(self) -> float | None:
        """0, where an optimum is known."""
        return None if self.fitness == "relative" else 0.0

    def errors(self, genomes: Array) -> Errors:
        """All errors of genomes (N, D), each (N,)."""
        check_points("genomes", genomes, self.num_dims)
        return jax.vmap(self.network.errors)(self.scaling * genomes)

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,) and traits, each (N,), of genomes (N, D); needs no key."""
        del key
        found = self.errors(genomes)
        return self._fitness(found), found._asdict()

    def __call__(self, genomes: Array) -> Array:
        """Fitness: (N, D) -> (N,), lower is better; what overflows is +inf."""
        return self._fitness(self.errors(genomes))

    def _fitness(self, found: Errors) -> Array:
        value = found.relative if self.fitness == "relative" else found.sse
        return jnp.where(jnp.isnan(value), jnp.inf, value)


def quine(hidden: int = 8, fitness: str = "relative", seed: int = 0) -> Quine:
    """The task for a network of a size.

    Args:
        hidden: H >= 2; D = 2 H^2 + H.
        fitness: "relative" or "absolute".
        seed: of the network's projection.
    """
    return Quine(QuineNetwork(hidden, seed=seed), fitness)

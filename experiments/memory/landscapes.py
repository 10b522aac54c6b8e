"""The three landscapes of the study, and where their peaks are at a time.

Shape letters: G generations, N population, D dimensions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from experiments.memory.config import Config
from tasks.base import Task, check_points
from tasks.functions.double_peak import double_peak, dynamic_double_peak


@dataclass(frozen=True)
class WanderingPeak:
    """One Gaussian peak of height 1 that goes round the origin and does not come back in time.

    quality_t(x) = exp(-|x - c_t|^2 / (4 s^2)), c_t = r (cos(pi / 4 + v t), sin(pi / 4 + v t)),

    the shape and the first place of `tasks.functions.double_peak`; fitness = -quality.

    Attributes:
        speed: v > 0, radians a generation.
        radius: r > 0.
        width: s > 0; the peak's standard deviation is s sqrt(2).
    """

    speed: float
    radius: float
    width: float = 0.125
    name: str = "wandering_peak"
    num_dims: int = 2
    scaling: float = 2.0
    low: float = -3.0
    high: float = 3.0
    optimum_fitness: float = -1.0

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (2,)."""
        return jnp.zeros(2)

    @property
    def optima(self) -> jax.Array:
        """The peak at t = 0, (1, 2), in evaluation space."""
        return self.place(0)[None]

    def place(self, generation: ArrayLike) -> jax.Array:
        """The peak (..., 2) at generations (...)."""
        angle = jnp.pi / 4 + self.speed * jnp.asarray(generation, jnp.float32)
        return self.radius * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)

    def at(self, genomes: jax.Array, generation: ArrayLike) -> jax.Array:
        """Minus the quality at a generation, which may be traced: (N, 2) -> (N,)."""
        check_points("genomes", genomes, self.num_dims)
        offset = self.scaling * genomes - self.place(generation)[None]
        return -jnp.exp(-jnp.sum(offset**2, axis=1) / (4 * self.width**2))

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Minus the quality at t = 0."""
        return self.at(genomes, 0)


class Landscape(NamedTuple):
    """A task with what the measures need to know of it.

    Attributes:
        task: what is searched.
        population_size: N.
        places: of the peak that counts and of another place to watch, (G, 2, 2): while peaks swap
            the pit; of a wandering peak where it was a stretch before; of two at rest the other.
        heights: of the peak that counts, (G,).
        changes: generations at which another peak begins to rise.
    """

    task: Task
    population_size: int
    places: np.ndarray
    heights: np.ndarray
    changes: tuple[int, ...]


def _swapping(config: Config) -> Landscape:
    task = dynamic_double_peak(config.distance, omega=np.pi / config.stretch)
    heights = np.asarray(jax.vmap(task.heights)(jnp.arange(config.num_generations)))
    # The higher first.
    order = np.argsort(-heights, axis=1)
    half = config.stretch // 2
    changes = range(half, config.num_generations - config.stretch, config.stretch)
    places = np.asarray(task.peaks)[order]
    return Landscape(task, config.population_size, places, heights.max(axis=1), tuple(changes))


def _wandering(config: Config) -> Landscape:
    task = WanderingPeak(config.speed, config.distance * 2**0.5)
    numbers = np.arange(config.num_generations)
    before = task.place(np.maximum(numbers - config.stretch, 0))
    places = np.stack([task.place(numbers), before], axis=1)
    return Landscape(task, config.population_size, places, np.ones(len(numbers)), ())


def _resting(config: Config) -> Landscape:
    task = double_peak(config.distance)
    places = np.tile(np.asarray(task.peaks), (config.num_generations, 1, 1))
    return Landscape(task, config.few, places, np.ones(config.num_generations), ())


LANDSCAPES: dict[str, Callable[[Config], Landscape]] = {
    "swapping": _swapping,
    "wandering": _wandering,
    "resting": _resting,
}

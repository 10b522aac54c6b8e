"""Episodes of many controllers at once: one compiled program for each environment and network.

Searches differ in population size, and compiling a roll-out takes longer than most runs. So
controllers go through it in batches of one size, each on an episode of its own.

Shape letters: M controllers, D parameters.
"""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from tasks.rl import ENVIRONMENTS, Control, control

# Of a batch, in numbers of a network: a batch of large networks stays in a processor's cache.
_BATCH_SIZE = 140_000
_MOST_ROWS = 256


class Played(NamedTuple):
    """What episodes gave, each of shape (M,).

    Attributes:
        returns: sums of the rewards.
        success: 1 where the goal was reached, or the pole still stood; 0 else.
    """

    returns: np.ndarray
    success: np.ndarray


@dataclass(frozen=True)
class Games:
    """Plays one episode with each of any number of controllers.

    Attributes:
        task: with one episode that is not shared.
        scaling: parameters = scaling * genome; another one compiles nothing.
    """

    task: Control
    scaling: float

    @classmethod
    def of(
        cls, environment: str, hidden: tuple[int, ...], scaling: float, max_steps: int
    ) -> "Games":
        """The paper's: ReLU, fixed ranges, every episode from a start of its own."""
        steps = min(max_steps, ENVIRONMENTS[environment].max_steps)
        task = control(
            environment, hidden, "relu", num_episodes=1, shared_episodes=False, max_steps=steps
        )
        return cls(task, scaling)

    @property
    def has_goal(self) -> bool:
        """Whether an episode can be a success: all but the pendulum's."""
        return self.task.name != "pendulum"

    @property
    def rows(self) -> int:
        """Controllers in a batch."""
        return min(_MOST_ROWS, max(1, _BATCH_SIZE // self.task.num_dims))

    def __call__(self, genomes: ArrayLike, key: Array) -> Played:
        """Play with genomes (M, D); the key draws the M starts."""
        genomes = np.asarray(genomes, np.float32)
        total, rows = len(genomes), self.rows
        parts = []
        for number, start in enumerate(range(0, total, rows)):
            chosen = genomes[np.arange(start, start + rows) % total]
            parts.append(_play(self.task, chosen, key, number, self.scaling))
        returns, survival = (np.concatenate(part)[:total] for part in zip(*parts, strict=True))
        return Played(returns, survival if self.task.name == "cartpole" else 1 - survival)

    def mean_returns(self, genomes: np.ndarray, num_episodes: int, key: Array) -> np.ndarray:
        """Mean over so many episodes with each of genomes (..., D), shape (...)."""
        shape = genomes.shape[:-1]
        each = np.repeat(genomes.reshape(-1, genomes.shape[-1]), num_episodes, axis=0)
        return self(each, key).returns.reshape(*shape, num_episodes).mean(axis=-1)


@functools.partial(jax.jit, static_argnames="task")
def _play(
    task: Control, genomes: ArrayLike, key: Array, number: ArrayLike, scaling: ArrayLike
) -> tuple[Array, Array]:
    key = jax.random.fold_in(key, number)
    fitness, traits = task.evaluate(jnp.asarray(scaling) * jnp.asarray(genomes), key)
    return -fitness, traits["survival"]

"""The case studies as one task whose case and care are traced: all searches are one program.

Shape letters: N policies, L landscapes, D genome dimensions.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from experiments.alignment.config import Config
from tasks.alignment import CASES, Compromise


def landscapes(config: Config) -> tuple[Compromise, ...]:
    """The L tasks that are searched."""
    return tuple(Compromise(CASES[name], exponent=exponent) for name, exponent in config.cases)


@dataclass(frozen=True)
class Chosen:
    """One of several tasks of the same size. Traits as theirs, ``favours_0``, ... by number.

    Args:
        tasks: the L tasks.
        which: index of one, may be traced.
        care: for the worst-off group instead of the task's own, may be traced.
    """

    tasks: tuple[Compromise, ...]
    which: Any
    care: Any
    seed: int = 0
    name: str = "chosen"
    optima: None = None
    optimum_fitness: None = None

    @property
    def num_dims(self) -> int:
        """D."""
        return self.tasks[0].num_dims

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return self.tasks[0].solution

    @property
    def scaling(self) -> float:
        """That of all."""
        return self.tasks[0].scaling

    @property
    def low(self) -> float:
        """That of all."""
        return self.tasks[0].low

    @property
    def high(self) -> float:
        """That of all."""
        return self.tasks[0].high

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness and traits (N,) of genomes (N, D); needs no key."""
        del key
        outcomes = [task.outcome(task.decode(genomes)) for task in self.tasks]
        chosen = jax.tree.map(lambda *leaves: jnp.stack(leaves)[self.which], *outcomes)
        traits = {"population": chosen.population, "worst_off": chosen.worst_off}
        traits |= {f"favours_{g}": chosen.favours[:, g] for g in range(chosen.groups.shape[1])}
        return chosen.fitness(self.care), traits

    def __call__(self, genomes: Array) -> Array:
        """Fitness (N,), lower is better."""
        return self.evaluate(genomes, jax.random.key(0))[0]

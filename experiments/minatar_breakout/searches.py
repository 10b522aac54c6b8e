"""Policies, searches and how a candidate is judged, by a `Setting`.

Shape letters: N individuals, D parameters, E episodes.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from evosax.algorithms import CMA_ES, Open_ES, Sep_CMA_ES, SimpleGA
from flax import linen
from jax import Array

import diffevo
from experiments.minatar_breakout.config import Setting
from tasks.rl import MLP, Control, Pooled, control
from tasks.rl.perturbations import play

NAME, NUM_ACTIONS = "minatar_breakout", 3
_BOTH_STARTS = 0  # with this seed two episodes are those of the ball at the left, and at the right


class Conv(linen.Module):
    """3 x 3 filters at every other pixel, then an MLP. For the trials only: `saved` lacks it."""

    hidden: tuple[int, ...] = (8,)
    channels: int = 4

    @linen.compact
    def __call__(self, observation: Array) -> Array:
        """Outputs (..., 3) for observations (..., 400)."""
        batch = observation.shape[:-1]
        planes = observation.reshape(-1, 10, 10, 4)
        filtered = linen.relu(linen.Conv(self.channels, (3, 3), strides=(2, 2))(planes))
        return MLP(self.hidden, NUM_ACTIONS, "relu")(filtered.reshape(*batch, -1))


def _open_es(setting: Setting, template: Array) -> Any:
    return Open_ES(
        setting.population_size,
        template,
        optimizer=optax.adam(0.02),
        std_schedule=optax.constant_schedule(setting.scale),
    )


SEARCHES: dict[str, Callable[[Setting, Array], Any]] = {
    "niching": lambda setting, template: diffevo.NichingDiffusionEvolution(
        setting.population_size, template
    ),
    "latent": lambda setting, template: diffevo.LatentDiffusionEvolution(
        setting.population_size, template, num_generations=100
    ),
    "cma_es": lambda setting, template: CMA_ES(setting.population_size, template),
    "sep_cma_es": lambda setting, template: Sep_CMA_ES(setting.population_size, template),
    "open_es": _open_es,
    "simple_ga": lambda setting, template: SimpleGA(setting.population_size, template),
}


def task_of(setting: Setting) -> Control:
    """The task whose fitness is exact: minus the mean return over both starts.

    Raises:
        ValueError: for another policy.
    """
    policies: dict[str, linen.Module] = {
        "mlp": MLP(setting.hidden, NUM_ACTIONS, "relu"),
        "pooled": Pooled(hidden=setting.hidden, num_outputs=NUM_ACTIONS),
        "conv": Conv(setting.hidden),
    }
    if setting.policy not in policies:
        raise ValueError(f"policy: expected one of {sorted(policies)}, got {setting.policy!r}")
    return control(NAME, policy=policies[setting.policy], num_episodes=2, seed=_BOTH_STARTS)


def search_of(setting: Setting, task: Control) -> Any:
    """The search.

    Raises:
        ValueError: for another one.
    """
    if setting.search not in SEARCHES:
        raise ValueError(f"search: expected one of {sorted(SEARCHES)}, got {setting.search!r}")
    return SEARCHES[setting.search](setting, task.solution)


@dataclasses.dataclass(frozen=True)
class Cost:
    """Minus the mean return of a population (N, D): exact."""

    task: Control

    def __call__(self, genomes: Array) -> Array:
        """Shape (N,)."""
        return self.task(genomes)


@dataclasses.dataclass(frozen=True)
class NoisyCost:
    """The same with random actions. All of a population meet the first key's luck."""

    task: Control
    setting: Setting

    def __call__(self, genomes: Array, keys: Array) -> Array:
        """Shape (N,), with keys (N,)."""
        returns = jax.vmap(self.returns, in_axes=(0, None))(genomes, keys[0])
        return -jnp.mean(returns, axis=1)

    def returns(self, genome: Array, key: Array) -> Array:
        """Returns (E,) of one genome (D,)."""
        return play(
            self.task.environment,
            self.task.policy,
            self.task.spec.unravel(genome),
            key,
            self.setting.num_episodes,
            epsilon=self.setting.epsilon,
        )


def cost_of(setting: Setting, task: Control) -> Cost | NoisyCost:
    """What the search minimises."""
    return NoisyCost(task, setting) if setting.epsilon > 0 else Cost(task)

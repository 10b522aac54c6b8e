"""The searches of the comparison, from their settings."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

import diffevo
from diffevo import conditions, weighting
from diffevo.conditions import Condition
from diffevo.core import metrics
from diffevo.denoiser.fit import Training
from diffevo.denoiser.network import MLP
from experiments.common import generations
from experiments.common.baselines import searches
from experiments.optima.config import Config, Rival, Setting
from tasks.base import Task


class BoxParams(struct.PyTreeNode):
    """The box [-half_width, half_width]^D in genome units."""

    half_width: Array


@dataclass(frozen=True)
class RandomSearch:
    """Uniform in a box, every generation anew: what the measures say where nothing is learned.

    Attributes:
        population_size: N.
        num_dims: D.
    """

    population_size: int
    num_dims: int

    @property
    def default_params(self) -> BoxParams:
        """The unit box."""
        return BoxParams(jnp.asarray(1.0))

    def init(self, key: Array, mean: Array, params: BoxParams) -> Array:
        """The number of generations."""
        del key, mean, params
        return jnp.zeros((), jnp.int32)

    def ask(self, key: Array, state: Array, params: BoxParams) -> tuple[Array, Array]:
        """Points (N, D)."""
        shape = (self.population_size, self.num_dims)
        return params.half_width * jax.random.uniform(key, shape, minval=-1.0), state

    def tell(
        self, key: Array, population: Array, fitness: Array, state: Array, params: BoxParams
    ) -> tuple[Array, dict[str, Array]]:
        """Learn nothing."""
        del key, population, fitness, params
        return state + 1, {}


@dataclass(frozen=True)
class Measures:
    """Those of `generations.Measures`, and ``good_hits`` (K,): the hits that are fit enough.

    Attributes:
        greatest: fitness at an optimum; the task's is the distance to it.
        good: the share of it that is enough.
    """

    greatest: float
    good: float

    def __call__(
        self, task: Any, genomes: Array, fitness: Array, traits: dict[str, Array]
    ) -> dict[str, Array]:
        """Of genomes (N, D) and fitness (N,)."""
        common = generations.Measures()
        good_hits = metrics.optimum_hits(
            task.scaling * genomes,
            task.optima,
            common.radius,
            fitness,
            accuracy=(1.0 - self.good) * self.greatest,
        )
        return common(task, genomes, fitness, traits) | {"good_hits": good_hits}


def _condition(name: str, config: Config) -> Condition:
    if name == "novelty":
        return conditions.KNNNovelty(config.neighbours)
    return conditions.Fitness("greedy" if name == "greedy" else "fisher", config.elite_ratio)


def learned(task: Task, config: Config, setting: Setting) -> tuple[Any, Any]:
    """HADES or, with a condition, CHARLES-D: the search and its params.

    Args:
        task: to search on.
        config: what all settings share.
        setting: the rest.
    """
    wheel = weighting.RouletteWheel(config.pressure)
    options: dict[str, Any] = {
        "network": MLP(config.network),
        "training": Training(setting.num_epochs, config.batch_size, continued=setting.continued),
        "training_data": setting.training_data,
        "selection": weighting.DensityCorrected(wheel) if setting.density_corrected else wheel,
        "buffer_size": setting.buffer_size,
        "retention": "quality",
        "elite_ratio": config.elite_ratio,
        "crossover_ratio": 0.0,
        "forget_best": setting.forget_best,
        "num_steps": config.num_steps,
    }
    size = config.population_size
    if setting.condition is None:
        search = diffevo.HADES(size, task.solution, **options)
    else:
        condition = _condition(setting.condition, config)
        search = diffevo.CharlesD(size, task.solution, conditions=(condition,), **options)
    params = search.default_params.replace(
        mutation_rate=jnp.asarray(setting.mutation_rate),
        random_mutation_ratio=jnp.asarray(config.move_ratio),
        random_mutation_scale=jnp.asarray(setting.move_width / task.scaling),
        temperature=jnp.asarray(setting.temperature),
        weight_decay=jnp.asarray(config.weight_decay),
    )
    return search, params


def rival(task: Task, config: Config, setting: Rival) -> tuple[Any, Any]:
    """An algorithm to compare with: the search and its params."""
    size = config.population_size
    if setting.algorithm == "simple_ga":
        return searches.simple_ga(task, size, setting.sigma)
    if setting.algorithm == "cma_es":
        return searches.cma_es(task, size, setting.sigma)
    if setting.algorithm == "random":
        search = RandomSearch(size, task.num_dims)
        return search, BoxParams(jnp.asarray(task.high / task.scaling))
    return searches.multi_start_cma_es(
        task, size, setting.sigma, setting.start_std, setting.num_starts
    )

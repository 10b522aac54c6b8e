"""The ReLU networks that are converted: trained by DQN, and evolved.

Shape letters: R networks, N individuals, E episodes, O observation, D genome dimensions.
"""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from experiments.common import generations
from experiments.snn_conversion.config import DQN, Config
from experiments.snn_conversion.dqn import Trained, train
from tasks.rl import MLP, Control, Environment, control
from tasks.rl.perturbations import play

NAME, NUM_ACTIONS = "minatar_breakout", 3


class Source(NamedTuple):
    """R networks of one shape.

    Attributes:
        name: "dqn" or "evolved".
        network: a ReLU `MLP`.
        parameters: of it, leaves (R, ...).
    """

    name: str
    network: MLP
    parameters: Any

    def one(self, repetition: int) -> Any:
        """Parameters of one network."""
        return jax.tree.map(lambda leaf: leaf[repetition], self.parameters)


@dataclass(frozen=True)
class Unsteady:
    """A control task in which some actions are random, so that no policy can rely on a sequence.

    Attributes:
        control: the task; discrete actions.
        epsilon: share of the steps whose action is drawn uniformly.
    """

    control: Control
    epsilon: float

    @property
    def name(self) -> str:
        """Of the task."""
        return self.control.name

    @property
    def num_dims(self) -> int:
        """D."""
        return self.control.num_dims

    @property
    def solution(self) -> Array:
        """Zeros (D,)."""
        return self.control.solution

    @property
    def seed(self) -> int:
        """Of ``task(genomes)``."""
        return self.control.seed

    low, high, scaling, optima, optimum_fitness = -3.0, 3.0, 1.0, None, None

    def __call__(self, genomes: Array) -> Array:
        """Fitness (N,) with the task's own seed."""
        return self.evaluate(genomes, jax.random.key(self.seed))[0]

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,) of genomes (N, D), minus the mean return; no traits.

        All individuals meet the same luck.
        """
        task = self.control

        def returns(genome: Array) -> Array:
            return play(
                task.environment,
                task.policy,
                task.spec.unravel(task.scaling * genome),
                key,
                task.num_episodes,
                epsilon=self.epsilon,
            )

        return -jnp.mean(jax.vmap(returns)(genomes), axis=1), {}


def environment(config: Config) -> Environment:
    """Breakout with the study's time limit."""
    return control(NAME, max_steps=config.max_steps).environment


@functools.partial(jax.jit, static_argnames=("settings", "hidden"))
def _train_all(settings: DQN, hidden: tuple[int, ...], keys: Array) -> Trained:
    network = MLP(hidden, NUM_ACTIONS, "relu")
    place = control(NAME).environment
    # One after another: side by side, both branches of every condition would be computed.
    return jax.lax.map(lambda key: train(settings, place, network, key), keys)


def trained(
    config: Config, hidden: tuple[int, ...], keys: Array
) -> tuple[Source, list[list[float]]]:
    """Q-networks, one a key.

    Returns:
        The networks, and for each the mean return of the episodes that ended in each tenth of its
        training, with the exploration of then.
    """
    found = _train_all(config.dqn, hidden, keys)
    tenths = [
        [float(np.nanmean(part)) if np.isfinite(part).any() else 0.0 for part in parts]
        for parts in (np.array_split(row, 10) for row in np.asarray(found.returns))
    ]
    return Source("dqn", MLP(hidden, NUM_ACTIONS, "relu"), found.parameters), tenths


def evolved(config: Config, keys: Array) -> tuple[Source, np.ndarray]:
    """ReLU policies by Niching Diffusion Evolution, one a key.

    The best of each last population by the mean return of other episodes.

    Returns:
        The networks, and the mean return of the populations, (R, generations).
    """
    policy = MLP(config.evolved_hidden, NUM_ACTIONS, "relu")
    task = Unsteady(
        control(
            NAME,
            policy=policy,
            num_episodes=config.run_episodes,
            max_steps=config.max_steps,
            scaling=config.scaling,
        ),
        config.epsilon,
    )
    search = diffevo.NichingDiffusionEvolution(config.population_size, task.solution)
    history = generations.run(search, task, keys, config.num_generations, measure=mean_only)
    genomes = jax.vmap(functools.partial(_best, task, config.choose_episodes))(
        history.genomes, keys
    )
    parameters = task.control.spec.unravel(config.scaling * genomes)
    return Source("evolved", policy, parameters), -np.asarray(history.metrics["mean_fitness"])


def mean_only(task: Any, genomes: Array, fitness: Array, traits: Any) -> dict[str, Array]:
    """What is recorded of a population."""
    del task, genomes, traits
    return {"mean_fitness": jnp.nanmean(fitness)}


@functools.partial(jax.jit, static_argnames=("task", "num_episodes"))
def _best(task: Unsteady, num_episodes: int, genomes: Array, key: Array) -> Array:
    """The best of genomes (N, D) by episodes that the run has not seen."""
    longer = dataclasses.replace(task.control, num_episodes=num_episodes)
    judge = Unsteady(longer, task.epsilon)
    fitness, _ = judge.evaluate(genomes, jax.random.fold_in(key, 2**20))
    return genomes[jnp.argmin(fitness)]

"""What is compared: the settings and their variants, and the searches.

Shape letters: R runs, T trials or test lives, E episodes, N individuals.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from experiments.common import chunks, generations, statistics
from experiments.glm_agents.config import Config, Place
from tasks.rl.lives import Agents, Constants, live
from tasks.rl.spiking_agents import SETTINGS, SpikingAgents, spiking_agents

Results = dict[str, Any]
SETTING, ONE, MODULAR, OWN, PAPER, RANDOM = (
    "setting",
    "one actor",
    "modular",
    "own credit",
    "paper",
    "random",
)
_BLOCKS = 50  # points of a curve
_TEST, _CHOICE = 2**20, 2**21  # folded into a run's key, which no generation does with so high ones


class Row(NamedTuple):
    """One learning curve: who learns, by what constants, for how long, how often."""

    agents: Agents
    constants: Constants
    episodes: int
    trials: int


def place_of(config: Config, environment: str) -> Place:
    """The sizes of an environment."""
    return getattr(config, environment)


def rows(config: Config, environment: str) -> dict[str, Row]:
    """The learning curves of an environment by name."""
    agents, constants = SETTINGS[environment]
    place, trials = place_of(config, environment), config.variant_trials
    (width,) = agents.network.hidden
    # As many neurons, if that can be: a module for each action has its own hidden ones.
    share = -(-width // agents.network.num_actions)
    still = constants._replace(actor_rate=0.0, exploration=1.0)
    paper_agents, paper_constants = _paper(environment)
    number = place.variant_episodes
    every = {
        SETTING: Row(agents, constants, place.episodes, config.trials),
        ONE: Row(agents.variant(num_actors=1), constants, number, trials),
        MODULAR: Row(agents.variant(modular=True, hidden=(share,)), constants, number, trials),
        OWN: Row(agents.variant(credit="own"), constants, number, trials),
        PAPER: Row(paper_agents, paper_constants, place.paper_episodes, config.paper_trials),
        RANDOM: Row(agents, still, place.random_episodes, config.trials),
    }
    return {name: every[name] for name in config.rows or every}


def _paper(environment: str) -> tuple[Agents, Constants]:
    """The paper's constants, as far as they are known."""
    agents, constants = SETTINGS[environment]
    if environment == "cartpole":
        # Weights: U(0, .01) there, normal with the same root mean square here.
        first = agents.variant(code="raw", modular=True, hidden=(100,))
        return first, Constants(
            actor_rate=1e-3,
            critic_rate=1e-3,
            discount=1.0,
            exploration=0.1,
            spread=0.01 / 3**0.5 * 4**0.5,
            settled_return=70.0,
            settled_share=0.01,
        )
    if environment == "gridworld":
        return agents.variant(hidden=(2,)), constants
    return agents, constants._replace(actor_rate=0.1)


def learn(config: Config, environment: str, row: Row) -> Results:
    """A learning curve.

    Returns:
        ``curves`` of the returns and lengths of `_BLOCKS` blocks of episodes, as from
        `statistics.curve`; of the last episodes ``return``, ``length``, summaries over the trials
        of their means, with ``values``; ``start``, the mean length of the first tenth; ``steps``,
        all that were made.
    """
    place = place_of(config, environment)
    number = list(SETTINGS).index(environment)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(config.seed), number), row.trials)
    lives = live(row.agents, row.constants, keys, num_episodes=row.episodes)
    found: Results = {"episodes": row.episodes, "steps": int(jnp.sum(lives.steps)), "curves": {}}
    for name, values in (("return", lives.returns), ("length", lives.lengths)):
        values = np.asarray(values)[0]
        last = values[:, -place.last :].mean(axis=1)
        found[name] = statistics.kept(last)
        found["curves"][name] = statistics.curve(_blocks(values))
        first = values[:, : max(1, row.episodes // 10)].mean(axis=1)
        found[f"start_{name}"] = statistics.summarize(first)
    return found


def _blocks(values: np.ndarray) -> np.ndarray:
    """Means (T, blocks) over blocks of equally many episodes."""
    size = max(1, values.shape[1] // _BLOCKS)
    number = values.shape[1] // size
    return values[:, : number * size].reshape(len(values), number, size).mean(axis=2)


NICHING, DIFFUSION, CONSTANTS, HAND, NEWBORN = (
    "weights, niching",
    "weights, Diffusion Evolution",
    "constants evolved",
    "constants by hand",
    "newborn",
)
SEARCHES = (CONSTANTS, DIFFUSION, NICHING)


def task_of(config: Config, environment: str, evolved: str) -> SpikingAgents:
    """What a search evaluates: one life of each member a generation, the same luck for all."""
    agents = SETTINGS[environment][0].variant(num_actors=config.num_actors)
    place = place_of(config, environment)
    steps = place.weight_steps if evolved == "weights" else place.constant_steps
    return spiking_agents(environment, evolved, agents=agents, num_steps=steps, num_lives=1)


def evolve(config: Config, environment: str, name: str) -> tuple[Array, Results]:
    """R runs of a search, the best of whose last population are chosen by more lives.

    Returns:
        The chosen genomes (R, D), and ``num_dims``, ``steps`` of a run in the environment, the
        choice included, and ``curve`` of the populations' best returns.
    """
    evolved = "constants" if name == CONSTANTS else "weights"
    task = task_of(config, environment, evolved)
    if evolved == "constants":
        population, number = config.constant_population, config.constant_generations
        lives = config.constant_lives
    else:
        population, number = config.weight_population, config.weight_generations
        lives = config.weight_lives
    if name == NICHING:
        search = diffevo.NichingDiffusionEvolution(population, task.solution)
    else:
        search = diffevo.DiffusionEvolution(population, task.solution, number - 1)
    keys = run_keys(config)
    history = generations.run(
        search, task, keys, number, measure=generations.Measures(cell_size=None)
    )
    judge = dataclasses.replace(task, num_lives=lives)

    def choose(key: Array, genomes: Array) -> Array:
        fitness, _ = judge.evaluate(genomes, jax.random.fold_in(key, _CHOICE))
        return genomes[jnp.argmin(fitness)]

    best = -np.asarray(history.metrics["best_fitness"])
    return jax.vmap(choose)(keys, history.genomes), {
        "num_dims": task.num_dims,
        "steps": population * task.num_steps * (number + lives),
        "curve": statistics.curve(best),
    }


def run_keys(config: Config) -> Array:
    """Of the runs, (R,)."""
    return chunks.repetition_keys(config.seed, config.repetitions)


@functools.partial(jax.jit, static_argnames=("config", "environment"))
def acting(config: Config, environment: str, keys: Array, genomes: Array | None) -> Array:
    """Returns in fresh lives without learning, of each run the mean, (R,).

    Args:
        config: the study.
        environment: where.
        keys: of the runs, (R,).
        genomes: weights that were chosen, (R, D); None: newborn networks, one a life.
    """
    task = task_of(config, environment, "weights")
    steps = place_of(config, environment).constant_steps

    def one(key: Array, genome: Array | None) -> Array:
        lives_keys = _test_keys(config, key)
        if genome is not None:
            return jnp.mean(task.lives(genome[None], lives_keys, steps).mean_return)
        lives = live(task.agents, task.constants, lives_keys, num_steps=steps, plastic=False)
        return jnp.mean(lives.mean_return)

    return jax.vmap(one)(keys, genomes)


def _test_keys(config: Config, key: Array) -> Array:
    return jax.random.split(jax.random.fold_in(key, _TEST), config.test_lives)


@functools.partial(jax.jit, static_argnames=("config", "environment"))
def learning(
    config: Config, environment: str, keys: Array, constants: Constants
) -> dict[str, Array]:
    """Returns of newborn networks that learn by constants (R,) in fresh lives.

    Returns:
        Of each run the mean over its lives, (R,): ``learning``, while they do; ``acting``, of the
        same networks afterwards, in as long a life in which nothing changes.
    """
    agents = task_of(config, environment, "constants").agents
    steps, number = place_of(config, environment).constant_steps, config.test_lives

    def one(key: Array, constants: Constants) -> tuple[Array, Array]:
        single = Constants(*(value[None] for value in constants))
        young = live(agents, single, _test_keys(config, key), num_steps=steps, traces=True)
        grown = tuple(leaf[0] for leaf in young.weights)  # (T, ...): each an individual now
        each = Constants(*(jnp.broadcast_to(value, number) for value in constants))
        fresh = jax.random.fold_in(key, _TEST + 1)[None]
        old = live(agents, each, fresh, num_steps=steps, weights=grown, plastic=False)
        return jnp.mean(young.mean_return), jnp.mean(old.mean_return)

    young, old = jax.vmap(one)(keys, constants)
    return {"learning": young, "acting": old}

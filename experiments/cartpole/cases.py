"""The cases of the cart-pole experiment; each returns what goes into the results file.

Shape letters: R repetitions, G generations, N population, S samples, M rows of the memory, E
episodes, D parameters of a controller.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo import conditions, weighting
from diffevo.core.archive import Memory
from diffevo.core.distances import squared_distances
from diffevo.denoiser.fit import Training
from diffevo.denoiser.network import MLP
from experiments.cartpole.config import Config
from experiments.common import generations, statistics
from tasks.rl import Control, cartpole

Results = dict[str, Any]
Measured = dict[str, Array]
TRAIT = "final_position"
# Folded into a repetition's key, which no generation does with a number so high.
_FIT, _SAMPLE, _EPISODES, _MUTATION = (2**20 + number for number in range(4))


def hades(config: Config, task: Control) -> diffevo.HADES:
    """Nothing is asked of the offspring."""
    return diffevo.HADES(config.population_size, task.solution, **options(config))


def charles(config: Config, task: Control) -> diffevo.CharlesD:
    """A population is asked to spread evenly over the final positions."""
    wanted = conditions.Distribution(conditions.Trait(TRAIT), config.asked)
    return diffevo.CharlesD(
        config.population_size, task.solution, conditions=(wanted,), **options(config)
    )


def options(config: Any) -> dict[str, Any]:
    """What both searches are made with, of a configuration that has the numbers."""
    return {
        "network": MLP(config.hidden),
        "training": Training(config.num_epochs, config.batch_size),
        "selection": weighting.RouletteWheel(),
        "buffer_size": config.buffer_size,
        "retention": "quality",
    }


def params_of(search: Any, scale: float = 1.0) -> Any:
    """The search's defaults, but no random moves, and a guidance scale for all conditions."""
    params = search.default_params
    return params.replace(
        random_mutation_ratio=jnp.zeros_like(params.random_mutation_ratio),
        scales=jnp.full_like(params.scales, scale),
    )


def run(search: Any, task: Control, keys: Array, num_generations: int) -> generations.History:
    """The search from a population of unit Gaussians, a run for each key."""
    return generations.run(
        search,
        task,
        keys,
        num_generations,
        params_of(search),
        initial_std=1.0,
        measure=generations.Measures(cell_size=None),
    )


def evolve(config: Config, task: Control, search: Any, keys: Array) -> tuple[Results, Any]:
    """(curves of the return, the last states (R, ...))."""
    history = run(search, task, keys, config.num_generations)
    found = {
        name: -np.asarray(history.metrics[f"{name}_fitness"], np.float64)
        for name in ("best", "mean")
    }
    spread = np.asarray(history.metrics[f"{TRAIT}_std"])
    return {
        "best_at_end": statistics.summarize(found["best"][:, -1]),
        "mean_at_end": statistics.summarize(found["mean"][:, -1]),
        "spread_at_end": statistics.summarize(spread[:, -1]),
        "curves": {name: statistics.curve(values) for name, values in found.items()},
    }, history.state


def fit_longer(config: Config, search: Any, keys: Array, states: Any) -> Any:
    """The states with a model that was fitted once more, and longer, to the same memory."""
    longer = dataclasses.replace(
        search, training=Training(config.final_epochs, config.final_batch_size)
    )
    params = params_of(search).replace(learning_rate=jnp.asarray(config.final_learning_rate))
    return jax.vmap(lambda key, state: longer.fit(jax.random.fold_in(key, _FIT), state, params))(
        keys, states
    )


@functools.partial(jax.jit, static_argnames=("search", "num"))
def sample(
    search: Any, keys: Array, states: Any, params: Any, num: int, target: Array | None = None
) -> Array:
    """Controllers (R, S, D) of each run's model; a target is a position asked of all of them."""
    targets = None if target is None else (jnp.stack([target, target]),)
    return jax.vmap(
        lambda key, state: search.sample(
            jax.random.fold_in(key, _SAMPLE), state, params, num, targets=targets
        )
    )(keys, states)


@functools.partial(jax.jit, static_argnames=("config",))
def mutated_copies(
    config: Config, keys: Array, memory: Memory, target: Array, mutation: Array
) -> Array:
    """What one could do without a model: copies of the remembered controllers nearest to a target.

    Args:
        config: the study.
        keys: shape (R,).
        memory: leaves (R, M, ...).
        target: a final position.
        mutation: standard deviation of the Gaussian noise, in those of the memory's columns.

    Returns:
        Shape (R, S, D): the `num_nearest` controllers of those that keep the reward, in turn.
    """

    def one(key: Array, memory: Memory) -> Array:
        best = jnp.min(jnp.where(memory.filled, memory.fitness, jnp.inf))
        keeps = memory.filled & (memory.fitness <= config.keep * best)
        away = jnp.where(keeps, jnp.abs(memory.traits[TRAIT] - target), jnp.inf)
        parents = memory.genomes[jnp.argsort(away)[: config.num_nearest]]
        copies = parents[jnp.arange(config.num_samples) % config.num_nearest]
        noise = jax.random.normal(jax.random.fold_in(key, _MUTATION), copies.shape)
        return copies + mutation * _spread(memory.genomes, memory.filled) * noise

    return jax.vmap(one)(keys, memory)


def _spread(genomes: Array, filled: Array) -> Array:
    """Standard deviation of each parameter over what is remembered, shape (1, D)."""
    return jnp.std(genomes, axis=0, where=filled[:, None], keepdims=True)


def _filled(memory: Memory) -> Array:
    return memory.filled


@functools.partial(jax.jit, static_argnames=("config", "hidden"))
def _roll_out(
    config: Config,
    hidden: tuple[int, ...],
    keys: Array,
    genomes: Array,
    remembered: Array,
    filled: Array,
) -> tuple[Array, Array, Array]:
    """Returns and final positions (R, E, S) on new episodes, and distances (R, S) to the memory."""
    task = cartpole(hidden, num_episodes=1)

    def one(
        key: Array, genomes: Array, remembered: Array, filled: Array
    ) -> tuple[Array, Array, Array]:
        def episode(key: Array) -> tuple[Array, Array]:
            fitness, traits = task.evaluate(genomes, key)
            return -fitness, traits[TRAIT]

        starts = jax.random.split(jax.random.fold_in(key, _EPISODES), config.num_episodes)
        returns, positions = jax.lax.map(episode, starts)
        spread = _spread(remembered, filled)
        squares = squared_distances(genomes / spread, remembered / spread)
        nearest = jnp.min(jnp.where(filled[None], squares, jnp.inf), axis=1)
        return returns, positions, jnp.sqrt(nearest / genomes.shape[1])

    return jax.vmap(one)(keys, genomes, remembered, filled)


def judge(
    config: Config,
    hidden: tuple[int, ...],
    keys: Array,
    genomes: Array,
    memory: Memory,
    reward: np.ndarray,
    target: float | None = None,
) -> tuple[Results, np.ndarray]:
    """How sampled controllers do on episodes that no run has seen.

    Args:
        config: the study.
        hidden: of the policy.
        keys: shape (R,).
        genomes: controllers, shape (R, S, D).
        memory: what was learned from, leaves (R, M, ...).
        reward: the unconditioned reward of each run, (R,).
        target: where they should end, if anywhere.

    Returns:
        (summaries over the runs, mean final positions (R, S)). Of each run's S controllers:
        ``kept``, the share that still scores ``config.keep`` of the reward; ``return``, the mean;
        ``position`` and ``spread``, median and standard deviation of the final position;
        ``within``, the median of its standard deviation over the episodes; ``distance``, the
        median distance to the nearest remembered controller, root mean square over the parameters
        in standard deviations of the memory. With a target also ``both``, the share that keeps the
        reward and is near, ``near_of_kept``, and ``episodes``, the share of single episodes that
        last as long and end as near; ``share_of_runs``, whose ``both`` is at least
        ``config.wanted``.
    """
    returns, positions, distances = map(
        np.asarray,
        _roll_out(config, hidden, keys, genomes, memory.genomes, jax.vmap(_filled)(memory)),
    )
    means, ends = returns.mean(axis=1), positions.mean(axis=1)
    threshold = config.keep * reward
    keeps = means >= threshold[:, None]
    values = {
        "kept": keeps.mean(axis=1),
        "return": means.mean(axis=1),
        "position": np.median(ends, axis=1),
        "spread": ends.std(axis=1),
        "within": np.median(positions.std(axis=1), axis=1),
        "distance": np.median(distances, axis=1),
    }
    if target is not None:
        near = np.abs(ends - target) <= config.near
        there = np.abs(positions - target) <= config.near
        lasted = returns >= threshold[:, None, None]
        values |= {
            "both": (keeps & near).mean(axis=1),
            "near_of_kept": (keeps & near).sum(axis=1) / np.maximum(keeps.sum(axis=1), 1),
            "episodes": (there & lasted).mean(axis=(1, 2)),
        }
    found: Results = {name: statistics.summarize(value) for name, value in values.items()}
    if target is not None:
        found["share_of_runs"] = float(np.mean(values["both"] >= config.wanted))
    return found, ends

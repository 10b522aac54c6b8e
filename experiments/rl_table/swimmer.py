"""Does a swimmer learn on two cores? ``python -m experiments.rl_table.swimmer``, extra ``mjx``.

Linear policies in MJX, observations normalised by running statistics, the algorithm that `minimize`
takes for as few generations; the best of the last population is judged in Gymnasium's own
``Swimmer-v5``.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jax import Array

import diffevo
from experiments.common import chunks, results, statistics
from tasks.rl import Control, Statistics, control, host


@dataclass(frozen=True)
class Config:
    """Sizes of the study.

    Attributes:
        repetitions: independent runs, side by side in one program.
        seed: repetition r uses fold_in(key(seed), r).
        population_size: N, of linear policies with 18 parameters.
        num_generations: evaluated populations, the first included.
        num_steps: of an episode during the search, one for each member; 40 ms each.
        test_episodes: of 1,000 steps in Gymnasium, for each chosen controller.
    """

    repetitions: int = 4
    seed: int = 20261128
    population_size: int = 64
    num_generations: int = 15
    num_steps: int = 1000
    test_episodes: int = 10


def search(config: Config, task: Control, keys: Array) -> tuple[dict[str, Any], Any]:
    """R searches.

    Returns:
        What was measured, by generation; and of each run the best genome of the last population
        with the statistics that it was evaluated with.
    """
    algorithm = diffevo.LatentDiffusionEvolution(
        config.population_size, task.solution, config.num_generations - 1
    )
    params = algorithm.default_params

    # One program for all evaluations: the physics takes half a minute to compile.
    @jax.jit
    @jax.vmap
    def evaluate(population: Array, key: Array, seen: Statistics) -> Any:
        fitness, _, after = task.evaluate_running(population, key, seen)
        return fitness, after, (population[jnp.argmin(fitness)], seen)

    def begin(key: Array, population: Array, fitness: Array) -> Any:
        return algorithm.init(key, population, fitness, params)

    def ask(key: Array, state: Any) -> Any:
        return algorithm.ask(key, state, params)

    def tell(key: Array, population: Array, fitness: Array, state: Any) -> Any:
        return algorithm.tell(key, population, fitness, state, params)[0]

    begin, ask, tell = (jax.jit(jax.vmap(function)) for function in (begin, ask, tell))
    started = time.perf_counter(), time.process_time()
    population = jax.vmap(algorithm.sample_population)(keys)
    seen = jax.vmap(lambda _: Statistics.begin(task.environment))(keys)
    fitness, seen, first = evaluate(population, keys, seen)
    chosen = first
    state, found = begin(keys, population, fitness), [-np.asarray(fitness)]
    for generation in range(1, config.num_generations):
        folded = jax.vmap(jax.random.fold_in, (0, None))(keys, generation)
        ask_keys, tell_keys, evaluation_keys = jnp.moveaxis(
            jax.vmap(lambda key: jax.random.split(key, 3))(folded), 1, 0
        )
        population, state = ask(ask_keys, state)
        fitness, seen, chosen = evaluate(population, evaluation_keys, seen)
        state = tell(tell_keys, population, fitness, state)
        found.append(-np.asarray(fitness))
        print(f"{generation:3d}  best {found[-1].max(1).round(1)}", flush=True)
    returns = np.stack(found, axis=1)  # (R, generations, N)
    return {
        "seconds": time.perf_counter() - started[0],
        "cpu_seconds": time.process_time() - started[1],
        "environment_steps": config.population_size * config.num_generations * config.num_steps,
        "best_return": returns.max(axis=2),
        "mean_return": returns.mean(axis=2),
    }, (first, chosen)


def judge(config: Config, task: Control, chosen: Any) -> np.ndarray:
    """Mean returns (R,) of whole episodes in Gymnasium's ``Swimmer-v5``."""
    returns = []
    for run in range(config.repetitions):
        genome, seen = jax.tree.map(lambda leaf, i=run: leaf[i], chosen)
        fitness, _ = host.evaluate(task.frozen(seen), genome[None], seed=config.seed)
        returns.append(-float(fitness[0]))
    return np.array(returns)


def main(config: Config, out: Path = Path(__file__).parent / "results") -> None:
    """Does a swimmer learn? Prints what it finds, and writes ``swimmer.json`` into a folder.

    Args:
        config: sizes of the study.
        out: the folder.
    """
    record = results.Record(out / "swimmer.json", "rl_table", config, seed=config.seed)
    task = control("swimmer", (), num_episodes=1, max_steps=config.num_steps)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    record.results, chosen = search(config, task, keys)
    record.save()
    whole = control("swimmer", (), num_episodes=config.test_episodes)
    for name, controllers in zip(("before", "after"), chosen, strict=True):
        values = judge(config, whole, controllers)
        record.results[name] = statistics.kept(values)
        print(f"{name}: {values.round(1)} in Gymnasium, {config.test_episodes} episodes")
    record.finish()


if __name__ == "__main__":
    tyro.cli(main, config=(tyro.conf.OmitArgPrefixes,))

"""The time of a generation beside Diffusion Evolution's, and beside pycma's ask and tell.

Both sides run in turn in one process. Ours is one compiled scan over several generations of ask,
evaluate and tell.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cma
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from experiments.common import statistics
from experiments.common.progress import Progress
from experiments.common.timing import Program, seconds_in_turn
from experiments.default_search.config import Config, Timed

Results = dict[str, Any]


def sphere(genomes: Array) -> Array:
    """Mean square: one optimum."""
    return jnp.mean(genomes**2, axis=1)


def rastrigin(genomes: Array) -> Array:
    """Many optima, so that chains end and begin and all proposals are in use."""
    points = 4.0 * genomes
    return jnp.mean(points**2 - 10.0 * jnp.cos(2.0 * jnp.pi * points) + 10.0, axis=1)


OBJECTIVES: dict[str, Callable[[Array], Array]] = {"sphere": sphere, "rastrigin": rastrigin}


def generations_of(
    search: Any, objective: Callable[[Array], Array], num_generations: int, seed: int, age: int = 0
) -> Program:
    """So many generations as one compiled scan, from a search of the given age in generations."""
    params, key = search.default_params, jax.random.key(seed)
    population = search.sample_population(key)
    state = search.init(key, population, objective(population), params)

    def run(state: Any, params: Any, first: Array) -> Any:
        def generation(state: Any, number: Array) -> tuple[Any, None]:
            ask_key, tell_key = jax.random.split(jax.random.fold_in(key, number))
            population, state = search.ask(ask_key, state, params)
            state, _ = search.tell(tell_key, population, objective(population), state, params)
            return state, None

        return jax.lax.scan(generation, state, first + jnp.arange(num_generations))[0]

    program = Program.of(run, state, params, jnp.asarray(0))
    for first in range(0, age, num_generations):
        program = program.on(program.call(), params, jnp.asarray(first + num_generations))
    return program


def pycma_generations(case: Timed, seed: int) -> Program:
    """So many ask and tell of pycma with its defaults; the objective is a mean square in numpy."""
    start = time.perf_counter()
    options = {"popsize": case.population_size, "verbose": -9, "seed": seed + 1}
    strategy = cma.CMAEvolutionStrategy(np.zeros(case.num_dims), 0.4, options)

    def run() -> None:
        for _ in range(case.num_generations):
            points = strategy.ask()
            strategy.tell(points, np.mean(np.square(points), axis=1).tolist())

    return Program(run, (), time.perf_counter() - start, 0)


def programs(case: Timed, seed: int) -> list[Program]:
    """Ours and the rival's."""
    template, objective = jnp.zeros(case.num_dims), OBJECTIVES[case.objective]
    ours = diffevo.NichingDiffusionEvolution(case.population_size, template)
    mine = generations_of(ours, objective, case.num_generations, seed, case.age)
    if case.rival == "pycma":
        return [mine, pycma_generations(case, seed)]
    rival = diffevo.DiffusionEvolution(case.population_size, template, case.num_generations)
    return [mine, generations_of(rival, objective, case.num_generations, seed)]


def times(config: Config, progress: Progress, save: Callable[[Results], None]) -> Results:
    """Time all cases.

    Returns:
        ``cells``, one a case: its fields, ``chains`` of ours, ``milliseconds`` of a generation of
        both (``ours``, ``theirs``: medians, and ``all``), ``ratio`` of ours to theirs pair by
        pair, a summary, ``allowed`` and whether the median is ``within`` it, and
        ``compile_seconds``.
    """
    found: Results = {"cells": []}
    for case in config.timed:
        progress.describe(f"time, N = {case.population_size}, D = {case.num_dims}: {case.rival}")
        sides = programs(case, config.seed)
        taken = 1e3 * seconds_in_turn(sides, case.repetitions) / case.num_generations
        ratio = statistics.summarize(taken[0] / taken[1])
        is_pycma = case.rival == "pycma"
        allowed = 1.0 if is_pycma else config.most_times
        ours = diffevo.NichingDiffusionEvolution(case.population_size, jnp.zeros(case.num_dims))
        found["cells"].append(
            {
                **vars(replace(case)),
                "chains": ours.num_chains,
                "samples": ours.num_samples,
                "milliseconds": {
                    "ours": float(np.median(taken[0])),
                    "theirs": float(np.median(taken[1])),
                    "all": {"ours": taken[0], "theirs": taken[1]},
                },
                "ratio": ratio,
                "allowed": allowed,
                "within": bool(ratio["median"] < allowed),
                "compile_seconds": sides[0].compile_seconds,
            }
        )
        save(found)
        progress.advance()
    return found

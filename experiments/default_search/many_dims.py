"""Many dimensions: does the population follow the fitness, and how much memory does a step take?

Shape letters: R repetitions, G generations, N population, D dimensions.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common import chunks, generations, statistics
from experiments.common.progress import Progress
from experiments.default_search import searches
from experiments.default_search.config import Config, Reversal

Results = dict[str, Any]
Save = Callable[[Results], None]
SIGNS = {"up": 1.0, "down": -1.0}


@dataclass(frozen=True)
class Quadratic:
    """f(x) = sum_i (x_i - target)^2, lower is better.

    Attributes:
        num_dims: D.
        target: every coordinate of the optimum; may be traced.
    """

    num_dims: int
    target: Any
    name: str = "quadratic"
    low: float = -3.0
    high: float = 3.0
    scaling: float = 1.0
    optima: None = None
    optimum_fitness: float = 0.0

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    def __call__(self, genomes: Array) -> Array:
        """Fitness (N,) of genomes (N, D)."""
        return jnp.sum((genomes - self.target) ** 2, axis=1)


def mean_coordinate(task: Any, genomes: Array, fitness: Array, traits: Any) -> dict[str, Array]:
    """``mean``, over all members and coordinates; ``rms``, their root mean square about it."""
    del task, fitness, traits
    mean = jnp.mean(genomes)
    return {"mean": mean, "rms": jnp.sqrt(jnp.mean((genomes - mean) ** 2))}


@functools.partial(jax.jit, static_argnames=("search", "num_dims", "num_generations"))
def _run(
    search: Any, params: Any, key: Array, target: Array, num_dims: int, num_generations: int
) -> dict[str, Array]:
    """``mean`` and ``rms`` (G,) of one run; the optimum is traced, so that both compile once."""
    task = Quadratic(num_dims, target)
    history = generations.run_one(
        search, task, key, num_generations, params, measure=mean_coordinate
    )
    return history.metrics


def reversal(config: Config, case: Reversal, progress: Progress, save: Save) -> Results:
    """The fitness-reversal test: the same keys, the optimum at +1 and at -1 in every coordinate.

    Returns:
        ``num_dims`` and ``methods``, by name: ``up`` and ``down`` (summaries of the last
        population's mean coordinate), ``values`` and ``rms`` of both by repetition, ``passed`` (the
        share of the runs that come ``config.wanted`` of the way to both), ``paths`` (medians and
        bands (G,)), ``milliseconds`` a generation with its evaluation, and ``repetitions``.
    """
    found: Results = {"num_dims": case.num_dims, "methods": {}}
    for name in case.methods:
        progress.describe(f"fitness reversal, D = {case.num_dims}: {name}")
        repetitions = config.few_repetitions if name in case.few else config.repetitions
        keys = chunks.repetition_keys(config.seed, min(repetitions, config.repetitions))
        search = searches.search(
            name, config.population_size, case.num_dims, config.num_generations
        )
        params = searches.params_of(name, search)

        def once(key: Array, sign: float, search=search, params=params) -> dict[str, np.ndarray]:
            told = _run(
                search, params, key, jnp.asarray(sign), case.num_dims, config.num_generations
            )
            return {measure: np.asarray(value) for measure, value in told.items()}

        once(keys[0], 1.0)  # compiles
        start = time.perf_counter()
        runs = {label: [once(key, sign) for key in keys] for label, sign in SIGNS.items()}
        seconds = time.perf_counter() - start
        means = {label: np.stack([one["mean"] for one in made]) for label, made in runs.items()}
        ends = {label: values[:, -1] for label, values in means.items()}
        passed = (ends["up"] >= config.wanted) & (ends["down"] <= -config.wanted)
        found["methods"][name] = {
            "repetitions": len(keys),
            **{label: statistics.summarize(values) for label, values in ends.items()},
            "values": ends,
            "rms": {label: [one["rms"][-1] for one in made] for label, made in runs.items()},
            "passed": float(np.mean(passed)),
            "paths": {label: statistics.curve(values) for label, values in means.items()},
            "milliseconds": 1e3 * seconds / (2 * len(keys) * config.num_generations),
        }
        save(found)
        progress.advance()
    return found


def memory(config: Config, progress: Progress, save: Save) -> Results:
    """What XLA allocates for one step (ask, evaluate, tell), in populations, N D numbers.

    Returns:
        ``cells``: ``method``, ``population_size``, ``num_dims``, ``temporaries`` beside the state
        that goes in and comes out, ``state``, and ``peak`` of all three, each a multiple of
        4 N D bytes; ``temporary_mib``.
    """
    found: Results = {"cells": []}
    for population_size, num_dims in config.memory:
        for name in config.memory_methods:
            progress.describe(f"memory of {name}, N = {population_size}, D = {num_dims}")
            search = searches.search(name, population_size, num_dims, config.num_generations)
            analysis = _compiled_step(search, population_size, num_dims).memory_analysis()
            unit = 4 * population_size * num_dims
            found["cells"].append(
                {
                    "method": name,
                    "population_size": population_size,
                    "num_dims": num_dims,
                    "temporaries": analysis.temp_size_in_bytes / unit,
                    "state": analysis.argument_size_in_bytes / unit,
                    "peak": analysis.peak_memory_in_bytes / unit,
                    "temporary_mib": analysis.temp_size_in_bytes / 2**20,
                }
            )
            save(found)
            progress.advance()
    return found


def _compiled_step(search: Any, population_size: int, num_dims: int) -> Any:
    """One generation, compiled for shapes alone: nothing of its size is allocated."""
    params, key = search.default_params, jax.random.key(0)
    task = Quadratic(num_dims, 1.0)
    state = jax.eval_shape(
        search.init,
        key,
        jax.ShapeDtypeStruct((population_size, num_dims), jnp.float32),
        jax.ShapeDtypeStruct((population_size,), jnp.float32),
        params,
    )

    def step(key: Array, state: Any, params: Any) -> Any:
        ask_key, tell_key = jax.random.split(key)
        genomes, state = search.ask(ask_key, state, params)
        return search.tell(tell_key, genomes, task(genomes), state, params)[0]

    return jax.jit(step).lower(key, state, params).compile()

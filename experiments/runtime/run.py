"""Times ask and tell, evaluators, and compares searches with and without failures."""

import math
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from jax import Array

import diffevo
from diffevo.evaluators.host import Outcome, Processes, Serial, Threads
from diffevo.evaluators.ray import Ray
from experiments.common import results, statistics, tables
from experiments.common.progress import Progress
from experiments.runtime import sides
from experiments.runtime.config import Config

NUM_WORKERS = 2
EVALUATORS: dict[str, Any] = {
    "serial": Serial(),
    "threads": Threads(NUM_WORKERS),
    "processes": Processes(NUM_WORKERS),
    "ray": Ray(NUM_WORKERS),
}
RIVALS = ("pycma", "cmaes", "Nevergrad DE", "Optuna CMA-ES")


def ask_tell(size: int, config: Config) -> dict[str, Any]:
    """Microseconds a solution of every side, all repetitions, and ratios to the fastest rival."""
    generations = sides.of(size, config)
    taken: dict[str, list[float]] = {name: [] for name in generations}
    for repetition in range(config.repetitions + 1):  # the first compiles
        for name, generation in generations.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                generation()
                start = time.perf_counter()
                num = sum(generation() for _ in range(config.generations))
                seconds = time.perf_counter() - start
            if repetition >= 1:
                taken[name].append(1e6 * seconds / num)
    medians = {name: float(np.median(values)) for name, values in taken.items()}
    fastest = min(RIVALS, key=lambda name: medians[name])
    return {
        "population_size": size,
        "microseconds": medians,
        "lowest": {name: min(values) for name, values in taken.items()},
        "all": taken,
        "fastest_rival": fastest,
        "times_fastest_rival": {
            name: float(np.median(np.divide(taken[name], taken[fastest])))
            for name in generations
            if name not in RIVALS
        },
    }


def evaluator(name: str, config: Config) -> dict[str, Any]:
    """Seconds to bring it up, microseconds a solution, and the efficiency for each wait."""
    start = time.perf_counter()
    with EVALUATORS[name].start(time.sleep, lambda value: True) as evaluate:

        def seconds(num: int, wait: float) -> float:
            outcomes = [Outcome(None, None, 0)] * num
            began = time.perf_counter()
            evaluate([wait] * num, math.inf, outcomes)
            assert all(outcome.attempts == 1 for outcome in outcomes)
            return time.perf_counter() - began

        seconds(NUM_WORKERS, 0.0)
        up = time.perf_counter() - start
        cost = [seconds(config.num_solutions, 0.0) for _ in range(min(config.repetitions, 5))]
        workers = 1 if name == "serial" else NUM_WORKERS
        ideal = config.waits_of_each / workers
        efficiency = {
            str(wait): max(
                ideal * wait / seconds(config.waits_of_each, wait)
                for _ in range(min(config.repetitions, 3))
            )
            for wait in config.waits
        }
    return {
        "name": name,
        "seconds_to_come_up": up,
        "microseconds": 1e6 * float(np.median(cost)) / config.num_solutions,
        "efficiency": efficiency,
    }


def sphere(x: Array) -> Array:
    """Zero at one."""
    return jnp.sum((x - 1.0) ** 2)


def rastrigin(x: Array) -> Array:
    """Zero at one, with a local minimum about every other integer point."""
    return jnp.sum((x - 1.0) ** 2 - 10.0 * jnp.cos(2.0 * jnp.pi * (x - 1.0)) + 10.0)


FUNCTIONS = {"sphere": sphere, "rastrigin": rastrigin}


def fails(x: Array, rate: float) -> Array:
    """Whether a solution is one that fails: by a hash of its bits, so wherever it lies."""
    bits = jax.lax.bitcast_convert_type(x.astype(jnp.float32), jnp.uint32)
    mixed = jnp.uint32(0x9E3779B9)
    for index in range(x.shape[0]):
        mixed = (mixed ^ bits[index]) * jnp.uint32(0x85EBCA6B)
        mixed = mixed ^ (mixed >> 13)
    return (mixed >> 8).astype(jnp.float32) < rate * 2.0**24


def failures(name: str, config: Config) -> list[dict[str, Any]]:
    """Final values at each failure rate, and how they compare with those at the first."""
    function = FUNCTIONS[name]
    box = np.full(config.failure_dims, -4.0), np.full(config.failure_dims, 4.0)
    cells, first = [], np.zeros(0)
    for rate in config.failure_rates:

        def failing(x: Array, rate: float = rate) -> Array:
            return jnp.where(fails(x, rate), jnp.nan, function(x))

        runs = [
            diffevo.minimize(
                failing,
                box,
                budget=config.failure_budget,
                algorithm=config.failure_algorithm,
                seed=config.seed + index,
                progress=False,
            )
            for index in range(config.failure_seeds)
        ]
        values = np.array([run.fun for run in runs])
        failed = sum(run.history["num_failed"].sum() for run in runs)
        first = first if cells else values
        test = scipy.stats.mannwhitneyu(values, first) if cells else None
        cells.append(
            {
                "function": name,
                "rate": rate,
                "failed": float(failed / sum(run.nfev for run in runs)),
                "fun": statistics.summarize(values),
                "worst": values.max(),
                "all": values,
                "p_beside_no_failures": None if test is None else float(test.pvalue),
            }
        )
    return cells


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the benchmark; see `experiments/README.md` for the contract."""
    record = results.Record(out / "runtime.json", "runtime", config, seed=config.seed)
    num_parts = len(config.population_sizes) + len(config.evaluators)
    num_parts += len(config.failure_functions)
    progress.begin(num_parts, "ask and tell")
    record.results = {"ask_tell": [], "evaluators": [], "failures": []}
    for size in config.population_sizes:
        progress.describe(f"ask and tell, N = {size}")
        record.results["ask_tell"].append(ask_tell(size, config))
        record.save()
        progress.advance()
    for name in config.evaluators:
        progress.describe(name)
        record.results["evaluators"].append(evaluator(name, config))
        record.save()
        progress.advance()
    for name in config.failure_functions:
        progress.describe(f"failures, {name}")
        record.results["failures"] += failures(name, config)
        record.save()
        progress.advance()
    return record.publish(
        lambda content: "\n".join(tables.markdown(*table[1:]) for table in _tables(content)),
        lambda content: [tables.terminal(*table) for table in _tables(content)],
        [],
        progress,
    )


def _tables(content: dict[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    found = content["results"]
    cells = found["ask_tell"]
    names = list(cells[0]["microseconds"])
    costs = [
        [name, *(f"{cell['microseconds'][name]:,.3g}" for cell in cells)] for name in names
    ] + [
        [f"{name} / fastest rival", *(f"{cell['times_fastest_rival'][name]:.2f}" for cell in cells)]
        for name in names
        if name not in RIVALS
    ]
    waits = [float(wait) for wait in content["config"]["waits"]]
    filled = [
        [
            row["name"],
            f"{row['seconds_to_come_up']:.2f}",
            f"{row['microseconds']:,.3g}",
            *(f"{row['efficiency'][str(wait)]:.0%}" for wait in waits),
        ]
        for row in found["evaluators"]
    ]
    lost = [
        [
            row["function"],
            f"{row['rate']:.0%}",
            f"{row['failed']:.1%}",
            f"{row['fun']['median']:.2g}",
            f"{row['worst']:.2g}",
            "" if row["p_beside_no_failures"] is None else f"{row['p_beside_no_failures']:.2g}",
        ]
        for row in found["failures"]
    ]
    return [
        (
            "Ask and tell, microseconds a solution",
            ["side", *(f"N = {cell['population_size']}" for cell in cells)],
            costs,
        ),
        (
            "Evaluators, two workers",
            ["evaluator", "up, s", "µs a solution", *(f"efficiency, {w:g} s" for w in waits)],
            filled,
        ),
        (
            "Failures",
            ["function", "rate", "failed", "median", "worst", "p"],
            lost,
        ),
    ]

"""Times ask and tell, evaluators, and compares searches with and without failures."""

import dataclasses
import math
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo.evaluators.host import Outcome, Processes, Serial, Threads
from diffevo.evaluators.ray import Ray
from experiments.common import results, statistics, tables
from experiments.common.progress import Progress
from experiments.runtime import functions, sides, whole_runs
from experiments.runtime.config import Config

NUM_WORKERS = 2
EVALUATORS: dict[str, Any] = {
    "serial": Serial(),
    "threads": Threads(NUM_WORKERS),
    "processes": Processes(NUM_WORKERS),
    "ray": Ray(NUM_WORKERS),
}
RIVALS = ("pycma", "cmaes", "Nevergrad DE", "Optuna CMA-ES")


def turn(side: sides.Side, config: Config) -> tuple[float, float]:
    """Microseconds a solution of a new search, once its code and data have come to be near.

    By the clock, and of the process's threads together: where the machine is busy, a side with
    more threads gets more of it, and the clock favours that side.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' own
        generation = side()
        generation()
        start = time.perf_counter()
        while time.perf_counter() - start < config.warm_seconds:
            generation()
        began, start, num, generations = time.process_time(), time.perf_counter(), 0, 0
        while time.perf_counter() - start < config.timed_seconds or generations < 2:
            num += generation()
            generations += 1
        taken = time.perf_counter() - start, time.process_time() - began
    return 1e6 * taken[0] / num, 1e6 * taken[1] / num


def ask_tell(size: int, config: Config) -> dict[str, Any]:
    """Microseconds a solution of every side, all turns, and ratios to the fastest rival."""
    searches = sides.of(size, config)
    for side in searches.values():
        turn(side, dataclasses.replace(config, warm_seconds=0.0, timed_seconds=0.0))  # compiles
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in searches}
    for _ in range(config.repetitions):
        for name, side in searches.items():
            turns[name].append(turn(side, config))
    taken = {name: np.array(values).T for name, values in turns.items()}
    clock = {name: float(np.median(values[0])) for name, values in taken.items()}
    fastest = min(RIVALS, key=lambda name: clock[name])
    return {
        "population_size": size,
        "microseconds": clock,
        "processor_microseconds": {n: float(np.median(values[1])) for n, values in taken.items()},
        "all": {name: values[0] for name, values in taken.items()},
        "fastest_rival": fastest,
        "times_fastest_rival": {
            name: float(np.median(values[0] / taken[fastest][0]))
            for name, values in taken.items()
            if name not in RIVALS
        },
    }


def evaluator(name: str, config: Config) -> dict[str, Any]:
    """Seconds to bring it up, microseconds a solution, and the efficiency for each task."""
    workers = 1 if name == "serial" else NUM_WORKERS
    began = time.perf_counter()
    with EVALUATORS[name].start(functions.work, lambda value: True) as evaluate:

        def seconds(num: int, task: tuple[str, float]) -> float:
            outcomes = [Outcome(None, None, 0)] * num
            start = time.perf_counter()
            evaluate([task] * num, math.inf, outcomes)
            assert all(outcome.attempts == 1 for outcome in outcomes)
            return time.perf_counter() - start

        seconds(NUM_WORKERS, ("wait", 0.0))
        up = time.perf_counter() - began
        cost = {
            str(size): 1e6
            * float(
                np.median(
                    [seconds(size, ("compute", 0.0)) for _ in range(config.evaluator_repetitions)]
                )
            )
            / size
            for size in config.population_sizes
        }
        efficiency = {}
        # Computing Python code in threads takes turns.
        for kind in ("wait",) if name == "threads" else ("wait", "compute"):
            for each in config.seconds:
                num = workers * max(2, round(config.seconds_of_each / each))
                taken = [seconds(num, (kind, each)) for _ in range(config.evaluator_repetitions)]
                efficiency[f"{kind} {each:g} s"] = num / workers * each / float(np.median(taken))
    return {
        "name": name,
        "seconds_to_come_up": up,
        "microseconds": cost,
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
        p_value = statistics.difference(values, first)["p"] if cells else None
        cells.append(
            {
                "function": name,
                "rate": rate,
                "failed": float(failed / sum(run.nfev for run in runs)),
                "fun": statistics.summarize(values),
                "worst": values.max(),
                "all": values,
                "p_beside_no_failures": p_value,
            }
        )
    return cells


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the benchmark; see `experiments/README.md` for the contract."""
    record = results.Record(out / "runtime.json", "runtime", config, seed=config.seed)
    num_parts = 2 * len(config.population_sizes) + len(config.evaluators)
    num_parts += len(config.failure_functions)
    progress.begin(num_parts, "")
    record.results = {"ask_tell": [], "runs": [], "evaluators": [], "failures": []}
    for size in config.population_sizes:
        progress.describe(f"ask and tell, N = {size}")
        record.results["ask_tell"].append(ask_tell(size, config))
        record.save()
        progress.advance()
    for size in config.population_sizes:
        progress.describe(f"whole runs, N = {size}")
        record.results["runs"] += whole_runs.cost(size, config)
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
    kinds = ("microseconds", "processor_microseconds")
    costs = [[name, *(f"{c[k][name]:,.3g}" for c in cells for k in kinds)] for name in names]
    costs += [
        [
            f"{name} / fastest rival",
            *(text for c in cells for text in (f"{c['times_fastest_rival'][name]:.2f}", "")),
        ]
        for name in names
        if name not in RIVALS
    ]
    sizes = content["config"]["population_sizes"]
    runs = {(row["run"], row["population_size"]): row for row in found["runs"]}
    whole = [
        [
            name,
            *(f"{runs[name, size]['milliseconds']:,.3g}" for size in sizes),
            f"{runs[name, sizes[-1]]['seconds_beside']:.2f}",
        ]
        for name in dict.fromkeys(row["run"] for row in found["runs"])
    ]
    tasks = list(found["evaluators"][0]["efficiency"])
    filled = [
        [
            row["name"],
            f"{row['seconds_to_come_up']:.2f}",
            *(f"{row['microseconds'][str(size)]:,.3g}" for size in sizes),
            *(f"{row['efficiency'][t]:.1%}" if t in row["efficiency"] else "" for t in tasks),
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
            ["side", *(f"N = {c['population_size']}{k}" for c in cells for k in ("", ", CPU"))],
            costs,
        ),
        (
            "Whole runs, milliseconds a generation",
            ["run", *(f"N = {size}" for size in sizes), "besides, s"],
            whole,
        ),
        (
            "Evaluators, two workers, microseconds a solution and efficiency",
            ["evaluator", "up, s", *(f"N = {size}" for size in sizes), *tasks],
            filled,
        ),
        (
            "Failures",
            ["function", "rate", "failed", "median", "worst", "p"],
            lost,
        ),
    ]

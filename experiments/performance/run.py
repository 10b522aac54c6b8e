"""Times one generation of both sides in the same process; table, JSON and where the time goes."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms import DiffusionEvolution as EvosaxDiffusionEvolution
from jax import Array

import diffevo
from experiments.common import results, tables
from experiments.common.progress import Progress
from experiments.common.timing import Program, seconds_in_turn
from experiments.performance.config import Cell, Config


def fitness_of(population: Array) -> Array:
    """Mean square: cheap, so that the algorithm is what is timed."""
    return jnp.mean(population**2, axis=1)


def whole_schedule(algorithm: Any, cell: Cell, seed: int) -> Program:
    """All generations of a schedule as one compiled scan: ask, evaluate, tell."""
    params = algorithm.default_params
    key = jax.random.key(seed)
    population = jax.random.normal(key, (cell.population_size, cell.num_dims))
    state = algorithm.init(key, population, fitness_of(population), params)

    def run(state, params):
        def generation(state, g):
            ask_key, tell_key = jax.random.split(jax.random.fold_in(key, g))
            population, state = algorithm.ask(ask_key, state, params)
            state, _ = algorithm.tell(tell_key, population, fitness_of(population), state, params)
            return state, None

        return jax.lax.scan(generation, state, jnp.arange(cell.num_generations))[0]

    return Program.of(run, state, params)


def ours(cell: Cell) -> diffevo.DiffusionEvolution:
    """Our side of a cell: diffevo with its defaults."""
    template = jnp.zeros(cell.num_dims)
    return diffevo.DiffusionEvolution(cell.population_size, template, cell.num_generations)


def evosaxs(cell: Cell) -> EvosaxDiffusionEvolution:
    """Their side: evosax with its defaults; T moves need T + 1 of its generations."""
    template = jnp.zeros(cell.num_dims)
    return EvosaxDiffusionEvolution(
        cell.population_size, template, num_generations=cell.num_generations + 1
    )


def _ceilings(edge: int, repetitions: int) -> dict[str, float]:
    """What this machine does at best from JAX: multiply-adds and exponentials."""
    matrix = jnp.ones((edge, edge))
    values = -jnp.linspace(0.0, 10.0, edge * edge).reshape(edge, edge)
    product = Program.of(lambda a: a @ a, matrix)
    exponential = Program.of(jnp.exp, values)
    copy = Program.of(lambda a: a + 1.0, values)
    seconds = np.min(seconds_in_turn([product, exponential, copy], max(repetitions, 5)), axis=1)
    return {
        "matmul_gflops": 2.0 * edge**3 / seconds[0] / 1e9,
        "exp_per_second": edge**2 / seconds[1],
        "bytes_per_second": 2.0 * values.nbytes / seconds[2],
    }


def _bare_seconds(cell: Cell, ceilings: dict[str, float]) -> float:
    """One generation if nothing but its arithmetic cost anything, at the measured ceilings.

    An exact sum needs N^2 exponentials, N^2 D multiply-adds for the values, and as many for the
    distances; half of the distances and exponentials where the kernel's symmetry is used.
    """
    pairs, dims = cell.population_size**2, cell.num_dims
    return (
        4.0 * pairs * dims / (ceilings["matmul_gflops"] * 1e9) + pairs / ceilings["exp_per_second"]
    )


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the benchmark; see `experiments/README.md` for the contract."""
    record = results.Record(out / "performance.json", "performance", config, seed=config.seed)
    progress.begin(len(config.cells) + len(config.memory_cells) + 1, "ceilings")
    ceilings = _ceilings(config.ceiling_edge, min(config.repetitions, 7))
    record.results = {"ceilings": ceilings, "cells": [], "memory": []}
    progress.advance()
    for cell in config.cells:
        progress.describe(f"N = {cell.population_size}, D = {cell.num_dims}")
        programs = [
            whole_schedule(algorithm, cell, config.seed)
            for algorithm in (ours(cell), evosaxs(cell))
        ]
        seconds = seconds_in_turn(programs, min(cell.repetitions, config.repetitions))
        seconds /= cell.num_generations
        mine, theirs = np.median(seconds, axis=1)
        ratios = seconds[1] / seconds[0]
        record.results["cells"].append(
            {
                "population_size": cell.population_size,
                "num_dims": cell.num_dims,
                "num_generations": cell.num_generations,
                "milliseconds": {"diffevo": mine * 1e3, "evosax": theirs * 1e3},
                "all_milliseconds": {"diffevo": seconds[0] * 1e3, "evosax": seconds[1] * 1e3},
                "ratio": {
                    "median": np.median(ratios),
                    "lowest": ratios.min(),
                    "highest": ratios.max(),
                },
                "compile_seconds": dict(
                    zip(("diffevo", "evosax"), (p.compile_seconds for p in programs), strict=True)
                ),
                "temporary_mib": dict(
                    zip(
                        ("diffevo", "evosax"),
                        (p.temporary_bytes / 2**20 for p in programs),
                        strict=True,
                    )
                ),
                "share_of_ceiling": _bare_seconds(cell, ceilings) / mine,
            }
        )
        record.save()
        progress.advance()
    medians = [cell["ratio"]["median"] for cell in record.results["cells"]]
    record.results["geometric_mean_ratio"] = float(np.exp(np.mean(np.log(medians))))
    record.results["lowest_ratio"] = min(medians)
    for population_size, num_dims in config.memory_cells:
        progress.describe(f"memory, N = {population_size}, D = {num_dims}")
        cell = Cell(population_size, num_dims, 2, 1)
        temporary = whole_schedule(ours(cell), cell, config.seed).temporary_bytes
        record.results["memory"].append(
            {
                "population_size": population_size,
                "num_dims": num_dims,
                "temporary_mib": temporary / 2**20,
                "within_limit": temporary < config.memory_limit_bytes,
            }
        )
        record.save()
        progress.advance()
    content = record.finish()
    headings, rows = _table(content["results"])
    results.write_text(out / "performance.md", tables.markdown(headings, rows))
    progress.print(tables.terminal("One generation, milliseconds", headings, rows))
    progress.print(
        f"geometric mean {content['results']['geometric_mean_ratio']:.1f} times faster, "
        f"lowest cell {content['results']['lowest_ratio']:.1f}"
    )
    return content


def _table(content: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    headings = ["N", "D", "diffevo ms", "evosax ms", "times faster (lowest to highest)"]
    headings += ["compile s, diffevo / evosax", "temporaries MiB, diffevo / evosax"]
    headings += ["share of the ceiling"]
    rows = []
    for cell in content["cells"]:
        ms, ratio = cell["milliseconds"], cell["ratio"]
        compiled, memory = cell["compile_seconds"], cell["temporary_mib"]
        rows.append(
            [
                str(cell["population_size"]),
                str(cell["num_dims"]),
                f"{ms['diffevo']:.3g}",
                f"{ms['evosax']:.3g}",
                f"{ratio['median']:.1f} ({ratio['lowest']:.1f} to {ratio['highest']:.1f})",
                f"{compiled['diffevo']:.1f} / {compiled['evosax']:.1f}",
                f"{memory['diffevo']:.3g} / {memory['evosax']:.3g}",
                f"{cell['share_of_ceiling']:.0%}",
            ]
        )
    return headings, rows

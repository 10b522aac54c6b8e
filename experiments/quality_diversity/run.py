"""Runs every method on every problem, and tests ours against the others."""

import time
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.common import chunks, results, statistics
from experiments.common.baselines.problem import host_rng
from experiments.common.progress import Progress
from experiments.quality_diversity import methods, report, rivals
from experiments.quality_diversity.config import OURS, Config
from tasks.functions.linear_projection import LinearProjection

_RIVALS = ("map_elites", "map_elites_line", "cma_me", "cma_mae")
# Looks (R, L) by name, scores of the cells (R, C), evaluations at the looks (L,), seconds a run.
Runs = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, float]


def _moments(config: Config, size: int, per_look: int) -> np.ndarray:
    """Evaluations at every look, (L,)."""
    return size * (1 + per_look * np.arange(1, config.num_looks + 1))


def _ours(config: Config, num_dims: int, name: str) -> list[Runs]:
    """One entry a function; compiling is not timed."""
    tasks = tuple(LinearProjection(function, num_dims) for function in config.functions)  # pyright: ignore[reportArgumentType]
    search = methods.build(name, tasks[0], config.side, config.population_size, config.budget)
    size = search.population_size
    per_look = (config.budget - size) // (size * config.num_looks)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    sizes = {"side": config.side, "num_looks": config.num_looks, "per_look": per_look}
    compiled = methods.run.lower(search, tasks, jnp.asarray(0), keys, **sizes).compile()
    found: list[Runs] = []
    for index in range(len(tasks)):
        start = time.perf_counter()
        looks, scores = compiled(jnp.asarray(index), keys)
        looks = {key: np.asarray(values) for key, values in looks.items()}
        seconds = (time.perf_counter() - start) / config.repetitions
        found.append((looks, np.asarray(scores), _moments(config, size, per_look), seconds))
    return found


def _rival(config: Config, num_dims: int, name: str) -> list[Runs]:
    """One entry a function; the first run, which compiles, is made twice and timed once."""
    found: list[Runs] = []
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    for function in config.functions:
        task = LinearProjection(function, num_dims)  # pyright: ignore[reportArgumentType]
        options = {
            "side": config.side,
            "size": config.population_size,
            "every": config.generations_per_look,
        }
        rivals.run(name, task, 0, num_iterations=2, **options)
        start = time.perf_counter()
        runs = [
            rivals.run(
                name,
                task,
                int(host_rng(key).integers(2**31 - rivals.EMITTERS)),
                num_iterations=1 + config.num_looks * config.generations_per_look,
                **options,
            )
            for key in keys
        ]
        seconds = (time.perf_counter() - start) / config.repetitions
        looks = {key: np.stack([run[0][key] for run in runs]) for key in runs[0][0]}
        moments = _moments(config, config.population_size, config.generations_per_look)
        found.append((looks, np.stack([run[1] for run in runs]), moments, seconds))
    return found


def compare(ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Median of the paired differences (R,), and Wilcoxon's two-sided probability."""
    differences = np.asarray(ours) - np.asarray(theirs)
    return {"difference": float(np.median(differences)), "p": statistics.wilcoxon(differences)}


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the comparison.

    Args:
        config: its size.
        out: folder for ``quality_diversity.json``, ``quality_diversity.md`` and the figures.
        progress: where to show how far it is.

    Returns:
        The content of ``quality_diversity.json``. ``results``: ``cells``, one for each method and
        problem: summaries of ``qd_score``, ``coverage`` and ``best`` after all evaluations,
        ``every_qd_score`` of the runs, ``path``, the curve of the QD score at ``evaluations``, and
        ``seconds`` a run; ``tests``, of the QD score of ours against each other method.
    """
    record = results.Record(
        out / "quality_diversity.json", "quality_diversity", config, seed=config.seed
    )
    cells: list[dict[str, Any]] = []
    record.results = {"cells": cells, "tests": []}
    runs = [(dims, name) for dims in config.dims for name in config.methods]
    progress.begin(len(runs), "compiling")
    first: report.Archives = {}
    for num_dims, name in runs:
        progress.describe(f"{name}, {num_dims} dimensions")
        found = (_rival if name in _RIVALS else _ours)(config, num_dims, name)
        for function, (looks, scores, moments, seconds) in zip(
            config.functions, found, strict=True
        ):
            cells.append(
                {
                    "function": function,
                    "num_dims": num_dims,
                    "method": name,
                    **{key: statistics.summarize(values[:, -1]) for key, values in looks.items()},
                    "every_qd_score": looks["qd_score"][:, -1],
                    "evaluations": moments,
                    "path": statistics.curve(looks["qd_score"]),
                    "seconds": seconds,
                }
            )
            first[function, num_dims, name] = scores[0].reshape(config.side, config.side)
        record.save()
        progress.advance()
    for cell in cells:
        if cell["method"] not in OURS:
            continue
        record.results["tests"] += [
            {
                "function": cell["function"],
                "num_dims": cell["num_dims"],
                "ours": cell["method"],
                "other": other["method"],
                **compare(cell["every_qd_score"], other["every_qd_score"]),
            }
            for other in cells
            if other is not cell
            and (other["function"], other["num_dims"]) == (cell["function"], cell["num_dims"])
        ]
    written = [report.draw_paths(cells, config, out), report.draw_archives(first, config, out)]
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)

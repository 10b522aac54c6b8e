"""Runs the comparison of diversity, and the study that chose the setting."""

from pathlib import Path
from typing import Any

import numpy as np
from jax import Array

from experiments.common import chunks, generations, results, statistics
from experiments.common.progress import Progress
from experiments.optima import methods, report
from experiments.optima.config import Config, Rival, Setting
from tasks.functions.benchmark import rastrigin
from tasks.functions.rotated import rotated_rastrigin

TASKS = {"rastrigin": rastrigin, "rotated_rastrigin": rotated_rastrigin}


def _histories(
    task: Any, config: Config, setting: Setting | Rival, keys: Array, progress: Progress
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Histories by name, each (R, G), and the last populations (R, N, 2) in evaluation space.

    ``fitness`` is the best member's as a share of the greatest, ``entropy`` in nats, ``optima`` the
    share found so far, ``near`` the share of the population that is at one of them.
    """
    if isinstance(setting, Setting):
        search, params = methods.learned(task, config, setting)
    else:
        search, params = methods.rival(task, config, setting)

    def one_chunk(keys: Array) -> tuple[dict[str, Array], Array]:
        history = generations.run(
            search,
            task,
            keys,
            config.num_generations,
            params,
            initial_std=setting.start_std / task.scaling,
        )
        return history.metrics, task.scaling * history.genomes

    metrics, points = chunks.over_chunks(one_chunk, keys, config.chunk_size, progress.advance)
    hits = metrics["hits"]
    found = {
        "fitness": 1.0 - metrics["best_fitness"] / _greatest(),
        "entropy": metrics["entropy"],
        "optima": generations.share_found(hits, config.min_hits),
        "near": hits.sum(axis=-1) / config.population_size,
    }
    return found, points


def _greatest() -> float:
    """The fitness of a task is its distance to this value."""
    return abs(rastrigin().target)


def _cell(name: str, function: str, found: dict[str, np.ndarray]) -> dict[str, Any]:
    """The last generation, and the means over the repetitions of every generation."""
    solved = (found["optima"][:, -1] == 1.0) & (found["fitness"][:, -1] >= 0.99)
    return {
        "task": function,
        "method": name,
        **{key: statistics.summarize(values[:, -1]) for key, values in found.items()},
        "solved": float(np.mean(solved)),
        "path": {key: values.mean(axis=0) for key, values in found.items()},
    }


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the comparison and the study.

    Args:
        config: its size.
        out: folder for ``optima.json``, ``optima.md`` and the figures.
        progress: where to show how far it is.

    Returns:
        The content of ``optima.json``. ``results``: ``cells``, one for each task and method, and
        ``study``, the same for the settings that were tried on other seeds: summaries of
        ``fitness``, ``entropy``, ``optima`` and ``near`` in the last generation, ``solved``
        (share of the runs with all optima at a fitness >= 0.99) and ``path``, means of all
        generations.
    """
    record = results.Record(
        out / "optima.json", "optima", config, seed=config.seed, study_seed=config.study_seed
    )
    record.results = {"cells": [], "study": []}
    settings = (*config.learned, *config.rivals)
    runs = [(function, setting) for function in config.tasks for setting in settings]
    progress.begin(
        len(runs) * config.repetitions + len(config.study) * config.study_repetitions, "compiling"
    )
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    last: report.Populations = {}
    for function, setting in runs:
        progress.describe(f"{function}, {setting.name}")
        found, points = _histories(TASKS[function](), config, setting, keys, progress)
        record.results["cells"].append(_cell(setting.name, function, found))
        record.save()
        last[function, setting.name] = points[0]
    task = TASKS[config.tasks[0]]()
    keys = chunks.repetition_keys(config.study_seed, config.study_repetitions)
    for setting in config.study:
        progress.describe(f"study, {setting.name}")
        found, _ = _histories(task, config, setting, keys, progress)
        record.results["study"].append(_cell(setting.name, config.tasks[0], found))
        record.save()

    written = [
        *(report.draw_paths(record.results["cells"], name, config, out) for name in config.tasks),
        *(report.draw_populations(last, TASKS[name](), config, out) for name in config.tasks),
    ]
    record.results["figures"] = [path.name for path in written]
    content = record.finish()
    table = out / "optima.md"
    results.write_text(table, report.markdown(content))
    progress.print(report.terminal(content))
    for path in (record.path, table, *written):
        progress.print(f"wrote {path}")
    return content

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

    ``fitness`` is the best member's as a share of the greatest, ``entropy`` in nats, ``found`` the
    share of the optima that were found so far, ``kept`` the share of them that are kept in this
    population (`Config.min_hits`), ``near`` the share of the population that is at one of them.
    """
    if isinstance(setting, Setting):
        search, params = methods.learned(task, config, setting)
        start_std = config.start_std
    else:
        search, params = methods.rival(task, config, setting)
        start_std = setting.start_std
    # The fitness of a task is its distance to the target, the same for both.
    greatest = abs(rastrigin().target)

    def one_chunk(keys: Array) -> tuple[dict[str, Array], Array]:
        history = generations.run(
            search,
            task,
            keys,
            config.num_generations,
            params,
            initial_std=start_std / task.scaling,
            measure=methods.Measures(greatest, config.good),
        )
        return history.metrics, task.scaling * history.genomes

    metrics, points = chunks.over_chunks(one_chunk, keys, 1, progress.advance)
    hits = metrics["hits"]
    kept = (hits >= config.min_hits) & (metrics["good_hits"] >= 1)
    found = {
        "found": generations.share_found(hits, config.min_hits),
        "kept": kept.mean(axis=-1),
        "near": hits.sum(axis=-1) / config.population_size,
        "fitness": 1.0 - metrics["best_fitness"] / greatest,
        "entropy": metrics["entropy"],
    }
    return found, points


def _cell(name: str, function: str, found: dict[str, np.ndarray]) -> dict[str, Any]:
    """The last generation, and the means over the repetitions of every generation."""
    last = {key: values[:, -1] for key, values in found.items()}
    return {
        "task": function,
        "method": name,
        **{key: statistics.summarize(values) for key, values in last.items()},
        "all_found": float(np.mean(last["found"] == 1.0)),
        "all_kept": float(np.mean(last["kept"] == 1.0)),
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
        ``study``, the same for what was tried on other seeds: summaries of ``found``, ``kept``,
        ``near``, ``fitness`` and ``entropy`` in the last generation, ``all_found`` and
        ``all_kept`` (shares of the runs), and ``path``, means of all generations.
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
    return record.publish(report.markdown, report.terminal, written, progress)

"""Runs table 1: every function, method and setting; results, tables and figures."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from jax import Array

from experiments.common import chunks, results, statistics
from experiments.common.progress import Progress
from experiments.table1 import figures, report
from experiments.table1.config import Config
from experiments.table1.functions import FUNCTIONS, Group, groups
from experiments.table1.methods import LABELS, SETTINGS, Method, Points, methods
from experiments.table1.scores import score


def run(config: Config, out: Path, progress: Progress, name: str = "table1") -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``NAME.json``, ``NAME.md`` and the figures.
        progress: where to show how far it is.
        name: of the experiment.

    Returns:
        The content of ``NAME.json``. ``results``: ``functions`` (what each is), ``cells``
        (function, setting, method -> ``settings``, ``seconds`` and ``scores``, each with its value
        for every repetition and a summary), ``figures``, ``comparisons`` with the references.
    """
    record = results.Record(out / f"{name}.json", name, config, seed=config.seed)
    record.results = {"functions": {}, "cells": {}}
    cells = record.results["cells"]
    all_groups, columns = groups(config.functions), list(methods(config))
    for task_name in config.functions:
        record.results["functions"][task_name] = _describe(task_name)
        cells[task_name] = {setting: {} for setting in SETTINGS}

    shown: figures.Shown = {}
    stop, lock = threading.Event(), threading.Lock()
    progress.begin(
        sum(_repetitions(config, group) * len(group.tasks) for group in all_groups) * len(columns),
        "compiling",
    )

    def column(group: Group, method: Method) -> None:
        """One method on all functions of a group: one compilation, several cells."""
        for choice, task in enumerate(group.tasks):
            progress.describe(f"{task.name}: {LABELS[method.name]}, {method.setting}")
            cell, example = _run_cell(group, choice, method, config, progress, stop)
            with lock:
                cells[task.name][method.setting][method.name] = cell
                shown[task.name, method.setting, method.name] = example
                record.save()

    # XLA compiles on one core; a second thread uses the other. Results do not depend on it.
    with ThreadPoolExecutor(config.num_threads) as pool:
        jobs = [pool.submit(column, group, method) for group in all_groups for method in columns]
        try:
            for job in as_completed(jobs):
                job.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    order = [method.name for method in columns]
    for by_setting in cells.values():
        for setting, by_method in by_setting.items():
            by_setting[setting] = dict(sorted(by_method.items(), key=lambda x: order.index(x[0])))

    progress.describe("figures")
    tasks = [task for group in all_groups for task in group.tasks]
    written = figures.draw(tasks, shown, config, out)
    record.results["figures"] = [path.name for path in written]
    record.results["comparisons"] = {
        source: list(report.comparisons(record.results, setting, variant, source))
        for setting, variant, source in report.VIEWS
    }
    content = record.finish()
    table = out / f"{name}.md"
    results.write_text(table, report.markdown(content))

    progress.print(*report.terminal(content["results"], "protocol", "x0", "port"))
    progress.print(*report.terminal(content["results"], "fair", "final"))
    for source in ("port", "authors"):
        progress.print(report.verdict(content["results"], source))
    for path in (record.path, table, *written):
        progress.print(f"wrote {path}")
    return content


def _describe(function: str) -> dict[str, Any]:
    task = FUNCTIONS[function]()
    optima = task.optima
    return {
        "num_dims": task.num_dims,
        "target": task.target,
        "scale": task.scale,
        "max_distance": task.max_distance,
        "box": [task.low, task.high],
        "scaling": task.scaling,
        "num_optima": None if optima is None else len(optima),
    }


def _repetitions(config: Config, group: Group) -> int:
    if group.num_dims <= 4:
        return config.repetitions
    return min(config.repetitions, config.repetitions_many_dims)


def _rounded(values: np.ndarray) -> list[float]:
    """Five significant digits: far below the spread, and half the file."""
    return [float(f"{value:.5g}") for value in values.tolist()]


def _run_cell(
    group: Group,
    choice: int,
    method: Method,
    config: Config,
    progress: Progress,
    stop: threading.Event,
) -> tuple[dict[str, Any], Points]:
    """All repetitions of one cell: its part of the results, and repetition 0 for the figures."""
    keys = chunks.repetition_keys(config.seed, _repetitions(config, group))
    examples: list[Points] = []

    def one_chunk(keys: Array) -> dict[str, np.ndarray]:
        if stop.is_set():
            raise InterruptedError("stopped because another part of the run was")
        points = method.run(group, choice, keys, first=not examples)
        if not examples:
            examples.append(points.first())
        return score(group, choice, points, config)

    start = time.perf_counter()
    values = chunks.over_chunks(one_chunk, keys, method.chunk_size, progress.advance)
    seconds = time.perf_counter() - start
    cell = {
        "settings": method.describe(group.num_dims),
        "seconds": round(seconds, 3),
        "scores": {
            name: {"summary": statistics.summarize(one), "values": _rounded(one)}
            for name, one in values.items()
        },
    }
    return results.plain(cell), examples[0]

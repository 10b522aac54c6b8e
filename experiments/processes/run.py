"""Runs every method on every task of both studies."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.common import chunks, results
from experiments.common.progress import Progress
from experiments.processes import cases, report
from experiments.processes.config import Config


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``processes.json`` and ``processes.md``.
        progress: where to show how far it is.

    Returns:
        The content of ``processes.json``. ``results``: ``rates`` and ``discrete``, by task, by
        method: summaries over the runs and ``p``, by reference: paired Wilcoxon of the fitness or
        of the excess.
    """
    record = results.Record(out / "processes.json", "processes", config, seed=config.seed)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    studies = {
        "rates": (config.rates, config.rates_methods, cases.run_rates, "fitness"),
        "discrete": (config.discrete, config.discrete_methods, cases.run_discrete, "excess"),
    }
    total = sum(len(names) * len(methods) for names, methods, _, _ in studies.values())
    progress.begin(total, "compiling")
    for study, (names, methods, runner, compared) in studies.items():
        record.results[study] = {}
        for name in names:
            cells = record.results[study][name] = {}
            outcomes: dict[str, np.ndarray] = {}
            for method in methods:
                progress.describe(f"{name}: {method}")
                found = runner(config, name, method, keys)
                outcomes[method] = found[compared]
                summary = (
                    cases.summarize_rates(found)
                    if study == "rates"
                    else cases.summarize_discrete(config, found)
                )
                cells[method] = summary
                record.save()
                progress.advance(1)
            for method in methods:
                cells[method]["p"] = {
                    reference: cases.paired(outcomes[method], outcomes[reference])
                    for reference in config.references
                    if reference in outcomes and reference != method
                }
            jax.clear_caches()  # every method and task compiles anew
    return record.publish(report.markdown, report.terminal, (), progress)

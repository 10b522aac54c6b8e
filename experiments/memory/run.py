"""Runs every variant on every landscape."""

from pathlib import Path
from typing import Any

from experiments.common import chunks, results
from experiments.common.progress import Progress
from experiments.memory import cases, report
from experiments.memory.config import Config
from experiments.memory.landscapes import LANDSCAPES


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``memory.json``, ``memory.md`` and the figure.
        progress: where to show how far it is.

    Returns:
        The content of ``memory.json``. ``results``: by landscape the list of variants, see
        `experiments.memory.cases.run_variant`.
    """
    record = results.Record(out / "memory.json", "memory", config, seed=config.seed)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    variants = cases.variants(config)
    total = len(config.landscapes) * len(variants) * config.repetitions
    progress.begin(total, config.landscapes[0])
    for name in config.landscapes:
        progress.describe(name)
        landscape = LANDSCAPES[name](config)
        cells = record.results[name] = []
        for variant in variants:
            cells.append(cases.run_variant(config, variant, landscape, keys))
            record.save()
            progress.advance(config.repetitions)
    figure = report.draw(record.results, config, out)
    return record.publish(report.markdown, report.terminal, [figure], progress)

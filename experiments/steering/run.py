"""Runs the cases (a) to (d) one after the other."""

from pathlib import Path
from typing import Any

from experiments.common import chunks, results
from experiments.common.progress import Progress
from experiments.steering import cases, report
from experiments.steering.config import Config


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``steering.json``, ``steering.md`` and the figures.
        progress: where to show how far it is.

    Returns:
        The content of ``steering.json``. ``results``: ``fitness``, ``region``, ``switching`` and
        ``dynamic``, see `experiments.steering.cases`.
    """
    record = results.Record(out / "steering.json", "steering", config, seed=config.seed)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    num_cases = len(config.scales) + len(config.dynamic_memories)
    num_cases += 3 * len(config.selections) - ("wheel" in config.selections)
    progress.begin(num_cases * config.repetitions, "(a) fitness")
    record.results["fitness"] = cases.fitness(config, keys, progress.advance)
    record.save()
    progress.describe("(b) quadrant, all scales")
    record.results["region"], samples = cases.region(config, keys, progress.advance)
    record.save()
    progress.describe("(c) switching quadrant")
    record.results["switching"] = cases.switching(config, keys, progress.advance)
    record.save()
    progress.describe("(d) swapping peaks")
    record.results["dynamic"] = cases.dynamic(config, keys, progress.advance)
    record.save()
    written = [
        report.draw_cases(record.results, config, out),
        report.draw_scales(record.results, config, out),
        report.draw_samples(samples, config, out),
    ]
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)

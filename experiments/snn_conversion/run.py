"""Trains and evolves networks, converts them, disturbs both, and searches for leaky neurons."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import chunks, results, statistics
from experiments.common.progress import Progress
from experiments.snn_conversion import cases, report, sources
from experiments.snn_conversion.config import Config


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``snn_conversion.json``, ``snn_conversion.md`` and the figures.
        progress: where to show how far it is.

    Returns:
        The content of ``snn_conversion.json``. ``results["sources"]``: "dqn" and "evolved", each
        ``training`` (mean returns on the way), ``conversion`` from `cases.conversion` and
        ``robustness`` from `cases.robustness`; ``results["leaky"]`` from `cases.leaky`, and the
        ``training`` of its networks.
    """
    record = results.Record(out / "snn_conversion.json", "snn_conversion", config, seed=config.seed)
    parts = len(config.steps) * len(config.percentiles) + cases.num_robustness_parts(config)
    progress.begin(2 * (1 + parts) + 1 + config.leaky_repetitions, "networks")
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    record.results["sources"] = {}
    for name in ("dqn", "evolved"):
        progress.describe(f"{name}: networks")
        if name == "dqn":
            source, training = sources.trained(config, config.hidden, keys)
        else:
            source, population = sources.evolved(config, keys)
            training = [
                [float(part.mean()) for part in np.array_split(row, 10) if part.size]
                for row in population
            ]
        progress.advance(1)
        seen = cases.observe(config, source, keys)
        progress.describe(f"{name}: conversion")
        found: dict[str, Any] = {"training": training}
        record.results["sources"][name] = found
        found["conversion"] = cases.conversion(config, source, seen, keys, progress.advance)
        record.save()
        progress.describe(f"{name}: perturbations")
        found["robustness"] = cases.robustness(config, source, seen, keys, progress.advance)
        found["clean"] = {
            side: statistics.summarize(values)
            for side, values in found["robustness"]["clean"].items()
        }
        record.save()

    progress.describe("leaky neurons")
    keys = chunks.repetition_keys(config.seed + 1, config.leaky_repetitions)
    source, training = sources.trained(config, config.leaky_hidden, keys)
    progress.advance(1)
    seen = cases.observe(config, source, keys)
    record.results["leaky"] = {
        "training": training,
        "networks": cases.leaky(config, source, seen, keys, progress.advance),
    }
    written = [
        report.draw_conversion(record.results, config, out),
        report.draw_curves(record.results, config, out),
        report.draw_places(record.results, config, out),
    ]
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)

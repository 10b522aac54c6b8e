"""The limit, the simulations, evolved policies, and policies that favour a group."""

from pathlib import Path
from typing import Any

from experiments.alignment import cases, report
from experiments.alignment.config import Config
from experiments.common import chunks, results
from experiments.common.progress import Progress


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``alignment.json``, ``alignment.md`` and the figures.
        progress: where to show how far it is.

    Returns:
        The content of ``alignment.json``. ``results``: ``limit``, ``simulations``, ``policies``,
        ``favour`` and ``examples``, see `experiments.alignment.cases`.
    """
    record = results.Record(out / "alignment.json", "alignment", config, seed=config.seed)
    found = record.results
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    progress.begin(4, "limit")
    found["limit"] = cases.limit(config)
    progress.advance()
    progress.describe("simulations")
    found["simulations"] = cases.simulations(config)
    record.save()
    progress.advance()
    progress.describe("policies")
    found["policies"], genomes = cases.evolve(config, keys)
    record.save()
    progress.advance()
    progress.describe("favoured groups")
    found["favour"] = cases.favour(config, keys)
    progress.advance()
    found["examples"] = cases.examples(config, genomes)
    written = [report.draw_simulations(found, out), report.draw_fronts(found, out)]
    return record.publish(report.markdown, report.terminal, written, progress)

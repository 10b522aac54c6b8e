"""Runs the parts of the study, each by itself if asked for; one results file for all."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.common import results
from experiments.common.progress import Progress
from experiments.default_search import cost, few_generations, many_dims, report
from experiments.default_search.config import Config

Results = dict[str, Any]
Part = Callable[[Config, Progress, Callable[[Results], None]], Results]


def parts(config: Config) -> dict[str, tuple[Part, int]]:
    """The parts of the study by name, and how many steps each is."""

    def reversal(case: Any) -> Part:
        return lambda config, progress, save: many_dims.reversal(config, case, progress, save)

    return {
        **{case.name: (reversal(case), len(case.methods)) for case in config.reversals},
        "memory": (many_dims.memory, len(config.memory_methods) * len(config.memory)),
        "cartpole": (few_generations.cartpole, len(config.cartpole_rows)),
        "table1": (few_generations.table1, len(config.table1_rows) * len(config.functions)),
        "cost": (cost.times, len(config.timed)),
    }


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study, or the parts that the config names.

    Args:
        config: its size.
        out: folder for ``default_search.json``, ``default_search.md`` and ``reversal.png``. Parts
            that are there and not asked for are kept.
        progress: where to show how far it is.

    Returns:
        The content of ``default_search.json``. ``results``: by part what its function returns, and
        ``provenance`` and ``seconds`` of that part, which may have been run by itself.

    Raises:
        ValueError: for a part that does not exist.
    """
    known = parts(config)
    chosen = config.parts or tuple(known)
    if unknown := set(chosen) - set(known):
        raise ValueError(f"parts: expected names out of {tuple(known)}, got {sorted(unknown)}")
    record = results.Record(out / "default_search.json", "default_search", config, seed=config.seed)
    progress.begin(sum(known[name][1] for name in chosen), "default search")
    for name in chosen:
        start = time.perf_counter()

        def save(found: Results, name=name, start=start) -> None:
            # Read anew: another process may have run another part meanwhile.
            there = _on_disk(record.path, known)
            seconds = round(time.perf_counter() - start, 1)
            there[name] = {**found, "provenance": record.provenance, "seconds": seconds}
            record.results = {name: there[name] for name in known if name in there}
            record.save()

        save(known[name][0](config, progress, save))
    return finish(record, out, progress)


def finish(record: results.Record, out: Path, progress: Progress) -> dict[str, Any]:
    """Write the table and the figure of the parts that there are; the record's content."""
    written = report.draw(record.results, out)
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)


def _on_disk(path: Path, known: dict[str, Any]) -> Results:
    """The parts that have been run."""
    if not path.is_file():
        return {}
    there = json.loads(path.read_text())["results"]
    return {name: part for name, part in there.items() if name in known}

"""Runs the vanilla quine, the auxiliary one, the small ones, one after the other."""

from pathlib import Path
from typing import Any

from experiments.common import chunks, results
from experiments.common.progress import Progress
from experiments.quine import cases, report
from experiments.quine.config import Config


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``quine.json``, ``quine.md`` and the figure.
        progress: where to show how far it is.

    Returns:
        The content of ``quine.json``. ``results``: the lists ``vanilla``, ``auxiliary``,
        ``relative`` and ``evolved``, see `experiments.quine.cases`.
    """
    record = results.Record(out / "quine.json", "quine", config, seed=config.seed)
    found = record.results
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    parts = (config.evolved, config.relative_sizes, config.methods, config.climbing_stds)
    progress.begin(sum(map(len, parts)) + 1, "vanilla")
    kinds: tuple[tuple[str, Any, tuple[Any, ...]], ...] = (
        ("vanilla", cases.vanilla, config.methods),
        ("vanilla", cases.climbing, config.climbing_stds),
        ("evolved", cases.evolved, config.evolved),
        ("relative", cases.relative, config.relative_sizes),
    )
    for name, function, settings in kinds:
        progress.describe(name)
        for setting in settings:
            found.setdefault(name, []).append(function(config, setting, keys))
            record.save()
            progress.advance()
    progress.describe("auxiliary")
    found["auxiliary"] = cases.auxiliary(config, keys)
    progress.advance()
    figure = report.draw(found, out)
    return record.publish(report.markdown, report.terminal, [figure], progress)

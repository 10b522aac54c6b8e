"""Runs the vanilla quine, the auxiliary one, the small ones, one after the other."""

from functools import partial
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
    jobs = [
        *(("vanilla", partial(cases.vanilla, config, one, keys)) for one in config.methods),
        *(("vanilla", partial(cases.climbing, config, one, keys)) for one in config.climbing_stds),
        *(("evolved", partial(cases.evolved, config, one, keys)) for one in config.evolved),
        *(
            ("relative", partial(cases.relative, config, one, keys))
            for one in config.relative_sizes
        ),
    ]
    progress.begin(len(jobs) + 1)
    for name, job in jobs:
        progress.describe(name)
        found.setdefault(name, []).append(job())
        record.save()
        progress.advance()
    progress.describe("auxiliary")
    found["auxiliary"] = cases.auxiliary(config, keys)
    progress.advance()
    figure = report.draw(found, out)
    return record.publish(report.markdown, report.terminal, [figure], progress)

"""Tables and the figure of the study."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, statistics, tables
from experiments.common.tables import interval
from experiments.delay_snn.config import Config

Results = dict[str, Any]
_NAMES = {
    "untrained": "untrained",
    "none": "delay STDP",
    "reward": "delay STDP, reward",
    "teacher": "delay STDP, teacher",
    "evolved": "evolved",
}


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    found = content["results"]
    shown = []
    for dataset, ways in found["accuracy"].items():
        rows = []
        for way, row in ways.items():
            gap = statistics.paired(
                row["labelled"]["values"], ways["evolved"]["labelled"]["values"]
            )
            beside = (
                ""
                if way == "evolved"
                else f"{gap['difference']:+.1f} [{gap['low']:+.1f}, {gap['high']:+.1f}]"
            )
            cells = [interval(row[name], 1) for name in ("labelled", "placed")]
            rows.append([_NAMES[way], *cells, beside])
        header = ["delays", "labelled", "by place", "labelled, less evolved"]
        shown.append((f"{dataset}: accuracy, %".capitalize(), header, rows))
    if found["jitter"]:
        jitters = list(next(iter(found["jitter"].values())))
        rows = [
            [_NAMES[way], *(interval(row[jitter], 1) for jitter in jitters)]
            for way, row in found["jitter"].items()
        ]
        header = ["jitter, steps", *jitters]
        shown.append(("Patterns with more or less noise than learned: accuracy, %", header, rows))
    return shown


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    prose = (
        f"{config['repetitions']} seeds, medians with 95 % bootstrap intervals; chance is 10 %. "
        f"Evolved with {content['results']['evaluations']:,} evaluations of "
        f"{config['batch_size']} samples."
    )
    return tables.document(content, prose, _all(content))


def draw(found: Results, config: Config, path: Path) -> Path:
    """Accuracy of every way, a dot a seed; and over jitter."""
    sets = found["accuracy"]
    figure, axes = figures.grid(1, len(sets) + bool(found["jitter"]), 3.2, 3.0)
    for axis, (dataset, ways) in zip(axes[0], sets.items(), strict=False):
        for number, (row, color) in enumerate(zip(ways.values(), figures.COLORS, strict=False)):
            values = row["labelled"]["values"]
            axis.plot([number] * len(values), values, "o", color=color, ms=4)
        axis.axhline(10, color="0.5", ls=":")
        axis.set(title=dataset.capitalize(), ylabel="accuracy, %", xticks=range(len(ways)))
        axis.set_xticklabels([_NAMES[way] for way in ways], rotation=35, ha="right", fontsize=7)
    for (way, row), color in zip(found["jitter"].items(), figures.COLORS, strict=False):
        figures.intervals(axes[0][-1], config.jitters, row.values(), _NAMES[way], color)
    if found["jitter"]:
        axes[0][-1].set(title="Patterns", xlabel="jitter, steps", ylabel="accuracy, %")
        axes[0][-1].legend(fontsize=6)
    return figures.save(figure, path)

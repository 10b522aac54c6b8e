"""Tables and the figure of the study."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.snn_evolved import cases
from experiments.snn_evolved.config import Config

Results = dict[str, Any]


def _gap(gap: dict[str, float]) -> str:
    return f"{gap['difference']:+.1f} [{gap['low']:+.1f}, {gap['high']:+.1f}], p = {gap['p']:.2g}"


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    found = content["results"]
    shown = []
    for kind, row in found["tuned"].items():
        rows = [
            [
                name,
                interval(row["accuracy"][name], 1),
                interval(row["spikes"][name], 1),
                "" if name == "evolved" else _gap(row["better"][name]),
            ]
            for name in row["accuracy"]
        ]
        header = ["constants", "accuracy, %", "spikes an image", "evolved is better by"]
        shown.append((f"{kind}: held-out digits".capitalize(), header, rows))
        names = list(row["constants"][0])
        rows = [[name, *(f"{one[name]:.3g}" for one in row["constants"])] for name in names]
        header = ["constant", *(f"search {i + 1}" for i in range(len(row["constants"])))]
        shown.append((f"{kind}: constants found".capitalize(), header, rows))
    for kind, row in found["front"].items():
        rows = [[name, interval(one, 1)] for name, one in row["area"].items()]
        rows.append(["difference", _gap(row["difference"])])
        title = f"{kind}: mean best accuracy with at most 1 to 1,000 spikes".capitalize()
        shown.append((title, ["search", "%"], rows))
        rows = []
        for place in range(len(row["charles_d"][0]["asked"])):
            asked = [one["asked"][place] for one in row["charles_d"]]
            cells = [
                [one["wanted"] for one in asked],
                [np.median(one["spikes"]) for one in asked],
                [np.median(one["accuracy"]) for one in asked],
            ]
            rows.append([f"{place + 1}", *(f"{np.median(cell):.1f}" for cell in cells)])
        header = ["wish", "spikes wanted", "spikes, median", "accuracy, median, %"]
        shown.append((f"{kind}: samples of the finished model".capitalize(), header, rows))
    return shown


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    number = config["repetitions"]
    prose = (
        f"{number} searches of {config['evaluations']} evaluations, medians with 95 % bootstrap "
        f"intervals, differences in pairs with Wilcoxon's p (at the least {2 / 2**number:.2g})."
    )
    return tables.document(content, prose, _all(content))


def draw(found: Results, config: Config, path: Path) -> Path:
    """Accuracy of each kind of constants, and the front against spikes."""
    figure, axes = figures.grid(2, len(found["tuned"]), 4.0, 3.0)
    for column, kind in enumerate(found["tuned"]):
        axis, row = axes[0][column], found["tuned"][kind]["accuracy"]
        for number, (one, color) in enumerate(zip(row.values(), figures.COLORS, strict=False)):
            axis.plot([number] * len(one["values"]), one["values"], "o", color=color, ms=4)
        axis.set(title=kind, ylabel="held-out accuracy, %", xticks=range(len(row)))
        axis.set_xticklabels(list(row), rotation=20, ha="right", fontsize=7)
        axis, front = axes[1][column], found["front"][kind]
        for name, color in (("random", "0.7"), ("charles_d", figures.COLORS[0])):
            for one in front[name]:
                accuracy, spikes = cases.front(
                    np.asarray(one["accuracy"]), np.asarray(one["spikes"])
                )
                axis.step(spikes + 1, accuracy, where="post", color=color, lw=1)
        for place, color in enumerate(figures.COLORS[1 : 1 + len(config.asked)]):
            for one in front["charles_d"]:
                asked = one["asked"][place]
                axis.plot(
                    np.asarray(asked["spikes"]) + 1, asked["accuracy"], ".", color=color, ms=3
                )
        axis.set(xscale="log", xlabel="spikes an image + 1", ylabel="accuracy, %")
    entries = [("random search's front", "-", "0.7"), ("CHARLES-D's", "-", figures.COLORS[0])]
    entries += [
        (f"samples, quantile {share:g}", "o", color)
        for share, color in zip(config.asked, figures.COLORS[1:], strict=False)
    ]
    figures.legend_below(figure, entries, 2)
    return figures.save(figure, path)

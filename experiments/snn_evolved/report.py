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


_LEARNED = {"few": "learned from as few images as in the search", "all": "learned from all images"}


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    found = content["results"]
    shown = []
    for kind, searches in found["searches"].items():
        for images, row in found["tuned"][kind].items():
            best = next(name for name in row["accuracy"] if name not in row["better"])
            rows = [
                [
                    name,
                    interval(row["accuracy"][name], 1),
                    interval(row["spikes"][name], 1),
                    "" if name == best else _gap(row["better"][name]),
                ]
                for name in row["accuracy"]
            ]
            header = ["constants", "accuracy, %", "spikes an image", f"{best} is better by"]
            title = f"{kind}: held-out digits, {_LEARNED[images]}".capitalize()
            shown.append((title, header, rows))
        names = list(searches[0]["constants"])
        rows = [[name, *(f"{one['constants'][name]:.3g}" for one in searches)] for name in names]
        header = ["constant", *(f"search {i + 1}" for i in range(len(searches)))]
        shown.append((f"{kind}: constants found".capitalize(), header, rows))
        front = found["front"][kind]
        rows = [[name, interval(one, 1)] for name, one in front["area"].items()]
        rows.append(["difference", _gap(front["difference"])])
        title = f"{kind}: mean best accuracy with at most 1 to 1,000 spikes".capitalize()
        shown.append((title, ["search", "%"], rows))
        rows = []
        for place in range(len(searches[0]["charles_d"]["asked"])):
            asked = [one["charles_d"]["asked"][place] for one in searches]
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
    figure, axes = figures.grid(3, len(found["searches"]), 4.0, 3.0)
    for column, (kind, searches) in enumerate(found["searches"].items()):
        for above, (images, tuned) in enumerate(found["tuned"][kind].items()):
            axis, row = axes[above][column], tuned["accuracy"]
            for number, (one, color) in enumerate(zip(row.values(), figures.COLORS, strict=False)):
                axis.plot([number] * len(one["values"]), one["values"], "o", color=color, ms=4)
            axis.set(ylabel="held-out accuracy, %", xticks=range(len(row)))
            axis.set_title(f"{kind}, {_LEARNED[images]}", fontsize=8)
            axis.set_xticklabels(list(row), rotation=20, ha="right", fontsize=7)
        axis = axes[2][column]
        for name, color in (("random", "0.7"), ("charles_d", figures.COLORS[0])):
            for one in searches:
                accuracy, spikes = cases.front(
                    np.asarray(one[name]["accuracy"]), np.asarray(one[name]["spikes"])
                )
                axis.step(spikes + 1, accuracy, where="post", color=color, lw=1)
        for place, color in enumerate(figures.COLORS[1 : 1 + len(config.asked)]):
            for one in searches:
                asked = one["charles_d"]["asked"][place]
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

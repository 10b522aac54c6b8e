"""Tables and figures of the conversion study."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.common import figures, statistics, tables
from experiments.common.tables import interval
from experiments.snn_conversion.cases import PERTURBATIONS, at_least_one
from experiments.snn_conversion.config import Config

Results = dict[str, Any]
SOURCES = {"dqn": "trained by DQN", "evolved": "evolved"}
SIDES = {"ann": "ReLU network", "snn": "spiking", "snn_own": "spiking, its own gradient"}
COLORS = dict(zip(SIDES, figures.COLORS, strict=False))
_TESTS = PERTURBATIONS | {"attack_own": "attack, each by its own gradient"}


def _source_rows(found: Results) -> list[list[str]]:
    return [
        [
            SOURCES[name],
            interval(source["clean"]["ann"], 2),
            interval(source["clean"]["snn"], 2),
        ]
        for name, source in found["sources"].items()
    ]


def _conversion_rows(cells: list[Results]) -> list[list[str]]:
    return [
        [
            f"{cell['steps']}",
            f"{cell['percentile']:g}",
            interval(cell["agreement"], 3),
            interval(cell["share"], 2),
        ]
        for cell in cells
    ]


def _curve_rows(source: Results) -> list[list[str]]:
    """Mean return over the networks at every strength."""
    rows = []
    for name, curve in source["robustness"]["curves"].items():
        for i, strength in enumerate(curve["strengths"]):
            cells = [
                interval(statistics.summarize(np.asarray(curve[side])[:, i]), 2)
                if side in curve
                else ""
                for side in SIDES
            ]
            rows.append([f"{PERTURBATIONS[name]} {strength:g}", *cells])
    return rows


def _test_rows(source: Results) -> list[list[str]]:
    def said(test: Results) -> list[str]:
        interval = f"[{test['low']:+.3f}, {test['high']:+.3f}]"
        return [f"{test['difference']:+.3f} {interval}", f"{test['p']:.3f}"]

    return [
        [_TESTS[name], *said(test["kept"]), *said(test["left"])]
        for name, test in source["robustness"]["tests"].items()
    ]


def _leaky_rows(found: Results) -> list[list[str]]:
    names = ("ann", "integrate_and_fire", "normalized", "random", "evolved")
    networks = found["leaky"]["networks"]
    return [
        [
            f"{number + 1}",
            *(f"{networks[name][number]:.2f}" for name in names),
            ", ".join(f"{scale:.2g}" for scale in scales),
        ]
        for number, scales in enumerate(networks["scales"])
    ]


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    found = content["results"]
    shown = [
        ("Undisturbed return", ["networks", SIDES["ann"], SIDES["snn"]], _source_rows(found)),
    ]
    for name, source in found["sources"].items():
        who = SOURCES[name]
        shown += [
            (
                f"Conversion: {who}",
                ["T", "percentile", "same action", "return, share of the network's"],
                _conversion_rows(source["conversion"]),
            ),
            (
                f"Does the conversion keep more? {who}",
                ["under", "kept, spiking less ReLU", "p", "left, spiking less ReLU", "p"],
                _test_rows(source),
            ),
            (f"Return: {who}", ["under", *SIDES.values()], _curve_rows(source)),
        ]
    header = ["network", "ReLU", "IF", "leaky, normalised", "random", "evolved", "scales"]
    return [*shown, ("Leaky neurons: return", header, _leaky_rows(found))]


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    return (
        "# snn_conversion: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"{config['repetitions']} networks of each source; medians with 95 % bootstrap intervals "
        f"over the networks, of mean returns of {config['num_episodes']} episodes of at most "
        f"{config['max_steps']} steps with {config['epsilon']:.0%} random actions. Perturbations "
        f"with T = {config['chosen_steps']} and percentile {config['chosen_percentile']:g}. "
        "Kept: mean over the strengths of the return in shares of the same network's undisturbed "
        "one; left: of the source's; the mean difference with a 95 % bootstrap interval, "
        "Wilcoxon's p over pairs of a network and its conversion, not corrected for their number.\n"
        + "".join(
            f"\n## {title}\n\n" + tables.markdown(header, rows)
            for title, header, rows in _all(content)
        )
    )


def draw_conversion(found: Results, config: Config, out: Path) -> Path:
    """Same action and return over T, a line for each percentile."""
    figure, axes = figures.grid(2, 2, 4.2, 2.6, sharex=True, sharey="row")
    places = np.arange(len(config.steps))
    for column, (name, source) in enumerate(found["sources"].items()):
        for row, (key, label) in enumerate(
            (("agreement", "same action"), ("share", "return, share"))
        ):
            axis = axes[row][column]
            for percentile, color in zip(config.percentiles, figures.COLORS, strict=False):
                cells = [c for c in source["conversion"] if c["percentile"] == percentile]
                middle, low, high = (
                    [cell[key][part] for cell in cells] for part in ("median", "low", "high")
                )
                figures.band(axis, places, middle, low, high, f"{percentile:g} %", color)
            axis.set(xticks=places)
            axis.set_xticklabels([str(steps) for steps in config.steps])
            axes[row][0].set(ylabel=label)
        axes[0][column].set(title=SOURCES[name])
        axes[1][column].set(xlabel="steps T")
    axes[0][0].legend(fontsize=7, loc="lower right")
    return figures.save(figure, out / "conversion.png")


def draw_curves(found: Results, config: Config, out: Path) -> Path:
    """Share of the undisturbed return that is kept, over the strength."""
    del config
    figure, axes = figures.grid(2, len(PERTURBATIONS), 3.0, 2.5, sharey=True)
    for row, (name, source) in zip(axes, found["sources"].items(), strict=True):
        robustness = source["robustness"]
        for axis, (kind, label) in zip(row, PERTURBATIONS.items(), strict=True):
            curve = robustness["curves"][kind]
            for side, text in SIDES.items():
                if side not in curve:
                    continue
                clean = at_least_one(robustness["clean"][side[:3]])
                kept = np.asarray(curve[side]) / clean[:, None]
                kept = np.concatenate([np.ones((kept.shape[0], 1)), kept], axis=1)
                parts = [statistics.summarize(column) for column in kept.T]
                middle, low, high = (
                    [part[key] for part in parts] for key in ("median", "low", "high")
                )
                figures.band(axis, [0, *curve["strengths"]], middle, low, high, text, COLORS[side])
            axis.set(xlabel=label)
        row[0].set(ylabel=f"{SOURCES[name]}\nreturn kept")
    axes[0][-1].legend(fontsize=7)
    return figures.save(figure, out / "curves.png")


def draw_places(found: Results, config: Config, out: Path) -> Path:
    """Return behind a bar of one row, over its place."""
    del config
    figure, axes = figures.grid(1, 2, 4.2, 2.6)
    for axis, (name, source) in zip(axes[0], found["sources"].items(), strict=True):
        robustness = source["robustness"]
        for side, values in robustness["places"].items():
            clean = at_least_one(robustness["clean"][side])
            kept = np.asarray(values) / clean[:, None]
            parts = [statistics.summarize(column) for column in kept.T]
            figures.intervals(axis, np.arange(len(parts)), parts, SIDES[side], COLORS[side])
        axis.set(xlabel="row hidden, 0 at the top", title=SOURCES[name], xticks=range(10))
    axes[0][0].set(ylabel="return kept")
    axes[0][0].legend(fontsize=7)
    return figures.save(figure, out / "places.png")

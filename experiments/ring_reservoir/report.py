"""Tables and the figure of the reservoirs."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.ring_reservoir.config import Config

Results = dict[str, Any]
_TITLES = {"digits": "Digits", "fashion": "Fashion-MNIST"}
# arXiv 2507.21377's repository, imgs/test_accuracy.png: MNIST, 60,000 images, mean and sd.
MNIST = {
    50: (83.8, 2.5),
    100: (85.8, 2.1),
    150: (86.9, 1.9),
    200: (87.5, 2.1),
    250: (87.1, 2.6),
    300: (87.9, 2.4),
    350: (87.0, 3.3),
    400: (88.1, 2.5),
    450: (88.5, 3.5),
    500: (88.5, 3.1),
}


def _of(row: Results, name: str = "accuracy") -> str:
    return interval(row[name], 1)


def _rings(found: Results, dataset: str) -> list[list[str]]:
    rows = []
    for number, row in found["rings"][dataset].items():
        published = MNIST.get(int(number))
        same = found["same_start"].get(number) if dataset == "digits" else None
        rows.append(
            [
                f"{number} rings",
                f"{row['features']['median']:,.0f}",
                _of(row),
                f"{row['accuracy']['mean']:.1f} ± {row['accuracy']['sd']:.1f}",
                _of(row, "reference"),
                f"{row['reference_known']['mean']:.1f}",
                _of(found["thresholds"][dataset][number]),
                _of(same) if same else "",
                f"{row['spikes']['median']:,.0f}",
                f"{row['milliseconds']['median']:.2f}",
                f"{published[0]} ± {published[1]}" if published else "",
            ]
        )
    pixels = found["pixels"][dataset]
    mean = f"{pixels['accuracy']['mean']:.1f} ± {pixels['accuracy']['sd']:.1f}"
    known = f"{pixels['reference_known']['mean']:.1f}"
    blank = [""] * 5
    return [
        *rows,
        ["pixels", "", _of(pixels), mean, _of(pixels, "reference"), known, *blank],
    ]


def _constants(found: Results) -> list[list[str]]:
    rows = []
    for number, ways in found["constants"]["judged"].items():
        for way, row in ways.items():
            gain = found["constants"]["gains"][number].get(way)
            rows.append(
                [
                    f"{number} rings, {way}",
                    _of(row),
                    f"{row['accuracy']['mean']:.1f} ± {row['accuracy']['sd']:.1f}",
                    f"{row['spikes']['median']:,.0f}",
                    f"{row['synapses']['median']:,.0f}",
                    ""
                    if gain is None
                    else f"{gain['difference']:.1f} [{gain['low']:.1f}, {gain['high']:.1f}]",
                    "" if gain is None else f"{gain['p']:.2g}",
                ]
            )
    return rows


def _designs(found: Results) -> list[list[str]]:
    names = ("coupling", "gain", "rewiring", "density", "smallest_ring", "largest_ring")
    rows = []
    for way in ("paper", "paper's best", "random search", "evolved"):
        designs = found["constants"]["designs"][way]
        for number, design in enumerate(designs[:1] if way.startswith("paper") else designs):
            called = way if way.startswith("paper") else f"{way}, {number + 1}"
            rows.append([called, *(f"{design[name]:.3g}" for name in names)])
    return rows


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    config, found = content["config"], content["results"]
    header = [
        "",
        "features",
        "accuracy, %",
        "mean ± sd",
        "alpha 1e-4",
        "known images",
        "threshold units",
        "same start",
        "spikes",
        "processor ms an image",
        "paper, MNIST",
    ]
    shown = [
        (title, header, _rings(found, name))
        for name, title in _TITLES.items()
        if name in found["rings"]
    ]
    cells = {(row["coupling"], row["rewiring"]): row for row in found["map"]}
    shown.append(
        (
            f"Digits, {config['side_rings']} rings: accuracy by coupling and rewiring, %",
            ["eps", *(f"p {rewiring:g}" for rewiring in config["map_rewirings"])],
            [
                [f"{coupling:g}", *(_of(cells[coupling, p]) for p in config["map_rewirings"])]
                for coupling in config["map_couplings"]
            ],
        )
    )
    shown.append(
        (
            f"Digits, {config['side_rings']} rings: one constant changed",
            ["", "accuracy, %", "mean ± sd", "spikes", "synapses"],
            [
                [
                    f"{name} {value}",
                    _of(row),
                    f"{row['accuracy']['mean']:.1f} ± {row['accuracy']['sd']:.1f}",
                    f"{row['spikes']['median']:,.0f}",
                    f"{row['synapses']['median']:,.0f}",
                ]
                for name, rows in found["alone"].items()
                for value, row in rows.items()
            ],
        )
    )
    if found["coarse"]:
        shown.append(
            (
                f"Steps of time: Fashion-MNIST, {config['coarse_rings']} rings, "
                f"{config['coarse_train']:,} images to train on",
                ["dt", "steps", "accuracy, %", "mean ± sd", "spikes", "processor ms an image"],
                [
                    [
                        f"{row['dt']:g}",
                        f"{1017 * row['steps_per_row']:,}",
                        _of(row),
                        f"{row['accuracy']['mean']:.1f} ± {row['accuracy']['sd']:.1f}",
                        f"{row['spikes']['median']:,.0f}",
                        f"{row['milliseconds']['median']:.2f}",
                    ]
                    for row in found["coarse"]
                ],
            )
        )
    shown.append(
        (
            "Digits: evolved constants, on images never seen, in new networks",
            [
                "constants",
                "accuracy, %",
                "mean ± sd",
                "spikes",
                "synapses",
                "evolved are better by, points",
                "p",
            ],
            _constants(found),
        )
    )
    shown.append(
        (
            "The constants",
            ["", "coupling", "gain", "rewiring", "density", "smallest ring", "largest ring"],
            _designs(found),
        )
    )
    return shown


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    evaluations = (config["generations"] + config["looks"]) * config["population_size"]
    prose = (
        f"{config['repetitions']} networks, {config['fashion_repetitions']} on Fashion-MNIST, "
        f"{config['side_repetitions']} of the map and of constants changed alone, each with images "
        "of its own; medians with 95 % bootstrap intervals. Alpha of the ridge by a fifth of the "
        "images to train on, else where it says 1e-4, the paper's. Known images: mean with alpha "
        "1e-4. Threshold units: as many random ones as the reservoir has features. Same start: all "
        "images meet the rings in the same phases. Spikes: pulses an image. Searches: "
        f"{evaluations} evaluations each; a judged number is the mean of {config['judged']} "
        "networks, differences are paired by network, with a 95 % interval and Wilcoxon's p."
    )
    return tables.document(content, prose, _all(content))


def _line(axis: Any, rows: Results, label: str, color: str, name: str = "accuracy") -> None:
    summaries = [row[name] for row in rows.values()]
    figures.intervals(axis, [int(number) for number in rows], summaries, label, color)


def draw(found: Results, config: Config, path: Path) -> Path:
    """Accuracy over rings, the map, each constant alone, evolved constants."""
    sets = list(found["rings"])
    figure, axes = figures.grid(1, len(sets) + 3, 3.3, 3.1)
    panels = list(axes[0])
    for axis, dataset in zip(panels, sets, strict=False):
        _line(axis, found["rings"][dataset], "reservoir", figures.COLORS[0])
        if dataset == "digits":
            _line(axis, found["same_start"], "the same start", figures.COLORS[2])
        _line(axis, found["rings"][dataset], "alpha 1e-4", figures.COLORS[1], "reference")
        _line(axis, found["thresholds"][dataset], "threshold units", figures.COLORS[3])
        pixels = found["pixels"][dataset]["accuracy"]["median"]
        axis.axhline(pixels, color="0.4", ls=":", label="pixels")
        if dataset == "fashion":
            numbers = list(MNIST)
            axis.errorbar(
                numbers,
                [MNIST[number][0] for number in numbers],
                [MNIST[number][1] for number in numbers],
                fmt="x",
                ms=4,
                lw=0.7,
                color="0.55",
                label="paper, on MNIST",
            )
        axis.set(title=_TITLES[dataset], xlabel="rings", ylabel="accuracy, %", xscale="log")
        ticks = [int(number) for number in found["rings"][dataset]]
        axis.set_xticks(ticks, labels=[str(tick) for tick in ticks])
        axis.set_xticks([], minor=True)
        axis.legend(fontsize=6)
    map_axis, alone_axis, last = panels[len(sets) :]
    values = np.array([row["accuracy"]["mean"] for row in found["map"]]).reshape(
        len(config.map_couplings), -1
    )
    shade = {"vmin": values.min(), "vmax": values.max() + 0.4 * np.ptp(values)}
    map_axis.imshow(values, origin="lower", cmap="YlGn", aspect="auto", **shade)
    for (i, j), value in np.ndenumerate(values):
        map_axis.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=7)
    map_axis.grid(False)
    map_axis.set_xticks(range(values.shape[1]), labels=[f"{p:g}" for p in config.map_rewirings])
    map_axis.set_yticks(range(len(values)), labels=[f"{e:g}" for e in config.map_couplings])
    map_axis.set(title="Digits: accuracy, %", xlabel="p", ylabel="eps")
    for (name, rows), color in zip(found["alone"].items(), figures.COLORS, strict=False):
        means = [row["accuracy"]["mean"] for row in rows.values()]
        label = f"{name}: {', '.join(f'{float(value):.3g}' for value in rows)}"
        alone_axis.plot(range(len(means)), means, "o-", ms=3, color=color, label=label)
    alone_axis.set(title="One constant changed", xlabel="its values, in turn", xticks=[])
    alone_axis.set(ylabel="accuracy, %")
    alone_axis.legend(fontsize=5.5)
    judged = found["constants"]["judged"]
    for (number, ways), color in zip(judged.items(), figures.COLORS, strict=False):
        for place, row in enumerate(ways.values()):
            runs = row["accuracy"]["values"]
            label = None if place else f"{number} rings"
            last.plot([place] * len(runs), runs, "o", ms=3, color=color, label=label)
            last.plot(place, row["accuracy"]["mean"], "_", color=color, ms=14)
    last.set(title="Constants", ylabel="accuracy, %")
    names = list(next(iter(judged.values())))
    last.set_xticks(range(len(names)), labels=[name.replace(" ", "\n") for name in names])
    last.legend(fontsize=6)
    return figures.save(figure, path)

"""Tables and figures of the comparison of diversity."""

import math
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.stats
from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.optima.config import Config

# (task, method) -> the last population of the first repetition (N, 2), in evaluation space
Populations = dict[tuple[str, str], np.ndarray]
_HEADER = [
    "method",
    "found, mean",
    "found, median",
    "after a quarter",
    "kept, median",
    "all kept",
    "at optima",
    "fitness",
    "entropy, nats",
]
_MEASURES = {
    "found": "optima found so far",
    "kept": "optima kept",
    "near": "population at optima",
    "entropy": "entropy, nats",
}


def mean_interval(summary: dict[str, Any]) -> tuple[float, float, float]:
    """(mean, low, high), the 95 % interval by Student's t."""
    mean, count = summary["mean"], summary["n"]
    half = 0.0
    if count > 1:
        half = float(scipy.stats.t.ppf(0.975, count - 1)) * summary["sd"] / math.sqrt(count)
    return mean, mean - half, mean + half


def _percent(cell: dict[str, Any]) -> str:
    return f"{100 * cell['median']:.0f} % [{100 * cell['low']:.0f}, {100 * cell['high']:.0f}]"


def _row(cell: dict[str, Any]) -> list[str]:
    mean, low, high = (100 * value for value in mean_interval(cell["found"]))
    path = cell["path"]["found"]
    return [
        cell["method"],
        f"{mean:.0f} % [{max(low, 0):.0f}, {min(high, 100):.0f}]",
        _percent(cell["found"]),
        f"{100 * path[len(path) // 4]:.0f} %",
        _percent(cell["kept"]),
        f"{100 * cell['all_kept']:.0f} %",
        _percent(cell["near"]),
        *(interval(cell[key], digits) for key, digits in (("fitness", 3), ("entropy", 2))),
    ]


def terminal(content: dict[str, Any]) -> Table:
    """All methods on the first task."""
    config, cells = content["config"], content["results"]["cells"]
    rows = [_row(cell) for cell in cells if cell["task"] == config["tasks"][0]]
    # What a narrow terminal has room for.
    shown = [_HEADER.index(name) for name in ("method", "found, mean", "kept, median", "at optima")]
    header, *rows = ([row[index] for index in shown] for row in (_HEADER, *rows))
    return tables.terminal(f"Optima found: {config['tasks'][0]}", header, rows)


def markdown(content: dict[str, Any]) -> str:
    """All tables."""
    config, found = content["config"], content["results"]
    text = (
        "# optima: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"N = {config['population_size']}, {config['num_generations']} evaluated generations; all "
        "of the last one, intervals 95 %. Found: share of the optima with at least "
        f"{config['min_hits']} points within 0.25 since generation 0 (mean with its t interval, "
        "median, and the mean after a quarter of the generations). Kept: share with so many "
        "members of the last population, one of them of at least "
        f"{config['good']:g} of the greatest fitness; all kept: share of the runs. At optima: "
        "share of the last population. Fitness: the best of it, as a share of the greatest.\n"
    )
    for name in config["tasks"]:
        rows = [_row(cell) for cell in found["cells"] if cell["task"] == name]
        text += f"\n## {name}, {config['repetitions']} runs\n\n" + tables.markdown(_HEADER, rows)
    if found["study"]:
        rows = [_row(cell) for cell in found["study"]]
        text += (
            f"\n## Study: {config['tasks'][0]}, {config['study_repetitions']} runs on other seeds"
            "\n\n" + tables.markdown(_HEADER, rows)
        )
    return text


def draw_paths(cells: list[dict[str, Any]], function: str, config: Config, out: Path) -> Path:
    """All measures over generations, HADES's family above its rivals."""
    shown = [cell for cell in cells if cell["task"] == function]
    learned = [setting.name for setting in config.learned]
    families = [
        [cell for cell in shown if cell["method"] in learned],
        [cell for cell in shown if cell["method"] not in learned],
    ]
    families = [family for family in families if family]
    figure, axes = figures.grid(len(families), len(_MEASURES), 3.3, 2.7, sharex=True, sharey="col")
    moments = np.arange(config.num_generations)
    for row, family in zip(axes, families, strict=True):
        for axis, (key, label) in zip(row, _MEASURES.items(), strict=True):
            for cell, color in zip(family, figures.COLORS, strict=False):
                axis.plot(moments, cell["path"][key], color=color, label=cell["method"])
            axis.set_ylabel(label)
            if key != "entropy":
                axis.set_ylim(-0.03, 1.03)
        row[-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    for axis in axes[-1]:
        axis.set_xlabel("generation")
    figure.suptitle(f"{function}: mean of {config.repetitions} runs")
    return figures.save(figure, out / f"{function}.png")


def draw_populations(last: Populations, task: Any, config: Config, out: Path) -> Path:
    """The last population of one run of every method."""
    names = [name for function, name in last if function == task.name]
    columns = math.ceil(len(names) / 2)
    figure, axes = figures.grid(2, columns, 2.1, 2.2)
    points = figures.mesh(task.low, task.high)
    side = round(len(points) ** 0.5)
    quality = np.asarray(task.quality(jnp.asarray(points / task.scaling))).reshape(side, side)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis, name in zip(axes.flat, names, strict=False):
        figures.landscape(axis, 0.6 * quality, task.low, task.high)
        axis.scatter(
            *last[task.name, name].T, s=4, color=figures.ORIGIN, alpha=0.5, linewidths=0, zorder=3
        )
        axis.scatter(*np.asarray(task.optima).T, s=30, marker="+", color=figures.POINT, zorder=4)
        axis.set_title(name, fontsize=7.5)
    figure.suptitle(
        f"{task.name}: the population of generation {config.num_generations - 1}, the first run"
    )
    return figures.save(figure, out / f"{task.name}_population.png")

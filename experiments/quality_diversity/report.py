"""The tables and figures."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.quality_diversity.config import OURS, Config

# (function, dimensions, method) -> the scores of the cells of one run (side, side), -inf: empty
Archives = dict[tuple[str, int, str], np.ndarray]
LABELS = {
    "map_elites": "MAP-Elites",
    "map_elites_line": "MAP-Elites (line)",
    "cma_me": "CMA-ME",
    "cma_mae": "CMA-MAE",
    "random": "random search",
}
_HEADER = ["method", "QD score", "coverage, %", "best score", "s a run"]


def _label(name: str) -> str:
    return LABELS.get(name, name)


def _problems(config: dict[str, Any]) -> list[tuple[str, int]]:
    return [(function, dims) for dims in config["dims"] for function in config["functions"]]


def _rows(content: dict[str, Any], function: str, num_dims: int) -> list[list[str]]:
    found = content["results"]
    here = (function, num_dims)
    rows = []
    for cell in found["cells"]:
        if (cell["function"], cell["num_dims"]) != here:
            continue
        coverage = {key: 100 * cell["coverage"][key] for key in ("median", "low", "high")}
        row = [
            _label(cell["method"]),
            interval(cell["qd_score"], 1),
            interval(coverage, 1),
            interval(cell["best"], 1),
            f"{cell['seconds']:.2g}",
        ]
        for ours in OURS:
            p = [
                test["p"]
                for test in found["tests"]
                if (test["function"], test["num_dims"]) == here
                and (test["ours"], test["other"]) == (ours, cell["method"])
            ]
            row.append(f"{p[0]:.2g}" if p else "")
        rows.append(row)
    return rows


def terminal(content: dict[str, Any]) -> Table:
    """The last problem, without the tests."""
    function, num_dims = _problems(content["config"])[-1]
    rows = [row[: len(_HEADER)] for row in _rows(content, function, num_dims)]
    return tables.terminal(f"LP {function}, {num_dims} dimensions", _HEADER, rows)


def markdown(content: dict[str, Any]) -> str:
    """All tables."""
    config = content["config"]
    budget = Config(**config).budget
    text = (
        "# quality_diversity: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"{budget:,} evaluations, {config['side']} x {config['side']} cells, "
        f"{config['repetitions']} runs: medians with 95 % bootstrap intervals. QD score: sum of "
        "the elites' scores over the number of cells, at most 100. p: Wilcoxon's two-sided "
        "signed-rank test of the QD score against one of ours, runs paired by number, not "
        "corrected for the number of tests. Seconds are without compiling; ours runs all "
        "repetitions at once.\n"
    )
    header = [*_HEADER, *(f"p against {ours}" for ours in OURS)]
    for function, num_dims in _problems(config):
        text += f"\n## LP {function}, {num_dims} dimensions\n\n" + tables.markdown(
            header, _rows(content, function, num_dims)
        )
    return text


def draw_paths(cells: list[dict[str, Any]], config: Config, out: Path) -> Path:
    """QD score over evaluations, a panel a problem."""
    problems = [(function, dims) for dims in config.dims for function in config.functions]
    figure, axes = figures.grid(1, len(problems), 3.2, 2.9, sharex=True)
    colors = (*figures.COLORS, "0.45", "#8c564b", "#9467bd", "#7f7f00", "#17becf")
    for axis, (function, num_dims) in zip(axes[0], problems, strict=True):
        shown = [c for c in cells if (c["function"], c["num_dims"]) == (function, num_dims)]
        for cell, color in zip(shown, colors, strict=False):
            thousands = np.asarray(cell["evaluations"]) / 1000
            style = "-" if cell["method"] in OURS else "--"
            axis.plot(
                thousands,
                cell["path"]["median"],
                style,
                color=color,
                label=_label(cell["method"]),
            )
            if cell["method"] in OURS:
                low, high = cell["path"]["low"], cell["path"]["high"]
                axis.fill_between(thousands, low, high, color=color, alpha=0.18, linewidth=0)
        axis.set_title(f"LP {function}, {num_dims} dimensions")
        axis.set_xlabel("evaluations, thousands")
    axes[0, 0].set_ylabel("QD score")
    axes[0, -1].legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1.02, 0.5))
    return figures.save(figure, out / "paths.png")


def draw_archives(archives: Archives, config: Config, out: Path) -> Path:
    """The archive of the first run of every method: rows are problems, yellow is a good score."""
    problems = [(function, dims) for dims in config.dims for function in config.functions]
    figure, axes = figures.grid(len(problems), len(config.methods), 1.35, 1.45)
    for index, (function, num_dims) in enumerate(problems):
        row = axes[index]
        for axis, name in zip(row, config.methods, strict=True):
            scores = archives[function, num_dims, name]
            axis.imshow(
                np.ma.masked_invalid(scores).T,
                origin="lower",
                cmap="viridis",
                vmin=0,
                vmax=100,
                interpolation="nearest",
            )
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
            if index == 0:
                axis.set_title(_label(name).replace(", ", ",\n"), fontsize=7)
        row[0].set_ylabel(f"{function}, {num_dims}", fontsize=8)
    return figures.save(figure, out / "archives.png")

"""Tables and figures of the niching comparison."""

from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
from rich.table import Table

from experiments.common import figures, statistics, tables
from experiments.niching.config import Config

_LABELS = {
    "ours": "ours",
    "random_search": "random search",
    "evosax_diffusion_evolution": "evosax DiffusionEvolution",
    "evosax_cma_es": "evosax CMA_ES, restarted",
    "evosax_sv_cma_es": "evosax SV_CMA_ES",
    "evosax_differential_evolution": "evosax DifferentialEvolution",
    "scipy_differential_evolution": "scipy differential_evolution",
    "pycma_ipop": "pycma, IPOP",
    "pycma_bipop": "pycma, BIPOP",
}
_MEASURES = ("peak_ratio", "success_rate", "f1", "dynamic_f1")
_COLUMNS = {"cec2013_": "F1 to F10", "composed_": "composed", "": "all"}


def summarize(config: Config, lines: dict[tuple[str, str], list[dict[str, Any]]]) -> dict[str, Any]:
    """Means over the runs of every cell, and ours against the others.

    Args:
        config: for the order.
        lines: of the store, by function and method.

    Returns:
        ``cells``: for each function and method the means of the measures at every accuracy,
        summaries of the runs' mean peak ratio (over the accuracies), reported solutions,
        evaluations and seconds, and the mean curve. ``comparisons``: for each rival the functions
        on which ours has the higher, equal or lower mean peak ratio, and the two-sided p of
        Wilcoxon's signed-rank test over the functions.
    """
    cells = []
    for (function, method), runs in lines.items():
        if not runs:
            continue
        cell: dict[str, Any] = {"function": function, "method": method, "runs": len(runs)}
        for name in _MEASURES:
            cell[name] = np.mean([run[name] for run in runs], axis=0)
        cell["mean_peak_ratio"] = statistics.summarize([np.mean(run["peak_ratio"]) for run in runs])
        for name in ("num_reported", "evaluations", "seconds"):
            cell[name] = statistics.summarize([run[name] for run in runs])
        cell["budget"] = runs[0]["protocol"]["budget"]
        cell["curve"] = np.mean([run["curve"] for run in runs], axis=0)
        cells.append(cell)
    return {"cells": cells, "comparisons": _compare(config, cells)}


def _compare(config: Config, cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    means = {(cell["function"], cell["method"]): cell["mean_peak_ratio"]["mean"] for cell in cells}
    found = []
    for method in config.methods:
        names = [name for name, rival in means if rival == method and (name, "ours") in means]
        if method == "ours" or not names:
            continue
        gaps = np.array([means[name, "ours"] - means[name, method] for name in names])
        p = 1.0
        if np.any(gaps != 0):
            p = float(np.asarray(scipy.stats.wilcoxon(gaps, zero_method="zsplit"))[1])
        found.append(
            {
                "method": method,
                "functions": len(names),
                "higher": int(np.sum(gaps > 0)),
                "equal": int(np.sum(gaps == 0)),
                "lower": int(np.sum(gaps < 0)),
                "mean_gap": float(gaps.mean()),
                "p": p,
            }
        )
    return found


def _overall(
    config: dict[str, Any], cells: list[dict[str, Any]]
) -> tuple[list[str], list[list[str]]]:
    """Mean peak ratio of every method over families of functions."""
    finest = f"{config['accuracies'][-1]:g}"
    header = ["method", *_COLUMNS.values(), f"all, at {finest}", "F1", "dynamic F1", "functions"]
    rows = []
    for method in config["methods"]:
        mine = [cell for cell in cells if cell["method"] == method]
        if not mine:
            continue
        row = [_LABELS[method]]
        for prefix in _COLUMNS:
            family = [
                np.mean(cell["peak_ratio"]) for cell in mine if cell["function"].startswith(prefix)
            ]
            row.append(f"{np.mean(family):.3f}" if family else "")
        row.append(f"{np.mean([cell['peak_ratio'][-1] for cell in mine]):.3f}")
        row += [f"{np.mean([cell[name] for cell in mine]):.3f}" for name in ("f1", "dynamic_f1")]
        rows.append([*row, str(len(mine))])
    return header, rows


def terminal(content: dict[str, Any]) -> Table:
    """One row a method."""
    header, rows = _overall(content["config"], content["results"]["cells"])
    return tables.terminal("Peak ratio, mean over the accuracies", header, rows)


def markdown(content: dict[str, Any]) -> str:
    """All tables."""
    config, found = content["config"], content["results"]
    cells = found["cells"]
    accuracies = [f"{accuracy:g}" for accuracy in config["accuracies"]]
    text = (
        "# niching: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}. Written by the "
        "run; do not edit.\n\n"
        "Peak ratio: share of the global optima in the final report, mean over the runs (and over "
        f"the accuracies {', '.join(accuracies)} where none is named). F1: harmonic mean of the "
        "peak ratio and of the share of reported solutions that count; dynamic F1: area under F1 "
        "over the evaluations.\n\n## All functions\n\n"
    )
    text += tables.markdown(*_overall(config, cells))
    if found["comparisons"]:
        text += "\n## Ours against each\n\nFunctions on which ours has the higher mean peak "
        text += "ratio, the same, the lower; p by Wilcoxon's signed-rank test over functions.\n\n"
        text += tables.markdown(
            ["method", "higher", "equal", "lower", "mean difference", "p"],
            [
                [
                    _LABELS[one["method"]],
                    *(str(one[key]) for key in ("higher", "equal", "lower")),
                    f"{one['mean_gap']:+.3f}",
                    f"{one['p']:.2g}",
                ]
                for one in found["comparisons"]
            ],
        )
    names = list(dict.fromkeys(cell["function"] for cell in cells))
    by_cell = {(cell["function"], cell["method"]): cell for cell in cells}
    shown = [method for method in config["methods"] if any(c["method"] == method for c in cells)]
    text += "\n## By function: mean peak ratio\n\n"
    text += tables.markdown(
        ["function", *(_LABELS[method] for method in shown)],
        [
            [
                name,
                *(
                    f"{np.mean(by_cell[name, method]['peak_ratio']):.3f}"
                    if (name, method) in by_cell
                    else ""
                    for method in shown
                ),
            ]
            for name in names
        ],
    )
    header = [
        "function",
        *(f"PR at {accuracy}" for accuracy in accuracies),
        "F1",
        "dynamic F1",
        "reported, median",
        "evaluations, median",
        "seconds, median",
        "runs",
    ]
    for method in shown:
        rows = [
            [
                cell["function"],
                *(f"{ratio:.3f}" for ratio in cell["peak_ratio"]),
                *(f"{np.mean(cell[name]):.3f}" for name in ("f1", "dynamic_f1")),
                f"{cell['num_reported']['median']:.0f}",
                f"{cell['evaluations']['median']:,.0f}",
                f"{cell['seconds']['median']:.1f}",
                str(cell["runs"]),
            ]
            for cell in cells
            if cell["method"] == method
        ]
        text += f"\n## {_LABELS[method]}\n\n" + tables.markdown(header, rows)
    return text


def draw_curves(cells: list[dict[str, Any]], config: Config, out: Path) -> list[Path]:
    """Peak ratio over the evaluations at the middle accuracy, a panel a function."""
    written = []
    middle = len(config.accuracies) // 2
    colors = {
        method: (figures.COLORS * 2)[index]
        for index, method in enumerate(dict.fromkeys(("ours", *config.methods)))
    }
    styles = {
        method: "-" if index < len(figures.COLORS) else "--" for index, method in enumerate(colors)
    }
    for prefix, stem in (("cec2013_", "cec2013"), ("composed_", "composed")):
        names = [cell["function"] for cell in cells if cell["function"].startswith(prefix)]
        names = list(dict.fromkeys(names))
        if not names:
            continue
        columns = min(4, len(names))
        rows = -(-len(names) // columns)
        figure, axes = figures.grid(rows, columns, 2.6, 2.0, sharey=True)
        for axis in axes.flat[len(names) :]:
            axis.set_visible(False)
        for axis, name in zip(axes.flat, names, strict=False):
            for cell in cells:
                if cell["function"] != name:
                    continue
                curve = np.array(cell["curve"])[:, middle]
                evaluations = np.linspace(0, cell["budget"], len(curve) + 1)
                axis.plot(
                    evaluations / 1000,
                    [0, *curve],
                    color=colors[cell["method"]],
                    linestyle=styles[cell["method"]],
                    linewidth=1.8 if cell["method"] == "ours" else 1,
                )
            axis.set_title(name.removeprefix(prefix).replace("_", " "), fontsize=8)
            axis.set_ylim(-0.03, 1.03)
        for axis in axes[:, 0]:
            axis.set_ylabel("peak ratio")
        for axis in axes[-1]:
            axis.set_xlabel("evaluations, 1000")
        shown = [method for method in colors if any(cell["method"] == method for cell in cells)]
        entries = [(_LABELS[name], styles[name], colors[name]) for name in shown]
        figures.legend_below(figure, entries, columns)
        figure.suptitle(f"peak ratio at accuracy {config.accuracies[middle]:g}", fontsize=9)
        written.append(figures.save(figure, out / f"{stem}.png"))
    return written

"""Tables and the figure of the quine experiment."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval

Results = dict[str, Any]
# arXiv 1803.05859 as quoted in a report on it: SSE at the start and at the end.
_PAPER = {
    "Adamax": "32.10",
    "SGD": "about 66",
    "momentum": "about 64.5",
    "Adam": "about 56.5",
    "regeneration, Adamax": ".86",
    "hill-climbing, 0.0001": "about 64",
    "quine and classifier": "80 to 260",
}
_METHODS = {"niching": "Niching Diffusion Evolution", "cma_es": "CMA-ES"}


def _scientific(summary: Results) -> str:
    median, low, high = (f"{summary[key]:.2g}" for key in ("median", "low", "high"))
    return f"{median} [{low}, {high}]"


def _errors(row: Results) -> list[str]:
    end = row["end"]
    return [
        interval(row["start"]["sse"], 1),
        interval(end["sse"], 2),
        _PAPER.get(row["method"], ""),
        interval(end["norm"], 2),
        interval(end["relative"], 3),
        interval(end["r2"], 3),
    ]


_HEADER = ["", "epochs", "SSE at the start", "at the end", "paper", "Σθ²", "relative error", "R²"]
_SMALL = ["", "weights", "budget", "SSE", "Σθ²", "relative error", "10th copy"]


def _vanilla(found: Results) -> tuple[list[str], list[list[str]]]:
    return _HEADER, [[row["method"], str(row["epochs"]), *_errors(row)] for row in found["vanilla"]]


def _auxiliary(found: Results) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            row["method"],
            str(row["epochs"]),
            *_errors(row),
            interval(row["accuracy"], 3),
            interval(row["training_accuracy"], 3),
        ]
        for row in found["auxiliary"]
    ]
    return [*_HEADER, "accuracy, new digits", "known digits"], rows


def _small(found: Results) -> tuple[list[str], list[list[str]]]:
    rows = []
    for row in found["relative"] + found["evolved"]:
        if "hidden" in row:
            steps = len(row["curves"]["sse"]["median"])
            name, budget = "gradient of the relative error", f"{steps} steps"
        else:
            name = f"{_METHODS[row['method']]}, {row['fitness']} error"
            budget = f"{row['evaluations']:,} evaluations"
        end = row["end"]
        rows.append(
            [
                name,
                str(row["num_weights"]),
                budget,
                _scientific(end["sse"]),
                interval(end["norm"], 2),
                _scientific(end["relative"]),
                f"{row['copies']['median'][-1]:.2g}",
            ]
        )
    return _SMALL, rows


_PARTS = (("Vanilla quine", _vanilla), ("Auxiliary quine on digits", _auxiliary), ("Small", _small))


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    found = content["results"]
    return [tables.terminal(title, *rows(found)) for title, rows in _PARTS]


def markdown(content: Results) -> str:
    """The tables of the study."""
    found, config = content["results"], content["config"]
    text = (
        "# quine: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"{config['repetitions']} starts of each, medians with 95 % bootstrap intervals (of so few "
        "the smallest and the largest). Relative error: SSE / Σθ², 1 for a network that answers 0."
        "\n"
    )
    for title, rows in _PARTS:
        text += f"\n## {title}\n\n" + tables.markdown(*rows(found))
    return text


def draw(found: Results, out: Path) -> Path:
    """SSE and relative error over the epochs, and the small quines."""
    figure, axes = figures.grid(1, 3, 3.9, 3.2)
    colors = dict(
        zip(
            [row["method"] for row in found["vanilla"]],
            (*figures.COLORS, *figures.COLORS),
            strict=False,
        )
    )
    for axis, name, title in (
        (axes[0][0], "sse", "sum of squared errors"),
        (axes[0][1], "relative", "relative error"),
    ):
        for row in found["vanilla"]:
            figures.curve(axis, row["curves"][name], row["method"], colors[row["method"]])
        axis.set(title=title, xlabel="epoch", xscale="symlog", xlim=(0, None))
        axis.set_ylim((0, None) if name == "sse" else (0, 1.4))
    axes[0][0].legend(fontsize=7)
    axis = axes[0][2]
    small = [
        (f"gradient, {row['num_weights']} weights", row["curves"]["relative"])
        for row in found["relative"]
    ]
    small += [
        (f"{_METHODS[row['method']]}, {row['num_weights']}", row["curve"])
        for row in found["evolved"]
        if row["fitness"] == "relative"
    ]
    for (label, curve), color in zip(small, figures.COLORS, strict=False):
        figures.curve(axis, {k: np.maximum(v, 1e-16) for k, v in curve.items()}, label, color)
    axis.set(title="relative error of small quines", xlabel="step or generation", yscale="log")
    axis.legend(fontsize=7)
    return figures.save(figure, out / "quine.png")

"""Table and figure of the study of the default search."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.default_search.searches import METHODS

Results = dict[str, Any]


def _reversals(found: Results) -> list[Results]:
    return [part for name, part in found.items() if name.startswith("reversal_")]


def draw(found: Results, out: Path) -> list[Path]:
    """The mean coordinate over the generations, one panel a number of dimensions."""
    cases = _reversals(found)
    if not cases:
        return []
    figure, axes = figures.grid(1, len(cases), 4.4, 3.2, sharey=True)
    shown = dict(zip(METHODS, figures.COLORS, strict=False))
    for axis, case in zip(axes[0], cases, strict=True):
        for name, cell in case["methods"].items():
            figures.curve(axis, cell["paths"]["up"], METHODS[name], shown[name])
            figures.curve(axis, cell["paths"]["down"], "", shown[name])
        for height in (-1.0, 1.0):
            axis.axhline(height, color="0.5", lw=0.8, ls=":")
        axis.set(title=f"{case['num_dims']:,} dimensions", xlabel="generation")
    axes[0][0].set(ylabel="mean coordinate")
    names = dict.fromkeys(name for case in cases for name in case["methods"])
    figures.legend_below(figure, [(METHODS[name], "-", shown[name]) for name in names], 3)
    return [figures.save(figure, out / "reversal.png")]


def terminal(content: Results) -> list[Table]:
    """All tables."""
    return [tables.terminal(title, header, rows) for title, header, rows in _all(content)]


def markdown(content: Results) -> str:
    """All tables."""
    return "# default_search: results\n" + "".join(
        f"\n## {title}\n\n" + tables.markdown(header, rows) for title, header, rows in _all(content)
    )


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    found = content["results"]
    return [
        (
            f"Fitness reversal, {case['num_dims']:,} dimensions",
            ["search", "optimum at +1", "optimum at -1", "runs that pass"],
            [
                [
                    METHODS[name],
                    interval(cell["up"], 3),
                    interval(cell["down"], 3),
                    f"{cell['passed']:.0%}",
                ]
                for name, cell in case["methods"].items()
            ],
        )
        for case in _reversals(found)
    ]

"""Tables of the processes experiment."""

from typing import Any

from rich.table import Table

from experiments.common import tables

Results = dict[str, Any]


def _number(value: float) -> str:
    return f"{value:.2g}" if 0 < abs(value) < 10 else f"{value:,.0f}"


def _interval(summary: Results) -> str:
    """Median and interval; one number where the runs agree."""
    median, low, high = (_number(summary[key]) for key in ("median", "low", "high"))
    return median if low == high else f"{median} [{low}, {high}]"


def _p(value: float) -> str:
    return "<.001" if value < 0.001 else f"{value:.3f}".lstrip("0")


def _rates_rows(cells: Results) -> tuple[list[str], list[list[str]]]:
    header = ["method", "mean squared error", "worst rate, decades", "optima held", "p"]
    rows = [
        [
            method,
            *(_interval(cell[key]) for key in ("fitness", "decades", "optima")),
            "" if number == 0 else _p(cell["p"]),
        ]
        for number, (method, cell) in enumerate(cells.items())
    ]
    return header, rows


def _discrete_rows(cells: Results) -> tuple[list[str], list[list[str]]]:
    header = ["method", "excess", "solved", "evaluations", "p"]
    rows = [
        [
            method,
            _interval(cell["excess"]),
            f"{100 * cell['solved']:.0f} %",
            _interval(cell["spent"]) if cell["solved"] > 0 else "",
            "" if number == 0 else _p(cell["p"]),
        ]
        for number, (method, cell) in enumerate(cells.items())
    ]
    return header, rows


_ROWS = {"rates": _rates_rows, "discrete": _discrete_rows}


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [
        tables.terminal(name, *_ROWS[study](cells))
        for study, by_task in content["results"].items()
        for name, cells in by_task.items()
    ]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    text = (
        "# processes: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"{config['repetitions']} runs each; medians with 95 % bootstrap intervals. p: paired "
        "Wilcoxon against the first row, of the error or the excess. A run that does not find the "
        "optimum counts with all of its evaluations.\n"
    )
    for study, by_task in content["results"].items():
        for name, cells in by_task.items():
            text += f"\n## {name}\n\n" + tables.markdown(*_ROWS[study](cells))
    return text

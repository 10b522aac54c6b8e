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


def _references(cells: Results) -> list[str]:
    """With which the others were compared, in the order of the rows."""
    return [method for method in cells if any(method in cell["p"] for cell in cells.values())]


def _rows(study: str, cells: Results) -> tuple[list[str], list[list[str]]]:
    """(header, rows) of one task."""
    references = _references(cells)
    measured = {
        "rates": ["mean squared error", "worst rate, decades", "optima held"],
        "discrete": ["excess", "solved", "evaluations"],
    }[study]
    rows = []
    for method, cell in cells.items():
        if study == "rates":
            shown = [_interval(cell[key]) for key in ("fitness", "decades", "optima")]
        else:
            spent = _interval(cell["spent"]) if cell["solved"] > 0 else ""
            shown = [_interval(cell["excess"]), f"{100 * cell['solved']:.0f} %", spent]
        ps = [_p(cell["p"][other]) if other in cell["p"] else "" for other in references]
        rows.append([method, *shown, *ps])
    return ["method", *measured, *(f"p, {other}" for other in references)], rows


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [
        tables.terminal(name, *_rows(study, cells))
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
        "Wilcoxon against the method named, of the error or the excess. A run that does not find "
        "the optimum counts with all of its evaluations.\n"
    )
    for study, by_task in content["results"].items():
        for name, cells in by_task.items():
            text += f"\n## {name}\n\n" + tables.markdown(*_rows(study, cells))
    return text

"""Tables and run-length figures of the BBOB study."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.bbob import aggregate
from experiments.bbob.cells import Cell
from experiments.bbob.config import METHODS, Config
from experiments.common import figures, tables

_STAND_IN = "BIPOP 2009*"
_SUITES = {"coco": "COCO's functions", "port": "evosax's port of the functions, float32"}
Entry = dict[str, Any]


def _order(name: str) -> tuple[int, str]:
    return (METHODS.index(name) if name in METHODS else len(METHODS), name)


def _entries(content: dict[str, Any], suite: str) -> list[Entry]:
    """Those of a suite, by dimension and then in the order of the methods."""
    found = [entry for entry in content["results"]["cells"] if entry["suite"] == suite]
    return sorted(found, key=lambda entry: (entry["dimension"], _order(entry["method"])))


def _share(part: dict[str, Any], group: tuple[int, ...]) -> str:
    if not part["total"]:
        return "-"
    text = f"{100 * part['solved'] / part['total']:.1f}"
    missing = len(group) - len(part["functions"])
    return text + (f" ({len(part['functions'])} f)" if missing else "")


def _solved_rows(entries: list[Entry]) -> list[list[str]]:
    return [
        [
            f"{entry['dimension']}-D {entry['method']}",
            *(_share(entry["groups"][name], group) for name, group in aggregate.GROUPS.items()),
        ]
        for entry in entries
    ]


_SOLVED_HEADER = ["pairs solved, %", *aggregate.GROUPS]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _per_function(
    entries: list[Entry], value: Callable[[dict[str, Any]], str], stand_in: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Functions down, methods of one dimension across."""
    known = aggregate.published()
    num_dims = str(entries[0]["dimension"])
    stand_in = stand_in and num_dims in known["ert"]
    header = ["f", *(entry["method"] for entry in entries), *([_STAND_IN] if stand_in else [])]
    by_method = [{row["function"]: row for row in entry["functions"]} for entry in entries]
    functions = {function for rows in by_method for function in rows}
    rows = []
    for function in sorted(functions):
        row = [str(function)]
        row += [value(rows[function]) if function in rows else "" for rows in by_method]
        if stand_in:
            time = known["ert"][num_dims][str(function)]
            successes = known["successes"][num_dims][str(function)]
            row.append(_number(time) + (f" ({successes})" if 0 < successes < 15 else ""))
        rows.append(row)
    return header, rows


def _time(row: dict[str, Any]) -> str:
    text = _number(row["ert"]["1e-08"])
    return text + (f" ({row['successes']})" if 0 < row["successes"] < row["runs"] else "")


def _test_rows(entries: list[Entry]) -> list[list[str]]:
    rows = []
    for entry in entries:
        for name, test in entry.get("against_reference", {}).items():
            if not test["n"]:
                continue
            rows.append(
                [
                    f"{entry['dimension']}-D {entry['method']}, {name}",
                    str(test["n"]),
                    f"{test['solved']:,}",
                    f"{test['solved_other']:,}",
                    f"{test['better']} / {test['worse']}",
                    f"{test['p_targets']:.2g}",
                    f"{10 ** test['log10_ratio']:.2f}",
                    f"{test['p_run_length']:.2g}",
                ]
            )
    return rows


def _ratio_rows(entries: list[Entry], functions: list[int]) -> list[list[str]]:
    rows = []
    for entry in entries:
        ratios = entry["ratios"]
        if any(value is not None for value in ratios.values()):
            cells = [_number(ratios.get(str(number))) for number in functions]
            rows.append([f"{entry['dimension']}-D {entry['method']}", *cells])
    return rows


def terminal(content: dict[str, Any]) -> list[Table]:
    """Pairs solved by group."""
    shown = [(title, _entries(content, suite)) for suite, title in _SUITES.items()]
    return [
        tables.terminal(title, _SOLVED_HEADER, _solved_rows(entries))
        for title, entries in shown
        if entries
    ]


def markdown(content: dict[str, Any]) -> str:
    """All tables."""
    config = content["config"]
    text = (
        "# bbob: results\n\n"
        "Written by the run; do not edit. Where a number comes from is in the head of its file "
        "in `cells/`.\n\n"
        "A pair is a function (of one instance) with one of the 51 target precisions 10^2, "
        f"10^1.8, ..., 10^-8; solved within {config['budget']:g} D evaluations. Expected running "
        "time (ERT): evaluations of all runs until the target or their end, for each run that hit "
        "it; in brackets the runs that did, where not all; -: none did. (n f): so many functions "
        "of the group have been run.\n\n"
        f"\\* {aggregate.published()['source']} A stand-in: other instances, larger budgets, not a "
        "rerun.\n"
    )
    for suite, title in _SUITES.items():
        entries = _entries(content, suite)
        if not entries:
            continue
        text += f"\n## {title}\n\n### Pairs solved\n\n"
        text += tables.markdown(_SOLVED_HEADER, _solved_rows(entries))
        rows = _test_rows(entries)
        if rows:
            reference = content["results"]["reference"]
            text += (
                f"\n### Against {reference}\n\nPaired by function and instance, functions that "
                "both have; Wilcoxon's signed-rank test, two-sided. More / fewer: runs with more "
                "and with fewer targets. Run length: geometric mean over targets, misses at the "
                "budget, as a multiple (below 1 is faster).\n\n"
            )
            header = ["", "n", "solved", reference, "more / fewer", "p", "run length", "p"]
            text += tables.markdown(header, rows)
        rows = _ratio_rows(entries, config["unimodal"])
        if rows:
            text += (
                f"\n### ERT to 1e-8 over that of {config['unimodal_reference']}\n\n"
                + tables.markdown(["", *(f"f{n}" for n in config["unimodal"])], rows)
            )
        for num_dims in sorted({entry["dimension"] for entry in entries}):
            here = [entry for entry in entries if entry["dimension"] == num_dims]
            text += f"\n### {num_dims}-D: ERT to 1e-8\n\n"
            text += tables.markdown(*_per_function(here, _time, stand_in=suite == "coco"))
            text += f"\n### {num_dims}-D: targets hit, of 51, mean over the runs\n\n"
            text += tables.markdown(*_per_function(here, lambda row: f"{row['targets']:.1f}"))
    return text


def draw(cells: list[Cell], config: Config, out: Path) -> list[Path]:
    """Share of function-target pairs solved against evaluations, one figure a suite.

    A method that ran on some functions of a group alone has no curve there.
    """
    written = []
    for suite, title in _SUITES.items():
        shown = [cell for cell in cells if cell["suite"] == suite]
        if not shown:
            continue
        dimensions = sorted({cell["dimension"] for cell in shown})
        methods = sorted({cell["method"] for cell in shown}, key=_order)
        figure, axes = figures.grid(
            len(dimensions), len(aggregate.GROUPS), 2.3, 2.0, sharex=True, sharey=True
        )
        axis_values = np.geomspace(1.0, config.budget, 120)
        ran = {cell["function"] for cell in shown}
        for num_dims, row in zip(dimensions, axes, strict=True):
            for (group, functions), axis in zip(aggregate.GROUPS.items(), row, strict=True):
                for index, method in enumerate(methods):
                    own = [
                        cell
                        for cell in shown
                        if cell["dimension"] == num_dims
                        and cell["method"] == method
                        and cell["function"] in functions
                    ]
                    if len(own) < len(ran & {*functions}):
                        own = []
                    # Ten methods, seven colours.
                    style = "-" if index < len(figures.COLORS) else "--"
                    axis.plot(
                        axis_values,
                        aggregate.ecdf(own, axis_values),
                        color=figures.COLORS[index % len(figures.COLORS)],
                        linestyle=style,
                        linewidth=1.2,
                        label=method,
                    )
                axis.set(xscale="log", ylim=(0, 1))
                if num_dims == dimensions[0]:
                    axis.set_title(group)
            row[0].set_ylabel(f"{num_dims}-D\nshare of pairs")
        for axis in axes[-1]:
            axis.set_xlabel("evaluations / D")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
        figure.suptitle(f"{title}: run lengths to 51 targets, 10^2 to 10^-8")
        written.append(figures.save(figure, out / f"ecdf_{suite}.png"))
    return written

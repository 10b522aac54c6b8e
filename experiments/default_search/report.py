"""Table and figure of the study of the default search."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.default_search.few_generations import NAMES
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
    figures.legend_below(
        figure, [(METHODS[name], "-", shown[name]) for name in names], 2 * len(cases)
    )
    return [figures.save(figure, out / "reversal.png")]


def terminal(content: Results) -> list[Table]:
    """All tables."""
    return [tables.terminal(title, header, rows) for title, header, rows in _all(content)]


def markdown(content: Results) -> str:
    """All tables, and which commit each part is of."""
    config, found = content["config"], content["results"]
    parts = {name: part for name, part in found.items() if name != "figures"}
    made = "".join(
        f"* {name}: commit {str(part['provenance']['commit'])[:7]}"
        f"{', changed' if part['provenance']['dirty'] else ''}, {part['provenance']['date']}, "
        f"{part['seconds']:.0f} s\n"
        for name, part in parts.items()
    )
    return (
        "# default_search: results\n\nWritten by the run; do not edit.\n\n"
        f"{made}\n"
        "Medians of the runs with 95 % bootstrap intervals. Against published: the mean "
        "difference of paired runs with its interval, and the probability of Wilcoxon's test. "
        f"Fitness reversal: {config['population_size']} members, {config['num_generations']} "
        f"evaluated populations; a run passes if the mean coordinate comes {config['wanted']:g} of "
        "the way to both optima.\n"
        + "".join(
            f"\n## {title}\n\n" + tables.markdown(header, rows)
            for title, header, rows in _all(content)
        )
    )


Shown = tuple[str, list[str], list[list[str]]]


def _all(content: Results) -> list[Shown]:
    found = content["results"]
    shown = [_reversal(case) for case in _reversals(found)]
    for name, table in (
        ("memory", _memory),
        ("cartpole", _cartpole),
        ("table1", _table1),
        ("cost", _cost),
    ):
        if name in found:
            shown.append(table(found[name]))
    return shown


def _reversal(case: Results) -> Shown:
    rows = [
        [
            METHODS[name],
            str(cell["repetitions"]),
            interval(cell["up"], 3),
            interval(cell["down"], 3),
            f"{cell['passed']:.0%}",
            f"{cell['milliseconds']:,.0f}",
        ]
        for name, cell in case["methods"].items()
    ]
    header = ["search", "runs", "optimum at +1", "optimum at -1", "runs that pass", "ms"]
    return f"Fitness reversal, {case['num_dims']:,} dimensions: mean coordinate", header, rows


def _memory(part: Results) -> Shown:
    rows = [
        [
            METHODS[cell["method"]],
            f"{cell['population_size']:,}",
            f"{cell['num_dims']:,}",
            *(f"{cell[key]:.2f}" for key in ("temporaries", "state", "peak")),
            f"{cell['temporary_mib']:,.1f}",
        ]
        for cell in part["cells"]
    ]
    header = ["search", "N", "D", "temporaries / ND", "state / ND", "peak / ND", "temporaries, MiB"]
    return "Memory of one generation, in populations of 4 N D bytes", header, rows


def _against(summary: Results, digits: int) -> str:
    found = summary.get("against_published")
    if found is None:
        return ""
    low, high = (f"{found[key]:+,.{digits}f}" for key in ("low", "high"))
    return f"{found['difference']:+,.{digits}f} [{low}, {high}], p = {found['p']:.2g}"


def _cartpole(part: Results) -> Shown:
    rows = [
        [
            NAMES[name],
            *(interval(cell[key], 0) for key in ("population", "best", "tested")),
            f"{cell['solved']['median']:.0%}",
            _against(cell["population"], 0),
            _against(cell["tested"], 0),
        ]
        for name, cell in part["rows"].items()
    ]
    header = ["search", "last population", "its best", "best of the run, new episodes"]
    header += ["500 steps", "population against published", "new episodes against published"]
    return f"Cart-pole, {part['num_dims']} parameters: returns", header, rows


def _table1(part: Results) -> Shown:
    rows = [
        [
            f"{function}: {NAMES[name]}",
            interval(cell["entropy"], 2),
            interval(cell["fitness"], 3),
            f"{cell['optima']['mean']:.2f}" if "optima" in cell else "",
            _against(cell["entropy"], 2),
            _against(cell["fitness"], 3),
        ]
        for function, by_row in part["functions"].items()
        for name, cell in by_row.items()
    ]
    header = ["function, search", "entropy, bits", "fitness", "optima, mean"]
    header += ["entropy against published", "fitness against published"]
    return "Functions of table 1: the best members of the last population", header, rows


def _cost(part: Results) -> Shown:
    rows = [
        [
            f"{cell['rival']}, {cell['objective']}",
            str(cell["population_size"]),
            str(cell["num_dims"]),
            f"{cell['chains']} x {cell['samples']}",
            *(f"{cell['milliseconds'][key]:.3g}" for key in ("ours", "theirs")),
            interval(cell["ratio"], 2),
            f"{'below' if cell['within'] else 'NOT below'} {cell['allowed']:g}",
            f"{cell['compile_seconds']:.0f}",
        ]
        for cell in part["cells"]
    ]
    header = ["rival, objective", "N", "D", "chains x samples", "ours, ms", "theirs, ms", "ratio"]
    header += ["asked", "compile, s"]
    return "Time of a generation", header, rows

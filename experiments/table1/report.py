"""Tables of a finished study: for the terminal and, as Markdown, for the results folder."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from experiments.common import tables
from experiments.table1 import reference
from experiments.table1.config import OURS
from experiments.table1.methods import LABELS

Results = dict[str, Any]
Numbers = list[float | None]

# setting, variant of the scores, source to compare with
VIEWS = (
    ("protocol", "x0", "port"),
    ("protocol", "x0", "authors"),
    ("protocol", "final", "authors_final"),
)

_TITLES = {
    "protocol": "The authors' protocol: mean entropy (bits) and quality of the top points",
    "fair": "Equal evaluations, each method's own settings, scale-free weighting",
}
_CAPTION = (
    "second line: the reference ({source}); green within one of its standard deviations, "
    "yellow outside"
)
_FUNCTIONS_A_TABLE = 5


def _summary(results: Results, function: str, setting: str, method: str, score: str) -> Any:
    scores = results["cells"].get(function, {}).get(setting, {}).get(method, {}).get("scores", {})
    return scores.get(score, {}).get("summary")


def pair(
    results: Results, function: str, setting: str, method: str, variant: str
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Summaries of (entropy, fitness) of a cell; rivals have one variant, "final"."""
    suffix = "_x0" if variant == "x0" and method in OURS else ""
    entropy = _summary(results, function, setting, method, "entropy" + suffix)
    fitness = _summary(results, function, setting, method, "fitness" + suffix)
    if entropy is None or fitness is None or entropy["mean"] is None:
        return None
    return entropy, fitness


def _short_name(source: str) -> str:
    return reference.load()[source]["short"]


def _columns(results: Results, setting: str) -> list[str]:
    present = {
        name for by_setting in results["cells"].values() for name in by_setting.get(setting, {})
    }
    return [name for name in LABELS if name in present]


def _show(entropy: float, fitness: float) -> str:
    return f"{entropy:.2f} ({fitness:.3f})"


def _show_reference(known: dict[str, Numbers] | None) -> str:
    if known is None or known["entropy"][0] is None or known["fitness"][0] is None:
        return ""
    # Two decimals are all that some sources give.
    return f"{known['entropy'][0]:.2f} ({known['fitness'][0]:g})"


def comparisons(
    results: Results, setting: str, variant: str, source: str
) -> Iterator[dict[str, Any]]:
    """Every number that has a reference with a spread: ours, the reference, whether within it."""
    for function in results["cells"]:
        for method in _columns(results, setting):
            found, known = (
                pair(results, function, setting, method, variant),
                reference.cell(source, function, method),
            )
            if found is None or known is None:
                continue
            for score, summary in zip(("entropy", "fitness"), found, strict=True):
                verdict = reference.within(summary["mean"], known[score])
                if verdict is not None:
                    yield {
                        "function": function,
                        "method": method,
                        "score": score,
                        "mean": summary["mean"],
                        "sd": summary["sd"],
                        "reference": known[score],
                        "within": verdict,
                    }


def terminal(
    results: Results, setting: str, variant: str, source: str | None = None
) -> list[Table]:
    """Methods down, functions across, a few at a time; under each cell the reference."""
    functions = list(results["cells"])
    drawn = []
    for start in range(0, len(functions), _FUNCTIONS_A_TABLE):
        block = functions[start : start + _FUNCTIONS_A_TABLE]
        rows = [
            [LABELS[method]]
            + [_terminal_cell(results, one, setting, method, variant, source) for one in block]
            for method in _columns(results, setting)
        ]
        last = start + _FUNCTIONS_A_TABLE >= len(functions)
        drawn.append(
            tables.terminal(
                _TITLES[setting] if start == 0 else "",
                ["entropy, fitness", *(name.replace("_", " ") for name in block)],
                rows,
                _CAPTION.format(source=_short_name(source))
                if last and source is not None
                else None,
            )
        )
    return drawn


def _terminal_cell(
    results: Results, function: str, setting: str, method: str, variant: str, source: str | None
) -> str:
    found = pair(results, function, setting, method, variant)
    if found is None:
        return "-"
    known = None if source is None else reference.cell(source, function, method)
    shown = []
    for summary, score, digits in zip(found, ("entropy", "fitness"), (2, 3), strict=True):
        text = _short(summary["mean"], digits)
        inside = None if known is None else reference.within(summary["mean"], known[score])
        color = {None: None, True: "green", False: "yellow"}[inside]
        shown.append(text if color is None else f"[{color}]{text}[/{color}]")
    text = " ".join(shown)
    if source is not None:
        below = (
            ""
            if known is None
            else " ".join(
                "-" if (value := known[score][0]) is None else _short(value, digits)
                for score, digits in (("entropy", 2), ("fitness", 3))
            )
        )
        text += f"\n[dim]{below}[/dim]"
    return text


def _short(value: float, digits: int) -> str:
    """0.957 as .957 and 1.000 as 1.00: three significant digits in four characters."""
    text = f"{value:.{digits}f}"
    if digits == 3:
        return text[1:] if text.startswith("0.") else text[:-1]
    return text


def verdict(results: Results, source: str = "port", variant: str = "x0") -> str:
    """One line: how many of Diffusion Evolution's means lie within the reference's spread."""
    checked = list(comparisons(results, "protocol", variant, source))
    ours = [one for one in checked if one["method"] in OURS]
    rivals = [one for one in checked if one["method"] not in OURS]
    parts = [
        f"{sum(one['within'] for one in group)} of {len(group)} for {name}"
        for name, group in (("Diffusion Evolution and Latent", ours), ("the rivals", rivals))
        if group
    ]
    if not parts:
        return f"No reference with a spread ({_short_name(source)}) for these functions."
    name = _short_name(source)
    return f"Means within one standard deviation of the reference ({name}): {'; '.join(parts)}."


def markdown(content: dict[str, Any]) -> str:
    """All tables of a study, with where they come from."""
    results, provenance = content["results"], content["provenance"]
    sources = reference.load()
    commit = (provenance["commit"] or "no commit")[:12] + (
        " with uncommitted changes" if provenance["dirty"] else ""
    )
    machine = f"{provenance['processor']} ({provenance['cores']} cores)"
    lines = [
        f"# {content['experiment']}: results\n\n",
        f"`{provenance['command']}`, {provenance['date']}, {commit}, jax "
        f"{provenance['versions']['jax']}, {machine}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n",
        "Cells: entropy in bits ± sd (mean quality g ± sd) of the top points; the reference below "
        "in *italics*; **bold** where a mean lies outside one standard deviation of the "
        "reference.\n",
    ]
    for setting, variant, source in VIEWS:
        lines.append(f'\n## Protocol, statistic "{variant}", against {_short_name(source)}\n\n')
        lines.append(f"{sources[source]['source']}.\n\n")
        lines.append(_markdown_table(results, setting, variant, source))
        checked = list(comparisons(results, setting, variant, source))
        if checked:
            lines.append(f"\n{verdict(results, source, variant)}\n")
            lines.extend(
                f"* outside: {one['function']}, {LABELS[one['method']]}, {one['score']} "
                f"{one['mean']:.3f} ± {one['sd']:.3f}, reference {one['reference'][0]:g} ± "
                f"{one['reference'][1]:g}\n"
                for one in checked
                if not one["within"]
            )
    lines.append("\n## Fair: equal evaluations, each method's own sensible settings\n\n")
    lines.append(_markdown_table(results, "fair", "final", None))
    lines.append("\n## Diffusion Evolution: the paper's map against the scale-free weighting\n\n")
    lines.append(_weightings(results))
    lines.append("\n## Known global optima with a top point near them\n\n")
    lines.append(_optima(results))
    return "".join(lines)


def _markdown_table(results: Results, setting: str, variant: str, source: str | None) -> str:
    columns = _columns(results, setting)
    if source is not None:
        covered = reference.load()[source]["cells"]
        columns = [c for c in columns if any(c in cells for cells in covered.values())]
    rows = []
    for function in results["cells"]:
        row = [function]
        for method in columns:
            found = pair(results, function, setting, method, variant)
            if found is None:
                row.append("-")
                continue
            known = None if source is None else reference.cell(source, function, method)
            parts = []
            for score, summary, digits in zip(("entropy", "fitness"), found, (2, 3), strict=True):
                text = f"{summary['mean']:.{digits}f}"
                if known is not None and reference.within(summary["mean"], known[score]) is False:
                    text = f"**{text}**"
                parts.append(f"{text}±{summary['sd']:.{digits}f}")
            text = f"{parts[0]} ({parts[1]})"
            if known is not None:
                text += f"<br>*{_show_reference(known)}*"
            row.append(text)
        rows.append(row)
    return tables.markdown(["function", *(LABELS[c] for c in columns)], rows)


def _weightings(results: Results) -> str:
    header = ["function", "method", "statistic", "paper's map", "scale-free", "fitness", "entropy"]
    rows = []
    for function in results["cells"]:
        for method in OURS:
            for variant in ("x0", "final"):
                paper = pair(results, function, "protocol", method, variant)
                ours = pair(results, function, "fair", method, variant)
                if paper is None or ours is None:
                    continue
                rows.append(
                    [
                        function,
                        LABELS[method],
                        variant,
                        _show(paper[0]["mean"], paper[1]["mean"]),
                        _show(ours[0]["mean"], ours[1]["mean"]),
                        f"{ours[1]['mean'] - paper[1]['mean']:+.3f}",
                        f"{ours[0]['mean'] - paper[0]['mean']:+.2f}",
                    ]
                )
    return tables.markdown(header, rows)


def _optima(results: Results) -> str:
    """Mean number of optima found: protocol / fair."""
    columns = list(dict.fromkeys(_columns(results, "protocol") + _columns(results, "fair")))
    rows = []
    for function, cells in results["cells"].items():
        if results["functions"][function]["num_optima"] is None:
            continue
        row = [f"{function} ({results['functions'][function]['num_optima']})"]
        for method in columns:
            shown = [
                "-"
                if (found := _summary(results, function, setting, method, "optima")) is None
                else f"{found['mean']:.2f}"
                for setting in ("protocol", "fair")
                if setting in cells
            ]
            row.append(" / ".join(shown))
        rows.append(row)
    header = ["function (optima), protocol / fair", *(LABELS[c] for c in columns)]
    return tables.markdown(header, rows)

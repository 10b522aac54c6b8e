"""Tables and the figure of the study of schedules."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, tables
from experiments.schedules.config import Config

Results = dict[str, Any]
_SCORES = {
    "fitness": ("fitness of the final top", 3),
    "fitness_x0": ("fitness of the estimated origins", 3),
    "entropy": ("entropy of the final top, bits", 2),
}


def cell(
    results: Results, weighting: str, schedule: str, steps: int, thinned: bool = False
) -> dict[str, Any] | None:
    """The entry of one cell, or None."""
    for entry in results["cells"]:
        if (entry["map"], entry["schedule"], entry["steps"]) == (weighting, schedule, steps) and (
            entry["thinned_from"] is not None
        ) == thinned:
            return entry
    return None


def _references(results: Results, score: str) -> dict[str, dict[str, Any]]:
    return {
        name: source
        for name, source in results["reference"].items()
        if source["statistic"] == score
    }


def _rows(content: dict[str, Any], score: str, weighting: str = "paper") -> list[list[str]]:
    """Ours, then each reference, for every schedule."""
    results, config = content["results"], content["config"]
    digits = _SCORES[score][1]
    rows = []
    for schedule in config["schedules"]:
        row = [f"**{schedule}**"]
        for steps in config["steps"]:
            entry = cell(results, weighting, schedule, steps)
            summary = None if entry is None else entry["scores"][score]
            row.append(
                ""
                if summary is None
                else f"{summary['mean']:.{digits}f} ± {summary['sd']:.{digits}f}"
            )
        rows.append(row)
        if weighting != "paper":
            continue
        for name, source in _references(results, score).items():
            if schedule in source:
                known = dict(zip(source["steps"], source[schedule], strict=True))
                rows.append(
                    [f"*{schedule}, {name.partition('_')[0]}*"]
                    + [f"*{known[steps]:g}*" if steps in known else "" for steps in config["steps"]]
                )
    return rows


def _thinned_rows(content: dict[str, Any]) -> list[list[str]]:
    results, config = content["results"], content["config"]
    rows = []
    for schedule in config["schedules"]:
        for steps in config["thinned_steps"]:
            plain = cell(results, "paper", schedule, steps)
            thinned = cell(results, "paper", schedule, steps, thinned=True)
            if plain is None or thinned is None:
                continue
            gap = thinned["against_unthinned"]
            before, after = (one["scores"]["entropy"]["mean"] for one in (plain, thinned))
            entropy = after - before
            rows.append(
                [
                    f"{schedule}, {steps}",
                    f"{plain['scores']['fitness']['mean']:.3f}",
                    f"{thinned['scores']['fitness']['mean']:.3f}",
                    f"{gap['difference']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}]",
                    f"{entropy:+.2f}",
                    f"{thinned['largest_alpha_difference']:.1g}",
                ]
            )
    return rows


_THINNED_HEADER = [
    "schedule, steps",
    "built at that length",
    "thinned",
    "difference [95 %]",
    "entropy difference",
    "largest difference in alpha",
]


def _verdict(ordering: dict[str, Any]) -> str:
    """The same order, the same but for pairs that cannot be told apart, or another."""
    theirs = ordering["reference"]
    shared = [name for name in ordering["ours"] if name in theirs]
    swapped = [
        (better, worse)
        for index, better in enumerate(shared)
        for worse in shared[index + 1 :]
        if theirs.index(better) > theirs.index(worse)
    ]
    if not swapped:
        return "the same order"
    gaps = [ordering["gaps"].get(f"{better} - {worse}") for better, worse in swapped]
    if all(gap is not None and gap["low"] <= 0 for gap in gaps):
        names = ", ".join(f"{better} and {worse}" for better, worse in swapped)
        return f"the same order but for {names}, which tie here"
    return "another order"


def orderings(results: Results) -> list[str]:
    """One line for each length: the order found, the gaps, the reference's order."""
    lines = []
    for one in results["orderings"]:
        line = f"{one['steps']} steps: {' > '.join(one['ours'])}"
        if one["reference"] is not None:
            line += f"; reference {' > '.join(one['reference'])}: {_verdict(one)}"
        gaps = ", ".join(
            f"{name} {gap['difference']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}]"
            for name, gap in one["gaps"].items()
        )
        lines.append(f"{line} ({gaps})")
    return lines


def terminal(content: dict[str, Any]) -> Table:
    """Final fitness, ours and the references."""
    header = ["Rastrigin, steps", *map(str, content["config"]["steps"])]
    rows = [[text.replace("*", "") for text in row] for row in _rows(content, "fitness")]
    return tables.terminal("Fitness of the final top, the paper's map", header, rows)


def markdown(content: dict[str, Any]) -> str:
    """All tables of the study."""
    results, config = content["results"], content["config"]
    header = ["steps", *map(str, config["steps"])]
    lines = [
        "# schedules: results\n\n",
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n",
        f"Rastrigin, N = {config['population_size']}, top {config['top']}, mean ± sd over "
        f"{config['repetitions']} runs, {config['repetitions_long']} beyond "
        f"{config['long_steps']} steps. In italics the references:\n\n",
        *(f"* {name}: {source['source']}\n" for name, source in results["reference"].items()),
    ]
    for score, (title, _) in _SCORES.items():
        lines.append(f"\n## The paper's map: {title}\n\n")
        lines.append(tables.markdown(header, _rows(content, score)))
    if "default" in config["maps"]:
        for score in ("fitness", "entropy"):
            lines.append(f"\n## The library's default: {_SCORES[score][0]}\n\n")
            lines.append(tables.markdown(header, _rows(content, score, "default")))
    lines.append("\n## Order of the schedules by final fitness\n\n")
    lines.extend(f"* {line}\n" for line in orderings(results))
    lines.append(f"\n## A schedule of {config['thinned_from']} steps, thinned\n\n")
    lines.append(tables.markdown(_THINNED_HEADER, _thinned_rows(content)))
    return "".join(lines)


def draw(results: Results, config: Config, out: Path) -> Path:
    """Fitness and entropy over the number of steps, with the reference dashed."""
    panels = [("paper", "fitness"), ("paper", "entropy"), ("default", "fitness")]
    panels = [panel for panel in panels if panel[0] in config.maps]
    figure, axes = figures.grid(1, len(panels), 3.6, 3.4)
    titles = {
        ("paper", "fitness"): "The paper's map: quality",
        ("paper", "entropy"): "The paper's map: entropy",
        ("default", "fitness"): "The library's default: quality",
    }
    for axis, (weighting, score) in zip(axes[0], panels, strict=True):
        for schedule, color in zip(config.schedules, figures.COLORS, strict=False):
            found = [
                (steps, entry["scores"][score])
                for steps in config.steps
                if (entry := cell(results, weighting, schedule, steps)) is not None
            ]
            half = [1.96 * one["sd"] / one["n"] ** 0.5 for _, one in found]
            figures.band(
                axis,
                [steps for steps, _ in found],
                [one["mean"] for _, one in found],
                [one["mean"] - width for (_, one), width in zip(found, half, strict=True)],
                [one["mean"] + width for (_, one), width in zip(found, half, strict=True)],
                schedule,
                color,
            )
            figure_values = results["reference"]["figure"]
            if (weighting, score) == ("paper", "fitness") and schedule in figure_values:
                axis.plot(
                    figure_values["steps"], figure_values[schedule], "--", color=color, lw=1.0
                )
        axis.set_xscale("log")
        axis.set(
            title=titles[weighting, score],
            xlabel="steps (evaluated populations)",
            ylabel={"fitness": "mean quality g of the top", "entropy": "entropy, bits"}[score],
        )
        ticks = config.steps if weighting == "paper" else config.default_steps
        axis.set_xticks(ticks, [str(steps) for steps in ticks], fontsize=8)
        axis.minorticks_off()
    if ("default", "fitness") in panels:
        low = min(axes[0][0].get_ylim()[0], axes[0][-1].get_ylim()[0])
        high = max(axes[0][0].get_ylim()[1], axes[0][-1].get_ylim()[1])
        for axis in (axes[0][0], axes[0][-1]):
            axis.set_ylim(low, high)
    figures.legend_below(
        figure,
        [(name, "-", color) for name, color in zip(config.schedules, figures.COLORS, strict=False)],
    )
    figure.suptitle(
        "Schedules on Rastrigin: mean of the top 64 and its 95 % interval; dashed: the authors' "
        "figure"
    )
    return figures.save(figure, out / "schedules.png")

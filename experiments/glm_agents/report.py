"""Tables and figures of the spiking agents."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.glm_agents import cases

Results = dict[str, Any]
TITLES = {"cartpole": "cart-pole", "gridworld": "gridworld", "mountain_car": "mountain car"}
_LEARNING = ["agents", "trials", "episodes", "return", "steps", "steps, first tenth", "worst trial"]
_EVOLUTION = [
    "network",
    "dims",
    "steps of a run",
    "return while learning",
    "p",
    "return acting",
    "against hand",
    "p",
]


def _learning_rows(found: Results) -> list[list[str]]:
    return [
        [
            name,
            str(row["return"]["n"]),
            str(row["episodes"]),
            interval(row["return"], 2 if row["return"]["median"] < 10 else 0),
            interval(row["length"], 0),
            interval(row["start_length"], 0),
            f"{min(row['return']['values']):,.2f}",
        ]
        for name, row in found.items()
    ]


def _evolution_rows(found: Results) -> list[list[str]]:
    lines = []
    for name, row in found.items():
        against = row.get("against_hand", {})
        learning, acting = against.get("learning"), against.get("acting")
        lines.append(
            [
                name,
                str(row.get("num_dims", "")),
                f"{row['steps']:,}" if "steps" in row else "0",
                interval(row["learning"], 2) if "learning" in row else "",
                f"{learning['p']:.2g}" if learning else "",
                interval(row["acting"], 2),
                f"{acting['difference']:+.2f} [{acting['low']:+.2f}, {acting['high']:+.2f}]"
                if acting
                else "",
                f"{acting['p']:.2g}" if acting else "",
            ]
        )
    return lines


def _constant_rows(found: Results) -> list[list[str]]:
    """Medians and ranges of the constants that were found."""
    evolved = found[cases.CONSTANTS]["constants"]
    return [
        [name, f"{np.median(values):.3g}", f"{min(values):.2g} to {max(values):.2g}"]
        for name, values in evolved.items()
        if isinstance(values, list)
    ]


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    shown = []
    for environment, learned in content["results"]["learning"].items():
        title = f"Learning: {TITLES[environment]}"
        shown.append((title, _LEARNING, _learning_rows(learned)))
    header = ["constant", "median", "range over the runs"]
    for environment, evolved in content["results"]["evolution"].items():
        title = TITLES[environment]
        shown.append((f"Evolution: {title}", _EVOLUTION, _evolution_rows(evolved)))
        shown.append((f"Evolved constants: {title}", header, _constant_rows(evolved)))
    return shown


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    sizes = [config[environment] for environment in content["results"]["learning"]]
    return (
        "# glm_agents: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        "Learning: medians with 95 % bootstrap intervals over the trials, of the mean over the "
        f"last {', '.join(str(size['last']) for size in sizes)} episodes. The gridworld's return "
        "is discounted by .9 a step; steps are those of an episode. Near the end a trial has "
        "learned cart-pole if it returns at least 150.\n\n"
        f"Evolution: medians with 95 % bootstrap intervals over {config['repetitions']} runs, of "
        f"means over {config['test_lives']} fresh lives; differences in the mean and Wilcoxon's "
        "signed-rank probabilities against the constants by hand, which met the same lives. Steps "
        "of a run: in the environment, before anything is tested. While learning: from birth, "
        f"{', '.join(str(size['constant_steps']) for size in sizes)} steps. Acting: as long, of "
        "a network that does not learn, or after that life no more.\n"
        + "".join(
            f"\n## {title}\n\n" + tables.markdown(header, rows)
            for title, header, rows in _all(content)
        )
    )


def draw_learning(found: Results, out: Path) -> Path:
    """Learning curves."""
    learned = found["learning"]
    figure, axes = figures.grid(1, len(learned), 4.2, 3.0)
    for axis, (environment, rows) in zip(axes[0], learned.items(), strict=True):
        for (name, row), color in zip(rows.items(), figures.COLORS, strict=False):
            measure = "return" if environment == "cartpole" else "length"
            curve = row["curves"][measure]
            episodes = np.linspace(0, row["episodes"], len(curve["median"]))
            if name == cases.RANDOM:
                axis.axhline(np.median(curve["median"]), color="0.5", ls=":", label=name)
                continue
            axis.plot(episodes, curve["median"], color=color, label=name)
            axis.fill_between(
                episodes, curve["low"], curve["high"], color=color, alpha=0.12, linewidth=0
            )
        axis.set(title=TITLES[environment], xlabel="episode", ylabel="return")
        if environment != "cartpole":
            axis.set(yscale="log", ylabel="steps of an episode")
    axes[0][-1].legend(fontsize=7)
    figure.suptitle("Median and 5 to 95 % of the trials")
    return figures.save(figure, out / "learning.png")


def draw_evolution(found: Results, out: Path) -> Path:
    """Returns of what was evolved and learned, a point a run."""
    evolved = found["evolution"]
    figure, axes = figures.grid(1, len(evolved), 4.2, 3.0)
    for axis, (environment, rows) in zip(axes[0], evolved.items(), strict=True):
        for number, row in enumerate(rows.values()):
            for measure, color in (("learning", "#D55E00"), ("acting", "#0072B2")):
                if measure in row:
                    values = row[measure]["values"]
                    places = number + np.linspace(-0.2, 0.2, len(values))
                    axis.plot(values, places, "o", color=color, markersize=3)
        shown = axis is axes[0][0]
        axis.set(title=TITLES[environment], xlabel="return")
        axis.set(yticks=range(len(rows)), ylim=(len(rows) - 0.5, -0.5))
        axis.set_yticklabels(list(rows) if shown else [""] * len(rows))
    figures.legend_below(
        figure, [("while learning", "o", "#D55E00"), ("acting", "o", "#0072B2")], 2
    )
    return figures.save(figure, out / "evolution.png")

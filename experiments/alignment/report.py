"""Tables and figures of the alignment experiment."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval

Results = dict[str, Any]
_LIMIT = ["goals k", "misalignment", "1 - 1/k", "seconds", "first call, compiled"]
_POLICIES = [
    "case, exponent, care",
    "evolved: fitness",
    "pure goals",
    "pure, free weights",
    "runs that beat both",
    "gradient",
    "evolved: population",
    "pure",
    "evolved: worst-off",
    "pure",
]


def _limit(found: Results) -> tuple[list[str], list[list[str]]]:
    return _LIMIT, [
        [
            str(row["goals"]),
            f"{row['value']:.5f}",
            f"{row['limit']:.5f}",
            f"{row['seconds']:.3f}",
            f"{row['first_seconds']:.1f}",
        ]
        for row in found["limit"]
    ]


def _policies(found: Results) -> tuple[list[str], list[list[str]]]:
    rows = []
    for landscape in found["policies"]:
        for cell in landscape["cares"]:
            even, free = cell["pure_even"], cell["pure_free"]
            both = min(cell["share_beats_even"], cell["share_beats_free"])
            rows.append(
                [
                    f"{landscape['case']}, {landscape['exponent']:g}, {cell['care']:g}",
                    interval(cell["fitness"], 4),
                    f"{even['fitness']:.4f}",
                    f"{free['fitness']:.4f}",
                    f"{both:.0%}",
                    f"{cell['descent']:.4f}",
                    interval(cell["population"], 4),
                    f"{even['population']:.4f}",
                    interval(cell["worst_off"], 4),
                    f"{even['worst_off']:.4f}",
                ]
            )
    return _POLICIES, rows


def _favour(case: Results) -> tuple[list[str], list[list[str]]]:
    groups = case["groups"]
    header = [
        f"{case['case']}: asked to favour",
        *(f"advantage of {group}" for group in groups),
        "gained",
        "gains most",
        "population",
        "worst-off",
    ]
    rows = [
        [
            row["group"],
            *(interval(one, 4) for one in row["advantages"]),
            interval(row["gained"], 4) if "gained" in row else "",
            interval(row["share"], 2) if "share" in row else "",
            interval(row["population"], 4),
            interval(row["worst_off"], 4),
        ]
        for row in case["asked"]
    ]
    return header, rows


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    found = content["results"]
    return [
        tables.terminal("Limit", *_limit(found)),
        tables.terminal("Policies", *_policies(found)),
        *(tables.terminal("Favoured groups", *_favour(case)) for case in found["favour"]),
    ]


def markdown(content: Results) -> str:
    """The tables of the study."""
    found, config = content["results"], content["config"]
    text = (
        "# alignment: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"{config['repetitions']} runs of each, medians with 95 % bootstrap intervals.\n\n"
        f"## {config['limit_agents']:,} agents\n\n"
        + tables.markdown(*_limit(found))
        + "\n## Policies\n\n"
        "Fitness: (1 - care) population + care worst-off. Pure: the best of all choices of one "
        "goal an area, by fitness; with free weights also over a grid of weights. Gradient: the "
        f"best of {config['polish_starts']} descents by Adam.\n\n"
        + tables.markdown(*_policies(found))
        + "\n## Favoured groups\n\n"
        f"Means over {config['num_samples']} samples of each run's model. Gained: the favoured "
        "group's advantage less that of samples of whom nothing is asked; gains most: share of the "
        "samples in which no other group gains as much.\n"
    )
    return text + "".join(f"\n{tables.markdown(*_favour(case))}" for case in found["favour"])


def draw_simulations(found: Results, out: Path) -> Path:
    """The four simulations, with what is expected dashed."""
    figure, axes = figures.grid(1, 4, 3.4, 3.0)
    panels = (
        ("agents", "(i) 3 goals", "agents"),
        ("goals", "(ii) 4 areas", "goals"),
        ("weights", "(iii) weight of all agents", "weight"),
        ("primary", "(iv) share of a primary goal", "share"),
    )
    for axis, (name, title, label) in zip(axes[0], panels, strict=True):
        for (text, curve), color in zip(
            found["simulations"][name].items(), figures.COLORS, strict=False
        ):
            axis.plot(curve["x"], curve["median"], "o-", ms=2, color=color, label=text)
            axis.fill_between(
                curve["x"], curve["low"], curve["high"], color=color, alpha=0.15, linewidth=0
            )
            axis.plot(curve["x"], curve["expected"], "--", color="black", lw=0.7)
        axis.set(title=title, xlabel=label)
        axis.legend(fontsize=6)
    axes[0][0].set(xscale="log", ylabel="misalignment")
    figure.suptitle("Median and 5 to 95 % of random populations; dashed: expectation")
    return figures.save(figure, out / "simulations.png")


def draw_fronts(found: Results, out: Path) -> Path:
    """Population against worst-off group: pure goals, and evolved policies for every care."""
    figure, axes = figures.grid(1, len(found["policies"]), 3.5, 3.2)
    for axis, landscape in zip(axes[0], found["policies"], strict=True):
        points = np.asarray(landscape["pure"])
        best = points[points.sum(axis=1).argsort()[:24]]
        axis.scatter(*best.T, s=10, color="0.6", label="pure goals")
        cells = landscape["cares"]
        even = [[cell["pure_even"][key] for key in ("population", "worst_off")] for cell in cells]
        free = [[cell["pure_free"][key] for key in ("population", "worst_off")] for cell in cells]
        axis.scatter(*np.transpose(even), s=26, color=figures.COLORS[1], label="the best of them")
        axis.scatter(
            *np.transpose(free), s=26, marker="^", color=figures.COLORS[4], label="weights free too"
        )
        x, y = ([cell[name] for cell in cells] for name in ("population", "worst_off"))
        axis.plot(
            [one["median"] for one in x],
            [one["median"] for one in y],
            "o-",
            ms=4,
            color=figures.COLORS[0],
            label="evolved compromises",
        )
        axis.set(
            title=f"{landscape['case']}, exponent {landscape['exponent']:g}",
            xlabel="misalignment of the population",
        )
    axes[0][0].set_ylabel("strain of the worst-off group")
    axes[0][0].legend(fontsize=7)
    return figures.save(figure, out / "fronts.png")

"""Tables and the figure of evolved adapters."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.lora_evolved.config import Config

Results = dict[str, Any]


def _row(name: str, rank: str, row: Results) -> list[str]:
    met = row["reached"]
    number = met["generations"] is not None
    return [
        f"{name}, {_called(rank)}",
        f"{row['num_dims']:,}",
        str(row["population_size"]),
        interval(row["final"], 1),
        f"{met['share']['mean']:.1%}",
        f"{met['runs']} of {row['final']['n']}",
        f"{met['evaluations']:,.0f}" if number else "",
        f"{met['generations']:,.0f}" if number else "",
        f"{met['seconds']:.1f}" if number else "",
        f"{row['seconds']['median']:.1f}",
    ]


def _called(rank: str) -> str:
    return "all parameters" if rank == "0" else f"r {rank}"


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    config, found = content["config"], content["results"]
    header = [
        "search",
        "dims",
        "N",
        "accuracy, %",
        "of AdamW's",
        "runs at the goal",
        "evaluations",
        "generations",
        "seconds",
        "seconds of a run",
    ]
    rows = [
        _row(name, rank, row)
        for rank, searches in found["evolved"].items()
        for name, row in searches.items()
    ]
    trained = [
        [
            f"AdamW, {_called(rank)}",
            f"{row['num_dims']:,}",
            interval(row["final"], 1),
            f"{row['steps'] * config['epochs']:,}",
            f"{row['seconds']['median']:.1f}",
        ]
        for rank, row in found["trained"].items()
    ]
    clock = [
        [
            "{num_inputs}-{layers}-10, r {rank}, batch {batch}".format(
                layers="-".join(map(str, row["network"]["hidden"])), **row["network"]
            ),
            f"{row['trained']:,} / {row['full']:,}",
            f"{1000 * row['seconds']['evaluation']:.1f}",
            *(f"{row['times'][name]:.1f}" for name in list(row["times"])[1:]),
            f"{row['gap'] / row['largest']:.1e}",
        ]
        for row in found["clock"]
    ]
    return [
        (f"To {config['goal']:.0%} of AdamW's accuracy", header, rows),
        (
            "AdamW",
            ["network", "trained", "accuracy, %", "steps", "seconds"],
            trained,
        ),
        (
            f"A population of {config['population']}: milliseconds, and how many times as long",
            [
                "network",
                "trained / all",
                "evaluation, ms",
                *(f"{name}, times" for name in list(found["clock"][0]["times"])[1:]),
                "difference",
            ],
            clock,
        ),
    ]


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    prose = (
        f"{config['repetitions']} repetitions, {config['budget']:,} evaluations a search; accuracy "
        "on images that nothing has seen, medians with 95 % bootstrap intervals. Evaluations, "
        "generations and seconds: medians of the runs that reached the goal. Difference: the "
        "largest between the logits of both sides, over the largest logit."
    )
    return tables.document(content, prose, _all(content))


def draw(found: Results, config: Config, path: Path) -> Path:
    """Accuracy over evaluations, generations and seconds, and over rank."""
    figure, axes = figures.grid(1, 4, 3.2, 3.0)
    trained = found["trained"][str(config.rank)]
    for color, (name, row) in zip(
        figures.COLORS, found["evolved"][str(config.rank)].items(), strict=False
    ):
        median = np.asarray(row["curve"]["median"])
        numbers = np.arange(1, len(median) + 1)
        scales = (
            row["population_size"],
            1,
            row["seconds"]["median"] / len(median),
        )
        for axis, scale in zip(axes[0], scales, strict=False):
            x = scale * numbers
            axis.plot(x, median, color=color, label=name, lw=1)
            low, high = row["curve"]["low"], row["curve"]["high"]
            axis.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    goal = config.goal * trained["final"]["median"]
    for axis, label in zip(
        axes[0], ("evaluations", "generations", "seconds, judging included"), strict=False
    ):
        axis.axhline(trained["final"]["median"], color="0.4", ls=":", label="AdamW")
        axis.axhline(goal, color="0.7", ls="--", label=f"{config.goal:.0%} of it")
        axis.set(xscale="log", xlabel=label, ylabel="accuracy, %")
    axes[0][0].legend(fontsize=6)
    last = axes[0][3]
    ranks = [str(rank) for rank in config.ranks]
    rows = {"AdamW": [found["trained"][rank]["final"] for rank in ranks]}
    rows |= {
        name: [found["evolved"][rank][name]["final"] for rank in ranks]
        for name in config.rank_methods
    }
    for color, (name, summaries) in zip(figures.COLORS, rows.items(), strict=False):
        figures.intervals(last, range(len(ranks)), summaries, name, color)
    last.set(xlabel="rank", ylabel="accuracy, %", xticks=range(len(ranks)))
    last.set_xticklabels(["all" if rank == "0" else rank for rank in ranks])
    last.legend(fontsize=6)
    return figures.save(figure, path)

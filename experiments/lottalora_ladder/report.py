"""Tables and the figure of the ladder."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.lottalora_ladder import cases
from experiments.lottalora_ladder.config import Config

Results = dict[str, Any]
_TITLES = {"digits": "Digits", "fashion": "Fashion-MNIST"}


def _ladder_rows(rungs: Results, minimal: Results) -> list[list[str]]:
    lines = []
    for size, rows in rungs.items():
        for rank, row in rows.items():
            full = rank == cases.FULL
            needed = [
                f"{tolerance}: {least}"
                for tolerance, least in minimal[size].items()
                if full and least is not None
            ]
            lines.append(
                [
                    f"{size}, {'full' if full else f'r {rank}'}",
                    f"{row['trained']:,}",
                    f"{row['share']:.1%}",
                    f"{row['bytes'] / 1000:,.1f}",
                    interval(row["accuracy"], 2),
                    f"{row['accuracy']['mean']:.2f} ± {row['accuracy']['sd']:.2f}",
                    "" if full else f"{row['relative']['mean']:.2f}",
                    f"{row['loss']['mean']:.3f}",
                    "" if full else f"{row['beta']['mean']:.3f}",
                    ", ".join(needed),
                ]
            )
    return lines


def _accuracy(row: Results) -> list[str]:
    accuracy = row["accuracy"]
    return [interval(accuracy, 2), f"{accuracy['mean']:.2f} ± {accuracy['sd']:.2f}"]


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    config, found = content["config"], content["results"]
    share = ["median", "mean ± sd"]
    shown = [
        (
            f"{_TITLES[dataset]}: accuracy, %",
            [
                "network",
                "trained",
                "of all",
                "file, kB",
                *share,
                "% of full",
                "loss",
                "beta",
                "least r by points below full",
            ],
            _ladder_rows(rungs, found["minimal_rank"][dataset]),
        )
        for dataset, rungs in found["ladder"].items()
    ]
    shown.append(
        (
            f"Families, {config['side_size']}, r {config['family_rank']}: accuracy on digits, %",
            ["family", *share, "beta"],
            [
                [name, *_accuracy(row), f"{row['beta']['mean']:.3f}"]
                for name, row in found["families"].items()
            ],
        )
    )
    shown.append(
        (
            f"Scaffolds drawn anew, {config['side_size']}: accuracy on digits, %",
            ["scaffold", *share, "beta"],
            [
                [f"{way}, r {rank}", *_accuracy(row), f"{row['beta']['mean']:.4f}"]
                for way, rows in found["resampled"].items()
                for rank, row in rows.items()
            ],
        )
    )
    ladder = found["ladder"]["digits"][config["side_size"]]
    shown.append(
        (
            f"Without a scaffold, {config['side_size']}: accuracy on digits, %",
            ["rank", *share, "lost beside a scaffold, points"],
            [
                [
                    f"r {rank}",
                    *_accuracy(row),
                    f"{ladder[rank]['accuracy']['mean'] - row['accuracy']['mean']:.2f}",
                ]
                for rank, row in found["zero"].items()
            ],
        )
    )
    shown.append(
        (
            f"One adapter of rank {config['gating_rank']}, its digits by the seed: accuracy, %",
            ["seed, digits", "assigned", "others refused"],
            [
                [
                    f"{seed}, {row['digits']}",
                    interval(row["assigned"], 1),
                    interval(row["refused"], 1),
                ]
                for seed, row in found["gating"].items()
            ],
        )
    )
    return shown


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    prose = (
        f"{config['repetitions']} repetitions, medians with 95 % bootstrap intervals. Beta: mean "
        "of the layers' |beta| at the end."
    )
    return tables.document(content, prose, _all(content))


def _ranks(rows: Results) -> list[str]:
    return [rank for rank in rows if rank != cases.FULL]


def draw(found: Results, config: Config, path: Path) -> Path:
    """Accuracy over rank: by size, with and without scaffold, drawn anew; and by family."""
    figure, axes = figures.grid(1, 4, 3.2, 3.0)
    size_axis, zero_axis, anew_axis, family_axis = axes[0]
    for dataset, mark in zip(found["ladder"], ("o-", "s--"), strict=False):
        for (size, rows), color in zip(
            found["ladder"][dataset].items(), figures.COLORS, strict=False
        ):
            ranks = _ranks(rows)
            values = [rows[rank]["relative"]["mean"] for rank in ranks]
            label = f"{_TITLES[dataset]}, {size}"
            size_axis.plot(
                [int(rank) for rank in ranks], values, mark, color=color, label=label, ms=3.5
            )
    size_axis.set(title="Sizes", ylabel="accuracy, % of full training")
    rows = found["ladder"]["digits"][config.side_size]

    def line(axis: Any, rows: Results, label: str, color: str) -> None:
        summaries = [rows[rank]["accuracy"] for rank in _ranks(rows)]
        figures.intervals(axis, [int(rank) for rank in _ranks(rows)], summaries, label, color)

    line(zero_axis, rows, "scaffold", figures.COLORS[0])
    line(zero_axis, found["zero"], "none, W = 0", figures.COLORS[1])
    zero_axis.axhline(rows[cases.FULL]["accuracy"]["median"], color="0.5", ls=":", label="full")
    zero_axis.set(title="Without a scaffold", ylabel="accuracy, %")
    for (way, ways), color in zip(found["resampled"].items(), figures.COLORS, strict=False):
        line(anew_axis, ways, way, color)
    anew_axis.set(title="Scaffold drawn anew", ylabel="accuracy, %")
    for axis in axes[0][:3]:
        axis.set_xscale("log", base=2)
        axis.set(xlabel="rank")
        axis.legend(fontsize=6)
    for number, row in enumerate(found["families"].values()):
        values = row["accuracy"]["values"]
        family_axis.plot(values, [number] * len(values), "o", color=figures.COLORS[0], ms=2.5)
        family_axis.plot(row["accuracy"]["mean"], number, "|", color="k", ms=9)
    family_axis.set(title=f"Families, rank {config.family_rank}", xlabel="accuracy, %")
    family_axis.set(yticks=range(len(found["families"])), ylim=(len(found["families"]) - 0.5, -0.5))
    family_axis.set_yticklabels(list(found["families"]), fontsize=6)
    return figures.save(figure, path)

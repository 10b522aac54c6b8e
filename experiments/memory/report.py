"""Tables and the figure of the memory experiment."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.memory.config import Config

Results = dict[str, Any]
_SELECTIONS = {"wheel": "wheel", "default": "library's"}
_TITLES = {
    "swapping": "Peaks that swap and come back",
    "wandering": "A peak that wanders off",
    "resting": "Two peaks at rest, few individuals",
}
# Header, measure, digits; a landscape shows what it has.
_COLUMNS = [
    ("lowest stretch", "lowest", 2),
    ("delay", "delay", 1),
    ("followed", "followed", 2),
    ("mean best", "mean_best", 2),
    ("mean quality", "mean_quality", 2),
    ("at the peak", "at_peak", 2),
    ("at the other place", "at_other", 2),
    ("smaller peak, at the end", "smaller", 2),
    ("entropy", "entropy", 1),
    ("spread at the end", "spread", 1),
]
_SHOWN = {
    "swapping": {"lowest", "delay", "followed", "mean_quality", "at_peak", "at_other", "spread"},
    "wandering": {"lowest", "followed", "mean_quality", "at_peak", "at_other", "spread"},
    "resting": {"followed", "mean_best", "mean_quality", "at_peak", "smaller", "entropy"},
}


def _name(cell: Results) -> str:
    """What differs from the roulette wheel, weighted data, cold training, quality retention."""
    parts = [_SELECTIONS[cell["selection"]], f"{cell['buffer_size']}"]
    if cell["temperature"] != 1:
        parts[0] += f" T {cell['temperature']:g}"
    for field, usual in (
        ("training_data", "weighted"),
        ("training", "cold"),
        ("retention", "quality"),
    ):
        if cell[field] != usual:
            parts.append(cell[field])
    return ", ".join(parts)


def _table(name: str, cells: list[Results]) -> tuple[list[str], list[list[str]]]:
    """(header, rows) of one landscape."""
    columns = [column for column in _COLUMNS if column[1] in _SHOWN[name]]
    rows = [
        [_name(cell)] + [interval(cell["measures"][key], digits) for _, key, digits in columns]
        for cell in cells
    ]
    return ["selection, buffer", *(header for header, _, _ in columns)], rows


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [
        tables.terminal(_TITLES[name], *_table(name, cells))
        for name, cells in content["results"].items()
    ]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    text = (
        "# memory: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"{config['repetitions']} runs of {config['num_generations']} generations of each; N = "
        f"{config['population_size']}, at rest {config['few']}. Medians with 95 % bootstrap "
        "intervals over the runs; what is measured: `cases._measures`. Weighted data, cold "
        "training and quality retention where not said otherwise.\n"
    )
    for name, cells in content["results"].items():
        text += f"\n## {_TITLES[name]}\n\n" + tables.markdown(*_table(name, cells))
    return text


def _line(axis: Any, cell: Results, curve: str, color: str) -> None:
    axis.plot(cell["curves"][curve]["median"], color=color, label=_name(cell), lw=1.2)


def draw(found: Results, config: Config, out: Path) -> Path:
    """Best quality over the generations by buffer size, and how wide the population gets."""
    figure, axes = figures.grid(len(found), 3, 3.4, 2.3)
    for row, (name, cells) in zip(axes, found.items(), strict=True):
        by_size = [cell for cell in cells if cell["factor"] == "size"]
        short, long = (
            [
                cell
                for cell in cells
                if cell["factor"] in ("selection", "temperature") and cell["buffer_size"] == size
            ]
            for size in (config.buffer_sizes[0], config.long)
        )
        for axis, shown, title in (
            (row[0], by_size, "roulette wheel"),
            (row[1], short, "library's selection"),
        ):
            for cell, color in zip(shown, figures.COLORS, strict=False):
                _line(axis, cell, "best", color)
            axis.set(title=f"{name}: {title}", ylabel="best quality", ylim=(-0.05, 1.05))
        axis = row[2]
        for cell, color in zip([by_size[0], *short, *long], figures.COLORS, strict=False):
            _line(axis, cell, "spread", color)
        axis.set_yscale("log")
        axis.set(title=f"{name}: spread", ylabel="standard deviation")
        for axis in row:
            axis.legend(fontsize=6)
    for axis in axes[-1]:
        axis.set_xlabel("generation")
    figure.suptitle(f"Medians of {config.repetitions} runs")
    return figures.save(figure, out / "memory.png")

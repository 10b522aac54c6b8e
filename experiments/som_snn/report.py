"""Tables and the figure of the study."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, statistics, tables
from experiments.som_snn.config import Config

Results = dict[str, Any]
_TITLES = {"digits": "Digits", "breakout": "Breakout's frames", "fashion-mnist": "Fashion-MNIST"}

# The authors' sheet: Breakout, 200 neurons, three actions, p_low to all / proportion / n-gram.
_SHEET = (
    "0: 56.2 / 56.5 / 58.4; .25: 50.5 / 50.4 / 50.7; .5: 49.5 / 49.4 / 50.1; 1: 40.0 / 39.8 / 40.6"
)


def _row(name: str, row: Results, votes: list[str]) -> list[str]:
    cells = [f"{row[vote]['mean']:.1f} ± {row[vote]['sd']:.1f}" for vote in votes]
    return [name, *cells, f"{row['spikes']['mean']:.1f}"]


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    config, found = content["config"], content["results"]
    votes, vote = config["votes"], config["vote"]
    shown = []
    for dataset, kinds in found["inhibition"].items():
        uniform = kinds["uniform"][vote]["values"]
        rows = []
        for kind, row in kinds.items():
            gap = statistics.paired(row[vote]["values"], uniform)
            beside = "" if kind == "uniform" else _gap(gap)
            rows.append([*_row(kind, row, votes), beside])
        header = ["inhibition", *votes, "spikes", f"less uniform, {vote}"]
        shown.append((f"{_TITLES[dataset]}: accuracy, %", header, rows))
    rows = [_row(f"{size} neurons", row, votes) for size, row in found["sizes"].items()]
    title = f"Digits, {found['kind_of_sizes']}: accuracy, %"
    shown.append((title, ["lattice", *votes, "spikes"], rows))
    return shown


def _gap(gap: dict[str, float]) -> str:
    return f"{gap['difference']:+.1f} [{gap['low']:+.1f}, {gap['high']:+.1f}]"


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    prose = (
        "Means ± standard deviations over seeds; differences in pairs with 95 % bootstrap "
        f"intervals. The authors' sheet for Atari's Breakout, 200 neurons, p_low to all / "
        f"proportion / n-gram: {_SHEET}."
    )
    return tables.document(content, prose, _all(content))


def draw(found: Results, config: Config, path: Path) -> Path:
    """Accuracy over p_low by vote, one panel a set; and over neurons."""
    sets = found["inhibition"]
    figure, axes = figures.grid(1, len(sets) + 1, 3.2, 3.0)
    levels = {f"two-level, p_low {share}": share for share in config.shares_low}
    for axis, (dataset, kinds) in zip(axes[0], sets.items(), strict=False):
        for vote, color in zip(config.votes, figures.COLORS, strict=False):
            means = [kinds[kind][vote]["mean"] for kind in levels]
            spread = [kinds[kind][vote]["sd"] for kind in levels]
            axis.errorbar(
                list(levels.values()), means, spread, color=color, label=vote, marker="o", ms=3
            )
        for kind, style in (("uniform", ":"), ("growing", "--"), ("increasing", "-.")):
            height = kinds[kind][config.vote]["mean"]
            axis.axhline(height, color="0.5", ls=style, label=f"{kind}, {config.vote}")
        axis.set(title=_TITLES[dataset], xlabel="p_low", ylabel="accuracy, %")
    axes[0][0].legend(fontsize=5)
    sizes = [int(size) for size in found["sizes"]]
    for vote, color in zip(config.votes, figures.COLORS, strict=False):
        rows = [row[vote] for row in found["sizes"].values()]
        figures.intervals(axes[0][-1], sizes, rows, vote, color)
    axes[0][-1].set(title="Digits, by neurons", xlabel="neurons", xscale="log")
    return figures.save(figure, path)

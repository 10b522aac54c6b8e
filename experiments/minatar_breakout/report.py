"""Table and figure of the hour."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, tables
from experiments.minatar_breakout.config import Config

Results = dict[str, Any]
_HEADER = ["run", "return", "with random actions", "parameters", "evaluations", "seconds"]


def _rows(found: Results) -> list[list[str]]:
    return [
        [
            f"{number + 1}",
            f"{run['exact']:.1f}",
            f"{run['unsteady']:.1f} ± {run['unsteady_error']:.1f}",
            f"{run['num_dims']:,}",
            f"{run['evaluations']:,}",
            f"{run['seconds']:.0f}",
        ]
        for number, run in enumerate(found["runs"])
    ]


def terminal(content: Results) -> Table:
    """All runs."""
    return tables.terminal("MinAtar Breakout", _HEADER, _rows(content["results"]))


def markdown(content: Results) -> str:
    """The table."""
    config = content["config"]
    return (
        "# minatar_breakout: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['results']['num_devices']} device(s). Written by the run; do not edit.\n\n"
        f"Published: PPO {config['published']:g}. Return: of the best policy on both starts, "
        f"without random actions; with {config['epsilon']:.0%} of them, the mean of "
        f"{config['num_episodes']} episodes and its standard error.\n\n"
        + tables.markdown(_HEADER, _rows(content["results"]))
    )


def draw(found: Results, config: Config, out: Path) -> Path:
    """Return of the best policy over time."""
    figure, axes = figures.grid(1, 1, 5.0, 3.0)
    axis = axes[0][0]
    for number, run in enumerate(found["runs"]):
        axis.step(
            [row["seconds"] / 60 for row in run["rows"]],
            [row["exact"] for row in run["rows"]],
            where="post",
            color=figures.COLORS[number % len(figures.COLORS)],
            label=f"run {number + 1}",
        )
    axis.axhline(config.published, color="0.5", lw=0.8, ls="--", label="PPO, published")
    axis.set(xlabel="minutes", ylabel="return of the best policy")
    axis.legend(fontsize=7)
    return figures.save(figure, out / "returns.png")

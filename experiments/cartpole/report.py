"""Tables and figures of the cart-pole experiment."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments.cartpole.config import Config
from experiments.common import figures, tables
from experiments.common.tables import interval

Results = dict[str, Any]
_CLAIM = [
    "asked for",
    "near and reward kept",
    "runs that pass",
    "reward kept",
    "near, of those",
    "position, median",
    "its spread",
    "single episodes",
]
_RUNS = ["search", "return at the end", "best", "samples: return", "reward kept", "spread"]
_SCALES = ["asked for", "scale", "near and reward kept", "reward kept", "position", "spread"]
_TRADE = ["asked for", "controllers", "near and reward kept", "reward kept", "distance"]
_NAMES = {"cartpole": "58 parameters", "cartpole_linear": "linear, 10 parameters"}


def _claim_rows(found: Results, config: Results) -> list[list[str]]:
    """What the issue asks, one row a target."""
    return [
        [
            f"{cell['target']:+g} m",
            interval(cell["both"], 2),
            f"{cell['share_of_runs']:.0%}",
            interval(cell["kept"], 2),
            interval(cell["near_of_kept"], 2),
            interval(cell["position"], 2),
            interval(cell["spread"], 2),
            interval(cell["episodes"], 2),
        ]
        for cell in found["asked"]
        if cell["scale"] == config["scale"]
    ]


def _run_rows(found: Results) -> list[list[str]]:
    """The runs, and samples of whom nothing is asked."""
    unasked = {
        "hades": found["unasked"],
        "charles": next(cell for cell in found["asked"] if cell["scale"] == 0),
    }
    return [
        [
            name,
            interval(found[key]["mean_at_end"], 0),
            interval(found[key]["best_at_end"], 0),
            interval(unasked[key]["return"], 0),
            interval(unasked[key]["kept"], 2),
            interval(unasked[key]["spread"], 2),
        ]
        for key, name in (("hades", "HADES"), ("charles", "CHARLES-D, scale 0"))
    ]


def _scale_rows(found: Results) -> list[list[str]]:
    return [
        [
            f"{cell['target']:+g} m",
            f"{cell['scale']:g}",
            interval(cell["both"], 2),
            interval(cell["kept"], 2),
            interval(cell["position"], 2),
            interval(cell["spread"], 2),
        ]
        for cell in found["asked"]
    ]


def _trade_rows(found: Results, config: Results) -> list[list[str]]:
    """The model beside mutated copies, by how far the controllers are from what is remembered."""
    ours = [("model", cell) for cell in found["asked"] if cell["scale"] == config["scale"]]
    copies = [(f"copies, mutated {cell['mutation']:g}", cell) for cell in found["copies"]]
    return [
        [
            f"{cell['target']:+g} m",
            name,
            interval(cell["both"], 2),
            interval(cell["kept"], 2),
            interval(cell["distance"], 2),
        ]
        for target in config["targets"]
        for name, cell in ours + copies
        if cell["target"] == target
    ]


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    config, shown = content["config"], []
    for found in content["results"]["policies"]:
        name = _NAMES[found["name"]]
        shown += [
            (f"Asked at scale {config['scale']:g}: {name}", _CLAIM, _claim_rows(found, config)),
            (f"Nothing asked: {name}", _RUNS, _run_rows(found)),
            (f"Guidance scales: {name}", _SCALES, _scale_rows(found)),
            (f"Model or copies: {name}", _TRADE, _trade_rows(found, config)),
        ]
    return shown


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    return (
        "# cartpole: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"{config['repetitions']} runs of each; medians with 95 % bootstrap intervals over the "
        f"runs, of shares and medians over {config['num_samples']} controllers of each run, judged "
        f"on {config['num_episodes']} new episodes. Near: the mean final position is within "
        f"{config['near']:g} m of the target. Reward kept: at least {config['keep']:.0%} of the "
        f"return of HADES's best. A run passes with {config['wanted']:.0%} that are both. Single "
        "episodes: the share of all episodes that last as long and end as near. Distance: to the "
        "nearest remembered controller, root mean square over the parameters in standard "
        "deviations of the memory.\n"
        + "".join(
            f"\n## {title}\n\n" + tables.markdown(header, rows)
            for title, header, rows in _all(content)
        )
    )


def draw_returns(found: Results, config: Config, out: Path) -> Path:
    """Mean return of the population over the generations."""
    figure, axes = figures.grid(1, len(found["policies"]), 5.0, 2.7, sharey=True)
    for axis, policy in zip(axes[0], found["policies"], strict=True):
        for (key, name), color in zip(
            (("hades", "HADES"), ("charles", "CHARLES-D, asked to spread")),
            figures.COLORS,
            strict=False,
        ):
            figures.curve(axis, policy[key]["curves"]["mean"], name, color)
        axis.set(title=_NAMES[policy["name"]], xlabel="generation")
    axes[0][0].set(ylabel="mean return of the population")
    axes[0][0].legend(fontsize=7, loc="lower right")
    figure.suptitle(f"Median and 5 to 95 % of {config.repetitions} runs")
    return figures.save(figure, out / "returns.png")


def draw_positions(
    found: Results, ends: list[dict[str, np.ndarray]], config: Config, out: Path
) -> Path:
    """Where the sampled controllers of all runs keep the cart."""
    policies = found["policies"]
    figure, axes = figures.grid(len(policies), 2, 4.6, 2.7, sharex=True)
    bins = np.linspace(-2.4, 2.4, 97)
    asked = [f"{target:g}" for target in config.targets]
    rows = [
        [("hades", "HADES"), ("none", "CHARLES-D, nothing asked")],
        [(name, f"asked for {float(name):+g} m") for name in asked],
    ]
    for line, (policy, positions) in zip(axes, zip(policies, ends, strict=True), strict=True):
        for axis, row in zip(line, rows, strict=True):
            for (key, label), color in zip(row, figures.COLORS, strict=False):
                values = np.clip(positions[key].ravel(), bins[0], bins[-1])
                axis.hist(
                    values,
                    bins,
                    weights=np.full(values.size, 1.0 / values.size),
                    color=color,
                    alpha=0.6,
                    label=label,
                )
            axis.legend(fontsize=7, loc="upper left")
            axis.set(title=_NAMES[policy["name"]], xlabel="mean final position, m")
        for target in config.targets:
            line[1].axvspan(target - config.near, target + config.near, color="0.85", zorder=0)
        line[0].set(ylabel="share of controllers")
    figure.suptitle(f"{config.num_samples} samples of each of {config.repetitions} runs")
    return figures.save(figure, out / "positions.png")


def draw_trade(found: Results, config: Config, out: Path) -> Path:
    """Share that does both: over the guidance scale, and over the distance to the memory."""
    policies = found["policies"]
    figure, axes = figures.grid(len(policies), 2, 4.6, 2.8, sharey=True)
    places = np.arange(len(config.scales))
    for (left, right), policy in zip(axes, policies, strict=True):
        for target, color in zip(config.targets, figures.COLORS, strict=False):
            cells = [cell for cell in policy["asked"] if cell["target"] == target]
            label = f"asked for {target:+g} m"
            figures.intervals(left, places, (cell["both"] for cell in cells), label, color)
            copies = [cell for cell in policy["copies"] if cell["target"] == target]
            right.plot(*_trade(copies), "o--", color=color, ms=3.5, lw=0.8, fillstyle="none")
            ours = [cell for cell in cells if cell["scale"] == config.scale]
            right.plot(*_trade(ours), "s", color=color, ms=6, label=label)
        for axis in (left, right):
            axis.axhline(config.wanted, color="0.5", lw=0.8, ls=":")
            axis.set(ylim=(0, 1.02), title=_NAMES[policy["name"]])
        left.set(xlabel="guidance scale", xticks=places, ylabel="near and reward kept")
        left.set_xticklabels([f"{scale:g}" for scale in config.scales])
        right.set(xlabel="distance to the nearest remembered controller, sd")
        left.legend(fontsize=7, loc="lower right")
    figure.suptitle(f"Right: squares, the model at scale {config.scale:g}; circles, mutated copies")
    return figures.save(figure, out / "trade.png")


def _trade(cells: list[Results]) -> tuple[list[float], list[float]]:
    return (
        [cell["distance"]["median"] for cell in cells],
        [cell["both"]["median"] for cell in cells],
    )

"""Tables and figures of the two-peak demonstration."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.common import figures, tables
from experiments.two_peaks.config import Config
from tasks.functions.two_peaks import PEAKS, TwoPeaks

# (problem, start, weighting, temperature, noise scale) -> shares (R, T + 1, 2), quality (R,),
# path (T + 1, N, 2) of one run
Case = tuple[str, str, str, float, float]
Shown = dict[Case, dict[str, Any]]
_MAPS = {
    "paper": "the paper's map",
    "default": "scale-free default",
    "unbounded": "default without bound",
}
_HEADER = [
    "problem, start, noise",
    "schedule",
    "weighting",
    "runs that keep both peaks [95 %]",
    "smaller share",
    "share at the peaks",
    "mean quality",
]


def _name(weighting: str, temperature: float) -> str:
    return _MAPS[weighting] + ("" if weighting == "paper" else f", T {temperature:g}")


def _rows(content: dict[str, Any]) -> list[list[str]]:
    rows = []
    for cell in content["results"]["cells"]:
        kept = cell["both_kept"]
        rows.append(
            [
                f"{cell['problem']}, {cell['start']}, {cell['noise_scale']:g}",
                cell["schedule"],
                _name(cell["map"], cell["temperature"]),
                f"{100 * kept['share']:.0f} % [{100 * kept['low']:.0f}, {100 * kept['high']:.0f}]",
                *(
                    f"{cell[key]['mean']:.3f} ± {cell[key]['sd']:.3f}"
                    for key in ("share_smaller", "share_at_peaks", "quality")
                ),
            ]
        )
    return rows


def terminal(content: dict[str, Any]) -> Table:
    """All cases."""
    return tables.terminal("Two peaks: the final population", _HEADER, _rows(content))


def markdown(content: dict[str, Any]) -> str:
    """The table of the study."""
    config = content["config"]
    return (
        "# two_peaks: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"N = {config['population_size']}, {config['num_generations'] + 1} steps, "
        f"{config['repetitions']} runs of each. At a peak: within {config['near']:g} of a smooth "
        f"peak, within {config['radius']:g} of the centre of a disc. Kept: at least "
        f"{100 * config['kept_share']:g} % of the population at each of the two. Shares and "
        "quality: mean ± sd over the runs.\n\n" + tables.markdown(_HEADER, _rows(content))
    )


def _picked(shown: Shown, config: Config) -> list[Case]:
    """Of every problem and start the settings that the figures show."""
    return [case for case in shown if case[2:] in config.shown]


def draw_populations(shown: Shown, tasks: dict[str, TwoPeaks], config: Config, out: Path) -> Path:
    """One run of each case over time: the population on the landscape."""
    # The lowest temperature is drawn where it makes the difference.
    picked = [case for case in _picked(shown, config) if case[1] == "hard" or case[3] == 1.0]
    last = config.num_generations
    moments = np.unique((np.array([0, 0.3, 0.5, 0.65, 0.8, 1.0]) * last).round().astype(int))
    figure, axes = figures.grid(len(picked), len(moments), 1.7, 1.75)
    points = figures.mesh(-3.0, 3.0)
    side = round(len(points) ** 0.5)
    for row, case in zip(axes, picked, strict=True):
        problem, start, name, temperature, noise_scale = case
        task = tasks[problem]
        quality = np.asarray(task.quality(jnp.asarray(points / task.scaling))).reshape(side, side)
        for axis, moment in zip(row, moments, strict=True):
            figures.landscape(axis, 0.6 * quality, -3.0, 3.0, gamma=0.6)
            path = shown[case]["path"]
            axis.scatter(
                *path[moment].T, s=3, color=figures.ORIGIN, alpha=0.55, linewidths=0, zorder=3
            )
            axis.scatter(*np.array(PEAKS).T, s=30, marker="+", color=figures.POINT, zorder=4)
            if case == picked[0]:
                axis.set_title(f"after move {moment}" if moment else "start")
            if moment == 0:
                axis.set_ylabel(
                    f"{problem}, {start} start\n{_name(name, temperature)}\nnoise {noise_scale:g}",
                    fontsize=7.5,
                )
    figure.suptitle(f"{config.population_size} individuals, {last + 1} steps, one run of each")
    figures.legend_below(
        figure, [("population", "o", figures.ORIGIN), ("peaks", "o", figures.POINT)]
    )
    return figures.save(figure, out / "populations.png")


def draw_shares(shown: Shown, config: Config, out: Path) -> Path:
    """Share of the population at each peak over time: the smaller and the larger of the two."""
    panels = list(dict.fromkeys(case[:2] for case in shown))
    figure, axes = figures.grid(1, len(panels), 3.2, 3.0, sharey=True)
    moves = np.arange(config.num_generations + 1)
    for axis, panel in zip(axes[0], panels, strict=True):
        cases = [case for case in _picked(shown, config) if case[:2] == panel]
        for case, color in zip(cases, figures.COLORS, strict=False):
            smaller = np.asarray(shown[case]["shares"]).min(axis=2)  # (R, T + 1)
            low, middle, high = np.percentile(smaller, [5, 50, 95], axis=0)
            axis.plot(moves, middle, color=color, label=f"{_name(*case[2:4])}, noise {case[4]:g}")
            axis.fill_between(moves, low, high, color=color, alpha=0.18, linewidth=0)
        axis.axhline(config.kept_share, color="0.5", lw=0.8, ls=":")
        axis.set(title=f"{panel[0]}, {panel[1]} start", xlabel="move", ylim=(0, 0.62))
        axis.legend(fontsize=7, loc="upper left")
    axes[0][0].set_ylabel("share at the lesser peak")
    figure.suptitle(
        f"Share of the population at the peak that has fewer: median and 5 to 95 % of "
        f"{config.repetitions} runs"
    )
    return figures.save(figure, out / "shares.png")

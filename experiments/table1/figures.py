"""Pictures of single runs: where each method ends, and how the denoising gets there."""

from pathlib import Path

import jax
import numpy as np

from experiments.common import figures
from experiments.table1.config import OURS, Config
from experiments.table1.methods import LABELS, Points
from tasks.functions.benchmark import Benchmark

# (function, setting, method) -> the points of repetition 0
Shown = dict[tuple[str, str, str], Points]
_NUM_PATHS = 48


def _title(function: str) -> str:
    return function.replace("_", " ").capitalize()


def _qualities(tasks: list[Benchmark]) -> dict[str, np.ndarray]:
    """Each task's quality on a square mesh, (n, n)."""
    shades = {}
    for task in tasks:
        points = figures.mesh(task.low, task.high)
        quality = np.asarray(jax.jit(task.quality)(points / task.scaling))
        side = round(len(points) ** 0.5)
        shades[task.name] = quality.reshape(side, side)
    return shades


def draw(tasks: list[Benchmark], shown: Shown, config: Config, out: Path) -> list[Path]:
    """Draw all figures that the two-dimensional functions allow.

    Args:
        tasks: of the study; those of other than two dimensions are left out.
        shown: single runs.
        config: of the study.
        out: folder to write into.

    Returns:
        The files written.
    """
    tasks = [task for task in tasks if task.num_dims == 2 and "target" not in task.name]
    if not tasks:
        return []
    shades = _qualities(tasks)
    written = [
        _final_populations(tasks, shown, shades, setting, config, out)
        for setting in ("protocol", "fair")
    ]
    return [*written, _denoising(tasks, shown, shades, config, out)]


def _final_populations(
    tasks: list[Benchmark],
    shown: Shown,
    shades: dict[str, np.ndarray],
    setting: str,
    config: Config,
    out: Path,
) -> Path:
    """Functions across, methods down: landscape, trajectories, final population, its top."""
    methods = [
        name
        for name in (*OURS, *config.rivals)
        if all((task.name, setting, name) in shown for task in tasks)
    ]
    figure, axes = figures.grid(len(methods), len(tasks), 1.9, 1.9)
    for row, method in zip(axes, methods, strict=True):
        for axis, task in zip(row, tasks, strict=True):
            points = shown[task.name, setting, method]
            figures.landscape(axis, shades[task.name], task.low, task.high)
            path = points.path[0]
            # Individuals where they have an identity over time, else the mean of the distribution;
            # that of a thousand generations is thin, or it would hide everything.
            if path.shape[1] > 1:
                figures.paths(axis, path[:, :_NUM_PATHS])
            elif len(path):
                figures.paths(axis, path, 1.1 if len(path) <= 100 else 0.5, 0.8)
            candidates = points.points[0]
            distance = np.asarray(jax.jit(task)(candidates / task.scaling))
            best = np.argsort(distance, kind="stable")
            top, rest = candidates[best[: config.top]], candidates[best[config.top :]]
            axis.scatter(*rest.T, s=4, color=figures.ORIGIN, alpha=0.45, linewidths=0, zorder=3)
            axis.scatter(
                *top.T, s=9, color=figures.POINT, edgecolors="white", linewidths=0.25, zorder=4
            )
            if method == methods[0]:
                axis.set_title(_title(task.name))
            if task is tasks[0]:
                axis.set_ylabel(LABELS[method])
    figure.suptitle(
        {
            "protocol": "The authors' protocol",
            "fair": "Equal evaluations, each method's own settings",
        }[setting]
    )
    figures.legend_below(
        figure,
        [
            (f"top {config.top}", "o", figures.POINT),
            ("rest of the final population", "o", figures.ORIGIN),
            ("individuals, or the mean, over time", "-", figures.PATH),
        ],
    )
    return figures.save(figure, out / f"populations_{setting}.png")


def _denoising(
    tasks: list[Benchmark],
    shown: Shown,
    shades: dict[str, np.ndarray],
    config: Config,
    out: Path,
) -> Path:
    """Functions down, time across: the population and the origins that it steps towards."""
    last = config.num_generations
    moments = np.unique(np.linspace(0, last, 6).round().astype(int))
    figure, axes = figures.grid(len(tasks), len(moments), 1.9, 1.9)
    for row, task in zip(axes, tasks, strict=True):
        points = shown[task.name, "protocol", OURS[0]]
        assert points.origin_path is not None
        path, origins = points.path[0], points.origin_path[0]
        for axis, moment in zip(row, moments, strict=True):
            figures.landscape(axis, shades[task.name], task.low, task.high)
            x, x0 = path[moment], origins[min(moment, last - 1)]
            axis.scatter(*x.T, s=4, color=figures.ORIGIN, alpha=0.5, linewidths=0, zorder=2)
            axis.scatter(*x0.T, s=4, color=figures.POINT, alpha=0.5, linewidths=0, zorder=3)
            if task is tasks[0]:
                axis.set_title("noise" if moment == 0 else f"after move {moment}")
            if moment == 0:
                axis.set_ylabel(_title(task.name))
    figure.suptitle(f"Diffusion Evolution, {config.population_size} individuals, {last} moves")
    figures.legend_below(
        figure,
        [("population", "o", figures.ORIGIN), ("estimated origins x̂0", "o", figures.POINT)],
    )
    return figures.save(figure, out / "denoising.png")

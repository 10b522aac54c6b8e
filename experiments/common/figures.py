"""Figures as files; the only place of the experiments that imports matplotlib, and only when used.

Nothing opens a window: figures are built without pyplot's state and written as PNG.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colour-blind safe (Okabe and Ito); the first is the one for "ours".
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
POINT, ORIGIN, PATH = "#D55E00", "#0072B2", "#1b1b1b"

_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "axes.prop_cycle": f"cycler('color', {list(COLORS)!r})",
}


def grid(
    num_rows: int, num_columns: int, width: float = 2.2, height: float = 2.2, **options: Any
) -> tuple["Figure", np.ndarray]:
    """A figure of equal panels.

    Args:
        num_rows: >= 1.
        num_columns: >= 1.
        width: of a panel, inches.
        height: of a panel, inches.
        options: handed to ``Figure.subplots``.

    Returns:
        (figure, axes of shape (num_rows, num_columns)). Save it with `save`.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width * num_columns, height * num_rows), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(num_rows, num_columns, squeeze=False, **options)
    return figure, axes


def save(figure: "Figure", path: Path, dpi: int = 110) -> Path:
    """Write a figure as PNG of 256 colours, a third of the size, and return its path."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=dpi, format="png", pil_kwargs={"compress_level": 1})
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def legend_below(
    figure: "Figure", entries: Sequence[tuple[str, str, str]], num_columns: int | None = None
) -> None:
    """One legend under all panels.

    Args:
        figure: from `grid`.
        entries: (label, "o", "-" or "--", color) each.
        num_columns: of the legend; None is one an entry.
    """
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            color=color,
            marker="o" if mark == "o" else "",
            linestyle="none" if mark == "o" else ("dashed" if mark == "--" else "solid"),
            markersize=4,
        )
        for _, mark, color in entries
    ]
    figure.legend(
        handles,
        [label for label, _, _ in entries],
        loc="outside lower center",
        ncols=num_columns or len(entries),
        frameon=False,
        fontsize=9,
    )


def bare(axis: "Axes", low: float, high: float) -> None:
    """A square map without ticks or frame lines in the way."""
    axis.set(xlim=(low, high), ylim=(low, high), xticks=[], yticks=[], aspect="equal")
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(True)
        spine.set_color("0.7")


def landscape(
    axis: "Axes", quality: np.ndarray, low: float, high: float, gamma: float = 0.5
) -> None:
    """Shade a map by quality: white is bad, grey-green is good.

    Args:
        axis: where to draw.
        quality: in [0, 1], shape (n, n), ``quality[i, j]`` at (x_j, y_i).
        low: lower end of both coordinates.
        high: upper end.
        gamma: exponent; below 1 lifts the small values, so that poor regions show their shape.
    """
    axis.imshow(
        np.clip(quality, 0, 1) ** gamma,
        extent=(low, high, low, high),
        origin="lower",
        cmap="YlGn",
        vmin=0,
        vmax=1.35,  # keeps the best regions light enough for points on top
        interpolation="bilinear",
        zorder=0,
    )
    bare(axis, low, high)


def paths(axis: "Axes", lines: np.ndarray, linewidth: float = 0.35, alpha: float = 0.35) -> None:
    """Trajectories.

    Args:
        axis: where to draw.
        lines: M lines over S steps, shape (S, M, 2).
        linewidth: points.
        alpha: opacity.
    """
    from matplotlib.collections import LineCollection

    axis.add_collection(
        LineCollection(
            list(np.moveaxis(lines, 1, 0)),
            colors=PATH,
            linewidths=linewidth,
            alpha=alpha,
            zorder=2,
        ),
        autolim=False,
    )


def mesh(low: float, high: float, num_points: int = 161) -> np.ndarray:
    """Points of a square grid, shape (num_points^2, 2), row by row from the bottom."""
    line = np.linspace(low, high, num_points, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def band(
    axis: "Axes",
    x: Sequence[float] | np.ndarray,
    middle: Sequence[float] | np.ndarray,
    low: Sequence[float] | np.ndarray,
    high: Sequence[float] | np.ndarray,
    label: str,
    color: str | None = None,
) -> None:
    """A line with a shaded interval and markers."""
    (line,) = axis.plot(x, middle, "o-", label=label, color=color, markersize=3.5)
    axis.fill_between(x, low, high, color=line.get_color(), alpha=0.18, linewidth=0)


def intervals(
    axis: "Axes",
    x: Sequence[float] | np.ndarray,
    rows: Iterable[Mapping[str, Any]],
    label: str,
    color: str | None = None,
) -> None:
    """A line of medians with their intervals, of `statistics.summarize`'s summaries."""
    rows = list(rows)
    middle, low, high = ([row[key] for row in rows] for key in ("median", "low", "high"))
    band(axis, x, middle, low, high, label, color)


def curve(axis: "Axes", values: Mapping[str, np.ndarray], label: str, color: str) -> None:
    """A line over the generations with its band, from `statistics.curve`."""
    numbers = np.arange(len(values["median"]))
    axis.plot(numbers, values["median"], color=color, label=label)
    axis.fill_between(numbers, values["low"], values["high"], color=color, alpha=0.18, linewidth=0)

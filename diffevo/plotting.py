"""Figures for papers; the one file of the library that imports matplotlib.

They draw into axes that are given, or into new ones, and return these: ``ax.figure.savefig(...)``.
"""

from typing import Any

import jax
import numpy as np

try:
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
except ImportError as error:
    raise ImportError("plotting: needs matplotlib: pip install 'diffevo-jax[plotting]'") from error

from diffevo.result import Result


def convergence(result: Result, ax: Axes | None = None, label: str | None = None) -> Axes:
    """The best value so far over the evaluations, as stairs.

    Args:
        result: of a search.
        ax: where to draw; None: a new figure.
        label: for a legend.

    Returns:
        The axes.
    """
    ax = _axes(ax)
    history = result.history
    ax.step(history["nfev"], history["best_fitness"], where="post", label=label)
    ax.set_xlabel("evaluations")
    ax.set_ylabel("best fitness")
    return ax


def population(result: Result, dims: tuple[int, int] = (0, 1), ax: Axes | None = None) -> Axes:
    """Two coordinates of the last population, coloured by fitness, and of the modes, as crosses.

    Args:
        result: of a search of real numbers or integers.
        dims: which two coordinates of the solutions, counted through all leaves.
        ax: where to draw; None: a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: there are no such coordinates, or one is a category.
    """
    points = _numbers(result.population, len(result.fitness))
    if not all(0 <= dim < points.shape[1] for dim in dims) or len(dims) != 2:
        raise ValueError(f"dims: expected two of 0 to {points.shape[1] - 1}, got {dims!r}")
    ax = _axes(ax)
    shown = ax.scatter(
        points[:, dims[0]], points[:, dims[1]], c=result.fitness, s=12, plotnonfinite=True
    )
    ax.figure.colorbar(shown, ax=ax, label="fitness")
    if result.modes is not None and len(result.modes.fun):
        modes = _numbers(result.modes.x, len(result.modes.fun))
        ax.plot(modes[:, dims[0]], modes[:, dims[1]], "x", color="tab:red", label="modes")
    ax.set_xlabel(f"coordinate {dims[0]}")
    ax.set_ylabel(f"coordinate {dims[1]}")
    return ax


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(layout="constrained")[1] if ax is None else ax


def _numbers(solutions: Any, num: int) -> np.ndarray:
    """Leaves (n, ...) side by side, shape (n, D)."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(solutions)]
    if any(leaf.dtype.kind not in "fiub" for leaf in leaves):
        raise ValueError("result: expected solutions of numbers, got categories among them")
    return np.concatenate([leaf.reshape(num, -1) for leaf in leaves], axis=1)

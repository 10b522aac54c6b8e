"""Spikes, voltages and filters as figures; the one file of the family that imports matplotlib.

They draw into axes that are given, or into new ones, and return these.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError("plots: needs matplotlib: pip install 'diffevo-jax[plotting]'") from error

from tasks.snn.connections import Fields


def raster(spikes: ArrayLike, ax: Axes | None = None, dt: float = 1.0) -> Axes:
    """A dot where a neuron fired.

    Args:
        spikes: (T, N).
        ax: where to draw; None: a new figure.
        dt: ms of a step.

    Raises:
        ValueError: for another shape.
    """
    spikes = _matrix("spikes", spikes)
    ax = _axes(ax)
    times, neurons = np.nonzero(spikes)
    ax.plot(times * dt, neurons, "|", color="black", markersize=3)
    ax.set(
        xlim=(0, len(spikes) * dt),
        ylim=(-0.5, spikes.shape[1] - 0.5),
        xlabel="time (ms)",
        ylabel="neuron",
    )
    return ax


def voltages(
    values: ArrayLike, ax: Axes | None = None, dt: float = 1.0, threshold: float | None = None
) -> Axes:
    """Potentials over time, a line each.

    Args:
        values: (T, N), mV above rest.
        ax: where to draw; None: a new figure.
        dt: ms of a step.
        threshold: drawn as a broken line if given.

    Raises:
        ValueError: for another shape.
    """
    values = _matrix("values", values)
    ax = _axes(ax)
    ax.plot(np.arange(len(values)) * dt, values, linewidth=0.8)
    if threshold is not None:
        ax.axhline(threshold, color="black", linestyle="dashed", linewidth=0.8)
    ax.set(xlabel="time (ms)", ylabel="potential above rest (mV)")
    return ax


def filter_map(
    weights: ArrayLike, fields: Fields, ax: Axes | None = None, location: int | None = None
) -> Axes:
    """Filters as small images, in the lattice on which they compete.

    Args:
        weights: (L, K, F).
        fields: which pixels a location sees.
        ax: where to draw; None: a new figure.
        location: the one to show; None shows every filter where its location is in the image, on
            black: a locally connected network's filters side by side.

    Raises:
        ValueError: for another shape.
    """
    weights = np.asarray(weights)
    if weights.ndim != 3 or weights.shape[:2] != (fields.num_locations, fields.size):
        raise ValueError(
            f"weights: expected shape ({fields.num_locations}, {fields.size}, F), "
            f"got {weights.shape}"
        )
    if location is None and fields.num_locations > 1:
        shape = (fields.height, fields.width)
        images = np.zeros((fields.num_locations, weights.shape[2], fields.num_inputs))
        for place, (pixels, found) in enumerate(zip(fields.places, weights, strict=True)):
            images[place][:, pixels] = found.T
        images = images.reshape(-1, *shape)
    else:
        shape = (fields.height, fields.width)
        shape = shape if fields.kernel is None else (fields.kernel, fields.kernel)
        images = weights[location or 0].T.reshape(-1, *shape)
    side = math.ceil(math.sqrt(len(images)))
    down = math.ceil(len(images) / side)
    sheet = np.full((side * down, shape[0] + 1, shape[1] + 1), np.nan)
    sheet[: len(images), :-1, :-1] = images
    sheet = sheet.reshape(down, side, shape[0] + 1, shape[1] + 1).transpose(0, 2, 1, 3)
    ax = _axes(ax)
    ax.imshow(sheet.reshape(down * (shape[0] + 1), -1)[:-1, :-1], cmap="hot_r")
    ax.set(xticks=[], yticks=[])
    return ax


def _matrix(name: str, values: ArrayLike) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2:
        raise ValueError(f"{name}: expected shape (T, N), got {values.shape}")
    return values


def _axes(ax: Axes | None) -> Axes:
    return Figure(layout="constrained").subplots() if ax is None else ax

"""Who sees what, and when: receptive fields without shared weights, and delays.

Shape letters: L locations, K inputs of a field, I inputs, O outputs, T steps, M steps remembered.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike


@dataclass(frozen=True)
class Fields:
    """Rectangles of an image, one a location; ``kernel`` None is the whole image, one location.

    Neurons of a location have weights of their own (arXiv 1904.06269): nothing is shared.

    Attributes:
        height: of the image.
        width: of the image.
        kernel: side of the square field, or None.
        stride: pixels from a field to the next, >= 1, in both directions.

    Raises:
        ValueError: for a kernel larger than the image, and numbers below 1.
    """

    height: int
    width: int
    kernel: int | None = None
    stride: int = 1

    def __post_init__(self):
        for name in ("height", "width", "stride"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.kernel is not None and not 1 <= self.kernel <= min(self.height, self.width):
            raise ValueError(
                f"kernel: expected 1 to {min(self.height, self.width)}, the image's lesser side, "
                f"got {self.kernel}"
            )

    @property
    def places(self) -> np.ndarray:
        """Which pixels, counted row by row, a location sees: (L, K), locations row by row."""
        pixels = np.arange(self.height * self.width).reshape(self.height, self.width)
        if self.kernel is None:
            return pixels.reshape(1, -1)
        windows = np.lib.stride_tricks.sliding_window_view(pixels, (self.kernel, self.kernel))
        windows = windows[:: self.stride, :: self.stride]
        return windows.reshape(-1, self.kernel**2)

    @property
    def num_inputs(self) -> int:
        """I, the pixels."""
        return self.height * self.width

    @property
    def num_locations(self) -> int:
        """L."""
        return math.prod(self.grid)

    @property
    def grid(self) -> tuple[int, int]:
        """Locations down and across."""
        if self.kernel is None:
            return 1, 1
        down, across = (
            (side - self.kernel) // self.stride + 1 for side in (self.height, self.width)
        )
        return down, across

    @property
    def size(self) -> int:
        """K, the inputs of a field."""
        return self.num_inputs if self.kernel is None else self.kernel**2

    def see(self, values: Array) -> Array:
        """What each location sees of images (..., I): (..., L, K).

        Raises:
            ValueError: for images of another size.
        """
        if values.shape[-1] != self.num_inputs:
            raise ValueError(
                f"images: expected {self.num_inputs} pixels, {self.height} x {self.width}, "
                f"got shape {values.shape}"
            )
        if self.kernel is None:
            return values[..., None, :]
        return values[..., self.places]


def check_delays(delays: ArrayLike, longest: int) -> None:
    """Raise ValueError unless delays are in [0, longest]; traced ones are not looked at."""
    if longest < 0:
        raise ValueError(f"longest: expected at least 0, got {longest}")
    if isinstance(delays, Tracer):
        return
    found = np.asarray(delays)
    if found.size and not (found.min() >= 0 and found.max() <= longest):
        raise ValueError(
            f"delays: expected steps in [0, {longest}], the length of the buffer, "
            f"got {found.min()} to {found.max()}"
        )


def delayed(
    spikes: Array,
    delays: Array,
    longest: int,
    weights: ArrayLike = 1.0,
    num_steps: int | None = None,
) -> Array:
    r"""Currents that spikes cause where every synapse has its own delay.

        current[t, j] = sum_i w_ij s[t - d_ij, i]

    A scan over time with a ring buffer of the inputs' last ``longest + 1`` steps, from which each
    synapse reads its own: a step costs O(I O), and memory (longest + 1) I numbers.

    Args:
        spikes: (T, I), any numbers.
        delays: (I, O), steps; rounded to whole ones, and kept in [0, longest] if they are traced.
        longest: the buffer's length, >= 0.
        weights: (I, O) or a number.
        num_steps: how long to look, S; None is T + longest, until all has arrived.

    Returns:
        Currents (S, O).

    Raises:
        ValueError: for delays beyond the buffer.
    """
    check_delays(delays, longest)
    num_inputs = spikes.shape[1]
    steps = jnp.clip(jnp.round(delays), 0, longest).astype(jnp.int32)
    inputs = jnp.arange(num_inputs)[:, None]
    num_steps = len(spikes) + longest if num_steps is None else num_steps
    weights = jnp.broadcast_to(jnp.asarray(weights, spikes.dtype), steps.shape)
    train = jnp.zeros((num_steps, num_inputs), spikes.dtype)
    train = train.at[: len(spikes)].set(spikes[:num_steps])

    def step(buffer: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        time, arriving = now
        buffer = buffer.at[time % (longest + 1)].set(arriving)
        seen = buffer[(time - steps) % (longest + 1), inputs]
        return buffer, jnp.sum(weights * seen, axis=0)

    buffer = jnp.zeros((longest + 1, num_inputs), spikes.dtype)
    return jax.lax.scan(step, buffer, (jnp.arange(num_steps), train))[1]


def delayed_once(times: Array, delays: Array, longest: int, num_steps: int) -> Array:
    r"""Arrivals of inputs that fire once each: what `delayed` gives for weights of 1, faster.

        current[t, j] = sum_i [times_i + d_ij = t]

    Args:
        times: (I,) int32 steps of the spikes; one of ``num_steps`` or more never arrives.
        delays: (I, O), as of `delayed`.
        longest: no delay is longer, >= 0.
        num_steps: S.

    Returns:
        Currents (S, O).

    Raises:
        ValueError: for delays beyond ``longest``.
    """
    check_delays(delays, longest)
    steps = jnp.clip(jnp.round(delays), 0, longest).astype(jnp.int32)
    arrivals = times[:, None] + steps

    def at(time: Array) -> Array:
        return jnp.sum((arrivals == time).astype(jnp.float32), axis=0)

    return jax.lax.map(at, jnp.arange(num_steps))

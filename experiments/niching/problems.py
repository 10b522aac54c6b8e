"""What is searched: a function on a box, of a task or of a user, and the rules it is judged by.

Shape letters: N points, D dimensions, K global optima.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


@dataclass(frozen=True, eq=False)
class Problem:
    """A function to minimise on a box. All methods search the unit cube that stands for it.

    Attributes:
        name: in tables and files.
        objective: points (N, D) -> values (N,): on JAX arrays if traceable, else on numpy ones.
        low: lower corner (D,).
        high: upper corner (D,).
        traceable: by JAX; if not, JAX's methods call it back on the host.
        budget: evaluations of a run.
        radius: niche radius, in the objective's own coordinates.
        scale: of the values; accuracies are multiples of it.
        best_value: at the global optima; None: the best that a run finds.
        num_optima: K; None if unknown: then there are no ratios, only counts.
        positions: the global optima (K, D); None: optima are told apart by the radius alone.
    """

    name: str
    objective: Callable[[Any], Any]
    low: np.ndarray
    high: np.ndarray
    traceable: bool
    budget: int
    radius: float
    scale: float = 1.0
    best_value: float | None = None
    num_optima: int | None = None
    positions: np.ndarray | None = None

    def __post_init__(self):
        if self.low.shape != self.high.shape or self.low.ndim != 1 or not self.low.size:
            raise ValueError(
                f"low, high: expected two corners (D,), got {self.low.shape}, {self.high.shape}"
            )
        if not (self.low < self.high).all():
            raise ValueError(f"high: expected more than low, {self.low}, got {self.high}")
        if not self.radius > 0:
            raise ValueError(f"radius: expected a positive number, got {self.radius}")
        if self.budget < 1:
            raise ValueError(f"budget: expected at least 1, got {self.budget}")

    @property
    def num_dims(self) -> int:
        """D."""
        return len(self.low)

    def points(self, cube: Any) -> Any:
        """Points of the box (N, D) of points of the cube."""
        return self.low + (self.high - self.low) * cube

    def traced(self, cube: Array) -> Array:
        """Values (N,) of points (N, D) of the cube, in a JAX program.

        A point outside the cube is judged where it enters it, plus the scale times its squared
        distance: for methods that know no bounds.
        """
        inside = jnp.clip(cube, 0.0, 1.0)
        points = self.points(inside)
        values = self.objective(points) if self.traceable else self._called_back(points)
        return values + self.scale * jnp.sum((cube - inside) ** 2, axis=1)

    def _called_back(self, points: Array) -> Array:
        """Values (N,) by a call from a JAX program to the host, in float64 if points are."""
        if points.dtype != jnp.float64:
            shape = jax.ShapeDtypeStruct(points.shape[:1], points.dtype)
            return jax.pure_callback(
                lambda points: np.asarray(self.objective(np.asarray(points)), points.dtype),
                shape,
                points,
            )

        # The context that allows float64 does not reach the thread of the callback, where JAX
        # would round both ways: what passes through are the bits, as pairs of integers.
        def call(bits: Any) -> np.ndarray:
            points = np.ascontiguousarray(bits).view(np.float64)[..., 0]
            values = np.asarray(self.objective(points), np.float64)
            return np.ascontiguousarray(values).view(np.uint32).reshape(-1, 2)

        shape = jax.ShapeDtypeStruct((points.shape[0], 2), jnp.uint32)
        bits = jax.pure_callback(call, shape, jax.lax.bitcast_convert_type(points, jnp.uint32))
        return jax.lax.bitcast_convert_type(bits, jnp.float64)

    @functools.cached_property
    def _compiled(self) -> Callable[[Array], Array]:
        return jax.jit(self.traced)

    def values(self, cube: np.ndarray) -> np.ndarray:
        """The same on the host, in float64."""
        cube = np.asarray(cube, np.float64)
        if not self.traceable:
            inside = np.clip(cube, 0.0, 1.0)
            values = np.asarray(self.objective(self.points(inside)), np.float64)
            return values + self.scale * np.sum((cube - inside) ** 2, axis=1)
        # Sizes of powers of two only: every other size would be compiled for itself.
        size = len(cube)
        padded = np.resize(cube, (1 << max(size - 1, 0).bit_length(), self.num_dims))
        with jax.enable_x64(True):
            return np.asarray(self._compiled(jnp.asarray(padded)))[:size]


def of_task(task: Any, budget: int | None = None) -> Problem:
    """A problem from a task with ``bounds``, ``radius``, ``scale``, ``budget`` and ``positions``.

    Args:
        task: `tasks.functions.CEC2013`, `tasks.functions.Composed`, or one like them.
        budget: None is the task's.
    """
    low, high = task.bounds
    return Problem(
        name=task.name,
        objective=lambda points: task(points / task.scaling),
        low=low,
        high=high,
        traceable=True,
        budget=task.budget if budget is None else budget,
        radius=task.radius,
        scale=task.scale,
        best_value=float(task.optimum_fitness),
        num_optima=task.num_optima,
        # The competition tells its optima apart by the radius; a composed function's lesser optima
        # and flat basins would be counted so.
        positions=None if task.name.startswith("cec2013_") else task.positions,
    )


def of_function(
    fun: Callable[[Any], Any],
    bounds: tuple[Any, Any],
    *,
    radius: float,
    budget: int = 50_000,
    traceable: bool | None = None,
    name: str | None = None,
    scale: float | None = None,
    best_value: float | None = None,
    num_optima: int | None = None,
    positions: Any = None,
) -> Problem:
    """A problem from a user's function of one solution (D,) to a number; lower is better.

    Args:
        fun: JAX-traceable, or any Python callable.
        bounds: (low, high), each (D,).
        radius: solutions nearer to each other than that count as one.
        budget: evaluations of a run.
        traceable: None: tried out.
        name: None is the function's.
        scale: of the values; None: the spread of the middle half of 64 random values.
        best_value: see `Problem`.
        num_optima: see `Problem`.
        positions: see `Problem`.

    Raises:
        ValueError: the bounds do not fit, or fun gives no number.
    """
    low, high = (np.asarray(side, np.float64) for side in bounds)
    if low.ndim != 1 or low.shape != high.shape:
        raise ValueError(f"bounds: expected two arrays (D,), got {low.shape} and {high.shape}")
    if traceable is None:
        try:
            with jax.enable_x64(True):
                shape = jax.eval_shape(fun, jax.ShapeDtypeStruct(low.shape, jnp.float64)).shape
            traceable = shape == ()
        except Exception:  # a Python callable may fail in any way
            traceable = False
    objective = jax.vmap(fun) if traceable else lambda points: [float(fun(x)) for x in points]
    samples = np.random.default_rng(0).uniform(low, high, (64, len(low)))
    try:
        with jax.enable_x64(True):
            values = np.asarray(objective(samples), np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"fun: expected a function from an array ({len(low)},) to a number, got {error!r}"
        ) from error
    if scale is None:
        # Not the budget's: it says how values are printed, not where to search.
        spread = np.subtract(*np.nanpercentile(values, [75, 25]))
        scale = float(spread) if spread > 0 else 1.0
    if positions is not None:
        positions = np.asarray(positions, np.float64)
        num_optima = len(positions)
    return Problem(
        name or getattr(fun, "__name__", "function"),
        objective,
        low,
        high,
        bool(traceable),
        budget,
        radius,
        scale,
        best_value,
        num_optima,
        positions,
    )

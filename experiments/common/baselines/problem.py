"""What a baseline is given and what it gives back.

Baselines search in evaluation space, so that a step size or a box means the same to all of them.

Shape letters: R repetitions, P points kept, D dimensions, S steps of a path.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from tasks.base import Task

Objective = Callable[[Array], Array]


@dataclass(frozen=True)
class OfPoints:
    """A task's fitness as a function of evaluation space: f(x) = task(x / scaling)."""

    task: Task

    def __call__(self, points: Array) -> Array:
        """Fitness (N,) of points (N, D)."""
        return self.task(points / self.task.scaling)


@dataclass(frozen=True)
class InBox:
    """A function kept to its box for methods that have no bounds of their own.

    f(clip(x)) + |x - clip(x)|^2: an outside point is judged where it enters the box, and a little
    worse the farther out it is.
    """

    objective: Objective
    low: float
    high: float

    def __call__(self, points: Array) -> Array:
        """Fitness (N,) of points (N, D)."""
        inside = jnp.clip(points, self.low, self.high)
        return self.objective(inside) + jnp.sum((points - inside) ** 2, axis=1)


@dataclass(frozen=True)
class Problem:
    """Functions to minimise over one box in evaluation space; hashed by value.

    Several functions of the same dimension and box make one problem, so that a method compiles
    once for all of them; ``choice`` says which one a run is about.

    Attributes:
        objectives: each points (N, D) -> (N,), lower is better; traceable and hashable.
        num_dims: D.
        low: lower side of the box.
        high: upper side of the box.
    """

    objectives: tuple[Objective, ...]
    num_dims: int
    low: float
    high: float

    def __post_init__(self):
        if not self.objectives or not all(isinstance(one, Hashable) for one in self.objectives):
            raise ValueError("objectives: expected one or more hashable callables")

    @classmethod
    def of(cls, *tasks: Task, boxed: bool = False) -> "Problem":
        """The tasks' own fitness; ``boxed`` keeps it to the box by `InBox`.

        Raises:
            ValueError: no task, or tasks of different dimensions or boxes.
        """
        shapes = {(task.num_dims, task.low, task.high) for task in tasks}
        if len(shapes) != 1:
            raise ValueError(f"tasks: expected one (num_dims, low, high) for all, got {shapes}")
        (num_dims, low, high) = shapes.pop()
        objectives: tuple[Objective, ...] = tuple(OfPoints(task) for task in tasks)
        if boxed:
            objectives = tuple(InBox(objective, low, high) for objective in objectives)
        return cls(objectives, num_dims, low, high)

    def evaluate(self, points: Array, choice: ArrayLike) -> Array:
        """Values (N,) of the function number ``choice`` at points (N, D)."""
        if len(self.objectives) == 1:
            return self.objectives[0](points)
        return jax.lax.switch(choice, self.objectives, points)

    def uniform(self, key: Array) -> Array:
        """A random point of the box, shape (D,)."""
        return jax.random.uniform(key, (self.num_dims,), minval=self.low, maxval=self.high)


class Outcome(NamedTuple):
    """What is left at the end of a run, for R repetitions.

    Attributes:
        points: (R, P, D), the points that the method is judged by: the last P it evaluated, or
            the best P of an archive.
        fitness: (R, P), their objective values.
        path: (R, S, min(D, 2)), the search distribution's mean over time; S = 0 for an archive.
    """

    points: np.ndarray | Array
    fitness: np.ndarray | Array
    path: np.ndarray | Array


class Baseline(Protocol):
    """A method with its settings: a frozen dataclass, hashed by value."""

    def num_evaluations(self, num_dims: int) -> int:
        """Evaluations of one run in D dimensions (an upper bound if it may stop by itself)."""
        ...

    def run(self, problem: Problem, keys: Array, num_points: int, choice: int = 0) -> Outcome:
        """Run once for every key (R,) and keep ``num_points`` = P points of each."""
        ...


def last_points(points: Array, fitness: Array, num_points: int) -> tuple[Array, Array]:
    """The last P of points evaluated in order: (..., D) and (...,) to (P, D) and (P,)."""
    points, fitness = points.reshape(-1, points.shape[-1]), fitness.reshape(-1)
    if points.shape[0] < num_points:
        raise ValueError(f"num_points: expected at most {points.shape[0]}, got {num_points}")
    return points[-num_points:], fitness[-num_points:]


def host_rng(key: Array) -> np.random.Generator:
    """A numpy generator for a method that does not run in JAX, from its JAX key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())


def start_mean(problem: Problem, key: Array, start: str) -> Array:
    """Where a search distribution begins, shape (D,): "centre" of the box or "uniform" in it."""
    if start == "centre":
        return jnp.full(problem.num_dims, (problem.low + problem.high) / 2.0)
    if start == "uniform":
        return problem.uniform(key)
    raise ValueError(f"start: expected 'centre' or 'uniform', got {start!r}")

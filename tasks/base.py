"""What a task must offer, and the checks that all tasks share.

Shape letters: N population, D genome dimensions, K known optima.
"""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


class Task(Protocol):
    """Something to be optimised: an object that maps genomes to fitness.

    **Direction.** Lower is better, without exception. A task that comes from a reward or a
    density turns the sign in its own file, and its row in ``tasks/README.md`` says so.

    **Spaces.** An algorithm works on *genomes*, at home on the unit Gaussian. The task evaluates
    ``x = scaling * genome``: ``low``, ``high`` and ``optima`` are given in this *evaluation space*.

    **Hashing.** A task is a frozen dataclass of numbers and names, hashed by value, so that equal
    tasks share one compilation. Arrays are rebuilt from those fields, never stored in them.

    **Numerics.** ``task(genomes)`` is traceable (jit, scan, vmap), deterministic, and returns no
    NaN for finite genomes; what overflows is +inf, the worst value.
    """

    @property
    def name(self) -> str:
        """Name of the task; for a registered task, its key in ``tasks.TASKS``."""
        ...

    @property
    def num_dims(self) -> int:
        """D, the number of genome dimensions, at least 1."""
        ...

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, ``zeros(D)``: what an algorithm's constructor asks for."""
        ...

    @property
    def low(self) -> float:
        """Lower side of the box in evaluation space, the same in every dimension."""
        ...

    @property
    def high(self) -> float:
        """Upper side of the box in evaluation space, the same in every dimension."""
        ...

    @property
    def scaling(self) -> float:
        """Factor from genome to evaluation space: ``x = scaling * genome``."""
        ...

    @property
    def optima(self) -> jax.Array | None:
        """All global optima (K, D) in evaluation space; None if unknown or too many to list."""
        ...

    @property
    def optimum_fitness(self) -> float | None:
        """Fitness at the optima; None if unknown."""
        ...

    def __call__(self, genomes: jax.Array, /) -> jax.Array:
        """Fitness (N,) of genomes (N, D); lower is better."""
        ...


@runtime_checkable
class TimeDependentTask(Task, Protocol):
    """A task whose fitness changes from generation to generation.

    ``task(genomes)``, ``optima`` and ``optimum_fitness`` are those of generation 0.
    """

    def at(self, genomes: jax.Array, generation: ArrayLike, /) -> jax.Array:
        """Fitness (N,) of genomes (N, D) at a generation >= 0, an integer that may be traced."""
        ...


@runtime_checkable
class ReportingTask(Task, Protocol):
    """A task that draws random numbers and reports traits beside the fitness.

    ``task(genomes)`` is the fitness that ``evaluate`` gives with the key of the task's own seed.
    """

    @property
    def seed(self) -> int:
        """Of the draws behind ``task(genomes)``."""
        ...

    def evaluate(
        self, genomes: jax.Array, key: jax.Array, /
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Fitness (N,) and traits by name, each (N,), of genomes (N, D)."""
        ...


def evaluate(
    task: Task, genomes: jax.Array, key: jax.Array, generation: ArrayLike
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Evaluate any task: what a driver of generations calls.

    Args:
        task: of any of the three kinds.
        genomes: shape (N, D).
        key: for the draws of a `ReportingTask`; the others need none.
        generation: for a `TimeDependentTask`; the others do not change.

    Returns:
        Fitness (N,), lower is better, and the traits by name, each (N,); none but from a
        `ReportingTask`.
    """
    if isinstance(task, ReportingTask):
        return task.evaluate(genomes, key)
    if isinstance(task, TimeDependentTask):
        return task.at(genomes, generation), {}
    return task(genomes), {}


def check_points(argument: str, points: jax.Array, num_dims: int) -> None:
    """Raise ValueError unless ``points`` has shape (N, num_dims)."""
    if points.ndim != 2 or points.shape[1] != num_dims:
        raise ValueError(f"{argument}: expected shape (N, {num_dims}), got {points.shape}")


def check_num_dims(num_dims: int, minimum: int = 1) -> None:
    """Raise ValueError unless ``num_dims`` is at least ``minimum``."""
    if num_dims < minimum:
        raise ValueError(f"num_dims: expected at least {minimum}, got {num_dims}")


def clip_to_box(points: jax.Array, low: ArrayLike, high: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Where points enter a box, and how far outside it they are.

    Args:
        points: shape (N, D).
        low: lower corner, a number or shape (D,); made of the points' type.
        high: upper corner.

    Returns:
        The nearest points of the box (N, D), and the squared distances to them (N,): 0 inside.
    """
    low, high = (np.broadcast_to(np.asarray(side), points.shape[1:]) for side in (low, high))
    inside = jnp.clip(points, jnp.asarray(low, points.dtype), jnp.asarray(high, points.dtype))
    return inside, jnp.sum((points - inside) ** 2, axis=1)

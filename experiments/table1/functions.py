"""The rows of table 1, grouped so that functions of one dimension share a compilation."""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from tasks.functions import benchmark
from tasks.functions.benchmark import Benchmark

FUNCTIONS: dict[str, Callable[[], Benchmark]] = {
    "rosenbrock": benchmark.rosenbrock,
    "beale": benchmark.beale,
    "himmelblau": benchmark.himmelblau,
    "ackley": benchmark.ackley,
    "rastrigin": benchmark.rastrigin,
    "rastrigin_2d_target_4d": lambda: benchmark.rastrigin(2, 4),
    "rastrigin_2d_target_32d": lambda: benchmark.rastrigin(2, 32),
    "rastrigin_2d_target_256d": lambda: benchmark.rastrigin(2, 256),
    "rastrigin_4d": lambda: benchmark.rastrigin(4),
    "rastrigin_32d": lambda: benchmark.rastrigin(32),
    "rastrigin_256d": lambda: benchmark.rastrigin(256),
}


@dataclass(frozen=True)
class NegativeQuality:
    """-g of a task, the papers' fitness turned so that lower is better; hashed by value."""

    task: Benchmark

    def __call__(self, genomes: Array) -> Array:
        """-g (N,) of genomes (N, D)."""
        return -self.task.quality(genomes)


@dataclass(frozen=True)
class Group:
    """Functions of one dimension, in order.

    Attributes:
        tasks: equal num_dims, box and scaling.
    """

    tasks: tuple[Benchmark, ...]

    @property
    def num_dims(self) -> int:
        """D."""
        return self.tasks[0].num_dims

    @property
    def rewards(self) -> tuple[NegativeQuality, ...]:
        """-g of every task, of genomes: what the authors hand to their methods."""
        return tuple(NegativeQuality(task) for task in self.tasks)

    def known_optima(self) -> np.ndarray | None:
        """(len(tasks), K, D) in evaluation space, or None where a task does not list them.

        Tasks with fewer than K optima are filled up with points far outside the box.
        """
        lists = [task.optima for task in self.tasks]
        if any(optima is None for optima in lists):
            return None
        most = max(len(optima) for optima in lists if optima is not None)
        filled = np.full((len(lists), most, self.num_dims), 1e6, np.float32)
        for row, optima in zip(filled, lists, strict=True):
            row[: len(optima if optima is not None else ())] = jnp.asarray(optima)
        return filled


def groups(names: tuple[str, ...]) -> list[Group]:
    """The named functions, grouped by dimension in order of appearance.

    Raises:
        ValueError: an unknown name.
    """
    unknown = [name for name in names if name not in FUNCTIONS]
    if unknown:
        raise ValueError(f"functions: expected names out of {tuple(FUNCTIONS)}, got {unknown}")
    by_dims: dict[int, list[Benchmark]] = {}
    for name in names:
        task = FUNCTIONS[name]()
        by_dims.setdefault(task.num_dims, []).append(task)
    return [Group(tuple(tasks)) for tasks in by_dims.values()]

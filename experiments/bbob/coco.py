"""COCO's own BBOB functions with the run lengths that this study keeps.

A run is described by first hits: for each of 51 target precisions 10^2, 10^1.8, ..., 10^-8 the
number of evaluations after which f - f_opt was at most that for the first time. These are the
targets of the run-length figures of cocopp.

Shape letters: N points, D dimensions.

Reference: Hansen, Auger, Ros, Mersmann, Tusar, Brockhoff, "COCO: a platform for comparing
continuous optimizers in a black-box setting", Optimization Methods and Software 36 (2021).
"""

import contextlib
import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

TARGETS = 10.0 ** np.linspace(2.0, -8.0, 51)
LOW, HIGH = -5.0, 5.0  # the box that holds every optimum


class Finished(Exception):
    """Raised by a run that is over when another evaluation is asked for."""


class Run:
    """One problem under observation: counts evaluations, keeps first hits, ends in time.

    It is over once the last target was hit or the budget is used.

    Args:
        problem: callable on a point (D,), returns a number; COCO's or any other.
        f_opt: its smallest value.
        budget: evaluations, >= 1.
        keep: all points, in ``points``.
    """

    def __init__(self, problem: Any, f_opt: float, budget: int, keep: bool = False):
        if budget < 1:
            raise ValueError(f"budget: expected an int >= 1, got {budget}")
        self.problem = problem
        self.f_opt = f_opt
        self.budget = budget
        self.evaluations = 0
        self.best = np.inf
        self.hits: list[int] = []
        self.owner: Any = None
        self.points: list[np.ndarray] | None = [] if keep else None
        self._goals = (*TARGETS.tolist(), -np.inf)

    @property
    def finished(self) -> bool:
        """The last target is hit or the budget is used."""
        return len(self.hits) == len(TARGETS) or self.evaluations >= self.budget

    def __call__(self, point: np.ndarray) -> float:
        """Evaluate one point (D,).

        Raises:
            Finished: the run is over; nothing was evaluated.
        """
        if self.evaluations >= self.budget or len(self.hits) == len(TARGETS):
            raise Finished
        value = self.problem(point)
        self.evaluations += 1
        if self.points is not None:
            self.points.append(np.array(point))
        gap = value - self.f_opt
        if gap < self.best:
            self.best = gap
            while gap <= self._goals[len(self.hits)]:
                self.hits.append(self.evaluations)
        return value

    def batch(self, points: np.ndarray) -> np.ndarray:
        """Evaluate points (N, D) in order as far as the run goes; the others get +inf."""
        values = np.full(len(points), np.inf)
        for index, point in enumerate(points):
            if self.finished:
                break
            values[index] = self(point)
        return values


def _cocoex() -> Any:
    try:
        import cocoex
    except ImportError as error:
        raise ImportError(
            'The BBOB study needs COCO: pip install "diffevo-jax[experiments]"'
        ) from error
    return cocoex


def _suite(function: int, num_dims: int, instances: tuple[int, ...]) -> Any:
    return _cocoex().Suite(
        "bbob",
        "instances: " + ",".join(map(str, instances)),
        f"dimensions: {num_dims} function_indices: {function}",
    )


@functools.lru_cache(maxsize=4096)
def optimum(function: int, num_dims: int, instance: int) -> tuple[tuple[float, ...], float]:
    """Where a COCO problem is least, (D,), and its value there.

    COCO hands out the optimal point only as a text file in the working directory. Its values
    f_opt are multiples of 0.01, so rounding f(x_opt) takes away the text's rounding.
    """
    suite = _suite(function, num_dims, (instance,))
    problem = suite.get_problem(0)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        problem._best_parameter("print")
        (written,) = Path(folder).iterdir()
        point = np.loadtxt(written, ndmin=1)
    value = round(float(problem(point)), 2)
    problem.free()
    return tuple(point.tolist()), value


def _open(function: int, num_dims: int, instance: int) -> tuple[Any, Any]:
    """A fresh problem and the suite that it lives in."""
    suite = _suite(function, num_dims, (instance,))
    return suite.get_problem(0), suite


def open_runs(
    function: int, num_dims: int, instances: tuple[int, ...], budget: int, keep: bool = False
) -> list[Run]:
    """A fresh run of every instance of a function.

    Args:
        function: 1 to 24.
        num_dims: 2, 3, 5, 10, 20 or 40.
        instances: numbers >= 1.
        budget: evaluations of each.
        keep: the points too, for `observe`.

    Raises:
        ValueError: COCO has no such problem.
        ImportError: without cocoex, with the command that installs it.
    """
    if function not in range(1, 25):
        raise ValueError(f"function: expected 1 to 24, got {function}")
    if num_dims not in (2, 3, 5, 10, 20, 40):
        raise ValueError(f"num_dims: expected 2, 3, 5, 10, 20 or 40, got {num_dims}")
    runs = []
    for instance in instances:
        value = optimum(function, num_dims, instance)[1]
        problem, suite = _open(function, num_dims, instance)
        run = Run(problem, value, budget, keep)
        run.owner = suite  # a problem of a suite that was freed crashes the process
        runs.append(run)
    return runs


def observe(run: Run, function: int, num_dims: int, instance: int, observer: Any) -> None:
    """Evaluate the points of a run once more under COCO's observer.

    COCO observes one problem at a time, the searches in step go on with all of them at once.
    """
    problem, suite = _open(function, num_dims, instance)
    problem.observe_with(observer)
    for point in run.points or ():
        problem(point)
    problem.free()
    del suite


def make_observer(folder: str, algorithm: str) -> Any:
    """COCO's own logger: writes ``exdata/folder`` in the working directory, for cocopp."""
    return _cocoex().Observer("bbob", f"result_folder: {folder} algorithm_name: {algorithm}")

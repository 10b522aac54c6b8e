"""How many optima a set of reported solutions holds: the niching competition's rules, in numpy.

Shape letters: M reported solutions, D dimensions, K global optima, A accuracies, T times.

Reference: Li, Engelbrecht, Epitropakis, "Benchmark Functions for CEC'2013 Special Session and
Competition on Niching Methods", 2013 (peak ratio); the competitions at GECCO since 2016 (F1).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.niching.problems import Problem

_MOST_TIMES = 100  # at which the report is counted for the dynamic F1


class Reported(NamedTuple):
    """What a method reports: solutions, each from some evaluation to another.

    Attributes:
        points: (M, D), in the objective's coordinates.
        values: (M,), the method's own; they are evaluated again, in float64, to be judged.
        found: (M,), evaluations that had been made when the solution entered the report.
        left: (M,), evaluations at which it left it again; infinite: it is in the final report.
        evaluations: made in all.
    """

    points: np.ndarray
    values: np.ndarray
    found: np.ndarray
    left: np.ndarray
    evaluations: int

    def at(self, evaluations: float) -> np.ndarray:
        """Which solutions (M,) are in the report then."""
        return (self.found <= evaluations) & (evaluations < self.left)


def count_optima(
    points: np.ndarray,
    values: np.ndarray,
    best_value: float,
    accuracy: float,
    radius: float,
    num_optima: int | None = None,
) -> int:
    """The published count of distinct optima (``how_many_goptima``).

    Solutions are taken from the best to the worst. One whose value is within the accuracy of the
    best value and that is farther than the radius from all accepted ones is accepted.

    Args:
        points: (M, D).
        values: (M,), lower is better; NaN is never accepted.
        best_value: at the global optima.
        accuracy: >= 0.
        radius: niche radius, > 0.
        num_optima: K, the most that are counted; None: any number.

    Returns:
        The number accepted.
    """
    # The report drops what is too near to any better solution, accurate or not. Better ones are at
    # least as accurate, so it is the same to look at the accurate ones only.
    order = np.argsort(values, kind="stable")
    order = order[np.abs(values[order] - best_value) <= accuracy]
    candidates = points[order]
    count = 0
    while len(candidates) and (num_optima is None or count < num_optima):
        distances = np.sqrt(np.sum((candidates - candidates[0]) ** 2, axis=1))
        candidates = candidates[distances > radius]
        count += 1
    return count


def count_positions(
    points: np.ndarray,
    values: np.ndarray,
    best_value: float,
    accuracy: float,
    radius: float,
    positions: np.ndarray,
) -> int:
    """How many known optima have a solution within the radius and of a value within the accuracy.

    Args:
        points: (M, D).
        values: (M,).
        best_value: at the optima.
        accuracy: >= 0.
        radius: at most half the distance between two optima, so that a solution has one of them.
        positions: (K, D).

    Returns:
        A number up to K.
    """
    candidates = points[np.abs(values - best_value) <= accuracy]
    if not len(candidates):
        return 0
    nearest = [np.min(np.sum((candidates - position) ** 2, axis=1)) for position in positions]
    return int(np.sum(np.sqrt(nearest) <= radius))


def f1(peak_ratio: np.ndarray, success_rate: np.ndarray) -> np.ndarray:
    """2 PR SR / (PR + SR), 0 where both are 0."""
    total = peak_ratio + success_rate
    return np.divide(
        2 * peak_ratio * success_rate, total, out=np.zeros_like(total), where=total > 0
    )


def _counts(
    problem: Problem, points: np.ndarray, values: np.ndarray, accuracies: Sequence[float]
) -> np.ndarray:
    """Optima found at every accuracy, (A,)."""
    if not len(points):
        return np.zeros(len(accuracies))
    best = problem.best_value
    if best is None:
        best = float(np.nanmin(values)) if np.isfinite(values).any() else np.nan
    if problem.positions is not None:
        return np.array(
            [
                count_positions(
                    points, values, best, a * problem.scale, problem.radius, problem.positions
                )
                for a in accuracies
            ]
        )
    return np.array(
        [
            count_optima(
                points, values, best, a * problem.scale, problem.radius, problem.num_optima
            )
            for a in accuracies
        ]
    )


def judge(
    problem: Problem, reported: Reported, accuracies: Sequence[float], num_checkpoints: int
) -> dict[str, list | int | float | None]:
    """All measures of one run.

    Args:
        problem: what was searched.
        reported: what was found.
        accuracies: times the problem's scale.
        num_checkpoints: of the curves, evenly over the budget; >= 1.

    Returns:
        ``evaluations``; ``num_reported``, in the final report; ``best``, its lowest value;
        ``count``, the optima in it, ``peak_ratio`` (count / K), ``success_rate`` (count /
        reported), ``f1``, ``dynamic_f1`` (area under F1 of the report over the evaluations, as
        a share of the budget), each a list over the accuracies; ``curve``, ``peak_ratio`` (or
        ``count``) by checkpoint and accuracy. Ratios are None if K is unknown.

    Raises:
        ValueError: more evaluations than the budget.
    """
    if reported.evaluations > problem.budget:
        raise ValueError(
            f"reported: expected at most {problem.budget} evaluations, got {reported.evaluations}"
        )
    unit = (reported.points - problem.low) / (problem.high - problem.low)
    values = problem.values(unit) if len(unit) else np.zeros(0)

    def counts(evaluations: float) -> tuple[np.ndarray, int]:
        inside = reported.at(evaluations)
        found = _counts(problem, reported.points[inside], values[inside], accuracies)
        return found, int(inside.sum())

    final, number = counts(problem.budget)
    checkpoints = np.linspace(0, problem.budget, num_checkpoints + 1)[1:]
    curve = np.array([counts(time)[0] for time in checkpoints])
    shown = values[reported.at(problem.budget)]
    measures = {
        "evaluations": int(reported.evaluations),
        "num_reported": number,
        "best": float(np.nanmin(shown)) if np.isfinite(shown).any() else None,
        "count": [int(count) for count in final],
        "peak_ratio": None,
        "success_rate": [float(count) for count in final / max(number, 1)],
        "f1": None,
        "dynamic_f1": None,
        "curve": [[int(count) for count in row] for row in curve],
    }
    if problem.num_optima is None:
        return measures
    ratio = final / problem.num_optima
    # F1 changes only when the report does: a sum of steps, each held until the next, as the
    # competition has it. A report of thousands of changes is looked at in 100 places.
    times = np.unique(np.concatenate([reported.found, reported.left]))
    times = times[times < problem.budget]
    if len(times) > _MOST_TIMES:
        times = times[np.linspace(0, len(times) - 1, _MOST_TIMES).round().astype(int)]
    steps = np.zeros((len(times), len(accuracies)))
    for row, time in zip(steps, times, strict=True):
        found, number = counts(time)
        row[:] = f1(found / problem.num_optima, found / max(number, 1))
    spans = np.diff(np.append(times, problem.budget))
    measures |= {
        "peak_ratio": ratio.tolist(),
        "f1": f1(ratio, np.array(measures["success_rate"])).tolist(),
        "dynamic_f1": (spans @ steps / problem.budget).tolist(),
        "curve": (curve / problem.num_optima).tolist(),
    }
    return measures

"""Runs every method on every problem, compares the best values, draws how they fall."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import figures, results, statistics, tables
from experiments.common.progress import Progress
from experiments.mixed_spaces import methods, problems
from experiments.mixed_spaces.config import Config
from experiments.mixed_spaces.problems import Point, Problem

# Of a synthetic function: what is nearer to the optimum is as good as this.
_LEAST = 1e-8
_COLORS = ("#1b6e4b", "#c05a1c", "#3b62a8", "#8a4f9e", "0.55")


@dataclasses.dataclass
class Run:
    """One search: the values in the order of evaluation, and what it took beside them.

    Attributes:
        values: of the evaluations.
        right: for each, whether its integers and categories are the optimum's.
        own: seconds of processor time per evaluation without the evaluations.
    """

    values: np.ndarray
    right: np.ndarray
    own: float

    def at(self, budget: int) -> tuple[float, bool]:
        """(best value of the first evaluations, whether it has the right categories)."""
        index = int(np.argmin(self.values[:budget]))
        return float(self.values[index]), bool(self.right[index])

    def curve(self, budgets: np.ndarray) -> np.ndarray:
        """Best values after so many evaluations."""
        best = np.minimum.accumulate(self.values)
        return best[np.minimum(budgets, len(best)) - 1]


def search(problem: Problem, method: str, budget: int, seed: int) -> Run:
    """Run a method on a problem."""
    values: list[float] = []
    right: list[bool] = []
    evaluating = 0.0

    def value(point: Point) -> float:
        nonlocal evaluating
        began = time.process_time()
        values.append(problem.value(point))
        right.append(problem.is_right is not None and problem.is_right(point))
        evaluating += time.process_time() - began
        return values[-1]

    began = time.process_time()
    methods.METHODS[method](problem.variables, value, budget, seed)
    own = time.process_time() - began - evaluating
    return Run(np.array(values), np.array(right), own / len(values))


def searches(name: str, method: str, budgets: tuple[int, ...], config: Config) -> list[list[Run]]:
    """For each seed a run for each budget."""
    seeds = range(config.seed, config.seed + config.repetitions)
    # What a rival does does not depend on how long it may: the first part of its run will do.
    asked = budgets if method == "diffevo" else budgets[-1:]
    found = []
    for seed in seeds:
        problem = problems.build(name, seed, config)
        runs = [search(problem, method, budget, seed) for budget in asked]
        found.append(runs * len(budgets) if len(runs) < len(budgets) else runs)
    return found


def budgets_of(name: str, method: str, config: Config) -> tuple[int, ...]:
    """After how many evaluations a method is looked at."""
    if name in problems.TUNED:
        return config.tuning_budgets
    most = config.most_tpe if method == "TPE" else max(config.synthetic_budgets)
    return tuple(budget for budget in config.synthetic_budgets if budget <= most)


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the benchmark; see `experiments/README.md` for the contract."""
    record = results.Record(out / "mixed_spaces.json", "mixed_spaces", config, seed=config.seed)
    record.results = {"cells": [], "curves": []}
    progress.begin(len(config.problems) * len(config.methods), "")
    for name in config.problems:
        is_tuned = name in problems.TUNED
        ours: dict[int, np.ndarray] = {}
        for method in config.methods:
            progress.describe(f"{name}, {method}")
            budgets = budgets_of(name, method, config)
            found = searches(name, method, budgets, config)
            for place, budget in enumerate(budgets):
                best = [runs[place].at(budget) for runs in found]
                values = np.array([value for value, _ in best])
                compared = values if is_tuned else np.log10(np.maximum(values, _LEAST))
                ours.setdefault(budget, compared)
                is_ours = method == config.methods[0]
                record.results["cells"].append(
                    {
                        "problem": name,
                        "method": method,
                        "budget": budget,
                        "value": statistics.summarize(values),
                        "all": values,
                        "right": None if is_tuned else np.mean([right for _, right in best]),
                        # Of values that are lower the better, or of their logarithms.
                        "ours_minus_this": None
                        if is_ours
                        else statistics.paired(ours[budget], compared),
                        "own_milliseconds": 1e3 * float(np.median([r[place].own for r in found])),
                    }
                )
            points = np.unique(np.geomspace(5, budgets[-1], 40).astype(int))
            curves = np.array([runs[-1].curve(points) for runs in found])
            record.results["curves"].append(
                {"problem": name, "method": method, "evaluations": points}
                | statistics.curve(curves)
            )
            record.save()
            progress.advance()
    drawn = [draw(record.results["curves"], config, out / "curves.png")]
    return record.publish(
        lambda content: "\n".join(tables.markdown(*table[1:]) for table in _tables(content)),
        lambda content: [tables.terminal(*table) for table in _tables(content)],
        drawn,
        progress,
    )


def draw(curves: list[dict[str, Any]], config: Config, path: Path) -> Path:
    """Median best value over evaluations, a panel a problem."""
    figure, axes = figures.grid(1, len(config.problems), 2.4, 2.8)
    for axis, name in zip(axes[0], config.problems, strict=True):
        for curve in curves:
            if curve["problem"] == name:
                color = _COLORS[config.methods.index(curve["method"]) % len(_COLORS)]
                axis.plot(curve["evaluations"], curve["median"], color=color)
        axis.set(xscale="log", title=name, xlabel="evaluations")
        if name in problems.TUNED:
            axis.set_title(f"{name}: error, %")
        else:
            axis.set_yscale("log")
    axes[0, 0].set_ylabel("median of the best")
    entries = [(m, "-", color) for m, color in zip(config.methods, _COLORS, strict=False)]
    figures.legend_below(figure, entries)
    return figures.save(figure, path)


def _tables(content: dict[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    config, cells = content["config"], content["results"]["cells"]
    made = []
    for title, is_tuned, budgets in (
        ("Validation error in per cent", True, config["tuning_budgets"]),
        ("Value, optimum 0", False, config["synthetic_budgets"]),
    ):
        names = [n for n in config["problems"] if (n in problems.TUNED) == is_tuned]
        rows = []
        for name in names:
            for method in config["methods"]:
                own = [c for c in cells if (c["problem"], c["method"]) == (name, method)]
                by_budget = {cell["budget"]: cell for cell in own}
                row = [f"{name}, {method}"]
                for budget in budgets:
                    cell = by_budget.get(budget)
                    row += ["", ""] if cell is None else [_value(cell, is_tuned), _beside(cell)]
                right = [] if is_tuned else [f"{own[-1]['right']:.0%}"]
                rows.append([*row, *right, f"{own[-1]['own_milliseconds']:.2f}"])
        if rows:
            header = [c for b in budgets for c in (f"{b:,}", "better, worse, p")]
            last = [] if is_tuned else ["right"]
            made.append((title, ["problem, method", *header, *last, "own ms"], rows))
    return made


def _value(cell: dict[str, Any], is_tuned: bool) -> str:
    if is_tuned:
        return tables.interval(cell["value"], 2)
    median, low, high = (f"{cell['value'][key]:.2g}" for key in ("median", "low", "high"))
    return f"{median} [{low}, {high}]"


def _beside(cell: dict[str, Any]) -> str:
    gap = cell["ours_minus_this"]
    if gap is None:
        return ""
    return f"{gap['lower']:.0%}, {gap['higher']:.0%}, {gap['p']:.2g}"

"""From first hits to what is reported: pairs solved, expected running times, paired tests.

Shape letters: R runs (instances), K targets.

Reference: Hansen, Auger, Brockhoff, Tusar, "Anytime performance assessment in blackbox
optimization benchmarking", IEEE Transactions on Evolutionary Computation 26 (2022).
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bbob.cells import Cell
from experiments.bbob.coco import TARGETS
from experiments.bbob.config import Config
from experiments.common import statistics

GROUPS: dict[str, tuple[int, ...]] = {
    "separable": tuple(range(1, 6)),
    "moderate": tuple(range(6, 10)),
    "ill-conditioned": tuple(range(10, 15)),
    "multimodal": tuple(range(15, 20)),
    "weakly structured": tuple(range(20, 25)),
}
SHOWN = (1e1, 1e-1, 1e-3, 1e-5, 1e-8)  # targets with an expected running time in the results
LAST = 1e-8


def published() -> dict[str, Any]:
    """BIPOP-CMA-ES of BBOB-2009: expected running times to 1e-8 by dimension and function."""
    return json.loads((Path(__file__).parent / "reference.json").read_text())


def column(target: float) -> int:
    """Index of a target precision.

    Raises:
        ValueError: it is none of the 51.
    """
    index = int(np.argmin(np.abs(np.log10(TARGETS / target))))
    if not np.isclose(TARGETS[index], target, rtol=1e-6):
        raise ValueError(f"target: expected one of 10^2, 10^1.8, ..., 10^-8, got {target:g}")
    return index


def expected_running_time(hits: np.ndarray, evaluations: np.ndarray) -> np.ndarray:
    """Evaluations spent by all runs until the target or their end, for each run that hit it.

    Args:
        hits: (R, K), +inf where missed.
        evaluations: (R,), spent by each run until it was over.

    Returns:
        Shape (K,); +inf where no run hit the target.
    """
    solved = np.isfinite(hits)
    spent = np.where(solved, hits, np.asarray(evaluations, float)[:, None]).sum(axis=0)
    count = solved.sum(axis=0)
    return np.where(count > 0, spent / np.maximum(count, 1), np.inf)


def log_run_length(hits: np.ndarray, budget: int) -> np.ndarray:
    """log10 of the evaluations to a target, the budget where it was missed, mean over K: (R,).

    The area above a run's ECDF on a logarithmic axis: it counts speed as well as targets.
    """
    return np.log10(np.minimum(hits, budget)).mean(axis=1)


def _pairs(
    ours: Iterable[Cell], others: Iterable[Cell], measure: Callable[[Cell], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Both methods' values on the instances of all functions that both have."""
    by_function = {cell["function"]: cell for cell in others}
    first, second = [], []
    for cell in ours:
        other = by_function.get(cell["function"])
        if other is None:
            continue
        common = sorted(set(cell["instances"]) & set(other["instances"]))
        for one, values in ((cell, first), (other, second)):
            rows = [one["instances"].index(number) for number in common]
            values.append(measure(one)[rows])
    if not first:
        return np.zeros(0), np.zeros(0)
    return np.concatenate(first), np.concatenate(second)


def compare(ours: Iterable[Cell], others: Iterable[Cell]) -> dict[str, Any]:
    """Wilcoxon's signed-rank test over functions and instances, of a method against another.

    Args:
        ours: cells of one method, one dimension.
        others: those of the other, same suite and dimension.

    Returns:
        ``n`` pairs; ``solved`` and ``solved_other``, function-target pairs on them; ``better`` and
        ``worse``, pairs with more and with fewer targets; ``p_targets``, two-sided, of the number
        of targets; ``log10_ratio``, mean difference of `log_run_length` (negative: faster), and
        its ``p_run_length``. A p is 1 where all pairs agree.
    """
    ours, others = list(ours), list(others)
    targets = _pairs(ours, others, lambda cell: np.isfinite(cell["hits"]).sum(axis=1))
    lengths = _pairs(ours, others, lambda cell: log_run_length(cell["hits"], cell["budget"]))
    more = targets[0] - targets[1]
    gap = lengths[0] - lengths[1]
    return {
        "n": len(more),
        "solved": int(targets[0].sum()),
        "solved_other": int(targets[1].sum()),
        "better": int((more > 0).sum()),
        "worse": int((more < 0).sum()),
        "p_targets": statistics.wilcoxon(more),
        "log10_ratio": float(gap.mean()) if len(gap) else None,
        "p_run_length": statistics.wilcoxon(gap),
    }


def solved(cells: Iterable[Cell]) -> dict[str, Any]:
    """``solved`` of ``total`` function-target-instance triples, and ``functions`` with results."""
    cells = list(cells)
    return {
        "solved": int(sum(np.isfinite(cell["hits"]).sum() for cell in cells)),
        "total": int(sum(cell["hits"].size for cell in cells)),
        "functions": [cell["function"] for cell in cells],
    }


def _function_row(cell: Cell) -> dict[str, Any]:
    hits, evaluations = cell["hits"], np.asarray(cell["evaluations"])
    times = expected_running_time(hits, evaluations)
    return {
        "function": cell["function"],
        "targets": float(np.isfinite(hits).sum(axis=1).mean()),
        "successes": int(np.isfinite(hits[:, column(LAST)]).sum()),
        "runs": len(hits),
        "best": float(np.median(cell["best"])),
        "ert": {f"{target:g}": times[column(target)] for target in SHOWN},
        "seconds": cell["seconds"],
        "commit": cell["origin"]["commit"],
    }


def summarize(cells: list[Cell], config: Config) -> dict[str, Any]:
    """Everything that is reported, of whatever cells there are.

    Returns:
        ``cells``: one entry for each suite, dimension and method, with ``groups`` (see `solved`),
        ``functions`` (successes, mean number of targets, expected running times, None where no
        run hit), ``ratios`` (running time to 1e-8 over that of the unimodal reference; None where
        either never hit) and ``against_reference`` (see `compare`), by group and for all
        multimodal functions.
    """
    entries = []
    keys = sorted({(cell["suite"], cell["dimension"], cell["method"]) for cell in cells})
    table = {
        key: [cell for cell in cells if (cell["suite"], cell["dimension"], cell["method"]) == key]
        for key in keys
    }
    for suite, num_dims, method in keys:
        own = table[suite, num_dims, method]
        rows = [_function_row(cell) for cell in own]
        base = table.get((suite, num_dims, config.unimodal_reference), [])
        times = {row["function"]: row["ert"][f"{LAST:g}"] for row in map(_function_row, base)}
        ratios = {
            str(row["function"]): row["ert"][f"{LAST:g}"] / times[row["function"]]
            if np.isfinite(times[row["function"]])
            else None
            for row in rows
            if row["function"] in times and row["function"] in config.unimodal
        }
        entry: dict[str, Any] = {
            "suite": suite,
            "dimension": num_dims,
            "method": method,
            "groups": {name: solved(_of(own, group)) for name, group in GROUPS.items()},
            "functions": rows,
            "ratios": ratios,
        }
        rival = table.get((suite, num_dims, config.reference))
        if rival and method != config.reference:
            parts = GROUPS | {"f15 to f24": tuple(range(15, 25)), "all": tuple(range(1, 25))}
            entry["against_reference"] = {
                name: compare(_of(own, group), _of(rival, group)) for name, group in parts.items()
            }
        entries.append(entry)
    return {"reference": config.reference, "cells": entries}


def _of(cells: Iterable[Cell], functions: tuple[int, ...]) -> list[Cell]:
    return [cell for cell in cells if cell["function"] in functions]


def ecdf(cells: Iterable[Cell], axis: np.ndarray) -> np.ndarray:
    """Share of function-target pairs solved within axis * D evaluations; NaN without cells."""
    lengths = [(cell["hits"] / cell["dimension"]).ravel() for cell in cells]
    if not lengths:
        return np.full(len(axis), np.nan)
    joined = np.sort(np.concatenate(lengths))
    return np.searchsorted(joined, axis, side="right") / len(joined)

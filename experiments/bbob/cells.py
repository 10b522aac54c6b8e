"""Results as they come: one small file for each method, dimension and function.

A file holds, for every instance, the evaluations at which the targets were first hit, coded as
steps from one to the next and cut at the first target that was missed.
"""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bbob.coco import TARGETS
from experiments.common import results

Cell = dict[str, Any]
_SAME = ("method", "suite", "function", "dimension", "budget", "instances", "seed", "settings")


def pack(hits: Iterable[int]) -> list[int]:
    """First hits, ascending, as steps from one to the next; n steps of 0 in a row become -n."""
    packed: list[int] = []
    steps = (after - before for before, after in itertools.pairwise([0, *hits]))
    for step, group in itertools.groupby(steps):
        count = len(list(group))
        packed += [-count] if step == 0 else [step] * count
    return packed


def unpack(rows: list[list[int]]) -> np.ndarray:
    """First hits (R, 51) of R packed instances as floats; a target that was missed is +inf."""
    table = np.full((len(rows), len(TARGETS)), np.inf)
    for row, packed in zip(table, rows, strict=True):
        steps = [step for one in packed for step in ([0] * -one if one < 0 else [one])]
        row[: len(steps)] = np.cumsum(steps)
    return table


def path(folder: Path, cell: Cell) -> Path:
    """Where a cell is kept: ``SUITE/METHOD/dDD_fFF.json``."""
    name = f"d{cell['dimension']:02d}_f{cell['function']:02d}.json"
    return folder / cell["suite"] / cell["method"] / name


def write(folder: Path, cell: Cell) -> Path:
    """Write a cell on few lines, atomically."""
    head = {key: value for key, value in cell.items() if key != "steps"}
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in cell["steps"])
    text = json.dumps(results.plain(head), separators=(",", ":"))[:-1]
    file = path(folder, cell)
    results.write_text(file, f'{text},\n"steps":[\n{rows}\n]}}\n')
    return file


def is_done(folder: Path, cell: Cell) -> bool:
    """There is a file of the same run: same budget, instances, seed and settings."""
    file = path(folder, cell)
    if not file.is_file():
        return False
    found = json.loads(file.read_text())
    wanted = results.plain(cell)
    return all(found.get(key) == wanted.get(key) for key in _SAME)


def read_all(folder: Path) -> list[Cell]:
    """All cells of a folder, with ``hits`` (R, 51), sorted by their path."""
    cells = []
    for file in sorted(folder.glob("*/*/d*_f*.json")):
        cell = json.loads(file.read_text())
        cells.append(cell | {"hits": unpack(cell["steps"])})
    return cells

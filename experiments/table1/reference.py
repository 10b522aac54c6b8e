"""Numbers to compare with, each with its source: reference.json."""

import json
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent / "reference.json"


def load() -> dict[str, Any]:
    """The file as it is: source -> {"short", "source", "statistic", "repetitions", "cells"}."""
    return json.loads(PATH.read_text())


def cell(source: str, function: str, method: str) -> dict[str, list[float | None]] | None:
    """{"entropy": [mean, sd], "fitness": [mean, sd]} or None where the source has none.

    A standard deviation that the source does not give is None.
    """
    return load()[source]["cells"].get(function, {}).get(method)


def within(mean: float, reference: list[float | None]) -> bool | None:
    """Whether a mean lies within one reference standard deviation of the reference's mean.

    A deviation below 0.01 counts as 0.01: the sources round to that. None without a deviation.
    """
    middle, sd = reference
    if middle is None or sd is None:
        return None
    # Compared at a tenth of the rounding unit, so that 0.01 apart in print is within 0.01.
    return abs(mean - middle) <= max(sd, 0.01) + 1e-3

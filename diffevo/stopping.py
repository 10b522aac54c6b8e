"""When a search ends: the rules that `minimize` and `Optimizer` share."""

import dataclasses
import math
from typing import Any

import numpy as np

# Generation 0 is the initial population everywhere.

MESSAGES = {
    "budget": "The evaluation budget is used up.",
    "max_generations": "As many generations as asked for have passed.",
    "ftarget": "The target value has been reached.",
    "timeout": "The time is up.",
    "tol_stagnation": "The best value has not improved for as many generations as asked for.",
    "schedule": "The noise schedule has ended and the algorithm stops there.",
    "callback": "The callback asked to stop.",
    "interrupt": "Interrupted from the keyboard.",
    "running": "The search goes on.",
}


@dataclasses.dataclass(frozen=True)
class StopRules:
    """The rules, in the sign in which lower is better.

    Attributes:
        last: number of the last generation; None: no limit.
        last_reason: what sets this limit.
        target: a value this good ends the search; None: none does.
        timeout: seconds; None: no limit.
        tol_stagnation: generations without a better best value; None: no limit.
    """

    last: int | None
    last_reason: str
    target: float | None
    timeout: float | None
    tol_stagnation: int | None

    def reason(self, generation: int, best: float, improved_at: int, elapsed: float) -> str | None:
        """Why the search ends after a generation, or None.

        Args:
            generation: its number.
            best: the best value so far.
            improved_at: the generation that it is from.
            elapsed: seconds since the search began.
        """
        if self.target is not None and best <= self.target:
            return "ftarget"
        if self.timeout is not None and elapsed >= self.timeout:
            return "timeout"
        if self.tol_stagnation is not None and generation - improved_at >= self.tol_stagnation:
            return "tol_stagnation"
        if self.last is not None and generation >= self.last:
            return self.last_reason
        return None

    def generations_left(self, generation: int, improved_at: int) -> int | None:
        """How many generations pass at least before a rule that counts them can end the search."""
        ends = [] if self.last is None else [self.last - generation]
        if self.tol_stagnation is not None:
            ends.append(improved_at + self.tol_stagnation - generation)
        return min(ends) if ends else None


def check_number(name: str, value: Any, low: float = -math.inf) -> float | None:
    """A float > low (NaN is none), or None as given.

    Raises:
        ValueError: it is something else.
    """
    if value is None:
        return None
    try:
        is_number = isinstance(value, (int, float, np.integer, np.floating)) and float(value) >= low
    except OverflowError:
        is_number = False

    if not is_number or isinstance(value, bool):
        limit = "a number" if low == -math.inf else f"a number >= {low:g}"
        raise ValueError(f"{name}: expected {limit} or None, got {value!r}")
    return float(value)

"""What the evaluators evaluate: of a module without JAX, so that a worker is up soon."""

import time
from typing import Any

import numpy as np


def first_square(x: Any) -> float:
    """Of one solution, the cheapest there is."""
    return float(x[0]) ** 2


def first_squares(x: np.ndarray) -> np.ndarray:
    """Of a population."""
    return x[:, 0] ** 2


def wait(seconds: float) -> float:
    """Sleep, as who waits for a simulator or a server."""
    time.sleep(seconds)
    return seconds


def compute(seconds: float) -> float:
    """Take so much of a processor's time: longer by the clock where the processor is shared."""
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass
    return seconds


def work(task: tuple[str, float]) -> float:
    """One of the two, by its name."""
    kind, seconds = task
    return {"wait": wait, "compute": compute}[kind](seconds)

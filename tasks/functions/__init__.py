"""Closed-form functions: the papers' benchmark, the two-peak demonstration, and BBOB."""

from tasks.functions.bbob import BBOB, BBOB_FUNCTIONS, bbob
from tasks.functions.benchmark import (
    RASTRIGIN_TARGETS,
    TABLE1,
    Benchmark,
    ackley,
    beale,
    himmelblau,
    rastrigin,
    rosenbrock,
)
from tasks.functions.two_peaks import TwoPeaks, two_peaks, two_peaks_step

__all__ = [
    "BBOB",
    "BBOB_FUNCTIONS",
    "RASTRIGIN_TARGETS",
    "TABLE1",
    "Benchmark",
    "TwoPeaks",
    "ackley",
    "bbob",
    "beale",
    "himmelblau",
    "rastrigin",
    "rosenbrock",
    "two_peaks",
    "two_peaks_step",
]

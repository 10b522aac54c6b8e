"""Closed-form functions: the papers' benchmark, double peaks static and moving, and BBOB."""

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
from tasks.functions.double_peak import (
    DoublePeak,
    double_peak,
    dynamic_double_peak,
    oscillating_double_peak,
)
from tasks.functions.rotated import RotatedRastrigin, rotated_rastrigin
from tasks.functions.two_peaks import TwoPeaks, two_peaks, two_peaks_step

__all__ = [
    "BBOB",
    "BBOB_FUNCTIONS",
    "RASTRIGIN_TARGETS",
    "TABLE1",
    "Benchmark",
    "DoublePeak",
    "RotatedRastrigin",
    "TwoPeaks",
    "ackley",
    "bbob",
    "beale",
    "double_peak",
    "dynamic_double_peak",
    "himmelblau",
    "oscillating_double_peak",
    "rastrigin",
    "rosenbrock",
    "rotated_rastrigin",
    "two_peaks",
    "two_peaks_step",
]

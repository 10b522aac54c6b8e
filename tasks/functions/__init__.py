"""Closed-form functions: the papers' benchmark, double peaks, BBOB, reaction rates, bits."""

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
from tasks.functions.discrete import (
    NK,
    Ising,
    LeadingOnes,
    OneMax,
    ising,
    leading_ones,
    nk,
    onemax,
)
from tasks.functions.double_peak import (
    DoublePeak,
    double_peak,
    dynamic_double_peak,
    oscillating_double_peak,
)
from tasks.functions.rates import Rates, rates
from tasks.functions.rotated import RotatedRastrigin, rotated_rastrigin
from tasks.functions.two_peaks import TwoPeaks, two_peaks, two_peaks_step

__all__ = [
    "BBOB",
    "BBOB_FUNCTIONS",
    "NK",
    "RASTRIGIN_TARGETS",
    "TABLE1",
    "Benchmark",
    "DoublePeak",
    "Ising",
    "LeadingOnes",
    "OneMax",
    "Rates",
    "RotatedRastrigin",
    "TwoPeaks",
    "ackley",
    "bbob",
    "beale",
    "double_peak",
    "dynamic_double_peak",
    "himmelblau",
    "ising",
    "leading_ones",
    "nk",
    "onemax",
    "oscillating_double_peak",
    "rastrigin",
    "rates",
    "rosenbrock",
    "rotated_rastrigin",
    "two_peaks",
    "two_peaks_step",
]

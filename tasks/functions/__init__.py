"""Closed-form functions: benchmarks, double peaks, BBOB, niching, reaction rates, bits."""

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
from tasks.functions.cec2013 import CEC2013, CEC2013_FUNCTIONS, cec2013
from tasks.functions.composed import Composed, basin_shares, composed
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
from tasks.functions.linear_projection import LinearProjection, lp_rastrigin, lp_sphere
from tasks.functions.rates import Rates, rates
from tasks.functions.rotated import RotatedRastrigin, rotated_rastrigin
from tasks.functions.two_peaks import TwoPeaks, two_peaks, two_peaks_step

__all__ = [
    "BBOB",
    "BBOB_FUNCTIONS",
    "CEC2013",
    "CEC2013_FUNCTIONS",
    "NK",
    "RASTRIGIN_TARGETS",
    "TABLE1",
    "Benchmark",
    "Composed",
    "DoublePeak",
    "Ising",
    "LeadingOnes",
    "LinearProjection",
    "OneMax",
    "Rates",
    "RotatedRastrigin",
    "TwoPeaks",
    "ackley",
    "basin_shares",
    "bbob",
    "beale",
    "cec2013",
    "composed",
    "double_peak",
    "dynamic_double_peak",
    "himmelblau",
    "ising",
    "leading_ones",
    "lp_rastrigin",
    "lp_sphere",
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

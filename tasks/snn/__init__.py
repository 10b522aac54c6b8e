"""Spiking networks that learn without gradients: by STDP of weights, or of delays.

`simulate` has time, `competitive` and `weightless` the networks, `evolved` the tasks.
"""

from tasks.snn.competitive import Competitive, lattice_map, locally_connected
from tasks.snn.connections import Fields, delayed
from tasks.snn.evolved import Constants, Delays, constants, delays
from tasks.snn.inhibition import Growing, Increasing, TwoLevel, Uniform
from tasks.snn.neurons import LIF, AdaptiveLIF, DiehlCook
from tasks.snn.patterns import Patterns
from tasks.snn.plasticity import Hebbian, PairSTDP, RewardSTDP, WeightDependentSTDP
from tasks.snn.simulate import Learning, present, simulate
from tasks.snn.weightless import Weightless

__all__ = [
    "LIF",
    "AdaptiveLIF",
    "Competitive",
    "Constants",
    "Delays",
    "DiehlCook",
    "Fields",
    "Growing",
    "Hebbian",
    "Increasing",
    "Learning",
    "PairSTDP",
    "Patterns",
    "RewardSTDP",
    "TwoLevel",
    "Uniform",
    "WeightDependentSTDP",
    "Weightless",
    "constants",
    "delayed",
    "delays",
    "lattice_map",
    "locally_connected",
    "present",
    "simulate",
]

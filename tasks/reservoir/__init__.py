"""Reservoirs of coupled ring oscillators: images wander through them, a ridge regression reads."""

from tasks.reservoir.evolved import Reservoir, reservoir
from tasks.reservoir.network import Design, Network, build
from tasks.reservoir.readout import classify
from tasks.reservoir.simulation import Response, Timing, respond_all

__all__ = [
    "Design",
    "Network",
    "Reservoir",
    "Response",
    "Timing",
    "build",
    "classify",
    "reservoir",
    "respond_all",
]

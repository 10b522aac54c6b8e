"""diffevo: evolution as denoising, in JAX.

A population starts as Gaussian noise; each generation estimates, from the fitness of its members,
the noise-free sample that every member came from, and takes one reverse-diffusion step towards it.
"""

from diffevo import conditions
from diffevo.algorithms.charles_d import CharlesD
from diffevo.algorithms.diffusion_evolution import DiffusionEvolution
from diffevo.algorithms.hades import HADES
from diffevo.algorithms.latent import LatentDiffusionEvolution
from diffevo.algorithms.mixed import MixedDiffusionEvolution
from diffevo.algorithms.niching import NichingDiffusionEvolution
from diffevo.core import processes, schedules, weighting
from diffevo.optimize import maximize, minimize
from diffevo.optimizer import Optimizer
from diffevo.result import Modes, Result
from diffevo.space import Choice, Integer, Real, SearchSpace

__version__ = "0.1.0"

__all__ = [
    "HADES",
    "CharlesD",
    "Choice",
    "DiffusionEvolution",
    "Integer",
    "LatentDiffusionEvolution",
    "MixedDiffusionEvolution",
    "Modes",
    "NichingDiffusionEvolution",
    "Optimizer",
    "Real",
    "Result",
    "SearchSpace",
    "conditions",
    "maximize",
    "minimize",
    "processes",
    "schedules",
    "weighting",
]

"""Every algorithm under its name: what is here is covered by the contract tests."""

from typing import Any

from diffevo.algorithms.charles_d import CharlesD
from diffevo.algorithms.diffusion_evolution import DiffusionEvolution
from diffevo.algorithms.hades import HADES
from diffevo.algorithms.latent import LatentDiffusionEvolution
from diffevo.algorithms.mixed import MixedDiffusionEvolution
from diffevo.algorithms.niching import NichingDiffusionEvolution

ALGORITHMS: dict[str, type[Any]] = {
    "diffusion_evolution": DiffusionEvolution,
    "latent_diffusion_evolution": LatentDiffusionEvolution,
    "hades": HADES,
    "charles_d": CharlesD,
    "niching_diffusion_evolution": NichingDiffusionEvolution,
    "mixed_diffusion_evolution": MixedDiffusionEvolution,
}

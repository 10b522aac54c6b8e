"""Every algorithm under its name: what is here is covered by the contract tests."""

from diffevo.algorithms.diffusion_evolution import DiffusionEvolution
from diffevo.algorithms.latent import LatentDiffusionEvolution

ALGORITHMS: dict[str, type[DiffusionEvolution] | type[LatentDiffusionEvolution]] = {
    "diffusion_evolution": DiffusionEvolution,
    "latent_diffusion_evolution": LatentDiffusionEvolution,
}

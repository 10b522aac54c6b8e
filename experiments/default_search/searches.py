"""The searches of the fitness-reversal test, all from N(0, I), by name.

Shape letters: N population, D dimensions, G generations.
"""

import functools
from typing import Any

import jax.numpy as jnp
from evosax.algorithms import SNES, Sep_CMA_ES
from evosax.algorithms import DiffusionEvolution as EvosaxDiffusionEvolution

import diffevo

METHODS = {
    "default": "`minimize`'s default",
    "diffusion_evolution": "Diffusion Evolution",
    "latent_diffusion_evolution": "Latent DE",
    "evosax_diffusion_evolution": "evosax DiffusionEvolution",
    "sep_cma_es": "evosax Sep-CMA-ES",
    "snes": "evosax SNES",
}


@functools.lru_cache
def search(name: str, population_size: int, num_dims: int, num_generations: int) -> Any:
    """A search of G evaluated populations; equal arguments give the same object.

    Args:
        name: key of `METHODS`. "default" is what `minimize` runs for this population and a budget
            of N G without bounds where G is more than 51: a test compares them.
        population_size: N.
        num_dims: D.
        num_generations: G >= 2, the first population included; a schedule has G - 1 moves.
    """
    template = jnp.zeros(num_dims)
    moves = num_generations - 1
    if name == "default":
        return diffevo.NichingDiffusionEvolution(population_size, template)
    if name == "diffusion_evolution":
        return diffevo.DiffusionEvolution(population_size, template, moves)
    if name == "latent_diffusion_evolution":
        return diffevo.LatentDiffusionEvolution(population_size, template, moves)
    if name == "evosax_diffusion_evolution":
        # Of its G generations the last does not move.
        return EvosaxDiffusionEvolution(population_size, template, num_generations=moves + 1)
    kinds: dict[str, Any] = {"sep_cma_es": Sep_CMA_ES, "snes": SNES}
    if name not in kinds:
        raise ValueError(f"name: expected one of {sorted(METHODS)}, got {name!r}")
    return kinds[name](population_size, template)


def params_of(name: str, search: Any) -> Any:
    """The search's defaults; a search distribution starts from N(0, I) as the populations do."""
    params = search.default_params
    return params.replace(std_init=jnp.asarray(1.0)) if name in ("sep_cma_es", "snes") else params

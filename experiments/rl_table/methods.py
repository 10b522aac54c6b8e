"""The methods: the paper's, as published and as its equations say, and those of the fair table.

All start from the same prior: parameters = scaling * genome, genomes N(0, I).
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import optax
from evosax.algorithms import CMA_ES, PGPE, Open_ES, SimpleGA

import diffevo
from diffevo import weighting
from diffevo.algorithms.niching import default_chain_size
from diffevo.algorithms.reevaluation import Reevaluation
from diffevo.core.processes import Process
from experiments.rl_table.authors import Floored
from experiments.rl_table.config import Config
from experiments.rl_table.evolve import Method, PyCMA


def paper(
    config: Config,
    num_dims: int,
    *,
    latent: bool,
    temperature: float,
    process: Process | None = None,
) -> Method:
    """Diffusion Evolution by the paper's protocol: g = exp((R - R_max) / T), noise 1, cosine.

    With the authors' floors unless another process is given.
    """
    kind = diffevo.LatentDiffusionEvolution if latent else diffevo.DiffusionEvolution
    search = kind(
        config.population_size,
        jnp.zeros(num_dims),
        max(1, config.generations - 1),
        weighting=weighting.Energy(),
        process=Floored() if process is None else process,
    )
    params = search.default_params.replace(
        temperature=jnp.asarray(temperature), noise_scale=jnp.asarray(1.0)
    )
    return Method(search, params, config.population_size)


def paper_cma_es(config: Config, num_dims: int) -> Method:
    """Theirs: pycma with the population of Diffusion Evolution, sigma 1, CMA_elitist 2."""
    return Method(PyCMA(num_dims, elitist=2), None, config.population_size)


def _ours(search: Any) -> Method:
    return Method(search, search.default_params, search.population_size)


def _diffusion(config: Config, num_dims: int) -> Method:
    size, moves = config.population_size, max(1, config.generations - 1)
    return _ours(diffevo.DiffusionEvolution(size, jnp.zeros(num_dims), moves))


def _latent(config: Config, num_dims: int) -> Method:
    size, moves = config.population_size, max(1, config.generations - 1)
    return _ours(diffevo.LatentDiffusionEvolution(size, jnp.zeros(num_dims), moves))


def _latent_paper(config: Config, num_dims: int) -> Method:
    # In two dimensions the floor changes nothing, and so this is a program less to compile.
    return paper(config, num_dims, latent=True, temperature=config.temperature)


def _hades(config: Config, num_dims: int) -> Method:
    return _ours(diffevo.HADES(config.population_size, jnp.zeros(num_dims)))


def _niching(config: Config, num_dims: int) -> Method:
    del config
    size = default_chain_size(num_dims)
    return _ours(diffevo.NichingDiffusionEvolution(size, jnp.zeros(num_dims)))


def _niching_noisy(config: Config, num_dims: int) -> Method:
    """What ``minimize(noisy=True)`` runs: a few candidates are evaluated in every generation."""
    search, params, _ = _niching(config, num_dims)
    search = Reevaluation(search)
    return Method(search, params, search.num_asked)


def _even(size: int) -> int:
    return size + size % 2


def _cma_es(config: Config, num_dims: int) -> Method:
    del config
    return _ours(CMA_ES(_even(default_chain_size(num_dims)), jnp.zeros(num_dims)))


def _pycma(config: Config, num_dims: int) -> Method:
    del config
    return Method(PyCMA(num_dims), None, default_chain_size(num_dims))


def _rate(config: Config) -> Any:
    """Adam's rate, from 0.1 to 0.01 over the run, as in the fair setting of table 1."""
    steps = config.generations * config.population_size // config.strategy_size
    return optax.adam(optax.exponential_decay(0.1, 1, 0.1 ** (1.0 / steps)))


def _open_es(config: Config, num_dims: int) -> Method:
    steps = config.generations * config.population_size // config.strategy_size
    width = optax.exponential_decay(1.0, 1, 0.1 ** (1.0 / steps))
    return _ours(
        Open_ES(
            config.strategy_size, jnp.zeros(num_dims), optimizer=_rate(config), std_schedule=width
        )
    )


def _pgpe(config: Config, num_dims: int) -> Method:
    return _ours(PGPE(config.strategy_size, jnp.zeros(num_dims), optimizer=_rate(config)))


def _simple_ga(config: Config, num_dims: int) -> Method:
    search = SimpleGA(
        config.strategy_size,
        jnp.zeros(num_dims),
        std_schedule=optax.constant_schedule(0.2),
    )
    search.elite_ratio = 0.25
    return Method(search, search.default_params.replace(crossover_rate=0.5), search.population_size)


FAIR: dict[str, Callable[[Config, int], Method]] = {
    "cma_es": _cma_es,
    "pycma": _pycma,
    "open_es": _open_es,
    "pgpe": _pgpe,
    "simple_ga": _simple_ga,
    "niching": _niching,
    "niching_noisy": _niching_noisy,
    "diffusion": _diffusion,
    "latent": _latent,
    "latent_paper": _latent_paper,
    "hades": _hades,
}


def fair(config: Config) -> tuple[str, ...]:
    """Keys of `FAIR` that a study compares."""
    return config.methods or tuple(FAIR)

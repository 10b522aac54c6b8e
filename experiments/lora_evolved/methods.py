"""The searches, all from the network before training: parameters = start + scaling * genome.

Of evosax the search distributions, from the mean 0, width 1.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import optax
from evosax.algorithms import CMA_ES, PGPE, Open_ES, Sep_CMA_ES

import diffevo
from diffevo.algorithms.niching import default_chain_size

Make = Callable[[int, int], Any]


def _latent(num_dims: int, budget: int) -> Any:
    """``minimize``'s choice in few generations of a large population."""
    size = 512
    return diffevo.LatentDiffusionEvolution(size, jnp.zeros(num_dims), max(1, budget // size - 1))


def _niching(num_dims: int, budget: int) -> Any:
    """``minimize``'s choice where it chooses the population."""
    del budget
    return diffevo.NichingDiffusionEvolution(default_chain_size(num_dims), jnp.zeros(num_dims))


def _hades(num_dims: int, budget: int) -> Any:
    """Trained in every tenth generation: training is nearly all of its time."""
    del budget
    return diffevo.HADES(256, jnp.zeros(num_dims), training_interval=10)


def _cma_es(num_dims: int, budget: int) -> Any:
    """A large population: a generation decomposes a D x D matrix."""
    del budget
    return CMA_ES(512, jnp.zeros(num_dims))


def _sep_cma_es(num_dims: int, budget: int) -> Any:
    del budget
    return Sep_CMA_ES(64, jnp.zeros(num_dims))


def _adam(budget: int) -> Any:
    """Adam's rate, from .1 to .01 over the run."""
    return optax.adam(optax.exponential_decay(0.1, 1, 0.1 ** (128 / budget)))


def _open_es(num_dims: int, budget: int) -> Any:
    width = optax.exponential_decay(1.0, 1, 0.1 ** (128 / budget))
    return Open_ES(128, jnp.zeros(num_dims), optimizer=_adam(budget), std_schedule=width)


def _pgpe(num_dims: int, budget: int) -> Any:
    return PGPE(128, jnp.zeros(num_dims), optimizer=_adam(budget))


METHODS: dict[str, Make] = {
    "latent": _latent,
    "niching": _niching,
    "hades": _hades,
    "cma_es": _cma_es,
    "sep_cma_es": _sep_cma_es,
    "open_es": _open_es,
    "pgpe": _pgpe,
}


@functools.lru_cache(maxsize=64)
def build(name: str, num_dims: int, budget: int) -> Any:
    """A search by name; the same object for equal arguments, as evosax's hash by identity."""
    return METHODS[name](num_dims, budget)

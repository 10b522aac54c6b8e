"""Ask/tell searches in JAX behind one form, for COCO (`lockstep`) and evosax's port (`port`).

Ours works on genomes with [-1, 1]^D for the box (`diffevo.space`) and never leaves it; evosax's
algorithms work on the points themselves, started in the box, with default parameters.

Shape letters: N population, D dimensions, S populations.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from experiments.bbob.coco import HIGH, LOW
from experiments.bbob.config import Config
from experiments.bbob.host import SIGMA, START_HIGH, START_LOW


class Search(NamedTuple):
    """An algorithm with all that its runs need.

    Attributes:
        population_size: N, over all populations.
        algorithm: has ``init``, ``ask`` and ``tell`` with evosax's signatures.
        params: its parameters.
        start: key to what ``init`` starts from: genomes (N, D), or the means of distributions.
        evaluated: ``init`` takes the genomes with their fitness (these evaluations count).
        decode: genomes (N, D) to points (N, D).
    """

    population_size: int
    algorithm: Any
    params: Any
    start: Callable[[Array], Array]
    evaluated: bool
    decode: Callable[[Array], Array]


@contextlib.contextmanager
def arithmetic(double: bool) -> Iterator[None]:
    """Float64 or float32 for all that is built, traced and run inside; evosax mixes types."""
    with (
        jax.enable_x64(double),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        yield


def _own_size(num_dims: int) -> int:
    """CMA-ES's own population size, 4 + floor(3 ln D)."""
    return 4 + math.floor(3 * math.log(num_dims))


def settings(config: Config, name: str, num_dims: int) -> dict[str, Any]:
    """What a method of this file runs with, as it is written into the results.

    Raises:
        ValueError: there is no such method.
    """
    generations = math.ceil(config.budget * num_dims / config.population_size)
    known: dict[str, dict[str, Any]] = {
        # What `diffevo.minimize` does by default.
        "ours": {
            "algorithm": "NichingDiffusionEvolution",
            "population_size": _own_size(num_dims),
        },
        # One denoising over the whole budget; start in U[-5, 5].
        "evosax_diffusion": {
            "population_size": config.population_size,
            "num_generations": generations,
        },
        "evosax_cma_es": {"population_size": _own_size(num_dims)},
        "evosax_sv_cma_es": {
            "population_size": _own_size(num_dims),
            "num_populations": config.sv_populations,
        },
        # Ten for each dimension, as its authors advise.
        "evosax_de": {"population_size": max(20, 10 * num_dims)},
    }
    if name not in known:
        from experiments.bbob.host import HOST

        raise ValueError(f"methods: expected some of {sorted([*HOST, *known])}, got {name!r}")
    return known[name]


def build(config: Config, name: str, num_dims: int, double: bool) -> Search:
    """The search of a name in so many dimensions; inside `arithmetic` of the same precision."""
    return _build(name, num_dims, double, **settings(config, name, num_dims))


@functools.lru_cache(maxsize=32)
def _build(name: str, num_dims: int, double: bool, **options: Any) -> Search:
    dtype = jnp.float64 if double else jnp.float32
    solution = jnp.zeros(num_dims, dtype)
    size = options["population_size"]
    if name == "ours":
        ours = diffevo.NichingDiffusionEvolution(size, solution, domain="box")
        bounds = np.full(num_dims, LOW), np.full(num_dims, HIGH)
        box = diffevo.SearchSpace.from_bounds(bounds, solution).limits.box
        params = ours.default_params
        return Search(size, ours, params, ours.sample_population, True, box.decode)

    from evosax import algorithms

    def in_box(key: Array) -> Array:
        return jax.random.uniform(key, (size, num_dims), dtype, LOW, HIGH)

    def means(*shape: int) -> Callable[[Array], Array]:
        def draw(key: Array) -> Array:
            return jax.random.uniform(key, (*shape, num_dims), dtype, START_LOW, START_HIGH)

        return draw

    def same(genomes: Array) -> Array:
        return genomes

    if name == "evosax_diffusion":
        # Its schedule makes one move fewer than it has generations, the start is one of ours.
        search = algorithms.DiffusionEvolution(
            size, solution, num_generations=options["num_generations"]
        )
        return Search(size, search, search.default_params, in_box, True, same)
    if name == "evosax_de":
        search = algorithms.DifferentialEvolution(size, solution)
        return Search(size, search, search.default_params, in_box, True, same)
    sigma = jnp.asarray(SIGMA, dtype)
    if name == "evosax_cma_es":
        search = algorithms.CMA_ES(size, solution)
        params = search.default_params.replace(std_init=sigma)
        return Search(size, search, params, means(), False, same)
    count = options["num_populations"]
    search = algorithms.SV_CMA_ES(size, count, solution)
    params = search.default_params.replace(std_init=sigma)
    return Search(count * size, search, params, means(count), False, same)


def run_keys(seeds: list[tuple[int, ...]]) -> Array:
    """Each run's key: its numbers folded in one after the other, shape (R,)."""

    def key(numbers: tuple[int, ...]) -> Array:
        first, *others = numbers
        folded = jax.random.key(first)
        for number in others:
            folded = jax.random.fold_in(folded, number)
        return folded

    return jnp.stack([key(numbers) for numbers in seeds])


def begin(search: Search, key: Array) -> tuple[Array, Any]:
    """First genomes (N, D) to evaluate and, for a distribution, the state (else None)."""
    start_key, init_key, ask_key = jax.random.split(jax.random.fold_in(key, 0), 3)
    start = search.start(start_key)
    if search.evaluated:
        return start, None
    state = search.algorithm.init(init_key, start, search.params)
    return search.algorithm.ask(ask_key, state, search.params)


def first(search: Search, key: Array, genomes: Array, fitness: Array, state: Any) -> Any:
    """State after the first evaluated genomes; the generation with number 0."""
    tell_key = jax.random.fold_in(jax.random.fold_in(key, 0), 3)
    if search.evaluated:
        return search.algorithm.init(tell_key, genomes, fitness, search.params)
    return search.algorithm.tell(tell_key, genomes, fitness, state, search.params)[0]


def ask(search: Search, key: Array, generation: Array, state: Any) -> tuple[Array, Any]:
    """Genomes (N, D) of a generation from 1 on."""
    return search.algorithm.ask(
        jax.random.fold_in(jax.random.fold_in(key, generation), 0), state, search.params
    )


def tell(
    search: Search, key: Array, generation: Array, genomes: Array, fitness: Array, state: Any
) -> Any:
    """State after a generation from 1 on."""
    tell_key = jax.random.fold_in(jax.random.fold_in(key, generation), 1)
    return search.algorithm.tell(tell_key, genomes, fitness, state, search.params)[0]

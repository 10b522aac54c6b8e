"""Diffusion Evolution as the experiments run it: one scan, all repetitions at once.

Shape letters: R repetitions, N population, D dimensions, T generations.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

import diffevo
from diffevo import weighting

Objective = Callable[[Array], Array]


class Run(NamedTuple):
    """What R runs leave behind; genomes, so multiply by the task's scaling for evaluation space.

    Attributes:
        population: (R, N, D) after the last of T moves.
        fitness: (R, N) of that.
        origins: (R, N, D), x0-hat of the last move: what the population stepped towards.
        origin_fitness: (R, N) of those.
        path: (R, T + 1, N, min(D, 2)), every population from the initial one on.
        origin_path: (R, T, N, min(D, 2)), x0-hat of every move; zeros but for the last move unless
            it was asked for.
    """

    population: Array
    fitness: Array
    origins: Array
    origin_fitness: Array
    path: Array
    origin_path: Array


def run(
    algorithm: Any,
    params: Any,
    objectives: tuple[Objective, ...],
    keys: Array,
    choice: int = 0,
    record_origins: bool = False,
) -> Run:
    """Run all T generations once for every key.

    A run key's fold 0 gives the initial population, fold g the g-th generation. Equal algorithms
    and objectives compile once: several functions of the same dimension go in together, and
    ``choice`` and ``params`` are traced.

    Args:
        algorithm: `diffevo.DiffusionEvolution` or `diffevo.LatentDiffusionEvolution` on a flat
            array; T is the length of its schedule.
        params: its parameters.
        objectives: each genomes (N, D) -> (N,), lower is better; hashable.
        keys: shape (R,).
        choice: which of the objectives.
        record_origins: keep x0-hat of every move, at the price of one more estimate each.

    Returns:
        See `Run`.
    """
    return _run(
        algorithm, params, objectives, keys, jnp.asarray(choice), jnp.asarray(record_origins)
    )


@functools.partial(jax.jit, static_argnames=("algorithm", "objectives"))
def _run(
    algorithm: Any,
    params: Any,
    objectives: tuple[Objective, ...],
    keys: Array,
    choice: Array,
    record_origins: Array,
) -> Run:
    num_generations = params.alphas.shape[0] - 1

    def evaluate(genomes: Array) -> Array:
        if len(objectives) == 1:
            return objectives[0](genomes)
        return jax.lax.switch(choice, objectives, genomes)

    def single(key: Array) -> Run:
        population_key, init_key = jax.random.split(jax.random.fold_in(key, 0))
        population = algorithm.sample_population(population_key)
        fitness = evaluate(population)
        state = algorithm.init(init_key, population, fitness, params)

        def generation(carry: tuple[Any, Array, Array], index: ArrayLike) -> tuple[Any, Any]:
            state, _, _ = carry
            ask_key, tell_key = jax.random.split(jax.random.fold_in(key, index))
            origins = jax.lax.cond(
                record_origins | (index == num_generations),
                lambda: algorithm.estimate_x0(ask_key, state, params),
                lambda: jnp.zeros_like(population),
            )
            moved, state = algorithm.ask(ask_key, state, params)
            fitness = evaluate(moved)
            state, _ = algorithm.tell(tell_key, moved, fitness, state, params)
            return (state, fitness, origins), (moved[:, :2], origins[:, :2])

        (state, fitness, origins), (moves, origin_path) = jax.lax.scan(
            generation,
            (state, fitness, jnp.zeros_like(population)),
            jnp.arange(1, num_generations + 1),
        )
        path = jnp.concatenate([population[None, :, :2], moves])
        return Run(state.population, fitness, origins, evaluate(origins), path, origin_path)

    return jax.vmap(single)(keys)


def default_weighting() -> weighting.Weighting:
    """The library's default, whatever it is."""
    return diffevo.DiffusionEvolution(1, jnp.zeros(1)).weighting


@dataclass(frozen=True)
class OneOf:
    """Several weightings in one program: the temperature says which, so a sweep compiles once.

    Attributes:
        alternatives: at least one.
    """

    alternatives: tuple[weighting.Weighting, ...]

    def at(self, index: int, temperature: float) -> Array:
        """What to hand in as ``params.temperature`` for one of the alternatives, shape (2,)."""
        return jnp.array([index, temperature], jnp.float32)

    def __call__(self, fitness: Array, genomes: Array, temperature: ArrayLike) -> Array:
        """Log-weights (N,) of the alternative temperature[0] at the temperature temperature[1]."""
        index, value = jnp.asarray(temperature)
        return jax.lax.switch(index.astype(jnp.int32), self.alternatives, fitness, genomes, value)


def one_of(weightings: list[weighting.Weighting]) -> tuple[OneOf, dict[weighting.Weighting, int]]:
    """A program for several weightings, repeats dropped, and the index of each in it."""
    alternatives = tuple(dict.fromkeys(weightings))
    return OneOf(alternatives), {one: index for index, one in enumerate(alternatives)}


def tuned(params: Any, one: OneOf, index: int, temperature: float, noise_scale: float) -> Any:
    """An algorithm's params for one weighting of `OneOf`, at a temperature and noise scale."""
    return params.replace(
        temperature=one.at(index, temperature), noise_scale=jnp.float32(noise_scale)
    )

"""Generations of whole runs of `minimize`: compiled and called by Python, recorded or not."""

import functools
import tempfile
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import diffevo
from diffevo.algorithms.registry import ALGORITHMS
from experiments.runtime import functions
from experiments.runtime.config import Config


def first_square(x: jax.Array) -> jax.Array:
    """As `functions.first_square`, traceable."""
    return x[0] ** 2


BARE = "bare algorithm"
# What `minimize` is told; recorded or not apart.
KINDS: dict[str, dict[str, Any]] = {
    "traceable": {"fun": first_square, "evaluator": "traceable"},
    "sharded": {"fun": first_square, "evaluator": "sharded"},
    "Python, a population": {"fun": functions.first_squares, "batched": True},
    "Python, one by one": {"fun": functions.first_square, "batched": False},
}
RECORDS: dict[str, dict[str, Any]] = {
    "": {},
    ", run directory without evaluations": {"record_evaluations": False},
    ", run directory": {"record_evaluations": True},
}


@functools.partial(jax.jit, static_argnames="algorithm")
def _loop(algorithm: Any, key: jax.Array, params: Any, num_generations: Any) -> Any:
    first = algorithm.sample_population(key)
    state = algorithm.init(key, first, jnp.square(first[:, 0]), params)

    def generation(number: Any, state: Any) -> Any:
        ask_key, tell_key = jax.random.split(jax.random.fold_in(key, number))
        population, state = algorithm.ask(ask_key, state, params)
        fitness = jnp.square(population[:, 0])
        return algorithm.tell(tell_key, population, fitness, state, params)[0]

    return jax.lax.fori_loop(0, num_generations, generation, state).best_fitness


def seconds(
    kind: str, records: str, algorithm: Any, number: int, stopped: bool, config: Config
) -> float:
    """That a run takes.

    Args:
        kind: "bare algorithm", ask, evaluate and tell compiled and nothing kept, or of `KINDS`.
        records: of `RECORDS`.
        algorithm: which searches.
        number: generations after the first population.
        stopped: whether it ends with the first population: by its target, so that it needs no other
            program than one that goes on.
        config: of the benchmark.
    """
    began = time.perf_counter()
    if kind == BARE:
        key = jax.random.key(config.seed)
        jax.block_until_ready(
            _loop(algorithm, key, algorithm.default_params, 0 if stopped else number)
        )
        return time.perf_counter() - began
    box = np.full(config.num_dims, -4.0), np.full(config.num_dims, 4.0)
    options: dict[str, Any] = {"evaluator": "serial", **KINDS[kind], **RECORDS[records]}
    with tempfile.TemporaryDirectory() as folder:
        if records:
            options["run_dir"] = folder
        diffevo.minimize(
            options.pop("fun"),
            box,
            budget=algorithm.population_size * 10**6,
            max_generations=number,
            algorithm=algorithm,
            seed=config.seed,
            ftarget=1e9 if stopped else None,
            progress=False,
            **options,
        )
        return time.perf_counter() - began


def cost(size: int, config: Config) -> list[dict[str, Any]]:
    """For each kind of run: milliseconds a generation, and seconds beside its generations."""
    algorithm = ALGORITHMS[config.run_algorithm](size, jnp.zeros(config.num_dims))
    sides = [(BARE, "")]
    sides += [(k, r) for k in KINDS for r in RECORDS if not (r and k == "sharded")]
    numbers: dict[str, int] = {}

    def run(side: tuple[str, str], number: int, stopped: bool = False) -> float:
        return seconds(*side, algorithm, number, stopped, config)

    for kind, records in sides:
        if not records:  # how many generations take a while; as many with records
            few = config.least_generations
            run((kind, ""), few)  # compiles
            taken = run((kind, ""), few) - run((kind, ""), few, stopped=True)
            one = max(taken / few, 1e-5)
            numbers[kind] = min(max(int(config.run_seconds / one), few), 20_000)
        run((kind, records), numbers[kind])
    beside: dict[tuple[str, str], list[float]] = {side: [] for side in sides}
    each: dict[tuple[str, str], list[float]] = {side: [] for side in sides}
    for _ in range(config.run_repetitions):
        for side in sides:
            number = numbers[side[0]]
            beside[side].append(run(side, number, stopped=True))
            each[side].append(1e3 * (run(side, number) - beside[side][-1]) / number)
    return [
        {
            "population_size": size,
            "run": "".join(side),
            "num_generations": numbers[side[0]],
            "milliseconds": float(np.median(each[side])),
            "all": each[side],
            "seconds_beside": float(np.median(beside[side])),
        }
        for side in sides
    ]

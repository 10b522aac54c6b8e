"""One generation of ask and tell on each side: `Optimizer`, the bare algorithm, four libraries."""

import functools
from collections.abc import Callable
from typing import Any

import cma
import cmaes
import jax
import jax.numpy as jnp
import nevergrad
import numpy as np
import optuna

import diffevo
from diffevo import search
from diffevo.algorithms.registry import ALGORITHMS
from experiments.runtime.config import Config

# Asks for, evaluates and tells a generation; returns how many solutions these were.
Generation = Callable[[], int]
# Begins a search.
Side = Callable[[], Generation]

_init, _ask, _tell = (
    jax.jit(function, static_argnames="algorithm")
    for function in (search.init, search.ask, search.tell)
)


def values_of(points: Any) -> np.ndarray:
    """Mean square: cheap, so that asking and telling is what is timed."""
    return np.mean(np.square(points), axis=1)


def optimizer(algorithm: str, size: int, config: Config) -> Generation:
    """Ours as users drive it."""
    box = np.full(config.num_dims, -4.0), np.full(config.num_dims, 4.0)
    driven = diffevo.Optimizer(
        box, population_size=size, algorithm=algorithm, seed=config.seed, max_generations=500
    )

    def run() -> int:
        points = driven.ask()
        driven.tell(points, values_of(points).tolist())
        return size

    return run


def bare(algorithm: Any, size: int, config: Config) -> Generation:
    """Ours without `Optimizer`: genomes as arrays, no bounds, nothing checked or kept."""
    key, params = jax.random.key(config.seed), algorithm.default_params
    first = np.asarray(search.first_genomes(algorithm, key))
    state = _init(algorithm, key, first, values_of(first), params)
    number = 0

    def run() -> int:
        nonlocal state, number
        number += 1
        asked, state = _ask(algorithm, key, number, state, params)
        points = np.asarray(asked)
        state, _ = _tell(algorithm, key, number, points, values_of(points), state, params)
        return size

    return run


def pycma(size: int, config: Config) -> Generation:
    """CMA-ES of `cma`, a population at a time."""
    options = {"popsize": size, "verbose": -9, "seed": config.seed + 1}
    strategy = cma.CMAEvolutionStrategy(np.zeros(config.num_dims), 1.0, options)

    def run() -> int:
        points = strategy.ask()
        strategy.tell(points, values_of(points).tolist())
        return size

    return run


def cmaes_(size: int, config: Config) -> Generation:
    """CMA-ES of `cmaes`, which asks for one solution at a time and is told a population."""
    strategy = cmaes.CMA(np.zeros(config.num_dims), 1.0, population_size=size, seed=config.seed)

    def run() -> int:
        points = [strategy.ask() for _ in range(size)]
        strategy.tell(list(zip(points, values_of(points).tolist(), strict=True)))
        return size

    return run


def nevergrad_(size: int, config: Config) -> Generation:
    """Differential evolution of Nevergrad; a part of its generation."""
    part = min(size, config.most_solutions)
    parametrization = nevergrad.p.Array(shape=(config.num_dims,), lower=-4.0, upper=4.0)
    parametrization.random_state = np.random.RandomState(config.seed)
    strategy = nevergrad.optimizers.DifferentialEvolution(popsize=size)(
        parametrization, budget=10**7, num_workers=size
    )

    def run() -> int:
        asked = [strategy.ask() for _ in range(part)]
        for candidate, value in zip(asked, values_of([c.value for c in asked]), strict=True):
            strategy.tell(candidate, float(value))
        return part

    return run


def optuna_(size: int, config: Config) -> Generation:
    """Optuna's CMA-ES sampler, in memory; a part of its generation."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    part = min(size, config.most_solutions)
    sampler = optuna.samplers.CmaEsSampler(seed=config.seed, popsize=size)
    study = optuna.create_study(sampler=sampler)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        f"x{index}": optuna.distributions.FloatDistribution(-4.0, 4.0)
        for index in range(config.num_dims)
    }

    def run() -> int:
        trials = [study.ask(space) for _ in range(part)]
        values = values_of([list(trial.params.values()) for trial in trials])
        for trial, value in zip(trials, values, strict=True):
            study.tell(trial, float(value))
        return part

    return run


def of(size: int, config: Config) -> dict[str, Side]:
    """Every side by its name; ours first."""
    template = jnp.zeros(config.num_dims)
    return {
        **{
            f"Optimizer, {name}": functools.partial(optimizer, name, size, config)
            for name in config.algorithms
        },
        **{
            f"bare {name}": functools.partial(bare, ALGORITHMS[name](size, template), size, config)
            for name in config.algorithms
        },
        "pycma": functools.partial(pycma, size, config),
        "cmaes": functools.partial(cmaes_, size, config),
        "Nevergrad DE": functools.partial(nevergrad_, size, config),
        "Optuna CMA-ES": functools.partial(optuna_, size, config),
    }

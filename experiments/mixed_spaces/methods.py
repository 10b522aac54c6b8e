"""The searches, each as its users call it: nothing is set but the seed."""

import warnings
from collections.abc import Callable
from typing import Any

import cmaes
import numpy as np
import optuna

import diffevo
from experiments.mixed_spaces.problems import Point

# Evaluates a point; takes (variables, value, budget, seed) and evaluates the budget or less.
Value = Callable[[Point], float]
Method = Callable[[dict[str, Any], Value, int, int], None]


def ours(variables: dict[str, Any], value: Value, budget: int, seed: int) -> None:
    """`diffevo.minimize` with its default algorithm; whole generations only."""
    diffevo.minimize(
        value,
        space=diffevo.SearchSpace(variables),
        budget=budget,
        seed=seed,
        evaluator="serial",
        batched=False,
        progress=False,
    )


def _distribution(variable: Any) -> optuna.distributions.BaseDistribution:
    if isinstance(variable, diffevo.Choice):
        return optuna.distributions.CategoricalDistribution(variable.categories)
    kind = optuna.distributions.FloatDistribution
    if isinstance(variable, diffevo.Integer):
        kind = optuna.distributions.IntDistribution
    return kind(variable.low, variable.high, log=variable.log)


def _optuna(sampler: Callable[[int], Any]) -> Method:
    def search(variables: dict[str, Any], value: Value, budget: int, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        space = {name: _distribution(variable) for name, variable in variables.items()}
        study = optuna.create_study(sampler=sampler(seed))
        for _ in range(budget):
            trial = study.ask(space)
            study.tell(trial, value(trial.params))

    return search


def catcma(variables: dict[str, Any], value: Value, budget: int, seed: int) -> None:
    """CatCMA with Margin of `cmaes`, told a population at a time; logarithms are taken for it."""
    kinds = {
        kind: [name for name, variable in variables.items() if isinstance(variable, kind)]
        for kind in (diffevo.Real, diffevo.Integer, diffevo.Choice)
    }
    reals, integers, choices = kinds.values()

    def scaled(name: str, numbers: Any) -> np.ndarray:
        return np.log(numbers) if variables[name].log else np.asarray(numbers, float)

    values = {n: np.arange(variables[n].low, variables[n].high + 1) for n in integers}
    search = cmaes.CatCMAwM(
        [list(scaled(n, [variables[n].low, variables[n].high])) for n in reals],
        [list(scaled(n, values[n])) for n in integers],
        [len(variables[n].categories) for n in choices],
        seed=seed,
    )

    def point(solution: Any) -> Point:
        found: Point = {}
        for name, x in zip(reals, solution.x, strict=True):
            found[name] = float(np.exp(x) if variables[name].log else x)
        for name, z in zip(integers, solution.z, strict=True):
            found[name] = int(values[name][np.argmin(np.abs(scaled(name, values[name]) - z))])
        for name, c in zip(choices, solution.c, strict=True):
            found[name] = variables[name].categories[int(np.argmax(c))]
        return {name: found[name] for name in variables}

    num = 0
    while num < budget:
        told = []
        for _ in range(min(search.population_size, budget - num)):
            solution = search.ask()
            told.append((solution, value(point(solution))))
        num += len(told)
        if len(told) == search.population_size:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # of a distribution that has converged
                search.tell(told)


METHODS: dict[str, Method] = {
    "diffevo": ours,
    "TPE": _optuna(lambda seed: optuna.samplers.TPESampler(seed=seed)),
    # Categories are drawn at random: it says so each time, unless it is told not to.
    "CMA-ES": _optuna(
        lambda seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    ),
    "CatCMAwM": catcma,
    "random": _optuna(lambda seed: optuna.samplers.RandomSampler(seed=seed)),
}

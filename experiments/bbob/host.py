"""Rivals that run on the host, one instance after the other, each with its own settings.

All are started again until the budget is used, or the last target hit: a method that stops by
itself has evaluations left.
"""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.bbob.coco import HIGH, LOW, Finished, Run

START_LOW, START_HIGH = -4.0, 4.0  # where CMA-ES starts, as in its BBOB-2009 entry
SIGMA = 2.0

Search = Callable[..., None]  # of a run, D and a generator


def pycma(run: Run, num_dims: int, generator: np.random.Generator, **options: Any) -> None:
    """CMA-ES of the package cma from U[-4, 4]^D, sigma 2, unbounded as in BBOB-2009.

    Args:
        run: what to minimise.
        num_dims: D.
        generator: of the starts and of pycma's seeds.
        options: of ``cma.fmin2``: ``restarts`` and ``bipop``.
    """
    import cma

    def start() -> np.ndarray:
        return generator.uniform(START_LOW, START_HIGH, num_dims)

    settings = {"verbose": -9, "verb_disp": 0, "verb_log": 0}
    while True:
        seed = int(generator.integers(1, 2**31 - 2**10))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cma.fmin2(run, start, SIGMA, {**settings, "seed": seed}, **options)


def scipy_de(run: Run, num_dims: int, generator: np.random.Generator) -> None:
    """Scipy's differential evolution with its defaults: 15 D members, polished by L-BFGS-B."""
    import scipy.optimize

    def value(point: np.ndarray) -> float:
        return run(point)

    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scipy.optimize.differential_evolution(value, [(LOW, HIGH)] * num_dims, rng=generator)


def random_search(run: Run, num_dims: int, generator: np.random.Generator) -> None:
    """U[-5, 5]^D."""
    while not run.finished:
        run.batch(generator.uniform(LOW, HIGH, (1000, num_dims)))


# name -> how, and with what options: pycma's BIPOP (large populations, doubled each time, and small
# ones in turn) and IPOP (doubled each time) with the customary nine restarts; and CMA-ES with its
# own population size throughout.
HOST: dict[str, tuple[Search, dict[str, Any]]] = {
    "pycma_bipop": (pycma, {"restarts": 9, "bipop": True}),
    "pycma_ipop": (pycma, {"restarts": 9}),
    "pycma_single": (pycma, {}),
    "scipy_de": (scipy_de, {}),
    "random": (random_search, {}),
}


def solve(name: str, runs: list[Run], num_dims: int, seeds: list[tuple[int, ...]]) -> None:
    """Run a method of `HOST` on every instance to its end."""
    search, options = HOST[name]
    for run, seed in zip(runs, seeds, strict=True):
        with contextlib.suppress(Finished):
            search(run, num_dims, np.random.default_rng(seed), **options)

"""What a search returns, and how the distinct optima get there."""

import dataclasses
from typing import Any

import jax
import numpy as np

from diffevo.evaluators.host import Failure
from diffevo.search import Setup

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Modes:
    """Distinct optima that a search found, best first.

    Attributes:
        x: the solutions, leaves (M, ...).
        fun: their values, shape (M,), in the user's sign. Local optima are among them: those with
            the value of the first are its equals.
        nfev: evaluations after which each was found, shape (M,).
    """

    x: PyTree
    fun: np.ndarray
    nfev: np.ndarray


@dataclasses.dataclass(frozen=True)
class Result:
    """What a search found; named as in scipy.

    Attributes:
        x: the best solution, as fun was given it.
        fun: its value, in the user's sign.
        nfev: solutions evaluated.
        nit: generations after the initial population.
        success: whether any evaluation gave a number.
        stop_reason: "budget", "max_generations", "ftarget", "timeout", "tol_stagnation",
            "schedule", "callback" or "interrupt"; of an `Optimizer` that goes on, "running".
        message: the same for humans.
        population: the last generation, leaves (N, ...).
        fitness: its values, shape (N,), in the user's sign, NaN where failed or, when the search
            was cut short, not evaluated.
        history: one array a metric, an entry a generation (entry 0 is the initial population);
            fitness values in the user's sign. ``nfev``: solutions evaluated up to each.
        modes: the distinct optima found; None from an algorithm that does not keep account of them.
        standard_error: of fun, where the function is noisy and fun is a mean; NaN if it is one of
            fewer than two evaluations; None where the function is not noisy.
        num_evaluations: of x, of which fun is the mean.
        failures: the first evaluations that failed, of a plain Python function; how many did in
            each generation is ``history["num_failed"]``.
    """

    x: PyTree
    fun: float
    nfev: int
    nit: int
    success: bool
    stop_reason: str
    message: str
    population: PyTree
    fitness: np.ndarray
    history: dict[str, np.ndarray]
    modes: Modes | None = None
    standard_error: float | None = None
    num_evaluations: int = 1
    failures: tuple[Failure, ...] = ()


def noise_of(setup: Setup, state: Any) -> dict[str, Any]:
    """How certain the best value in a state is, as fields of `Result`; none if it is no mean."""
    if not setup.costs.noisy:
        return {}
    return {
        "standard_error": float(state.standard_error),
        "num_evaluations": int(state.num_evaluations) * setup.costs.num_repeats,
    }


def find_modes(setup: Setup, state: Any, sign: float, nfev: np.ndarray, host: bool) -> Modes | None:
    """The optima that an algorithm keeps account of, in the user's sign and structure.

    Args:
        setup: the search.
        state: of its algorithm.
        sign: -1 where the user maximises.
        nfev: evaluations after each generation, shape (generations,).
        host: whether solutions are wanted as `SearchSpace.batch` gives them.

    Returns:
        `Modes`; None if the algorithm has no `modes`.
    """
    algorithm, space = setup.algorithm, setup.space
    if setup.costs.noisy:
        algorithm, state = algorithm.algorithm, state.inner
    if not hasattr(algorithm, "modes"):
        return None
    found = algorithm.modes(state)
    # All rows, filled or not: one shape, one compilation.
    genomes = algorithm.solution.ravel(found.solutions, len(found.valid))
    kept = np.flatnonzero(np.asarray(found.valid))
    domain = getattr(algorithm, "domain", "box")
    reflects = space.limits.box.bounded.any() and domain == "unbounded"
    if not space.is_real or reflects:
        solutions = space.solutions(genomes)
        kept = kept[space.distinct([solutions[row] for row in kept])]
    decoded = space.batch(genomes) if host else space.decode(genomes)
    return Modes(
        x=jax.tree.map(lambda leaf: leaf[kept], decoded),
        fun=sign * np.asarray(found.fitness)[kept],
        nfev=nfev[np.asarray(found.found)[kept]],
    )

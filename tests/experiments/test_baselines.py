"""Baselines: each finds an easy optimum, keeps to its budget, and repeats itself."""

import subprocess
import sys
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common import baselines
from experiments.common.baselines import InBox, Problem
from experiments.common.chunks import repetition_keys
from experiments.registry import REPOSITORY as ROOT
from tasks.functions import benchmark


@dataclass(frozen=True)
class Sphere:
    """|x - centre|^2, with a count of nothing: a plain function."""

    centre: float

    def __call__(self, points: jax.Array) -> jax.Array:
        return jnp.sum((points - self.centre) ** 2, axis=1)


SPHERES = Problem((Sphere(1.5), Sphere(-2.0)), 2, -4.0, 4.0)
# method -> (with its fair settings, the best of 64 points must be below this)
FAIR = {
    "cma_es": (baselines.CMAES.fair(1200), 1e-6),
    "pycma": (baselines.PyCMA.fair(1200), 1e-6),
    "open_es": (baselines.OpenES.fair(), 1e-2),
    "pgpe": (baselines.PGPEs.fair(), 1e-2),
    "map_elites": (baselines.MAPElites.fair(3200), 3e-2),
}


@pytest.mark.parametrize("name", baselines.FAIR)
def test_minimises_a_sphere(name: str):
    baseline, threshold = FAIR[name]
    assert type(baseline) is type(baselines.FAIR[name]())
    keys = repetition_keys(0, 3)
    for choice, centre in enumerate((1.5, -2.0)):
        outcome = baseline.run(SPHERES, keys, 64, choice)
        assert outcome.points.shape == (3, 64, 2)
        assert outcome.fitness.shape == (3, 64)
        assert np.all(np.isfinite(outcome.points))
        assert np.all(np.min(outcome.fitness, axis=1) < threshold)
        np.testing.assert_allclose(
            np.sum((np.asarray(outcome.points) - centre) ** 2, axis=2),
            np.asarray(outcome.fitness),
            rtol=1e-3,
            atol=1e-6,
        )
    again = baseline.run(SPHERES, keys, 64, 1)
    np.testing.assert_array_equal(outcome.points, again.points)
    # Converged points are equal to the last bit; how they got there is not.
    seen = outcome.path if outcome.path.size else outcome.points
    assert not np.array_equal(seen[0], seen[1]), "repetitions differ"


def test_protocols_spend_what_the_authors_state():
    spent = {name: make().num_evaluations(2) for name, make in baselines.PROTOCOL.items()}
    assert spent == {
        "cma_es": 12_800,
        "pycma": 12_800,
        "open_es": 512_000,
        "pgpe": 12_800,
        "map_elites": 6_400,
    }


@pytest.mark.parametrize("num_dims", [2, 4, 32, 256])
def test_fair_settings_spend_no_more_than_the_budget(num_dims: int):
    for make in baselines.FAIR.values():
        assert 12_000 < make().num_evaluations(num_dims) <= 12_800


def test_box_is_judged_at_its_edge_and_penalised_beyond():
    boxed = InBox(Sphere(0.0), -1.0, 1.0)
    found = boxed(jnp.array([[0.5, 0.5], [1.0, 1.0], [3.0, 1.0]]))
    np.testing.assert_allclose(found, [0.5, 2.0, 6.0])


def test_problem_of_a_task_is_its_fitness_in_evaluation_space():
    task = benchmark.himmelblau()
    problem = Problem.of(task, benchmark.beale())
    points = jnp.array([[3.0, 2.0], [0.0, 0.0]])
    np.testing.assert_allclose(problem.evaluate(points, 0), task.raw(points), atol=1e-4)
    np.testing.assert_allclose(
        problem.evaluate(points, 1), benchmark.beale().raw(points), rtol=1e-5
    )
    with pytest.raises(ValueError, match="tasks: expected one"):
        Problem.of(task, benchmark.rastrigin(4))
    with pytest.raises(ValueError, match="objectives: expected one or more"):
        Problem((), 2, -1.0, 1.0)


TWO_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from experiments.common.baselines import CMAES, Problem
from experiments.common.chunks import repetition_keys
from tasks.functions import benchmark

problem, keys = Problem.of(benchmark.rastrigin(32)), repetition_keys(0, 8)
methods = CMAES(num_generations=60), CMAES(num_generations=61)
with ThreadPoolExecutor(2) as pool:
    for _ in range(4):
        list(pool.map(lambda method: method.run(problem, keys, 8), methods))
"""


@pytest.mark.slow
def test_two_cma_es_at_once_do_not_wait_for_each_other_for_ever():
    """Batched eigendecompositions of two programs deadlock in XLA's pool of two threads."""
    subprocess.run([sys.executable, "-c", TWO_AT_ONCE], cwd=ROOT, timeout=300, check=True)

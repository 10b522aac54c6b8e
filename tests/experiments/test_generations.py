"""The driver of generations: clock, traits, moving params, what is recorded."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import diffevo
from experiments.common import generations
from experiments.common.baselines import searches
from experiments.common.chunks import repetition_keys
from tasks.functions import dynamic_double_peak, himmelblau

KEYS = repetition_keys(3, 2)


class Params(NamedTuple):
    centre: jax.Array


@dataclass(frozen=True)
class Echo:
    """Samples around params.centre; remembers the mean of the trait `size` that it was told."""

    population_size: int = 8
    default_params = Params(jnp.zeros(()))

    def init(self, key, population, fitness, params, *, traits=None):
        assert population.shape == (self.population_size, 2)
        return jnp.zeros(()) if not traits else jnp.mean(traits["size"])

    def ask(self, key, state, params):
        noise = jax.random.normal(key, (self.population_size, 2))
        return params.centre + 1e-3 * noise, state

    def tell(self, key, population, fitness, state, params, *, traits=None):
        told = {"centre": params.centre, "loss": jnp.ones(())}
        return (state if not traits else jnp.mean(traits["size"])), told


@dataclass(frozen=True)
class Sized:
    """|x|^2 plus noise of the key; reports |x|."""

    num_dims: int = 2
    name: str = "sized"
    scaling: float = 3.0
    low: float = -3.0
    high: float = 3.0
    optima: None = None
    optimum_fitness: float | None = None
    seed: int = 0

    @property
    def solution(self):
        return jnp.zeros(self.num_dims)

    def __call__(self, genomes):
        return self.evaluate(genomes, jax.random.key(self.seed))[0]

    def evaluate(self, genomes, key):
        squares = jnp.sum((self.scaling * genomes) ** 2, axis=1)
        return squares + jax.random.normal(key, squares.shape), {"size": jnp.sqrt(squares)}


@pytest.mark.parametrize("kind", ["population", "distribution"])
def test_generation_g_meets_the_task_at_time_g_and_is_recorded(kind):
    task = dynamic_double_peak()
    if kind == "population":
        search, params = diffevo.DiffusionEvolution(16, task.solution, num_generations=11), None
    else:
        search, params = searches.cma_es(task, 16, sigma=2.0)
    history = generations.run(search, task, KEYS, 12, params, keep_path=True)
    assert history.path is not None
    assert history.path.shape == (2, 12, 16, 2)
    fitness = jax.vmap(jax.vmap(task.at), in_axes=(0, None))(history.path, jnp.arange(12))
    np.testing.assert_allclose(history.metrics["best_fitness"], fitness.min(axis=2), atol=1e-5)
    np.testing.assert_allclose(history.metrics["mean_fitness"], fitness.mean(axis=2), atol=1e-5)
    np.testing.assert_allclose(
        history.metrics["centre"], 2 * history.path.mean(axis=2), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(history.genomes, history.path[:, -1])
    np.testing.assert_allclose(history.fitness, fitness[:, -1], atol=1e-5)
    cells = np.round(np.asarray(2 * history.path[1, 3]) / 0.12)
    _, counts = np.unique(cells, axis=0, return_counts=True)
    entropy = -np.sum(counts / 16 * np.log(counts / 16))
    assert float(history.metrics["entropy"][1, 3]) == pytest.approx(entropy, abs=1e-4)
    assert not np.allclose(history.path[0], history.path[1]), "repetitions differ"


def test_traits_reach_the_search_and_the_record():
    history = generations.run(Echo(), Sized(), KEYS, 4, tell_names=("loss",))
    assert set(history.metrics) == {
        *("best_fitness", "mean_fitness", "centre", "entropy", "size_mean", "size_std")
    }
    assert history.traits["size"].shape == (2, 8)
    np.testing.assert_allclose(history.state, history.metrics["size_mean"][:, -1], rtol=1e-5)
    np.testing.assert_array_equal(history.told["loss"], np.ones((2, 3)))
    # The task's noise is drawn anew in every generation and every repetition.
    noise = history.metrics["mean_fitness"][:, 1:]
    assert len(np.unique(np.round(noise, 5))) == 6


def test_params_move_with_the_generation():
    history = generations.run(
        Echo(),
        Sized(),
        KEYS,
        6,
        Params(jnp.asarray(0.5)),
        params_at=_double_after_3,
        tell_names=("centre",),
        measure=generations.Measures(cell_size=None),
    )
    np.testing.assert_allclose(history.metrics["centre"][0, 1:3], 1.5, atol=0.02)
    np.testing.assert_allclose(history.metrics["centre"][0, 3:], 3.0, atol=0.02)
    np.testing.assert_allclose(history.told["centre"][0], [0.5, 0.5, 1, 1, 1])
    assert "entropy" not in history.metrics


def _double_after_3(params, generation):
    return Params(jnp.where(generation >= 3, 2 * params.centre, params.centre))


def test_first_population_has_the_width_asked_for():
    search, measure = Echo(population_size=1000), generations.Measures(cell_size=None)
    for std in (0.1, 2.0):
        history = generations.run(search, Sized(), KEYS, 1, initial_std=std, measure=measure)
        assert float(jnp.std(history.genomes)) == pytest.approx(std, rel=0.05)


def test_equal_settings_compile_once_and_more_repetitions_extend_the_study():
    few = generations.run(Echo(), Sized(), KEYS, 4)
    compiled = generations._run._cache_size()
    again = generations.run(Echo(), Sized(), KEYS, 4, Params(jnp.zeros(())))
    assert generations._run._cache_size() == compiled
    jax.tree.map(np.testing.assert_array_equal, few, again)
    many = generations.run(Echo(), Sized(), repetition_keys(3, 4), 4)
    np.testing.assert_allclose(many.fitness[:2], few.fitness, rtol=1e-5)


def test_hits_count_the_points_at_each_optimum():
    task = himmelblau()
    optima = np.asarray(task.optima)
    genomes = jnp.asarray(np.repeat(optima[[0, 0, 2]], 5, axis=0) + 0.1) / task.scaling
    for optima, hits in ((None, [10, 0, 5, 0]), (((3.1, 2.1),), [10]), ((), None)):
        measure = generations.Measures(cell_size=None, optima=optima)
        found = measure(task, genomes, task(genomes), {})
        assert ("hits" in found) == (hits is not None)
        if hits is not None:
            np.testing.assert_array_equal(found["hits"], hits)


def test_failed_members_are_left_out():
    task = himmelblau()
    fitness = jnp.asarray([jnp.nan, 3.0, 1.0])
    measure = generations.Measures(cell_size=None)
    found = measure(task, jnp.zeros((3, 2)), fitness, {"t": fitness})
    assert float(found["best_fitness"]) == 1.0
    assert float(found["mean_fitness"]) == 2.0
    assert float(found["t_mean"]) == 2.0


def test_an_optimum_is_found_after_more_than_ten_hits():
    hits = np.array([[5, 0], [5, 11], [1, 0], [0, 0]])
    np.testing.assert_allclose(generations.share_found(hits), [0, 0.5, 1, 1])
    np.testing.assert_allclose(generations.share_found(hits, min_hits=5), [0.5, 1, 1, 1])

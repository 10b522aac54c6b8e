"""The rivals of the HADES experiments: what each is, and that it searches."""

import jax
import numpy as np
import pytest

from experiments.common import generations
from experiments.common.baselines import searches
from experiments.common.chunks import repetition_keys
from tasks.functions import dynamic_double_peak, himmelblau, rastrigin

KEYS = repetition_keys(0, 3)


@pytest.mark.parametrize(
    ("make", "settings", "threshold"),
    [
        (searches.cma_es, {"sigma": 2.0}, 1e-6),
        (searches.multi_start_cma_es, {"sigma": 1.0, "start_std": 2.0}, 1e-3),
        (searches.simple_ga, {"sigma": 0.5, "decay": 0.9}, 1e-2),
    ],
)
def test_minimises_and_is_a_value(make, settings, threshold):
    task = himmelblau()
    search, params = make(task, 60, **settings)
    history = generations.run(search, task, KEYS, 40, params, initial_std=0.5)
    assert history.genomes.shape == (3, 60, 2)
    assert np.all(history.metrics["best_fitness"].min(axis=1) < threshold)
    twin = make(task, 60, **settings).search
    assert twin == search
    assert hash(twin) == hash(search)


def test_multi_start_ends_in_several_optima_where_one_start_ends_in_one():
    task = himmelblau()
    found = {}
    for make in (searches.cma_es, searches.multi_start_cma_es):
        settings = {"start_std": 2.0} if make is searches.multi_start_cma_es else {}
        search, params = make(task, 60, sigma=1.0, **settings)
        history = generations.run(search, task, KEYS, 40, params)
        found[make] = np.sum(np.asarray(history.metrics["hits"])[:, -1] > 5, axis=1)
    np.testing.assert_array_equal(found[searches.cma_es], 1)
    assert np.all(found[searches.multi_start_cma_es] >= 2)


def test_every_start_is_a_search_of_its_own():
    task = rastrigin()
    search, params = searches.multi_start_cma_es(task, 64, num_starts=4)
    assert search.population_size == 64
    key = jax.random.key(1)
    state = search.init(key, task.solution, params)
    samples, state = search.ask(key, state, params)
    fitness = task(samples)
    after, _ = search.tell(key, samples, fitness, state, params)
    for start in range(4):
        one = jax.tree.map(lambda leaf, start=start: leaf[start], state)
        own = slice(16 * start, 16 * (start + 1))
        alone, _ = search.strategy.tell(key, samples[own], fitness[own], one, params.strategy)
        np.testing.assert_allclose(after.mean[start], alone.mean, rtol=1e-5)
        np.testing.assert_allclose(after.C[start], alone.C, rtol=1e-4, atol=1e-6)


def test_widths_are_in_evaluation_space():
    task = rastrigin()
    assert task.scaling == 4
    one = searches.cma_es(task, sigma=2.0, smallest_sigma=0.4).params
    several = searches.multi_start_cma_es(task, sigma=2.0, start_std=3.0).params
    assert float(one.std_init) == float(several.strategy.std_init) == 0.5
    assert one.std_min == pytest.approx(0.1)
    assert float(several.start_std) == 0.75


def test_children_of_the_genetic_algorithm_mix_the_genes_of_the_best_tenth():
    task = himmelblau()
    search, params = searches.simple_ga(task, 64, sigma=1e-6, smallest_sigma=0.0)
    genomes = jax.random.normal(jax.random.key(2), (64, 2))
    fitness = task(genomes)
    state = search.init(jax.random.key(3), genomes, fitness, params)
    children, _ = search.ask(jax.random.key(4), state, params)
    parents = np.asarray(genomes)[np.argsort(fitness)[:7]]  # ceil(6.4)
    for gene in range(2):
        gaps = np.abs(np.asarray(children)[:, gene, None] - parents[None, :, gene])
        assert gaps.min(axis=1).max() < 1e-4
        assert len(np.unique(gaps.argmin(axis=1))) == 7, "all of them are parents"
    whole = np.abs(np.asarray(children)[:, None] - parents[None]).max(axis=2).min(axis=1)
    assert 0.2 < np.mean(whole > 1e-4) < 0.7  # 1/2 * 6/7: two parents, genes from both


def test_a_converged_search_loses_a_moving_peak():
    """Claim (d) in small: CMA-ES sits on one peak and alternates between peak and pit."""
    task = dynamic_double_peak()
    search, params = searches.cma_es(task, 64, sigma=1.0)
    history = generations.run(search, task, KEYS, 60, params)
    best = -np.asarray(history.metrics["best_fitness"])[:, 20:]
    assert best.max() > 0.9
    assert best.min() < 0.2

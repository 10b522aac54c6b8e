"""The study of the default search: it runs what `minimize` takes, and its parts are separate."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import diffevo
from diffevo import weighting
from experiments.common import statistics
from experiments.common.progress import Progress
from experiments.default_search import cost, few_generations, many_dims, run, searches
from experiments.default_search.config import SMOKE, Config, Timed


def default_of(population_size, num_evaluated, num_dims, domain="unbounded"):
    """The algorithm that `minimize` takes for so many evaluated populations."""
    zeros = jnp.zeros(num_dims)
    optimizer = diffevo.Optimizer(
        (zeros - 1, zeros + 1) if domain == "box" else None,
        x0=zeros,
        budget=population_size * num_evaluated,
        population_size=population_size,
    )
    return optimizer.setup.algorithm


@pytest.mark.parametrize("case", Config().reversals)
def test_many_dimensions_run_what_minimize_takes(case):
    config = Config()
    size, number = config.population_size, config.num_generations
    found = searches.search("default", size, case.num_dims, number)
    assert found == default_of(size, number, case.num_dims)
    assert found is searches.search("default", size, case.num_dims, number)


@pytest.mark.parametrize("row", ["default", "default_bounds"])
def test_few_generations_run_what_minimize_takes(row):
    config = Config()
    for size, moves, num_dims in (
        (config.cartpole_population_size, config.cartpole_generations - 1, 58),
        (config.table1_population_size, config.table1_generations, 2),
    ):
        found = few_generations.search_of(row, size, num_dims, moves, weighting.Energy(), 1.0)
        domain = "box" if found.bounded else "unbounded"
        assert found.search == default_of(size, moves + 1, num_dims, domain)


def test_the_published_row_has_the_papers_numbers():
    found = few_generations.search_of("published", 256, 58, 9, weighting.Energy(), 1.0, 10.0)
    assert found.params.noise_scale == 1.0
    assert found.params.alphas.shape == (10,)
    returns = jnp.array([500.0, 480.0, 20.0])
    logs = found.search.weighting(-returns, jnp.zeros((3, 58)), found.params.temperature)
    np.testing.assert_allclose(logs - logs[0], (returns - 500.0) / 10.0, rtol=1e-5)


def test_both_optima_are_of_the_same_function():
    genomes = jax.random.normal(jax.random.key(0), (5, 3))
    up, down = (many_dims.Quadratic(3, sign) for sign in many_dims.SIGNS.values())
    np.testing.assert_allclose(up(genomes), down(-genomes), rtol=1e-6)
    assert up(jnp.ones((1, 3))) == 0
    found = many_dims.mean_coordinate(up, genomes, up(genomes), {})
    assert found["mean"] == pytest.approx(float(genomes.mean()), rel=1e-5)
    assert found["rms"] == pytest.approx(float(genomes.std()), rel=1e-5)


def test_the_box_is_folded_as_minimize_folds_it():
    one = few_generations.OneOf((lambda x: x[:, 0], lambda x: x[:, 1]), 1, 2, True)
    genomes = jnp.array([[0.25, 1.25], [3.5, -1.5]])
    np.testing.assert_allclose(one.fold(genomes), [[0.25, 0.75], [-0.5, -0.5]], atol=1e-6)
    np.testing.assert_allclose(one(genomes), [0.75, -0.5], atol=1e-6)


def test_parts_are_separate_and_kept(tmp_path):
    kept = {"cells": [], "provenance": {"commit": "abc", "dirty": False, "date": ""}, "seconds": 1}
    path = tmp_path / "default_search.json"
    path.write_text(json.dumps({"results": {"memory": kept, "unknown": {}}}))
    config = Config(parts=("cost",), timed=())
    found = run.run(config, tmp_path, Progress())["results"]
    assert set(found) == {"memory", "cost", "figures"}
    assert found["memory"] == kept
    with pytest.raises(ValueError, match="parts: expected names"):
        run.run(Config(parts=("speed",)), tmp_path, Progress())


def test_every_part_of_the_smoke_run_is_one_of_the_study():
    full, small = run.parts(Config()), run.parts(SMOKE)
    assert list(full)[2:] == list(small)[1:] == ["memory", "cartpole", "table1", "cost"]


def test_times_are_of_both_sides(monkeypatch, tmp_path):
    # The default in the place of its rival, which compiles in a tenth of the time.
    ours = cost.diffevo.NichingDiffusionEvolution(6, jnp.zeros(3))

    def quick(size, template):
        assert (size, template.shape) == (6, (3,))
        search = cost.diffevo.DiffusionEvolution(size, template, 2)
        object.__setattr__(search, "num_chains", ours.num_chains)
        object.__setattr__(search, "num_samples", ours.num_samples)
        return search

    monkeypatch.setattr(cost.diffevo, "NichingDiffusionEvolution", quick)
    config = Config(parts=("cost",), timed=(Timed(3, 6, "pycma", "sphere", 2, 3, age=3),))
    (cell,) = run.run(config, tmp_path, Progress())["results"]["cost"]["cells"]
    assert cell["ratio"]["n"] == 3
    assert all(len(side) == 3 and min(side) > 0 for side in cell["milliseconds"]["all"].values())
    assert cell["within"] == (cell["ratio"]["median"] < 1)
    assert (cell["chains"], cell["age"]) == (ours.num_chains, 3)


def test_paired():
    rng = np.random.default_rng(0)
    first = rng.normal(size=30)
    second = first - 0.5 + 0.1 * rng.normal(size=30)
    found = statistics.paired(first, second)
    assert found["low"] < 0.5 < found["high"]
    assert found["difference"] == pytest.approx(np.mean(first - second))
    assert found["p"] == pytest.approx(scipy.stats.wilcoxon(first, second).pvalue)
    assert (found["higher"], found["lower"]) == (1.0, 0.0)
    assert statistics.paired(first, first) == {
        "difference": 0.0,
        "low": 0.0,
        "high": 0.0,
        "p": 1.0,
        "higher": 0.0,
        "lower": 0.0,
    }

"""Table 1's own parts: rows, weights, scores, references, tables."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo import DiffusionEvolution, weighting
from experiments.common import diffusion
from experiments.common.chunks import repetition_keys
from experiments.table1 import reference, report
from experiments.table1.config import Config
from experiments.table1.functions import FUNCTIONS, Group, NegativeQuality, groups
from experiments.table1.methods import LABELS, Points, methods
from experiments.table1.scores import score

TWO_DIMS = ("rosenbrock", "beale", "himmelblau", "ackley", "rastrigin")


def test_rows_carry_their_own_names():
    assert set(Config().functions) == set(FUNCTIONS)
    for name, make in FUNCTIONS.items():
        assert make().name == name
    by_dims = {group.num_dims: len(group.tasks) for group in groups(Config().functions)}
    assert by_dims == {2: 8, 4: 1, 32: 1, 256: 1}
    with pytest.raises(ValueError, match="functions: expected names"):
        groups(("sphere",))


def test_both_settings_have_the_same_columns():
    settings = {"protocol": [], "fair": []}
    for method in methods(Config()):
        settings[method.setting].append(method.name)
        assert method.name in LABELS
        spent = method.describe(2)["evaluations"]
        if method.setting == "fair":
            assert 12_000 < spent <= 12_800
    assert settings["protocol"] == settings["fair"] == list(LABELS)


@pytest.mark.parametrize("name", TWO_DIMS)
def test_identity_of_minus_g_is_the_papers_normalised_energy(name: str):
    """The protocol's weights: Identity() of -g and NormalizedEnergy(0, s, d_max) of d agree."""
    task = FUNCTIONS[name]()
    genomes = jax.random.normal(jax.random.key(0), (512, 2))
    from_quality = weighting.Identity()(NegativeQuality(task)(genomes), genomes, 1.0)
    energy = weighting.NormalizedEnergy(0.0, task.scale, task.max_distance)
    from_distance = energy(task(genomes), genomes, 1.0)
    np.testing.assert_allclose(jnp.exp(from_quality), jnp.exp(from_distance), atol=2e-6)


def test_score_against_numpy():
    rng = np.random.default_rng(0)
    config = Config(top=16)
    group = Group((FUNCTIONS["himmelblau"](), FUNCTIONS["rastrigin"]()))
    points = rng.uniform(-4, 4, (2, 100, 2)).astype(np.float32)
    origins = rng.uniform(-4, 4, (2, 100, 2)).astype(np.float32)
    path = np.zeros((2, 1, 1, 2), np.float32)
    for choice, task in enumerate(group.tasks):
        found = score(group, choice, Points(points, origins, path, None), config)
        for r in range(2):
            for suffix, judged in (("", points[r]), ("_x0", origins[r])):
                quality = np.asarray(task.quality(jnp.asarray(judged) / 4.0))
                best = np.argsort(-quality)[:16]
                cells = np.round(points[r][best] * 10).astype(int)
                share = np.unique(cells, axis=0, return_counts=True)[1] / 16
                expected = -np.sum(share * np.log2(share))
                assert found["entropy" + suffix][r] == pytest.approx(expected, abs=1e-4)
                assert found["fitness" + suffix][r] == pytest.approx(quality[best].mean(), rel=1e-4)
    rival = score(group, 0, Points(points, None, path, None), config)
    assert set(rival) == {"entropy", "fitness", "best", "optima"}


def test_optima_found():
    group = groups(("rosenbrock", "himmelblau"))[0]
    task = group.tasks[1]
    points = np.asarray(task.optima)[None, [0, 2, 2, 0]] + 0.01
    found = score(group, 1, Points(points, None, points[:, :0], None), Config(top=4))
    assert found["optima"] == [2]
    assert found["fitness"][0] > 0.99
    assert groups(("rastrigin_32d",))[0].known_optima() is None


def test_references_are_well_formed():
    for source, content in reference.load().items():
        assert set(content) == {"short", "source", "statistic", "repetitions", "cells"}, source
        for function, cells in content["cells"].items():
            assert function in FUNCTIONS
            for method, numbers in cells.items():
                assert method in LABELS
                assert 0 <= numbers["entropy"][0] <= 6
                assert 0 <= numbers["fitness"][0] <= 1
    known = reference.cell("port", "himmelblau", "diffusion_evolution")
    assert known == {"entropy": [5.22, 0.25], "fitness": [0.956, 0.02]}
    assert reference.cell("port", "himmelblau", "pycma") is None


def test_within():
    assert reference.within(5.40, [5.22, 0.25]) is True
    assert reference.within(5.50, [5.22, 0.25]) is False
    assert reference.within(1.0, [1.0, None]) is None
    assert reference.within(0.009, [0.0, 0.0]) is True, "sources round to 0.01"


def test_tables_survive_a_half_finished_study():
    summary = {"n": 2, "num_failed": 0, "mean": 0.5, "sd": 0.1, "median": 0.5, "low": 0, "high": 1}
    scores = {name: {"summary": summary} for name in ("entropy", "fitness")}
    results = {
        "functions": {"himmelblau": {"num_optima": 4}, "beale": {"num_optima": 1}},
        "cells": {
            "himmelblau": {"protocol": {"cma_es": {"scores": scores}}, "fair": {}},
            "beale": {"protocol": {}, "fair": {}},
        },
    }
    assert len(report.terminal(results, "protocol", "x0", "port")) == 1
    assert "No reference" in report.verdict(results, "authors_final", "final")
    (only,) = [
        one
        for one in report.comparisons(results, "protocol", "x0", "authors")
        if one["score"] == "entropy"
    ]
    assert only["function"] == "himmelblau"
    assert not only["within"]


def test_diffusion_runs_do_not_depend_on_their_company():
    """A repetition is the same in whatever place of the batch, recorded or not."""
    algorithm = DiffusionEvolution(16, jnp.zeros(2), num_generations=3)
    params = algorithm.default_params
    objectives = tuple(FUNCTIONS[name]() for name in ("himmelblau", "ackley"))
    keys = repetition_keys(42, 3)
    first = diffusion.run(algorithm, params, objectives, keys, 1, record_origins=True)
    other = diffusion.run(algorithm, params, objectives, keys[::-1], 1)
    assert first.path.shape == (3, 4, 16, 2)
    np.testing.assert_allclose(first.population, other.population[::-1], atol=1e-5)
    np.testing.assert_allclose(first.origins, other.origins[::-1], atol=1e-5)
    np.testing.assert_array_equal(first.path[:, -1], first.population)
    np.testing.assert_array_equal(first.origin_path[:, -1], first.origins)
    assert np.all(np.any(first.origin_path != 0, axis=(2, 3)))
    assert np.all(other.origin_path[:, :-1] == 0)
    np.testing.assert_allclose(
        first.fitness, jax.vmap(objectives[1])(first.population), rtol=1e-4, atol=1e-4
    )

"""The four studies of weighting, schedules, temperature and two peaks: their results, their parts.

`test_every_experiment` runs them at toy size and has the results checked here.
"""

import functools
import importlib
import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import diffevo
from experiments import registry
from experiments.common.diffusion import OneOf
from experiments.weighting import config as weighting_config
from experiments.weighting.forms import FORMS, Ranked
from tasks.functions.benchmark import rosenbrock

FIGURES = {
    "weighting": ["weighting.png"],
    "schedules": ["schedules.png"],
    "temperature": ["temperature.png"],
    "two_peaks": ["populations.png", "shares.png"],
}


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, float) else []


def check_study(name: str, out: Path):
    """What a finished run of a study wrote; `test_every_experiment` runs it."""
    content = json.loads((out / f"{name}.json").read_text())
    assert all(math.isfinite(number) for number in _numbers(content["results"]))
    assert (out / f"{name}.md").read_text().startswith(f"# {name}: results")
    assert sorted(content["results"]["figures"]) == FIGURES[name]
    for figure in FIGURES[name]:
        assert (out / figure).read_bytes().startswith(b"\x89PNG")
    checks = {
        "weighting": _check_weighting,
        "schedules": _check_schedules,
        "temperature": _check_temperature,
        "two_peaks": _check_two_peaks,
    }
    config = importlib.import_module(f"experiments.{name}.config").SMOKE
    checks[name](content["results"], config)


def _check_weighting(results: dict[str, Any], config: Any):
    cells = results["cells"]
    settings = [(cell["form"], cell["temperature"], cell["noise_scale"]) for cell in cells]
    assert settings[0] == ("paper", 1.0, config.paper_noise_scale)
    assert settings[1] == (config.default_form, 1.0, config.default_noise_scale)
    assert len(set(settings)) == len(settings) == 4
    for cell in cells:
        assert set(cell["functions"]) == set(config.functions)
        for scores in cell["functions"].values():
            assert 0 <= scores["fitness_x0"]["mean"] <= 1
            assert 0 <= scores["entropy"]["mean"] <= math.log2(config.top)
        margin = cell["margins"]["x0"]
        assert margin["passes"] == (
            margin["fitness"] >= 0 and margin["entropy"] >= -config.max_entropy_loss
        )
    # By ranks alone it is the very same run, to the last bit. The standard score is the same to
    # rounding, from which single runs drift apart.
    scaled = [
        row
        for row in results["invariance"]
        if row["form"] == "rank" and row["fitness_is"] == "1000 f"
    ]
    assert len(scaled) == len(config.functions)
    assert all(row["identical_runs"] == 1 for row in scaled)
    tuned = [
        row
        for row in results["invariance"]
        if row["form"] == "paper" and row["fitness_is"] == "1000 f"
    ]
    assert all(row["identical_runs"] == 0 for row in tuned)


def _check_schedules(results: dict[str, Any], config: Any):
    found = {
        (cell["map"], cell["schedule"], cell["steps"], cell["thinned_from"])
        for cell in results["cells"]
    }
    assert found == {
        (weighting, schedule, 6, thinned)
        for weighting, thinned in (
            ("paper", None),
            ("paper", config.thinned_from),
            ("default", None),
        )
        for schedule in config.schedules
    }
    (ordering,) = results["orderings"]
    assert sorted(ordering["ours"]) == sorted(config.schedules)
    fitness = {
        cell["schedule"]: cell["scores"]["fitness"]["mean"]
        for cell in results["cells"]
        if (cell["map"], cell["thinned_from"]) == ("paper", None)
    }
    ordered = [fitness[name] for name in ordering["ours"]]
    assert ordered == sorted(ordered, reverse=True)


def _check_temperature(results: dict[str, Any], config: Any):
    for by_function in results["cells"].values():
        assert set(by_function) == set(config.functions)
        for by_temperature in by_function.values():
            cold, hot = by_temperature["0.1"], by_temperature["10"]
            # Even at toy size: colder is fitter, over all individuals and in the top.
            assert cold["fitness"]["mean"] > hot["fitness"]["mean"]
            assert cold["fitness_top"]["mean"] >= cold["fitness"]["mean"]
            assert 0 < hot["qd_score"]["mean"] <= 81
    assert results["trends"]["paper"]["himmelblau"]["fitness"] in ("falls", "level")


def _check_two_peaks(results: dict[str, Any], config: Any):
    assert len(results["cells"]) == len(config.cases) * len(config.maps)
    for cell in results["cells"]:
        assert 0 <= cell["both_kept"]["low"] <= cell["both_kept"]["share"]
        assert cell["both_kept"]["share"] <= cell["both_kept"]["high"] <= 1
        assert 0 <= cell["share_smaller"]["mean"] <= cell["share_at_peaks"]["mean"] / 2 + 1e-6


def test_every_study_is_run():
    assert set(FIGURES) <= set(registry.names())


def test_one_of_is_each_of_its_alternatives():
    task = rosenbrock()
    genomes = jax.random.normal(jax.random.key(1), (32, 2))
    fitness = task(genomes)
    alternatives = tuple(FORMS[name].build(task) for name in ("paper", "rank", "standardized"))
    one = OneOf(alternatives)

    @functools.partial(jax.jit, static_argnames="weighting")
    def run(weighting, temperature):
        return weighting(fitness, genomes, temperature)

    for index, weighting in enumerate(alternatives):
        np.testing.assert_allclose(
            run(one, one.at(index, 0.7)),
            run(weighting, jnp.float32(0.7)),
            rtol=1e-6,
        )


def test_ties_share_the_mean_weight_of_their_ranks():
    fitness = jnp.array([3.0, 1.0, 3.0, 2.0, 3.0])
    weights = np.exp(Ranked(6.0)(fitness, jnp.zeros((5, 1)), 1.0))
    alone = np.exp(-6.0 * np.arange(5) / 4)
    shared = alone[2:].mean()
    expected = np.array([shared, alone[0], shared, alone[1], shared])
    np.testing.assert_allclose(weights, expected / expected.max(), rtol=1e-5)


def test_without_ties_sharing_changes_nothing():
    fitness = jax.random.normal(jax.random.key(2), (64,))
    genomes = jnp.zeros((64, 1))
    np.testing.assert_allclose(
        Ranked(6.0)(fitness, genomes, 0.8),
        Ranked(6.0, share_ties=False)(fitness, genomes, 0.8),
        rtol=1e-4,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        Ranked(6.0)(fitness, genomes, 0.8),
        FORMS["rank"].build(rosenbrock())(fitness, genomes, 0.8),
        rtol=1e-4,
        atol=1e-5,
    )


def test_the_studied_default_is_the_library_s():
    algorithm = diffevo.DiffusionEvolution(8, jnp.zeros(2))
    config = weighting_config.Config()
    assert FORMS[config.default_form].build(rosenbrock()) == algorithm.weighting
    assert float(algorithm.default_params.noise_scale) == pytest.approx(config.default_noise_scale)
    assert float(algorithm.default_params.temperature) == 1.0

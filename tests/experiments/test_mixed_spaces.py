"""The problems of the experiment and what the searches ask for."""

import math

import numpy as np
import pytest

import diffevo
from experiments.mixed_spaces import methods, problems
from experiments.mixed_spaces.config import SMOKE, Config
from experiments.mixed_spaces.run import budgets_of, search


def best_discrete(problem: problems.Problem) -> problems.Point:
    """The best integers and categories, one after the other, beside real numbers of 0."""
    point = {name: "a" if name[0] == "c" else 0 for name in problem.variables}
    for name, variable in problem.variables.items():
        if not isinstance(variable, diffevo.Real):
            choices = "abcde" if name[0] == "c" else range(variable.low, variable.high + 1)
            point[name] = min(choices, key=lambda value: problem.value(point | {name: value}))
    return point


@pytest.mark.parametrize("name", ["sphere", "rastrigin", "ellipsoid"])
def test_a_wrong_integer_or_category_costs_at_least_one(name: str):
    problem = problems.build(name, 3, SMOKE)
    point = best_discrete(problem)
    assert problem.is_right is not None
    assert problem.is_right(point)
    for key in problem.variables:
        if key[0] == "x":
            continue
        for other in "abcde" if key[0] == "c" else (point[key] - 1, point[key] + 1):
            if other != point[key]:
                changed = point | {key: other}
                assert not problem.is_right(changed)
                assert problem.value(changed) >= problem.value(point) + 1.0 - 1e-9


def test_the_optimum_is_zero_and_another_for_each_seed():
    points = []
    for seed in (0, 1):
        problem = problems.build("sphere", seed, SMOKE)
        point = best_discrete(problem)
        names = [name for name in point if name[0] == "x"]
        for name in names:  # the vertex of a parabola, by three of its values
            low, middle, high = (problem.value(point | {name: x}) for x in (-1.0, 0.0, 1.0))
            point[name] = (low - high) / (2.0 * (low - 2.0 * middle + high))
        assert problem.value(point) == pytest.approx(0.0, abs=1e-12)
        points.append([point[name] for name in names])
    assert not np.allclose(*points)


@pytest.mark.parametrize("method", [m for m in methods.METHODS if m != "diffevo"])
@pytest.mark.parametrize("name", ["pipeline", "ellipsoid"])
def test_rivals_ask_for_points_of_the_space_and_all_of_the_budget(name: str, method: str):
    problem = problems.build(name, 0, SMOKE)
    space = diffevo.SearchSpace(problem.variables)
    asked = []

    def value(point: problems.Point) -> float:
        asked.append(point)
        return float(len(asked) % 7)

    methods.METHODS[method](problem.variables, value, 23, 0)
    assert len(asked) == 23
    for point in asked:
        space.encode(point)  # refuses what is not in it


def test_a_search_is_told_what_it_found_by_each_budget():
    found = search(problems.build("sphere", 0, SMOKE), "random", 40, 0)
    assert found.at(40)[0] == found.values.min() <= found.at(10)[0] == found.values[:10].min()
    assert math.isfinite(found.own)
    assert found.own > 0.0


def test_tpe_is_asked_for_fewer():
    full = Config()
    assert budgets_of("sphere", "TPE", full) == (300, 1000)
    assert budgets_of("sphere", "CMA-ES", full) == (300, 1000, 2000)
    assert budgets_of("svc", "TPE", full) == (100, 300)

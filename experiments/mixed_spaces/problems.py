r"""What is tuned: models of scikit-learn on its digits, and functions with a known optimum.

The synthetic functions mix n = 4 real numbers x in [-5, 5], m = 3 integers z in [-10, 10] and
3 categories of 5, after the benchmarks of CMA-ES with Margin and CatCMA. With d the distances of
(x, z) to the optimum, and a category right or wrong:

* sphere: |d|^2 + (number of wrong categories);
* rastrigin: the same, and 10 (1 - cos(2 pi d_i)) for each real number;
* ellipsoid: sum_i (1000^{i / (n + m - 1)} d_i)^2, i = 0 .. n + m - 1, and the categories that are
  not among the leading right ones: one counts only when all before it are right.

Each seed has an optimum of its own, so that it is at no place that a method prefers. The least
value is 0, and at least 1 with an integer or a category wrong.

References: arXiv 2205.13482 (CMA-ES with Margin), arXiv 2405.09962 (CatCMA).
"""

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn.datasets
import sklearn.decomposition
import sklearn.ensemble
import sklearn.linear_model
import sklearn.neighbors
import sklearn.pipeline
import sklearn.preprocessing
import sklearn.svm

import diffevo
from experiments.mixed_spaces.config import Config

Point = dict[str, Any]
# A model and what scales its input, made anew of a point.
Build = Callable[[Point], Any]

_NUM_REAL, _NUM_INTEGERS, _NUM_CHOICES, _NUM_CATEGORIES = 4, 3, 3, 5


@dataclass(frozen=True)
class Problem:
    """A function of a mixed space; lower is better.

    Attributes:
        variables: name to `diffevo.Real`, `Integer` or `Choice`.
        value: from a point, name to value, to a number.
        is_right: whether all integers and categories of a point are the optimum's; None: unknown.
    """

    variables: dict[str, Any]
    value: Callable[[Point], float]
    is_right: Callable[[Point], bool] | None = None


def _scaler(point: Point) -> Any:
    return {
        "none": "passthrough",
        "standard": sklearn.preprocessing.StandardScaler(),
        "minmax": sklearn.preprocessing.MinMaxScaler(),
    }[point["scaler"]]


def _machine(point: Point) -> Any:
    """A support vector machine; its cost is bounded where it does not converge."""
    return sklearn.svm.SVC(
        C=point["C"],
        kernel=point["kernel"],
        degree=point["degree"],
        gamma=point["gamma"],
        coef0=point["coef0"],
        max_iter=5000,
    )


SVC = {
    "scaler": diffevo.Choice(["none", "standard", "minmax"]),
    "kernel": diffevo.Choice(["linear", "poly", "rbf", "sigmoid"]),
    "C": diffevo.Real(1e-3, 1e3, log=True),
    "gamma": diffevo.Real(1e-6, 1e1, log=True),
    "degree": diffevo.Integer(2, 5),
    "coef0": diffevo.Real(-1.0, 1.0),
}


def svc(point: Point) -> Any:
    """A scaler and a support vector machine."""
    return sklearn.pipeline.make_pipeline(_scaler(point), _machine(point))


PIPELINE = {
    "scaler": diffevo.Choice(["none", "standard", "minmax"]),
    "components": diffevo.Integer(2, 48, log=True),
    "model": diffevo.Choice(["neighbors", "machine", "ridge", "trees"]),
    "neighbors": diffevo.Integer(1, 32, log=True),
    "weights": diffevo.Choice(["uniform", "distance"]),
    "C": diffevo.Real(1e-3, 1e3, log=True),
    "gamma": diffevo.Real(1e-6, 1e1, log=True),
    "num_trees": diffevo.Integer(2, 32, log=True),
    "depth": diffevo.Integer(2, 16),
}


def pipeline(point: Point) -> Any:
    """A scaler, principal components and one of four models, each with its own numbers."""
    models: dict[str, Callable[[], Any]] = {
        "neighbors": lambda: sklearn.neighbors.KNeighborsClassifier(
            point["neighbors"], weights=point["weights"]
        ),
        "machine": lambda: _machine(point | {"kernel": "rbf", "degree": 3, "coef0": 0.0}),
        "ridge": lambda: sklearn.linear_model.RidgeClassifier(1.0 / point["C"]),
        "trees": lambda: sklearn.ensemble.ExtraTreesClassifier(
            point["num_trees"], max_depth=point["depth"], random_state=0
        ),
    }
    components = sklearn.decomposition.PCA(point["components"], random_state=0)
    return sklearn.pipeline.make_pipeline(_scaler(point), components, models[point["model"]]())


@functools.cache
def tuned(build: Build, num_training: int, num_validation: int) -> Callable[[Point], float]:
    """The validation error in per cent of what a point builds; equal points are computed once."""
    digits: Any = sklearn.datasets.load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    train, validate = np.split(order[: num_training + num_validation], [num_training])
    known: dict[tuple[Any, ...], float] = {}

    def value(point: Point) -> float:
        key = tuple(point.values())
        if key not in known:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # those of a machine that has not converged
                model = build(point).fit(digits.data[train], digits.target[train])
                score = model.score(digits.data[validate], digits.target[validate])
            known[key] = 100.0 * (1.0 - float(score))
        return known[key]

    return value


MIXED = {
    **{f"x{i}": diffevo.Real(-5.0, 5.0) for i in range(_NUM_REAL)},
    **{f"z{i}": diffevo.Integer(-10, 10) for i in range(_NUM_INTEGERS)},
    **{f"c{i}": diffevo.Choice(list("abcde")) for i in range(_NUM_CHOICES)},
}


def synthetic(name: str, seed: int) -> Problem:
    """One of the three functions, its optimum by the seed."""
    rng = np.random.default_rng([seed, 2205, 13482])
    best_x = rng.uniform(-3.0, 3.0, _NUM_REAL)
    best_z = rng.integers(-7, 7, _NUM_INTEGERS, endpoint=True)
    best_c = [list("abcde")[i] for i in rng.integers(_NUM_CATEGORIES, size=_NUM_CHOICES)]
    optimum = np.concatenate([best_x, best_z])
    powers = np.arange(optimum.size) / (optimum.size - 1)
    scales = 1000.0**powers if name == "ellipsoid" else np.ones(optimum.size)

    def right(point: Point) -> np.ndarray:
        return np.array([point[f"c{i}"] == best for i, best in enumerate(best_c)])

    def value(point: Point) -> float:
        numbers = [point[n] for n in point if n[0] in "xz"]
        gaps = np.array(numbers) - optimum
        found = right(point)
        counted = np.logical_and.accumulate(found) if name == "ellipsoid" else found
        waves = 0.0
        if name == "rastrigin":
            waves = np.sum(10.0 * (1.0 - np.cos(2.0 * np.pi * gaps[:_NUM_REAL])))
        return float(np.sum((scales * gaps) ** 2) + waves + np.sum(~counted))

    def is_right(point: Point) -> bool:
        integers = [point[f"z{i}"] == best for i, best in enumerate(best_z)]
        return bool(all(integers) and right(point).all())

    return Problem(MIXED, value, is_right)


TUNED: dict[str, tuple[dict[str, Any], Build]] = {
    "svc": (SVC, svc),
    "pipeline": (PIPELINE, pipeline),
}


def build(name: str, seed: int, config: Config) -> Problem:
    """A problem by its name."""
    if name in TUNED:
        variables, model = TUNED[name]
        return Problem(variables, tuned(model, config.num_training, config.num_validation))
    return synthetic(name, seed)

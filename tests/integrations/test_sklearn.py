"""Hyperparameter search in scikit-learn's form, on digits."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")
import joblib
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from diffevo import Choice, Integer, Real
from diffevo.integrations.sklearn import DiffEvoSearchCV

X, Y = (part[:400] for part in load_digits(return_X_y=True))
SPACE = {
    "kneighborsclassifier__n_neighbors": Integer(1, 60),
    "kneighborsclassifier__weights": Choice(["uniform", "distance"]),
    "kneighborsclassifier__leaf_size": Integer(10, 60, log=True),
    "minmaxscaler": Choice([MinMaxScaler(), StandardScaler(), "passthrough"]),
}
OPTIONS = {"n_iter": 24, "population_size": 8, "algorithm": "diffusion_evolution", "cv": 3}


def search(**options):
    model = make_pipeline(MinMaxScaler(), KNeighborsClassifier())
    return DiffEvoSearchCV(model, SPACE, **{"random_state": 0} | OPTIONS | options)


def test_tunes_a_pipeline_on_digits():
    found = search().fit(X[:300], Y[:300])
    results = found.cv_results_
    assert len(results["params"]) == 24
    assert found.best_score_ == results["mean_test_score"].max() > 0.92
    assert found.best_params_ == results["params"][found.best_index_]
    assert found.best_params_.keys() == SPACE.keys()
    scores = results["mean_test_score"].reshape(3, 8).mean(axis=1)
    assert scores[2] > scores[0]
    assert found.score(X[300:], Y[300:]) > 0.8
    assert found.predict(X[300:]).shape == (100,)
    assert found.best_estimator_[1].n_neighbors == found.best_params_[next(iter(SPACE))]


def test_the_same_seed_finds_the_same_with_any_number_of_workers():
    def tried(**options):
        params = search(n_iter=16, **options).fit(X[:200], Y[:200]).cv_results_["params"]
        return [[str(value) for value in one.values()] for one in params]

    one_by_one = tried()
    with joblib.parallel_backend("threading"):  # processes would import all this again
        assert tried(n_jobs=2) == one_by_one
    assert tried(random_state=1) != one_by_one
    generator = np.random.RandomState(3)
    assert tried(random_state=generator) != tried(random_state=generator)
    other = clone(search(random_state=5))
    assert other.get_params()["population_size"] == 8
    assert other.random_state == 5


def test_several_scores_and_fits_that_fail():
    model = DiffEvoSearchCV(
        RidgeClassifier(),
        {"alpha": Real(1e-3, 1e3, log=True), "solver": Choice(["svd", "lbfgs"])},  # one fails
        scoring=["accuracy", "f1_macro"],
        refit="f1_macro",
        random_state=0,
        **OPTIONS | {"cv": KFold(3, shuffle=True, random_state=0)},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn says so
        model.fit(X, Y)
    assert model.best_params_["solver"] == "svd"
    assert model.best_score_ == np.nanmax(model.cv_results_["mean_test_f1_macro"])
    failed = np.isnan(model.cv_results_["mean_test_accuracy"])
    assert 0 < failed.sum() < 20


def test_bad_arguments_name_argument_expected_and_got():
    with pytest.raises(ValueError, match=r"budget: expected at least two generations"):
        search(n_iter=10).fit(X, Y)
    with pytest.raises(ValueError, match=r"space\['p'\]: expected Real, Integer, Choice or an"):
        DiffEvoSearchCV(KNeighborsClassifier(), {"p": "no"}).fit(X, Y)
    with pytest.raises(ValueError, match=r"param_distributions: expected a dict, got \[\{"):
        DiffEvoSearchCV(KNeighborsClassifier(), [SPACE]).fit(X, Y)
    with pytest.raises(ValueError, match=r"refit: expected the name of the score .*, got False"):
        search(scoring=["accuracy", "f1_macro"], refit=False).fit(X, Y)

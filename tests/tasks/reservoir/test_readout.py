"""Ridge regression onto classes."""

import jax.numpy as jnp
import numpy as np
import pytest

from tasks.reservoir import classify, readout


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 80)
    centers = rng.uniform(size=(10, 50))
    return rng.uniform(size=(80, 50)) < 0.5 * centers[labels] + 0.25, labels


def solution(x, labels, alpha):
    """Weights and offset from the normal equations, with the constant as one feature more."""
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    penalty = alpha * np.eye(x.shape[1])
    penalty[-1, -1] = 0
    targets = 2.0 * (labels[:, None] == np.arange(10)) - 1
    found = np.linalg.solve(x.T @ x + penalty, x.T @ targets)
    return found[:-1], found[-1]


@pytest.mark.parametrize("num_images", [80, 30], ids=["more images", "more features"])
def test_the_normal_equations_hold(problem, num_images):
    x, labels = (part[:num_images] for part in problem)
    found = readout.fit(jnp.asarray(x), jnp.asarray(labels), jnp.array([1.0, 10.0]))
    for k, alpha in enumerate((1.0, 10.0)):
        weights, offset = solution(x, labels, alpha)
        np.testing.assert_allclose(found.weights[k], weights, atol=2e-4)
        np.testing.assert_allclose(found.offset[k], offset, atol=2e-4)
    numbers = readout.fit(jnp.asarray(x, float), jnp.asarray(labels), jnp.array([1.0, 10.0]))
    np.testing.assert_allclose(numbers.weights, found.weights, atol=2e-4)


@pytest.mark.parametrize("num_images", [80, 30], ids=["more images", "more features"])
def test_classes_are_scikit_learn_s(problem, num_images):
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, labels = problem
    train = x[:num_images], labels[:num_images]
    new = np.random.default_rng(1).uniform(size=(40, 50)) < 0.5
    (told, known) = classify(train, [new, train[0]], [1e-4, 5.0])
    for k, alpha in enumerate((1e-4, 5.0)):
        model = linear_model.RidgeClassifier(alpha=alpha).fit(train[0].astype(float), train[1])
        np.testing.assert_array_equal(told[k], model.predict(new.astype(float)))
    # With more features than images and hardly a penalty nothing is told wrong that is known.
    assert (known[0] == train[1]).all() or num_images == 80


def test_bad_input(problem):
    x, labels = problem
    with pytest.raises(ValueError, match=r"alphas: expected numbers > 0, got \(1.0, 0.0\)"):
        classify((x, labels), [x], [1.0, 0.0])
    with pytest.raises(ValueError, match=r"train: expected features \(n, P\) and n labels, got"):
        classify((x, labels[:-1]), [x], [1.0])

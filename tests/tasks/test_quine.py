"""Quines against plain numpy in float64; errors at their ends; training, regeneration, climbing."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.quine import Quine, QuineNetwork, errors, quine
from tasks.quine.digits import load_digits
from tasks.quine.training import (
    Digits,
    Training,
    accuracy,
    classifier,
    climb,
    fit_relative,
    train,
)

SMALL = QuineNetwork(6)
SEEING = QuineNetwork(6, num_pixels=4, num_classes=3)


@pytest.fixture(scope="module")
def data():
    """Twelve images whose brightest pixel is their class."""
    labels = np.arange(12) % 3
    images = np.random.default_rng(0).uniform(0, 0.3, (12, 4))
    images[np.arange(12), labels] += 0.7
    return Digits(jnp.asarray(images, jnp.float32), jnp.asarray(labels))


def selu(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))


def plain(network, weights, images=None):
    """Answers and logits of all coordinates, one at a time, in float64."""
    size = network.hidden
    weights = np.asarray(weights, np.float64)
    first = weights[: size**2].reshape(size, size)
    second = weights[size**2 : 2 * size**2].reshape(size, size)
    readout = weights[2 * size**2 :].reshape(-1, size)
    projections = np.asarray(network.coordinate_inputs, np.float64)
    outputs = []
    for c in range(len(weights)):
        inputs = projections[c]
        if images is not None:
            image = np.asarray(network.image_inputs(images), np.float64)[c % len(images)]
            inputs = np.concatenate([inputs, image])
        outputs.append(readout @ selu(selu(selu(inputs) @ first) @ second))
    return np.array(outputs)


def test_answers_are_the_formulas(data):
    for network, images in ((SMALL, None), (SEEING, data.images)):
        weights = network.initial(jax.random.key(1))
        assert weights.shape == (network.num_weights,)
        wanted = plain(network, weights, images)
        np.testing.assert_allclose(network.replicate(weights, images), wanted[:, 0], atol=1e-6)
        answers, logits = network.apply(network.layers(weights), network.inputs(images))
        np.testing.assert_allclose(answers, wanted[:, 0], atol=1e-6)
        np.testing.assert_allclose(logits, wanted[:, 1:], atol=1e-6)
        found, exact = network.errors(weights, images), np.asarray(weights, np.float64)
        sse = np.sum((wanted[:, 0] - exact) ** 2)
        assert float(found.sse) == pytest.approx(sse, rel=1e-5)
        assert float(found.relative) == pytest.approx(sse / np.sum(exact**2), rel=1e-5)
        r2 = 1 - sse / np.sum((exact - exact.mean()) ** 2)
        assert float(found.r2) == pytest.approx(r2, abs=1e-5)


@pytest.mark.slow
def test_the_papers_size_and_start():
    network = QuineNetwork()
    assert network.num_weights == 20_100
    measure = jax.jit(network.errors)
    found = [float(measure(network.initial(jax.random.key(seed))).sse) for seed in range(4)]
    assert 80 < np.mean(found) < 100  # the paper's is 90.16


def test_ends_of_the_errors():
    weights = jnp.asarray([1.0, -2.0, 3.0])
    assert errors(weights, weights)[:1] + errors(weights, weights)[2:] == (0, 0, 1)
    assert errors(weights, 0 * weights).relative == 1
    assert errors(0 * weights, 0 * weights).relative == 1
    assert errors(weights, jnp.full(3, 2 / 3)).r2 == pytest.approx(0, abs=1e-6)


def test_shrinking_is_not_replicating():
    weights = SMALL.initial(jax.random.key(0))
    found = jax.vmap(SMALL.errors)(weights[None] * jnp.asarray([1.0, 0.1, 1e-3, 1e-12])[:, None])
    assert np.all(np.diff(found.sse) < 0)
    np.testing.assert_allclose(found.relative[2:], 1, atol=1e-5)


def test_gradient_lowers_the_error_and_regeneration_replaces_the_weights(key):
    weights = SMALL.initial(jax.random.key(3))
    training = Training(num_epochs=8, batch_size=6, learning_rate=1e-2)
    trained, found = train(SMALL, training, key, weights)
    assert found.sse.shape == (9,)
    np.testing.assert_allclose(found.sse[0], SMALL.errors(weights).sse, rtol=1e-5)
    np.testing.assert_allclose(found.sse[-1], SMALL.errors(trained).sse, rtol=1e-4)
    assert found.sse[-1] < found.sse[0] / 1.2
    # So small a step changes nothing: what is left is the replacement.
    still = dataclasses.replace(training, learning_rate=1e-12, num_epochs=1, regenerate=True)
    replaced, _ = train(SMALL, still, key, weights)
    np.testing.assert_allclose(replaced, SMALL.replicate(weights), atol=1e-6)


def test_one_step_is_the_gradient_of_the_published_loss(key):
    weights = SMALL.initial(jax.random.key(3))
    size = SMALL.num_weights
    training = Training("sgd", 1e-3, num_epochs=1, batch_size=size)

    def loss(moving):
        return jnp.sum((SMALL.replicate(moving) - weights) ** 2)

    wanted = weights - 1e-3 * jax.grad(loss)(weights)
    trained, _ = train(SMALL, training, key, weights)
    np.testing.assert_allclose(trained, wanted, atol=1e-6)


@pytest.mark.slow
def test_images_are_learned(data, key):
    weights = SEEING.initial(jax.random.key(3))
    training = Training(num_epochs=30, learning_rate=1e-2, batch_size=6, temperature=0.1)
    both, found = train(SEEING, training, key, weights, data)
    alone, _ = train(SEEING, classifier(training), key, weights, data)
    assert accuracy(SEEING, both, data) > 0.6
    assert accuracy(SEEING, alone, data) > 0.6
    assert found.sse[-1] < found.sse[0]


def test_climbing_does_not_lose_what_full_batches_compare(key):
    weights = SMALL.initial(jax.random.key(3))
    size = SMALL.num_weights
    climbed, found = climb(SMALL, key, weights, jnp.asarray(0.02), 40, batch_size=size)
    assert np.all(np.diff(found.sse) <= 1e-6)
    assert found.sse[-1] < found.sse[0]
    assert float(found.sse[-1]) == pytest.approx(float(SMALL.errors(climbed).sse), rel=1e-4)


def test_the_relative_error_can_be_descended():
    network = QuineNetwork(4)
    weights = 3**0.5 * network.initial(jax.random.key(0))
    trained, found = fit_relative(network, weights, jnp.asarray(1e-2), 1000)
    last = network.errors(trained)
    assert found.relative.shape == (1000,)
    assert last.relative < 0.2
    assert last.norm > 1
    assert last.r2 > 0.7


def test_the_task_has_the_networks_errors():
    task = quine(4)
    genomes = jax.random.normal(jax.random.key(0), (5, task.num_dims))
    fitness, traits = task.evaluate(genomes, jax.random.key(0))
    for row in range(2):
        weights = np.asarray(task.scaling * genomes[row], np.float64)
        sse = np.sum((plain(task.network, weights)[:, 0] - weights) ** 2)
        assert float(fitness[row]) == pytest.approx(sse / np.sum(weights**2), rel=1e-4)
        assert float(traits["sse"][row]) == pytest.approx(sse, rel=1e-4)
    np.testing.assert_allclose(quine(4, "absolute")(genomes), traits["sse"], rtol=1e-5)
    assert quine(4)(jnp.zeros((1, 36)))[0] == 1


@pytest.mark.slow
def test_digits_are_divided_and_scaled():
    train_set, test_set = load_digits()
    assert train_set.images.shape == (1438, 64)
    assert test_set.images.shape == (359, 64)
    assert float(train_set.images.max()) == 1
    assert set(np.unique(test_set.labels)) == set(range(10))


def test_bad_input_names_what_is_wrong(data, key):
    for arguments, message in (
        ({"hidden": 1}, "hidden: expected at least 2.*got 1"),
        ({"hidden": 5, "num_pixels": 4, "num_classes": 2}, "hidden: .*even.*got 5"),
        ({"num_pixels": 4}, "num_pixels, num_classes: .*got 4 and 0"),
    ):
        with pytest.raises(ValueError, match=message):
            QuineNetwork(**arguments)
    for name, value in (
        ("optimizer", "lion"),
        ("learning_rate", 0.0),
        ("temperature", -1.0),
        ("num_epochs", 0),
        ("batch_size", 0),
        ("task", -0.1),
    ):
        with pytest.raises(ValueError, match=f"{name}: expected .*{value}"):
            dataclasses.replace(Training(), **{name: value})
    weights = SMALL.initial(key)
    with pytest.raises(ValueError, match="batch_size: expected at most 78, got 100"):
        train(SMALL, Training(batch_size=100), key, weights)
    with pytest.raises(ValueError, match=r"images: expected shape \(B, 4\), got none"):
        train(SEEING, Training(batch_size=6), key, SEEING.initial(key))
    with pytest.raises(ValueError, match=r"images: expected shape \(B, 4\), got shape \(12, 3\)"):
        SEEING.inputs(data.images[:, :3])
    with pytest.raises(ValueError, match="images: expected none"):
        SMALL.inputs(data.images)
    with pytest.raises(ValueError, match="fitness: expected one of"):
        quine(4, "cubic")
    with pytest.raises(ValueError, match="network: expected one without images, got 4"):
        Quine(SEEING)
    with pytest.raises(ValueError, match="test_share: expected"):
        load_digits(1.0)

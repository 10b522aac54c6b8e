"""Training: it learns, every way to draw the scaffold anew runs, and what evolution evaluates."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("sklearn")

from tasks.lora import Classification, Classifier, LowRank, Training, data, digits, fit, stack

MODEL = LowRank(Classifier((32,)), (64,), rank=4, family="fan_in")
SHORT = Training(num_epochs=20, learning_rate=1e-2)


@pytest.fixture(scope="module")
def images():
    return data.digits()


def test_adapters_learn_the_digits(images):
    found = fit(MODEL, SHORT, images, jax.random.key(0), stack(MODEL.backbone(0)))
    assert found.accuracy.shape == found.test_loss.shape == (20, 1)
    assert found.train_loss[-1] < 0.5 * found.train_loss[0]
    assert found.accuracy[-1, 0] > 0.9  # of 359 images: standard error .015
    logits = jax.jit(MODEL.apply)(found.params, MODEL.backbone(0), images.test_x)
    share = np.mean(np.argmax(logits, axis=1) == images.test_y)
    assert share == pytest.approx(float(found.accuracy[-1, 0]), abs=0.006)


@pytest.mark.parametrize(
    "resample",
    [pytest.param(("epoch", 1), marks=pytest.mark.slow), ("batch", 4)],
    ids=["epoch", "batch"],
)
def test_a_scaffold_that_changes_is_tested_on_new_ones(images, resample):
    training = dataclasses.replace(
        SHORT, num_epochs=2, resample=resample[0], micro_batches=resample[1]
    )
    first, second = (
        fit(MODEL, training, images, jax.random.key(0), stack(MODEL.backbone(seed)))
        for seed in (0, 1)
    )
    assert first.accuracy.shape == (2, 1)
    # The one that it is given plays no part.
    np.testing.assert_array_equal(first.train_loss, second.train_loss)


def test_one_adapter_under_two_scaffolds_with_labels_of_their_own(images):
    labels = images.train_y % 2, images.train_y % 2 + 2
    tests = images.test_y % 2, images.test_y % 2 + 2
    both = images._replace(train_y=np.stack(labels), test_y=np.stack(tests))
    scaffolds = stack(MODEL.backbone(0), MODEL.backbone(1))
    found = fit(MODEL, SHORT, both, jax.random.key(0), scaffolds)
    assert found.accuracy.shape == (20, 2)
    assert np.all(found.accuracy[-1] > 0.75)  # chance: .5, and .25 without telling scaffolds apart


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resample": "often"}, "resample: expected one of"),
        ({"num_epochs": 0}, "num_epochs, batch_size: expected at least 1"),
        ({"micro_batches": 3}, "micro_batches: expected a divisor of the batch size 128, got 3"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        Training(**options)


def test_more_in_a_batch_than_there_are(images):
    training = Training(batch_size=2000)
    with pytest.raises(ValueError, match="batch_size: expected at most 1436, the examples"):
        fit(MODEL, training, images, jax.random.key(0), stack(MODEL.backbone(0)))


def test_the_genome_0_is_the_network_before_training():
    task = digits()
    assert task.num_dims == 64 * 4 + 4 * 32 + 1 + 330
    start = task.model.init(jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, task.parameters(jnp.zeros(task.num_dims)), start)


def test_fitness_is_the_loss_on_the_batch_of_the_key():
    task = digits(batch_size=50, seed=3)
    genomes = jax.random.normal(jax.random.key(1), (11, task.num_dims))
    key = jax.random.key(5)
    fitness, traits = task.evaluate(genomes, key)
    places = jax.random.choice(key, 1436, (50,), replace=False)
    x, y = task.images.train_x[np.asarray(places)], task.images.train_y[np.asarray(places)]
    dense = task.model.merge(task.parameters(genomes[10]), task.backbone)
    logits = np.asarray(task.model.module.apply({"params": dense}, x), np.float64)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(chances[np.arange(50), y]).mean()
    assert fitness[10] == pytest.approx(expected, abs=1e-5)
    assert traits["accuracy"][10] == pytest.approx(np.mean(logits.argmax(axis=1) == y), abs=1e-6)
    other = dataclasses.replace(task, measure="error").evaluate(genomes, key)[0]
    np.testing.assert_allclose(other, 1 - traits["accuracy"], atol=1e-6)


def test_scores_on_all_images():
    task = digits()
    genomes = jnp.zeros((2, task.num_dims)).at[1, 0].set(1e30)
    loss, right = task.score(genomes, test=True)
    assert loss[0] == pytest.approx(np.log(10), abs=1.5)
    assert 0 <= right[0] < 0.4
    assert task(genomes)[1] == jnp.inf or np.isfinite(task(genomes)[1])


def test_unknown_measure():
    with pytest.raises(ValueError, match=r"measure: expected one of .* got 'hinge'"):
        Classification("x", MODEL, measure="hinge")

"""The double peak against its formula in float64, at rest and in motion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.functions import (
    DoublePeak,
    double_peak,
    dynamic_double_peak,
    oscillating_double_peak,
)

S = 0.125


def formula(points, m, v1, v2):
    """The source's double dip, upside down as it is: lower is better."""
    first = v1 * np.exp(-np.sum((0.5 * (points - m) / S) ** 2, axis=1))
    return -first - v2 * np.exp(-np.sum((0.5 * (points + m) / S) ** 2, axis=1))


def points_around(m, seed=0):
    points = np.random.default_rng(seed).normal(size=(400, 2)) * 0.3
    return points + np.where(np.arange(400) % 2, m, -m)[:, None]


@pytest.mark.parametrize("m", [0.4, 1.0])
@pytest.mark.parametrize("scaling", [1.0, 2.0])
def test_is_the_formula(m, scaling):
    points = points_around(m)
    task = double_peak(m, scaling)
    genomes = jnp.asarray(points / scaling, dtype=jnp.float32)
    np.testing.assert_allclose(task(genomes), formula(points, m, 1, 1), atol=2e-5)
    np.testing.assert_allclose(task.at(genomes, 7), task(genomes))


@pytest.mark.parametrize(
    ("task", "omega"), [(dynamic_double_peak(), 0.1 * np.pi), (oscillating_double_peak(), 0.1)]
)
def test_heights_swing_with_the_generation(task, omega):
    points = points_around(task.distance, seed=1)
    genomes = jnp.asarray(points / task.scaling, dtype=jnp.float32)
    generations = np.arange(61)
    fitness = jax.jit(jax.vmap(task.at, in_axes=(None, 0)))(genomes, jnp.asarray(generations))
    expected = [
        formula(points, task.distance, np.cos(omega * t), np.cos(omega * t + np.pi))
        for t in generations
    ]
    np.testing.assert_allclose(fitness, np.stack(expected), atol=5e-5)


def test_peak_and_pit_change_places_every_ten_generations():
    task = dynamic_double_peak()
    best = [int(jnp.argmin(task.at(task.peaks / task.scaling, t))) for t in (0, 10, 20, 30)]
    assert best == [0, 1, 0, 1]
    np.testing.assert_allclose(task.at(task.peaks / task.scaling, 5), 0, atol=1e-5)


def test_optima_are_those_of_the_start():
    assert double_peak(1.0).optima.shape == (2, 2)
    np.testing.assert_allclose(dynamic_double_peak().optima, [[1, 1]])


def test_bad_arguments_name_argument_expected_and_got():
    with pytest.raises(ValueError, match="distance: expected a positive number, got -1"):
        double_peak(-1.0)
    with pytest.raises(ValueError, match=r"width: expected 0 < width <= 0.2828.*, got 0.5"):
        DoublePeak("x", 0.4, width=0.5)
    with pytest.raises(ValueError, match="num_dims: expected at least 1, got 0"):
        DoublePeak("x", 0.4, num_dims=0)

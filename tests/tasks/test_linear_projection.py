"""The linear projection domains: against plain numpy, the ends of score and measures, arguments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.functions.linear_projection import LinearProjection, lp_rastrigin, lp_sphere


def plain(function, x):
    """Raw value and measures of one point, coordinate by coordinate."""
    value, measures = 0.0, [0.0, 0.0]
    for index, coordinate in enumerate(x):
        u = coordinate - 2.048
        value += u**2
        if function == "rastrigin":
            value += 10 - 10 * np.cos(2 * np.pi * u)
        clipped = coordinate if abs(coordinate) <= 5.12 else 5.12 / coordinate
        measures[index >= len(x) // 2] += clipped
    return value, measures


@pytest.mark.parametrize("task", [lp_sphere(6), lp_rastrigin(6)])
def test_fitness_and_measures_are_the_published_ones(task):
    points = np.random.default_rng(0).normal(scale=4.0, size=(50, 6))
    assert (np.abs(points) > 5.12).any()
    worst, _ = plain(task.function, np.full(6, -5.12))
    fitness, traits = task.evaluate(jnp.asarray(points / task.scaling), jax.random.key(0))
    for index, point in enumerate(points):
        value, measures = plain(task.function, point)
        assert fitness[index] == pytest.approx(100 * value / worst, rel=1e-4)
        assert traits["measure_1"][index] == pytest.approx(measures[0], abs=1e-4)
        assert traits["measure_2"][index] == pytest.approx(measures[1], abs=1e-4)


@pytest.mark.parametrize("task", [lp_sphere(4), lp_rastrigin(4)])
def test_corners_reach_the_ends(task):
    corners = jnp.asarray([[-5.12] * 4, [5.12] * 4, [5.12, 5.12, -5.12, -5.12]], jnp.float32)
    assert task.fitness(corners)[0] == pytest.approx(100, rel=1e-5)
    limit = task.measure_limit
    assert limit == pytest.approx(10.24)
    np.testing.assert_allclose(
        task.measures(corners), [[-limit, -limit], [limit, limit], [limit, -limit]], rtol=1e-6
    )
    far = jnp.asarray([[0.0, 5.13, 100.0, -100.0]], jnp.float32)
    np.testing.assert_allclose(task.measures(far), [[5.12 / 5.13, 0.0]], atol=1e-6)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match=r"num_dims: expected an even number, got 5"):
        lp_sphere(5)
    with pytest.raises(ValueError, match=r"function: expected .* got 'ackley'"):
        LinearProjection("ackley")  # pyright: ignore[reportArgumentType]

"""The rotated rastrigin: where its maxima are, and that it is rastrigin but for the turn."""

import jax.numpy as jnp
import numpy as np

from tasks.functions import rastrigin, rotated_rastrigin

HELIX = np.array([[-1.37, -4.8], [-4.8, 1.37], [1.37, 4.8], [4.8, -1.37]])  # papers.md 2.4 (e)


def test_maxima_are_where_the_paper_has_them():
    optima = np.asarray(rotated_rastrigin().optima)
    distances = np.linalg.norm(HELIX[:, None] - optima[None], axis=2)
    assert sorted(distances.argmin(axis=1)) == [0, 1, 2, 3]
    assert distances.min(axis=1).max() < 0.02


def test_is_the_upright_function_of_the_points_turned_back():
    points = np.random.default_rng(0).uniform(-6, 6, size=(2000, 2))
    angle = np.radians(29)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    back = points @ turn  # turn.T @ x of every row
    inside = np.abs(back).max(axis=1) <= 4
    clear = np.abs(np.abs(back).max(axis=1) - 4) > 1e-4  # rounding may decide on the edge
    assert 500 < inside.sum() < 1500
    values = -np.sum(10 + back**2 - 10 * np.cos(2 * np.pi * back), axis=1)
    raw = np.where(inside, values, 1e-9)
    task, genomes = rotated_rastrigin(), jnp.asarray(points / 4, dtype=jnp.float32)
    found = np.asarray(task.raw(jnp.asarray(points, dtype=jnp.float32)))
    np.testing.assert_allclose(found[clear], raw[clear], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(
        task(genomes)[clear], np.abs(raw - task.upright.target)[clear], rtol=1e-4, atol=1e-3
    )
    np.testing.assert_allclose(
        task.quality(genomes)[clear],
        rastrigin().quality(jnp.asarray(back / 4, dtype=jnp.float32))[clear],
        atol=1e-3,
    )

"""Cart-pole experiment: what its judge and its baseline do with controllers that are known."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("gymnax")

from diffevo.core.archive import Memory
from experiments.cartpole import cases
from experiments.cartpole.config import SMOKE
from tasks.rl import ENVIRONMENTS, cartpole

CONFIG = dataclasses.replace(SMOKE, num_samples=4, num_nearest=2, num_episodes=2)
KEYS = jax.random.split(jax.random.key(3), 1)


def holding(position: float) -> np.ndarray:
    """A linear policy (D,) that pushes right where its gains times (x - position, ...) are > 0."""
    gains = np.array([0.3, 0.6, 3.0, 1.0])
    weights = gains / ENVIRONMENTS["cartpole"].normalizer()[1]
    task = cartpole(())
    # Added to both outputs, which decides nothing: every parameter differs between controllers.
    shift = np.random.default_rng(round(100 * position) + 200).normal(size=5)
    kernel = np.stack([shift[:4], weights + shift[:4]], axis=1)
    parameters = {
        "params": {
            "Dense_0": {
                "kernel": jnp.asarray(kernel[None], jnp.float32),
                "bias": jnp.asarray([[shift[4], shift[4] - gains[0] * position]], jnp.float32),
            }
        }
    }
    return np.asarray(task.spec.ravel(parameters, 1)[0])


POSITIONS = [-1.0, 1.0, 0.9, 0.0, 1.05]


def memory(fitness: list[float]) -> Memory:
    """One run's five controllers and an empty row that would be the nearest to +1."""
    genomes = np.stack([*map(holding, POSITIONS), np.zeros(10)])
    rows = Memory(
        jnp.asarray(genomes, jnp.float32),
        jnp.asarray([*fitness, 0.0]),
        {cases.TRAIT: jnp.asarray([*POSITIONS, 1.0])},
        jnp.asarray(5, jnp.int32),
    )
    return jax.tree.map(lambda leaf: leaf[None], rows)


def test_judge_counts_who_is_near_and_keeps_the_reward():
    genomes = jnp.asarray(np.stack([holding(1.0), holding(1.05), holding(0.0), np.zeros(10)]))
    found, ends = cases.judge(
        CONFIG, (), KEYS, genomes[None], memory([-500.0] * 5), np.array([500.0]), 1.0
    )
    assert found["kept"]["median"] == 0.75
    assert found["both"]["median"] == 0.5
    assert found["near_of_kept"]["median"] == pytest.approx(2 / 3)
    assert found["episodes"]["median"] == pytest.approx(0.5)
    assert found["share_of_runs"] == 0
    np.testing.assert_allclose(ends[0, :3], [1.0, 1.05, 0.0], atol=0.15)
    # Three of the four are remembered; the empty row is not.
    assert found["distance"]["median"] == pytest.approx(0.0, abs=1e-2)


def test_copies_are_of_the_nearest_that_keep_the_reward():
    fitness = [-500.0, -200.0, -500.0, -500.0, -480.0]
    target = jnp.asarray(1.0)
    copies = cases.mutated_copies(CONFIG, KEYS, memory(fitness), target, jnp.asarray(0.0))
    expected = [holding(position) for position in (1.05, 0.9, 1.05, 0.9)]
    np.testing.assert_allclose(copies[0], expected, rtol=1e-5)
    moved = cases.mutated_copies(CONFIG, KEYS, memory(fitness), target, jnp.asarray(0.1))
    assert not np.allclose(moved, copies)

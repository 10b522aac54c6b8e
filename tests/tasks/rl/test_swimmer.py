"""The swimmer in MJX against MuJoCo's own, and what is said without MJX.

``uv sync --inexact --extra mjx``, then ``pytest -m slow tests/tasks -k swimmer``.
"""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.rl import ENVIRONMENTS, Statistics, control, swimmer

NUM = 64


def test_without_mjx_the_install_command_is_named(monkeypatch):
    def missing(name, *args):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r'pip install "diffevo-jax\[mjx\]"'):
        control("swimmer")


@pytest.fixture(scope="module")
def gymnasium():
    pytest.importorskip("mujoco")
    return pytest.importorskip("gymnasium")


@pytest.mark.slow
def test_a_step_is_gymnasiums(gymnasium, rng):
    # Joints up to beyond their limits of 1.745: the solver has to push them back.
    positions = rng.uniform(-1, 1, (NUM, 5)) * [1, 1, 3, 1.8, 1.8]
    velocities = rng.uniform(-1, 1, (NUM, 5)) * [2, 2, 4, 6, 6]
    actions = rng.uniform(-1, 1, (NUM, 2))
    states = swimmer.Swim(jnp.asarray(positions, jnp.float32), jnp.asarray(velocities, jnp.float32))
    observations, after, rewards, ended = jax.jit(jax.vmap(swimmer.step, (None, 0, 0)))(
        jax.random.key(0), states, jnp.asarray(actions, jnp.float32)
    )
    assert not ended.any()
    game = gymnasium.make("Swimmer-v5").unwrapped
    for i in range(NUM):
        game.reset(seed=0)
        game.set_state(positions[i], velocities[i])
        observation, reward, *_ = game.step(actions[i])
        np.testing.assert_allclose(observations[i], observation, atol=1e-4)
        assert rewards[i] == pytest.approx(reward, abs=1e-4)
        np.testing.assert_allclose(after.position[i], game.data.qpos, atol=1e-4)


def test_starts_and_time_limit_are_gymnasiums():
    module = pytest.importorskip("gymnasium")
    environment = ENVIRONMENTS["swimmer"]
    assert module.spec(environment.name).max_episode_steps == environment.max_steps
    _, starts = jax.vmap(swimmer.reset)(jax.random.split(jax.random.key(0), 200))
    for part in starts:
        assert np.abs(part).max() == pytest.approx(swimmer.NOISE, rel=0.05)


@pytest.mark.slow
def test_it_runs_as_the_others_do(gymnasium):
    watch = importlib.import_module("tasks.rl.watch")
    task = control("swimmer", (), num_episodes=1, max_steps=12)
    genomes = jax.random.normal(jax.random.key(0), (4, task.num_dims))
    key, seen = jax.random.key(1), Statistics.begin(task.environment)
    fitness, traits, seen = task.evaluate_running(genomes, key, seen)
    assert float(seen.number) == 4 * 12
    assert set(traits) == {"survival", "mean_sideways", "final_heading", "energy"}
    episode = watch.play(task, genomes[0], key)
    assert episode.rewards.sum() == pytest.approx(-float(fitness[0]), abs=1e-3)
    assert watch.frame(task.environment, episode.observations[0]).size == (400, 300)
    game = gymnasium.make("Swimmer-v5").unwrapped
    game.reset(seed=0)
    game.set_state(np.append([0, 0], episode.observations[0][:3]), episode.observations[0][3:])
    for action, expected in zip(episode.actions, episode.observations[1:], strict=True):
        np.testing.assert_allclose(game.step(action)[0], expected, atol=1e-3)

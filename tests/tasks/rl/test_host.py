"""The same task in Gymnasium: against a plain loop, and against gymnax."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("gymnax")
import gymnasium

from tasks.rl import Recurrent, control, host


@pytest.mark.parametrize("shared", [True, False])
def test_is_a_plain_loop(shared):
    task = control(
        "cartpole",
        policy=Recurrent("elman", 4),
        num_episodes=2,
        max_steps=30,
        shared_episodes=shared,
    )
    genomes = jax.random.normal(jax.random.key(1), (3, task.num_dims))
    fitness, traits = host.evaluate(task, genomes, seed=4)
    seeds = np.random.default_rng(4).integers(2**31, size=2 if shared else (3, 2))
    seeds = np.broadcast_to(seeds, (3, 2))
    gain = task.environment.normalizer()[1]
    apply = jax.jit(task.policy.apply)
    game = gymnasium.make("CartPole-v1")
    for i in range(3):
        parameters, lengths, positions = task.spec.unravel(genomes[i]), [], []
        for seed in seeds[i]:
            observation, _ = game.reset(seed=int(seed))
            memory, ended, path = task.policy.start(()), False, []
            while not ended and len(path) < 30:
                outputs, memory = apply(parameters, jnp.asarray(observation * gain), memory)
                observation, _, ended, *_ = game.step(int(np.argmax(outputs)))
                path.append(observation[0])
            lengths.append(len(path))
            positions.append(np.mean(path))
        assert float(fitness[i]) == -np.mean(lengths)
        assert float(traits["mean_position"][i]) == pytest.approx(np.mean(positions), abs=1e-4)


def test_agrees_with_gymnax():
    task = control("pendulum", num_episodes=32, max_steps=40)
    genomes = jax.random.normal(jax.random.key(1), (2, task.num_dims))
    there = host.evaluate(task, genomes, seed=0)
    here = task.evaluate(genomes, jax.random.key(0))
    assert set(there[1]) == set(here[1])
    # Rewards of a step have a standard deviation of 4 at most, and are alike for an episode.
    np.testing.assert_allclose(there[0], here[0], atol=4 * 4 * 40 * np.sqrt(2 / 32))
    np.testing.assert_allclose(there[1]["survival"], 1.0)
    np.testing.assert_allclose(
        there[1]["mean_position"], here[1]["mean_position"], atol=4 * np.sqrt(0.5 * 2 / 32)
    )


def test_bad_arguments_name_argument_expected_and_got():
    task = control("cartpole", num_episodes=1)
    with pytest.raises(ValueError, match=r"genomes: expected shape \(N, 58\), got \(58,\)"):
        host.evaluate(task, jnp.zeros(58), seed=0)
    wrong = dataclasses.replace(task.environment, observation_shape=(2, 2))
    with pytest.raises(ValueError, match=r"observation_shape: expected \(4,\).*got \(2, 2\)"):
        host.evaluate(dataclasses.replace(task, environment=wrong), jnp.zeros((1, 58)), seed=0)

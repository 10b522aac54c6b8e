"""Policies in Gymnasium's environments: against a plain loop, and by `maximize`."""

import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("gymnasium")
import gymnasium

import diffevo
from diffevo.integrations.gymnasium import MeanReturn


def push(w, seen):
    return (w @ seen > 0).astype(int)


def torque(w, seen):
    return jnp.tanh(w["w"] @ seen + w["b"])[None] * 2


def plain(name, act, policies, seeds, max_steps):
    """The mean returns, played one after the other."""
    game, returns = gymnasium.make(name), []
    for policy in policies:
        for seed in seeds:
            seen, _ = game.reset(seed=seed)
            total, step, over = 0.0, 0, False
            while not over and step < max_steps:
                seen, reward, terminated, truncated, _ = game.step(act(policy, seen))
                total, step, over = total + float(reward), step + 1, terminated or truncated
            returns.append(total)
    return np.reshape(returns, (len(policies), len(seeds))).mean(axis=1)


SEEDS = np.random.default_rng(7).integers(2**31, size=3).tolist()


@pytest.mark.parametrize("num_environments", [None, 4, 5])
def test_is_a_plain_loop(num_environments):
    policies = np.random.default_rng(0).normal(size=(5, 4))
    wanted = plain("CartPole-v1", lambda w, o: int(push(w, o)), policies, SEEDS, 40)
    assert len(set(wanted)) > 2
    with MeanReturn(
        "CartPole-v1",
        push,
        num_episodes=3,
        max_steps=40,
        seed=7,
        num_environments=num_environments,
    ) as fun:
        for _ in range(2):
            np.testing.assert_array_equal(fun(policies), wanted)


def test_actions_that_are_arrays_and_policies_that_are_trees():
    random = np.random.default_rng(0)
    population = {"w": random.normal(size=(3, 3)), "b": random.normal(size=3)}
    policies = [{"w": w, "b": b} for w, b in zip(*population.values(), strict=True)]
    wanted = plain("Pendulum-v1", lambda w, o: np.asarray(torque(w, o)), policies, SEEDS, 20)
    fun = MeanReturn(
        lambda: gymnasium.make("Pendulum-v1"), torque, num_episodes=3, max_steps=20, seed=7
    )
    np.testing.assert_allclose(fun(population), wanted, rtol=1e-4)
    # The environment's own limit ends an episode.
    ends = MeanReturn("Pendulum-v1", torque, max_episode_steps=20)
    assert np.all(ends(population) < 0)


def test_maximize_finds_a_policy():
    fun = MeanReturn("CartPole-v1", push, num_episodes=2, max_steps=100)
    result = diffevo.maximize(
        fun,
        ([-1.0] * 4, [1.0] * 4),
        batched=True,
        budget=128,
        population_size=16,
        algorithm="diffusion_evolution",
    )
    assert result.fun == 100.0
    assert not result.failures


@pytest.mark.slow
def test_processes():
    policies = np.random.default_rng(0).normal(size=(3, 4))
    options = {"num_episodes": 2, "max_steps": 30}
    one_by_one = MeanReturn("CartPole-v1", push, **options)(policies)
    with MeanReturn("CartPole-v1", push, mode="async", num_environments=2, **options) as fun:
        np.testing.assert_array_equal(fun(policies), one_by_one)


def test_bad_arguments_name_argument_expected_and_got():
    for options, message in (
        ({"num_episodes": 0}, r"num_episodes: expected an int >= 1, got 0"),
        ({"max_steps": 1.5}, r"max_steps: expected an int >= 1, got 1.5"),
        ({"num_environments": 0}, r"num_environments: expected an int >= 1, got 0"),
        ({"mode": "ray"}, r"mode: expected one of \['sync', 'async'\], got 'ray'"),
        ({"act": 3}, r"act: expected a function, got 3"),
        ({"environment": 3}, r"environment: expected an id, or a function .*, got 3"),
    ):
        with pytest.raises(ValueError, match=message):
            MeanReturn(**{"environment": "CartPole-v1", "act": push} | options)

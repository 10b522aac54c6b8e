"""Roll-outs: against a plain loop, normalisation, what is shared, and when they stop."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

pytest.importorskip("gymnax")

from tasks.rl import ENVIRONMENTS, Control, Environment, Recurrent, Statistics, Trait, control
from tasks.rl.episodes import LAST_STEPS
from tasks.rl.simulator import simulator

KEY = jax.random.key(5)
N = 2


def plain_roll_out(task, genome, key):
    """One individual, one episode at a time, in Python: observations, actions, rewards."""
    environment = task.environment
    reset, step = map(jax.jit, simulator(environment))
    apply = jax.jit(task.policy.apply)
    parameters = task.spec.unravel(task.scaling * genome)
    draws = environment.draws == "steps"
    start_key, step_key = jax.random.split(key) if draws else (key, key)
    centre, gain = environment.normalizer()
    episodes = []
    for first, key in zip(
        jax.random.split(start_key, task.num_episodes),
        jax.random.split(step_key, task.num_episodes),
        strict=True,
    ):
        observation, state = reset(first)
        memory = task.policy.start(())
        shown, actions, rewards, ended = [], [], [], False
        while not ended and len(rewards) < environment.max_steps:
            outputs, memory = apply(parameters, (observation.ravel() - centre) * gain, memory)
            action = environment.action(outputs)
            now = jax.random.fold_in(key, len(rewards))
            observation, state, reward, ended = step(now, state, action)
            shown.append(np.ravel(observation))
            actions.append(np.asarray(action))
            rewards.append(float(reward))
        episodes.append((np.array(shown), np.array(actions), np.array(rewards), bool(ended)))
    return episodes


@pytest.mark.parametrize(
    ("name", "options"),
    [("pendulum", {"max_steps": 30}), ("minatar_asterix", {"max_steps": 40})],
)
def test_a_roll_out_is_the_plain_loop(name, options):
    policy = Recurrent("gru", 4, ENVIRONMENTS[name].num_outputs)
    task = control(name, policy=policy, num_episodes=2, scaling=2.0, **options)
    genomes = jax.random.normal(jax.random.key(1), (N, task.num_dims))
    fitness, traits = task.evaluate(genomes, KEY)
    for i in range(N):
        episodes = plain_roll_out(task, genomes[i], KEY)
        assert -float(fitness[i]) == pytest.approx(
            np.mean([np.sum(rewards) for _, _, rewards, _ in episodes]), rel=1e-4
        )
        expected = {
            "survival": np.mean([not ended for *_, ended in episodes]),
            "energy": np.mean([np.mean(a > 0 if a.ndim == 1 else a**2) for _, a, _, _ in episodes]),
        }
        if name == "pendulum":
            expected["mean_position"] = np.mean([np.mean(o[:, 0]) for o, *_ in episodes])
            expected["final_position"] = np.mean(
                [np.mean(o[-LAST_STEPS:, 0]) for o, *_ in episodes]
            )
            expected["mean_action"] = np.mean([np.mean(a) for _, a, _, _ in episodes])
        for trait, value in expected.items():
            assert float(traits[trait][i]) == pytest.approx(value, rel=1e-3, abs=1e-4), trait


def test_running_statistics_are_those_of_what_policies_saw():
    task = control("cartpole", num_episodes=4, max_steps=40)
    seen = []

    class Spy(linen.Module):
        @linen.compact
        def __call__(self, observation):
            jax.debug.callback(lambda x: seen.append(np.array(x)), observation, ordered=True)
            return linen.Dense(2)(observation)

    # One individual, so that a step is one call of the spy.
    watched = control("cartpole", policy=Spy(), num_episodes=1, max_steps=40)
    statistics = Statistics.begin(watched.environment)
    genome = jax.random.normal(jax.random.key(3), (1, watched.num_dims))
    everything = []
    for number in range(3):
        centre, gain = map(np.asarray, statistics.normalizer(watched.environment))
        fitness, _, statistics = watched.evaluate_running(
            genome, jax.random.key(number), statistics
        )
        jax.effects_barrier()
        everything += [shown.reshape(4) / gain + centre for shown in seen]
        assert len(seen) == -float(fitness[0])
        seen.clear()
    assert float(statistics.number) == len(everything)
    np.testing.assert_allclose(statistics.mean, np.mean(everything, axis=0), atol=1e-4)
    np.testing.assert_allclose(
        np.sqrt(statistics.squares / statistics.number), np.std(everything, axis=0), rtol=1e-3
    )

    # Frozen into ranges, they normalise alike.
    genomes = jax.random.normal(jax.random.key(4), (N, task.num_dims))
    running = task.evaluate_running(genomes, KEY, statistics)[0]
    frozen = task.frozen(statistics)
    np.testing.assert_allclose(frozen(genomes), frozen.evaluate(genomes, jax.random.key(0))[0])
    np.testing.assert_allclose(frozen.evaluate(genomes, KEY)[0], running)
    assert hash(frozen) != hash(task)


def test_statistics_begin_with_the_ranges_and_bound_what_never_changes():
    environment = ENVIRONMENTS["mountain_car"]
    begun = Statistics.begin(environment)
    for part, expected in zip(begun.normalizer(environment), environment.normalizer(), strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-6)
    still = begun.merge(jnp.asarray(5.0), jnp.array([-2.5, 0.05]), jnp.array([1.25, 5e-4]))
    centre, gain = still.normalizer(environment)
    np.testing.assert_allclose(centre, [-0.5, 0.01], rtol=1e-6)
    np.testing.assert_allclose(gain, 100 * environment.normalizer()[1], rtol=1e-5)


def test_merged_statistics_are_those_of_all(rng):
    environment = ENVIRONMENTS["mountain_car"]
    statistics, parts = Statistics.begin(environment), []
    for count in (1, 40, 7, 0):
        part = rng.normal([30.0, -2.0], [0.5, 3.0], (count, 2))
        deviations = jnp.asarray(part - np.asarray(statistics.mean), jnp.float32)
        statistics = statistics.merge(
            jnp.asarray(float(count)), deviations.sum(axis=0), (deviations**2).sum(axis=0)
        )
        parts.append(part)
    everything = np.concatenate(parts)
    assert float(statistics.number) == len(everything)
    np.testing.assert_allclose(statistics.mean, everything.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        statistics.squares / len(everything), everything.var(axis=0), rtol=1e-3
    )


@pytest.mark.parametrize("shared", [True, False])
def test_draws_during_an_episode_are_shared_or_not(shared):
    task = control("minatar_asterix", (), num_episodes=2, max_steps=40, shared_episodes=shared)
    genomes = jnp.tile(jax.random.normal(jax.random.key(2), (1, task.num_dims)), (4, 1))
    _, traits = task.evaluate(genomes, KEY)
    same = np.unique(np.asarray(traits["mean_position"])).size == 1
    assert same == shared


def test_where_nothing_is_random_one_episode_is_run():
    shown = []

    class Spy(linen.Module):
        @linen.compact
        def __call__(self, observation):
            shown.append(observation.shape)
            return linen.Dense(4)(observation)

    task = control("minatar_space_invaders", policy=Spy(), num_episodes=8, max_steps=1)
    jax.eval_shape(task, jnp.zeros((N, task.num_dims)))
    assert shown[-1] == (1, 600)


def _speed(observation, action):
    del action
    return observation[..., 1]


def test_an_environment_of_ones_own():
    mine = Environment(
        "CartPole-v1", (4,), 2, max_steps=15, traits=(Trait("mean_speed", _speed, "mean"),)
    )
    task = Control("mine", mine, linen.Dense(2), num_episodes=1)
    _, traits = task.evaluate(jnp.zeros((1, 10)), KEY)
    assert set(traits) == {"survival", "mean_speed"}
    # Nothing but zeros: always to the left, ten metres a second squared or so.
    assert -2 < float(traits["mean_speed"][0]) < -0.5
    assert task.optimum_fitness is None


def test_what_overflows_is_the_worst():
    task = control("pendulum", (8, 8), "relu", num_episodes=1, max_steps=5)
    genomes = jnp.stack([jnp.zeros(task.num_dims), 1e30 * jax.random.normal(KEY, (task.num_dims,))])
    fitness = task(genomes)
    assert np.isfinite(fitness[0])
    assert fitness[1] == np.inf


def test_bad_arguments_name_argument_expected_and_got():
    with pytest.raises(ValueError, match=r"environment: expected one of .*pendulum.*got 'pong'"):
        control("pong")
    with pytest.raises(ValueError, match="num_episodes: expected at least 1, got 0"):
        control("acrobot", num_episodes=0)
    with pytest.raises(ValueError, match=r"draws: expected one of .*got 'all'"):
        dataclasses.replace(ENVIRONMENTS["acrobot"], draws="all")
    with pytest.raises(ValueError, match=r"speed: expected over one of .*got 'max'"):
        dataclasses.replace(ENVIRONMENTS["acrobot"], traits=(Trait("speed", _speed, "max"),))

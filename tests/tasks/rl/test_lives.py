"""Lives: step by step against the equations in float64, one or many, and that learning helps."""

import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("gymnax")

from tasks.rl import ENVIRONMENTS, gridworld
from tasks.rl.codes import CODES
from tasks.rl.glm import Network
from tasks.rl.lives import Constants, _draw, live
from tasks.rl.simulator import OWN, Simulator, simulator
from tasks.rl.spiking_agents import SETTINGS

KEY = jax.random.key(11)
RULE = Constants(
    actor_rate=0.05,
    critic_rate=0.1,
    discount=0.9,
    critic_decay=0.6,
    actor_decay=0.7,
    exploration=0.2,
    gain=0.8,
    spread=1.5,
)


def small(name, max_steps, order=2, **network):
    """A setting with a small network and short episodes."""
    agents = SETTINGS[name][0].variant(order=order, **network)
    environment = dataclasses.replace(agents.environment, max_steps=max_steps)
    return dataclasses.replace(agents, environment=environment)


CARTPOLE = small("cartpole", 7, hidden=(3,), num_actors=2)
GRID = small("gridworld", 9, 0, hidden=(2,), num_actors=2, modular=True)


def paid_step(key, place, action):
    """The gridworld's step, with a reward wherever it leads, for else there is nothing to learn."""
    observation, place, reward, ended = gridworld.step(key, place, action)
    return observation, place, reward + place.row - 0.5 * place.column + 0.3, ended


def features_of(agents, observation):
    """The critic's features, and how fast each is learned."""
    if agents.order == 0:
        row, column = map(int, observation)
        return np.eye(100)[10 * row + column], np.ones(100)
    low, high = np.array(agents.ranges).T
    place = np.clip((observation - low) / (high - low), 0, 1)
    frequencies = list(itertools.product(range(agents.order + 1), repeat=len(place)))
    rates = [1 / max(1.0, math.hypot(*c)) for c in frequencies]
    return np.cos(np.pi * np.array(frequencies) @ place), np.array(rates)


def inputs_of(agents, observation):
    """What the input neurons do."""
    low, high = np.array(agents.ranges).T
    if agents.code == "scaled":
        place = np.clip((observation - low) / (high - low), 0, 1)
        return math.sqrt(3) * (2 * place - 1)[None]
    row, column = map(int, observation)
    text = f"{row:04b}"[::-1] + f"{column:04b}"[::-1] + f"{10 * row + column:07b}"[::-1]
    return np.array([1.0 if digit == "1" else -1.0 for digit in text]).reshape(5, 3)


def plain_network(agents, weights, inputs, luck):
    """Spikes, drives and what was seen, of one hidden layer and the outputs, in float64."""
    network, layers, spikes = agents.network, [], np.asarray(inputs)[None, None]
    for matrix, uniform in zip(weights, luck, strict=True):
        steps = uniform.shape[2]
        seen = np.concatenate(
            [spikes[:, :, tap : tap + steps] for tap in range(network.taps)], axis=-1
        )
        seen = np.broadcast_to(seen, (*matrix.shape[:2], *seen.shape[2:]))
        drive = RULE.gain * np.einsum("nmoi,nmsi->nmso", matrix, seen)
        spikes = np.where(uniform < 1 / (1 + np.exp(-2 * drive)), 1.0, -1.0)
        layers.append((seen, drive, spikes))
    return layers


def plain_life(agents, key, weights, num_steps):
    """One life by the equations: (weights, critic, returns, lengths)."""
    reset, step = map(jax.jit, simulator(agents.environment))
    network = agents.network
    weights = [np.asarray(matrix, np.float64) for matrix in weights]
    observation, state = reset(jax.random.split(key)[1])
    observation = np.asarray(observation, np.float64).ravel()
    values = np.zeros_like(features_of(agents, observation)[0])
    traces, critic_trace = [np.zeros_like(matrix) for matrix in weights], np.zeros_like(values)
    returns, lengths, total, length = [], [], 0.0, 0
    for time in range(1, num_steps + 1):
        luck = jax.tree.map(np.asarray, _draw(network, key, time)._replace(step=0, reset=0))
        keys = _draw(network, key, time)
        layers = plain_network(agents, weights, inputs_of(agents, observation), luck.neurons)
        outputs = layers[-1][2]
        votes = np.sum(outputs == 1, axis=(0, 2)).ravel()
        action = int(np.argmax(votes + 0.5 * luck.ties))
        if luck.explores < RULE.exploration:
            action = int(luck.action)
        after, state, reward, ended = step(keys.step, state, action)
        after = np.asarray(after, np.float64).ravel()

        features, rates = features_of(agents, observation)
        error = float(reward) - values @ features
        if not ended:
            error += RULE.discount * values @ features_of(agents, after)[0]
        critic_trace = RULE.discount * RULE.critic_decay * critic_trace + features
        values = values + RULE.critic_rate * error * rates * critic_trace
        chosen = np.eye(network.num_actions)[action].reshape(network.num_modules, 1, -1)
        sign = np.where(chosen == 1, 1.0, -outputs)
        signs = [sign if network.modular else 1.0, sign]
        for number, (seen, drive, spikes) in enumerate(layers):
            slope = RULE.gain * 2 * spikes / (1 + np.exp(2 * drive * spikes))
            change = np.einsum("nmso,nmsi->nmoi", slope * signs[number], seen)
            traces[number] = RULE.discount * RULE.actor_decay * traces[number] + change
            weights[number] = weights[number] + RULE.actor_rate * error * traces[number]

        total += agents.return_discount**length * float(reward)
        length += 1
        observation = after
        if ended or length == agents.environment.max_steps:
            returns.append(total)
            lengths.append(length)
            total, length = 0.0, 0
            traces, critic_trace = [0 * trace for trace in traces], 0 * critic_trace
            observation, state = reset(keys.reset)
            observation = np.asarray(observation, np.float64).ravel()
    return weights, values, returns, lengths


@pytest.mark.parametrize(("agents", "num_steps"), [(CARTPOLE, 30), (GRID, 40)])
def test_a_life_follows_the_equations(agents, num_steps, monkeypatch):
    if agents is GRID:
        monkeypatch.setitem(OWN, "Paid", Simulator(gridworld.reset, paid_step))
        place = dataclasses.replace(agents.environment, name="Paid")
        agents = dataclasses.replace(agents, environment=place)
    weights = agents.network.draw_weights(jax.random.key(2), 1.5)
    lives = live(
        agents,
        RULE,
        KEY[None],
        num_episodes=10,
        num_steps=num_steps,
        weights=tuple(matrix[None] for matrix in weights),
        traces=True,
    )
    expected, values, returns, lengths = plain_life(agents, KEY, weights, num_steps)
    assert len(returns) >= 3
    for ours, matrix, first in zip(lives.weights, expected, weights, strict=True):
        np.testing.assert_allclose(ours[0, 0], matrix, atol=2e-4)
        assert not np.allclose(first, matrix, atol=1e-2)
    np.testing.assert_allclose(lives.plasticity.values[0, 0], values, atol=2e-4)
    np.testing.assert_allclose(lives.returns[0, 0, : len(returns)], returns, rtol=1e-5)
    np.testing.assert_array_equal(lives.lengths[0, 0, : len(returns)], lengths)
    assert int(lives.episodes[0, 0]) == len(returns)
    assert int(lives.steps[0, 0]) == num_steps


def test_many_lives_are_single_lives_and_those_that_are_over_learn_no_more():
    agents, keys = small("cartpole", 30, hidden=(3,), num_actors=2), jax.random.split(KEY, 2)
    rules = RULE._replace(actor_rate=jnp.array([0.0, 0.05, 0.2]))
    together = live(agents, rules, keys, num_episodes=3)
    assert together.returns.shape == (3, 2, 3)
    assert int(together.episodes.min()) == int(together.episodes.max()) == 3
    assert len(np.unique(together.steps)) > 3  # some were over before others
    for i, j in ((0, 0), (1, 1), (2, 0)):
        rule = RULE._replace(actor_rate=rules.actor_rate[i : i + 1])
        alone = live(agents, rule, keys[j : j + 1], num_episodes=3)
        np.testing.assert_array_equal(alone.lengths[0, 0], together.lengths[i, j])
        for ours, other in zip(alone.weights, together.weights, strict=True):
            np.testing.assert_allclose(ours[0, 0], other[i, j], atol=1e-4)


def test_a_scan_is_the_loop_and_no_plasticity_is_a_rate_of_0():
    keys = jax.random.split(KEY, 3)
    rules = RULE._replace(actor_rate=jnp.array([RULE.actor_rate, 0.0]))
    looped = live(CARTPOLE, rules, keys, num_episodes=100, num_steps=25)
    scanned = live(CARTPOLE, rules, keys, num_steps=25)
    assert scanned.returns is None
    for ours, other in zip(scanned.weights, looped.weights, strict=True):
        np.testing.assert_allclose(ours, other, atol=1e-5)
    np.testing.assert_allclose(scanned.mean_return, looped.mean_return, rtol=1e-5)
    np.testing.assert_array_equal(scanned.episodes, looped.episodes)
    finished = np.asarray(looped.returns).sum(axis=2)
    np.testing.assert_allclose(looped.grand_total, finished + looped.total, rtol=1e-5)

    frozen = live(CARTPOLE, rules, keys, num_steps=25, plastic=False)
    assert frozen.plasticity is None
    np.testing.assert_array_equal(scanned.episodes[1], frozen.episodes[1])
    for ours, other in zip(scanned.weights, frozen.weights, strict=True):
        np.testing.assert_array_equal(ours[1], other[1])


def test_learning_has_settled_once_recent_returns_are_high():
    rules = RULE._replace(settled_return=0.0, settled_share=jnp.array([0.0, 0.0, 1.0]))
    rules = rules._replace(settled_return=jnp.array([0.0, 1e3, 0.0]))
    keys = jax.random.split(KEY, 2)
    settled, not_yet, no_less = (
        np.asarray(leaf) for leaf in live(CARTPOLE, rules, keys, num_episodes=12).weights[0]
    )
    np.testing.assert_array_equal(not_yet, no_less)
    assert not np.allclose(settled, no_less, atol=1e-3)


def test_learning_beats_no_learning():
    agents, rule = SETTINGS["cartpole"]
    agents = agents.variant(hidden=(4,), num_actors=3, order=2)
    rates = jnp.array([0.0, rule.actor_rate])
    lives = live(agents, rule._replace(actor_rate=rates), jax.random.split(KEY, 4), num_steps=3000)
    without, learned = np.asarray(lives.mean_return)
    assert learned.min() > 2 * without.max()
    assert learned.min() > 60


@pytest.mark.parametrize("name", ["spread", "actor_rate", "critic_rate", "settled_share"])
def test_negative_constants_are_refused(name):
    with pytest.raises(ValueError, match=rf"{name}: expected numbers in \[0, inf\], got -1"):
        live(CARTPOLE, RULE._replace(**{name: -1.0}), KEY[None], num_steps=1)


@pytest.mark.parametrize("name", ["discount", "critic_decay", "actor_decay", "exploration"])
def test_constants_above_1_are_refused(name):
    with pytest.raises(ValueError, match=rf"{name}: expected numbers in \[0, 1\], got 1.5"):
        live(CARTPOLE, RULE._replace(**{name: 1.5}), KEY[None], num_steps=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "num_episodes, num_steps: expected one of them, got neither"),
        ({"num_steps": 0}, "num_steps: expected at least 1, got 0"),
        ({"num_steps": 1, "keys": KEY}, r"keys: expected shape \(L,\), got \(\)"),
        ({"num_steps": 1, "weights": (jnp.zeros((1, 2, 2)),)}, "weights: expected leaves"),
        (
            {"num_steps": 1, "constants": RULE._replace(gain=jnp.ones(2), spread=jnp.ones(3))},
            "constants, weights: expected one number N of individuals",
        ),
        ({"num_steps": 1, "constants": RULE._replace(gain=0.0)}, "gain: expected more than 0"),
        (
            {"num_steps": 1, "constants": RULE._replace(actor_rate=math.nan)},
            "actor_rate: expected numbers",
        ),
    ],
)
def test_bad_calls_name_argument_expected_and_got(options, message):
    arguments = {"agents": CARTPOLE, "constants": RULE, "keys": KEY[None]} | options
    with pytest.raises(ValueError, match=message):
        live(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code": "morse"}, "code: expected one of .*'scaled'.*got 'morse'"),
        ({"code": "windows"}, r"network: expected inputs \(1, 40\).*got \(1, 4\)"),
        ({"network": Network(4, 3)}, "network: expected 2 actions, got 3"),
        ({"environment": ENVIRONMENTS["pendulum"]}, "environment: expected discrete actions"),
        ({"order": -1}, "order: expected at least 1, got -1"),
        ({"return_discount": 2.0}, "return_discount: expected numbers"),
    ],
)
def test_bad_agents_name_argument_expected_and_got(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CARTPOLE, **changes)


def test_windows_and_raw_numbers():
    ranges = ((0.0, 1.0), (-1.0, 1.0))
    found = np.asarray(CODES["windows"](jnp.array([0.4, 5.0]), ranges))
    assert found.shape == (1, 20)
    first, second = found.reshape(2, 10)
    np.testing.assert_array_equal(first, [-1, -1, 1, 1, 1, 1, 1, -1, -1, -1])
    np.testing.assert_array_equal(second, [-1] * 5 + [1] * 5)
    observation = jnp.array([0.4, 5.0])
    np.testing.assert_array_equal(CODES["raw"](observation, ranges), observation[None])

"""What a setting stands for."""

import dataclasses

import jax
import pytest

from experiments.minatar_breakout import searches
from experiments.minatar_breakout.config import Setting
from tasks.rl.simulator import simulator


def test_an_exact_evaluation_plays_both_starts():
    task = searches.task_of(Setting(epsilon=0.0))
    reset, _ = simulator(task.environment)
    keys = jax.random.split(jax.random.key(task.seed), task.num_episodes)
    _, states = jax.vmap(reset)(keys)
    assert sorted(states.ball_x.tolist()) == [0, 9]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"policy: expected one of .*got 'rnn'"):
        searches.task_of(Setting(policy="rnn"))
    task = searches.task_of(Setting(hidden=(2,)))
    with pytest.raises(ValueError, match=r"search: expected one of .*got 'hill_climbing'"):
        searches.search_of(dataclasses.replace(Setting(), search="hill_climbing"), task)

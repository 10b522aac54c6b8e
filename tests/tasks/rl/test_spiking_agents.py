"""Spiking agents as tasks: what the genome means, and what is refused."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("gymnax")

from tasks.rl.lives import live
from tasks.rl.spiking_agents import (
    SETTINGS,
    SpikingAgents,
    constants_space,
    decode_constants,
    spiking_agents,
)

KEY = jax.random.key(4)
AGENTS = SETTINGS["cartpole"][0].variant(hidden=(2,), num_actors=2, order=1)


def test_constants_lie_in_their_ranges_and_come_from_the_genome():
    genomes = jax.random.normal(KEY, (200, 8)) * 2
    constants = decode_constants(genomes)
    constants.check()
    assert np.all((constants.discount >= 0.5) & (constants.discount < 1))
    assert np.ptp(np.log10(constants.actor_rate)) > 3.5
    wanted = {
        "actor_rate": 0.02,
        "critic_rate": 0.3,
        "horizon": 50.0,
        "critic_decay": 0.9,
        "actor_decay": 0.2,
        "exploration": 0.05,
        "gain": 2.0,
        "spread": 0.5,
    }
    found = decode_constants(jnp.asarray(constants_space().encode(wanted))[None])
    wanted["discount"] = 1 - 1 / wanted.pop("horizon")
    for name, value in wanted.items():
        assert float(getattr(found, name)[0]) == pytest.approx(value, rel=1e-4), name


def test_a_genome_of_weights_is_a_network_that_does_not_learn():
    task = spiking_agents(agents=AGENTS, num_steps=30, scaling=2.0)
    assert task.num_dims == 2 * (4 * 2 + 2 * 2) == 24
    genomes = jax.random.normal(KEY, (3, 24))
    first, second = genomes[:, :16].reshape(3, 2, 1, 2, 4), genomes[:, 16:].reshape(3, 2, 1, 2, 2)
    weights = (2 * first / math.sqrt(4), 2 * second / math.sqrt(2))
    keys = jax.random.split(KEY, task.num_lives)
    lives = live(AGENTS, task.constants, keys, num_steps=30, weights=weights, plastic=False)
    fitness, traits = task.evaluate(genomes, KEY)
    np.testing.assert_allclose(fitness, -lives.mean_return.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(traits["episodes"], lives.episodes.mean(axis=1))


def test_a_genome_of_constants_learns():
    task = spiking_agents("cartpole", "constants", agents=AGENTS, num_steps=1500)
    middle = jnp.zeros((1, 8))
    wanted = {**SETTINGS["cartpole"][1]._asdict(), "horizon": 100.0, "exploration": 0.01}
    for name in ("discount", "settled_return", "settled_share"):
        del wanted[name]
    ours = jnp.asarray(constants_space().encode(wanted))[None]
    deaf = ours.at[0, sorted(wanted).index("actor_rate")].set(-1.0)  # the lowest rate
    fitness = task(jnp.concatenate([middle, ours, deaf]))
    assert fitness.shape == (3,)
    assert float(fitness[1]) < 1.5 * float(fitness[2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"environment": "chess"}, "environment: expected one of cartpole, .*got 'chess'"),
        ({"evolved": "topology"}, "evolved: expected one of .*'weights'.*got 'topology'"),
        ({"num_lives": 0}, "num_lives: expected at least 1, got 0"),
        ({"num_steps": 0}, "num_steps: expected at least 1, got 0"),
    ],
)
def test_bad_tasks_name_what_was_expected(options, message):
    with pytest.raises(ValueError, match=message):
        spiking_agents(**options)


def test_constants_of_a_task_are_checked():
    bad = SETTINGS["cartpole"][1]._replace(critic_rate=-0.1)
    with pytest.raises(ValueError, match="critic_rate: expected numbers"):
        SpikingAgents("bad", AGENTS, bad)


def test_mountain_car_runs():
    name = "mountain_car"
    agents, _ = SETTINGS[name]
    task = spiking_agents(name, agents=agents.variant(num_actors=2), num_steps=3, num_lives=1)
    assert task.name == f"spiking_{name}"
    assert np.isfinite(task(jnp.zeros((2, task.num_dims)))).all()

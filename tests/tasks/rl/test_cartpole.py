"""Cart-pole: against gymnasium step by step, its traits, and that the cart can be steered."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

pytest.importorskip("gymnasium")
pytest.importorskip("gymnax")
import gymnasium

from tasks.rl import ENVIRONMENTS, MLP, cartpole
from tasks.rl.episodes import LAST_STEPS

KEY = jax.random.key(5)
GAINS = ENVIRONMENTS["cartpole"].normalizer()[1]


def linear_genome(task, gains, bias=0.0):
    """A linear policy that pushes right where gains . (x, x', angle, angle') + bias > 0."""
    weights = np.asarray(gains, np.float64) / GAINS
    parameters = {
        "params": {
            "Dense_0": {
                "kernel": jnp.asarray(np.stack([0 * weights, weights], axis=1), jnp.float32),
                "bias": jnp.asarray([0.0, bias], jnp.float32),
            }
        }
    }
    return task.spec.ravel(jax.tree.map(lambda leaf: leaf[None], parameters), 1)


def gymnasium_episode(start, act, max_steps):
    """Positions and actions of one episode of gymnasium's CartPole-v1."""
    environment = gymnasium.make("CartPole-v1").unwrapped
    environment.reset(seed=0)
    environment.state = state = np.asarray(start, np.float64)
    positions, actions, ended = [], [], False
    while not ended and len(positions) < max_steps:
        actions.append(act(state))
        state, _, ended, *_ = environment.step(actions[-1])
        positions.append(state[0])
    return positions, actions


def test_is_gymnasiums_cart_pole():
    task = cartpole(num_episodes=3, max_steps=60)
    genomes = jax.random.normal(jax.random.key(8), (6, 58))
    fitness, traits = task.evaluate(genomes, KEY)
    starts = jax.vmap(lambda key: jax.random.uniform(key, (4,), minval=-0.05, maxval=0.05))(
        jax.random.split(KEY, 3)
    )
    lengths = []
    for member in range(6):
        layers = task.spec.unravel(np.asarray(genomes[member], np.float64))["params"]
        first, second = (
            tuple(np.asarray(layers[name][part], np.float64) for part in ("kernel", "bias"))
            for name in ("Dense_0", "Dense_1")
        )

        def act(state, first=first, second=second):
            hidden = np.tanh(state * GAINS @ first[0] + first[1])
            return int(np.argmax(hidden @ second[0] + second[1]))

        episodes = [gymnasium_episode(start, act, 60) for start in starts]
        lengths.append([len(positions) for positions, _ in episodes])
        expected = {
            "mean_position": np.mean([np.mean(x) for x, _ in episodes]),
            "final_position": np.mean([np.mean(x[-LAST_STEPS:]) for x, _ in episodes]),
            "survival": np.mean([len(x) == 60 for x, _ in episodes]),
            "pushes_right": np.mean([np.sum(a) for _, a in episodes]),
        }
        assert float(fitness[member]) == pytest.approx(-np.mean(lengths[-1]), abs=1e-4)
        for name, value in expected.items():
            assert float(traits[name][member]) == pytest.approx(value, abs=1e-3), name
    # Short and long ones, so that both ways to end and the window of last steps are in it.
    assert np.min(lengths) < LAST_STEPS < np.max(lengths)


@pytest.mark.parametrize("target", [-1.0, 0.0, 1.0])
def test_a_linear_policy_holds_the_cart_at_a_position(target):
    task = cartpole(())
    gains = np.array([0.3, 0.6, 3.0, 1.0])
    genome = linear_genome(task, gains, bias=-gains[0] * target)
    fitness, traits = task.evaluate(genome, KEY)
    assert float(fitness[0]) == task.optimum_fitness == -500
    assert float(traits["survival"][0]) == 1
    assert float(traits["final_position"][0]) == pytest.approx(target, abs=0.15)


def test_always_left():
    task = cartpole((), max_steps=10**6)  # would take minutes if it did not end by itself
    fitness, traits = task.evaluate(linear_genome(task, np.zeros(4), bias=-1.0), KEY)
    assert 7 < -float(fitness[0]) < 12
    assert float(traits["pushes_right"][0]) == float(traits["survival"][0]) == 0
    assert float(traits["mean_position"][0]) < -0.02
    np.testing.assert_allclose(traits["final_position"], traits["mean_position"], rtol=1e-5)


def test_episodes_come_from_the_key_and_are_shared_or_not():
    genomes = jnp.tile(jax.random.normal(jax.random.key(0), (1, 58)), (4, 1))
    shared, own = cartpole(seed=3), cartpole(seed=3, shared_episodes=False)
    fitness = shared(genomes)
    np.testing.assert_array_equal(fitness, shared.evaluate(genomes, jax.random.key(3))[0])
    assert np.unique(fitness).size == 1
    positions = shared.evaluate(genomes, KEY)[1]["mean_position"]
    assert np.unique(positions).size == 1
    assert positions[0] != shared.evaluate(genomes, jax.random.key(3))[1]["mean_position"][0]
    assert np.unique(own.evaluate(genomes, KEY)[1]["mean_position"]).size == 4


@pytest.mark.parametrize(("hidden", "size"), [((), 10), ((8,), 58), ((128, 128), 17_410)])
def test_number_of_parameters(hidden, size):
    assert cartpole(hidden).num_dims == size
    assert cartpole(hidden).solution.shape == (size,)


class NoBias(linen.Module):
    @linen.compact
    def __call__(self, observation):
        return linen.Dense(2, use_bias=False)(observation)


def test_any_flax_module_is_a_policy():
    task = cartpole(policy=NoBias(), num_episodes=2, max_steps=20)
    assert task.num_dims == 8
    assert task == cartpole(policy=NoBias(), num_episodes=2, max_steps=20)
    assert task(jnp.zeros((3, 8))).shape == (3,)


def test_bad_arguments_name_argument_expected_and_got():
    with pytest.raises(ValueError, match="num_episodes: expected at least 1, got 0"):
        cartpole(num_episodes=0)
    with pytest.raises(ValueError, match="max_steps: expected at least 1, got -1"):
        cartpole(max_steps=-1)
    with pytest.raises(ValueError, match=r"activation: expected one of .*'tanh'.*got 'cube'"):
        _ = cartpole(policy=MLP(activation="cube")).num_dims


def test_without_gymnax_the_install_command_is_named(monkeypatch):
    def missing(name, *args):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r'pip install "diffevo-jax\[experiments\]"'):
        cartpole()

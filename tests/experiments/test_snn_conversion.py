"""DQN's parts against hand-computed numbers; what the study says of curves."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.snn_conversion import cases
from experiments.snn_conversion.config import DQN, SMOKE
from experiments.snn_conversion.dqn import Ring, draw, loss, targets, train
from experiments.snn_conversion.sources import Unsteady
from tasks.rl import ENVIRONMENTS, MLP, control


def test_targets_by_hand():
    found = targets(
        jnp.array([[1.0, 3.0], [5.0, 2.0]]), jnp.array([0.5, 1.0]), jnp.array([False, True]), 0.9
    )
    np.testing.assert_allclose(found, [0.5 + 0.9 * 3, 1.0])


def test_the_loss_and_its_gradient_by_hand():
    # Q(s) = W s: of two observations, one error within the Huber limit and one beyond it.
    kernel = np.array([[1.0, 0.0], [2.0, 0.5]])
    parameters = {"params": {"Dense_0": {"kernel": jnp.asarray(kernel), "bias": jnp.zeros(2)}}}
    observations = jnp.array([[1.0, 0.0], [1.0, 1.0]])
    given = observations, jnp.array([0, 1]), jnp.array([0.6, 3.5])
    network = MLP((), 2)
    # Q(s, a) - target: 1 - 0.6 = 0.4 and 0.5 - 3.5 = -3
    assert float(loss(network, parameters, *given)) == pytest.approx((0.4**2 / 2 + 2.5) / 2)
    gradient = jax.grad(lambda p: loss(network, p, *given))(parameters)["params"]["Dense_0"]
    np.testing.assert_allclose(gradient["kernel"], [[0.2, -0.5], [0.0, -0.5]], atol=1e-6)
    np.testing.assert_allclose(gradient["bias"], [0.2, -0.5], atol=1e-6)


@pytest.mark.parametrize("newest", [1, 3, 9, 23])
def test_what_is_drawn_is_followed_by_what_came_after(newest):
    # 5 slots of 3 environments; everything in step g of environment e says 10 g + e.
    said = np.zeros((5, 3))
    for step in range(newest + 1):
        said[step % 5] = 10 * step + np.arange(3)
    ring = Ring(
        jnp.asarray(said[..., None].repeat(2, 2), jnp.uint8),
        jnp.asarray(said, int),
        jnp.asarray(said),
        jnp.asarray(said),
    )
    batch = draw(ring, jnp.asarray(newest), jax.random.key(0), 400)
    np.testing.assert_array_equal(batch.after, batch.observations + 10)
    for name in ("actions", "rewards", "ended"):
        np.testing.assert_array_equal(getattr(batch, name), batch.observations[:, 0])
    first = max(0, newest - 4)
    every = {10 * step + e for step in range(first, newest) for e in range(3)}
    assert set(np.asarray(batch.actions).tolist()) == every


def test_bad_settings():
    breakout, key = ENVIRONMENTS["minatar_breakout"], jax.random.key(0)
    with pytest.raises(ValueError, match="environment: expected discrete actions"):
        train(DQN(), ENVIRONMENTS["pendulum"], MLP((4,), 1), key)
    for settings in (DQN(capacity=40), DQN(warm_up=10), DQN(warm_up=200_000)):
        with pytest.raises(ValueError, match="capacity, warm_up: expected"):
            train(settings, breakout, MLP((4,), 3), key)


def test_training_waits_for_the_warm_up():
    network, breakout = MLP((3,), 3, "relu"), ENVIRONMENTS["minatar_breakout"]
    settings = DQN(num_steps=160, num_environments=4, capacity=80, batch_size=8, warm_up=80)
    with pytest.raises(ValueError, match="capacity, warm_up"):
        train(settings, breakout, network, jax.random.key(0))
    settings = dataclasses.replace(settings, capacity=120)
    found = train(settings, breakout, network, jax.random.key(0))
    assert found.returns.shape == found.losses.shape == (40,)
    assert (found.losses[:20] == 0).all()
    assert (found.losses[20:] > 0).all()
    ended = ~np.isnan(np.asarray(found.returns))
    assert ended.any()
    assert (np.asarray(found.returns)[ended] >= 0).all()


@pytest.mark.slow  # a minute
def test_dqn_learns_breakout():
    network, breakout = MLP((64,), 3, "relu"), ENVIRONMENTS["minatar_breakout"]
    settings = DQN(num_steps=500_000, num_environments=32, learning_rate=5e-4)
    found = train(settings, breakout, network, jax.random.key(0))
    tenths = [np.nanmean(part) for part in np.array_split(np.asarray(found.returns), 10)]
    assert tenths[0] < 1  # at random
    assert tenths[-1] > 3  # 4.9 in the run of the README, of another seed


def test_unsteady_individuals_meet_the_same_luck():
    task = Unsteady(control("minatar_breakout", (2,), num_episodes=3, max_steps=20), 0.5)
    genomes = jnp.tile(jax.random.normal(jax.random.key(0), (1, task.num_dims)), (3, 1))
    fitness = task(genomes)
    assert fitness.shape == (3,)
    assert len(set(np.asarray(fitness).tolist())) == 1


def test_what_is_kept_is_compared_in_pairs():
    # Two networks; the conversion keeps half and all, the network a quarter and half of its own.
    curve = {"strengths": (0.1, 0.2), "ann": np.array([[2.0, 0.0], [3.0, 1.0]])}
    found = {
        "clean": {"ann": np.array([4.0, 4.0]), "snn": np.array([2.0, 3.0])},
        "curves": {
            "noise": curve | {"snn": np.array([[1.0, 1.0], [3.0, 3.0]])},
            "attack": curve | {"snn": curve["ann"] / 2, "snn_own": 0 * curve["ann"]},
        },
    }
    tests = cases.compare(found)
    assert set(tests) == {"noise", "attack", "attack_own"}
    # The source keeps a quarter and half of its 4; the conversion half and all of its 2 and 3.
    assert tests["noise"]["kept"]["difference"] == pytest.approx((0.25 + 0.5) / 2)
    # In shares of 4: 1/4 and 3/4, less the source's 1/4 and 1/2.
    assert tests["noise"]["left"]["difference"] == pytest.approx(0.25 / 2)
    assert tests["noise"]["left"]["higher"] == 0.5
    assert tests["attack_own"]["kept"]["difference"] == pytest.approx(-(0.25 + 0.5) / 2)


def test_a_bar_hides_rows_of_one_network_as_of_another():
    both = cases.hidden(SMOKE, 2, 3, 2, 0.0)
    one = jax.tree.map(lambda leaf: leaf[1], both)
    seen = np.asarray(one(jax.random.key(0), jnp.ones((SMOKE.num_episodes, 10, 10, 4))))
    assert (seen[:, 3:5] == 0).all()
    assert (np.delete(seen, [3, 4], axis=1) == 1).all()

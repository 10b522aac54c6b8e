"""Perturbations do what they say, and `play` is the plain loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("gymnax")

from tasks.rl import ENVIRONMENTS, MLP, IntegrateAndFire, Recurrent, control
from tasks.rl.perturbations import Attack, Both, Missing, Noise, Occlusion, play
from tasks.rl.policies import parameter_spec
from tasks.rl.simulator import simulator

KEY = jax.random.key(8)
BREAKOUT = control("minatar_breakout", max_steps=60).environment
POLICY = MLP((6,), 3, "relu")
SHAPE = (40, 10, 10, 4)


@pytest.fixture(scope="module")
def parameters():
    spec = parameter_spec(POLICY, BREAKOUT.num_inputs)
    return spec.unravel(jax.random.normal(jax.random.key(1), (spec.num_dims,)))


def test_occlusion():
    ones = jnp.ones(SHAPE)
    seen = np.array(Occlusion(3, 2)(KEY, ones))
    assert (seen[:, 3:5] == 0).all()
    assert (np.delete(seen, [3, 4], axis=1) == 1).all()
    assert (Occlusion(0, 0)(KEY, ones) == 1).all()
    assert (Occlusion(0, 10)(KEY, ones) == 0).all()
    each = np.array(Occlusion(jnp.arange(40) % 10, 1)(KEY, ones))
    for episode in range(40):
        assert (each[episode, episode % 10] == 0).all()
        assert each[episode].sum() == 9 * 10 * 4


def test_missing_pixels():
    seen = np.array(Missing(0.3)(KEY, jnp.ones(SHAPE)))
    assert (seen == seen[..., :1]).all()  # in all planes
    share = 1 - seen[..., 0].mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 4000)
    assert (Missing(0.0)(KEY, jnp.ones(SHAPE)) == 1).all()
    assert (Missing(1.0)(KEY, jnp.ones(SHAPE)) == 0).all()


def test_noise():
    added = np.array(Noise(0.5)(KEY, jnp.ones(SHAPE))) - 1
    assert abs(added.mean()) < 4 * 0.5 / np.sqrt(added.size)
    assert added.std() == pytest.approx(0.5, rel=0.03)
    assert (Noise(0.0)(KEY, jnp.ones(SHAPE)) == 1).all()


def test_both():
    ones = jnp.ones(SHAPE)
    seen = np.array(Both(Occlusion(0, 5), Missing(0.5))(KEY, ones))
    assert (seen[:, :5] == 0).all()
    assert 0.4 < seen[:, 5:].mean() < 0.6
    added = Both(Noise(1.0), Noise(1.0))(KEY, ones) - 1
    assert float(added.std()) == pytest.approx(np.sqrt(2), rel=0.03)  # of keys of their own


def test_an_attack_on_a_linear_network_is_what_calculus_says(rng):
    kernel = rng.normal(size=(400, 3)).astype(np.float32)
    parameters = {"params": {"Dense_0": {"kernel": jnp.asarray(kernel), "bias": jnp.zeros(3)}}}
    observations = rng.uniform(size=SHAPE).astype(np.float32)
    seen = Attack(0.1, parameters, MLP((), 3))(KEY, jnp.asarray(observations))
    flat = observations.reshape(40, 400)
    outputs = flat @ kernel
    order = np.argsort(outputs, axis=1)
    direction = np.sign(kernel[:, order[:, -2]] - kernel[:, order[:, -1]]).T
    expected = np.clip(flat + 0.1 * direction, 0, 1)
    np.testing.assert_allclose(np.reshape(seen, (40, 400)), expected, atol=1e-6)


def test_attacks_take_the_advantage_from_the_chosen_action(parameters):
    spiking = IntegrateAndFire((6,), 3, 20)
    observations = jax.random.uniform(KEY, SHAPE)
    flat = observations.reshape(40, -1)
    # As large as an integrate-and-fire layer can say.
    parameters = jax.tree.map(lambda leaf: 0.02 * leaf, parameters)
    for network in (POLICY, spiking):
        assert (Attack(0.0, parameters, network)(KEY, observations) == observations).all()
        seen = Attack(0.2, parameters, network)(KEY, observations).reshape(40, -1)
        assert float(jnp.abs(seen - flat).max()) <= 0.2 + 1e-6
        assert float(seen.min()) >= 0
        assert float(seen.max()) <= 1
        before, after = (network.apply(parameters, shown) for shown in (flat, seen))
        chosen = jnp.argmax(before, axis=1)[:, None]

        def advantage(outputs, chosen=chosen):
            others = outputs.at[jnp.arange(40), chosen[:, 0]].set(-jnp.inf)
            return jnp.take_along_axis(outputs, chosen, 1)[:, 0] - jnp.max(others, axis=1)

        assert float(jnp.mean(advantage(after) < advantage(before))) > 0.9


def plain_loop(environment, policy, parameters, key, first):
    """The return of one episode whose first observation is given, in Python."""
    reset, step = map(jax.jit, simulator(environment))
    observation, state = next(
        start for start in map(reset, jax.random.split(key, 20)) if (start[0] == first).all()
    )
    total = 0.0
    for _ in range(environment.max_steps):
        action = jnp.argmax(policy.apply(parameters, observation.ravel()))
        observation, state, reward, ended = step(key, state, action)
        total += float(reward)
        if ended:
            break
    return total


def test_play_is_the_plain_loop(parameters):
    returns, seen, alive = play(BREAKOUT, POLICY, parameters, KEY, 8, keep_observations=True)
    assert seen.shape == (60, 8, 400)
    assert alive.shape == (60, 8)
    firsts = np.asarray(seen[0]).reshape(8, 10, 10, 4)
    expected = {}
    for i in range(8):
        start = firsts[i].tobytes()
        if start not in expected:
            expected[start] = plain_loop(BREAKOUT, POLICY, parameters, KEY, firsts[i])
        assert float(returns[i]) == expected[start]
    assert len(expected) == 2  # there are two starts
    again = play(BREAKOUT, POLICY, parameters, KEY, 8)
    np.testing.assert_array_equal(again, returns)


def test_what_is_hidden_is_not_seen(parameters):
    everything = Occlusion(0, 10)
    returns, seen, _ = play(
        BREAKOUT, POLICY, parameters, KEY, 8, perturbation=everything, keep_observations=True
    )
    assert (seen == 0).all()
    biases = jax.tree.map(lambda leaf: leaf if leaf.ndim == 1 else 0 * leaf, parameters)
    np.testing.assert_array_equal(returns, play(BREAKOUT, POLICY, biases, KEY, 8))


def test_epsilon_draws_actions(parameters):
    # With random actions only, what the policy says is of no account.
    other = jax.tree.map(jnp.negative, parameters)
    one, two = (play(BREAKOUT, POLICY, p, KEY, 200, epsilon=1.0) for p in (parameters, other))
    np.testing.assert_array_equal(one, two)
    assert 0.2 < one.mean() < 1


def test_strengths_compile_nothing_new(parameters):
    def go(share, epsilon):
        play(BREAKOUT, POLICY, parameters, KEY, 8, perturbation=Missing(share), epsilon=epsilon)
        return play._cache_size()

    assert go(0.1, 0.05) == go(0.4, 0.2)


def test_bad_input(parameters):
    with pytest.raises(ValueError, match="policy: expected one without memory, got Recurrent"):
        play(BREAKOUT, Recurrent(), parameters, KEY, 4)
    with pytest.raises(ValueError, match="environment: expected discrete actions"):
        play(ENVIRONMENTS["pendulum"], MLP(), parameters, KEY, 4)
    with pytest.raises(ValueError, match="num_episodes: expected at least 1, got 0"):
        play(BREAKOUT, POLICY, parameters, KEY, 0)

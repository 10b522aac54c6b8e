"""Gymnax's transitions against Gymnasium's, step by step, and every difference there is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("gymnax")
import gymnasium

from tasks.rl import ENVIRONMENTS
from tasks.rl.simulator import MENDS, gymnax, simulator

TOLERANCE = 1e-4
NUM = 200
ANGLE, WALL = np.pi, -1.2

# Of every state variable: its name in gymnax and how far it goes in an episode.
VARIABLES = {
    "cartpole": {"x": 2.4, "x_dot": 3, "theta": np.radians(12), "theta_dot": 3},
    "acrobot": {"joint_angle1": ANGLE, "joint_angle2": ANGLE, "velocity_1": 12, "velocity_2": 28},
    "mountain_car": {"position": 1.2, "velocity": 0.07},
    "mountain_car_continuous": {"position": 1.2, "velocity": 0.07},
    "pendulum": {"theta": 2 * ANGLE, "theta_dot": 8},
}
START = {
    "cartpole": [0.05] * 4,
    "acrobot": [0.1] * 4,
    "mountain_car": [0.6, 0.0],
    "mountain_car_continuous": [0.6, 0.0],
    "pendulum": [ANGLE, 1.0],
}
CLASSIC = tuple(VARIABLES)
STARTS_ALIKE = ("minatar_asterix", "gridworld")  # and draw in every step


def tried(name, rng):
    """States (NUM, variables) and actions, among them the corners of what is tried."""
    high = np.array(list(VARIABLES[name].values()))
    states = rng.uniform(-high, high, (NUM, len(high)))
    states[: 2 ** len(high)] = np.stack(
        np.meshgrid(*[[-0.999 * side, 0.999 * side] for side in high]), axis=-1
    ).reshape(-1, len(high))
    environment = ENVIRONMENTS[name]
    if "mountain_car" in name:
        states[:, 0] = np.clip(states[:, 0], WALL, 0.449)  # the goal is from 0.45 or 0.5 on
    if environment.action_limit is None:
        return states, rng.integers(environment.num_outputs, size=NUM)
    limit = environment.action_limit
    return states, rng.uniform(-limit, limit, (NUM, environment.num_outputs))


def step_gymnax(name, step, states, actions):
    """(observations, rewards, ends) of one step from each state."""
    _, template = simulator(ENVIRONMENTS[name]).reset(jax.random.key(0))
    variables = dict(zip(VARIABLES[name], jnp.asarray(states, jnp.float32).T, strict=True))
    batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (NUM, *leaf.shape)), template)
    dtype = jnp.int32 if ENVIRONMENTS[name].action_limit is None else jnp.float32
    observations, _, rewards, ends = jax.jit(jax.vmap(step, (None, 0, 0)))(
        jax.random.key(0), batch.replace(**variables), jnp.asarray(actions, dtype)
    )
    return observations, rewards, ends


def step_gymnasium(name, states, actions):
    """The same in Gymnasium, whose states are float64."""
    game = gymnasium.make(ENVIRONMENTS[name].name).unwrapped
    results = []
    for state, action in zip(states, actions, strict=True):
        game.reset(seed=0)
        game.state = np.array(state, np.float64)
        observation, reward, ended, *_ = game.step(action)
        results.append((observation, reward, ended))
    return tuple(np.array(part) for part in zip(*results, strict=True))


@pytest.mark.parametrize("name", CLASSIC)
def test_a_step_is_gymnasiums(name, rng):
    states, actions = tried(name, rng)
    ours = step_gymnax(name, simulator(ENVIRONMENTS[name]).step, states, actions)
    theirs = step_gymnasium(name, states, actions)
    for part, expected in zip(ours[:2], theirs[:2], strict=True):
        np.testing.assert_allclose(part, expected, rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_array_equal(ours[2], theirs[2])
    if name != "pendulum":
        assert 0 < np.mean(theirs[2]) < 1


@pytest.mark.parametrize("name", CLASSIC)
def test_starts_and_time_limit_are_gymnasiums(name):
    environment = ENVIRONMENTS[name]
    assert gymnasium.spec(environment.name).max_episode_steps == environment.max_steps
    assert environment.observation_shape == gymnasium.make(environment.name).observation_space.shape
    _, states = jax.vmap(simulator(environment).reset)(jax.random.split(jax.random.key(1), 2000))
    game = gymnasium.make(environment.name).unwrapped
    theirs = []
    for seed in range(500):
        game.reset(seed=seed)
        theirs.append(game.state)
    for i, variable in enumerate(VARIABLES[name]):
        values, expected = np.asarray(getattr(states, variable)), np.array(theirs)[:, i]
        assert np.abs(values).max() <= START[name][i] + 1e-6
        # Both uniform: means within five standard errors of 500, spreads within a tenth.
        error = 5 * expected.std() / np.sqrt(500)
        assert values.mean() == pytest.approx(expected.mean(), abs=error + 1e-9)
        assert values.std() == pytest.approx(expected.std(), rel=0.1, abs=1e-9)


def test_difference_mended_a_car_at_the_left_wall_stands_still(rng):
    name = "mountain_car_continuous"
    game, constants = gymnax().make(ENVIRONMENTS[name].name)

    def unmended(key, state, action):
        observation, state, reward, ended, _ = game.step_env(key, state, action, constants)
        return observation, state, reward, ended

    states, actions = tried(name, rng)
    states[:, 0] = np.where(np.arange(NUM) < NUM // 2, WALL + 0.01, states[:, 0])
    observations = np.asarray(step_gymnax(name, unmended, states, actions)[0])
    expected = step_gymnasium(name, states, actions)[0]
    wrong = ~np.isclose(observations, expected, rtol=TOLERANCE, atol=TOLERANCE)
    assert set(MENDS) == {ENVIRONMENTS[name].name}
    assert wrong[:, 1].any()
    assert (wrong[:, 1] <= ((expected[:, 0] == np.float32(WALL)) & (expected[:, 1] == 0))).all()
    assert not wrong[:, 0].any()


def test_difference_an_angle_of_pi_is_minus_pi():
    from gymnasium.envs.classic_control import acrobot
    from gymnax.environments.classic_control.acrobot import wrap

    assert acrobot.wrap(ANGLE, -ANGLE, ANGLE) == ANGLE
    assert float(wrap(jnp.float32(ANGLE), -jnp.pi, jnp.pi)) == pytest.approx(-ANGLE)
    # The observation holds sine and cosine, which are the same.


@pytest.mark.parametrize("name", CLASSIC)
def test_float32_stays_with_gymnasium_for_an_episode(name, rng):
    environment = ENVIRONMENTS[name]
    reset, step = simulator(environment)
    _, start = reset(jax.random.key(2))
    _, actions = tried(name, rng)

    def advance(state, action):
        observation, state, reward, ended = step(jax.random.key(0), state, action)
        return state, (observation, reward, ended)

    dtype = jnp.int32 if environment.action_limit is None else jnp.float32
    _, ours = jax.jit(lambda: jax.lax.scan(advance, start, jnp.asarray(actions, dtype)))()
    game = gymnasium.make(environment.name).unwrapped
    game.reset(seed=0)
    game.state = np.array([float(getattr(start, part)) for part in VARIABLES[name]])
    for action, *our_step in zip(actions, *map(np.asarray, ours), strict=True):
        observation, reward, ended, *_ = game.step(action)
        np.testing.assert_allclose(our_step[0], observation, atol=1e-3)
        np.testing.assert_allclose(our_step[1], reward, atol=1e-3)
        assert our_step[2] == ended
        if ended:
            break


@pytest.mark.parametrize("name", [name for name in ENVIRONMENTS if name != "swimmer"])
def test_what_is_random_is_what_the_environment_says(name):
    environment = ENVIRONMENTS[name]
    reset, step = simulator(environment)
    observations, states = jax.vmap(reset)(jax.random.split(jax.random.key(0), 8))
    assert observations.reshape(8, -1).shape == (8, environment.num_inputs)
    varies = any(np.ptp(np.asarray(leaf, float), axis=0).any() for leaf in jax.tree.leaves(states))
    assert varies == (environment.draws != "nothing" and name not in STARTS_ALIKE)
    action = jax.eval_shape(environment.action, jnp.zeros(environment.num_outputs))
    state = jax.tree.map(lambda leaf: leaf[0], states)
    traced = jax.make_jaxpr(step)(jax.random.key(0), state, jnp.zeros_like(action)).jaxpr
    uses_key = any(traced.invars[0] is var for line in traced.eqns for var in line.invars)
    noise_of_width_0 = name == "acrobot"
    assert uses_key == (environment.draws == "steps" or noise_of_width_0)

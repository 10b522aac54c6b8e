"""An episode step by step is the one that is evaluated, and its frames differ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.rl import ENVIRONMENTS, Control, Environment, Recurrent, control, watch
from tasks.rl.policies import MLP

Image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize(
    ("name", "policy"),
    [("cartpole", Recurrent("elman", 3, 2)), ("minatar_asterix", MLP((), 5))],
)
def test_it_is_the_episode_that_is_evaluated(name, policy):
    task = control(name, policy=policy, num_episodes=2, max_steps=40)
    one = control(name, policy=policy, num_episodes=1, max_steps=40)
    genome = jax.random.normal(jax.random.key(1), (task.num_dims,))
    key = jax.random.key(2)
    episode = watch.play(one, genome, key)
    fitness, _ = one.evaluate(genome[None], key)
    assert episode.rewards.sum() == pytest.approx(-float(fitness[0]))
    length = len(episode.rewards)
    assert 1 <= length <= 40
    assert len(episode.actions) == length
    assert episode.observations.shape == (length + 1, task.environment.num_inputs)
    assert np.ptp(episode.observations, axis=0).max() > 0


def test_a_gif_moves(tmp_path):
    task = control("cartpole", (2,), num_episodes=1, max_steps=20)
    episode = watch.play(task, jnp.zeros(task.num_dims), jax.random.key(0))
    frames = [watch.frame(task.environment, one) for one in episode.observations]
    watch.write(tmp_path / "cart.gif", frames, 40)
    with Image.open(tmp_path / "cart.gif") as gif:
        assert gif.format == "GIF"
        assert 5 < gif.n_frames <= len(frames)  # Pillow joins equal ones
        shown = set()
        for number in range(gif.n_frames):
            gif.seek(number)
            shown.add(gif.convert("RGB").tobytes())
    assert len(shown) > 5


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
def test_another_observation_is_another_picture(name, rng):
    environment = ENVIRONMENTS[name]
    if len(environment.observation_shape) == 3:
        observations = rng.integers(0, 2, (2, environment.num_inputs))
    else:
        low, high = np.asarray(environment.ranges).T
        observations = 0.4 * rng.uniform(low, high, (2, environment.num_inputs))
    one, other = (watch.frame(environment, observation) for observation in observations)
    assert one.size == other.size
    assert one.tobytes() != other.tobytes()


def test_the_pendulum_points_where_gymnasiums_does():
    # cos, sin of a quarter turn against the clock: the rod lies to the left.
    picture = np.asarray(watch.frame(ENVIRONMENTS["pendulum"], np.array([0.0, 1.0, 0.0])))
    blue = np.argwhere((picture == (0x00, 0x72, 0xB2)).all(axis=2))
    middle = picture.shape[1] / 2
    assert blue[:, 1].mean() < middle - 40


def test_bad_arguments_name_argument_expected_and_got(tmp_path):
    task = control("cartpole", (2,), num_episodes=1, max_steps=5)
    with pytest.raises(ValueError, match=r"genome: expected shape \(16,\), got \(3,\)"):
        watch.play(task, jnp.zeros(3), jax.random.key(0))
    with pytest.raises(ValueError, match="frames: expected at least one"):
        watch.write(tmp_path / "none.gif", [])
    other = Environment("LunarLander-v3", (8,), 4, max_steps=10)
    with pytest.raises(ValueError, match=r"environment: expected one of .*got 'LunarLander-v3'"):
        watch.frame(Control("lander", other, MLP((), 4)).environment, np.zeros(8))

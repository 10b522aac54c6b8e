"""What is trained on, and samplers against a Gaussian whose denoiser is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import schedules
from diffevo.denoiser import process

PREDICTIONS = ["eps", "x0", "v", "flow"]
ALPHAS = schedules.cosine(100)
MEAN, STD = 0.7, 0.4


def gaussian(x, alpha):
    """E[x0 | x] for data N(MEAN, STD^2)."""
    gain = jnp.sqrt(alpha) * STD**2 / (alpha * STD**2 + 1.0 - alpha)
    return MEAN + gain * (x - jnp.sqrt(alpha) * MEAN)


def test_level_runs_from_noise_to_clean():
    times = jnp.asarray([1.0, 0.75, 0.5, 0.125, 0.0, -1.0, 2.0])
    expected = np.interp(1 - np.clip(times, 0, 1), np.linspace(0, 1, 101), ALPHAS)
    np.testing.assert_allclose(process.level(ALPHAS, times), expected, rtol=1e-5)


@pytest.mark.parametrize("start", [1.0, 0.3])
def test_boundaries_end_clean(start):
    alphas = process.boundaries(ALPHAS, 7, start)
    assert alphas.shape == (8,)
    np.testing.assert_allclose(alphas[0], process.level(ALPHAS, start), rtol=1e-6)
    assert alphas[-1] == 1.0
    assert np.all(np.diff(alphas) > 0)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_target_stands_for_the_origin(rng, prediction):
    x0, eps = (jnp.asarray(rng.normal(size=(6, 3)), jnp.float32) for _ in range(2))
    for alpha in (0.01, 0.5, 0.99):
        x, target = process.training_pair(prediction, x0, eps, jnp.full(6, alpha))
        np.testing.assert_allclose(x, alpha**0.5 * x0 + (1 - alpha) ** 0.5 * eps, atol=1e-6)
        back = process.estimate_x0(prediction, target, x, jnp.float32(alpha), 10.0)
        np.testing.assert_allclose(back, x0, atol=2e-5)


def test_targets_are_the_named_quantities_less_the_gaussian_guess(rng):
    x0, eps = (jnp.asarray(rng.normal(size=(6, 3)), jnp.float32) for _ in range(2))
    a, s = 0.8, 0.6
    known = {
        "eps": lambda x: eps - s * x,
        "x0": lambda x: a * x - x0,
        "v": lambda x: a * eps - s * x0,
        "flow": lambda x: (eps - x0) - (s - a) * x,
    }
    for prediction, expected in known.items():
        x, target = process.training_pair(prediction, x0, eps, jnp.full(6, a**2))
        np.testing.assert_allclose(target, expected(x), atol=1e-5)


def test_estimates_are_clamped():
    x, output = jnp.full((1, 2), 50.0), jnp.zeros((1, 2))
    np.testing.assert_array_equal(
        process.estimate_x0("v", output, x, jnp.float32(0.5), 3.0), [[3.0, 3.0]]
    )


@pytest.mark.parametrize(("sampler", "noise_scale"), [("ddim", 0.0), ("ddim", 1.0), ("heun", 0.0)])
def test_samplers_draw_the_gaussian(key, sampler, noise_scale):
    num, steps = 4000, 40
    start = jax.random.normal(key, (num, 1))
    keys = jax.random.split(jax.random.fold_in(key, 1), steps)
    alphas = process.boundaries(ALPHAS, steps)
    draws = process.sample(gaussian, keys, start, alphas, sampler, noise_scale)
    # Three standard errors, and the error of so few steps: DDPM's noise is a lower bound.
    assert float(draws.mean()) == pytest.approx(MEAN, abs=3 * STD / num**0.5 + 0.01)
    few = 0.1 if noise_scale else 0.03
    assert float(draws.std()) == pytest.approx(STD, rel=3 / (2 * num) ** 0.5 + few)


def test_ddim_without_noise_is_eulers_flow(key):
    """y = x / (a + s), t = s / (a + s), dy/dt = (y - x0) / t, written out."""
    alphas = process.boundaries(ALPHAS, 8)
    x = jax.random.normal(key, (5, 2))
    sampled = process.denoise(gaussian, jax.random.split(key, 8), x, alphas, 0.0)
    a, s = np.sqrt(alphas), np.sqrt(1 - np.asarray(alphas))
    t = s / (a + s)
    y = np.asarray(x) / (a + s)[0]
    for i in range(8):
        origin = gaussian(y * (a + s)[i], alphas[i])
        y = y + (t[i + 1] - t[i]) * (y - origin) / t[i]
    np.testing.assert_allclose(sampled, y, atol=1e-5)


def test_heun_is_of_second_order(key):
    x = jax.random.normal(key, (50, 1))

    def error(sampler, steps):
        def run(sampler, steps):
            alphas = process.boundaries(ALPHAS, steps)
            keys = jax.random.split(key, steps)
            return process.sample(gaussian, keys, x, alphas, sampler, 0.0)

        return float(jnp.abs(run(sampler, steps) - run("heun", 400)).mean())

    assert error("heun", 16) < 0.6 * error("ddim", 32)  # at equal calls of the network
    assert error("heun", 16) < error("heun", 8) / 2.5


def test_mutation_of_time_zero_changes_nothing_and_little_time_changes_little(rng):
    x0, eps = (jnp.asarray(rng.normal(size=(2000, 2)), jnp.float32) for _ in range(2))
    np.testing.assert_allclose(process.mutate(x0, ALPHAS, 0.0, eps), x0, atol=1e-6)
    distances = []
    for time in (0.002, 0.02, 0.2, 1.0):
        moved = process.mutate(x0, ALPHAS, time, eps)
        distances.append(float(jnp.std(moved - x0)))
        # A unit Gaussian stays one.
        assert float(moved.std()) == pytest.approx(1.0, abs=0.05)
    assert distances[0] > 1e-3, "a rate below one step of the schedule is noise too"
    assert np.all(np.diff(distances) > 0)

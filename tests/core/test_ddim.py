"""The reverse and the forward step against the equations and the laws of their variances."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import ddim, schedules
from tests.reference import oracle

SHAPES = [(1, 1), (3, 2), (17, 1000), (2000, 3), (2, 20000)]


def steps(*lengths):
    """(name, alpha, alpha') of the first, the middle and the last move of every schedule."""
    for (name, schedule), length in itertools.product(schedules.SCHEDULES.items(), lengths):
        alphas = np.asarray(schedule(length))
        for generation in sorted({0, length // 2, length - 1}):
            yield f"{name}({length})[{generation}]", alphas[generation], alphas[generation + 1]


def draws(rng, shape, count):
    return [jnp.asarray(rng.normal(size=shape), jnp.float32) for _ in range(count)]


@pytest.mark.parametrize("noise_scale", [0.0, 0.1, 0.5, 1.0])
def test_sigma_is_the_authors(noise_scale):
    for name, alpha, alpha_next in steps(1, 25, 1000):
        expected = oracle.sigma(alpha, alpha_next, noise_scale)
        actual = ddim.sigma(alpha, alpha_next, np.float32(noise_scale))
        # 1 - alpha / alpha' of neighbouring levels cancels; relative to the noise that is left.
        left = np.sqrt(1 - np.float64(alpha_next))
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * left, err_msg=name)


@pytest.mark.parametrize("noise_scale", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_reverse_step_is_the_papers(rng, shape, noise_scale):
    step = jax.jit(ddim.reverse_step)
    population, x0, noise = draws(rng, shape, 3)
    for name, alpha, alpha_next in steps(1, 25, 1000):
        actual = step(population, x0, alpha, alpha_next, noise, np.float32(noise_scale))
        expected = oracle.reverse_step(population, x0, alpha, alpha_next, noise, noise_scale)
        assert actual.dtype == jnp.float32
        scale = max(1.0, np.abs(population).max())
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale, err_msg=name)


@pytest.mark.parametrize("noise_scale", [0.0, 0.1, 1.0, 1.5, 2.0, 100.0])
def test_finite_for_every_noise_scale(rng, noise_scale):
    population, x0, noise = draws(rng, (4, 3), 3)
    for name, alpha, alpha_next in steps(1, 2, 25, 1000):
        fresh = ddim.sigma(alpha, alpha_next, np.float32(noise_scale))
        assert np.isfinite(fresh), name
        assert 0 <= fresh <= np.sqrt(1 - np.float64(alpha_next)) * (1 + 1e-6), name
        moved = ddim.reverse_step(population, x0, alpha, alpha_next, noise, np.float32(noise_scale))
        assert np.all(np.isfinite(moved)), name


def test_no_noise_is_deterministic(rng):
    population, x0, noise, other = draws(rng, (5, 2), 4)
    one, two = (ddim.reverse_step(population, x0, 0.2, 0.4, n, 0.0) for n in (noise, other))
    np.testing.assert_array_equal(one, two)


def test_ddpm_is_the_posterior_of_the_forward_process(rng):
    # noise_scale 1: mean and variance of q(x' | x, x0), Ho et al. eq. 7, for beta = 1 - a / a'.
    alpha, alpha_next = 0.2, 0.5
    arguments = draws(rng, (6, 3), 3)
    population, x0, noise = map(np.asarray, arguments)
    ratio = alpha / alpha_next
    mean = (
        np.sqrt(alpha_next) * (1 - ratio) / (1 - alpha) * x0
        + np.sqrt(ratio) * (1 - alpha_next) / (1 - alpha) * population
    )
    std = np.sqrt((1 - alpha_next) / (1 - alpha) * (1 - ratio))
    actual = ddim.reverse_step(*arguments[:2], alpha, alpha_next, arguments[2], 1.0)
    np.testing.assert_allclose(actual, mean + std * noise, atol=1e-5)


@pytest.mark.parametrize("noise_scale", [0.0, 0.4, 1.0])
def test_reverse_step_lands_on_the_next_level(rng, noise_scale):
    # x = sqrt(a) x0 + sqrt(1 - a) eps becomes sqrt(a') x0 + noise of variance 1 - a'.
    alpha, alpha_next = 0.3, 0.7
    x0, epsilon, noise = draws(rng, (100_000, 1), 3)
    population = jnp.float32(np.sqrt(alpha)) * x0 + jnp.float32(np.sqrt(1 - alpha)) * epsilon
    moved = np.asarray(ddim.reverse_step(population, x0, alpha, alpha_next, noise, noise_scale))
    rest = moved - np.sqrt(alpha_next) * np.asarray(x0)
    # The standard error of a variance from n normal draws is variance sqrt(2 / n); 5 of them.
    assert abs(np.var(rest) - 0.3) < 5 * 0.3 * np.sqrt(2 / 100_000)
    assert abs(np.mean(rest)) < 5 * np.sqrt(0.3 / 100_000)
    assert abs(np.mean(rest * np.asarray(x0))) < 5 * np.sqrt(0.3 / 100_000)


def test_the_true_origin_is_reached(rng):
    population, x0, noise = draws(rng, (5, 2), 3)
    arrived = ddim.reverse_step(population, x0, 0.3, 1.0, noise, 1.0)
    np.testing.assert_allclose(arrived, x0, atol=1e-6)


@pytest.mark.parametrize(("alpha", "alpha_next"), [(0.999, 0.5), (1.0, 0.001), (0.4, 0.4)])
def test_forward_is_the_law_of_the_variance(rng, alpha, alpha_next):
    x0, epsilon, noise = draws(rng, (100_000, 1), 3)
    population = jnp.float32(np.sqrt(alpha)) * x0 + jnp.float32(np.sqrt(1 - alpha)) * epsilon
    noisier = np.asarray(ddim.forward(population, alpha, alpha_next, noise))
    ratio = alpha_next / alpha
    expected = np.sqrt(ratio) * np.asarray(population) + np.sqrt(1 - ratio) * np.asarray(noise)
    np.testing.assert_allclose(noisier, expected, atol=1e-5)
    # Together with the noise that was there: as if x0 had been noised to alpha' at once.
    rest = noisier - np.sqrt(alpha_next) * np.asarray(x0)
    variance = 1 - alpha_next
    assert abs(np.var(rest) - variance) < 5 * variance * np.sqrt(2 / 100_000)


def test_forward_then_back_with_the_true_origin_keeps_the_law(rng):
    x0, epsilon, *noises = draws(rng, (100_000, 1), 4)
    population = 0.9**0.5 * x0 + 0.1**0.5 * epsilon
    noisier = ddim.forward(population, 0.9, 0.2, noises[0])
    back = np.asarray(ddim.reverse_step(noisier, x0, 0.2, 0.9, noises[1], 1.0))
    rest = back - np.sqrt(0.9) * np.asarray(x0)
    assert abs(np.var(rest) - 0.1) < 5 * 0.1 * np.sqrt(2 / 100_000)


def test_float64_is_float64(rng):
    with jax.enable_x64(True):
        population, x0, noise = map(jnp.asarray, rng.normal(size=(3, 7, 2)))
        actual = ddim.reverse_step(population, x0, 0.2, 0.4, noise, 0.7)
        expected = oracle.reverse_step(population, x0, 0.2, 0.4, noise, 0.7)
        assert actual.dtype == jnp.float64
        np.testing.assert_allclose(actual, expected, atol=1e-13)

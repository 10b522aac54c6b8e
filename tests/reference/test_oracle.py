"""The oracle itself, against the equations typed out once more, one member at a time."""

import pathlib

import numpy as np
import pytest

from tests.reference import oracle


def brute_force_x0(population, g, alpha, latent):
    def density(i, j):
        return g[j] * np.exp(-sum((latent[i] - alpha**0.5 * latent[j]) ** 2) / (2 * (1 - alpha)))

    pairs = range(len(population))
    return np.array(
        [
            sum(density(i, j) * population[j] for j in pairs) / sum(density(i, j) for j in pairs)
            for i in pairs
        ]
    )


@pytest.mark.parametrize("alpha", [0.001, 0.4, 0.9])
@pytest.mark.parametrize("num_latent_dims", [None, 2])
def test_estimate_x0_is_the_double_loop(rng, alpha, num_latent_dims):
    population, g = rng.normal(size=(7, 3)), rng.uniform(0.1, 5.0, size=7)
    latent = None if num_latent_dims is None else rng.normal(size=(7, num_latent_dims))
    expected = brute_force_x0(population, g, alpha, population if latent is None else latent)
    actual = oracle.estimate_x0(population, np.log(g), alpha, latent)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_both_ways_to_distances_agree(rng):
    queries, keys = rng.normal(size=(260, 400)), rng.normal(size=(250, 400))
    assert queries.shape[0] * keys.size > 2e7
    by_product = oracle.squared_distances(queries, keys)
    np.testing.assert_allclose(
        by_product[:50], oracle.squared_distances(queries[:50], keys), rtol=1e-12
    )


@pytest.mark.parametrize("alpha", [0.1, 0.99, 0.999])
def test_uncertainty_bounds_what_rounded_inputs_do(rng, alpha):
    population, log_weights = rng.normal(size=(40, 8)), rng.uniform(-9, 0, size=40)
    log_weights[::2] = -np.inf
    rounded = population.astype(np.float32), log_weights.astype(np.float32)
    moved = oracle.estimate_x0(*rounded, alpha) - oracle.estimate_x0(population, log_weights, alpha)
    distances = np.linalg.norm(moved, axis=1)
    # u times x itself is not counted: it is there whatever the weights are.
    bounds = oracle.x0_uncertainty(population, log_weights, alpha) + 2.0**-24 * 5
    assert np.all(distances <= bounds)
    # Of the right order: random signs make the sums smaller than their bounds, not much smaller.
    assert distances.max() > 0.003 * bounds.max()


@pytest.mark.parametrize("alpha", [0.1, 0.99, 0.999])
def test_uncertainty_bounds_what_a_product_in_float32_does(rng, alpha):
    # Two clusters far apart; distances as |y_i|^2 + |y_j|^2 - 2 y_i y_j about the centroid.
    population = (rng.normal(size=(40, 8)) * (1 - alpha) ** 0.5).astype(np.float32)
    population[20:] += np.float32(5.0)
    log_weights = rng.uniform(-9, 0, size=40).astype(np.float32)
    scale = np.float32(np.sqrt(alpha**0.5 / (2 * (1 - alpha))))
    y = (population - population.mean(axis=0)) * scale
    norms = np.sum(y**2, axis=1)
    tilt = np.float32(alpha**0.5 / 2 / (1 + alpha**0.5)) * np.sum(population**2, axis=1)
    exponents = log_weights + tilt - (norms[:, None] + norms - 2 * y @ y.T)
    assert exponents.dtype == np.float32
    weights = np.exp(exponents - exponents.max(axis=1, keepdims=True))
    x0 = (weights / weights.sum(axis=1, keepdims=True)) @ population
    errors = np.abs(x0 - oracle.estimate_x0(population, log_weights, alpha)).max(axis=1)
    bounds = oracle.x0_uncertainty(population, log_weights, alpha, by_product=True) + 2e-6
    assert np.all(errors <= bounds)


def test_reverse_step_by_hand():
    # alpha 1/4 -> 9/16 with sigma^2 = (7/16) / (3/4) (1 - 4/9) = 35/108.
    x, x0, noise = 2.0, 1.0, -1.0
    epsilon = (x - 0.5 * x0) / 0.75**0.5
    expected = 0.75 * x0 + (7 / 16 - 35 / 108) ** 0.5 * epsilon + (35 / 108) ** 0.5 * noise
    actual = oracle.reverse_step([[x]], [[x0]], 1 / 4, 9 / 16, [[noise]], 1.0)
    np.testing.assert_allclose(actual, [[expected]], rtol=1e-14)


def test_mean_ranks_by_hand():
    np.testing.assert_array_equal(oracle.mean_ranks([3.0, 1.0, 3.0, 0.0]), [2.5, 1.0, 2.5, 0.0])


def test_the_oracle_shares_nothing_with_the_library():
    source = pathlib.Path(oracle.__file__).read_text()
    assert "import jax" not in source
    assert "import diffevo" not in source
    assert "from diffevo" not in source

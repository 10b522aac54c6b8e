"""Random latent maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import projection


@pytest.mark.parametrize("num_dims", [1, 2, 58, 17_410])
@pytest.mark.parametrize("num_latent_dims", [1, 2, 8])
def test_rows_have_unit_norm(key, num_latent_dims, num_dims):
    rows = projection.random_projection(key, num_latent_dims, num_dims)
    assert rows.shape == (num_latent_dims, num_dims)
    assert rows.dtype == jnp.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-5)


def test_without_normalisation_entries_have_variance_one_over_d(key):
    rows = np.asarray(projection.random_projection(key, 200, 500, normalize=False))
    # Variance of 1e5 draws: standard error sqrt(2e-5); 5 of them.
    np.testing.assert_allclose(np.var(rows) * 500, 1.0, atol=5 * np.sqrt(2 / 100_000))
    assert not np.allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-3)


def test_normalised_rows_keep_their_direction(key):
    plain = np.asarray(projection.random_projection(key, 3, 20, normalize=False))
    unit = np.asarray(projection.random_projection(key, 3, 20))
    np.testing.assert_allclose(
        unit, plain / np.linalg.norm(plain, axis=1, keepdims=True), rtol=1e-5
    )


def test_the_key_decides(key):
    one = projection.random_projection(key, 2, 10)
    np.testing.assert_array_equal(one, projection.random_projection(key, 2, 10))
    other = projection.random_projection(jax.random.fold_in(key, 1), 2, 10)
    assert not np.allclose(one, other)


def test_project_is_the_matrix_product(key, rng):
    rows = projection.random_projection(key, 3, 1000)
    population = rng.normal(size=(50, 1000)).astype(np.float32)
    latent = projection.project(rows, jnp.asarray(population))
    expected = population.astype(np.float64) @ np.asarray(rows, np.float64).T
    assert latent.shape == (50, 3)
    np.testing.assert_allclose(latent, expected, atol=1e-5)


def test_a_unit_gaussian_stays_one(key, rng):
    # The scale that the schedule assumes.
    rows = projection.random_projection(key, 2, 58)
    population = rng.normal(size=(20_000, 58)).astype(np.float32)
    latent = np.asarray(projection.project(rows, jnp.asarray(population)))
    np.testing.assert_allclose(np.var(latent, axis=0), 1.0, atol=5 * np.sqrt(2 / 20_000))

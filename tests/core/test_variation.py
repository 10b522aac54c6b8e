"""Crossover and mutation: who is changed, where, and how far."""

import jax
import jax.numpy as jnp
import numpy as np

from diffevo.core import variation


def test_children_have_each_gene_from_one_parent():
    one, other = jnp.zeros((4, 3)), jnp.ones((4, 3))
    genes = jnp.array([[True, False, True]] * 4)
    np.testing.assert_array_equal(variation.crossover(one, other, genes), [[0.0, 1.0, 0.0]] * 4)


def test_some_genes_of_some_individuals_get_the_noise(key):
    who, where = jax.random.uniform(key, (2000, 1)), jax.random.uniform(key, (2000, 50))
    noise = jnp.full((2000, 50), 7.0)
    changed = variation.mutate_genes(jnp.ones((2000, 50)), who, where, noise, 0.25, 0.1)
    np.testing.assert_array_equal(np.unique(changed), [1.0, 8.0])
    touched = np.any(np.asarray(changed) == 8.0, axis=1)
    # Five standard errors; one in two hundred of the chosen keeps all of its fifty genes.
    assert abs(touched.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 2000) + 0.01
    share = np.mean(np.asarray(changed)[touched] == 8.0)
    assert abs(share - 0.1) < 0.01
    same = variation.mutate_genes(jnp.ones((2000, 50)), who, where, noise, 0.0, 1.0)
    np.testing.assert_array_equal(same, 1.0)


def test_moves_stay_within_their_cube(key):
    who, where = jax.random.uniform(key, (2000, 1)), jax.random.uniform(key, (2000, 3))
    moved = np.asarray(variation.move_some(jnp.ones((2000, 3)), who, where, 0.5, 2.0)) - 1.0
    assert np.max(np.abs(moved)) <= 2.0
    assert np.min(moved) < -1.8
    assert np.max(moved) > 1.8
    chosen = np.any(moved != 0, axis=1)
    np.testing.assert_array_equal(chosen, np.asarray(who)[:, 0] < 0.5)

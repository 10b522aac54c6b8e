"""Discrete tasks against their definitions, one locus at a time, and their optima by trying all."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.functions.discrete import ising, leading_ones, nk, onemax


def every(num_dims):
    """All genomes of so many bits, (2^D, D)."""
    return np.array(list(itertools.product([0, 1], repeat=num_dims)))


def fitness(task, genomes):
    return np.asarray(jax.jit(task)(jnp.asarray(genomes, jnp.float32)))


def test_onemax_counts():
    genomes = every(6)
    np.testing.assert_array_equal(fitness(onemax(6), genomes), 6 - genomes.sum(axis=1))
    letters = [[3, 3, 3], [3, 0, 1], [2, 2, 2]]
    np.testing.assert_array_equal(fitness(onemax(3, 4), letters), [0, 2, 3])


def test_leading_ones_stops_at_the_first_zero():
    genomes = every(6)
    expected = [6 - len("".join(map(str, genome)).split("0")[0]) for genome in genomes]
    np.testing.assert_array_equal(fitness(leading_ones(6), genomes), expected)


def test_real_genomes_count_as_the_nearest_value():
    genomes = jnp.asarray([[-3.0, 0.4, 0.6, 1.4, 7.0]])
    np.testing.assert_array_equal(onemax(5).values(genomes), [[0, 0, 1, 1, 1]])
    np.testing.assert_array_equal(onemax(5, 3).values(genomes), [[0, 0, 1, 1, 2]])


def nk_by_definition(task, genome):
    # The definition, with the landscape's own random numbers in their order.
    rng = np.random.default_rng(task.seed)
    d, k = task.num_dims, task.num_neighbours
    costs = rng.random((d, 2 ** (k + 1)))
    total = 0.0
    for i in range(d):
        offsets = range(1, k + 1) if task.adjacent else 1 + rng.permutation(d - 1)[:k]
        loci = [i, *((i + offset) % d for offset in offsets)]
        total += costs[i, sum(int(genome[locus]) << n for n, locus in enumerate(loci))]
    return total / d


@pytest.mark.parametrize("adjacent", [True, False], ids=["adjacent", "random"])
@pytest.mark.parametrize(("num_dims", "num_neighbours"), [(5, 0), (9, 2), (6, 5), (10, 4)])
def test_nk_is_its_definition_and_its_optimum_the_lowest_of_all(num_dims, num_neighbours, adjacent):
    for seed in range(3):
        task = nk(num_dims, num_neighbours, adjacent, seed)
        genomes = every(num_dims)
        expected = np.array([nk_by_definition(task, genome) for genome in genomes])
        np.testing.assert_allclose(fitness(task, genomes), expected, rtol=1e-5)
        assert task.optimum_fitness == pytest.approx(expected.min(), rel=1e-12)
        np.testing.assert_array_equal(task.optima, genomes[[np.argmin(expected)]])


def ising_by_definition(spins, side, torus, signs):
    """Unsatisfied bonds of spins +-1; signs in the order right, down."""
    square = spins.reshape((side, side) if torus else (1, side))
    broken, number = 0, 0
    for down in (False, True) if torus else (False,):
        for r, c in np.ndindex(square.shape):
            other = square[(r + down) % side if torus else r, (c + (not down)) % side]
            broken += square[r, c] * other * signs[number] < 0
            number += 1
    return broken


@pytest.mark.parametrize("glass", [False, True], ids=["ferromagnet", "glass"])
@pytest.mark.parametrize(("num_dims", "torus"), [(3, False), (7, False), (9, True)])
def test_ising_is_its_definition_and_its_optimum_the_lowest_of_all(num_dims, torus, glass):
    for seed in range(4):
        task = ising(num_dims, torus, glass, seed)
        side = 3 if torus else num_dims
        pairs, signs = task.bonds
        assert len(pairs) == (2 if torus else 1) * num_dims
        genomes = every(num_dims)
        expected = [ising_by_definition(2 * genome - 1, side, torus, signs) for genome in genomes]
        np.testing.assert_array_equal(fitness(task, genomes), expected)
        assert task.optimum_fitness == min(expected)
        if not glass:
            assert np.all(signs == 1)
            np.testing.assert_array_equal(fitness(task, task.optima), [0, 0])


def test_the_ground_state_of_larger_glasses():
    # 16 spins by all states, and another program's worth of evidence for the next sizes: no state
    # that annealing finds is below it, and some reach it.
    task = ising(16, torus=True, glass=True, seed=1)
    assert task.optimum_fitness == fitness(task, every(16)).min()
    task = ising(36, torus=True, glass=True)
    rng = np.random.default_rng(0)
    pairs, signs = task.bonds
    spins = rng.choice([-1, 1], size=(64, 36))
    best = np.inf
    for temperature in np.linspace(2.0, 0.05, 150):
        for i in rng.permutation(36):
            touching = np.any(pairs == i, axis=1)
            field = (
                np.prod(spins[:, pairs[touching]], axis=2) @ signs[touching]
            )  # of the present spin
            flip = np.log(rng.random(64)) < -2 * field / temperature
            spins[flip, i] *= -1
        best = min(best, fitness(task, (spins + 1) // 2).min())
    assert best == task.optimum_fitness
    assert ising(81, torus=True, glass=True).optimum_fitness is None


def test_landscapes_differ_by_seed():
    genomes = every(8)
    for make in (lambda seed: nk(8, seed=seed), lambda seed: ising(9, True, True, seed)):
        one, other = make(0), make(1)
        x = genomes if one.num_dims == 8 else every(9)
        assert not np.array_equal(fitness(one, x), fitness(other, x))


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: onemax(0), "num_dims"),
        (lambda: onemax(3, 1), "num_categories"),
        (lambda: nk(4, 4), "num_neighbours"),
        (lambda: nk(4, -1), "num_neighbours"),
        (lambda: nk(21, 2, adjacent=False).optima, "num_dims"),
        (lambda: ising(2), "num_dims"),
        (lambda: ising(10, torus=True), "num_dims"),
        (lambda: ising(4, torus=True), "num_dims"),
    ],
)
def test_bad_sizes_are_named(make, argument):
    with pytest.raises(ValueError, match=rf"^{argument}: expected .*got"):
        make()

"""The rivals and wrappers of the processes experiment, against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np

from diffevo.core.processes import LogNormal
from experiments.processes import cases, rivals
from tasks.functions import onemax, rates


def test_a_mutant_replaces_its_parent_unless_it_is_worse(key):
    search = rivals.Evolution(3, 2)
    parents, children = jnp.zeros((3, 2)), jnp.ones((3, 2))
    state = search.init(key, parents, jnp.asarray([1.0, 1.0, 1.0]), ())
    state, _ = search.tell(key, children, jnp.asarray([0.0, 1.0, 2.0]), state, ())
    np.testing.assert_array_equal(state.population[:, 0], [1.0, 1.0, 0.0])
    np.testing.assert_array_equal(state.fitness, [0.0, 1.0, 1.0])


def test_mutation_takes_one_of_the_other_values_once_a_genome(key):
    search = rivals.Evolution(4000, 10, 3)
    state = rivals.State(jnp.ones((4000, 10)), jnp.zeros(4000))
    mutants, _ = search.ask(key, state, ())
    shares = [np.mean(np.asarray(mutants) == value) for value in range(3)]
    # Five standard errors of 40,000 loci.
    np.testing.assert_allclose(shares, [0.05, 0.9, 0.05], atol=5 * np.sqrt(0.09 / 40_000))


def test_the_genetic_algorithm_keeps_the_best_of_both_generations(key):
    search = rivals.Genetic(3, 1)
    state = rivals.State(jnp.asarray([[0.0], [1.0], [2.0]]), jnp.asarray([5.0, 1.0, 3.0]))
    children, values = jnp.asarray([[3.0], [4.0], [5.0]]), jnp.asarray([1.0, 9.0, 2.0])
    state, _ = search.tell(key, children, values, state, ())
    np.testing.assert_array_equal(state.population[:, 0], [3.0, 1.0, 5.0])
    # Children of the best come from the best: all parents that can win agree here.
    bigger = rivals.Genetic(64, 20)
    parents = jnp.concatenate([jnp.ones((63, 20)), jnp.zeros((1, 20))])
    asked, _ = bigger.ask(key, rivals.State(parents, jnp.arange(64.0)), ())
    assert 0.85 < np.mean(np.asarray(asked)) < 0.99


def test_the_compact_ga_steps_towards_the_winner(key):
    search = rivals.Compact(2, 4, 2, virtual_population=8)
    pair = jnp.asarray([[0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0]])
    state = search.init(key, pair, jnp.asarray([1.0, 0.0]), ())
    np.testing.assert_allclose(state[:, 1], [0.625, 0.5, 0.375, 0.5])
    equal, _ = search.tell(key, pair, jnp.ones(2), state, ())
    np.testing.assert_allclose(equal, state, rtol=1e-6)
    for _ in range(9):
        state, _ = search.tell(key, pair, jnp.asarray([1.0, 0.0]), state, ())
    np.testing.assert_allclose(state[:, 1], [0.75, 0.5, 0.25, 0.5])


def test_real_genomes_are_seen_through_a_threshold():
    bits = cases.Thresholded(onemax(3))
    np.testing.assert_array_equal(bits(jnp.asarray([[0.1, -0.1, 7.0]])), [1.0])
    letters = cases.Thresholded(onemax(2, 3))
    assert letters.num_dims == 6
    np.testing.assert_array_equal(letters(jnp.asarray([[0.0, 1.0, 2.0, 5.0, 1.0, 2.0]])), [1.0])


def test_the_logarithm_is_undone():
    task = rates()
    genomes = jnp.log(task.optima) / 2.0
    np.testing.assert_allclose(cases.Logarithm(task, 2.0)(genomes), 0.0, atol=1e-9)


def test_the_arithmetic_mean_is_one():
    genomes = jnp.asarray([[1.0, 1e-3], [100.0, 1e3], [10.0, 1.0]])
    log_weights = jnp.log(jnp.asarray([1.0, 0.5, 0.25]))
    process = cases.ArithmeticMean(2.0, 3.0)
    actual = process.origin(process.estimate(genomes, log_weights, jnp.float32(1e-12)))
    weights = np.exp(log_weights) / np.exp(log_weights).sum()
    np.testing.assert_allclose(actual[0], weights @ np.asarray(genomes), rtol=1e-4)
    geometric = LogNormal(2.0, 3.0).estimate(genomes, log_weights, jnp.float32(0.2))
    # Jensen: never below the geometric one.
    assert np.all(process.estimate(genomes, log_weights, jnp.float32(0.2)) > geometric)


def test_pairs_that_do_not_differ():
    runs = np.arange(20.0)
    assert cases.paired(runs, runs) == 1.0
    assert cases.paired(runs, runs + 1) < 1e-3
    assert cases.paired(runs, runs[::-1]) > 0.9


def test_evaluations_are_counted_one_by_one():
    config = cases.Config(repetitions=2, population=8, evaluations=64)
    found = cases.run_discrete(
        config, "nk_random", "(1+1)-EA", jax.random.split(jax.random.key(0), 2)
    )
    assert found["excess"].shape == (2,)
    assert np.all(found["excess"] >= 0)
    assert np.all((found["evaluations"] <= 64) | np.isinf(found["evaluations"]))

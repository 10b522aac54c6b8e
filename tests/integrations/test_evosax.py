"""evosax's loops that begin at a mean, with one changed line, on evosax's problems."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("evosax")
from evosax.algorithms import CMA_ES
from evosax.problems import BBOBProblem

import diffevo
from diffevo.integrations.evosax import FromMean

SIZE, GENERATIONS = 64, 30


def ours(population_size, solution):
    algorithm = diffevo.DiffusionEvolution(population_size, solution, num_generations=GENERATIONS)
    return FromMean(algorithm, scale=2.0)


def scan(make, problem, key, mean):
    """As evosax's notebooks search with CMA-ES: the state begins at a solution."""
    es = make(population_size=SIZE, solution=mean)
    params = es.default_params
    key_init, key_problem, key_run = jax.random.split(key, 3)
    state, problem_state = es.init(key_init, mean, params), problem.init(key_problem)

    def step(carry, key):
        state, params, problem_state = carry
        key_ask, key_eval, key_tell = jax.random.split(key, 3)
        population, state = es.ask(key_ask, state, params)
        fitness, problem_state, _ = problem.eval(key_eval, population, problem_state)
        state, metrics = es.tell(key_tell, population, fitness, state, params)
        return (state, params, problem_state), (metrics, population)

    keys = jax.random.split(key_run, GENERATIONS)
    (state, *_), (metrics, populations) = jax.lax.scan(step, (state, params, problem_state), keys)
    return es, state, metrics, populations


@pytest.mark.parametrize("make", [ours, CMA_ES], ids=["ours", "theirs"])
def test_the_notebooks_loop_from_a_mean(make, key):
    problem = BBOBProblem("sphere", 2, x_opt=jnp.array([3.0, -2.0]), f_opt=0.0, seed=1)
    es, state, metrics, populations = scan(make, problem, key, jnp.array([2.0, -1.0]))
    np.testing.assert_array_equal(metrics["generation_counter"][-1], GENERATIONS - (make is CMA_ES))
    assert np.all(np.diff(metrics["best_fitness"]) <= 0)
    assert state.best_fitness == metrics["best_fitness"][-1] < 0.01
    np.testing.assert_allclose(state.best_solution, [3.0, -2.0], atol=0.1)
    np.testing.assert_allclose(es.get_mean(state), [3.0, -2.0], atol=0.2)
    assert metrics["best_solution"].shape == (GENERATIONS, 2)
    # About the mean at first, in both.
    np.testing.assert_allclose(populations[0].mean(axis=0), [2.0, -1.0], atol=3 * 2 / SIZE**0.5)


def test_it_is_the_algorithm_itself(key):
    """The same as evaluating the first population and calling `init` with it."""
    es = ours(SIZE, {"w": jnp.zeros(2), "b": jnp.zeros(())})
    algorithm, params = es.algorithm, es.default_params
    mean = {"w": jnp.array([1.0, 2.0]), "b": jnp.asarray(3.0)}

    def fitness_of(population):
        return jnp.sum(population["w"] ** 2, axis=1) + population["b"] ** 2

    def outwards(population):
        return jax.tree.map(lambda middle, leaf: middle + 2.0 * leaf, mean, population)

    keys = jax.random.split(key, 4)
    population = algorithm.sample_population(keys[0])
    inner = algorithm.init(keys[1], population, fitness_of(outwards(population)), params)
    state = es.init(keys[0], mean, params)
    assert jax.tree.map(jnp.shape, es.get_mean(state)) == {"w": (2,), "b": ()}
    for number in range(2):
        asked, state = es.ask(keys[1 + number], state, params)
        state, metrics = es.tell(keys[1 + number], asked, fitness_of(asked), state, params)
        assert metrics["generation_counter"] == number + 1
        jax.tree.map(
            lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4),
            asked,
            outwards(population),
        )
        assert metrics["best_fitness"] == inner.best_fitness == state.best_fitness
        population, inner = algorithm.ask(keys[2 + number], inner, params)
        inner, _ = algorithm.tell(
            keys[2 + number], population, fitness_of(outwards(population)), inner, params
        )


def test_bad_arguments_name_argument_expected_and_got():
    with pytest.raises(ValueError, match=r"scale: expected a number > 0, got 0"):
        FromMean(diffevo.DiffusionEvolution(4, jnp.zeros(2)), scale=0)

"""evosax's algorithms under our driver, and ours under evosax's code.

evosax 0.3 ships no run loop: its README and its notebooks write out a `lax.scan` over ask, eval and
tell, with a `Problem` whose state is carried along. `notebook_run` below is that loop. What the
package itself does with an algorithm that it did not make is typed for population-based algorithms
in three places, all of them tried here on ours: a problem's `eval`, the fitness-shaping functions,
and those restart criteria that ask for nothing but population, fitness and params. The rest is not:
`RestartController` and its subclasses demand a distribution (`state.mean`) and refuse evosax's own
population-based algorithms too; `generation_cond` and `metrics_fn` read evosax's own name
`generation_counter`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.algorithms.registry import ALGORITHMS
from tests.contract.driver import make, run, sphere

pytest.importorskip("evosax")
from evosax import algorithms as evosax_algorithms
from evosax.core import fitness_shaping, restart
from evosax.problems import BBOBProblem

SIZE, DIMS, NUM_GENERATIONS = 64, 2, 20


def ours(name):
    return make(name, SIZE, jnp.zeros(DIMS), NUM_GENERATIONS)


def theirs(name):
    # Their schedule of n entries makes n - 1 moves.
    more = {"num_generations": NUM_GENERATIONS + 1} if name == "DiffusionEvolution" else {}
    return getattr(evosax_algorithms, name)(population_size=SIZE, solution=jnp.zeros(DIMS), **more)


EVERYBODY = {name: ours for name in ALGORITHMS} | {
    name: theirs for name in ("DiffusionEvolution", "SimpleGA")
}


@pytest.fixture(params=EVERYBODY)
def algorithm(request):
    return EVERYBODY[request.param](request.param)


def test_one_driver_runs_ours_and_theirs(algorithm, key):
    population = jax.random.normal(key, (SIZE, DIMS))
    state, metrics = run(algorithm, sphere, key, NUM_GENERATIONS, population=population)
    assert len(metrics) == NUM_GENERATIONS
    assert np.all(np.isfinite(state.population))
    assert state.best_fitness < sphere(population).min()
    assert state.best_fitness < 0.02


def notebook_run(algorithm, problem, key, num_generations):
    """The loop of evosax's notebooks: one scan, keys split in the carry's step, problem state."""
    keys = jax.random.split(key, 4)
    params = algorithm.default_params
    population = jax.vmap(problem.sample)(jax.random.split(keys[0], algorithm.population_size))
    problem_state = problem.init(keys[1])
    fitness, problem_state, _ = problem.eval(keys[1], population, problem_state)
    state = algorithm.init(keys[2], population, fitness, params)

    def step(carry, key):
        state, params, problem_state = carry
        key_ask, key_eval, key_tell = jax.random.split(key, 3)
        population, state = algorithm.ask(key_ask, state, params)
        population = jnp.clip(population, -5, 5)
        fitness, problem_state, _ = problem.eval(key_eval, population, problem_state)
        state, metrics = algorithm.tell(key_tell, population, fitness, state, params)
        return (state, params, problem_state), (state, metrics)

    carry, (states, metrics) = jax.lax.scan(
        step, (state, params, problem_state), jax.random.split(keys[3], num_generations)
    )
    return fitness, carry[0], states, metrics


def test_evosaxs_loop_and_problem_run_ours_and_theirs(algorithm, key):
    problem = BBOBProblem("sphere", DIMS, f_opt=0.0, seed=1)
    fitness, final, states, metrics = notebook_run(algorithm, problem, key, NUM_GENERATIONS)
    assert states.population.shape == (NUM_GENERATIONS, SIZE, DIMS)
    assert metrics["best_fitness"].shape == (NUM_GENERATIONS,)
    assert np.all(np.diff(metrics["best_fitness"]) <= 0)
    assert final.best_fitness <= fitness.min()
    evaluated, _, _ = problem.eval(key, final.population, problem.init(key))
    assert jnp.median(evaluated) < 0.6 * jnp.median(fitness)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_evosaxs_fitness_shaping_takes_our_state(name, key):
    algorithm = ours(name)
    params = algorithm.default_params
    population = algorithm.sample_population(key)
    state = algorithm.init(key, population, sphere(population), params)
    for shape in (
        fitness_shaping.identity_fitness_shaping_fn,
        fitness_shaping.centered_rank_fitness_shaping_fn,
        fitness_shaping.standardize_fitness_shaping_fn,
    ):
        population, state = algorithm.ask(key, state, params)
        shaped = shape(population, sphere(population), state, params)
        state, _ = algorithm.tell(key, population, shaped, state, params)
        np.testing.assert_array_equal(state.fitness, shaped)
        assert np.all(np.isfinite(state.population))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_evosaxs_restart_criteria_take_our_state(name, key):
    algorithm = ours(name)
    params = algorithm.default_params
    state, _ = run(algorithm, sphere, key, 2, params)
    restart_state = restart.RestartState(restart_counter=0)
    for criterion, restart_params in (
        (restart.spread_cond, restart.RestartParams(min_fitness_spread=1e-6)),
        (restart.fitness_std_cond, restart.FitnessStdRestartParams()),
    ):
        arguments = state, params, restart_state, restart_params
        assert not criterion(state.population, state.fitness, *arguments)
        assert criterion(state.population, jnp.ones(SIZE), *arguments)

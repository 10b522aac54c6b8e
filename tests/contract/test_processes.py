"""Diffusion Evolution with every process but the default, which the other contract tests run."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from diffevo import DiffusionEvolution, LatentDiffusionEvolution, processes
from tests.contract.driver import generation, run, scan, start

SIZE, DIMS, NUM_GENERATIONS = 16, 4, 5
PROCESSES = {
    "log_normal": processes.LogNormal((1e-3, 1.0, 1e3, 1.0), 2.0),
    "categories": processes.Categorical(5),
}


@pytest.fixture(params=PROCESSES)
def algorithm(request):
    return make(PROCESSES[request.param])


def make(process, population_size=SIZE, solution=None, **options):
    solution = jnp.zeros(DIMS) if solution is None else solution
    return DiffusionEvolution(
        population_size, solution, NUM_GENERATIONS, process=process, **options
    )


def decades(population):
    """Lowest at 1: the mean of |log x|, and of 1 for a zero."""
    return jnp.mean(jnp.where(population > 0, jnp.abs(jnp.log(population)), 1.0), axis=1)


def in_domain(algorithm, genomes):
    return np.all(np.isfinite(algorithm.process.admit(jnp.asarray(genomes))))


def assert_trees_close(one, two):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), one, two)


def test_however_it_is_driven(algorithm, key):
    # Beyond the end of the schedule, where noise is added again.
    total = NUM_GENERATIONS + 4
    looped, metrics = run(algorithm, decades, key, total)
    scanned, _ = jax.jit(lambda key: scan(algorithm, decades, key, total))(key)
    assert_trees_close(looped, scanned)
    first, _ = run(algorithm, decades, key, 3)
    resumed, _ = run(algorithm, decades, key, total - 3, first=3, state=first)
    jax.tree.map(np.testing.assert_array_equal, looped, resumed)
    assert in_domain(algorithm, looped.population)
    assert all(np.isfinite(value) for value in metrics[-1].values())
    assert looped.best_fitness == min(
        [decades(start(algorithm, decades, key, algorithm.default_params).population).min()]
        + [one["best_fitness_in_generation"] for one in metrics]
    )


def test_an_equal_configuration_is_equal(algorithm):
    again = make(type(algorithm.process)(**vars(algorithm.process)))
    assert again == algorithm
    assert hash(again) == hash(algorithm)
    assert make(processes.Gaussian()) == make(processes.Gaussian()) != algorithm


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, -np.inf])
def test_genomes_outside_the_domain_are_contained(algorithm, key, bad):
    params = algorithm.default_params
    population = algorithm.sample_population(key).at[2, 1].set(bad)
    fitness = decades(jnp.abs(jnp.nan_to_num(population))).at[2].set(-100.0)
    state = algorithm.init(key, population, fitness, params)
    assert in_domain(algorithm, state.population)
    assert np.isnan(state.fitness[2])
    assert state.best_fitness >= 0
    asked, state = algorithm.ask(key, state, params)
    assert in_domain(algorithm, asked)
    state, metrics = algorithm.tell(
        key, asked.at[1].set(bad), decades(asked).at[1].set(-300.0), state, params
    )
    assert metrics["num_failed"] == 1
    assert state.best_fitness >= 0
    assert in_domain(algorithm, state.population)


@pytest.mark.parametrize("failed", [3, SIZE], ids=["some", "all"])
def test_failed_members_leave_the_rest_alone(algorithm, key, failed):
    params = algorithm.default_params
    population = algorithm.sample_population(key)
    fitness = decades(population).at[:failed].set(jnp.nan)
    elsewhere = population.at[0].set(algorithm.sample_population(jax.random.fold_in(key, 1))[0])
    one, other = (
        algorithm.ask(key, algorithm.init(key, p, fitness, params), params)[0]
        for p in (population, elsewhere)
    )
    assert in_domain(algorithm, one)
    if failed < SIZE:
        # The first one's place means nothing to the others.
        np.testing.assert_allclose(one[1:], other[1:], rtol=1e-4)


def test_pytrees(algorithm, key):
    template = {"a": jnp.zeros((2, 1)), "b": jnp.zeros(2, jnp.bfloat16)}
    tree = make(algorithm.process, solution=template)
    params = tree.default_params
    population = tree.sample_population(key)
    assert population["b"].dtype == jnp.bfloat16
    state = tree.init(key, population, jnp.arange(SIZE), params)
    asked, state = tree.ask(key, state, params)
    state, metrics = tree.tell(key, asked, jnp.arange(SIZE), state, params)
    assert metrics["num_failed"] == 0
    assert jax.tree.map(jnp.shape, tree.estimate_x0(key, state, params)) == {
        "a": (SIZE, 2, 1),
        "b": (SIZE, 2),
    }


def test_the_search_finds(algorithm, key):
    """All ones, by the whole population, not by luck of one member: a third of the way is left."""
    process = algorithm.process
    if isinstance(process, processes.LogNormal):
        process = processes.LogNormal(10.0)
    bigger = DiffusionEvolution(128, jnp.zeros(3), 24, process=process)
    whole_run = jax.jit(lambda key: scan(bigger, decades, key, 24)[0])
    finals = [whole_run(jax.random.fold_in(key, seed)) for seed in range(5)]
    before = np.mean(decades(bigger.sample_population(key)))
    after = np.median([np.mean(decades(final.population)) for final in finals])
    assert after < before / 3


def test_another_unit_multiplies_the_search(key):
    units = np.array([1000.0, 1.0, 0.25, 1e-6])
    one, other = make(processes.LogNormal(1.0)), make(processes.LogNormal(units))
    params = one.default_params
    state, other_state = (
        start(a, lambda x, u=u: decades(x / u), key, params)
        for a, u in ((one, np.ones(4)), (other, units))
    )
    for number in range(NUM_GENERATIONS + 3):
        np.testing.assert_allclose(other_state.population, state.population * units, rtol=1e-3)
        step = jax.random.fold_in(key, number)
        state, metrics = generation(one, decades, step, state, params)
        other_state, other_metrics = generation(
            other, lambda x: decades(x / units), step, other_state, params
        )
        np.testing.assert_allclose(metrics["diversity"], other_metrics["diversity"], rtol=1e-3)


def test_log_normal_in_a_projection(key):
    options = {"num_latent_dims": 2, "process": processes.LogNormal(1e5)}
    algorithm = LatentDiffusionEvolution(SIZE, jnp.zeros(40), NUM_GENERATIONS, **options)
    state, _ = run(algorithm, decades, key, NUM_GENERATIONS)
    assert np.all(state.population > 0)
    # As the Gaussian process of the logarithm, draw by draw.
    spread = np.log(10.0)
    plain = LatentDiffusionEvolution(SIZE, jnp.zeros(40), NUM_GENERATIONS, num_latent_dims=2)
    gaussian, _ = run(plain, lambda y: decades(1e5 * jnp.exp(spread * y)), key, NUM_GENERATIONS)
    expected = 1e5 * np.exp(spread * np.float64(gaussian.population))
    np.testing.assert_allclose(state.population, expected, rtol=1e-2)


@pytest.mark.parametrize(
    "process", [None, "log_normal", processes.LogNormal, processes.LogNormal((1.0, 2.0))]
)
def test_bad_processes_are_named(process, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=r"^process: expected .*got"):
        make(process)


def test_categories_have_no_projection():
    with pytest.raises(ValueError, match=r"^process: expected .*got"):
        LatentDiffusionEvolution(SIZE, jnp.zeros(3), process=processes.Categorical(2))

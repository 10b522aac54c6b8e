"""Both analytic algorithms step by step against the oracle: levels, weights, noise, cycles."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo import DiffusionEvolution, LatentDiffusionEvolution, schedules, weighting
from diffevo.core import posterior
from tests.contract.driver import sphere
from tests.reference import oracle

SIZE, DIMS, NUM_GENERATIONS = 24, 3, 8
BOTH = [DiffusionEvolution, LatentDiffusionEvolution]


def make(cls=DiffusionEvolution, **options):
    arguments = {
        "population_size": SIZE,
        "solution": jnp.zeros(DIMS),
        "num_generations": NUM_GENERATIONS,
        "weighting": weighting.Energy(),
    }
    return cls(**(arguments | options))


def silent(algorithm, **changes):
    """Params without fresh noise: a step is a function of the population."""
    changes = {name: jnp.float32(value) for name, value in changes.items()}
    return algorithm.default_params.replace(noise_scale=jnp.float32(0.0), **changes)


def evaluated(algorithm, params, generation=0, seed=0):
    """A state at any generation, with a population and fitness of numpy's."""
    rng = np.random.default_rng(seed)
    shape = (algorithm.population_size, algorithm.num_dims)
    population = jnp.asarray(rng.normal(size=shape), jnp.float32)
    state = algorithm.init(jax.random.key(5), population, sphere(population), params)
    return state.replace(generation=jnp.int32(generation))


def oracle_x0(state, log_weights, alpha):
    latent = None
    if state.projection is not None:
        latent = np.float64(state.population) @ np.float64(state.projection).T
    return oracle.estimate_x0(state.population, log_weights, alpha, latent)


def oracle_step(state, alpha, alpha_next, temperature=1.0):
    """One DDIM step with g = exp(-f / T)."""
    x0 = oracle_x0(state, np.log(oracle.energy(state.fitness, temperature)), alpha)
    noise = np.zeros_like(state.population)
    return oracle.reverse_step(state.population, x0, alpha, alpha_next, noise, 0.0)


# --- One generation -------------------------------------------------------------------------------


# Another schedule is another configuration, and compiles; other levels in Params do not.


@pytest.mark.parametrize("schedule", schedules.SCHEDULES)
def test_the_schedule_is_the_named_one(schedule):
    alphas = schedules.SCHEDULES[schedule](NUM_GENERATIONS)
    for kind in (schedule, schedules.SCHEDULES[schedule]):
        np.testing.assert_array_equal(make(schedule=kind).default_params.alphas, alphas)
    default = DiffusionEvolution(SIZE, jnp.zeros(DIMS), NUM_GENERATIONS).default_params
    assert np.array_equal(default.alphas, alphas) == (schedule == "cosine")


@pytest.mark.parametrize("schedule", schedules.SCHEDULES)
@pytest.mark.parametrize("cls", BOTH)
def test_every_generation_is_the_papers_step(cls, schedule, key):
    algorithm = make(cls)
    alphas = schedules.SCHEDULES[schedule](NUM_GENERATIONS)
    params = silent(algorithm).replace(alphas=alphas)
    for generation in range(NUM_GENERATIONS):
        state = evaluated(algorithm, params, generation)
        population, _ = algorithm.ask(key, state, params)
        expected = oracle_step(state, alphas[generation], alphas[generation + 1])
        scale = np.abs(expected).max()
        np.testing.assert_allclose(population, expected, atol=3e-5 * scale)


@pytest.mark.parametrize("cls", BOTH)
def test_a_whole_run_is_the_papers_algorithm(cls, key):
    algorithm = make(cls)
    params = silent(algorithm)
    alphas = np.asarray(params.alphas)
    state = evaluated(algorithm, params)
    for generation in range(NUM_GENERATIONS):
        np.testing.assert_array_equal(state.generation, generation)
        expected = oracle_step(state, alphas[generation], alphas[generation + 1])
        population, state = algorithm.ask(key, state, params)
        np.testing.assert_allclose(population, expected, atol=3e-5)
        state, metrics = algorithm.tell(key, population, sphere(population), state, params)
        np.testing.assert_array_equal(metrics["alpha"], alphas[generation + 1])


@pytest.mark.parametrize("cls", BOTH)
def test_estimate_x0_is_what_ask_steps_towards(cls, key):
    algorithm = make(cls, num_anchors=9)
    params = algorithm.default_params
    state = evaluated(algorithm, params, generation=3)
    x0 = algorithm.estimate_x0(key, state, params)
    quiet = silent(algorithm)
    population, _ = algorithm.ask(key, state, quiet)
    alpha, alpha_next = params.alphas[3:5]
    expected = oracle.reverse_step(
        state.population, x0, alpha, alpha_next, np.zeros_like(state.population), 0.0
    )
    np.testing.assert_allclose(population, expected, atol=1e-5)
    # With the anchors of the same key, not of another one.
    other = algorithm.estimate_x0(jax.random.fold_in(key, 1), state, params)
    assert not np.allclose(x0, other, atol=1e-3)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_temperature_is_passed_on(key, temperature):
    algorithm = make()
    params = silent(algorithm, temperature=temperature)
    state = evaluated(algorithm, params, generation=2)
    population, _ = algorithm.ask(key, state, params)
    expected = oracle_step(state, params.alphas[2], params.alphas[3], temperature)
    np.testing.assert_allclose(population, expected, atol=3e-5)


def test_genomes_are_passed_to_the_weighting(key):
    algorithm = make(weighting=weighting.L2Prior(weighting.Energy(), 0.5))
    params = silent(algorithm)
    state = evaluated(algorithm, params, generation=4)
    g = oracle.energy(state.fitness, 1.0) * oracle.l2_prior(state.population, 0.5)
    expected = oracle_x0(state, np.log(g), params.alphas[4])
    np.testing.assert_allclose(algorithm.estimate_x0(key, state, params), expected, atol=2e-5)


def test_the_default_weighting_is_scale_free(key):
    algorithm = DiffusionEvolution(SIZE, jnp.zeros(DIMS), NUM_GENERATIONS)
    params = algorithm.default_params
    state = evaluated(algorithm, params, generation=4)
    log_weights = np.log(oracle.scale_free(state.fitness, 1.0))
    expected = oracle_x0(state, log_weights, params.alphas[4])
    np.testing.assert_allclose(algorithm.estimate_x0(key, state, params), expected, atol=2e-5)


@dataclasses.dataclass(frozen=True)
class OnlyTheFirst:
    """A user's own weighting: any hashable callable will do."""

    def __call__(self, fitness, genomes, temperature):
        del genomes, temperature
        return jnp.where(jnp.arange(fitness.shape[0]) == 0, 0.0, -jnp.inf)


def test_a_users_weighting(key):
    algorithm = make(weighting=OnlyTheFirst())
    params = silent(algorithm)
    state = evaluated(algorithm, params)
    x0 = algorithm.estimate_x0(key, state, params)
    expected = np.tile(state.population[0], (SIZE, 1))
    np.testing.assert_allclose(x0, expected, atol=1e-5)


# --- Fresh noise ----------------------------------------------------------------------------------


@pytest.mark.parametrize("noise_scale", [0.3, 1.0])
@pytest.mark.parametrize("generation", [0, 4, NUM_GENERATIONS - 1])
def test_fresh_noise_has_the_papers_variance(key, generation, noise_scale):
    algorithm = make(population_size=400, solution=jnp.zeros(100))
    params = algorithm.default_params.replace(noise_scale=jnp.float32(noise_scale))
    state = evaluated(algorithm, params, generation)
    alpha, alpha_next = np.float64(params.alphas[generation : generation + 2])
    x0 = algorithm.estimate_x0(key, state, params)
    population, _ = algorithm.ask(key, state, params)
    quiet = oracle.reverse_step(
        state.population, x0, alpha, alpha_next, np.zeros((400, 100)), noise_scale
    )
    fresh = (population - quiet) / oracle.sigma(alpha, alpha_next, noise_scale)
    # 40,000 standard normal draws; five standard errors. Independent of the population, too.
    assert abs(fresh.mean()) < 5 / 200
    assert abs(fresh.var() - 1) < 5 * np.sqrt(2) / 200
    assert abs((fresh * state.population).mean()) < 5 / 200
    other, _ = algorithm.ask(jax.random.fold_in(key, 1), state, params)
    assert abs(((other - quiet) * fresh).mean()) < 5 / 200


@pytest.mark.parametrize("noise_scale", [0.0, 0.1, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("cls", BOTH)
def test_every_noise_scale_is_finite(cls, key, noise_scale):
    algorithm = make(cls)
    params = algorithm.default_params.replace(
        noise_scale=jnp.float32(noise_scale), alphas=schedules.linear(NUM_GENERATIONS)
    )
    for generation in range(2 * NUM_GENERATIONS):
        population, _ = algorithm.ask(key, evaluated(algorithm, params, generation), params)
        assert np.all(np.isfinite(population))


def test_without_noise_the_key_means_nothing(key):
    algorithm = make()
    params = silent(algorithm)
    state = evaluated(algorithm, params, generation=3)
    one, _ = algorithm.ask(key, state, params)
    two, _ = algorithm.ask(jax.random.fold_in(key, 1), state, params)
    np.testing.assert_array_equal(one, two)


# --- Schedules ------------------------------------------------------------------------------------


def test_accelerated_sampling_keeps_levels_of_the_longer_schedule():
    algorithm = make(schedule="ddpm", num_schedule_steps=1000)
    kept = algorithm.default_params.alphas
    np.testing.assert_array_equal(
        kept, schedules.subsequence(schedules.ddpm(1000), NUM_GENERATIONS)
    )


@pytest.mark.parametrize("after_schedule", ["stop", "renoise"])
@pytest.mark.parametrize("cls", BOTH)
def test_a_schedule_may_end_at_one(cls, after_schedule, key):
    algorithm = make(cls, after_schedule=after_schedule)
    levels = jnp.linspace(0.01, 1.0, NUM_GENERATIONS + 1)
    params = algorithm.default_params.replace(alphas=levels)
    state = evaluated(algorithm, params)
    for number in range(2 * NUM_GENERATIONS):
        step_key = jax.random.fold_in(key, number)
        population, state = algorithm.ask(step_key, state, params)
        assert np.all(np.isfinite(population)), number
        state, metrics = algorithm.tell(step_key, population, sphere(population), state, params)
        assert all(np.isfinite(value) for value in metrics.values()), number


# --- After the schedule ---------------------------------------------------------------------------


def run_on(algorithm, params, key, num_generations):
    """Populations and levels, generation by generation."""
    state = evaluated(algorithm, params)
    populations, levels = [np.asarray(state.population)], []
    for number in range(num_generations):
        step_key = jax.random.fold_in(key, number)
        population, state = algorithm.ask(step_key, state, params)
        state, metrics = algorithm.tell(step_key, population, sphere(population), state, params)
        populations.append(np.asarray(population))
        levels.append(float(metrics["alpha"]))
    return populations, levels


@pytest.mark.parametrize("cls", BOTH)
def test_stop_keeps_still(cls, key):
    algorithm = make(cls, after_schedule="stop")
    params = algorithm.default_params
    populations, levels = run_on(algorithm, params, key, NUM_GENERATIONS + 6)
    for number in range(NUM_GENERATIONS):
        assert not np.array_equal(populations[number], populations[number + 1]), number
    for number in range(NUM_GENERATIONS, NUM_GENERATIONS + 6):
        np.testing.assert_array_equal(populations[number], populations[number + 1])
    # And says so: a stopped population stays at the schedule's end.
    alphas = np.asarray(params.alphas)
    np.testing.assert_array_equal(levels, np.r_[alphas[1:], [alphas[-1]] * 6])


@pytest.mark.parametrize("cls", BOTH)
def test_a_stopped_populations_origins_are_those_of_the_last_level(cls, key):
    algorithm = make(cls, after_schedule="stop")
    params = algorithm.default_params
    for number in range(3):
        state = evaluated(algorithm, params, NUM_GENERATIONS + number)
        log_weights = np.log(oracle.energy(state.fitness, 1.0))
        expected = oracle_x0(state, log_weights, params.alphas[-1])
        np.testing.assert_allclose(algorithm.estimate_x0(key, state, params), expected, atol=2e-5)


@pytest.mark.parametrize(
    ("fraction", "cycle"),
    [
        # T = 8 and R = 4: back to level 4, then 5, 6, 7, 8, and again.
        (0.5, [4, 5, 6, 7, 8]),
        (1.0, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (0.01, [7, 8]),
    ],
)
@pytest.mark.parametrize("cls", BOTH)
def test_renoise_cycles_through_the_stated_levels(cls, fraction, cycle, key):
    algorithm = make(cls)
    assert algorithm.after_schedule == "renoise", "the default: a search does not freeze"
    params = algorithm.default_params.replace(renoise_fraction=jnp.float32(fraction))
    populations, levels = run_on(algorithm, params, key, NUM_GENERATIONS + 2 * len(cycle))
    expected = [*range(1, NUM_GENERATIONS + 1), *cycle, *cycle]
    np.testing.assert_array_equal(levels, params.alphas[np.array(expected)])
    for before, after in itertools.pairwise(populations):
        assert np.all(np.linalg.norm(after - before, axis=1) > 1e-4), "everybody moves"


def test_renoised_population_is_at_the_level_that_metrics_say(key):
    # x' = sqrt(a' / a) x + sqrt(1 - a' / a) noise: both numbers are read off 100,000 coordinates.
    algorithm = make(population_size=100, solution=jnp.zeros(1000))
    params = algorithm.default_params
    state = evaluated(algorithm, params, generation=NUM_GENERATIONS)
    population, state = algorithm.ask(key, state, params)
    _, metrics = algorithm.tell(key, population, sphere(population), state, params)
    before, after = np.float64(state.population), np.float64(population)
    slope = np.sum(before * after) / np.sum(before**2)
    left = np.var(after - slope * before)
    ratio = float(metrics["alpha"]) / float(params.alphas[-1])
    assert abs(slope - np.sqrt(ratio)) < 5 * np.sqrt((1 - ratio) / 100_000)
    assert abs(left - (1 - ratio)) < 5 * (1 - ratio) * np.sqrt(2 / 100_000)


@pytest.mark.parametrize("cls", BOTH)
def test_steps_of_a_cycle_are_the_papers(cls, key):
    algorithm = make(cls)
    params = silent(algorithm)
    alphas = np.asarray(params.alphas)
    for cycle in range(3):
        for step in range(4):
            generation = NUM_GENERATIONS + cycle * 5 + 1 + step
            state = evaluated(algorithm, params, generation)
            population, _ = algorithm.ask(key, state, params)
            expected = oracle_step(state, alphas[4 + step], alphas[5 + step])
            np.testing.assert_allclose(population, expected, atol=3e-5)


# --- How the sum is taken -------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"num_anchors": SIZE}, {"block_size": 5}])
def test_exact_options_change_nothing(options, key):
    algorithm = make(**options)
    params = silent(algorithm)
    state = evaluated(algorithm, params, generation=5)
    population, _ = algorithm.ask(key, state, params)
    expected = oracle_step(state, params.alphas[5], params.alphas[6])
    np.testing.assert_allclose(population, expected, atol=3e-5)


@pytest.mark.parametrize("options", [{"num_anchors": 9}, {"method": "grid"}])
@pytest.mark.parametrize("cls", BOTH)
def test_approximations_are_near(cls, options, key):
    algorithm, exact = make(cls, **options), make(cls)
    params = silent(algorithm)
    state = evaluated(algorithm, params, generation=4)
    x0 = algorithm.estimate_x0(key, state, params)
    truth = exact.estimate_x0(key, state, params)
    # Not the same, but nearer to it than to not selecting at all.
    assert not np.array_equal(x0, truth)
    unselected = np.mean(np.linalg.norm(state.population - truth, axis=1))
    assert np.mean(np.linalg.norm(x0 - truth, axis=1)) < 0.5 * unselected


def test_anchors_are_drawn_anew_each_generation(key):
    algorithm = make(num_anchors=9)
    params = silent(algorithm)
    state = evaluated(algorithm, params, generation=3)
    estimates = {
        np.asarray(algorithm.estimate_x0(jax.random.fold_in(key, number), state, params)).tobytes()
        for number in range(10)
    }
    assert len(estimates) == 10


def test_the_grid_refuses_many_kernel_dimensions_when_it_is_made():
    with pytest.raises(ValueError, match=r"^method: expected"):
        make(solution=jnp.zeros(10), method="grid")
    with pytest.raises(ValueError, match=r"^method: expected"):
        make(LatentDiffusionEvolution, solution=jnp.zeros(10), method="grid", num_latent_dims=4)
    # In a latent space of few dimensions it may be used whatever D is.
    make(LatentDiffusionEvolution, solution=jnp.zeros(10), method="grid", num_latent_dims=2)


def test_memory_stays_below_n_times_n_times_d():
    # 2,000 members in 1,000 dimensions: N x N x D would be 16 GB, N x N is 16 MB.
    population = jax.ShapeDtypeStruct((2000, 1000), jnp.float32)
    log_weights = jax.ShapeDtypeStruct((2000,), jnp.float32)
    compiled = jax.jit(posterior.estimate_x0).lower(population, log_weights, 0.5).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 200e6


# --- Latent ---------------------------------------------------------------------------------------


def test_latent_projection_is_drawn_once_and_has_unit_rows(key):
    algorithm = make(LatentDiffusionEvolution)
    params = algorithm.default_params
    state = evaluated(algorithm, params)
    assert state.projection.shape == (2, DIMS)
    np.testing.assert_allclose(np.linalg.norm(state.projection, axis=1), 1.0, rtol=1e-5)
    population, asked = algorithm.ask(key, state, params)
    told, _ = algorithm.tell(key, population, sphere(population), asked, params)
    np.testing.assert_array_equal(told.projection, state.projection)
    other = algorithm.init(key, population, sphere(population), params)
    assert not np.allclose(other.projection, state.projection)


@pytest.mark.parametrize("normalize", [True, False])
def test_latent_projection_with_and_without_normalisation(normalize):
    algorithm = make(
        LatentDiffusionEvolution,
        solution=jnp.zeros(500),
        num_latent_dims=50,
        normalize_projection=normalize,
    )
    projection = np.asarray(evaluated(algorithm, algorithm.default_params).projection)
    assert projection.shape == (50, 500)
    assert abs(np.var(projection) * 500 - 1) < 5 * np.sqrt(2 / 25_000)
    assert np.allclose(np.linalg.norm(projection, axis=1), 1.0, rtol=1e-5) == normalize


def test_plain_diffusion_evolution_stores_no_projection():
    algorithm = make()
    assert evaluated(algorithm, algorithm.default_params).projection is None


@pytest.mark.parametrize("cls", BOTH)
def test_17410_dimensions(cls, key):
    """Cart-pole's larger network: no origin is lost, and only the latent kernel still selects."""
    # Weights within e^6 of each other, beside which a distance of e^550 is everything.
    algorithm = make(
        cls, population_size=128, solution=jnp.zeros(17_410), weighting=weighting.RankBased()
    )
    params = algorithm.default_params
    state = evaluated(algorithm, params)
    for number in (0, 4, NUM_GENERATIONS - 1, NUM_GENERATIONS, NUM_GENERATIONS + 1):
        at = state.replace(generation=jnp.int32(number))
        x0 = np.asarray(algorithm.estimate_x0(key, at, params))
        population, _ = algorithm.ask(key, at, params)
        assert np.all(np.isfinite(x0))
        assert np.all(np.isfinite(population))
        assert np.all(np.linalg.norm(x0, axis=1) > 0.05 * np.sqrt(17_410))
    alone = np.allclose(algorithm.estimate_x0(key, state, params), state.population, atol=1e-5)
    assert alone == (cls is DiffusionEvolution)

"""Niching Diffusion Evolution: it converges, it keeps many optima, it does not look at scales."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo import NichingDiffusionEvolution
from diffevo.algorithms import niching
from diffevo.algorithms.niching import DENOISE, LOOK
from diffevo.core import chain, optima

OPTIMA = np.array(
    [[3.0, 2.0], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848126]]
)


def himmelblau(genomes):
    x, y = 6.0 * genomes[:, 0], 6.0 * genomes[:, 1]
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def rosenbrock(genomes):
    x = 2.0 * genomes
    return jnp.sum(100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2, axis=1)


# Static: the function is compiled into the run; numbers that change are not. A run is a loop over
# segments, so that runs of any length share one program: compiling it is most of a test's time.
SEGMENT = 40


@functools.partial(jax.jit, static_argnames=("algorithm", "fun", "num_generations"))
def run_segment(algorithm, fun, key, state, first, num_generations, landscape, params):
    def step(state, number):
        ask_key, tell_key = jax.random.split(jax.random.fold_in(key, number))
        population, state = algorithm.ask(ask_key, state, params)
        fitness = evaluate(fun, population, **landscape)
        state, metrics = algorithm.tell(tell_key, population, fitness, state, params)
        return state, metrics | {"outside": jnp.max(jnp.abs(population))}

    return jax.lax.scan(step, state, first + jnp.arange(num_generations))


def evaluate(fun, population, scale=1.0, shift=0.0, grid=0.0, turn=None):
    fitness = fun(population if turn is None else population @ turn)
    # Where there is a grid, fitness is rounded to its multiples.
    fitness = jnp.where(grid > 0, jnp.round(fitness / grid) * grid, fitness)
    return scale * fitness + shift


def run(algorithm, fun, key, num_generations, params=None, **landscape):
    params = algorithm.default_params if params is None else params
    landscape = {"scale": 1.0, "shift": 0.0, "grid": 0.0} | landscape
    population = algorithm.sample_population(key)
    state = algorithm.init(key, population, evaluate(fun, population, **landscape), params)
    length = min(SEGMENT, num_generations)
    assert num_generations % length == 0
    metrics = []
    for first in range(0, num_generations, length):
        state, some = run_segment(algorithm, fun, key, state, first, length, landscape, params)
        metrics.append(some)
    return state, jax.tree.map(lambda *parts: jnp.concatenate(parts), *metrics)


def found(algorithm, state, tolerance):
    modes = algorithm.modes(state)
    good = np.asarray(modes.valid) & (np.asarray(modes.fitness) < tolerance)
    return np.asarray(modes.solutions)[good]


@pytest.mark.parametrize(("population_size", "num_generations"), [(6, 2000), (96, 120)])
def test_all_optima_are_found_by_one_chain_and_by_many(population_size, num_generations):
    algorithm = NichingDiffusionEvolution(population_size, jnp.zeros(2), domain="box")
    assert algorithm.num_chains == population_size // 6
    state, metrics = run(algorithm, himmelblau, jax.random.key(0), num_generations)
    points = 6.0 * found(algorithm, state, 1e-5)
    gaps = np.linalg.norm(points[:, None] - OPTIMA[None], axis=-1)
    assert np.all(gaps.min(axis=0) < 1e-2), "every optimum is found"
    assert np.all(gaps.min(axis=1) < 1e-2), "nothing else is"
    assert len(points) == 4, "each of them once"
    assert metrics["outside"].max() <= 1.0
    assert metrics["num_modes"][-1] >= 3


def test_a_valley_is_followed_to_its_end():
    algorithm = NichingDiffusionEvolution(10, jnp.zeros(8))
    state, _ = run(algorithm, rosenbrock, jax.random.key(1), 1200)
    assert state.best_fitness < 1e-6


def test_scale_and_shift_of_the_fitness_change_nothing():
    # Powers of two and sums without rounding: not even the last bit.
    algorithm = NichingDiffusionEvolution(96, jnp.zeros(2), domain="box")
    options = {"grid": 1 / 1024}
    one, _ = run(algorithm, himmelblau, jax.random.key(2), 40, **options)
    for scale, shift in ((8.0, 0.0), (8.0, 1024.0)):
        other, _ = run(
            algorithm, himmelblau, jax.random.key(2), 40, scale=scale, shift=shift, **options
        )
        np.testing.assert_array_equal(one.population, other.population)
        np.testing.assert_array_equal(one.optima.solutions, other.optima.solutions)


def test_a_turned_landscape_is_searched_alike():
    # In distribution: the generations until a turned ellipsoid is solved, against the upright one.
    rotation = jnp.asarray(
        np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0], jnp.float32
    )
    weights = jnp.asarray([1.0, 3.0, 10.0, 30.0, 100.0])

    def upright(genomes):
        return jnp.sum(weights[None, :] * genomes**2, axis=1)

    algorithm = NichingDiffusionEvolution(8, jnp.zeros(5))
    keys = jax.random.split(jax.random.key(3), 24)

    def times(turn):
        # One after the other: all at once takes three times as long to compile.
        runs = [run(algorithm, upright, key, 160, turn=turn)[1]["best_fitness"] for key in keys]
        solved = np.stack(runs) < 1e-4
        assert solved[:, -1].mean() > 0.9
        return np.where(solved[:, -1], solved.argmax(axis=1), 160)

    one, other = times(jnp.eye(5)), times(rotation)
    error = np.sqrt(one.var() / len(one) + other.var() / len(other))
    assert abs(one.mean() - other.mean()) < 3.5 * error


def test_many_dimensions_follow_the_fitness():
    # The mean of the population moves towards the optimum, wherever it is, in memory O(N D).
    algorithm = NichingDiffusionEvolution(256, jnp.zeros(400))
    assert algorithm.num_chains == 1
    state = jax.eval_shape(
        algorithm.init,
        jax.random.key(0),
        jnp.zeros((256, 400)),
        jnp.zeros(256),
        algorithm.default_params,
    )
    assert max(leaf.size for leaf in jax.tree.leaves(state)) == 256 * 400
    up, _ = run(algorithm, total, jax.random.key(4), 40, scale=-1.0)
    down, _ = run(algorithm, total, jax.random.key(4), 40, scale=1.0)
    assert up.chains.chain.mean.mean() > 0.5
    assert down.chains.chain.mean.mean() < -0.5


def test_twenty_thousand_dimensions_overflow_no_integer():
    # Traced only: a chain may live 150 (D + 3)^2 generations, beyond int32 from D = 3,781 on.
    algorithm = NichingDiffusionEvolution(8, jnp.zeros(20_000))
    state, _ = jax.eval_shape(lambda key: run(algorithm, total, key, 2), jax.random.key(0))
    assert state.population.shape == (8, 20_000)


def total(genomes):
    return jnp.sum(genomes, axis=1)


def test_shares_say_who_gets_evaluations_while_nothing_is_discovered():
    algorithm = NichingDiffusionEvolution(6, jnp.zeros(2), domain="box")
    params = algorithm.default_params
    without = params.replace(large_share=jnp.float32(0.0))
    state, _ = run(algorithm, himmelblau, jax.random.key(5), 600, params=without)
    assert state.num_large == 0
    assert np.all(state.proposals.evaluations[3:] == 0)
    assert np.all(np.asarray(state.proposals.evaluations[:3]) > 0)
    state, _ = run(algorithm, himmelblau, jax.random.key(5), 600, params=params)
    assert state.num_large > 0


def test_a_large_chain_steps_with_all_its_generations():
    # Two generations of samples, then the step of a chain with all of them.
    algorithm = NichingDiffusionEvolution(6, jnp.zeros(2), domain="box")
    params = algorithm.default_params
    key = jax.random.key(6)
    population = algorithm.sample_population(key)
    state = algorithm.init(key, population, himmelblau(population), params)
    large = jnp.full(1, 2, jnp.int32)
    begun = chain.start(jnp.full(2, 0.9), jnp.log(0.5))
    state = state.replace(
        chains=state.chains.replace(
            chain=jax.tree.map(lambda leaf: leaf[None], begun),
            activity=jnp.full(1, DENOISE, jnp.int32),
            parts=large,
            part=0 * large,
        )
    )
    noise, fitness, excess = [], [], []
    for number in range(2):
        ask_key, tell_key = jax.random.split(jax.random.fold_in(key, number))
        population, state = algorithm.ask(ask_key, state, params)
        raw = begun.mean[None, :] + jnp.exp(begun.log_scale) * state.noise[0]
        np.testing.assert_allclose(population, jnp.clip(raw, -1, 1), atol=1e-6)
        noise.append(state.noise[0])
        fitness.append(himmelblau(population))
        excess.append(jnp.max((raw - jnp.clip(raw, -1, 1)) ** 2, axis=1) / 0.25)
        state, _ = algorithm.tell(tell_key, population, fitness[-1], state, params)
        if number == 0:
            np.testing.assert_array_equal(state.chains.chain.mean[0], begun.mean)
    assert np.sum(excess) > 0, "some are moved back into the box"
    noise, fitness, excess = (jnp.concatenate(parts) for parts in (noise, fitness, excess))
    expected = jax.jit(chain.reverse_step)(begun, noise, noise, fitness, excess=excess)
    got = jax.tree.map(lambda leaf: leaf[0], state.chains.chain)
    np.testing.assert_allclose(got.mean, jnp.clip(expected.mean, -1, 1), atol=1e-5)
    np.testing.assert_allclose(got.metric, expected.metric, atol=1e-5)
    np.testing.assert_allclose(got.log_scale, expected.log_scale, atol=1e-5)


def test_a_chain_reports_where_it_is_and_not_what_it_came_across():
    algorithm = NichingDiffusionEvolution(6, jnp.zeros(2), domain="box")
    params, key = algorithm.default_params, jax.random.key(9)
    population = algorithm.sample_population(key)
    state = algorithm.init(key, population, himmelblau(population), params)
    here = jax.tree.map(lambda leaf: leaf[None], chain.start(jnp.full(2, -0.5), jnp.log(0.01)))

    def best_after_a_generation(seen_at):
        chains = state.chains.replace(
            chain=here,
            activity=jnp.full(1, DENOISE, jnp.int32),
            best_solution=jnp.full((1, 2), seen_at),
            best_fitness=jnp.full(1, -1.0),  # less than all that is sampled
        )
        asked, told = algorithm.ask(key, state.replace(chains=chains), params)
        told, _ = algorithm.tell(key, asked, himmelblau(asked), told, params)
        assert told.chains.activity == DENOISE, "it goes on"
        return float(told.chains.best_fitness[0]), float(himmelblau(asked).min())

    best, sampled = best_after_a_generation(-0.52)
    assert best == -1.0
    best, sampled = best_after_a_generation(0.5)
    np.testing.assert_allclose(best, sampled, rtol=1e-6)


def known(algorithm, *found):
    """An archive of optima, each (coordinate, fitness)."""
    archive = optima.empty(algorithm.archive_size, algorithm.num_dims, jnp.float32)
    for place, fitness in found:
        solution = jnp.full(algorithm.num_dims, place)
        archive, new = optima.insert(
            archive, solution, jnp.float32(fitness), jnp.float32(1e-4), jnp.int32(1)
        )
        assert new
    return archive


@pytest.mark.parametrize(("away", "num_modes"), [(3e-4, 1), (0.1, 2)])
def test_a_live_chain_at_a_known_optimum_is_no_second_mode(away, num_modes):
    # Narrower than it is far from the optimum, whose own position is known to 1e-4.
    algorithm = NichingDiffusionEvolution(6, jnp.zeros(2), domain="box")
    population = algorithm.sample_population(jax.random.key(9))
    params = algorithm.default_params
    state = algorithm.init(jax.random.key(9), population, himmelblau(population), params)
    mean = jnp.full(2, 0.7 + away)
    chains = state.chains.replace(
        chain=jax.tree.map(lambda leaf: leaf[None], chain.start(mean, jnp.log(1e-7))),
        activity=jnp.full(1, DENOISE, jnp.int32),
        best_solution=mean[None],
        best_fitness=jnp.full(1, 1e-9),
    )
    state = state.replace(optima=known(algorithm, (0.7, 0.0)), chains=chains)
    assert jnp.sum(algorithm.modes(state).valid) == num_modes


@pytest.mark.parametrize("is_ridged", [False, True])
def test_a_chain_that_has_become_narrower_looks_whether_a_ridge_is_before_known_optima(is_ridged):
    algorithm = NichingDiffusionEvolution(6, jnp.zeros(2), domain="box")
    params, key = algorithm.default_params, jax.random.key(10)

    def fun(genomes):  # one bowl, or another one whose ridge to it is at 0.3
        distance = jnp.sqrt(jnp.sum(genomes**2, axis=1) / 2)
        other = jnp.abs(distance - 0.6) + 0.01
        return jnp.minimum(distance, other) if is_ridged else distance

    population = algorithm.sample_population(key)
    state = algorithm.init(key, population, fun(population), params)
    place = jnp.full((1, 2), 0.55)
    one = jnp.ones(1)
    state = state.replace(
        optima=known(algorithm, (0.0, 0.0), (-0.9, 0.005)),
        chains=state.chains.replace(
            chain=jax.tree.map(lambda leaf: leaf[None], chain.start(place[0], jnp.log(0.01))),
            activity=jnp.full(1, DENOISE, jnp.int32),
            age=5 * one,
            best_solution=place,
            best_fitness=fun(place),
            marked_width=one,
            marked_spread=one,
        ),
    )
    asked, state = algorithm.ask(jax.random.key(1), state, params)
    state, _ = algorithm.tell(jax.random.key(2), asked, fun(asked), state, params)
    assert state.chains.activity == LOOK
    before = state.chains
    asked, state = algorithm.ask(jax.random.key(3), state, params)
    # Half of the samples towards each of the two optima.
    start = np.asarray(before.best_solution[0])
    if is_ridged:
        left = np.array([[0.75], [0.5], [0.25]])
        np.testing.assert_allclose(asked[::2], start * left, atol=1e-6)
    state, _ = algorithm.tell(jax.random.key(4), asked, fun(asked), state, params)
    if is_ridged:
        assert state.chains.activity == DENOISE
        same = jax.tree.map(jnp.array_equal, state.chains.chain, before.chain)
        assert all(jax.tree.leaves(same)), "it goes on as it was"
        assert state.chains.age == before.age
    else:
        assert state.chains.activity != DENOISE, "its place is re-noised"
        assert jnp.sum(state.optima.filled) == 2, "and it reports nothing"


def test_the_most_isolated_lesser_optimum_is_deepened_first_and_not_for_ever():
    algorithm = NichingDiffusionEvolution(6, jnp.zeros(2), domain="box")
    params, key = algorithm.default_params, jax.random.key(11)
    population = algorithm.sample_population(key)
    state = algorithm.init(key, population, himmelblau(population), params)
    archive = known(algorithm, (0.0, 0.0), (0.1, 0.3), (0.8, 0.1), (0.6, 0.2))
    state = state.replace(optima=archive, scale=jnp.float32(1.0))
    good = jnp.arange(algorithm.archive_size) == 0
    order = []
    for _ in range(7):
        if not jnp.any(niching._lesser(state, good)):
            break
        (chosen,) = niching._isolated(jnp.ones(1, bool), good, state)
        order.append(round(float(state.optima.solutions[chosen, 0]), 1))
        tries = state.optima.tries.at[chosen].add(1)
        state = state.replace(optima=state.optima._replace(tries=tries))
    # 0.8 is 0.8 from a better one, then counts as 0.4; 0.6 is 0.2 from one, 0.1 is 0.1.
    assert order[:3] == [0.8, 0.8, 0.6]
    assert sorted(order[3:]) == [0.1, 0.1, 0.6]
    # An optimum that is found anew may be deepened again.
    archive, new = optima.insert(
        state.optima, jnp.full(2, -0.9), jnp.float32(0.2), jnp.float32(1e-4), jnp.int32(2)
    )
    assert new
    (chosen,) = niching._isolated(jnp.ones(1, bool), good, state.replace(optima=archive))
    np.testing.assert_allclose(archive.solutions[chosen], -0.9)


def test_a_rough_funnel_beside_a_smooth_one_is_deepened():
    # The smooth bowl has three quarters of the box and the waves of the other hide its optimum.
    algorithm = NichingDiffusionEvolution(8, jnp.zeros(5), domain="box")

    def fun(genomes):
        smooth = jnp.sum((genomes + 0.5) ** 2, axis=1)
        away = genomes - 0.6
        rough = jnp.sum(2 * away**2 + 0.2 * (1 - jnp.cos(10 * jnp.pi * away)), axis=1)
        return jnp.minimum(smooth, rough)

    state, _ = run(algorithm, fun, jax.random.key(13), 4000)
    assert state.proposals.evaluations[niching.DEEPEN] > 0
    points = found(algorithm, state, 1e-6)
    np.testing.assert_allclose(np.sort(points[:, 0]), [-0.5, 0.6], atol=1e-3)


def test_a_large_chain_shrinks_in_a_single_basin_and_not_on_a_rough_landscape():
    algorithm = NichingDiffusionEvolution(10, jnp.zeros(10))
    params = algorithm.default_params
    key = jax.random.key(7)

    def powers(genomes, power):
        return jnp.sum(jnp.abs(genomes) ** power, axis=1)

    @jax.jit
    def steps(power):
        population = algorithm.sample_population(key)
        state = algorithm.init(key, population, powers(population, power), params)
        state = state.replace(
            chains=state.chains.replace(
                activity=jnp.full(1, DENOISE, jnp.int32), parts=jnp.full(1, 4, jnp.int32)
            )
        )

        def step(state, number):
            ask_key, tell_key = jax.random.split(jax.random.fold_in(key, number))
            population, state = algorithm.ask(ask_key, state, params)
            fitness = powers(population, power)
            state, _ = algorithm.tell(tell_key, population, fitness, state, params)
            return state, (state.chains.parts[0], state.chains.age[0])

        return jax.lax.scan(step, state, jnp.arange(1000))[1]

    def smallest(power):  # parts of the first chain's steps
        parts, age = map(np.asarray, steps(power))
        assert age.max() > 40
        alive = np.append(np.diff(age) >= 0, False)
        return parts[: np.argmin(alive)].min()

    bowl, rough = 2.0, 0.5  # fitness goes with a power of the distance, at every scale
    assert smallest(bowl) == 1
    assert smallest(rough) == 4


def test_an_optimum_in_a_corner_is_reached():
    algorithm = NichingDiffusionEvolution(12, jnp.zeros(20), domain="box")
    state, metrics = run(algorithm, total, jax.random.key(8), 400)
    np.testing.assert_array_equal(state.best_solution, -np.ones(20))
    assert metrics["outside"].max() <= 1.0


def test_the_population_is_divided_into_chains():
    def sizes(population_size, num_dims, **options):
        algorithm = NichingDiffusionEvolution(population_size, jnp.zeros(num_dims), **options)
        return algorithm.num_chains, algorithm.num_samples

    assert sizes(10, 10) == (1, 10)
    assert sizes(512, 2) == (64, 8), "no member is left over"
    assert sizes(512, 58)[1] >= 29
    assert sizes(512, 1000) == (1, 512)
    assert sizes(7, 10) == (1, 7)
    assert sizes(100, 2, chain_size=33) == (3, 33)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"chain_size": 20}, "chain_size: expected at most population_size, 16, got 20"),
        ({"chain_size": 0}, "chain_size"),
        ({"archive_size": 0}, "archive_size"),
        ({"domain": "sphere"}, "domain: expected one of"),
        ({"metric": "diagonal"}, "metric: expected one of"),
    ],
)
def test_bad_options_are_refused_by_name(options, words):
    with pytest.raises(ValueError, match=words):
        NichingDiffusionEvolution(16, jnp.zeros(2), **options)

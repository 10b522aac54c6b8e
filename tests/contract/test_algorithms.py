"""What every registered algorithm must do: see design.md, "What is tested for everything"."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from diffevo.algorithms.registry import ALGORITHMS
from tests.contract import driver
from tests.contract.driver import generation, run, scan, sphere, start

ROOT = pathlib.Path(__file__).resolve().parents[2]
NUM_GENERATIONS = 5
SIZE, DIMS = 16, 3


@pytest.fixture(params=ALGORITHMS)
def name(request):
    return request.param


def make(name, population_size=SIZE, solution=None, num_generations=NUM_GENERATIONS, **options):
    solution = jnp.zeros(DIMS) if solution is None else solution
    return driver.make(name, population_size, solution, num_generations, **options)


@pytest.fixture
def algorithm(name):
    """The same small configuration in most tests: compiled once."""
    return make(name)


def assert_trees_equal(one, two):
    assert jax.tree.structure(one) == jax.tree.structure(two)
    jax.tree.map(np.testing.assert_array_equal, one, two)


def assert_trees_close(one, two, atol):
    assert jax.tree.structure(one) == jax.tree.structure(two)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol), one, two)


def assert_finite(tree, message=""):
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        assert np.all(np.isfinite(leaf)), f"{message} {jax.tree_util.keystr(path)}: {leaf}"


def test_something_is_registered():
    assert set(ALGORITHMS) == {
        "diffusion_evolution",
        "latent_diffusion_evolution",
        "hades",
        "charles_d",
        "niching_diffusion_evolution",
        "mixed_diffusion_evolution",
    }


# --- One run, however it is driven ----------------------------------------------------------------


# Operation by operation, the larger algorithms are hundreds of compilations. What could differ is
# how the base classes call them.
LARGE = ("hades", "charles_d", "niching_diffusion_evolution", "mixed_diffusion_evolution")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name in ALGORITHMS],
)
def test_jit_is_no_jit(algorithm, key):
    compiled, _ = run(algorithm, sphere, key, 2)
    with jax.disable_jit():
        eager, _ = run(algorithm, sphere, key, 2)
    assert_trees_close(compiled, eager, atol=1e-5)


def test_scan_is_a_loop(algorithm, key):
    # Beyond the end of the schedule, too.
    total = NUM_GENERATIONS + 3
    looped, each = run(algorithm, sphere, key, total)
    scanned, stacked = jax.jit(lambda key: scan(algorithm, sphere, key, total))(key)
    assert_trees_close(looped, scanned, atol=1e-5)
    assert_trees_close(jax.tree.map(lambda *rows: jnp.stack(rows), *each), stacked, atol=1e-5)


@pytest.mark.parametrize("stop", [0, 2, NUM_GENERATIONS, NUM_GENERATIONS + 2])
def test_resumed_is_straight(algorithm, key, stop):
    total = NUM_GENERATIONS + 4
    straight, _ = run(algorithm, sphere, key, total)
    state, _ = run(algorithm, sphere, key, stop)
    # Through plain numbers, as a checkpoint does.
    leaves, structure = jax.tree.flatten(state)
    stored = [(np.asarray(leaf).tobytes(), leaf.dtype, leaf.shape) for leaf in leaves]
    restored = jax.tree.unflatten(
        structure,
        [jnp.asarray(np.frombuffer(data, dtype).reshape(shape)) for data, dtype, shape in stored],
    )
    resumed, _ = run(algorithm, sphere, key, total - stop, first=stop, state=restored)
    assert_trees_equal(straight, resumed)


def test_vmap_over_seeds_is_each(algorithm):
    keys = jax.random.split(jax.random.key(3), 4)
    together, metrics = jax.jit(jax.vmap(lambda key: scan(algorithm, sphere, key, 4)))(keys)
    for number, key in enumerate(keys):
        state, _ = run(algorithm, sphere, key, 4)
        assert_trees_close(state, jax.tree.map(lambda leaf, n=number: leaf[n], together), atol=1e-5)
    # Seeds are different runs.
    assert len(set(np.asarray(metrics["best_fitness"])[:, -1].tolist())) == 4


def test_a_key_decides_all(algorithm, key):
    one, _ = run(algorithm, sphere, key, 3)
    again, _ = run(algorithm, sphere, key, 3)
    assert_trees_equal(one, again)
    other, _ = run(algorithm, sphere, jax.random.fold_in(key, 7), 3)
    assert not np.allclose(one.population, other.population)


def test_old_style_keys_are_keys(algorithm):
    new, _ = run(algorithm, sphere, jax.random.key(5), 2)
    old, _ = run(algorithm, sphere, jax.random.PRNGKey(5), 2)
    assert_trees_equal(new, old)


def test_structure_of_the_state_is_fixed(algorithm, key):
    def description(state):
        # Weak types too: they decide what compiles again.
        return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.weak_type), state)

    params = algorithm.default_params
    state = start(algorithm, sphere, key, params)
    expected = description(state)
    for leaf in jax.tree.leaves(state):
        assert not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key), "no key lives in State"
    first_metrics = None
    for _ in range(NUM_GENERATIONS + 2):
        population, asked = algorithm.ask(key, state, params)
        assert description(asked) == expected
        state, metrics = algorithm.tell(key, population, sphere(population), asked, params)
        assert description(state) == expected
        first_metrics = first_metrics or description(metrics)
        assert description(metrics) == first_metrics


def test_metrics_are_scalars(algorithm, key):
    _, metrics = run(algorithm, sphere, key, 1)
    for label, value in metrics[0].items():
        assert isinstance(label, str)
        assert np.shape(value) == ()
    json.dumps({label: float(value) for label, value in metrics[0].items()})
    assert {"best_fitness", "generation", "num_failed"} <= set(metrics[0])


def test_default_params_are_arrays(algorithm):
    for leaf in jax.tree.leaves(algorithm.default_params):
        assert isinstance(leaf, jax.Array)
        assert not leaf.weak_type
        assert leaf.dtype == jnp.float32


def test_initial_population_is_a_unit_gaussian(name, key):
    algorithm = make(name, 2000, {"a": jnp.zeros(30), "b": jnp.zeros((2, 10))})
    population = algorithm.sample_population(key)
    assert population["a"].shape == (2000, 30)
    assert population["b"].shape == (2000, 2, 10)
    draws = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(population)])
    # Five standard errors of 1e5 draws.
    assert abs(draws.mean()) < 5 / np.sqrt(100_000)
    assert abs(draws.var() - 1) < 5 * np.sqrt(2 / 100_000)
    assert len(np.unique(draws)) > 90_000


# --- Compilation ----------------------------------------------------------------------------------

_traces = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, duration, **_: (
        _traces.append(duration) if event.endswith("jaxpr_trace_duration") else None
    )
)


def test_nothing_compiles_twice(name, key):
    # Sizes that no other test uses.
    def fresh():
        return make(name, 9, {"a": jnp.zeros(2), "b": jnp.zeros(())})

    def whole(algorithm, params):
        population = algorithm.sample_population(key)
        state = algorithm.init(key, population, fitness, params)
        for _ in range(2):
            population, state = algorithm.ask(key, state, params)
            state, _ = algorithm.tell(key, population, fitness, state, params)
        algorithm.estimate_x0(key, state, params)

    fitness = jnp.arange(9.0)
    algorithm = fresh()
    params = algorithm.default_params
    changed = jax.tree.map(lambda leaf: leaf * jnp.float32(0.9), params)

    def count(algorithm, params):
        before = len(_traces)
        whole(algorithm, params)
        return len(_traces) - before

    assert count(algorithm, params) > 0, "the counter counts"
    assert count(algorithm, params) == 0, "a second call"
    assert count(algorithm, changed) == 0, "other params"
    equal = fresh()
    assert equal is not algorithm
    assert equal == algorithm
    assert hash(equal) == hash(algorithm)
    assert count(equal, params) == 0, "an equal configuration"


def test_configurations_differ_by_value(name):
    assert make(name) == make(name)
    assert make(name) != make(name, SIZE + 1)
    if "num_generations" in ALGORITHMS[name].__dataclass_fields__:
        assert make(name) != make(name, num_generations=NUM_GENERATIONS + 1)
    assert make(name) != make(name, solution={"a": jnp.zeros(DIMS)})
    assert make(name) != make(name, solution=jnp.zeros(DIMS, jnp.bfloat16))
    # The numbers in the template are no part of it.
    assert make(name) == make(name, solution=jnp.ones(DIMS))
    assert make(name) == make(name, solution=jax.ShapeDtypeStruct((DIMS,), jnp.float32))
    with pytest.raises(AttributeError):
        make(name).population_size = 3


# --- Solutions ------------------------------------------------------------------------------------


TEMPLATES = {
    "arrays": [{"b": jnp.zeros(()), "a": jnp.zeros((2, 2))}, (jnp.zeros((1, 3)), None)],
    "numbers": {"x": 0.0, "y": 1.0, "z": [0.0] * 6},
}


def flat(tree, size):
    leaves = [np.asarray(leaf, np.float32).reshape(size, -1) for leaf in jax.tree.leaves(tree)]
    return np.concatenate(leaves, axis=1)


# How a template is flattened does not depend on the algorithm: all kinds with one of them.
@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "arrays") for name in ALGORITHMS), ("diffusion_evolution", "numbers")],
)
def test_any_pytree_is_the_flat_run(name, kind, key):
    tree, array = make(name, 6, TEMPLATES[kind]), make(name, 6, jnp.zeros(8))
    assert tree.num_dims == 8
    params = tree.default_params
    population, flat_population = tree.sample_population(key), array.sample_population(key)
    # To rounding: the two are fused differently by some versions of XLA.
    np.testing.assert_allclose(flat(population, 6), flat_population, rtol=1e-6)
    template = jax.tree.map(np.shape, TEMPLATES[kind])
    assert jax.tree.map(lambda leaf: leaf.shape[1:], population) == template
    fitness = sphere(flat_population)
    tree_state = tree.init(key, population, fitness, params)
    array_state = array.init(key, flat_population, fitness, params)
    for _ in range(2):
        population, tree_state = tree.ask(key, tree_state, params)
        flat_population, array_state = array.ask(key, array_state, params)
        np.testing.assert_allclose(flat(population, 6), flat_population, rtol=1e-4, atol=1e-5)
        fitness = sphere(flat_population)
        tree_state, _ = tree.tell(key, population, fitness, tree_state, params)
        array_state, _ = array.tell(key, flat_population, fitness, array_state, params)
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5),
        tree_state,
        array_state,
    )


def test_leaves_keep_their_dtype(name, key):
    template = {"half": jnp.zeros(4, jnp.bfloat16), "single": jnp.zeros(4)}
    tree, array = make(name, 6, template), make(name, 6, jnp.zeros(8))
    params = tree.default_params
    drawn = tree.sample_population(key)
    assert drawn["half"].dtype == jnp.bfloat16
    assert drawn["single"].dtype == jnp.float32
    # From the same rounded start, the same step; only what is handed out is rounded.
    start_flat = jnp.asarray(flat(drawn, 6))
    fitness = sphere(start_flat)
    asked, state = tree.ask(key, tree.init(key, drawn, fitness, params), params)
    asked_flat, _ = array.ask(key, array.init(key, start_flat, fitness, params), params)
    assert asked["half"].dtype == jnp.bfloat16
    assert state.population.dtype == jnp.float32
    # Half of the last of its 8 bits; and float32, of two programs.
    half = np.asarray(asked["half"], np.float32)
    np.testing.assert_allclose(half, asked_flat[:, :4], rtol=2**-8, atol=1e-5)
    np.testing.assert_allclose(asked["single"], asked_flat[:, 4:], rtol=1e-4, atol=1e-5)
    # What is told is what was evaluated, rounding included.
    state, _ = tree.tell(key, asked, fitness, state, params)
    np.testing.assert_array_equal(state.population, flat(asked, 6))


def test_float64_template_of_numpy(name, key):
    # What np.zeros makes; without x64 it is float32, and no warning.
    algorithm = make(name, 6, np.zeros(8))
    state, _ = run(algorithm, sphere, key, 2)
    assert state.population.dtype == jnp.float32


def test_repaired_populations_are_taken(algorithm, key):
    params = algorithm.default_params
    state = start(algorithm, sphere, key, params)
    population, state = algorithm.ask(key, state, params)
    repaired = jnp.clip(population, -0.1, 0.1)
    state, _ = algorithm.tell(key, repaired, sphere(repaired), state, params)
    np.testing.assert_array_equal(state.population, repaired)


def told(algorithm, key, fitness):
    params = algorithm.default_params
    population = algorithm.sample_population(key)
    state = algorithm.init(key, population, fitness, params)
    return state, algorithm.tell(key, population, fitness, state, params)[0]


@pytest.mark.parametrize("kind", [np.float64, np.int32, np.bool_, list])
def test_fitness_of_other_types_is_the_same_program(algorithm, key, kind):
    values = np.arange(SIZE)[::-1] % (2 if kind is np.bool_ else SIZE)
    told(algorithm, key, values.astype(np.float32))
    before = len(_traces)
    fitness = values.tolist() if kind is list else values.astype(kind)
    for state in told(algorithm, key, fitness):
        assert state.fitness.dtype == jnp.float32
        np.testing.assert_array_equal(state.fitness, values)
    assert len(_traces) == before, "a list of N numbers would be N arguments"


def test_fitness_of_scalars_and_in_a_program(algorithm, key):
    values = np.arange(SIZE, dtype=np.float32)
    expected, _ = told(algorithm, key, values)
    listed, _ = told(algorithm, key, [jnp.float32(value) for value in values])
    assert_trees_equal(expected, listed)
    traced = jax.jit(lambda values: told(algorithm, key, list(values))[0].fitness)(values)
    np.testing.assert_array_equal(traced, values)


# --- Failed, infinite, constant, huge, tiny -------------------------------------------------------

NAN, INF = np.nan, np.inf
BAD_FITNESS = {
    "some nan": np.r_[NAN, NAN, np.arange(SIZE - 2.0)],
    "all but one nan": np.r_[[NAN] * (SIZE - 1), 1.0],
    "all nan": np.full(SIZE, NAN),
    "plus infinity": np.r_[INF, INF, np.arange(SIZE - 2.0)],
    "minus infinity": np.r_[-INF, np.arange(SIZE - 1.0)],
    "all plus infinity": np.full(SIZE, INF),
    "all minus infinity": np.full(SIZE, -INF),
    "all of them": np.r_[NAN, INF, -INF, np.arange(SIZE - 3.0)],
    "constant": np.full(SIZE, 3.0),
    "zero": np.zeros(SIZE),
    "huge": 1e30 * np.arange(SIZE),
    "huge negative": -1e30 * np.arange(SIZE),
    "largest": np.r_[3e38, -3e38, np.zeros(SIZE - 2)],
    "tiny": 1e-30 * np.arange(SIZE),
    "denormal": 1e-42 * np.arange(SIZE),
}


@pytest.mark.parametrize("kind", BAD_FITNESS)
def test_whatever_the_fitness_the_population_is_finite(algorithm, key, kind):
    values = jnp.asarray(BAD_FITNESS[kind], jnp.float32)

    def fun(population):
        del population
        return values

    params = algorithm.default_params
    state = start(algorithm, fun, key, params)
    # To the end of the schedule and beyond.
    for number in range(NUM_GENERATIONS + 3):
        before = state
        step_key = jax.random.fold_in(key, number)
        assert_finite(algorithm.estimate_x0(step_key, state, params), kind)
        state, metrics = generation(algorithm, fun, step_key, state, params)
        assert_finite(state.population, f"{kind}, generation {number}")
        assert_finite(state.best_solution, kind)
        assert not np.isnan(state.best_fitness)
        assert metrics["num_failed"] == np.isnan(values).sum()
        assert not np.array_equal(state.population, before.population), "it still moves"
    expected = np.nanmin(np.r_[values, INF])
    assert state.best_fitness == expected


def test_one_bad_generation_is_survived(algorithm, key):
    params = algorithm.default_params
    state = start(algorithm, sphere, key, params)
    best = state.best_fitness
    state, metrics = generation(algorithm, lambda _: jnp.full(SIZE, jnp.nan), key, state, params)
    assert metrics["num_failed"] == SIZE
    assert state.best_fitness == best
    for number in range(3):
        state, metrics = generation(
            algorithm, sphere, jax.random.fold_in(key, number), state, params
        )
        assert_finite(state)
        assert metrics["num_failed"] == 0


def test_failed_never_wins(algorithm, key):
    # Exactly the members that would be best fail.
    def fun(population):
        fitness = sphere(population)
        return jnp.where(fitness < jnp.median(fitness), jnp.nan, fitness)

    params = algorithm.default_params
    state = start(algorithm, fun, key, params)
    lowest = jnp.nanmin(fun(state.population))
    for number in range(NUM_GENERATIONS):
        state, _ = generation(algorithm, fun, jax.random.fold_in(key, number), state, params)
        lowest = jnp.minimum(lowest, jnp.nanmin(fun(state.population)))
        assert state.best_fitness == lowest
        np.testing.assert_allclose(sphere(state.best_solution[None, :])[0], lowest, rtol=1e-6)


def test_where_a_failed_member_was_means_nothing_to_the_others(algorithm, key):
    params = algorithm.default_params
    population = algorithm.sample_population(key)
    fitness = sphere(population).at[0].set(jnp.nan)

    def asked(member, place):
        state = algorithm.init(key, population.at[member].set(place), fitness, params)
        return algorithm.ask(key, state, params)[0]

    near, far = asked(0, 0.0), asked(0, 5.0)
    np.testing.assert_allclose(near[1:], far[1:], atol=2e-5)
    # The place of the best does mean something, to others too.
    best = int(jnp.nanargmin(fitness))
    others = np.arange(SIZE) != best
    assert not np.allclose(asked(best, 0.0)[others], asked(best, 5.0)[others], atol=1e-3)


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_genomes_that_are_not_finite_are_contained(algorithm, key, bad):
    # Their fitness claims to be the best of all.
    params = algorithm.default_params
    population = algorithm.sample_population(key).at[2, 1].set(bad).at[5].set(bad)
    fitness = sphere(jnp.nan_to_num(population, posinf=0, neginf=0)) + 1.0
    fitness = fitness.at[2].set(-100.0).at[5].set(-200.0)
    state = algorithm.init(key, population, fitness, params)
    assert_finite(state.population)
    assert state.best_fitness > 0
    for number in range(3):
        asked, state = algorithm.ask(jax.random.fold_in(key, number), state, params)
        assert_finite(asked)
        broken = asked.at[1].set(bad)
        state, metrics = algorithm.tell(key, broken, sphere(asked).at[1].set(-300.0), state, params)
        assert_finite(state.population)
        assert metrics["num_failed"] == 1
        assert state.best_fitness >= 0
    assert_finite(algorithm.ask(key, state, params)[0])


def test_nobody_is_intact(algorithm, key):
    params = algorithm.default_params
    nowhere = jnp.full((SIZE, DIMS), jnp.nan)
    state = algorithm.init(key, nowhere, jnp.zeros(SIZE), params)
    assert_finite(algorithm.ask(key, state, params)[0])
    state, metrics = algorithm.tell(key, nowhere, jnp.zeros(SIZE), state, params)
    assert metrics["num_failed"] == SIZE
    assert_finite(algorithm.ask(key, state, params)[0])


@pytest.mark.parametrize(("population_size", "shape"), [(1, (DIMS,)), (2, ())])
def test_very_few_individuals(name, key, population_size, shape):
    algorithm = make(name, population_size, jnp.zeros(shape))
    params = algorithm.default_params
    state = start(algorithm, sphere, key, params)
    for number in range(NUM_GENERATIONS + 3):
        state, metrics = generation(
            algorithm, sphere, jax.random.fold_in(key, number), state, params
        )
        assert_finite(state, f"generation {number}")
        assert_finite(metrics, f"generation {number}")


# --- The search -----------------------------------------------------------------------------------


def test_every_generation_moves_the_last_one_too(algorithm, key):
    params = algorithm.default_params
    state = start(algorithm, sphere, key, params)
    for number in range(NUM_GENERATIONS):
        population, state = algorithm.ask(jax.random.fold_in(key, number), state, params)
        moved = np.linalg.norm(np.asarray(population) - np.asarray(state.population), axis=1)
        assert np.all(moved > 1e-4), f"generation {number} of {NUM_GENERATIONS}"
        state, _ = algorithm.tell(key, population, sphere(population), state, params)


def test_best_is_the_lowest_of_all_that_was_evaluated(algorithm, key):
    params = algorithm.default_params
    state = start(algorithm, sphere, key, params)
    seen = [sphere(state.population).min()]
    for number in range(NUM_GENERATIONS + 3):
        state, metrics = generation(
            algorithm, sphere, jax.random.fold_in(key, number), state, params
        )
        seen.append(sphere(state.population).min())
        assert state.best_fitness == min(seen)
        assert metrics["best_fitness"] == min(seen)
        np.testing.assert_allclose(
            sphere(state.best_solution[None, :])[0], state.best_fitness, rtol=1e-6
        )


def test_sphere(name):
    """Three dimensions, 256 x 31 evaluations, five seeds.

    Of that many draws of a unit Gaussian the best one has a median of 0.006, the typical one 3.1.
    Stated thresholds: the best below 0.006, and the whole population, not one lucky member, at a
    tenth of 3.1.
    """
    algorithm = make(name, 256, jnp.zeros(3), 30)
    whole_run = jax.jit(lambda key: scan(algorithm, sphere, key, 30)[0])
    finals = [whole_run(jax.random.key(seed)) for seed in range(5)]
    assert np.median([final.best_fitness for final in finals]) < 0.006
    assert np.median([np.median(sphere(final.population)) for final in finals]) < 0.3


def test_scale_and_offset_of_the_fitness_mean_nothing(name, key):
    # In units of 1/64, of which float32 holds all of these images exactly.
    def in_units(population):
        return jnp.round(64 * sphere(population)) / 64

    algorithm = make(name)
    plain, thousandfold, doubled, raised = (
        run(algorithm, fun, key, NUM_GENERATIONS + 4)[0]
        for fun in (
            in_units,
            lambda x: 1000 * in_units(x),
            lambda x: 1024 * in_units(x),
            lambda x: in_units(x) + 10,
        )
    )
    # Not a bit differs where the scaling itself rounds nothing.
    for other in (doubled, raised):
        np.testing.assert_array_equal(plain.population, other.population)
        np.testing.assert_array_equal(plain.best_solution, other.best_solution)
    np.testing.assert_allclose(plain.population, thousandfold.population, atol=1e-4)
    np.testing.assert_allclose(raised.best_fitness, plain.best_fitness + 10)
    # The order does mean something.
    reversed_, _ = run(algorithm, lambda x: -in_units(x), key, NUM_GENERATIONS + 4)
    assert not np.allclose(plain.population, reversed_.population, atol=0.1)


# --- Processes and flags --------------------------------------------------------------------------

# Compiles as the tests do, and reads from their cache what they have compiled of the same program:
# a program that depends on anything else, such as the order of a set, is another one.
OTHER_PROCESS = """
import json
import jax
from tests import compilation
compilation.install()
jax.config.update("jax_disable_most_optimizations", True)
from tests.contract.test_algorithms import fingerprint
print(json.dumps(fingerprint()))
"""


def fingerprint():
    """Every bit of a short run of every algorithm, and of one in float64 under a local flag."""
    bits = {}
    for name in ALGORITHMS:
        state, _ = run(make(name), sphere, jax.random.key(11), NUM_GENERATIONS + 2)
        bits[name] = [np.asarray(leaf).tobytes().hex() for leaf in jax.tree.leaves(state)]
    return bits


def test_the_same_in_another_process():
    expected = fingerprint()
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "random",
        "JAX_COMPILATION_CACHE_DIR": jax.config.jax_compilation_cache_dir,
    }
    output = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert json.loads(output.splitlines()[-1]) == expected


def test_float64_where_x64_is_on(name):
    # A local context: nothing global is touched, nothing depends on it.
    with jax.enable_x64(True):
        double = make(name, solution=jnp.zeros(DIMS, jnp.float64))
        state, metrics = run(double, sphere_in_double, jax.random.key(0), NUM_GENERATIONS + 2)
        assert state.population.dtype == jnp.float64
        assert state.fitness.dtype == jnp.float64
        assert state.best_fitness.dtype == jnp.float64
        assert jax.tree.leaves(double.default_params)[0].dtype == jnp.float64
        assert_finite((state, metrics))
        # Not float32 in disguise.
        assert np.any(state.population != state.population.astype(jnp.float32))


def sphere_in_double(population):
    return jnp.sum(jnp.square(population - 0.5), axis=1)


def test_float32_stays_float32_where_x64_is_on(name, key):
    expected, _ = run(make(name), sphere, key, 3)
    with jax.enable_x64(True):
        algorithm = make(name, solution=jnp.zeros(DIMS, jnp.float32))
        state, _ = run(algorithm, sphere, key, 3)
        for one, two in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
            assert one.dtype == two.dtype
            # Another compilation: rounding differs, in relation to values that are not about 1.
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


# --- Bad input ------------------------------------------------------------------------------------

BAD_CONFIGURATIONS = [
    ("population_size", {"population_size": 0}),
    ("population_size", {"population_size": -3}),
    ("population_size", {"population_size": True}),
    ("population_size", {"population_size": 1.5}),
    ("population_size", {"population_size": "16"}),
    ("population_size", {"population_size": None}),
    ("solution", {"solution": {}}),
    ("solution", {"solution": []}),
    ("solution", {"solution": jnp.zeros(0)}),
    ("solution", {"solution": {"a": jnp.zeros((2, 0))}}),
    ("solution", {"solution": jnp.zeros(3, jnp.int32)}),
    ("solution", {"solution": {"a": jnp.zeros(3), "b": jnp.zeros(2, bool)}}),
    ("solution", {"solution": 3}),
    ("solution", {"solution": jnp.zeros(3, jnp.complex64)}),
    ("num_generations", {"num_generations": 0}),
    ("num_generations", {"num_generations": True}),
    ("num_generations", {"num_generations": 2.5}),
    ("num_generations", {"num_generations": "many"}),
]
if all(hasattr(algorithm, "__dataclass_fields__") for algorithm in ALGORITHMS.values()):
    # Only for those that have the argument.
    BAD_CONFIGURATIONS += [
        ("schedule", {"schedule": "sigmoid"}),
        ("schedule", {"schedule": 3}),
        ("schedule", {"schedule": None}),
        ("schedule", {"schedule": jnp.ones}),
        ("num_schedule_steps", {"num_schedule_steps": NUM_GENERATIONS - 1}),
        ("num_schedule_steps", {"num_schedule_steps": 0}),
        ("num_schedule_steps", {"num_schedule_steps": 7.5}),
        ("weighting", {"weighting": "rank"}),
        ("weighting", {"weighting": None}),
        ("after_schedule", {"after_schedule": "freeze"}),
        ("after_schedule", {"after_schedule": None}),
        ("method", {"method": "magic"}),
        ("num_anchors", {"num_anchors": 0}),
        ("num_anchors", {"num_anchors": SIZE + 1}),
        ("num_anchors", {"num_anchors": 2.5}),
        ("block_size", {"block_size": 0}),
        ("block_size", {"block_size": 2.5}),
        ("num_latent_dims", {"num_latent_dims": 0}),
        ("num_latent_dims", {"num_latent_dims": -1}),
        ("num_latent_dims", {"num_latent_dims": True}),
        ("num_latent_dims", {"num_latent_dims": 1.5}),
        ("num_latent_dims", {"num_latent_dims": None}),
        ("network", {"network": "mlp"}),
        ("prediction", {"prediction": "score"}),
        ("training", {"training": 100}),
        ("training_data", {"training_data": "all"}),
        ("training_interval", {"training_interval": 0}),
        ("selection", {"selection": "roulette"}),
        ("buffer_size", {"buffer_size": 0}),
        ("buffer_size", {"buffer_size": 1.5}),
        ("retention", {"retention": "age"}),
        ("elite_ratio", {"elite_ratio": 1.1}),
        ("elite_ratio", {"elite_ratio": "some"}),
        ("crossover_ratio", {"crossover_ratio": -0.1}),
        ("forget_best", {"forget_best": "sometimes"}),
        ("num_levels", {"num_levels": 1}),
        ("num_steps", {"num_steps": 0}),
        ("sampler", {"sampler": "euler"}),
        ("readaptation_steps", {"readaptation_steps": -1}),
        ("readaptation_steps", {"readaptation_steps": True}),
        ("conditions", {"conditions": "fitness"}),
        ("conditions", {"conditions": (1,)}),
    ]


@pytest.mark.parametrize(
    ("argument", "options"), BAD_CONFIGURATIONS, ids=range(len(BAD_CONFIGURATIONS))
)
def test_bad_configurations_are_named(name, argument, options, monkeypatch):
    # As users see it: without the type hook of the tests.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    if argument not in ALGORITHMS[name].__dataclass_fields__:
        pytest.skip(f"{name} has no {argument}")
    arguments = {"population_size": SIZE, "solution": jnp.zeros(DIMS)}
    with pytest.raises(ValueError, match=rf"^{argument}: expected .*got"):
        ALGORITHMS[name](**(arguments | options))


def test_numpy_integers_are_integers(name):
    algorithm = make(name, np.int64(SIZE), num_generations=np.int32(NUM_GENERATIONS))
    assert algorithm == make(name)


@pytest.mark.parametrize(
    "fitness",
    [
        jnp.zeros(SIZE - 1),
        jnp.zeros((SIZE, 1)),
        jnp.zeros(()),
        0.0,
        jnp.zeros(SIZE, jnp.complex64),
        None,
        [1.0] * (SIZE - 1) + [None],
        [1.0] * (SIZE - 1) + [[1.0, 2.0]],
        ["bad"] * SIZE,
    ],
    ids=["short", "column", "scalar", "number", "complex", "none", "hole", "ragged", "words"],
)
def test_bad_fitness_is_named(algorithm, key, fitness):
    params = algorithm.default_params
    population = algorithm.sample_population(key)
    with pytest.raises(ValueError, match=r"^fitness: expected .*got"):
        algorithm.init(key, population, fitness, params)
    state = start(algorithm, sphere, key, params)
    with pytest.raises(ValueError, match=r"^fitness: expected .*got"):
        algorithm.tell(key, population, fitness, state, params)


@pytest.mark.parametrize(
    "population",
    [
        jnp.zeros((SIZE - 1, DIMS)),
        jnp.zeros((SIZE, DIMS + 1)),
        jnp.zeros(DIMS),
        {"a": jnp.zeros((SIZE, DIMS))},
        [],
        None,
    ],
    ids=["short", "wide", "one solution", "other structure", "empty", "none"],
)
def test_bad_populations_are_named(algorithm, key, population):
    params = algorithm.default_params
    with pytest.raises(ValueError, match=r"^population: expected .*got"):
        algorithm.init(key, population, jnp.zeros(SIZE), params)
    state = start(algorithm, sphere, key, params)
    with pytest.raises(ValueError, match=r"^population: expected .*got"):
        algorithm.tell(key, population, jnp.zeros(SIZE), state, params)

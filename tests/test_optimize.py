"""minimize, maximize, the search space and the detection of fitness functions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import diffevo
from diffevo import optimize
from diffevo.denoiser.fit import Training
from diffevo.evaluators.traceable import batch_function

BOX = (np.full(2, -4.0), np.full(2, 4.0))


def sphere(x):
    return jnp.sum((x - 1.0) ** 2)


def negative(x):
    return -sphere(x["a"])


def half_fails(x):
    return jnp.where(x[0] < 0.0, jnp.nan, sphere(x))


# One function, population and budget wherever nothing else is asked for: one compilation. What is
# maximized is a function of a dictionary.
BUDGET = 2000
NAMED_BOX = ({"a": BOX[0]}, {"a": BOX[1]})
# Too few generations for niching, which takes seconds to compile.
FEW = {"budget": 3000, "population_size": 100}


def himmelblau(x):
    return (x[..., 0] ** 2 + x[..., 1] - 11) ** 2 + (x[..., 0] + x[..., 1] ** 2 - 7) ** 2


def test_minimize_finds_the_sphere_s_minimum():
    result = diffevo.minimize(sphere, BOX, seed=1, **FEW)
    assert result.fun < 1e-2
    np.testing.assert_allclose(result.x, 1.0, atol=0.1)
    assert (result.nfev, result.nit) == (3000, 29)
    assert result.success
    assert result.stop_reason == "budget"
    np.testing.assert_allclose(result.fun, sphere(result.x), rtol=1e-5)


def test_all_four_optima_of_himmelblau_are_its_first_modes():
    optima = np.array(
        [[3.0, 2.0], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848126]]
    )
    result = diffevo.minimize(himmelblau, BOX, budget=20_000, seed=0)
    modes = result.modes
    np.testing.assert_array_equal(modes.fun, np.sort(modes.fun))
    first = np.asarray(modes.x)[:4]
    distance = np.linalg.norm(first[:, None] - optima[None], axis=-1)
    assert np.all(distance.min(axis=0) < 1e-3)
    assert np.all(modes.fun[:4] < 1e-6)
    assert np.all((modes.nfev > 0) & (modes.nfev <= result.nfev))


def test_few_generations_of_a_given_population_are_scheduled():
    few, many = (
        diffevo.Optimizer(BOX, budget=100 * evaluated, population_size=100).setup.algorithm
        for evaluated in (51, 52)
    )
    assert isinstance(few, diffevo.DiffusionEvolution)
    assert isinstance(many, diffevo.NichingDiffusionEvolution)
    assert diffevo.minimize(sphere, BOX, **FEW).modes is None


def test_very_few_generations_in_many_dimensions_measure_distances_in_a_projection():
    box = (np.full(17, -4.0), np.full(17, 4.0))
    few, many = (
        diffevo.Optimizer(box, budget=100 * evaluated, population_size=100).setup.algorithm
        for evaluated in (21, 22)
    )
    assert isinstance(few, diffevo.LatentDiffusionEvolution)
    assert few.num_generations == 20
    assert isinstance(many, diffevo.NichingDiffusionEvolution)


def test_history_is_monotone_and_complete():
    result = diffevo.minimize(sphere, BOX, **FEW)
    assert {values.shape for values in result.history.values()} == {(30,)}
    np.testing.assert_array_equal(result.history["generation"], np.arange(30))
    assert np.all(np.diff(result.history["best_fitness"]) <= 0)
    assert result.history["best_fitness"][-1] == np.float32(result.fun)
    assert np.all(np.isfinite(result.history["alpha"]))


def test_maximize_mirrors_minimize_in_the_users_sign_and_structure():
    low = diffevo.minimize(sphere, BOX, budget=BUDGET, seed=3)
    high = diffevo.maximize(negative, NAMED_BOX, budget=BUDGET, seed=3)
    assert high.fun == -low.fun
    np.testing.assert_array_equal(high.x["a"], low.x)
    np.testing.assert_array_equal(high.fitness, -low.fitness)
    modes = high.modes
    np.testing.assert_array_equal(modes.fun, -low.modes.fun)
    assert modes.x["a"].shape == (len(modes.fun), 2)
    np.testing.assert_allclose(modes.fun, [-sphere(x) for x in modes.x["a"]], rtol=1e-4, atol=1e-9)
    assert np.all(np.diff(modes.fun) <= 0)
    for name in ("best_fitness", "mean_fitness", "best_fitness_in_generation"):
        np.testing.assert_array_equal(high.history[name], -low.history[name])


def test_ftarget_stops_in_the_users_sign():
    for run, fun, box, target in (
        (diffevo.minimize, sphere, BOX, 0.5),
        (diffevo.maximize, negative, NAMED_BOX, -0.5),
    ):
        result = run(fun, box, budget=BUDGET, ftarget=target)
        assert result.stop_reason == "ftarget"
        assert result.nfev < BUDGET
        assert abs(result.fun) <= 0.5
        assert len(result.history["generation"]) == result.nit + 1


def test_a_schedule_of_a_hundred_thousand_generations():
    options = {"algorithm": "diffusion_evolution", "population_size": 16, "budget": 10**7}
    result = diffevo.minimize(sphere, BOX, max_generations=100_000, ftarget=1.0, **options)
    assert result.stop_reason == "ftarget"


def test_callback_sees_every_generation_and_can_stop():
    seen = []

    def callback(info):
        seen.append(info)
        return info["generation"] >= 4

    result = diffevo.maximize(negative, NAMED_BOX, budget=BUDGET, callback=callback)
    assert [int(info["generation"]) for info in seen] == [0, 1, 2, 3, 4]
    assert result.stop_reason == "callback"
    assert result.nit == 4
    assert seen[-1]["nfev"] == result.nfev
    assert seen[-1]["fun"] == result.fun < 0
    np.testing.assert_array_equal(seen[-1]["x"]["a"], result.x["a"])


def test_a_callback_changes_nothing():
    quiet = diffevo.minimize(sphere, BOX, budget=BUDGET, seed=5)
    watched = diffevo.minimize(sphere, BOX, budget=BUDGET, seed=5, callback=lambda info: None)
    np.testing.assert_array_equal(quiet.population, watched.population)


def test_seed_is_an_int_or_a_key():
    a = diffevo.minimize(sphere, BOX, budget=BUDGET, seed=7)
    b = diffevo.minimize(sphere, BOX, budget=BUDGET, seed=jax.random.key(7))
    c = diffevo.minimize(sphere, BOX, budget=BUDGET, seed=8)
    np.testing.assert_array_equal(a.population, b.population)
    assert not np.array_equal(a.population, c.population)


def test_solutions_stay_within_bounds_and_the_optimum_may_lie_on_one():
    result = diffevo.minimize(sphere, (BOX[0], np.ones(2)), budget=BUDGET)
    assert np.all(np.asarray(result.population) >= -4.0)
    assert np.all(np.asarray(result.population) <= 1.0)
    np.testing.assert_allclose(result.x, 1.0, atol=1e-3)


def test_pytree_solution_with_bounds_per_leaf():
    x0 = {"a": np.ones(3, np.float32), "b": np.float32(2.0)}
    bounds = ({"a": -2.0 * np.ones(3), "b": 0.0}, {"a": 2.0 * np.ones(3), "b": 5.0})
    result = diffevo.minimize(
        lambda p: jnp.sum(p["a"] ** 2) + p["b"], bounds, x0=x0, budget=6000, population_size=200
    )
    assert result.x["a"].shape == (3,)
    assert result.x["b"].shape == ()
    assert result.fun < 1.0
    assert np.all(np.asarray(result.population["b"]) >= 0.0)


def test_x0_is_evaluated_and_scale_spreads_an_unbounded_start():
    start = np.array([7.0, -3.0], np.float32)
    result = diffevo.minimize(
        lambda x: jnp.sum((x - start) ** 2), x0=start, scale=0.1, budget=64, population_size=32
    )
    assert result.fun == 0.0
    assert np.std(np.asarray(result.population), axis=0).max() < 0.3


def test_bounds_alone_may_be_a_number_on_one_side():
    result = diffevo.minimize(sphere, (-4.0, np.full(2, 4.0)), budget=BUDGET)
    assert result.x.shape == (2,)


def test_function_of_a_population_gives_the_same_run():
    options = {"budget": BUDGET, "seed": 2, "algorithm": "diffusion_evolution"}
    single = diffevo.minimize(sphere, BOX, **options)
    whole = diffevo.minimize(
        lambda xs: jnp.sum((xs - 1.0) ** 2, axis=1), BOX, batched=True, **options
    )
    np.testing.assert_allclose(single.population, whole.population, rtol=1e-4, atol=1e-4)


def test_failed_evaluations_do_no_harm_and_are_counted():
    result = diffevo.minimize(half_fails, BOX, budget=BUDGET, seed=0)
    assert result.fun < 1e-2
    assert result.history["num_failed"][0] > 0
    assert np.all(np.isfinite(np.asarray(result.population)))


def test_all_failed_says_so():
    all_fails = (BOX[0], np.array([-1.0, 4.0]))
    result = diffevo.minimize(half_fails, all_fails, budget=BUDGET)
    assert len(result.modes.fun) == 0
    assert not result.success
    assert np.all(np.isnan(result.fitness))
    assert np.all(np.isfinite(np.asarray(result.population)))


@pytest.mark.parametrize("name", ["diffusion_evolution", "latent_diffusion_evolution"])
def test_algorithm_by_name(name):
    assert diffevo.minimize(sphere, BOX, budget=3000, algorithm=name).fun < 0.1


def test_an_instance_that_stops_ends_with_its_schedule():
    algorithm = diffevo.DiffusionEvolution(
        32, np.zeros(2, np.float32), num_generations=5, after_schedule="stop"
    )
    result = diffevo.minimize(sphere, BOX, budget=3200, algorithm=algorithm)
    assert (result.stop_reason, result.nit, result.nfev) == ("schedule", 5, 192)


def test_an_instance_that_goes_on_uses_the_budget_and_its_params():
    algorithm = diffevo.DiffusionEvolution(32, np.zeros(2, np.float32), num_generations=5)
    params = algorithm.default_params.replace(temperature=jnp.float32(0.5))
    result = diffevo.minimize(sphere, BOX, budget=640, algorithm=algorithm, params=params)
    assert (result.stop_reason, result.nit) == ("budget", 19)
    default = diffevo.minimize(sphere, BOX, budget=640, algorithm=algorithm)
    assert not np.array_equal(result.population, default.population)


def test_a_learned_instance_minimizes():
    training = Training(num_epochs=10, batch_size=32)
    algorithm = diffevo.HADES(32, np.zeros(2, np.float32), training=training, num_steps=5)
    result = diffevo.minimize(sphere, BOX, budget=640, algorithm=algorithm)
    assert (result.stop_reason, result.nfev) == ("budget", 640)
    # As good as the best of 640 points drawn evenly from the box in three runs of ten, a ring of
    # area 0.01 pi of 64; of eight other seeds the worst was 0.006.
    assert result.fun < 0.01


def test_a_second_call_compiles_nothing():
    traces = []

    def counted(x):
        traces.append(1)
        return sphere(x)

    diffevo.minimize(counted, BOX, seed=0, **FEW)
    first = len(traces)
    diffevo.minimize(counted, (BOX[0] - 1.0, BOX[1]), seed=1, ftarget=-1.0, **FEW)
    assert first > 0
    assert len(traces) == first


def test_progress_bar_draws_on_standard_error(capsys):
    diffevo.minimize(sphere, BOX, progress=True, **FEW)
    assert "3000/3000" in capsys.readouterr().err
    diffevo.minimize(sphere, BOX, progress=False, **FEW)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"fun": 3}, ["fun", "function", "int"]),
        ({"fun": lambda x: x}, ["fun", "scalar", "(2,)"]),
        ({"fun": lambda x: "a", "evaluator": "traceable"}, ["fun", "str"]),
        (
            {"fun": lambda x: np.asarray(x).sum(), "evaluator": "traceable"},
            ["fun", "traceable", "TracerArrayConversion"],
        ),
        ({"fun": lambda x: 1 / 0, "evaluator": "traceable"}, ["fun", "ZeroDivisionError"]),
        ({"fun": lambda x: x[0] + 1j}, ["fun", "real", "complex"]),
        ({"bounds": None}, ["bounds", "x0", "neither"]),
        ({"bounds": (0.0, 1.0)}, ["bounds", "arrays"]),
        ({"bounds": (BOX[0], "high")}, ["bounds[1]", "high"]),
        ({"bounds": ([], [])}, ["bounds", "arrays"]),
        ({"bounds": ({"a": 0.0}, {"b": 1.0})}, ["bounds", "arrays"]),
        ({"bounds": 3}, ["bounds", "pair", "3"]),
        ({"bounds": (BOX[1], BOX[0])}, ["bounds", "low < high"]),
        ({"bounds": (BOX[0], BOX[1] * np.inf)}, ["bounds", "finite"]),
        ({"bounds": (BOX[0], BOX[1] * 1e300)}, ["bounds[1]", "8.51e+37", "4e+300"]),
        ({"bounds": None, "x0": {}}, ["x0", "at least one number", "{}"]),
        ({"bounds": None, "x0": "here"}, ["x0", "numbers", "here"]),
        ({"bounds": (BOX[0], np.full(3, 4.0))}, ["bounds[0]", "broadcast"]),
        ({"x0": np.full(2, 9.0)}, ["x0", "within"]),
        ({"x0": np.full(2, np.nan), "bounds": None}, ["x0", "finite"]),
        ({"x0": np.zeros(2), "bounds": None, "scale": -1.0}, ["scale", "> 0", "-1.0"]),
        ({"x0": np.zeros(2, int), "bounds": None}, ["x0", "floating", "int"]),
        ({"budget": 1}, ["budget", "1"]),
        ({"budget": 2.5}, ["budget", "2.5"]),
        ({"budget": 100, "population_size": 60}, ["budget", "2 * 60", "100"]),
        ({"population_size": 0}, ["population_size", "0"]),
        ({"population_size": 1.5}, ["population_size", "1.5"]),
        ({"algorithm": "nope"}, ["algorithm", "diffusion_evolution", "nope"]),
        ({"seed": 1.5}, ["seed", "1.5"]),
        ({"seed": True}, ["seed", "True"]),
        ({"batched": True}, ["fun", "population"]),
        (
            {"algorithm": diffevo.DiffusionEvolution(8, np.zeros(3, np.float32), 5)},
            ["algorithm", "(3,)"],
        ),
        (
            {
                "algorithm": diffevo.DiffusionEvolution(8, np.zeros(2, np.float32), 5),
                "population_size": 9,
            },
            ["population_size", "8", "9"],
        ),
    ],
)
def test_bad_input_is_refused_by_name(arguments, words):
    options = {"fun": sphere, "bounds": BOX, "budget": 400} | arguments
    with pytest.raises(ValueError, match=r".+") as error:
        diffevo.minimize(**options)
    for word in words:
        assert word in str(error.value)


def test_unhashable_function_works():
    class Weighted:
        __hash__ = None

        def __call__(self, x):
            return sphere(x)

    assert diffevo.minimize(Weighted(), BOX, **FEW).fun < 0.1


def test_box_decodes_into_the_box_and_encodes_back():
    bounds = np.array([-1.0, 2.0, 0.0]), np.array([1.0, 7.0, 0.5])
    box = diffevo.SearchSpace.from_bounds(bounds).limits.box
    genomes = 3.0 * jax.random.normal(jax.random.key(0), (500, 3))
    solutions = np.asarray(box.decode(genomes))
    assert np.all(solutions >= np.array([-1.0, 2.0, 0.0]) - 1e-6)
    assert np.all(solutions <= np.array([1.0, 7.0, 0.5]) + 1e-6)
    np.testing.assert_allclose(box.decode(box.encode(solutions)), solutions, atol=1e-5)
    assert box.center.shape == (3,)
    # Reflection: 0.3 beyond the upper bound is 0.3 within it.
    np.testing.assert_allclose(
        box.decode(jnp.array([1.3, 1.3, 1.3])), box.decode(jnp.array([0.7, 0.7, 0.7])), atol=1e-6
    )


@pytest.mark.parametrize("batched", [None, True])
def test_batch_function_prefers_one_solution_unless_told(batched):
    fun = batch_function(lambda x: jnp.sum(x**2, axis=-1), jnp.zeros(3), 5, batched)
    np.testing.assert_allclose(fun(jnp.ones((5, 3))), 3.0)


def test_the_cache_of_compiled_searches_is_bounded():
    assert optimize._compiled.cache_info().maxsize == 16


MIXED = diffevo.SearchSpace(
    {
        "c": diffevo.Choice(list("abcde"), shape=(2,)),
        "flag": diffevo.Choice([False, True]),
        "log": diffevo.Integer(1, 1000, log=True),
        "n": diffevo.Integer(-10, 10, shape=(2,)),
        "x": diffevo.Real(-5.0, 5.0, shape=(2,)),
    }
)


def test_a_mixed_space_is_searched_to_its_optimum():
    best = {"n": np.array([-3, 10]), "x": np.array([1.5, -2.0])}

    def value(point):
        wrong = sum(one != other for one, other in zip(point["c"], "db", strict=True))
        squares = sum(float(np.sum((point[name] - best[name]) ** 2)) for name in best)
        return wrong + (not point["flag"]) + squares + abs(point["log"] - 40)

    options = {"evaluator": "serial", "progress": False}
    result = diffevo.minimize(value, space=MIXED, budget=1500, seed=1, **options)
    assert result.fun < 1e-3
    assert list(result.x["c"]) == ["d", "b"]
    assert result.x["flag"] is True
    assert result.x["log"] == 40
    assert result.x["n"].tolist() == [-3, 10]
    assert result.modes.fun[0] == result.fun
    assert np.all(np.diff(result.modes.fun) >= 0)


def test_a_space_without_real_numbers_is_searched_to_its_optimum():
    bits = diffevo.SearchSpace(diffevo.Choice([0, 1], shape=(30,)))
    found = diffevo.maximize(lambda bits: jnp.sum(bits).astype(float), space=bits, budget=3000)
    assert found.fun == 30
    integers = diffevo.SearchSpace(diffevo.Integer(0, 50, shape=(4,)))
    goal = jnp.array([0, 50, 17, 33])
    found = diffevo.minimize(
        lambda n: jnp.sum(jnp.abs(n - goal)).astype(float), space=integers, budget=2000
    )
    assert found.x.tolist() == goal.tolist()


def test_params_of_ones_own_leave_integers_where_the_space_has_them():
    algorithm = diffevo.MixedDiffusionEvolution(11, MIXED.spec, variables=MIXED.variables)
    params = algorithm.default_params.replace(patience=jnp.float32(2.0))
    setup = diffevo.Optimizer(space=MIXED, algorithm=algorithm, params=params).setup
    assert setup.params.patience == 2.0
    np.testing.assert_array_equal(setup.params.center, MIXED.limits.box.center)
    np.testing.assert_array_equal(setup.params.scale, MIXED.limits.box.scale)

"""Optimizer, and what minimize does with plain Python functions: stop rules, starts, failures."""

import copy
import functools
import math
import time
import types

import jax.numpy as jnp
import numpy as np
import pytest

import diffevo
from diffevo import Choice, Integer, Optimizer, Real, SearchSpace

BOX = ([-4.0, -4.0], [4.0, 4.0])
SIZE = 16
# One algorithm for genomes of two numbers, wherever nothing else is asked for: one compilation.
ALGORITHM = diffevo.DiffusionEvolution(SIZE, np.zeros(2, np.float32), num_generations=6)
OPTIONS = {"algorithm": ALGORITHM, "seed": 0}


def sphere(x):
    return float(np.sum((np.asarray(x) - 1.0) ** 2))


def jax_sphere(x):
    return jnp.sum((x - 1.0) ** 2)


def drive(optimizer, fun=sphere):
    while not optimizer.stop():
        xs = optimizer.ask()
        optimizer.tell(xs, [fun(x) for x in xs])
    return optimizer.result


@functools.cache
def plain():
    return drive(Optimizer(BOX, budget=64, **OPTIONS))


def test_a_loop_of_your_own_makes_the_search_of_minimize():
    loop, call = plain(), diffevo.minimize(sphere, BOX, budget=64, **OPTIONS)
    for one in (loop, call):
        assert (one.nfev, one.nit, one.stop_reason, one.success) == (64, 3, "budget", True)
        assert one.message
        assert one.fun == sphere(one.x)
    np.testing.assert_array_equal(loop.population, call.population)
    np.testing.assert_array_equal(loop.fitness, call.fitness)
    assert {values.shape for values in loop.history.values()} == {(4,)}
    np.testing.assert_array_equal(loop.history["generation"], np.arange(4))
    assert np.all(np.diff(loop.history["best_fitness"]) <= 0)


def test_a_traceable_function_makes_nearly_the_same_search():
    traced = diffevo.minimize(jax_sphere, BOX, budget=64, **OPTIONS)
    np.testing.assert_allclose(traced.population, plain().population, rtol=1e-3, atol=1e-3)


def test_maximize_mirrors():
    high = drive(Optimizer(BOX, budget=64, maximize=True, **OPTIONS), lambda x: -sphere(x))
    assert high.fun == -plain().fun
    np.testing.assert_array_equal(high.fitness, -plain().fitness)
    np.testing.assert_array_equal(high.history["mean_fitness"], -plain().history["mean_fitness"])
    again = diffevo.maximize(lambda x: -sphere(x), BOX, budget=64, **OPTIONS)
    assert again.fun == high.fun


def test_niching_finds_modes_of_a_plain_function():
    def four(x):
        a, b = float(x[0]), float(x[1])
        return (a**2 + b - 11) ** 2 + (a + b**2 - 7) ** 2

    result = diffevo.minimize(four, BOX, budget=4000, seed=0)
    optima = [[3.0, 2.0], [-2.805118, 3.131312], [-3.77931, -3.283186], [3.584428, -1.848126]]
    found = result.modes.x[result.modes.fun < 1e-3]
    distance = np.linalg.norm(found[:, None] - np.array(optima)[None], axis=-1)
    assert np.all(distance.min(axis=0) < 1e-2)
    assert np.all((result.modes.nfev > 0) & (result.modes.nfev <= result.nfev))


def test_a_batch_function_is_found_out_and_makes_the_same_search():
    calls = []

    def batch(xs):
        calls.append(np.shape(xs))
        return np.sum((np.asarray(xs) - 1.0) ** 2, axis=1)

    result = diffevo.minimize(batch, BOX, budget=64, **OPTIONS)
    assert calls[-4:] == [(SIZE, 2)] * 4
    np.testing.assert_array_equal(result.population, plain().population)
    for evaluator in ("serial", "threads"):
        told = diffevo.minimize(batch, BOX, budget=64, batched=True, evaluator=evaluator, **OPTIONS)
        np.testing.assert_array_equal(told.population, plain().population)


def test_a_function_that_swallows_the_tracer_is_not_taken_for_traceable():
    def careful(x):
        try:
            return math.fsum((float(v) - 1.0) ** 2 for v in x)
        except Exception:
            return math.nan

    result = diffevo.minimize(careful, BOX, budget=64, **OPTIONS)
    assert result.fun == pytest.approx(plain().fun, rel=1e-5)
    with pytest.raises(ValueError, match=r"fun: .*traceable.*did not trace"):
        diffevo.minimize(careful, BOX, budget=64, evaluator="traceable", **OPTIONS)


def test_a_function_may_change_what_it_is_given():
    def rude(x):
        value = sphere(x)
        x[:] = np.nan
        return value

    result = diffevo.minimize(rude, BOX, budget=64, **OPTIONS)
    np.testing.assert_array_equal(result.population, plain().population)


def test_solutions_may_be_told_in_any_order_and_repaired():
    shuffled, repaired = (Optimizer(BOX, budget=64, **OPTIONS) for _ in range(2))
    order = np.random.default_rng(0).permutation(SIZE)
    while not shuffled.stop():
        xs = [copy.copy(x) for x in shuffled.ask()]
        shuffled.tell([xs[i] for i in order], [sphere(xs[i]) for i in order])
    np.testing.assert_array_equal(shuffled.result.population, plain().population)
    xs = repaired.ask(batched=True)
    xs[3] = [1.0, 1.0]
    repaired.tell(xs, np.sum((xs - 1.0) ** 2, axis=1))
    assert repaired.result.fun == 0.0
    np.testing.assert_allclose(repaired.result.x, 1.0, atol=1e-6)
    np.testing.assert_allclose(repaired.result.population[3], 1.0, atol=1e-6)


def test_ask_gives_the_same_until_told():
    optimizer = Optimizer(BOX, **OPTIONS)
    one, other = optimizer.ask(), optimizer.ask()
    np.testing.assert_array_equal(one, other)
    one[0][:] = 9.0
    np.testing.assert_array_equal(optimizer.ask(batched=True), other)
    optimizer.tell(None, np.arange(SIZE))
    assert not np.array_equal(optimizer.ask(batched=True), other)


def test_failures_are_counted_and_kept():
    optimizer = Optimizer(BOX, **OPTIONS)
    values = [math.nan, None, OSError("gone"), math.inf, *range(SIZE - 4)]
    xs = optimizer.ask()
    optimizer.tell(xs, values)
    result = optimizer.result
    assert (result.fun, result.nfev, result.stop_reason) == (0.0, SIZE - 1, "running")
    assert result.history["num_failed"].tolist() == [3]
    assert [(f.member, f.generation) for f in result.failures] == [(0, 0), (2, 0)]
    assert result.failures[1].reason == "OSError: gone"
    np.testing.assert_array_equal(result.failures[1].x, xs[2])


def test_values_that_the_genome_s_precision_does_not_hold_are_exact_in_the_result():
    optimizer = Optimizer(BOX, maximize=True, **OPTIONS)
    optimizer.ask()
    optimizer.tell(None, [1e300, 1e200, -1e300, *range(SIZE - 3)])
    assert optimizer.result.fun == 1e300
    optimizer.tell(optimizer.ask(), [1.0] * SIZE)
    assert np.all(np.isfinite(optimizer.ask()))


def test_all_failed_leaves_a_result():
    optimizer = Optimizer(BOX, max_generations=2, **OPTIONS)
    result = drive(optimizer, lambda x: math.nan)
    assert (result.success, result.fun, result.nit) == (False, math.inf, 2)
    assert np.all(np.isfinite(result.population))


# Of whatever is evaluated, by Python and compiled.
BOTH = pytest.mark.parametrize("fun", [sphere, jax_sphere], ids=["host", "jax"])


@BOTH
def test_stop_rules(fun):
    def run(**rules):
        result = diffevo.minimize(fun, BOX, **OPTIONS, **({"budget": 6400} | rules))
        assert result.message
        assert len(result.history["generation"]) == result.nit + 1
        return result

    few = run(max_generations=3)
    assert (few.stop_reason, few.nit) == ("max_generations", 3)
    assert run(budget=50).nfev == 48
    target = run(ftarget=0.1)
    assert (target.stop_reason, target.fun <= 0.1) == ("ftarget", True)
    assert np.all(target.history["best_fitness"][:-1] > 0.1)
    idle = run(tol_stagnation=5)
    best = idle.history["best_fitness"]
    assert idle.stop_reason == "tol_stagnation"
    assert best[-6] == best[-1] < best[-7]


def test_a_compiled_search_looks_at_the_clock():
    result = diffevo.minimize(jax_sphere, BOX, budget=6400, timeout=1e-6, **OPTIONS)
    assert (result.stop_reason, result.nit, result.nfev) == ("timeout", 0, SIZE)


@BOTH
def test_an_interrupt_returns_the_result_so_far(fun):
    def callback(info):
        if info["generation"] == 2:
            raise KeyboardInterrupt

    result = diffevo.minimize(fun, BOX, budget=640, callback=callback, **OPTIONS)
    assert (result.stop_reason, result.nit, result.nfev) == ("interrupt", 2, 48)


def test_an_interrupt_within_a_generation_keeps_what_it_found():
    calls = []

    def fun(x):
        calls.append(x)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return -float(len(calls))

    result = diffevo.minimize(fun, BOX, evaluator="serial", budget=640, **OPTIONS)
    assert (result.stop_reason, result.nfev, result.fun, result.nit) == ("interrupt", 9, -9.0, 0)
    assert np.isnan(result.fitness).sum() == SIZE - 9
    assert result.failures == ()
    calls[:] = [0] * 9
    with pytest.raises(KeyboardInterrupt):
        diffevo.minimize(fun, BOX, evaluator="serial", budget=640, **OPTIONS)


def test_a_timeout_within_a_generation():
    def slow(x):
        time.sleep(0.3)
        return sphere(x)

    result = diffevo.minimize(slow, BOX, evaluator="serial", timeout=2.0, budget=64, **OPTIONS)
    assert result.stop_reason == "timeout"
    assert 0 < result.nfev < SIZE
    with pytest.raises(TimeoutError, match=r"timeout: no evaluation was done within 0 s"):
        diffevo.minimize(slow, BOX, evaluator="serial", timeout=0.0, budget=64, **OPTIONS)


def test_callback_stops_and_sees_what_the_result_has():
    seen = []

    def callback(info):
        seen.append(info)
        return info["generation"] == 2

    result = diffevo.minimize(sphere, BOX, budget=640, callback=callback, **OPTIONS)
    assert [int(info["generation"]) for info in seen] == [0, 1, 2]
    assert result.stop_reason == "callback"
    assert (seen[-1]["nfev"], seen[-1]["fun"]) == (result.nfev, result.fun)
    np.testing.assert_array_equal(seen[-1]["x"], result.x)


@pytest.mark.parametrize(
    ("fun", "cause"),
    [
        (lambda x: 1 / 0, ZeroDivisionError),
        (lambda x: None, ValueError),
        (lambda x: "a", ValueError),
    ],
)
def test_all_failed_in_the_first_generation_stops_with_the_first_error(fun, cause):
    with pytest.raises(RuntimeError, match=r"fun: all 16 evaluations .*" + cause.__name__) as error:
        diffevo.minimize(fun, BOX, budget=64, **OPTIONS)
    assert isinstance(error.value.__cause__, cause)


def test_a_start_is_evaluated_and_known_values_are_not_evaluated_again():
    start = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], np.float32)
    asked = Optimizer(BOX, x0=np.array([0.5, 0.5]), population=start, **OPTIONS).ask()
    assert len(asked) == SIZE
    np.testing.assert_allclose(asked[:4], [[0.5, 0.5], *start], atol=1e-6)
    known = Optimizer(BOX, population=list(start), population_fitness=[-1.0, 5.0, None], **OPTIONS)
    known.suggest([0.0, 0.0])
    known.suggest(np.array([2.5, 2.5]), -7.0)
    xs = known.ask()
    assert len(xs) == SIZE - 4
    np.testing.assert_allclose(xs[0], 0.0, atol=1e-6)
    known.tell(xs, [sphere(x) for x in xs])
    result = known.result
    assert (result.fun, result.nfev) == (-7.0, SIZE - 4)
    np.testing.assert_allclose(result.x, 2.5, atol=1e-6)
    assert np.isnan(result.fitness[-1])
    known.suggest([1.0, 1.0])
    xs = known.ask()
    assert len(xs) == SIZE
    np.testing.assert_allclose(xs[-1], 1.0, atol=1e-6)


def test_of_more_known_solutions_than_fit_the_best_are_taken():
    many = np.random.default_rng(0).uniform(-4, 4, (50, 2)).astype(np.float32)
    values = np.sum((many - 1.0) ** 2, axis=1)
    optimizer = Optimizer(BOX, population=many, population_fitness=values, **OPTIONS)
    assert len(optimizer.ask()) == SIZE
    assert optimizer.generation == 0
    np.testing.assert_allclose(optimizer.result.fitness, np.sort(values)[:SIZE])
    compiled = diffevo.minimize(
        jax_sphere,
        BOX,
        population=many,
        population_fitness=values,
        budget=32,
        **OPTIONS,
    )
    assert (compiled.nfev, compiled.nit) == (32, 2)
    assert compiled.fun <= values.min()


def test_a_mixed_space_of_two_numbers():
    spread = SearchSpace({"n": Integer(1, 20), "rate": Real(0.1, 1e3, log=True)})

    def fun(x):
        return abs(x["n"] - 7) + abs(math.log10(x["rate"]) - 1.5)

    for budget, options in ((640, OPTIONS), (1500, {"seed": 0})):
        result = diffevo.minimize(fun, space=spread, budget=budget, **options)
        assert isinstance(result.x["n"], int)
        assert result.fun == fun(result.x) < 0.5
        assert result.population["n"].dtype == np.int32
    modes = set(zip(result.modes.x["n"].tolist(), result.modes.x["rate"].tolist(), strict=True))
    assert len(modes) == len(result.modes.fun) >= 1


def test_categories_reach_a_plain_function_as_themselves():
    two = SearchSpace([Choice(["left", "right"])])

    def fun(x):
        return {"left": 1.0, "right": 0.0}[x[0]]

    result = diffevo.minimize(fun, space=two, budget=64, **OPTIONS)
    assert result.x == ["right"]
    assert set(result.population[0]) <= {"left", "right"}
    xs = Optimizer(space=two, **OPTIONS).ask(batched=True)
    assert xs[0].shape == (SIZE,)


def test_an_algorithm_of_evosax(monkeypatch):
    algorithms = pytest.importorskip("evosax.algorithms")
    for name in ("SimpleGA", "Open_ES"):
        algorithm = getattr(algorithms, name)(population_size=SIZE, solution=jnp.zeros(2))
        result = diffevo.minimize(sphere, BOX, budget=640, algorithm=algorithm, seed=1)
        assert (result.nfev, result.modes) == (640, None)
        assert result.fun < 0.5


def test_evosax_is_told_no_nan():
    told = []

    def init(key, population, fitness, params):
        return jnp.zeros(())

    def tell(key, population, fitness, state, params):
        told.append(fitness)
        return state, {}

    stub = types.SimpleNamespace(
        population_size=3,
        solution=np.zeros(2, np.float32),
        default_params=0.0,
        init=init,
        ask=lambda key, state, params: (jnp.zeros((3, 2)), state),
        tell=tell,
    )
    foreign = diffevo.algorithms.foreign.Foreign(stub)
    population = jnp.zeros((3, 2))
    state = foreign.init(None, population, jnp.array([1.0, jnp.nan, 3.0]), 0.0)
    state, metrics = foreign.tell(None, population, jnp.array([jnp.nan, 5.0, 3.0]), state, 0.0)
    np.testing.assert_array_equal(told[0], [5.0, 5.0, 3.0])
    assert (float(state.best_fitness), int(metrics["num_failed"])) == (1.0, 1)
    foreign.tell(None, population, jnp.full(3, jnp.nan), state, 0.0)
    np.testing.assert_array_equal(told[1], 0.0)


def test_numbers_as_categories_reach_a_compiled_search():
    two = SearchSpace([Choice([4, 1])])
    result = diffevo.minimize(lambda x: 1.0 * x[0], space=two, budget=64, **OPTIONS)
    assert (int(result.x[0]), result.fun, result.population[0].dtype) == (1, 1.0, jnp.int32)

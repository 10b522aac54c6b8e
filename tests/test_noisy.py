"""Noisy functions through minimize and Optimizer: keys, repeats, what is counted and reported."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import diffevo
from diffevo import Optimizer
from diffevo.evaluators.host import Threads
from diffevo.evaluators.noise import WithKey, takes_key

BOX = ([-4.0, -4.0], [4.0, 4.0])
SIZE, AGAIN = 8, 2
ALGORITHM = diffevo.DiffusionEvolution(SIZE, np.zeros(2, np.float32), num_generations=6)
OPTIONS = {"algorithm": ALGORITHM, "seed": 0, "noisy": True, "budget": SIZE + 10 * (SIZE + AGAIN)}


def jax_noisy(x, key):
    return jnp.sum((x - 1.0) ** 2) + 0.5 * jax.random.normal(key)


def noisy(x, seed):
    return float(np.sum((x - 1.0) ** 2) + 0.5 * np.random.default_rng(seed).normal())


def true(x):
    return float(np.sum((np.asarray(x) - 1.0) ** 2))


def check(result):
    assert (result.nfev, result.nit, result.stop_reason) == (OPTIONS["budget"], 10, "budget")
    assert result.num_evaluations >= 1
    assert np.isnan(result.standard_error) == (result.num_evaluations < 2)
    assert np.shape(result.fitness) == (SIZE,)
    assert np.shape(result.population) == (SIZE, 2)
    # The lowest of 88 draws is about 2.4 standard deviations below.
    assert abs(result.fun - true(result.x)) < 4 * 0.5
    assert result.fun > np.min(result.history["best_fitness_in_generation"])


def test_a_traceable_function_takes_a_key():
    one, other = (diffevo.minimize(jax_noisy, BOX, **OPTIONS) for _ in range(2))
    check(one)
    np.testing.assert_array_equal(one.population, other.population)
    assert one.fun == other.fun
    assert one.fun == one.history["best_fitness"][-1]
    assert one.standard_error == pytest.approx(one.history["standard_error"][-1], nan_ok=True)
    with pytest.raises(ValueError, match=r"fun: expected a function \(x, key\)"):
        diffevo.minimize(lambda x: jnp.sum(x), BOX, evaluator="traceable", **OPTIONS)


def test_a_batch_function_takes_keys():
    def batch(xs, keys):
        return jax.vmap(jax_noisy)(xs, keys)

    single = diffevo.minimize(jax_noisy, BOX, **OPTIONS)
    whole = diffevo.minimize(batch, BOX, batched=True, **OPTIONS)
    np.testing.assert_allclose(single.population, whole.population, rtol=1e-3, atol=1e-3)


@functools.cache
def plain():
    return diffevo.minimize(noisy, BOX, **OPTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("num_repeats", [1, 4])
def test_what_is_reported_is_unbiased(num_repeats):
    options = OPTIONS | {"num_repeats": num_repeats, "budget": num_repeats * OPTIONS["budget"]}
    errors = []
    for seed in range(300):
        result = diffevo.minimize(jax_noisy, BOX, **(options | {"seed": seed}))
        # In standard deviations of a mean of so many values.
        scale = 0.5 / np.sqrt(result.num_evaluations)
        errors.append((result.fun - true(result.x)) / scale)
    mean, deviation = np.mean(errors), np.std(errors, ddof=1)
    print(f"{num_repeats} repeats: {mean:.3f} +- {deviation / np.sqrt(300):.3f} of its own error")
    assert abs(mean) < 4 * deviation / np.sqrt(300)
    assert 0.8 < deviation < 1.2


def test_a_plain_function_takes_a_seed_whatever_the_evaluator():
    check(plain())
    threads = diffevo.minimize(noisy, BOX, evaluator=Threads(3), **OPTIONS)
    np.testing.assert_array_equal(plain().population, threads.population)
    assert plain().fun == threads.fun

    def batch(xs, seeds):
        return np.array([noisy(x, seed) for x, seed in zip(xs, seeds, strict=True)])

    whole = diffevo.minimize(batch, BOX, batched=True, evaluator="serial", **OPTIONS)
    np.testing.assert_array_equal(plain().population, whole.population)


def test_a_function_without_a_key_is_called_by_python_even_if_it_can_be_traced():
    rng = np.random.default_rng(0)
    calls = []

    def drawn_once_if_traced(x):
        calls.append(x)
        return jnp.sum((x - 1.0) ** 2) + 0.5 * rng.normal()

    check(diffevo.minimize(drawn_once_if_traced, BOX, **OPTIONS))
    assert len(calls) == OPTIONS["budget"]


def test_repeats_are_averaged_and_counted():
    options = OPTIONS | {"num_repeats": 3, "budget": 3 * OPTIONS["budget"]}
    for fun in (jax_noisy, noisy):
        result = diffevo.minimize(fun, BOX, **options)
        assert (result.nfev, result.nit) == (3 * OPTIONS["budget"], 10)
        assert result.num_evaluations % 3 == 0
        assert np.shape(result.fitness) == (SIZE,)


def test_a_loop_of_your_own_makes_the_search_of_minimize():
    optimizer = Optimizer(BOX, **OPTIONS)
    rng = np.random.default_rng(0)
    asked = []
    while not optimizer.stop():
        xs = optimizer.ask()
        asked.append(len(xs))
        optimizer.tell(xs, [true(x) + 0.5 * rng.normal() for x in xs])
    assert asked == [SIZE] + 10 * [SIZE + AGAIN]
    check(optimizer.result)


def test_a_loop_of_your_own_with_repeats_in_any_order_repaired_and_with_failures():
    options = OPTIONS | {"num_repeats": 3, "budget": None}
    optimizer = Optimizer(BOX, **options)
    xs = optimizer.ask()
    np.testing.assert_array_equal(xs[0], xs[2])
    assert len(xs) == 3 * SIZE
    values = np.array([true(x) for x in xs]) + np.tile([-1.0, 0.0, 1.0], SIZE)
    expected = values[1::3].copy()
    values[0] = np.nan
    expected[0] += 0.5
    order = np.random.default_rng(1).permutation(len(xs))
    optimizer.tell([xs[i] for i in order], values[order])
    np.testing.assert_allclose(optimizer.result.fitness, expected, rtol=1e-6)
    assert [failure.member for failure in optimizer.result.failures] == [0]
    assert optimizer.result.history["num_failed"].tolist() == [0]
    optimizer.suggest([1.0, 1.0])
    np.testing.assert_allclose(optimizer.ask()[3 * SIZE - 1], 1.0, atol=1e-6)


def test_a_target_is_not_reached_by_luck():
    # Values of -1 are drawn among the first; the true ones are 0 and more.
    result = diffevo.minimize(jax_noisy, BOX, ftarget=-1.0, **OPTIONS)
    assert result.stop_reason == "budget"
    assert np.min(result.history["best_fitness_in_generation"]) < 0.0
    easy = diffevo.minimize(jax_noisy, BOX, ftarget=3.0, **OPTIONS)
    assert easy.stop_reason == "ftarget"
    assert true(easy.x) < 6.0
    host = diffevo.minimize(noisy, BOX, ftarget=3.0, **OPTIONS)
    assert host.stop_reason == "ftarget"


def test_stagnation_counts_generations_with_the_same_best():
    for fun in (jax_noisy, noisy):
        options = OPTIONS | {"budget": 4000}
        result = diffevo.minimize(fun, BOX, tol_stagnation=6, **options)
        assert result.stop_reason == "tol_stagnation"


def test_known_values_and_maximize():
    start = np.array([[1.0, 1.0], [2.0, 2.0]], np.float32)
    result = diffevo.maximize(
        lambda x, key: -jax_noisy(x, key),
        BOX,
        population=start,
        population_fitness=[0.0, -2.0],
        **OPTIONS,
    )
    assert result.nfev == OPTIONS["budget"] - 2
    assert result.fun == result.history["best_fitness"][-1]
    assert abs(result.fun + true(result.x)) < 2.0


def test_takes_key():
    assert takes_key(noisy)
    assert takes_key(functools.partial(noisy))
    assert not takes_key(true)
    assert not takes_key(lambda x, scale=1.0: x)
    assert not takes_key(max)
    assert WithKey(divmod)((7, 2)) == (3, 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"noisy": "yes"}, ["noisy", "True or False", "yes"]),
        ({"num_repeats": 2, "noisy": False}, ["num_repeats", "noisy=True", "2"]),
        ({"num_repeats": 0}, ["num_repeats", "int >= 1", "0"]),
        ({"budget": 17}, ["budget", "8 + 10", "17"]),
        ({"budget": 35, "num_repeats": 2}, ["budget", "16 + 20", "35"]),
    ],
)
def test_bad_input_is_refused_by_name(arguments, words):
    with pytest.raises(ValueError, match=r".+") as error:
        Optimizer(BOX, **(OPTIONS | arguments))
    for word in words:
        assert word in str(error.value)

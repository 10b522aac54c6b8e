"""Host evaluators: order, time-outs, retries, deaths; and that all make the same search."""

import functools
import math
import pickle
import time
import warnings

import numpy as np
import pytest

import diffevo
from diffevo.evaluators.host import (
    EVALUATORS,
    Outcome,
    Processes,
    Serial,
    Threads,
    as_number,
    why_no_number,
)
from tests.evaluators import functions

BOX = ([-4.0, -4.0], [4.0, 4.0])
# One algorithm and one population size: one compilation for the whole module.
OPTIONS = {"budget": 64, "population_size": 16, "algorithm": "diffusion_evolution", "seed": 0}


def outcomes_of(evaluator, fun, solutions, seconds=math.inf):
    outcomes = [Outcome(None, None, 0)] * len(solutions)

    def accept(value):
        return value is not None

    with evaluator.start(fun, accept) as evaluate:
        evaluate(solutions, time.monotonic() + seconds, outcomes)
    return outcomes


@functools.cache
def serial_search():
    return diffevo.minimize(functions.slow_where_positive, BOX, evaluator="serial", **OPTIONS)


@pytest.mark.parametrize(
    "evaluator",
    [Threads(1), Threads(8), Processes(1), Processes(3)],
    ids=str,
)
def test_every_evaluator_makes_the_same_search(evaluator):
    expected = serial_search()
    result = diffevo.minimize(functions.slow_where_positive, BOX, evaluator=evaluator, **OPTIONS)
    np.testing.assert_array_equal(result.x, expected.x)
    np.testing.assert_array_equal(result.population, expected.population)
    np.testing.assert_array_equal(result.fitness, expected.fitness)
    assert (result.fun, result.nfev) == (expected.fun, expected.nfev) == (expected.fun, 64)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("kind", ["raises", "NaN", "None", "string", "shape", "complex", "object"])
def test_the_run_finishes_whatever_the_function_gives(kind, share):
    fun = functools.partial(functions.faulty, kind=kind, share=share)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result = diffevo.minimize(fun, BOX, evaluator="serial", **OPTIONS)
    failed = int(result.history["num_failed"].sum())
    assert (result.nfev, result.stop_reason) == (64, "budget")
    assert len(result.failures) == failed
    assert np.isfinite(result.fun)
    assert np.isnan(result.fitness).sum() == result.history["num_failed"][-1]
    # Binomial: more than four standard deviations off would be a mistake in counting.
    assert abs(failed - 64 * share) < 4 * math.sqrt(64 * share) + 1
    for failure in result.failures:
        again = functions._share(failure.x)
        assert again < share
        assert (failure.error is None) == (kind == "NaN")


@pytest.mark.parametrize(
    "share",
    # A new process for each that died: a second or two together.
    [pytest.param(0.03, marks=pytest.mark.slow), 0.1, pytest.param(0.5, marks=pytest.mark.slow)],
)
def test_a_process_that_dies_costs_one_member_and_is_reported(share):
    fun = functools.partial(functions.faulty, kind="dies", share=share)
    with pytest.warns(RuntimeWarning, match="BrokenProcessPool"):
        died = diffevo.minimize(fun, BOX, evaluator=Processes(2), **OPTIONS)
    raising = functools.partial(functions.faulty, kind="raises", share=share)
    with pytest.warns(RuntimeWarning, match="no licence"):
        raised = diffevo.minimize(raising, BOX, evaluator="serial", **OPTIONS)
    # Only the members that killed their process are lost, none of those beside them.
    np.testing.assert_array_equal(died.population, raised.population)
    assert [f.member for f in died.failures] == [f.member for f in raised.failures]
    assert died.failures


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_run_whose_evaluations_hang_finishes(share):
    fun = functools.partial(functions.faulty, kind="hangs", share=share)
    raising = functools.partial(functions.faulty, kind="raises", share=share)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        hung = diffevo.minimize(fun, BOX, evaluator=Processes(2, timeout=1.0), **OPTIONS)
        raised = diffevo.minimize(raising, BOX, evaluator="serial", **OPTIONS)
    np.testing.assert_array_equal(hung.population, raised.population)
    assert {type(failure.error) for failure in hung.failures} <= {TimeoutError}
    assert len(hung.failures) == len(raised.failures)


# A thread goes on in the background and would keep the tests from ending: it hangs briefly.
@pytest.mark.parametrize(
    ("evaluator", "seconds"), [(Threads(2, timeout=1.0), 2.0), (Processes(2, timeout=1.0), 60.0)]
)
def test_one_that_hangs_is_given_up_alone(evaluator, seconds):
    outcomes = outcomes_of(evaluator, time.sleep, [0.0, seconds, 0.0, 0.0])
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None),
        TimeoutError,
        type(None),
        type(None),
    ]


@pytest.mark.parametrize("evaluator", [Serial(retries=2), Threads(2, retries=2)], ids=str)
def test_what_fails_is_tried_again(evaluator):
    calls = {"a": 0, "b": 0, "c": 0}

    def fun(name):
        calls[name] += 1
        if name == "a" or calls[name] < 3:
            raise OSError(name)
        return 1.0

    a, b, c = outcomes_of(evaluator, fun, ["a", "b", "c"])
    assert (type(a.error), a.attempts) == (OSError, 3)
    assert (b.error, b.value, b.attempts) == (None, 1.0, 3)
    assert (c.value, calls) == (1.0, {"a": 3, "b": 3, "c": 3})


def test_nan_is_tried_again_too():
    values = iter([math.nan, 2.0])
    seen = []

    def fun(x):
        seen.append(x)
        return next(values) if len(seen) <= 2 else 1.0

    result = diffevo.minimize(fun, BOX, evaluator=Serial(retries=1), **OPTIONS)
    assert (len(seen), result.nfev, result.failures) == (65, 64, ())


@pytest.mark.parametrize("evaluator", [Serial(), Threads(2)], ids=str)
def test_a_deadline_keeps_what_is_done(evaluator):
    outcomes = outcomes_of(evaluator, lambda x: time.sleep(0.05) or x, list(range(40)), 0.5)
    done = [outcome.attempts for outcome in outcomes]
    assert 0 < sum(done) < 40
    assert all(outcome.value == i for i, outcome in enumerate(outcomes) if outcome.attempts)


def test_leaving_the_run_ends_the_workers():
    began = time.monotonic()
    outcomes = outcomes_of(Processes(1), time.sleep, [60.0], 0.1)
    assert outcomes[0].attempts == 0
    assert time.monotonic() - began < 30


def test_a_function_that_cannot_be_sent_is_refused():
    with pytest.raises(ValueError, match=r"fun: .*sent to a process.*lambda"):
        diffevo.minimize(lambda x: 1.0, BOX, evaluator="processes", **OPTIONS)


class Unreadable:
    """Its pickle can be written and not read: as that of a function of a module that is missing."""

    def __call__(self, x):
        return 0.0

    def __reduce__(self):
        return (__import__, ("no_such_module",))


def test_a_function_that_no_worker_can_import_ends_the_run():
    assert pickle.dumps(Unreadable())
    with pytest.raises(RuntimeError, match=r"fun: a worker process could not import"):
        outcomes_of(Processes(1), Unreadable(), [1.0])


def test_as_number():
    for value, expected in (
        (1, 1.0),
        (True, 1.0),
        (np.float32(0.5), 0.5),
        (np.array(2), 2.0),
        (-math.inf, -math.inf),
    ):
        assert as_number(value) == expected
    assert math.isnan(as_number(np.nan))
    for value in (None, "1", b"1", 1j, np.zeros(1), [1.0], {}, object(), 10**400):
        assert as_number(value) is None
        assert why_no_number(value).startswith("expected a real number, got ")


def test_evaluators_are_equal_by_value():
    for kind in EVALUATORS.values():
        assert kind() == kind()
        assert hash(kind(retries=1)) == hash(kind(retries=1))
        assert kind(retries=1) != kind()

"""Host evaluators: order, time-outs, retries, deaths; and that all make the same search."""

import functools
import math
import pickle
import time
import warnings
from concurrent.futures import BrokenExecutor

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


# Of this seed some fail at every share.
FAULTY = OPTIONS | {"budget": 160, "batched": False, "seed": 2}


@functools.cache
def raising(share):
    """(A search in which a share of the evaluations raises, the places of those that do)."""
    asked = []

    def fun(x):
        asked.append(x)
        return functions.faulty(x, "raises", share)

    with pytest.warns(RuntimeWarning, match="no licence"):
        result = diffevo.minimize(fun, BOX, evaluator="serial", **FAULTY)
    size = FAULTY["population_size"]
    failed = [divmod(i, size) for i, x in enumerate(asked) if functions._share(x) < share]
    assert len(asked) == result.nfev == FAULTY["budget"]
    # So many as the share says: more than four standard deviations off is a mistake of the test.
    assert len(failed) > 0
    assert abs(len(failed) - len(asked) * share) < 4 * math.sqrt(len(asked) * share) + 1
    return result, failed


SLOWLY = pytest.mark.slow  # a new process for each that died: a second or two
FAULTS = [
    *(
        pytest.param(kind, share, Serial())
        for kind in ("raises", "NaN", "None", "string", "shape", "complex", "object")
        for share in (0.01, 0.1, 0.5)
    ),
    pytest.param("dies", 0.01, Processes(2)),
    *(pytest.param("dies", share, Processes(2), marks=SLOWLY) for share in (0.1, 0.5)),
    *(
        pytest.param("hangs", share, Processes(2, timeout=1.0), marks=SLOWLY)
        for share in (0.01, 0.1, 0.5)
    ),
]


@pytest.mark.parametrize(("kind", "share", "evaluator"), FAULTS)
def test_a_run_with_failures_finishes_and_counts_them(kind, share, evaluator):
    """Whatever goes wrong: as in the search where it raises, only those members are lost."""
    expected, failed = raising(share)
    fun = functools.partial(functions.faulty, kind=kind, share=share)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result = diffevo.minimize(fun, BOX, evaluator=evaluator, **FAULTY)
    assert (result.nfev, result.stop_reason) == (FAULTY["budget"], "budget")
    assert [(failure.generation, failure.member) for failure in result.failures] == failed
    counts = np.bincount([generation for generation, _ in failed], minlength=10)
    np.testing.assert_array_equal(result.history["num_failed"], counts)
    np.testing.assert_array_equal(result.population, expected.population)
    np.testing.assert_array_equal(result.fitness, expected.fitness)
    error = {"raises": OSError, "NaN": type(None), "hangs": TimeoutError, "dies": BrokenExecutor}
    for failure in result.failures:
        assert isinstance(failure.error, error.get(kind, ValueError))


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

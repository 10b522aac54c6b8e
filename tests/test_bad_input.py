"""Bad input to the public API: each error names the argument, what was expected, and what came.

More of it: `test_optimize.py` (bounds and what was there first), `test_space.py` (search spaces and
solutions that do not fit them).
"""

import inspect
import math
import re

import hypothesis.strategies as st
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

import diffevo
from diffevo import Choice, Optimizer, Real, SearchSpace
from diffevo.evaluators.host import Processes, Serial, Threads

BOX = ([-4.0, -4.0], [4.0, 4.0])
SIZE = 8
# The algorithm and the names of test_optimizer.py; nothing here gets so far as to compile it.
ALGORITHM = diffevo.DiffusionEvolution(SIZE, np.zeros(2, np.float32), num_generations=6)
SPACE = SearchSpace({"a": Real(-1.0, 1.0, shape=(2,)), "b": Choice(["x", "y"])})


def sphere(x):
    return float(np.sum(np.asarray(x) ** 2))


def check(error, words):
    for word in words:
        assert word in str(error.value)
    assert type(error.value).__module__ == "builtins"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"bounds": (None, {"": None, 0: None})}, ["bounds", "pytrees of numbers", "0: None"]),
        ({"space": SPACE}, ["bounds", "None beside space", "[-4.0"]),
        ({"space": {"a": Real(0, 1)}, "bounds": None}, ["space", "SearchSpace", "Real"]),
        ({"space": SPACE, "bounds": None, "scale": 2.0}, ["scale", "beside space", "2.0"]),
        ({"space": SPACE, "bounds": None, "x0": [0.0, 0.0]}, ["x0", "structure", "'a'"]),
        (
            {"space": SPACE, "bounds": None, "x0": {"a": [0.0, 2.0], "b": "x"}},
            ["x0['a']", "[-1, 1]", "2.0"],
        ),
        (
            {"space": SPACE, "bounds": None, "x0": {"a": [0.0, 0.0], "b": "z"}},
            ["x0['b']", "'x'", "'z'"],
        ),
        ({"x0": "start", "bounds": None}, ["x0", "numbers", "start"]),
        ({"x0": np.array(["a"]), "bounds": None}, ["x0", "numbers", "'a'"]),
        ({"x0": np.zeros(2), "bounds": None, "scale": "wide"}, ["scale", "real numbers", "wide"]),
        ({"x0": np.zeros(2), "bounds": None, "scale": np.ones(3)}, ["scale", "(2,)", "(3,)"]),
        ({"population": 3.0}, ["population", "list of solutions", "3.0"]),
        ({"population": []}, ["population", "at least one", "none"]),
        ({"population": [[0.0, 0.0], [9.0, 0.0]]}, ["population[1]", "[-4, 4]", "9.0"]),
        ({"population": np.zeros((2, 3))}, ["population[0]", "shape (2,)", "(3,)"]),
        ({"population": np.full((2, 2), np.nan)}, ["population[0]", "finite", "nan"]),
        ({"population": np.zeros((9, 2))}, ["population", "population_size, 8", "9"]),
        (
            {"population": np.zeros((2, 2)), "population_fitness": [1.0]},
            ["population_fitness", "2 numbers", "(1,)"],
        ),
        (
            {"population": np.zeros((2, 2)), "population_fitness": [1.0, "good"]},
            ["population_fitness[1]", "real number", "good"],
        ),
        ({"population_fitness": [1.0]}, ["population_fitness", "without population", "values"]),
        ({"budget": True}, ["budget", "int >= 2", "True"]),
        ({"budget": "many"}, ["budget", "int >= 2", "many"]),
        ({"budget": 8}, ["budget", "2 * 8", "8"]),
        ({"max_generations": 0}, ["max_generations", "int >= 1", "0"]),
        ({"max_generations": 2.0}, ["max_generations", "int >= 1", "2.0"]),
        ({"tol_stagnation": -1}, ["tol_stagnation", "int >= 1", "-1"]),
        ({"tol_stagnation": "long"}, ["tol_stagnation", "int >= 1", "long"]),
        ({"ftarget": "low"}, ["ftarget", "a number", "low"]),
        ({"ftarget": math.nan}, ["ftarget", "a number", "nan"]),
        ({"ftarget": 1j}, ["ftarget", "a number", "1j"]),
        ({"timeout": -1.0}, ["timeout", "number >= 0", "-1.0"]),
        ({"timeout": "1h"}, ["timeout", "number >= 0", "1h"]),
        ({"timeout": 10**400}, ["timeout", "number >= 0", "1000000"]),
        ({"population_size": np.zeros(2)}, ["population_size", "8", "array"]),
        ({"timeout": True}, ["timeout", "number >= 0", "True"]),
        ({"algorithm": None}, ["algorithm", "a name, an instance", "None"]),
        ({"algorithm": diffevo.DiffusionEvolution}, ["algorithm", "an instance", "class"]),
        ({"algorithm": sphere}, ["algorithm", "an instance", "sphere"]),
        ({"params": {"temperature": 2.0}}, ["params", "Params", "temperature"]),
        ({"seed": None}, ["seed", "an int or a key", "None"]),
        ({"seed": 2**80}, ["seed", "64 bits", "1208925819614629174706176"]),
        ({"seed": jnp.zeros(2)}, ["seed", "a key", "0."]),
        ({"algorithm": "niching", "population_size": None}, ["algorithm", "niching_", "'niching'"]),
    ],
)
@pytest.mark.parametrize("call", ["minimize", "Optimizer"])
def test_arguments_of_both(call, arguments, words):
    options = {"bounds": BOX, "budget": 64, "algorithm": ALGORITHM} | arguments
    with pytest.raises(ValueError, match=r".+") as error:
        diffevo.minimize(sphere, **options) if call == "minimize" else Optimizer(**options)
    check(error, words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"fun": "sphere"}, ["fun", "function", "str"]),
        ({"budget": None}, ["budget", "int >= 2", "None"]),
        ({"batched": "yes"}, ["batched", "True, False or None", "yes"]),
        ({"progress": 3}, ["progress", "True, False or None", "3"]),
        ({"callback": 3}, ["callback", "function", "3"]),
        ({"evaluator": "cloud"}, ["evaluator", "'threads'", "cloud"]),
        ({"evaluator": Threads}, ["evaluator", "instance", "class"]),
        ({"evaluator": 4}, ["evaluator", "instance", "4"]),
        ({"run_dir": 3}, ["run_dir", "a path", "3"]),
        ({"run_dir": ""}, ["run_dir", "a path", "''"]),
        ({"run_dir": b"runs"}, ["run_dir", "a path", "b'runs'"]),
        ({"run_dir": __file__}, ["run_dir", "a directory", "file"]),
        ({"resume": True}, ["resume", "run_dir beside it", "None"]),
        ({"resume": "yes"}, ["resume", "True or False", "yes"]),
        ({"record_evaluations": None}, ["record_evaluations", "True or False", "None"]),
        (
            {"evaluator": "traceable", "space": SPACE, "bounds": None, "algorithm": "auto"},
            ["evaluator", "traceable", "categories"],
        ),
    ],
)
def test_arguments_of_minimize(arguments, words):
    options = {"fun": sphere, "bounds": BOX, "budget": 64, "algorithm": ALGORITHM} | arguments
    with pytest.raises(ValueError, match=r".+") as error:
        diffevo.minimize(**options)
    check(error, words)


def test_arguments_of_the_optimizer():
    with pytest.raises(ValueError, match=r"maximize: expected True or False, got 'up'"):
        Optimizer(BOX, maximize="up")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Serial(retries=-1), ["retries", "int >= 0", "-1"]),
        (lambda: Threads(0), ["num_workers", "int >= 1", "0"]),
        (lambda: Threads(2.5), ["num_workers", "int >= 1", "2.5"]),
        (lambda: Processes(timeout=0), ["timeout", "> 0", "0"]),
        (lambda: Processes(timeout="1 min"), ["timeout", "seconds", "1 min"]),
        (lambda: Processes(retries=True), ["retries", "int >= 0", "True"]),
    ],
)
def test_arguments_of_evaluators(make, words):
    with pytest.raises(ValueError, match=r".+") as error:
        make()
    check(error, words)


@pytest.fixture(scope="module")
def asked():
    optimizer = Optimizer(space=SPACE, population_size=SIZE, algorithm="diffusion_evolution")
    return optimizer, optimizer.ask()


def changed(xs, **leaves):
    return [*xs[:-1], xs[-1] | leaves]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (lambda xs: (xs[:3], [0.0] * SIZE), ["xs", "the 8 solutions", "3"]),
        (lambda xs: (changed(xs, a=[0.0, 5.0]), [0.0] * SIZE), ["xs[7]['a']", "[-1, 1]", "5.0"]),
        (lambda xs: (changed(xs, a=[0.0]), [0.0] * SIZE), ["xs[7]['a']", "(2,)", "(1,)"]),
        (lambda xs: (changed(xs, b="q"), [0.0] * SIZE), ["xs[7]['b']", "one of", "q"]),
        (lambda xs: (changed(xs, c=1), [0.0] * SIZE), ["xs[7]", "structure", "'c'"]),
        (lambda xs: ("xs", [0.0] * SIZE), ["xs", "list of solutions", "'xs'"]),
        (lambda xs: ({"a": np.zeros((8, 2)), "b": ["x"]}, [0.0] * 8), ["xs", "lengths", "[8, 1]"]),
        (lambda xs: (xs, [0.0]), ["values", "8 numbers", "(1,)"]),
        (lambda xs: (xs, np.zeros((SIZE, 1))), ["values", "8 numbers", "(8, 1)"]),
        (lambda xs: (xs, 1.0), ["values", "8 numbers", "1.0"]),
        (lambda xs: (xs, None), ["values", "8 numbers", "None"]),
        (lambda xs: (xs, [0.0] * 7 + ["a"]), ["values[7]", "real number", "'a'"]),
        (lambda xs: (xs, [0.0] * 7 + [1j]), ["values[7]", "real number", "complex"]),
        (lambda xs: (xs, [0.0] * 7 + [np.zeros(2)]), ["values[7]", "real number", "(2,)"]),
    ],
)
def test_what_is_told(asked, arguments, words):
    optimizer, xs = asked
    with pytest.raises(ValueError, match=r".+") as error:
        optimizer.tell(*arguments(xs))
    check(error, words)
    assert optimizer.generation == -1


def test_what_is_suggested():
    optimizer = Optimizer(BOX, algorithm=ALGORITHM)
    for arguments, words in (
        (([9.0, 0.0],), ["x", "[-4, 4]", "9.0"]),
        ((3.0,), ["x", "(2,)", "()"]),
        (([0.0, 0.0], "good"), ["value[0]", "real number", "good"]),
    ):
        with pytest.raises(ValueError, match=r".+") as error:
            optimizer.suggest(*arguments)
        check(error, words)
    for _ in range(SIZE):
        optimizer.suggest([0.0, 0.0])
    with pytest.raises(ValueError, match=r"at most population_size, 8, solutions .* got 9"):
        optimizer.suggest([0.0, 0.0])


def test_telling_before_asking():
    optimizer = Optimizer(BOX, algorithm=ALGORITHM)
    with pytest.raises(RuntimeError, match=r"tell: expected a call of ask"):
        optimizer.tell([], [])
    with pytest.raises(RuntimeError, match=r"result: expected a call of tell"):
        _ = optimizer.result
    assert optimizer.stop() is None


# Not large ones: a leaf of 10^9 numbers is allowed, and takes all memory.
NUMBERS = st.one_of(st.integers(-9, 9), st.just(-(2**70)))
ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        NUMBERS,
        st.floats(),
        st.complex_numbers(),
        st.text(max_size=3),
        st.binary(max_size=2),
    ),
    lambda some: st.one_of(
        st.lists(some, max_size=3),
        st.tuples(some, some),
        st.dictionaries(st.one_of(st.text(max_size=2), NUMBERS), some, max_size=2),
    ),
    max_leaves=4,
)


def refusal(call, *arguments, **options):
    """What a call is refused with; the same words if it is not."""
    try:
        call(*arguments, **options)
    except ValueError as error:
        return str(error)
    return "space: expected nothing else"


ARGUMENTS = list(inspect.signature(Optimizer).parameters)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(ARGUMENTS), ANYTHING)
def test_whatever_comes_is_taken_or_refused_with_a_reason(argument, value):
    options = {"bounds": BOX, "budget": 64, "algorithm": ALGORITHM} | {argument: value}
    if argument == "population_fitness":
        options["population"] = np.zeros((2, 2))
    assert ": expected " in refusal(Optimizer, **options)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ANYTHING, st.sampled_from(["low", "high", "log", "center", "scale", "shape", "dtype"]))
def test_whatever_describes_a_leaf_is_taken_or_refused_with_a_reason(value, argument):
    for variables in (value, Real(**{argument: value}), Choice(value)):
        assert re.match(r"space.*: expected ", refusal(SearchSpace, {"a": variables}), re.DOTALL)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ANYTHING.filter(lambda xs: xs is not None), ANYTHING)
def test_whatever_is_told_is_taken_or_refused_with_a_reason(asked, xs, values):
    optimizer, solutions = asked
    for arguments in ((xs, [0.0] * SIZE), (solutions, values), (solutions, [0.0] * 7 + [1j])):
        with pytest.raises(ValueError, match=r": expected "):
            optimizer.tell(*arguments)

"""Search spaces: what leaves and enters them."""

import math

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, example, given, settings

from diffevo import Choice, Integer, Real, SearchSpace
from diffevo.algorithms.base import SolutionSpec

# Compilations of the first examples are slow, those after them are quick.
FEW = settings(max_examples=25, deadline=None, derandomize=True)


class Solver:
    """A category that is no number."""


SOLVERS = [Solver, "cg", None, ("a", 1)]
MIXED = SearchSpace(
    {
        "rate": Real(1e-5, 1e-1, log=True),
        "weights": Real(-1.0, [1.0, 2.0, 5.0]),
        "free": Real(center=[3.0, -2.0], scale=0.5),
        "factor": Real(log=True, center=10.0, scale=2.0),
        "layers": Integer(1, 8),
        "units": Integer(1, 2**17, log=True),
        "offset": Integer(center=5, scale=10.0),
        "solver": Choice(SOLVERS),
        "taps": Choice([2, 3, 5], shape=(2,)),
        "flag": Choice([False, True]),
        "net": jnp.array([[0.5, 1.5]]),
    }
)


def genomes(num=64, scale=2.0, seed=0):
    return scale * np.random.default_rng(seed).standard_normal((num, MIXED.num_dims))


def test_the_genome_has_the_dimensions_that_the_leaves_need():
    assert MIXED.num_dims == 1 + 3 + 2 + 1 + 1 + 1 + 1 + 4 + 6 + 2 + 2
    assert MIXED.spec.shapes == ((MIXED.num_dims,),)
    assert MIXED.domain == "unbounded"
    assert not MIXED.layout.is_traceable


def test_solutions_are_of_the_kinds_described_and_within_bounds():
    for scale in (0.1, 1.0, 10.0):
        for x in MIXED.solutions(genomes(scale=scale)):
            assert isinstance(x["rate"], float)
            assert 1e-5 <= x["rate"] <= 1e-1
            assert x["weights"].shape == (3,)
            assert np.all((x["weights"] >= -1) & (x["weights"] <= [1, 2, 5]))
            assert x["factor"] > 0
            assert isinstance(x["layers"], int)
            assert 1 <= x["layers"] <= 8
            assert 1 <= x["units"] <= 2**17
            assert isinstance(x["offset"], int)
            assert any(x["solver"] is solver or x["solver"] == solver for solver in SOLVERS)
            assert set(x["taps"].tolist()) <= {2, 3, 5}
            assert isinstance(x["flag"], bool)
            assert x["net"].shape == (1, 2)


def test_encode_gives_a_genome_that_decodes_to_the_solution():
    decoded = MIXED.solutions(genomes())
    again = MIXED.solutions(np.stack([MIXED.encode(x) for x in decoded]))
    for one, other in zip(decoded, again, strict=True):
        for name in ("layers", "units", "offset", "solver", "flag"):
            assert one[name] == other[name]
        np.testing.assert_array_equal(one["taps"], other["taps"])
        for name in ("rate", "weights", "free", "factor", "net"):
            np.testing.assert_allclose(one[name], other[name], rtol=2e-5, atol=2e-6)


def test_encode_gives_the_genome_back_where_nothing_is_reflected_or_rounded():
    spread = SearchSpace(
        {"a": Real(-3.0, 5.0, shape=(2,)), "b": Real(1e-3, 1e3, log=True), "c": jnp.ones(2)}
    )
    inside = np.random.default_rng(0).uniform(-1, 1, (50, 5)).astype(np.float32)
    encoded = np.stack([spread.encode(x) for x in spread.solutions(inside)])
    np.testing.assert_allclose(encoded, inside, atol=2e-6)


def test_reflection_at_the_bounds():
    spread = SearchSpace(Real(0.0, 2.0, shape=(1,)))
    at = [spread.solutions(np.array([[u]]))[0][0] for u in (0.7, 1.3, -0.7, -1.3, 4.7)]
    np.testing.assert_allclose(at, [1.7, 1.7, 0.3, 0.3, 1.7], atol=1e-6)


def test_every_integer_has_an_equal_share():
    dice = SearchSpace(Integer(1, 6))
    genome = np.linspace(-1, 1, 6001)[:-1, None] + 1 / 6000
    values = np.array(dice.solutions(genome))
    np.testing.assert_array_equal(np.bincount(values)[1:], 1000)


def test_every_category_has_an_equal_share_of_the_prior():
    coin = SearchSpace(Choice(["a", "b", "c"]))
    values = coin.solutions(np.random.default_rng(0).standard_normal((6000, 3)))
    counts = np.array([values.count(name) for name in "abc"])
    # Four standard deviations of a binomial.
    assert np.all(np.abs(counts - 2000) < 4 * math.sqrt(6000 * 2 / 9))


@FEW
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.lists(st.floats(-50, 50), min_size=1))
@example(-262144.2109375, 0.015625, [0.0])
def test_bounded_numbers_never_leave_their_bounds(low, width, row):
    high = low + width
    assume(low < high)
    bounds = Real(np.full(8, low), np.full(8, high))
    near = np.float32(low)
    between = near if float(near) >= low else np.nextafter(near, np.float32(np.inf))
    if float(between) > high:
        with pytest.raises(ValueError, match="float32 number between them"):
            SearchSpace(bounds)
        return
    spread = SearchSpace(bounds)
    genome = np.resize(np.array(row, np.float32), (4, 8))
    values = np.stack(spread.solutions(genome)).astype(float)
    # Not even by the rounding of the bounds to float32.
    assert np.all((values >= low) & (values <= high))


@FEW
@given(st.integers(1, 2**17), st.integers(1, 2**17), st.booleans(), st.data())
def test_integers_survive_a_round_trip(one, other, log, data):
    low, high = min(one, other), max(one, other) + 1
    high = min(high, 2**17)
    if low == high:
        low -= 1
    if log and low < 1:
        return
    numbers = SearchSpace(Integer(np.full(4, low), np.full(4, high), log=log))
    values = data.draw(st.lists(st.integers(low, high), min_size=4, max_size=4))
    (again,) = numbers.solutions(numbers.encode(np.array(values))[None])
    np.testing.assert_array_equal(again, values)


@FEW
@given(st.lists(st.one_of(st.integers(), st.text(max_size=3), st.none()), unique=True, min_size=2))
def test_categories_survive_a_round_trip(categories):
    choices = SearchSpace({"c": Choice(categories)})
    for category in categories:
        (again,) = choices.solutions(choices.encode({"c": category})[None])
        assert again["c"] == category


def test_numbers_as_categories_reach_a_traced_function():
    choices = SearchSpace({"k": Choice([1, 4, 9]), "n": Integer(0, 7)})
    assert choices.layout.is_traceable
    assert choices.domain == "box"
    decoded = jax.jit(choices.decode)(jnp.array([0.1, 0.9, 0.3, -1.0]))
    assert (int(decoded["k"]), int(decoded["n"])) == (4, 0)
    assert decoded["k"].dtype == decoded["n"].dtype == jnp.int32


def test_categories_are_themselves_for_python():
    categories = [0.1, 0.3], [10**10, 1], [[1, 2], [3, 4]], [np.zeros(2), np.ones(2)]
    for some in categories:
        choices = SearchSpace({"c": Choice(some)})
        for index, category in enumerate(some):
            (x,) = choices.solutions(2.0 * np.eye(2)[index][None])
            assert np.array_equal(x["c"], category)
            if not isinstance(category, np.ndarray):
                assert np.argmax(choices.encode(x)) == index
    assert not SearchSpace(Choice([10**10, 1])).layout.is_traceable
    reals = SearchSpace(Choice([0.1, 0.3]))
    assert np.argmax(reals.encode(reals.decode(jnp.array([0.0, 1.0])))) == 1


def test_the_parameters_of_a_network_are_a_space():
    params = {"dense": {"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(3)}}
    spread = SearchSpace(params)
    assert spread.spec.shapes == ((3,), (2, 3))
    (x,) = spread.solutions(np.zeros((1, 9)))
    np.testing.assert_array_equal(x["dense"]["kernel"], 1.0)


def test_equal_layouts_are_equal_and_other_bounds_compile_nothing():
    one, two = SearchSpace({"a": Real(0, 1)}), SearchSpace({"a": Real(0, 2)})
    assert one.layout == two.layout
    assert hash(one.layout) == hash(two.layout)
    assert one.layout != SearchSpace({"a": Integer(0, 1)}).layout


def test_bounds_are_a_box():
    spread = SearchSpace.from_bounds((np.array([-1.0, 2.0]), np.array([1.0, 7.0])))
    assert spread.spec == SolutionSpec.of(jnp.zeros(2))
    genome = jnp.array([[0.3, -1.4], [2.0, 0.1]])
    np.testing.assert_array_equal(spread.decode(genome), spread.limits.box.decode(genome))


@pytest.mark.parametrize("side", [[-1.0, 0], (-1, 0.0), np.array([-1.0, 0.0])])
def test_a_list_of_numbers_is_an_array(side):
    spread = SearchSpace.from_bounds((side, [1.0, 2.0]))
    assert spread.spec.shapes == ((2,),)


def test_distinct_solutions():
    values = MIXED.solutions(genomes(3))
    assert MIXED.distinct([values[0], values[1], values[0], values[2], values[1]]) == [0, 1, 3]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": 0.5}, ["x['rate']", "within", "0.5"]),
        ({"rate": "fast"}, ["x['rate']", "real numbers", "fast"]),
        ({"rate": math.nan}, ["x['rate']", "finite", "nan"]),
        ({"rate": [0.01, 0.01]}, ["x['rate']", "shape ()", "(2,)"]),
        ({"rate": 1j}, ["x['rate']", "real", "1j"]),
        ({"layers": 2.5}, ["x['layers']", "integers", "2.5"]),
        ({"layers": 9}, ["x['layers']", "[1, 8]", "9"]),
        ({"solver": "newton"}, ["x['solver']", "one of", "newton"]),
        ({"taps": [2, 4]}, ["x['taps']", "one of", "4"]),
        ({"taps": 2}, ["x['taps']", "shape (2,)", "()"]),
        ({"factor": -1.0}, ["x['factor']", "-1.0"]),
        ({"extra": 1}, ["x", "structure", "extra"]),
    ],
)
def test_a_solution_that_does_not_fit_is_refused_by_name(change, words):
    (x,) = MIXED.solutions(np.zeros((1, MIXED.num_dims)))
    with pytest.raises(ValueError, match=r"^x") as error:
        MIXED.encode(x | change, "x")
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, ["space", "at least one leaf", "{}"]),
        ({"a": jnp.zeros(0)}, ["space", "at least one number", "empty"]),
        ({"a": "text"}, ["space['a']", "Real, Integer, Choice", "text"]),
        ({"a": Real}, ["space['a']", "Real", "class"]),
        ({"a": 3}, ["space['a']", "floating", "int64"]),
        ({"a": object()}, ["space['a']", "numbers", "object"]),
        ({1: 0.0, "b": 0.0}, ["space", "pytree"]),
        ({"a": Real(0.0)}, ["space['a']", "both bounds", "high=None"]),
        ({"a": Real(1.0, 0.0)}, ["space['a']", "low < high", "low=1.0"]),
        ({"a": Real(0.0, math.inf)}, ["space['a'].high", "finite", "inf"]),
        ({"a": Real(0.0, "one")}, ["space['a'].high", "real numbers", "one"]),
        ({"a": Real(0.0, 1.0, log=True)}, ["space['a'].low", "> 0", "0.0"]),
        ({"a": Real(0.0, 1.0, log="yes")}, ["space['a'].log", "True or False", "yes"]),
        ({"a": Real(0.0, 1.0, scale=2.0)}, ["space['a']", "no scale beside bounds", "scale"]),
        ({"a": Real([0, 1], [1, 2, 3])}, ["space['a']", "broadcast", "[1, 2, 3]"]),
        ({"a": Real(Real(0, 1), 2)}, ["space['a']", "numbers", "Real(low=0"]),
        ({"a": Real(0, 1e300)}, ["space['a'].high", "8.51e+37", "1e+300"]),
        ({"a": Real(scale=-1.0)}, ["space['a'].scale", "> 0", "-1.0"]),
        ({"a": Real(shape=3)}, ["space['a'].shape", "tuple", "3"]),
        ({"a": Real(shape=(-1,))}, ["space['a'].shape", ">= 0", "-1"]),
        ({"a": Real(dtype="int32")}, ["space['a'].dtype", "float32", "'int32'"]),
        ({"a": Integer(0.5, 2)}, ["space['a'].low", "integers", "0.5"]),
        ({"a": Integer(0, 2**30)}, ["space['a']", "4194304", "high=1073741824"]),
        ({"a": Choice("abc")}, ["space['a']", "list", "abc"]),
        ({"a": Choice(["one"])}, ["space['a']", "two categories", "one"]),
        ({"a": Choice(["a", "b", "a"])}, ["space['a']", "distinct", "'a' twice"]),
        ({"a": Choice([1.0, math.nan])}, ["space['a']", "finite", "nan"]),
    ],
)
def test_a_bad_description_is_refused_by_name(variables, words):
    with pytest.raises(ValueError, match=r"^space") as error:
        SearchSpace(variables)
    for word in words:
        assert word in str(error.value)

"""Schedules: T + 1 increasing levels, the authors' values, sub-sequences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import schedules
from tests.reference import oracle

LENGTHS = [1, 2, 10, 25, 100, 1000]
BAD_LENGTHS = [0, -1, 1.0, 2.5, True, "10", None]


@pytest.mark.parametrize("num_generations", LENGTHS)
@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_t_generations_have_t_plus_1_increasing_levels(name, num_generations):
    alphas = schedules.SCHEDULES[name](num_generations)
    assert alphas.shape == (num_generations + 1,)
    assert alphas.dtype == jnp.float32
    assert np.all(np.diff(alphas) > 0)
    assert np.all((alphas > 0) & (alphas <= 1))
    # From noise to (almost) clean.
    assert alphas[0] < 2e-3
    assert alphas[-1] > 0.998


@pytest.mark.parametrize("num_generations", LENGTHS)
@pytest.mark.parametrize("name", oracle.AUTHORS_SCHEDULES)
def test_published_schedules_are_the_authors_reversed(name, num_generations):
    expected = oracle.AUTHORS_SCHEDULES[name](num_generations + 1)[::-1]
    actual = schedules.SCHEDULES[name](num_generations)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-9)
    # 1 - alpha is what the kernel's width is made of.
    np.testing.assert_allclose(1 - np.float64(actual), 1 - expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("num_generations", [100_000, 1_000_000])
@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_a_schedule_may_be_longer_than_float32_tells_apart(name, num_generations):
    alphas = schedules.build(name, num_generations)
    assert alphas.shape == (num_generations + 1,)
    assert np.all(np.diff(alphas) >= 0)
    # Many a neighbour is equal; it is not so that most are.
    assert len(np.unique(alphas)) > num_generations / 2
    assert alphas[0] < 2e-3
    assert alphas[-1] > 0.998


def test_geometric_divides_the_noise_by_a_constant():
    alphas = np.float64(schedules.geometric(20, sigma_max=50.0, sigma_min=0.1))
    ratios = np.sqrt((1 - alphas) / alphas)
    np.testing.assert_allclose(ratios[[0, -1]], [50.0, 0.1], rtol=1e-4)
    np.testing.assert_allclose(ratios[1:] / ratios[:-1], (0.1 / 50.0) ** (1 / 20), rtol=1e-4)


@pytest.mark.parametrize("sigmas", [(0.1, 0.1), (0.1, 1.0), (1.0, 0.0), (np.inf, 0.1), (1.0, -1)])
@pytest.mark.usefixtures("without_type_hook")
def test_geometric_refuses_bad_ends(sigmas):
    with pytest.raises(ValueError, match="sigma_min"):
        schedules.geometric(10, *sigmas)


def test_registry_holds_the_documented_names():
    assert set(schedules.SCHEDULES) >= {"cosine", "linear", "ddpm", "geometric"}


@pytest.mark.parametrize("bad", BAD_LENGTHS)
@pytest.mark.parametrize("name", schedules.SCHEDULES)
@pytest.mark.usefixtures("without_type_hook")
def test_bad_lengths_are_named(name, bad):
    with pytest.raises(ValueError, match=r"^num_generations: expected"):
        schedules.SCHEDULES[name](bad)


def test_float64_where_x64_is_on():
    with jax.enable_x64(True):
        alphas = schedules.cosine(25)
        assert alphas.dtype == jnp.float64
        np.testing.assert_allclose(alphas, oracle.authors_cosine(26)[::-1], rtol=1e-14)


# --- Sub-sequences --------------------------------------------------------------------------------


@pytest.mark.parametrize("num_generations", [1, 2, 7, 100])
@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_subsequence_keeps_both_ends_and_order(name, num_generations):
    alphas = schedules.SCHEDULES[name](100)
    kept = schedules.subsequence(alphas, num_generations)
    assert kept.shape == (num_generations + 1,)
    assert kept[0] == alphas[0]
    assert kept[-1] == alphas[-1]
    assert np.all(np.diff(kept) > 0)
    assert np.all(np.isin(kept, alphas))


def test_subsequence_is_evenly_spaced():
    kept = schedules.subsequence(jnp.arange(101.0), 10)
    np.testing.assert_array_equal(kept, np.arange(0, 101, 10))
    steps = np.diff(schedules.subsequence(jnp.arange(101.0), 30))
    assert set(steps) <= {3.0, 4.0}


def test_subsequence_of_all_is_all():
    alphas = schedules.ddpm(50)
    np.testing.assert_array_equal(schedules.subsequence(alphas, 50), alphas)


def test_subsequence_by_indices():
    kept = schedules.subsequence(jnp.arange(11.0), indices=[0, 3, 4, 10])
    np.testing.assert_array_equal(kept, [0, 3, 4, 10])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "num_generations"),
        ({"num_generations": 2, "indices": [0, 1]}, "num_generations"),
        ({"num_generations": 11}, "num_generations"),
        ({"num_generations": 0}, "num_generations"),
        ({"num_generations": True}, "num_generations"),
        ({"num_generations": 2.0}, "num_generations"),
        ({"indices": []}, "indices"),
        ({"indices": [3]}, "indices"),
        ({"indices": [0, 0, 1]}, "indices"),
        ({"indices": [5, 2]}, "indices"),
        ({"indices": [-1, 2]}, "indices"),
        ({"indices": [0, 11]}, "indices"),
        ({"indices": [0.5, 2.0]}, "indices"),
    ],
)
@pytest.mark.usefixtures("without_type_hook")
def test_bad_subsequences_are_named(arguments, name):
    with pytest.raises(ValueError, match=name):
        schedules.subsequence(schedules.cosine(10), **arguments)


# --- From a name ----------------------------------------------------------------------------------


def too_short(num_generations):
    return jnp.linspace(0.1, 0.9, num_generations)


def constant(num_generations):
    return jnp.full(num_generations + 1, 0.5)


def decreasing(num_generations):
    return jnp.linspace(0.9, 0.1, num_generations + 1)


def from_zero(num_generations):
    return jnp.linspace(0.0, 0.9, num_generations + 1)


def beyond_one(num_generations):
    return jnp.linspace(0.1, 1.1, num_generations + 1)


def with_nan(num_generations):
    return jnp.linspace(0.1, jnp.nan, num_generations + 1)


def to_one(num_generations):
    return jnp.linspace(0.1, 1.0, num_generations + 1)


@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_build_by_name_and_by_function(name):
    by_name = schedules.build(name, 7)
    np.testing.assert_array_equal(by_name, schedules.SCHEDULES[name](7))
    np.testing.assert_array_equal(by_name, schedules.build(schedules.SCHEDULES[name], 7))


def test_build_thins_a_longer_schedule():
    thinned = schedules.build("ddpm", 10, 1000)
    np.testing.assert_array_equal(thinned, schedules.subsequence(schedules.ddpm(1000), 10))
    assert not np.allclose(thinned, schedules.ddpm(10), rtol=1e-3)


def test_build_accepts_an_end_at_one():
    assert schedules.build(to_one, 5)[-1] == 1.0


@pytest.mark.parametrize(
    "schedule", ["sigmoid", "", too_short, constant, decreasing, from_zero, beyond_one, with_nan]
)
@pytest.mark.usefixtures("without_type_hook")
def test_bad_schedules_are_named(schedule):
    with pytest.raises(ValueError, match=r"^schedule: expected"):
        schedules.build(schedule, 5)


@pytest.mark.parametrize("steps", [4, 0, True, 10.0])
@pytest.mark.usefixtures("without_type_hook")
def test_bad_numbers_of_steps_are_named(steps):
    with pytest.raises(ValueError, match="num_schedule_steps"):
        schedules.build("cosine", 5, steps)


def test_build_inside_a_jit_is_static():
    alphas = jax.jit(lambda: schedules.build("cosine", 5))()
    np.testing.assert_array_equal(alphas, schedules.cosine(5))

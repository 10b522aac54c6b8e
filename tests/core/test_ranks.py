"""Places in an order, by comparison and by sorting."""

import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import ranks


@pytest.fixture(params=[1, 7, ranks._FEW, ranks._FEW + 1])
def values(request, rng):
    drawn = np.round(rng.normal(size=request.param), 1).astype(np.float32)  # many are equal
    special = np.asarray([-np.inf, np.inf, -0.0, 0.0, np.nan, np.nan], np.float32)
    drawn[: special.size] = special[: drawn.size]
    return rng.permutation(drawn)


def test_equal_values_share_the_first_place(values):
    ordered = np.sort(values)
    expected = np.searchsorted(ordered, values)  # NaN is the greatest in numpy, too
    np.testing.assert_array_equal(ranks.places(jnp.asarray(values)), expected)


def test_or_are_ordered_as_they_come(values):
    expected = np.argsort(np.argsort(values, kind="stable"))
    places = ranks.places(jnp.asarray(values), shared=False)
    np.testing.assert_array_equal(places, expected)


def test_nth_is_what_sorting_puts_there(values):
    for place in (0, values.size // 2, values.size - 1):
        np.testing.assert_array_equal(ranks.nth(jnp.asarray(values), place), np.sort(values)[place])

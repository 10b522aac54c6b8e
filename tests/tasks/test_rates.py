"""Rate constants: concentrations against the differential equation, optima, extremes."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from tasks.functions.rates import Rates, rates


@pytest.mark.parametrize(
    "pair", [(0.05, 20.0), (20.0, 0.05), (3.0, 3.0), (1.0, 1.0001), (0.0, 1.0)]
)
def test_concentrations_solve_the_differential_equation(pair):
    task = Rates(2, slowest=0.1, fastest=10.0, num_times=12)
    k1, k2 = pair
    solved = scipy.integrate.solve_ivp(
        lambda _, y: [-k1 * y[0], k1 * y[0] - k2 * y[1], k2 * y[1]],
        (0.0, task.times[-1]),
        [1.0, 0.0, 0.0],
        method="LSODA",
        t_eval=task.times,
        rtol=1e-9,
        atol=1e-11,
    )
    seen = task.concentrations(jnp.asarray([pair], jnp.float32))
    np.testing.assert_allclose(seen[0, 0], solved.y, atol=2e-6)


def test_optima():
    task, flipped = rates(), rates(product_only=True)
    np.testing.assert_allclose(np.sort(task.true_rates), np.geomspace(1e-2, 1e2, 4))
    np.testing.assert_allclose(task.optima, task.true_rates[None, :], rtol=1e-6)
    assert task.optima.shape == (1, 4)
    assert flipped.optima.shape == (4, 4)
    np.testing.assert_allclose(task(task.optima), 0.0, atol=1e-12)
    np.testing.assert_allclose(flipped(flipped.optima), 0.0, atol=1e-9)
    # Seen as a whole, the exchanged rates are no optimum.
    assert np.all(np.asarray(task(flipped.optima[1:])) > 1e-2)
    # One decade off in any rate is seen.
    for number in range(4):
        off = task.optima.at[0, number].multiply(10.0)
        assert task(off)[0] > 1e-3


def test_extremes_are_finite():
    task = rates()
    genomes = jnp.asarray([[0.0] * 4, [1e-30] * 4, [1e30] * 4, [1e30, 1e-30, 0.0, -1e30]])
    assert np.all(np.isfinite(task(genomes)))
    np.testing.assert_array_equal(task(jnp.full((1, 4), -3.0)), task(jnp.zeros((1, 4))))


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"num_dims": 3}, "num_dims"),
        ({"num_dims": 0}, "num_dims"),
        ({"slowest": 0.0}, "slowest, fastest"),
        ({"slowest": 5.0, "fastest": 2.0}, "slowest, fastest"),
        ({"fastest": 1e5}, "slowest, fastest"),
    ],
)
def test_bad_options_are_named(options, argument):
    with pytest.raises(ValueError, match=rf"^{argument}: expected .*got"):
        Rates(**options)

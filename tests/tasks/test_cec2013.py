"""F1 to F10 of the niching competition: positions, heights and counts, in float64 and float32."""

import decimal
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.functions import CEC2013_FUNCTIONS, cec2013

# The report's table: number of optima, and the height printed by the competition's program.
PUBLISHED = {
    "five_uneven_peak_trap": (2, 200.0),
    "equal_maxima": (5, 1.0),
    "uneven_decreasing_maxima": (1, 1.0),
    "himmelblau": (4, 200.0),
    "six_hump_camel_back": (2, 1.031628453489877),
    "shubert_2d": (18, 186.7309088310239),
    "vincent_2d": (36, 1.0),
    "shubert_3d": (81, 2709.093505572820),
    "vincent_3d": (216, 1.0),
    "modified_rastrigin": (12, -2.0),
}


def fitness(task, points):
    with jax.enable_x64(True):
        return np.asarray(jax.jit(task)(jnp.asarray(points, jnp.float64) / task.scaling))


def published(function, x):
    """The report's formulas in numpy, written term by term, (N, D) -> (N,)."""
    first = x[:, 0]
    match function:
        case "five_uneven_peak_trap":
            edges = [first < edge for edge in (2.5, 5, 7.5, 12.5, 17.5, 22.5, 27.5)]
            pieces = [
                80 * (2.5 - first),
                64 * (first - 2.5),
                64 * (7.5 - first),
                28 * (first - 7.5),
                28 * (17.5 - first),
                32 * (first - 17.5),
                32 * (27.5 - first),
            ]
            return np.select(edges, pieces, 80 * (first - 27.5))
        case "equal_maxima":
            return np.sin(5 * np.pi * first) ** 6
        case "uneven_decreasing_maxima":
            fall = np.exp(-2 * np.log(2) * ((first - 0.08) / 0.854) ** 2)
            return fall * np.sin(5 * np.pi * (first**0.75 - 0.05)) ** 6
        case "himmelblau":
            second = x[:, 1]
            return 200 - (first**2 + second - 11) ** 2 - (first + second**2 - 7) ** 2
        case "six_hump_camel_back":
            second = x[:, 1]
            return -(
                (4 - 2.1 * first**2 + first**4 / 3) * first**2
                + first * second
                + (4 * second**2 - 4) * second**2
            )
        case "shubert_2d" | "shubert_3d":
            j = np.arange(1, 6)
            return -np.prod(np.sum(j * np.cos((j + 1) * x[:, :, None] + j), axis=2), axis=1)
        case "vincent_2d" | "vincent_3d":
            return np.mean(np.sin(10 * np.log(x)), axis=1)
        case _:
            return -np.sum(10 + 9 * np.cos(2 * np.pi * np.array([3, 4]) * x), axis=1)


@pytest.mark.parametrize("function", CEC2013_FUNCTIONS)
def test_is_the_published_function_and_best_at_the_listed_optima(function):
    task = cec2013(function)
    count, height = PUBLISHED[function]
    positions = task.positions
    assert positions.shape == (count, task.num_dims)
    assert task.num_optima == count
    # Uneven decreasing maxima's highest peak is a little lower than the report says.
    assert abs(task.height - height) < (2e-7 if "decreasing" in function else 1e-11)
    low, high = task.bounds
    assert ((positions >= low) & (positions <= high)).all()
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    assert (apart + 1e9 * np.eye(count)).min() > task.radius

    rng = np.random.default_rng(0)
    points = rng.uniform(low, high, (500, task.num_dims))
    steps = rng.normal(size=(50, *positions.shape)) * 10 ** np.linspace(-6, -1, 50)[:, None, None]
    around = np.clip(positions + steps, low, high).reshape(-1, task.num_dims)
    found = fitness(task, np.vstack([points, positions, around]))
    expected = task.height - published(function, points)
    np.testing.assert_allclose(found[:500], expected, atol=1e-10)
    np.testing.assert_allclose(found[500 : 500 + count], 0, atol=1e-11)
    assert found.min() > -1e-11

    in_float32 = np.asarray(task(jnp.asarray(positions / task.scaling, jnp.float32)))
    assert in_float32.dtype == np.float32
    assert np.abs(in_float32).max() < (7e-4 if function == "shubert_3d" else 4e-5)


@pytest.mark.parametrize(
    "function", [name for name in CEC2013_FUNCTIONS if name[:4] not in ("shub", "vinc")]
)
def test_all_optima_of_the_box_are_listed(function):
    """Every cell of a fine grid that is good enough to hold an optimum is next to a listed one."""
    task = cec2013(function)
    low, high = task.bounds
    side = {1: 6001, 2: 301}[task.num_dims]
    axes = [np.linspace(a, b, side) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, task.num_dims)
    values = task.height - published(function, grid)
    # What half a cell next to an optimum can cost, measured at the listed ones.
    cell = np.array([axis[1] - axis[0] for axis in axes])
    corners = np.random.default_rng(2).choice([-0.5, 0.5], (64, 1, task.num_dims)) * cell
    near = np.clip(task.positions + corners, low, high).reshape(-1, task.num_dims)
    good = grid[values <= 1.01 * (task.height - published(function, near)).max()]
    distances = np.linalg.norm((good[:, None] - task.positions[None]) / cell, axis=2)
    assert distances.min(axis=1).max() < 4
    assert set(distances.argmin(axis=1)) == set(range(task.num_optima))


def test_counts_of_the_separable_functions():
    """Peaks of one coordinate on a fine line; the functions are their mean or their product."""
    line = np.linspace(0.25, 10, 200_001)
    wave = np.sin(10 * np.log(line))
    peaks = (wave[1:-1] > wave[:-2]) & (wave[1:-1] > wave[2:])
    assert peaks.sum() ** 2 == cec2013("vincent_2d").num_optima == 36
    assert peaks.sum() ** 3 == cec2013("vincent_3d").num_optima == 216
    assert max(wave[0], wave[-1]) < 1 - 1e-5  # no optimum at an end
    line = np.linspace(-10, 10, 200_001)
    j = np.arange(1, 6)
    wave = np.sum(j * np.cos((j + 1) * line[:, None] + j), axis=1)
    tops = ((wave[1:-1] > wave[:-2]) & (wave[1:-1] > wave[2:]) & (wave[1:-1] > 14.5)).sum()
    low = (wave[1:-1] < wave[:-2]) & (wave[1:-1] < wave[2:])
    bottoms = (low & (wave[1:-1] < -12.87)).sum()
    assert wave.max() == pytest.approx(14.508, abs=1e-3)
    assert wave.min() == pytest.approx(-12.871, abs=1e-3)
    assert 2 * bottoms * tops == 18
    assert 3 * bottoms * tops**2 == 81  # three bottoms give -2132 only


def test_shubert_constants_hold_as_roots_of_the_slope():
    """The slope of sum_j j cos((j + 1) x + j) changes its sign within 1e-15 of them."""
    # By name, as the factory hides the module.
    module = importlib.import_module("tasks.functions.cec2013")
    with decimal.localcontext() as context:
        context.prec = 40

        def sine(x):
            total, term, n = x, x, 1
            while abs(term) > decimal.Decimal(10) ** -35:
                term = -term * x * x / ((n + 1) * (n + 2))
                n += 2
                total += term
            return total

        def slope(angle):
            return -sum(j * (j + 1) * sine((j + 1) * angle - 1) for j in range(1, 6))

        for (angle, _), sign in ((module._SHUBERT_TOP, 1), (module._SHUBERT_BOTTOM, -1)):
            angle, step = decimal.Decimal(repr(angle)), decimal.Decimal("1e-15")
            assert sign * slope(angle - step) > 0 > sign * slope(angle + step)


def test_outside_the_box_is_judged_at_its_side():
    task = cec2013("six_hump_camel_back")
    inside, outside = np.array([[1.9, 1.1], [0.5, -1.1]]), np.array([[2.9, 3.1], [0.5, -1.2]])
    np.testing.assert_allclose(
        fitness(task, outside), fitness(task, inside) + np.array([5.0, 0.01])
    )


def test_unknown_function_is_refused():
    with pytest.raises(ValueError, match=r"function: expected one of .*got 'f11'"):
        cec2013("f11")

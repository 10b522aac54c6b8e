"""The five functions of table 1 against float64 formulas and the papers' constants."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks import make
from tasks.functions import TABLE1, Benchmark, rastrigin
from tasks.functions.benchmark import RASTRIGIN_TARGETS

BENCHMARKS = (*TABLE1, "rastrigin_4d", "rastrigin_32d", "rastrigin_256d", "rastrigin_2d_target_4d")


def formula(name, points):
    """The textbook formulas in float64, (N, D) -> (N,)."""
    x, y = points[:, 0], points[:, 1]
    tau = 2 * np.pi
    match name.split("_")[0]:
        case "rosenbrock":
            return np.square(1 - x) + 100 * np.square(y - np.square(x))
        case "beale":
            terms = zip((1.5, 2.25, 2.625), (1, 2, 3), strict=True)
            return sum(np.square(c - x * (1 - y**k)) for c, k in terms)
        case "himmelblau":
            return np.square(x * x + y - 11) + np.square(x + y * y - 7)
        case "ackley":
            bowl = -20 * np.exp(-np.hypot(x, y) / np.sqrt(50))
            return bowl - np.exp((np.cos(tau * x) + np.cos(tau * y)) / 2) + np.e + 20
        case "rastrigin":
            return np.sum(10 + points**2 - 10 * np.cos(tau * points), axis=1)
    raise AssertionError(name)


def is_flipped(name):
    return name.startswith(("ackley", "rastrigin"))


def box_points(task, n, seed=0):
    points = np.random.default_rng(seed).uniform(-4, 4, size=(n, task.num_dims))
    return points.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_raw_is_the_formula_inside_and_a_constant_outside(name):
    task = make(name)
    points = box_points(task, 250)
    sign = -1 if is_flipped(name) else 1
    task_raw = jax.jit(task.raw)
    raw = task_raw(jnp.asarray(points, dtype=jnp.float32))
    np.testing.assert_allclose(raw, sign * formula(name, points), rtol=2e-5, atol=2e-4)
    for outside in (-4.001, 4.001):
        points[:, -1] = outside
        raw = task_raw(jnp.asarray(points, dtype=jnp.float32))
        np.testing.assert_array_equal(raw, np.float32(1e-9 if is_flipped(name) else 100))
    corners = jnp.full(points.shape, 4.0)  # the limit itself is inside
    expected = sign * formula(name, np.asarray(corners, dtype=np.float64))
    np.testing.assert_allclose(task_raw(corners), expected, rtol=2e-5)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_fitness_and_quality_are_the_papers(name):
    task = make(name)
    points = np.concatenate([box_points(task, 200), box_points(task, 50) * 1.5])
    raw = np.where(
        np.any(np.abs(points) > 4, axis=1),
        1e-9 if is_flipped(name) else 100,
        (-1 if is_flipped(name) else 1) * formula(name, points),
    )
    distance = np.abs(raw - task.target)
    genomes = jnp.asarray(points / 4, dtype=jnp.float32)
    np.testing.assert_allclose(jax.jit(task)(genomes), distance, rtol=1e-4, atol=1e-3)
    task_quality = jax.jit(task.quality)
    for temperature in (0.1, 1.0, 10.0):
        width = temperature * task.scale
        p, p_min = np.exp(-distance / width), np.exp(-task.max_distance / width)
        quality = task_quality(genomes, temperature)
        np.testing.assert_allclose(quality, (p - p_min) / (1 - p_min), atol=2e-4)
        assert float(quality.min()) >= 0
        assert float(quality.max()) <= 1


CONSTANTS = {  # papers.md 1.3: target, scale, largest distance
    "rosenbrock": (0, 287.51, 40009),
    "beale": (0, 20, 72769.2),
    "himmelblau": (0, 17.01, 308.803),
    "ackley": (-12.5401, 2, 12.5401),
    "rastrigin": (-64.6249, 30, 64.6249),
    "rastrigin_4d": (-129.2498, 60, 129.2498),
    "rastrigin_32d": (-1033.998, 500, 1033.998),
    "rastrigin_256d": (-8271.9844, 4000, 8271.9844),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_are_the_papers(name):
    task = make(name)
    assert (task.target, task.scale, task.max_distance) == CONSTANTS[name]
    assert (task.low, task.high, task.scaling) == (-4, 4, 4)


@pytest.mark.parametrize("name", TABLE1)
def test_targets_and_largest_distances_by_grid_search(name):
    task = make(name)
    axis = np.linspace(-4, 4, 1601)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    values = formula(name, grid)
    if is_flipped(name):
        # The target is minus the peak, d_max the distance from there to the minimum, 0.
        assert values.max() == pytest.approx(-task.target, abs=2e-3)
        assert values.min() == pytest.approx(0, abs=1e-9)
        assert task.max_distance == -task.target
    elif name == "rosenbrock":
        # The one constant that does not hold: it is the value at (4, -4), not the largest.
        assert values.max() == pytest.approx(40025)
        assert formula(name, np.array([[4.0, -4.0]]))[0] == task.max_distance == 40009
    else:
        assert values.max() == pytest.approx(task.max_distance, abs=1e-2)


def test_corners_of_ackley_and_rastrigin():
    for name, corner, per_dimension in (
        ("ackley", 3.61405, None),
        ("rastrigin", 3.51786, 32.31244),
    ):
        axis = corner + np.linspace(-1e-3, 1e-3, 2001)
        values = formula(name, np.stack([axis, axis], axis=1))
        assert axis[values.argmax()] == pytest.approx(corner, abs=5e-6)
        if per_dimension is not None:
            assert values.max() / 2 == pytest.approx(per_dimension, abs=1e-5)
        np.testing.assert_allclose(np.abs(make(name).optima), corner, atol=5e-6)


@pytest.mark.parametrize("num_dims", RASTRIGIN_TARGETS)
def test_rastrigin_reaches_its_target_in_any_true_dimension(num_dims):
    task = rastrigin(num_dims)
    corner = jnp.full((1, num_dims), 3.51785914 / 4)
    tolerance = (
        2 * float(np.spacing(np.float32(-task.target))) + 5e-4
    )  # printed digits of the target
    assert float(jax.jit(task)(corner)[0]) == pytest.approx(0, abs=tolerance)
    assert float(jax.jit(task.quality)(corner)[0]) == pytest.approx(1, abs=1e-5)
    assert (task.optima is None) == (num_dims > 10)


@pytest.mark.parametrize("target_dims", [4, 32, 256])
def test_the_authors_quirk_keeps_the_far_target_out_of_reach(target_dims):
    quirk, plain, true = rastrigin(2, target_dims), rastrigin(2), rastrigin(target_dims)
    assert quirk.num_dims == 2
    assert (quirk.target, quirk.scale) == (true.target, true.scale)
    genomes = jnp.asarray(box_points(plain, 50) / 4, dtype=jnp.float32)
    np.testing.assert_allclose(
        jax.jit(quirk)(genomes),
        jax.jit(plain)(genomes) + (target_dims / 2 - 1) * 64.6249,
        rtol=1e-5,
    )
    assert quirk.optimum_fitness == pytest.approx((target_dims - 2) * 32.31244, abs=1e-2)


def test_leaving_the_box_is_cheap_on_rosenbrock_only():
    # exp(-100 / 287.51) = .706: the protocol's value for a population that has left the box.
    outside = jnp.full((1, 2), 3.0)
    assert float(jax.jit(make("rosenbrock").quality)(outside)[0]) == pytest.approx(0.706, abs=5e-4)
    for name in ("ackley", "rastrigin"):
        assert float(jax.jit(make(name).quality)(outside)[0]) == pytest.approx(0, abs=1e-6)


def test_bad_arguments_name_argument_expected_and_got():
    with pytest.raises(ValueError, match="num_dims: expected at least 1, got 0"):
        rastrigin(0)
    with pytest.raises(ValueError, match=r"target_dims: expected one of \(2, 4, 32, 256\).*got 3"):
        rastrigin(3)
    with pytest.raises(ValueError, match=r"target_dims: .*got 2 with num_dims 4"):
        rastrigin(4, target_dims=2)
    with pytest.raises(ValueError, match=r"formula: expected one of .*got 'sphere'"):
        Benchmark("x", "sphere", 2, 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="num_dims: expected 2 for beale, got 3"):
        Benchmark("x", "beale", 3, 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"points: expected shape \(N, 2\), got \(5, 3\)"):
        make("beale").raw(jnp.zeros((5, 3)))

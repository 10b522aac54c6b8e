"""Composed functions: every optimum is one, basins have the shares that are promised."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.functions import basin_shares, composed
from tasks.functions.composed import _cells, draw_instance

FORMS = ("bowls", "mixture")
CASES = [(form, num_dims) for form in FORMS for num_dims in (2, 10)]


def fitness(task, points):
    with jax.enable_x64(True):
        return np.asarray(jax.jit(task)(jnp.asarray(points, jnp.float64) / task.scaling))


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}", scope="module")
def task(request):
    form, num_dims = request.param
    return composed(form, num_dims, seed=3, num_optima=6, num_lesser=2)


def test_optima_are_zero_and_strict_minima(task):
    positions = task.positions
    assert positions.shape == (6, task.num_dims)
    assert np.abs(positions).max() < 5
    np.testing.assert_allclose(fitness(task, positions), 0, atol=1e-12)
    steps = np.random.default_rng(0).normal(size=(40, 6, task.num_dims))
    steps *= 10 ** np.linspace(-3, 0, 40)[:, None, None]
    assert fitness(task, (positions + steps).reshape(-1, task.num_dims)).min() > 0


def test_lesser_optima_are_local_minima_and_worse(task):
    positions, heights = task.lesser_optima
    assert heights.shape == (2,)
    assert heights.min() > 0.02
    np.testing.assert_allclose(fitness(task, positions), heights, rtol=1e-9)
    steps = np.random.default_rng(0).normal(size=(40, 2, task.num_dims))
    steps *= 10 ** np.linspace(-4, -2.5, 40)[:, None, None] / np.sqrt(task.num_dims)
    around = fitness(task, (positions + steps).reshape(-1, task.num_dims)).reshape(40, 2)
    assert (around >= heights * (1 - 1e-12)).all()  # a quartic bowl is flat to the last digit
    assert (around.max(axis=0) > heights).all()


def test_own_scale_is_one_and_smallest_share_as_asked(task):
    points = np.random.default_rng(7).uniform(-5, 5, (2000, task.num_dims))
    assert np.median(fitness(task, points)) == pytest.approx(1, abs=0.15)
    shares = basin_shares(task, descend=task.form == "bowls")
    assert shares.sum() == pytest.approx(1)
    # Set with 2048 points (standard error .003), counted with 16384 (.001).
    assert shares.min() == pytest.approx(0.02, abs=0.01)
    assert shares.max() > 0.2


def test_bowls_have_no_other_optima():
    """From anywhere but a centre, a short step towards the centre that rules there goes down."""
    task = composed("bowls", 5, seed=1, num_lesser=2)
    instance = draw_instance(task)
    starts = np.random.default_rng(1).uniform(-5, 5, (2000, 5))
    goals = instance.centres[_cells("bowls", starts, instance)]
    assert (fitness(task, starts + 1e-3 * (goals - starts)) < fitness(task, starts)).all()
    cells, ends = (basin_shares(task, 2000, descend=descend) for descend in (False, True))
    assert ends.sum() == pytest.approx(1)
    assert 0 < np.abs(cells - ends).sum() < 1  # most stay, some cross a border
    with pytest.raises(ValueError, match="descend: expected False for a mixture"):
        basin_shares(composed("mixture"), descend=True)


def test_curvature_has_the_condition_number_and_is_rotated():
    task = composed("mixture", 3, seed=0, num_optima=5)  # one piece of every kind
    conditions = np.linalg.cond(draw_instance(task).transforms) ** 2
    np.testing.assert_allclose(np.sort(conditions), [1, 10, 10, 10, 1000])
    centre = task.positions[conditions.argmax()]
    with jax.enable_x64(True):
        # The nearest point at which the other pieces' weights are numbers, not limits.
        point = jnp.asarray(centre / task.scaling, jnp.float64) + 1e-6
        hessian = np.asarray(jax.hessian(lambda x: task(x[None])[0])(point))
    assert np.linalg.cond(hessian) == pytest.approx(1000, rel=0.02)
    assert np.abs(hessian - np.diag(np.diag(hessian))).max() > 0.1 * np.abs(hessian).max()


def test_seeds_and_dimensions_differ_and_equal_tasks_agree():
    first, twin, other = (composed("mixture", 3, seed) for seed in (0, 0, 1))
    assert first == twin
    np.testing.assert_array_equal(first.positions, twin.positions)
    assert first.positions[0, 0] != other.positions[0, 0]
    drawn = {composed("mixture", 2, seed).num_optima for seed in range(30)}
    assert drawn == {6, 7, 8, 9, 10}


def test_radius_tells_all_optima_apart():
    task = composed("mixture", 2, seed=5, num_lesser=3)
    centres = np.vstack([task.positions, task.lesser_optima[0]])
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)[
        ~np.eye(len(centres), dtype=bool)
    ]
    assert task.radius == pytest.approx(apart.min() / 2)
    assert task.radius > 0.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "cones"}, "form: expected one of .*'cones'"),
        ({"num_dims": 1}, "num_dims: expected at least 2, got 1"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"num_lesser": -1}, "num_lesser: expected at least 0"),
        ({"condition": 0.5}, "condition: expected at least 1, got 0.5"),
        ({"ruggedness": -1.0}, "ruggedness: expected at least 0"),
        ({"num_optima": 8, "smallest_share": 0.2}, "smallest_share: .*up to 0.125"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        composed(**({"form": "bowls"} | options))

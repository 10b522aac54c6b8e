"""The niching harness: the counting rule, the measures, budgets, the store, a user's function."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import registry
from experiments.common.progress import Progress
from experiments.niching import config, methods, problems, run
from experiments.niching.counting import Reported, count_optima, count_positions, judge

PEAKS = np.array([[-1.0, 0.5], [1.0, -0.5], [0.5, 1.5]])
BUDGET = 900


def wells(x):
    """Three equal minima of value -1 at `PEAKS`, traceable."""
    return -jnp.sum(jnp.exp(-8 * jnp.sum((x - PEAKS) ** 2, axis=1)))


def plain_wells(x):
    """The same for the host alone: a float makes any tracing fail."""
    return -sum(np.exp(-8 * ((float(x[0]) - a) ** 2 + (float(x[1]) - b) ** 2)) for a, b in PEAKS)


def problem(fun=wells, **options):
    known = {"best_value": plain_wells(PEAKS[0]), "positions": PEAKS, "scale": 1.0}
    return problems.of_function(
        fun, ([-2, -2], [2, 2]), radius=0.3, **({"budget": BUDGET} | known | options)
    )


def published_count(points, values, best, accuracy, radius, most):
    """The competition's procedure word by word: seeds of all solutions, then their accuracy."""
    seeds, count = [], 0
    for index in np.argsort(values, kind="stable"):
        if all(np.linalg.norm(points[index] - points[seed]) > radius for seed in seeds):
            seeds.append(index)
    for seed in seeds:
        count += abs(values[seed] - best) <= accuracy
        if count == most:
            break
    return count


@pytest.mark.parametrize("seed", range(20))
def test_count_is_the_published_procedure(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(size=(60, 2))
    values = rng.choice([0.0, 1e-6, 1e-3, 0.5, 2.0], 60)
    for accuracy in (1e-1, 1e-4, 0.0):
        for radius, most in ((0.05, 100), (0.2, 5), (0.2, 100)):
            expected = published_count(points, values, 0.0, accuracy, radius, most)
            assert count_optima(points, values, 0.0, accuracy, radius, most) == expected


def test_count_by_hand():
    points = np.array([[0.0], [0.1], [1.0], [1.05], [3.0], [4.0]])
    values = np.array([1e-6, 0.0, 1e-6, 0.05, 0.05, np.nan])
    assert count_optima(points, values, 0.0, 1e-5, 0.5) == 2
    assert count_optima(points, values, 0.0, 0.1, 0.5) == 3
    assert count_optima(points, values, 0.0, 0.1, 0.01) == 5
    assert count_optima(points, values, 0.0, 0.1, 0.5, num_optima=1) == 1
    assert count_optima(points, values, -1.0, 0.1, 0.5) == 0
    known = np.array([[0.0], [1.0], [2.0]])
    assert count_positions(points, values, 0.0, 0.1, 0.2, known) == 2
    assert count_positions(points, values, 0.0, 0.1, 0.02, known) == 2
    assert count_positions(points[3:], values[3:], 0.0, 1e-5, 0.2, known) == 0


def reported(points, found, left=None):
    points = np.asarray(points, float)
    left = np.full(len(points), np.inf) if left is None else np.asarray(left, float)
    return Reported(points, np.zeros(len(points)), np.asarray(found), left, BUDGET)


def test_measures_by_hand():
    """One optimum after a third of the budget, a second and a wrong one after two thirds."""
    times = [300, 600, 600]
    found = judge(problem(), reported([PEAKS[0], PEAKS[1], [-1.5, -1.5]], times), (1e-3,), 3)
    assert found["count"] == [2]
    assert found["num_reported"] == 3
    assert found["peak_ratio"] == pytest.approx([2 / 3])
    assert found["success_rate"] == pytest.approx([2 / 3])
    assert found["f1"] == pytest.approx([2 / 3])
    # 1 of 1 reported and 1 of 3 found: F1 1/2 for a third; then 2/3 for the last third.
    assert found["dynamic_f1"] == pytest.approx([(1 / 2 + 2 / 3) / 3])
    np.testing.assert_allclose(np.ravel(found["curve"]), [1 / 3, 2 / 3, 2 / 3])
    assert found["best"] == pytest.approx(plain_wells(PEAKS[0]), abs=1e-3)


def test_what_has_left_the_report_counts_no_more():
    found = judge(problem(), reported([PEAKS[0], PEAKS[1]], [300, 600], [600, np.inf]), (1e-3,), 3)
    np.testing.assert_allclose(np.ravel(found["curve"]), [1 / 3] * 3)
    assert found["count"] == [1]
    assert found["num_reported"] == 1
    assert found["dynamic_f1"] == pytest.approx([1 / 3])


def test_unknown_optima_are_counted_from_the_best_that_was_found():
    unknown = problem(best_value=None, positions=None)
    found = judge(
        unknown, reported([PEAKS[0], PEAKS[0] + 0.01, PEAKS[2], [0, 0]], [1] * 4), (0.1,), 1
    )
    assert found["count"] == [2]
    assert found["peak_ratio"] is None
    with pytest.raises(ValueError, match="at most 900 evaluations, got 901"):
        judge(unknown, reported(PEAKS, [1] * 3)._replace(evaluations=901), (0.1,), 1)


CHEAP = ("ours", "random_search", "scipy_differential_evolution", "pycma_bipop")
SLOW = tuple(name for name in methods.METHODS if name not in CHEAP)


@pytest.mark.parametrize(
    "name",
    [*CHEAP, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)
def test_method_keeps_to_budget_and_box_and_repeats(name):
    settings = config.Settings(
        diffusion_population=32, cma_starts=2, sv_populations=2, random_report=50
    )
    # Ours on a Python callable, which JAX's methods reach by a callback.
    searched = problem(plain_wells if name == "ours" else wells)
    found = methods.METHODS[name](searched, BUDGET, 3, settings)
    assert 0.8 * BUDGET <= found.evaluations <= BUDGET
    assert len(found.points) == len(found.values) == len(found.found) == len(found.left) > 0
    assert (np.abs(found.points) <= 2).all()
    assert (found.found > 0).all()
    assert (found.found <= found.evaluations).all()
    assert (found.left > found.found).all()
    expected = [plain_wells(point) for point in found.points]
    if name != "ours":  # a value from outside the box has the distance to it on top
        inside = (np.abs(found.points) < 2).all(axis=1)
        np.testing.assert_allclose(found.values[inside], np.array(expected)[inside], atol=1e-6)
    measures = judge(searched, found, (1e-1, 1e-5), 3)
    assert measures["best"] < -0.5
    again = methods.METHODS[name](searched, BUDGET, 3, settings)
    np.testing.assert_array_equal(found.points, again.points)
    other = methods.METHODS[name](searched, BUDGET, 4, settings)
    assert found.points.shape != other.points.shape or (found.points != other.points).any()


def test_python_callables_are_called_back_to_the_last_digit():
    traced, called = problem(), problem(plain_wells)
    assert traced.traceable
    assert not called.traceable
    cube = np.random.default_rng(0).uniform(-0.2, 1.2, (7, 2))
    np.testing.assert_allclose(traced.values(cube), called.values(cube), rtol=1e-12)
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(called.traced)(jnp.asarray(cube)))
    np.testing.assert_allclose(found, called.values(cube), rtol=1e-14)
    single = jax.jit(called.traced)(jnp.asarray(cube, jnp.float32))
    np.testing.assert_allclose(single, found, rtol=1e-4, atol=1e-4)


def test_modes_are_reported_where_a_search_has_them(monkeypatch):
    """The lead's algorithm returns ``modes`` with x, fun and nfev."""
    modes = type("Modes", (), {"x": PEAKS / 4 + 0.5, "fun": np.full(3, -1.0), "nfev": [5, 6, 7]})
    result = type("Result", (), {"modes": modes, "nfev": 700})
    monkeypatch.setattr(methods.diffevo, "minimize", lambda *_, **__: result)
    found = methods.ours(problem(), BUDGET, 0, config.Settings())
    np.testing.assert_allclose(found.points, PEAKS)
    assert found.evaluations == 700
    assert judge(problem(), found, (1e-2,), 1)["count"] == [3]


def test_meter_refuses_what_is_over_the_budget():
    meter = methods.Meter(problem(), 10)
    meter(np.full((6, 2), 0.25))
    meter.end_start()
    with pytest.raises(methods.OutOfBudget):
        meter(np.zeros((5, 2)))
    meter(np.full((4, 2), 0.75))
    assert meter.evaluations == 10
    np.testing.assert_allclose(meter.reported().points, [[-1, -1], [1, 1]])
    np.testing.assert_array_equal(meter.reported().found, [6, 10])


def test_a_stopped_run_goes_on_and_other_settings_do_not_mix(tmp_path):
    small = dataclasses.replace(config.SMOKE, methods=("random_search",), budget=200)
    both = dataclasses.replace(small, repetitions=2, rival_repetitions=2)
    ((key, first),) = run.fill(small, tmp_path, Progress()).items()
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text() + '{"seed": 20261126, "prot')  # stopped while writing
    lines = run.fill(both, tmp_path, Progress())[key]
    assert lines[0] == first[0]
    assert [line["seed"] for line in lines] == [small.seed, small.seed + 1]
    assert len(path.read_text().splitlines()) == 3
    settings = dataclasses.replace(small.settings, random_report=20)
    other = run.fill(dataclasses.replace(small, settings=settings), tmp_path, Progress())[key]
    assert [line["num_reported"] for line in other] == [20]
    assert first[0]["num_reported"] == 200


def test_protocol_has_the_functions_that_were_asked_for():
    full = config.Config()
    assert {*full.methods, "pycma_ipop"} == set(methods.METHODS) == set(config.USES)
    names = [function.name for function in full.functions]
    assert len(set(names)) == len(names)
    assert sum(name.startswith("cec2013") for name in names) == 10
    composed = [function for function in full.functions if function.task.startswith("composed")]
    assert {function.num_dims for function in composed} == {2, 3, 5, 10, 20}
    assert len(composed) >= 10
    two = run.problem_of(composed[0])
    assert two.name == "composed_bowls_d2_s1_l3"
    assert two.budget == 200_000
    assert two.positions is not None
    assert 6 <= len(two.positions) == two.num_optima <= 10
    assert run.problem_of(full.functions[0]).positions is None


def test_tables_of_what_there_is_so_far(tmp_path):
    name, runs = "cec2013_equal_maxima", tmp_path / "runs"
    full = config.Config(repetitions=1)
    store, line = run.Store(runs, full), {"seed": full.seed, "seconds": 1.0}
    ratios = {"ours": [1.0, 1.0, 1.0, 0.8, 0.6], "pycma_bipop": [0.5] * 5}
    for method, ratio in ratios.items():
        measures = dict.fromkeys(("peak_ratio", "success_rate", "f1", "dynamic_f1"), ratio)
        measures |= {"num_reported": 5, "evaluations": 900, "curve": [ratio] * 25}
        store.append(name, method, 50_000, line | measures)
    arguments = ["--tables", "--functions", name, "--repetitions", "1", "--out", str(tmp_path)]
    assert run.main(arguments) == 0
    table = (tmp_path / "so_far" / "niching.md").read_text()
    assert f"| {name} | 0.880 | 0.500 |" in table
    assert "| pycma, BIPOP | 1 | 0 | 0 | +0.380 | 1 |" in table
    assert (tmp_path / "so_far" / "cec2013.png").is_file()
    assert len(list(runs.iterdir())) == 2  # nothing has been run


def test_unknown_names_are_refused(capsys):
    assert run.main(["--methods", "pycma", "--functions", "cec2013_f1"]) == 2
    assert "unknown: ['cec2013_f1', 'pycma']" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bounds": ([0, 0], [1])}, "bounds: expected two arrays"),
        ({"bounds": ([0, 1], [1, 1])}, "high: expected more than low"),
        ({"radius": 0.0}, "radius: expected a positive number, got 0.0"),
        ({"budget": 0}, "budget: expected at least 1, got 0"),
        ({"fun": lambda x: "much"}, "fun: expected a function from an array .2,. to a number"),
    ],
)
def test_what_does_not_fit_is_named(options, message):
    given = {"fun": wells, "bounds": ([-2, -2], [2, 2]), "radius": 0.3} | options
    with pytest.raises(ValueError, match=message):
        problems.of_function(given.pop("fun"), given.pop("bounds"), **given)


def test_the_readmes_example_runs():
    text = (registry.ROOT / "niching" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    names = {}
    exec(code, names)
    assert names["measures"]["count"][0] == 4

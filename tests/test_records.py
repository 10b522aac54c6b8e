"""Run directories: what is in them, resuming, and what is refused, lost or cannot be written."""

import json
import os
import pickle
import resource
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import diffevo
from diffevo import Choice, Integer, Real, SearchSpace, checkpoint, evaluations, optimize, records
from diffevo.algorithms.reevaluation import num_candidates
from diffevo.evaluators.host import Remembered, Threads
from tests import killed
from tests.contract import driver

BOX = ([-4.0, -4.0], [4.0, 4.0])
SIZE = 16
# The algorithm and the sizes of test_optimizer.py.
ALGORITHM = diffevo.DiffusionEvolution(SIZE, np.zeros(2, np.float32), num_generations=6)
OPTIONS = {"algorithm": ALGORITHM, "seed": 0}
BUDGET = 10 * SIZE


def sphere(x):
    return float(np.sum((np.asarray(x) - 1.0) ** 2))


def jax_sphere(x):
    return jnp.sum((x - 1.0) ** 2)


def flaky(x):
    if abs(x[0] * 1e3) % 1.0 < 0.2:
        raise OSError("no licence left")
    return float("nan") if x[1] > 3.0 else sphere(x)


BOTH = pytest.mark.parametrize("fun", [sphere, jax_sphere], ids=["host", "jax"])
quietly = pytest.mark.filterwarnings("ignore:fun. an evaluation failed")


def run(fun, folder, **options):
    return diffevo.minimize(fun, BOX, run_dir=folder, **({"budget": BUDGET} | OPTIONS | options))


def until(last):
    """A callback that stops after a generation: with it no other program is compiled."""
    return lambda info: info["generation"] >= last


def assert_same(one, other):
    """Bit for bit."""
    names = ("x", "population", "fitness", "fun", "nfev", "nit", "stop_reason", "success")
    for name in names:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert one.history.keys() == other.history.keys()
    for name in one.history:
        np.testing.assert_array_equal(one.history[name], other.history[name], err_msg=name)
    assert (one.modes is None) == (other.modes is None)
    if one.modes is not None:
        for name in ("x", "fun", "nfev"):
            np.testing.assert_array_equal(getattr(one.modes, name), getattr(other.modes, name))
    for left, right in zip(one.failures, other.failures, strict=True):
        assert (left.generation, left.member, left.reason) == (
            right.generation,
            right.member,
            right.reason,
        )
        np.testing.assert_array_equal(left.x, right.x)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


# --- What is in it --------------------------------------------------------------------------------


@BOTH
def test_what_a_run_directory_holds(fun, tmp_path):
    told = []
    result = run(fun, tmp_path / "run", callback=lambda info: told.append(info))
    folder = tmp_path / "run"
    assert_same(result, diffevo.minimize(fun, BOX, budget=BUDGET, **OPTIONS))

    config = records.read_config(folder)
    assert config["search"]["algorithm"]["name"] == "DiffusionEvolution"
    assert config["search"]["space"]["x"]["low"] == [-4.0, -4.0]
    assert config["sessions"][0]["stop"]["generations"] == 9
    assert config["sessions"][0]["versions"]["numpy"] == np.__version__

    rows = lines(folder)
    assert [row["generation"] for row in rows] == list(range(10))
    assert [row["nfev"] for row in rows] == [SIZE * (g + 1) for g in range(10)]
    for name in ("best_fitness", "diversity"):
        np.testing.assert_array_equal([row[name] for row in rows], result.history[name])

    table = evaluations.read(folder / "evaluations").to_pydict()
    assert table["generation"] == np.repeat(np.arange(10), SIZE).tolist()
    assert table["member"] == list(range(SIZE)) * 10
    np.testing.assert_array_equal(table["fitness"][-SIZE:], result.fitness)
    np.testing.assert_allclose(table["x"][-SIZE:], result.population, rtol=1e-6)
    assert min(table["fitness"]) == result.fun

    found = records.read_result(folder)
    assert (found["fun"], found["nfev"], found["stop_reason"]) == (result.fun, BUDGET, "budget")
    np.testing.assert_array_equal(found["x"]["x"], result.x)
    assert checkpoint.numbers(folder / "checkpoints") == [9]


def test_metrics_of_quick_generations_are_written_together(tmp_path, monkeypatch):
    sizes, write = [], records.RunDirectory._append_metrics

    def append(self, generations, *rest):
        sizes.append(len(generations))
        write(self, generations, *rest)

    monkeypatch.setattr(records, "_SECONDS_PER_METRICS", 1e9)
    monkeypatch.setattr(records.RunDirectory, "_append_metrics", append)
    result = run(sphere, tmp_path)
    assert sizes == [1, 9]
    assert [row["best_fitness"] for row in lines(tmp_path)] == result.history[
        "best_fitness"
    ].tolist()


def test_a_run_goes_on_where_an_error_left_metrics_unwritten(tmp_path, monkeypatch):
    def callback(info):
        if info["generation"] == 4:
            raise ZeroDivisionError

    monkeypatch.setattr(records, "_SECONDS_PER_METRICS", 1e9)
    with pytest.raises(ZeroDivisionError):
        run(sphere, tmp_path, callback=callback)
    assert len(lines(tmp_path)) == 1
    result = run(sphere, tmp_path, resume=True)
    assert [row["best_fitness"] for row in lines(tmp_path)] == result.history[
        "best_fitness"
    ].tolist()


@quietly
def test_a_mixed_space_in_the_user_s_sign(tmp_path):
    space = SearchSpace(
        {
            "rate": Real(1e-3, 1.0, log=True),
            "layers": [Integer(1, 4), Integer(1, 4)],
            "kind": Choice(["a", len]),
            "size": Choice([8, 16]),
            "fitness": Real(0.0, 1.0, shape=(2, 2)),
        }
    )

    def fun(x):
        if x["kind"] is len:
            raise OSError("no licence left")
        return x["layers"][0] - x["rate"] + x["size"]

    result = diffevo.maximize(
        fun, space=space, budget=64, population_size=16, run_dir=tmp_path, evaluator=Threads(2)
    )
    table = evaluations.read(tmp_path / "evaluations").to_pydict()
    assert list(table)[3:] == ["x.fitness", "kind", "layers.0", "layers.1", "rate", "size"]
    assert set(table["kind"]) <= {"a", "<built-in function len>"}
    assert set(table["size"]) <= {8, 16}
    assert len(table["x.fitness"][0]) == 4
    best = int(np.nanargmax(table["fitness"]))
    assert table["fitness"][best] == result.fun == fun(result.x)
    np.testing.assert_allclose(table["rate"][best], result.x["rate"], rtol=1e-6)
    found = records.read_result(tmp_path)
    assert found["x"]["kind"] == "a"
    assert found["failures"][0]["reason"] == "OSError: no licence left"
    assert len(found["failures"]) == int(np.isnan(table["fitness"]).sum())


def test_known_values_are_not_recorded_as_evaluations(tmp_path):
    many = np.random.default_rng(0).uniform(-4, 4, (5, 2)).astype(np.float32)
    start = {"population": many, "population_fitness": np.sum((many - 1.0) ** 2, axis=1)}
    for name, fun in (("host", sphere), ("jax", jax_sphere)):
        result = run(fun, tmp_path / name, **start)
        table = evaluations.read(tmp_path / name / "evaluations")
        assert table.num_rows == result.nfev == 10 * SIZE - 5
        assert_same(result, run(fun, tmp_path / name, resume=True, **start))


def test_evaluations_may_be_left_out_and_then_need_no_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "diffevo.evaluations")
    monkeypatch.delattr(diffevo, "evaluations")
    with pytest.raises(ImportError, match=r"pip install 'diffevo-jax\[records\]'.*record_eval"):
        run(jax_sphere, tmp_path / "one")
    run(jax_sphere, tmp_path / "two", record_evaluations=False)
    assert list((tmp_path / "two" / "evaluations").iterdir()) == []
    with pytest.raises(ValueError, match=r"record_evaluations: False there, True here"):
        run(jax_sphere, tmp_path / "two", resume=True)


# --- Resuming -------------------------------------------------------------------------------------


@quietly
@pytest.mark.parametrize("fun", [sphere, jax_sphere, flaky], ids=["host", "jax", "failures"])
def test_a_run_goes_on_as_if_nothing_had_happened(fun, tmp_path, monkeypatch):
    straight = diffevo.minimize(fun, BOX, budget=BUDGET, **OPTIONS)
    monkeypatch.setattr(records, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(records, "_TIMES", 0)
    monkeypatch.setattr(optimize, "_SECONDS_PER_CHUNK", 0.0)  # a generation at a time
    for last in (1, 4, 5):
        part = run(fun, tmp_path, callback=until(last), resume=True)
        assert (part.nit, part.stop_reason) == (last, "callback")
    assert_same(run(fun, tmp_path, callback=until(99), resume=True), straight)
    assert [row["generation"] for row in lines(tmp_path)] == list(range(10))
    table = evaluations.read(tmp_path / "evaluations")
    assert table["generation"].to_pylist() == np.repeat(np.arange(10), SIZE).tolist()
    assert len(checkpoint.numbers(tmp_path / "checkpoints")) == checkpoint.KEEP
    assert len(records.read_config(tmp_path)["sessions"]) == 4


def noisy(x, seed):
    return sphere(x) + np.random.default_rng(seed).normal()


def jax_noisy(x, key):
    return jax_sphere(x) + jax.random.normal(key)


@pytest.mark.parametrize(
    ("fun", "num_repeats"), [(noisy, 1), (jax_noisy, 3)], ids=["host", "jax, repeated"]
)
def test_a_noisy_run_goes_on_as_if_nothing_had_happened(fun, num_repeats, tmp_path):
    again = num_candidates(SIZE)
    options = {"noisy": True, "num_repeats": num_repeats}
    options["budget"] = num_repeats * (SIZE + 9 * (SIZE + again))
    straight = diffevo.minimize(fun, BOX, **(OPTIONS | options))
    # In an odd generation and in an even one: values that choose, and values that are reported.
    for last in (3, 6):
        part = run(fun, tmp_path, callback=until(last), resume=True, **options)
        assert (part.nit, part.stop_reason) == (last, "callback")
    resumed = run(fun, tmp_path, callback=until(99), resume=True, **options)
    assert_same(resumed, straight)
    assert resumed.nfev == options["budget"]
    for name in ("standard_error", "num_evaluations"):
        assert getattr(resumed, name) == getattr(straight, name)
        assert records.read_result(tmp_path)[name] == getattr(straight, name)
        assert lines(tmp_path)[-1][name] == pytest.approx(straight.history[name][-1])
    # The candidates come after the members.
    table = evaluations.read(tmp_path / "evaluations").to_pydict()
    assert table["generation"] == np.repeat(np.arange(10), [SIZE] + 9 * [SIZE + again]).tolist()
    assert table["member"][-again:] == list(range(SIZE, SIZE + again))
    last = table["fitness"][-SIZE - again : -again]
    np.testing.assert_allclose(last, straight.fitness, rtol=1e-6)
    with pytest.raises(ValueError, match=rf"num_repeats: {num_repeats} there, 2 here"):
        run(fun, tmp_path, resume=True, **(options | {"num_repeats": 2, "budget": 10**4}))


def test_a_noisy_function_without_a_seed_keeps_its_values(tmp_path):
    rng = np.random.default_rng(0)
    options = {"noisy": True, "budget": SIZE + 4 * (SIZE + num_candidates(SIZE))}

    def drawn(x):
        return sphere(x) + rng.normal()

    part = run(drawn, tmp_path, callback=until(2), **options)
    whole = run(drawn, tmp_path, resume=True, **options)
    for name in part.history:
        np.testing.assert_array_equal(whole.history[name][:3], part.history[name])
    assert (whole.nit, whole.nfev) == (4, options["budget"])


LEARNED = ("hades", "charles_d")


@pytest.mark.parametrize(
    "name",
    [
        "latent_diffusion_evolution",
        "hades",
        pytest.param("charles_d", marks=pytest.mark.slow),
        pytest.param("niching_diffusion_evolution", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("fun", [sphere, pytest.param(jax_sphere, marks=pytest.mark.slow)])
def test_every_algorithm_resumes(name, fun, tmp_path):
    algorithm = driver.make(name, SIZE, np.zeros(2, np.float32), 6)
    options = {"budget": 6 * SIZE, "algorithm": algorithm}
    straight = diffevo.minimize(fun, BOX, **options)
    run(fun, tmp_path, max_generations=3, **options)
    assert_same(run(fun, tmp_path, resume=True, **options), straight)


def test_what_was_evaluated_is_not_evaluated_again(tmp_path):
    calls = []

    def interrupted(x):
        calls.append(x)
        if len(calls) in (3, 20, 21):
            raise KeyboardInterrupt
        return sphere(x)

    straight = diffevo.minimize(sphere, BOX, budget=BUDGET, **OPTIONS)
    options = {"evaluator": "serial", "resume": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("diffevo.journal._SECONDS_WORTH_A_LINE", 0.0)
        part = run(interrupted, tmp_path, **options)
        assert (part.stop_reason, part.nfev, part.nit) == ("interrupt", 2, 0)
        part = run(interrupted, tmp_path, **options)
        assert (part.stop_reason, part.nfev, part.nit) == ("interrupt", 18, 1)
        run(interrupted, tmp_path, **options)
        assert_same(run(interrupted, tmp_path, **options), straight)
    assert len(calls) == BUDGET + 3  # the interrupted ones


@BOTH
def test_a_finished_run_stays_finished_and_goes_on_with_a_larger_budget(fun, tmp_path):
    first = run(fun, tmp_path)
    seen = []
    again = run(fun, tmp_path, resume=True, callback=seen.append)
    assert_same(first, again)
    assert seen == []
    longer = run(fun, tmp_path, resume=True, budget=2 * BUDGET, callback=seen.append)
    assert_same(longer, diffevo.minimize(fun, BOX, budget=2 * BUDGET, **OPTIONS))
    assert [int(info["generation"]) for info in seen] == list(range(10, 20))
    shorter = run(fun, tmp_path, resume=True, budget=BUDGET)
    assert (shorter.nit, shorter.stop_reason) == (19, "budget")


def test_a_run_that_ended_by_its_rules_reports_them_again(tmp_path):
    for number, rules in enumerate(({"ftarget": 1.0}, {"tol_stagnation": 2})):
        for name, fun in (("host", sphere), ("jax", jax_sphere)):
            folder = tmp_path / f"{name}{number}"
            first = run(fun, folder, budget=6400, **rules)
            assert first.stop_reason == next(iter(rules))
            assert_same(first, run(fun, folder, budget=6400, resume=True, **rules))


def test_a_timeout_counts_from_the_call(tmp_path):
    first = run(jax_sphere, tmp_path, timeout=0.0)
    assert (first.stop_reason, first.nit) == ("timeout", 0)
    assert run(jax_sphere, tmp_path, resume=True, timeout=600.0).stop_reason == "budget"


def test_a_schedule_made_for_a_budget_takes_no_other(tmp_path):
    options = {"algorithm": "diffusion_evolution", "population_size": SIZE}
    setup = diffevo.Optimizer(BOX, budget=BUDGET, **options).setup
    with records.open_run(tmp_path, False, True, setup, 1.0, jax_sphere, True, None):
        pass
    with pytest.raises(ValueError, match=r"algorithm.num_generations: 9 there, 19 here.*budget"):
        run(jax_sphere, tmp_path, resume=True, budget=2 * BUDGET, **options)


def test_failures_are_remembered_by_their_words(tmp_path):
    with pytest.warns(RuntimeWarning, match="no licence left"):
        first = run(flaky, tmp_path, max_generations=2)
    again = run(flaky, tmp_path, max_generations=2, resume=True)
    kinds = {type(failure.error) for failure in again.failures}
    assert kinds <= {Remembered, type(None)}
    assert str(again.failures[0].error or "NaN") == first.failures[0].reason


def test_nothing_is_unpickled_or_compiled_again(tmp_path, monkeypatch):
    traces = []

    def counted(x):
        traces.append(1)
        return jax_sphere(x)

    run(counted, tmp_path / "one", callback=until(3))

    def refuse(*_, **__):
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    assert run(counted, tmp_path / "one", resume=True).nfev == BUDGET
    before = len(traces)
    run(counted, tmp_path / "two", seed=5)
    assert len(traces) == before > 0


# --- Killed ---------------------------------------------------------------------------------------


def test_a_killed_run_ends_as_one_that_was_not(tmp_path):
    with killed.Server(tmp_path / "cache") as server:
        for kind in ("host", "compiled"):
            (tmp_path / kind).mkdir()
            tally = killed.kill_often(server, kind, tmp_path / kind, 1, seed=0)
            assert tally.extra <= killed.SIZE
            assert tally.lost == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", killed.KINDS)
def test_killed_a_hundred_times(kind, tmp_path):
    with killed.Server(tmp_path / "cache") as server:
        tally = killed.kill_often(server, kind, tmp_path, 100, seed=1)
    print(f"{kind}: {tally}")
    assert tally.kills == 100
    assert tally.searches >= 2
    assert tally.hits > 0
    # Of evaluations that take 2 ms, one is under way when the process is killed; those that failed
    # in the unfinished generation are tried again.
    assert tally.extra <= killed.SIZE / 2
    assert tally.lost == 0


# --- Refused --------------------------------------------------------------------------------------


def test_another_search_is_refused_by_what_differs(tmp_path):
    run(jax_sphere, tmp_path)
    with pytest.raises(ValueError, match=r"run_dir: expected a directory without a run.*resume"):
        run(jax_sphere, tmp_path)
    params = ALGORITHM.default_params.replace(temperature=jnp.float32(0.5))
    for options, words in (
        ({"seed": 1}, r"seed.key: \[0, 0\] there, \[0, 1\] here"),
        ({"params": params}, r"params.temperature: 1.0 there, 0.5 here"),
        ({"x0": [0.0, 0.0]}, r"start.genomes: \[\] there"),
        ({"evaluator": "serial"}, r"compiled: True there, False here"),
    ):
        with pytest.raises(ValueError, match=rf"run_dir: expected the search.*{words}"):
            run(jax_sphere, tmp_path, resume=True, **options)
    with pytest.raises(ValueError, match=r"maximize: False there.*space.x.low: \[-4.0, -4.0\]"):
        diffevo.maximize(
            jax_sphere, ([-1, -1], [1, 1]), budget=BUDGET, run_dir=tmp_path, resume=True, **OPTIONS
        )
    with pytest.raises(ValueError, match=r"algorithm.name: 'DiffusionEvolution' there"):
        run(jax_sphere, tmp_path, resume=True, algorithm="auto")


def test_what_is_no_run_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="run_dir: expected a directory, got the file"):
        run(jax_sphere, tmp_path / "file")
    (tmp_path / "left" / "checkpoints").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"run_dir: .*got checkpoints without config.json"):
        run(jax_sphere, tmp_path / "left", resume=True)
    for text in ("", "{", "3", "{}", '{"format": 1}', '{"format": 9, "search": 1}'):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ValueError, match=r"run_dir: .*(is damaged|lacks|of format 1)"):
            run(jax_sphere, tmp_path, resume=True)


def test_two_searches_in_one_directory_are_refused(tmp_path):
    def callback(info):
        run(jax_sphere, tmp_path, resume=True)

    with pytest.raises(ValueError, match="run_dir: expected a directory that no other search"):
        run(jax_sphere, tmp_path, callback=callback)
    assert run(jax_sphere, tmp_path, resume=True).nfev == BUDGET


@BOTH
def test_damaged_checkpoints(fun, tmp_path):
    run(fun, tmp_path, callback=until(4))
    straight = run(fun, tmp_path, resume=True)
    folder = tmp_path / "checkpoints"
    assert checkpoint.numbers(folder) == [4, 9]
    shutil.copytree(folder, tmp_path / "copy")
    (folder / "0000000009" / "manifest.json").unlink()
    with pytest.warns(RuntimeWarning, match=r"manifest cannot be read.*from generation 4"):
        assert_same(run(fun, tmp_path, resume=True), straight)
    assert checkpoint.numbers(folder) == [4, 9]
    for number in (4, 9):
        (folder / f"{number:010d}" / "manifest.json").unlink()
    with pytest.raises(ValueError, match="expected an intact checkpoint of this run, got none"):
        run(fun, tmp_path, resume=True)
    # Without any, it begins anew.
    shutil.rmtree(folder)
    assert_same(run(fun, tmp_path, resume=True), straight)


def test_a_checkpoint_of_another_run_is_passed_over(tmp_path):
    run(jax_sphere, tmp_path / "one", callback=until(4))
    run(jax_sphere, tmp_path / "two", seed=1)
    shutil.copytree(
        tmp_path / "two" / "checkpoints" / "0000000009",
        tmp_path / "one" / "checkpoints" / "0000000009",
    )
    with pytest.warns(RuntimeWarning, match=r"got one of another.*from generation 4"):
        resumed = run(jax_sphere, tmp_path / "one", resume=True)
    assert_same(resumed, diffevo.minimize(jax_sphere, BOX, budget=BUDGET, **OPTIONS))


def test_other_versions_are_warned_of(tmp_path):
    run(jax_sphere, tmp_path)
    config = records.read_config(tmp_path)
    config["sessions"][-1]["versions"]["jax"] = "0.1"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.warns(RuntimeWarning, match=r"jax: '0.1' there.*round differently"):
        run(jax_sphere, tmp_path, resume=True)


# --- What cannot be written -----------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    "what", ["_append_metrics", "_save", "_write_evaluations", "_write_result"]
)
def test_a_full_disk_does_not_end_the_search(fun, what, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records.RunDirectory, what, full)
    with pytest.warns(RuntimeWarning, match=r"run_dir: .* cannot be written.*No space") as caught:
        result = run(fun, tmp_path)
    assert len(caught) == 1
    assert_same(result, diffevo.minimize(fun, BOX, budget=BUDGET, **OPTIONS))
    monkeypatch.undo()
    assert_same(run(fun, tmp_path, resume=True), result)


def test_a_limit_of_the_system_on_files(tmp_path):
    straight = run(sphere, tmp_path / "warm", budget=60 * SIZE)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    try:
        with pytest.warns(RuntimeWarning, match=r"cannot be written") as caught:
            result = run(sphere, tmp_path / "run", budget=60 * SIZE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(caught) == 1
    assert_same(result, straight)
    assert_same(run(sphere, tmp_path / "run", resume=True, budget=60 * SIZE), straight)


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="no file system that nobody can write to")
def test_a_directory_that_cannot_be_made():
    with pytest.warns(RuntimeWarning, match=r"/proc/none/run cannot be written") as caught:
        result = run(sphere, "/proc/none/run")
    assert len(caught) == 1
    assert result.nfev == BUDGET


def test_a_directory_that_cannot_be_written_still_gives_its_checkpoint(tmp_path, monkeypatch):
    run(sphere, tmp_path, callback=until(4))

    def locked(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(records, "_lock", locked)
    calls = []

    def counted(x):
        calls.append(x)
        return sphere(x)

    with pytest.warns(RuntimeWarning, match=r"cannot be written, PermissionError"):
        result = run(counted, tmp_path, resume=True, evaluator="serial")
    assert_same(result, diffevo.minimize(sphere, BOX, budget=BUDGET, **OPTIONS))
    assert len(calls) == BUDGET - 5 * SIZE
    assert len(lines(tmp_path)) == 5


@BOTH
def test_a_directory_that_is_deleted_meanwhile(fun, tmp_path):
    def callback(info):
        if info["generation"] == 3:
            # At once, whatever is just being written.
            (tmp_path / "run").rename(tmp_path / "elsewhere")

    with pytest.warns(RuntimeWarning, match=r"cannot be written, FileNotFoundError") as caught:
        result = run(fun, tmp_path / "run", callback=callback)
    assert len(caught) == 1
    assert_same(result, diffevo.minimize(fun, BOX, budget=BUDGET, **OPTIONS))


def test_a_checkpoint_that_is_deleted_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(records, "_TIMES", 0)
    folder = tmp_path / "checkpoints"

    def callback(info):
        for number in checkpoint.numbers(folder):
            checkpoint.remove(folder, number)

    result = run(jax_sphere, tmp_path, callback=callback)
    assert_same(run(jax_sphere, tmp_path, resume=True), result)


@BOTH
def test_ctrl_c_leaves_a_run_that_goes_on(fun, tmp_path):
    def callback(info):
        if info["generation"] == 4:
            raise KeyboardInterrupt

    part = run(fun, tmp_path, callback=callback)
    assert (part.stop_reason, part.nit) == ("interrupt", 4)
    assert records.read_result(tmp_path)["stop_reason"] == "interrupt"
    straight = diffevo.minimize(fun, BOX, budget=BUDGET, **OPTIONS)
    assert_same(run(fun, tmp_path, resume=True), straight)


def test_an_error_of_the_user_s_leaves_a_run_that_goes_on(tmp_path):
    def callback(info):
        if info["generation"] == 4:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(jax_sphere, tmp_path, callback=callback)
    assert run(jax_sphere, tmp_path, resume=True).nfev == BUDGET

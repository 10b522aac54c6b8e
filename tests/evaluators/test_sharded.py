"""The sharded evaluator: the same search on one device, on several, and in several processes."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import diffevo
from diffevo import checkpoint, evaluations, records
from diffevo.algorithms.reevaluation import num_candidates
from diffevo.evaluators.sharded import Sharded, arrays_of_first_process
from tests import compilation
from tests.evaluators import sharded_search

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOX = ([-4.0, -4.0], [4.0, 4.0])
ALGORITHM = diffevo.DiffusionEvolution(16, np.zeros(2, np.float32), num_generations=6)
OPTIONS = {"budget": 64, "algorithm": ALGORITHM, "seed": 0}


def sphere(x):
    return jnp.sum((x - 1.0) ** 2)


def in_processes(algorithm, num_processes, num_devices, optimized=False, **more):
    """What each of the processes prints, of so many virtual devices each."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    environment = os.environ | ({} if optimized else compilation.environment())
    flags = environment.get("XLA_FLAGS", "")
    environment |= {
        "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count={num_devices}",
        "JAX_PLATFORMS": "cpu",
        **more,
    }
    command = [sys.executable, "-m", "tests.evaluators.sharded_search", algorithm]
    running = [
        subprocess.Popen(
            [*command, *([address, str(num_processes), str(i)] if num_processes > 1 else [])],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(num_processes)
    ]
    try:
        printed = [process.communicate(timeout=300)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    found = [json.loads(text.splitlines()[-1]) for text in printed]
    for one in found:
        assert one.pop("devices") == num_processes * num_devices
        assert one.pop("processes") == num_processes
    return found


def test_two_processes_of_four_devices_make_the_search_of_one_device():
    name = "diffusion_evolution"
    expected = sharded_search.search(name, Sharded(batch_size=4))
    assert expected["nit"] == 6
    assert in_processes(name, 2, 4) == [expected, expected]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["diffusion_evolution", "niching_diffusion_evolution"])
def test_one_device_eight_devices_and_two_processes_make_the_same_search(algorithm):
    expected = in_processes(algorithm, 1, 1, optimized=True)
    assert in_processes(algorithm, 1, 8, optimized=True) == expected
    assert in_processes(algorithm, 2, 1, optimized=True) == 2 * expected


@pytest.mark.slow
def test_two_processes_go_on_with_a_run_that_the_first_has_recorded(tmp_path):
    name = "diffusion_evolution"
    (expected, _) = in_processes(name, 2, 1)
    folder = str(tmp_path / "run")
    stopped = in_processes(name, 2, 1, RUN_DIR=folder, LAST="3")
    assert [one["nit"] for one in stopped] == [3, 3]
    assert checkpoint.numbers(tmp_path / "run" / "checkpoints")[-1] == 3
    assert in_processes(name, 2, 1, RUN_DIR=folder) == [expected, expected]
    metrics = records.read_metrics(tmp_path / "run")
    assert metrics["generation"].tolist() == list(range(7))
    table = evaluations.read(tmp_path / "run" / "evaluations")
    num = sharded_search.SIZE
    # With noise, candidates are evaluated again.
    assert table.num_rows == num + 6 * (num + num_candidates(num))


@pytest.mark.slow
def test_what_the_first_process_refuses_ends_all(tmp_path, capfd):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="Expecting value"):  # they print no result
        in_processes("diffusion_evolution", 2, 1, RUN_DIR=str(tmp_path))
    error = capfd.readouterr().err
    assert "config.json is damaged" in error
    assert "expected one that the first process takes" in error


def test_a_recorded_search_goes_on(tmp_path):
    options = {**OPTIONS, "evaluator": "sharded"}
    straight = diffevo.minimize(sphere, BOX, **options)
    part = diffevo.minimize(
        sphere, BOX, run_dir=tmp_path, callback=lambda info: info["generation"] == 1, **options
    )
    assert (part.nit, part.stop_reason) == (1, "callback")
    resumed = diffevo.minimize(sphere, BOX, run_dir=tmp_path, resume=True, **options)
    np.testing.assert_array_equal(resumed.population, straight.population)
    assert resumed.fun == straight.fun


def test_searches_of_several_processes_that_each_search_alone_are_not_recorded(
    monkeypatch, tmp_path
):
    monkeypatch.setattr("jax.process_count", lambda: 2)
    with pytest.raises(ValueError, match=r"run_dir: expected None, or evaluator='sharded'"):
        diffevo.minimize(sphere, BOX, run_dir=tmp_path, **OPTIONS)


def test_arrays_come_back_as_they_were():
    tree = {"a": np.array([-0.0, np.nan], np.float32), "b": np.array(True), "c": np.zeros((0, 2))}
    placed = arrays_of_first_process(tree, Sharded().replicated)
    assert np.asarray(placed["a"]).tobytes() == tree["a"].tobytes()
    assert placed["b"].dtype == bool
    assert placed["c"].shape == (0, 2)


def test_it_makes_the_search_of_a_single_device():
    plain = diffevo.minimize(sphere, BOX, **OPTIONS)
    spread = diffevo.minimize(sphere, BOX, evaluator="sharded", **OPTIONS)
    np.testing.assert_allclose(plain.population, spread.population, rtol=1e-3, atol=1e-3)
    assert (spread.nfev, spread.stop_reason) == (64, "budget")


def test_a_function_of_a_population_is_given_as_many_as_are_evaluated_at_once():
    shapes = []

    def batch(xs):
        shapes.append(xs.shape)
        return jnp.sum((xs - 1.0) ** 2, axis=1)

    options = {"batched": True, **OPTIONS}
    result = diffevo.minimize(batch, BOX, evaluator=Sharded(batch_size=5), **options)
    assert set(shapes) == {(5, 2)}
    plain = diffevo.minimize(batch, BOX, **options)
    np.testing.assert_allclose(plain.population, result.population, rtol=1e-3, atol=1e-3)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"batch_size: expected an int >= 1 or None, got 0"):
        Sharded(batch_size=0)
    with pytest.raises(ValueError, match=r"fun: expected a JAX-traceable function"):
        diffevo.minimize(lambda x: float(x[0]), BOX, evaluator="sharded", **OPTIONS)
    space = diffevo.SearchSpace([diffevo.Choice(["left", "right"])])
    with pytest.raises(ValueError, match=r"evaluator: expected another for named categories"):
        diffevo.minimize(sphere, space=space, evaluator="sharded", **OPTIONS)
    assert Sharded() == Sharded(None) != Sharded(4)

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
from diffevo.evaluators.sharded import Sharded
from tests import compilation
from tests.evaluators import sharded_search

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOX = ([-4.0, -4.0], [4.0, 4.0])
ALGORITHM = diffevo.DiffusionEvolution(16, np.zeros(2, np.float32), num_generations=6)
OPTIONS = {"budget": 64, "algorithm": ALGORITHM, "seed": 0}


def sphere(x):
    return jnp.sum((x - 1.0) ** 2)


def in_processes(algorithm, num_processes, num_devices, optimized=False):
    """What each of the processes prints, of so many virtual devices each."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    environment = os.environ | ({} if optimized else compilation.environment())
    flags = environment.get("XLA_FLAGS", "")
    environment |= {
        "XLA_FLAGS": f"{flags} --xla_force_host_platform_device_count={num_devices}",
        "JAX_PLATFORMS": "cpu",
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

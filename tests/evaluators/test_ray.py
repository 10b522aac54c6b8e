"""Evaluations on Ray: the same search, and nothing is lost with a worker or a node."""

import functools
import os
import pathlib
import signal
import sys
import time

import numpy as np
import pytest

import diffevo
from diffevo.evaluators.host import Outcome
from diffevo.evaluators.ray import Ray, WorkerLost
from tests.evaluators import functions
from tests.evaluators.cluster import QUIETLY, ROOT, shut_down

ray = pytest.importorskip("ray")

BOX = ([-4.0, -4.0], [4.0, 4.0])
OPTIONS = {"budget": 64, "population_size": 16, "algorithm": "diffusion_evolution", "seed": 0}
pytestmark = QUIETLY


@functools.cache
def serial_search():
    return diffevo.minimize(functions.sphere, BOX, evaluator="serial", **OPTIONS)


def dies_the_first_time(x, folder, share):
    """Kills its worker the first time that it is called for some of the solutions."""
    mark = pathlib.Path(folder) / np.asarray(x).tobytes().hex()
    if functions._share(x) < share and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return functions.sphere(x)


# Slowly: a new process for each that was killed.
@pytest.mark.parametrize("share", [0.0, pytest.param(0.02, marks=pytest.mark.slow)])
def test_workers_that_are_killed_lose_nothing(share, cluster, tmp_path):
    fun = functools.partial(dies_the_first_time, folder=str(tmp_path), share=share)
    result = diffevo.minimize(fun, BOX, evaluator=Ray(2), **OPTIONS)
    assert (len(list(tmp_path.iterdir())) > 0) == (share > 0)
    assert result.failures == ()
    np.testing.assert_array_equal(result.population, serial_search().population)
    assert result.fun == serial_search().fun


@pytest.mark.slow
def test_what_kills_every_worker_hangs_or_raises_has_failed(cluster):
    def fun(x):
        if x == "dies":
            os._exit(3)
        if x == "hangs":
            time.sleep(60.0)
        if x == "raises":
            raise OSError("no licence left")
        return x

    solutions = ["dies", "hangs", "raises", 1.0]
    outcomes = [Outcome(None, None, 0)] * 4
    with Ray(2, timeout=2.0).start(fun, lambda value: True) as evaluate:
        evaluate(solutions, time.monotonic() + 120.0, outcomes)
    errors = [type(outcome.error) for outcome in outcomes]
    assert errors == [WorkerLost, TimeoutError, OSError, type(None)]
    assert [outcome.attempts for outcome in outcomes] == [1, 1, 1, 1]
    assert outcomes[3].value == 1.0


def search_while_a_node_goes():
    """On a cluster of its own, of whose three nodes one is killed after a generation."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    others = [nodes.add_node(num_cpus=1) for _ in range(2)]
    nodes.wait_for_nodes()
    ray.init(address=nodes.address, runtime_env={"env_vars": {"PYTHONPATH": ROOT}})
    killed = []

    def callback(info):
        if info["generation"] == 1:
            nodes.remove_node(others[0], allow_graceful=False)
            killed.append(1)

    def fun(x):
        time.sleep(0.2)
        return functions.sphere(x)

    try:
        result = diffevo.minimize(fun, BOX, evaluator=Ray(3), callback=callback, **OPTIONS)
    finally:
        ray.shutdown()
        nodes.shutdown()
    assert killed == [1]
    return result


@pytest.mark.slow
def test_a_node_that_is_lost_loses_nothing():
    shut_down()  # that of the other tests
    result = search_while_a_node_goes()
    shut_down()
    assert result.failures == ()
    np.testing.assert_array_equal(result.population, serial_search().population)


def test_without_ray_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'pip install "diffevo-jax\[ray\]"'):
        diffevo.minimize(functions.sphere, BOX, evaluator="ray", **OPTIONS)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"num_cpus: expected a number >= 0, got -1"):
        Ray(num_cpus=-1)
    with pytest.raises(ValueError, match=r"num_workers: expected an int >= 1 or None, got 0"):
        Ray(0)
    assert Ray(2) == Ray(2) != Ray(3)

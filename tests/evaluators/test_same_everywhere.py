"""The same best genome, bit for bit, whoever evaluates: workers of all kinds, devices, processes.

One function for all, whose values do not depend on rounding; see `sharded_search.exact`.
"""

import functools

import pytest

from diffevo.evaluators.host import Processes, Serial, Threads
from diffevo.evaluators.ray import Ray
from diffevo.evaluators.sharded import Sharded
from tests.evaluators import sharded_search
from tests.evaluators.cluster import QUIETLY
from tests.evaluators.test_sharded import in_processes

WORKERS = (1, 2, 8)
ON_RAY = [pytest.mark.slow, *QUIETLY]


@functools.cache
def expected():
    return sharded_search.exact(Serial())


@pytest.mark.parametrize(
    "who",
    [
        *map(Threads, WORKERS),
        *map(Processes, WORKERS),
        *(pytest.param(Ray(num, num_cpus=0.1), marks=ON_RAY) for num in WORKERS),
        "traceable",
        Sharded(),
        Sharded(batch_size=5),
        # (processes of JAX, virtual devices of each)
        pytest.param((1, 8), marks=pytest.mark.slow),
        pytest.param((2, 1), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_everybody_makes_the_same_search(who, request):
    if isinstance(who, Ray):
        pytest.importorskip("ray")
        request.getfixturevalue("cluster")
    found = in_processes("exact", *who) if isinstance(who, tuple) else [sharded_search.exact(who)]
    assert found == [expected()] * len(found)

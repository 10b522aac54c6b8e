"""Fixtures of the evaluators' tests."""

import pytest

from tests.evaluators import cluster as ray_cluster


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster with two processors."""
    ray_cluster.start()
    yield
    ray_cluster.shut_down()

"""A Ray cluster on this machine for the tests that need one; the fixture is in conftest.py."""

import gc
import pathlib
import warnings

import pytest

ROOT = str(pathlib.Path(__file__).resolve().parents[2])
# Ray forks, which JAX warns of, to start a program at once; and it leaves files to the collector.
QUIETLY = [
    pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def start():
    """Ray with two processors and nothing but what the tests need."""
    import ray

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
        object_store_memory=100 * 2**20,
        runtime_env={"env_vars": {"PYTHONPATH": ROOT}},
    )


def shut_down():
    """End Ray, and collect what it leaves: later tests would fail by its warnings."""
    import ray

    ray.shutdown()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()

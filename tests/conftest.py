"""What holds for every test: types checked in core, strict promotion, one compilation cache."""

import gc
import importlib.util
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

# Figures are written, never shown; must be said before anybody imports matplotlib.
os.environ.setdefault("MPLBACKEND", "Agg")

import jax
import numpy as np
import pytest
from jaxtyping import install_import_hook

from tests import compilation

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Annotations of `diffevo.core` are checked on every call. Only there: the hook breaks flax's
# state classes under vmap and scan. It must stand before the first import of diffevo.
install_import_hook("diffevo.core", "beartype.beartype")

compilation.install()

# Most of the suite's time is XLA's; a second run reads the compilations of the first.
jax.config.update("jax_compilation_cache_dir", str(ROOT / ".cache" / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)

# Where the library's own arithmetic is tested, no rank or dtype may be promoted silently. evosax
# and the plotting helpers rely on promotion, so the rest of the suite runs with JAX's defaults.
STRICT_FOLDERS = tuple(ROOT / "tests" / name for name in ("core", "denoiser", "algorithms"))

# Here compilations are the users' own, with all optimisations.
OPTIMIZED_FOLDERS = tuple(ROOT / "tests" / name for name in ("core", "reference"))

# Without the extra `experiments` the library's tests must still run.
EXTRA = ("evosax", "gymnasium", "gymnax", "matplotlib", "ribs", "cma", "cocoex", "safetensors")
HAS_EXTRA = all(importlib.util.find_spec(name) for name in EXTRA)
collect_ignore_glob = [] if HAS_EXTRA else ["experiments/*", "tasks/*", "test_notebooks.py"]
if not importlib.util.find_spec("pyarrow"):
    collect_ignore_glob += ["test_cli.py", "test_records.py", "test_report.py"]


# Long tests, which share few programs with each other.
ALONE = ("test_notebooks.py", "test_docs.py", "test_every_experiment.py")

# What is run first: what is compiled with all optimisations, as its programs serve no other module,
# then what takes long, so that with several processes none is left alone with it in the end.
FIRST = (
    *("core/", "reference/", "contract/", "experiments/", "test_notebooks.py", "test_docs.py"),
    *("algorithms/", "tasks/", "denoiser/", "test_optimize.py", "evaluators/", "test_records.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first things first; otherwise the order stays."""

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(ROOT / "tests").as_posix()
        return next((i for i, start in enumerate(FIRST) if path.startswith(start)), len(FIRST))

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what is imported, and come rarely.

    Tracing makes objects by the million, few of them in cycles: it had six per cent of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several processes, one of them runs, and compiles, whatever shares programs.

    That is a module; of the contract tests, an algorithm of a module. xdist's own groups
    (--dist loadgroup) are without effect in pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    from diffevo.algorithms.registry import ALGORITHMS

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path, _, test = nodeid.partition("::")
            if path.endswith(ALONE):
                return nodeid
            algorithms = ALGORITHMS.keys() & set(re.split(r"[\[\]-]", test))
            return " ".join([path, *algorithms]) if "/contract/" in path else path

    if config.getoption("dist") != "load":
        return None
    config.option.loadscopereorder = False  # the order is that of FIRST
    return Scheduling(config, log)


# Each compiled function holds several memory maps, of which Linux allows a process 65,530: one that
# needed more died without a word. From so many on, what is compiled is forgotten after a module;
# long before that, as it takes memory: 5 GiB a process at 25,000.
MANY_MAPS = 12_000


def num_maps() -> int:
    """Memory maps of this process, where the system tells."""
    maps = pathlib.Path("/proc/self/maps")
    return maps.read_bytes().count(b"\n") if maps.exists() else MANY_MAPS


@pytest.fixture(scope="module", autouse=True)
def compiled_for_tests(request: pytest.FixtureRequest) -> None:
    """Compile with few optimisations but where arithmetic is tested.

    Most of the suite's time is XLA's, and a third of that is optimisation of programs that run for
    milliseconds. What one module compiled serves the next, down to the sum of two numbers, 20 ms;
    but JAX takes a program with optimisations for the one without.
    """
    before = jax.config.read("jax_disable_most_optimizations")
    optimized = any(folder in request.path.parents for folder in OPTIMIZED_FOLDERS)
    if before == optimized or num_maps() > MANY_MAPS:
        jax.clear_caches()
    jax.config.update("jax_disable_most_optimizations", not optimized)


@pytest.fixture(autouse=True)
def strict_promotion(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forbid silent promotion in the tests of `diffevo.core` and `diffevo.algorithms`."""
    if any(folder in request.path.parents for folder in STRICT_FOLDERS):
        with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
            yield
    else:
        yield


@pytest.fixture
def key() -> jax.Array:
    """One fixed random key."""
    return jax.random.key(20261122)


@pytest.fixture
def rng() -> np.random.Generator:
    """One fixed numpy generator."""
    return np.random.default_rng(20261122)

"""What every registered task must do. One population shape throughout: a compilation each."""

import functools
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks import TASKS, make
from tasks.base import ReportingTask, TimeDependentTask, evaluate
from tasks.rl import ENVIRONMENTS
from tests.test_docs import code_blocks

N = 32
AT_OPTIMUM = 1e-3  # katsuura, jagged down to float32's last bit, is the least exact

SPIKING = ("spiking_cartpole", "spiking_cartpole_constants")
NEEDS = {
    "bbob_": "evosax.problems",
    "lora_": "sklearn",
    "snn_": "sklearn",
    "reservoir_": "sklearn",
    **dict.fromkeys((*ENVIRONMENTS, "spiking_"), "gymnax"),
    "swimmer": "mujoco",
}
SLOW = ("swimmer",)  # half a minute to compile
DOCUMENTED = "ripples"  # not registered: the example of docs/new-task.md

# Short episodes and few of them: whole games of MinAtar would take minutes here.
OPTIONS: dict[str, dict[str, Any]] = {
    name: {"num_episodes": 2, "max_steps": 40} for name in ENVIRONMENTS
}
OPTIONS |= {name: {"num_steps": 40, "num_lives": 1} for name in SPIKING}
OPTIONS |= {
    f"snn_{kind}_constants": {
        **{"num_filters": filters, "num_steps": 20, "num_train": 8, "num_valid": 16}
    }
    for kind, filters in (("lattice", 9), ("local", 2))
}
OPTIONS |= {
    f"snn_delays_{data}": {"num_neurons": 10, "num_steps": 8, "longest": 8, "batch_size": 16}
    for data in ("digits", "patterns")
}
OPTIONS |= {"reservoir_digits": {"num_rings": 4, "num_train": 24, "num_held_out": 8}}

# Their finest waves are below float32's resolution of x, so that every compilation rounds
# differently: relative tolerance instead of 2e-4.
ROUNDING = {
    "bbob_weierstrass": 5e-3,
    "bbob_griewank_rosenbrock": 2e-2,
    "bbob_katsuura": 5e-3,
}


@functools.cache
def documented():
    """The class that docs/new-task.md defines."""
    page = pathlib.Path(__file__).parents[2] / "docs" / "new-task.md"
    namespace: dict[str, Any] = {"__name__": "new_task"}
    exec(code_blocks(page)[0].code, namespace)
    return namespace["Ripples"]


def build(name):
    factory = documented() if name == DOCUMENTED else TASKS[name]
    return factory(**OPTIONS.get(name, {}))


NAMES = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())
    for name in (*TASKS, DOCUMENTED)
]


@pytest.fixture(scope="module", params=NAMES)
def task(request):
    for family, package in NEEDS.items():
        if request.param.startswith(family):
            pytest.importorskip(package)
    return build(request.param)


def genomes_of(task, points=None, seed=0):
    """Genomes (N, D): normal draws, or the given points in evaluation space, repeated."""
    if points is None:
        points = task.scaling * np.random.default_rng(seed).normal(size=(N, task.num_dims))
    return jnp.asarray(np.resize(points, (N, task.num_dims)) / task.scaling, dtype=jnp.float32)


def test_offers_what_the_protocol_asks_for(task, request):
    assert task.name == request.node.callspec.params["task"]
    assert task.solution.shape == (task.num_dims,)
    assert task.low < task.high
    assert task.scaling > 0
    if task.optima is not None:
        assert task.optima.ndim == 2
        assert task.optima.shape[1] == task.num_dims
        assert task.optimum_fitness is not None
        assert task.low <= task.optima.min() <= task.optima.max() <= task.high


def test_batch_equals_jitted_singles_and_repeats(task):
    genomes = genomes_of(task)
    fitness = task(genomes)
    assert fitness.shape == (N,)
    assert fitness.dtype == jnp.float32
    np.testing.assert_array_equal(fitness, task(genomes))
    singles = jax.jit(jax.vmap(lambda genome: task(genome[None, :])[0]))(genomes)
    rtol = ROUNDING.get(task.name, 2e-4)
    np.testing.assert_allclose(singles, fitness, rtol=rtol, atol=rtol)


def test_evaluate_is_the_call_at_the_start(task):
    genomes = genomes_of(task)
    reports = isinstance(task, ReportingTask)
    key = jax.random.key(task.seed if reports else 1)
    fitness, traits = evaluate(task, genomes, key, 0)
    np.testing.assert_array_equal(fitness, task(genomes))
    assert bool(traits) == reports
    for trait in traits.values():
        assert trait.shape == (N,)
        assert np.isfinite(trait).all()


def test_time_dependent_tasks_take_a_traced_generation(task):
    if not isinstance(task, TimeDependentTask):
        pytest.skip("does not change")
    genomes = genomes_of(task)
    _, scanned = jax.lax.scan(lambda _, t: (_, task.at(genomes, t)), 0, jnp.arange(8))
    assert scanned.shape == (8, N)
    assert scanned.dtype == jnp.float32
    np.testing.assert_allclose(scanned[0], task(genomes), rtol=2e-4, atol=2e-4)
    np.testing.assert_allclose(scanned[7], task.at(genomes, 7), rtol=2e-4, atol=2e-4)


def test_known_optimum_has_its_fitness_and_no_better_neighbour(task):
    if task.optima is None:
        pytest.skip("optima not listed")
    optima = np.asarray(task.optima, dtype=np.float64)
    for optimum in optima[:4]:
        steps = np.random.default_rng(1).normal(size=(N, task.num_dims))
        steps *= 10 ** np.linspace(-4, 0, N)[:, None]
        steps[0] = 0
        fitness = np.asarray(task(genomes_of(task, optimum + steps)))
        assert fitness[0] == pytest.approx(task.optimum_fitness, abs=AT_OPTIMUM)
        assert fitness.min() >= fitness[0] - AT_OPTIMUM


def test_all_listed_optima_are_distinct_and_equal_in_fitness(task):
    if task.optima is None:
        pytest.skip("optima not listed")
    optima = np.asarray(task.optima)
    assert len(np.unique(optima.round(3), axis=0)) == len(optima)
    np.testing.assert_allclose(
        task(genomes_of(task, optima)), task.optimum_fitness, atol=AT_OPTIMUM
    )


def test_finite_genomes_never_give_nan(task):
    scales = np.array([0, 1e-30, 1, 3, 10, 1e3, 1e10, 1e30])
    signs = np.sign(np.random.default_rng(2).normal(size=(N, task.num_dims)))
    points = signs * np.repeat(scales, N // len(scales))[:, None]
    fitness = np.asarray(task(genomes_of(task, points)))
    assert not np.isnan(fitness).any()
    assert not np.isneginf(fitness).any()
    assert np.isfinite(fitness[:12]).all()  # inside the box


def test_is_a_value_and_compiles_once(task, request):
    name = request.node.callspec.params["task"]
    twin = build(name)
    assert twin is not task
    assert twin == task
    assert hash(twin) == hash(task)
    traces = []

    def count(task, genomes):
        traces.append(task)
        return genomes

    counted = jax.jit(count, static_argnums=0)
    counted(task, jnp.zeros(1))
    counted(twin, jnp.zeros(1))
    assert len(traces) == 1


@pytest.mark.parametrize("wrong", ["a single genome", "one dimension more"])
def test_wrong_shape_names_argument_expected_and_got(task, wrong):
    d = task.num_dims
    shape = (d,) if wrong == "a single genome" else (N, d + 1)
    with pytest.raises(ValueError, match="genomes") as error:
        task(jnp.zeros(shape))
    assert f"(N, {d})" in str(error.value)
    assert str(shape) in str(error.value)


def test_registered_names_are_all_different_tasks():
    tasks = [make(name) for name in TASKS if not name.startswith("bbob_") and name not in SLOW]
    assert len(set(tasks)) == len(tasks)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"name: expected one of .*rosenbrock.*got 'rosenbrok'"):
        make("rosenbrok")

"""The BBOB study: COCO's problems, first hits, and what is computed from them."""

import dataclasses
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.bbob import aggregate, cells, coco, host, lockstep, port, run
from experiments.bbob.coco import TARGETS, Finished, Run
from experiments.bbob.config import SMOKE, Config

INF = np.inf


def cell(function: int, hits: list[list[int]], evaluations: list[int], **other: Any) -> cells.Cell:
    """A hand-made results file in 2 dimensions with a budget of 1000."""
    return {
        "suite": "coco",
        "method": "a",
        "function": function,
        "dimension": 2,
        "budget": 1000,
        "instances": list(range(1, 1 + len(hits))),
        "seed": 0,
        "settings": {},
        "evaluations": evaluations,
        "best": [1e-9] * len(hits),
        "steps": [cells.pack(row) for row in hits],
        "hits": cells.unpack([cells.pack(row) for row in hits]),
        "seconds": 1.0,
        "origin": {"commit": "0"},
    } | other


def test_a_run_counts_first_hits_and_ends_at_the_last_target():
    gaps = iter([500.0, 100.0, 70.0, 80.0, 1e-9, 0.0])
    one = Run(lambda _: 7.0 + next(gaps), 7.0, budget=100)
    point = np.zeros(2)
    assert one.batch(np.zeros((4, 2))).tolist() == [507.0, 107.0, 77.0, 87.0]
    # 10^2 is reached by 100 itself; 10^1.8 = 63.1 is not reached by 70.
    assert one.hits == [2]
    assert not one.finished
    one(point)
    assert one.hits == [2] + [5] * 50
    assert one.finished
    with pytest.raises(Finished):
        one(point)
    assert one.evaluations == 5


def test_a_run_ends_when_its_budget_is_used():
    one = Run(lambda _: 1.0, 0.0, budget=3)
    assert one.batch(np.zeros((5, 2))).tolist() == [1.0, 1.0, 1.0, INF, INF]
    assert one.finished
    assert one.evaluations == 3
    assert one.hits == [1] * int(np.sum(TARGETS >= 1.0))
    with pytest.raises(ValueError, match="budget: expected an int >= 1, got 0"):
        Run(lambda _: 1.0, 0.0, budget=0)


@pytest.mark.parametrize("function", range(1, 25))
def test_the_optimum_of_every_function_hits_coco_s_last_target(function: int):
    point, value = coco.optimum(function, 3, 2)
    (one,) = coco.open_runs(function, 3, (2,), budget=2)
    assert abs(one(np.array(point)) - value) < 1e-9
    assert one.problem.final_target_hit
    assert one.hits == [1] * 51


def test_unknown_problems_are_refused():
    with pytest.raises(ValueError, match="function: expected 1 to 24, got 25"):
        coco.open_runs(25, 2, (1,), 10)
    with pytest.raises(ValueError, match="num_dims: expected 2, 3, 5, 10, 20 or 40, got 4"):
        coco.open_runs(1, 4, (1,), 10)


def test_packing_is_undone():
    rows = [[1, 1, 1, 5, 9, 9], [], [4] * 51]
    assert cells.pack(rows[0]) == [1, -2, 4, 4, -1]
    table = cells.unpack([cells.pack(row) for row in rows])
    assert table.shape == (3, 51)
    for row, hits in zip(rows, table, strict=True):
        assert hits[: len(row)].tolist() == row
        assert np.all(hits[len(row) :] == INF)


def test_a_file_is_read_as_written_and_only_the_same_run_is_done(tmp_path: Path):
    made = cell(3, [[2] * 51, [7, 7]], [2, 1000])
    stored = {key: value for key, value in made.items() if key != "hits"}
    assert not cells.is_done(tmp_path, stored)
    cells.write(tmp_path, stored)
    assert cells.is_done(tmp_path, stored)
    assert not cells.is_done(tmp_path, stored | {"budget": 2000})
    assert not cells.is_done(tmp_path, stored | {"settings": {"population_size": 3}})
    (found,) = cells.read_all(tmp_path)
    np.testing.assert_array_equal(found["hits"], made["hits"])
    assert found["evaluations"] == [2, 1000]


def test_expected_running_time_of_three_runs():
    hits = np.array([[10.0, 100.0], [20.0, INF], [30.0, INF]])
    times = aggregate.expected_running_time(hits, np.array([100, 500, 400]))
    assert times.tolist() == [20.0, 1000.0]  # (100 + 500 + 400) / 1
    assert aggregate.expected_running_time(np.full((2, 1), INF), np.array([5, 5])).tolist() == [INF]


def test_ecdf_steps_at_the_run_lengths():
    shares = aggregate.ecdf([cell(1, [[2] * 51, [20] * 17], [2, 1000])], np.array([0.5, 1.0, 10.0]))
    np.testing.assert_allclose(shares, [0.0, 0.5, 68 / 102])
    assert np.all(np.isnan(aggregate.ecdf([], np.array([1.0]))))


def test_summary_of_hand_made_cells():
    solved = [[n] * 51 for n in range(10, 16)]
    half = [[n] * 25 for n in range(10, 16)]
    found = [
        cell(1, solved, [10, 11, 12, 13, 14, 15], method="pycma_single"),
        cell(1, [[2 * n for n in row] for row in solved], [20, 22, 24, 26, 28, 30], method="ours"),
        cell(21, half, [1000] * 6, method="pycma_bipop"),
        cell(21, solved, [10, 11, 12, 13, 14, 15], method="ours"),
    ]
    summary = aggregate.summarize(found, Config())
    ours, bipop, single = (
        next(entry for entry in summary["cells"] if entry["method"] == name)
        for name in ("ours", "pycma_bipop", "pycma_single")
    )
    assert ours["ratios"] == {"1": 2.0}
    assert single["ratios"] == {"1": 1.0}
    assert ours["groups"]["separable"] == {"solved": 306, "total": 306, "functions": [1]}
    assert bipop["groups"]["weakly structured"] == {"solved": 150, "total": 306, "functions": [21]}
    assert bipop["functions"][0]["ert"]["1e-08"] == INF
    test = ours["against_reference"]["all"]  # f21 alone: the reference has no f1
    assert test["n"] == 6
    assert (test["solved"], test["solved_other"]) == (306, 150)
    assert (test["better"], test["worse"]) == (6, 0)
    assert test["p_targets"] == pytest.approx(2 * 0.5**6)  # six of six of the same sign, exact
    assert test["log10_ratio"] < 0
    assert aggregate.compare([found[2]], [found[2]])["p_targets"] == 1.0


def test_first_hits_in_a_compiled_generation():
    hits = jnp.full(51, port.MISSED, jnp.int32)
    hits, best = port.first_hits(jnp.array([500.0, 50.0, 90.0]), jnp.int32(0), hits, jnp.inf)
    assert hits[:2].tolist() == [2, 2]  # 10^2, 10^1.8
    assert hits[2] == port.MISSED
    assert float(best) == 50.0
    hits, best = port.first_hits(jnp.array([60.0, 1e-9, 1.0]), jnp.int32(3), hits, best)
    assert hits.tolist() == [2, 2] + [5] * 49
    assert float(best) == pytest.approx(1e-9)


@pytest.mark.parametrize("name", ["pycma_bipop", "pycma_single", "scipy_de", "random"])
def test_a_rival_on_the_host_uses_its_budget_and_can_be_repeated(name: str):
    numbers = [(1, 2), (1, 3)]
    hits = []
    for _ in range(2):
        runs = coco.open_runs(3, 2, (1, 2), budget=120)
        host.solve(name, runs, 2, numbers)
        assert all(one.evaluations == 120 for one in runs)
        hits.append([one.hits for one in runs])
    assert hits[0] == hits[1]
    assert hits[0][0] != hits[0][1]


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"methods: expected some of \['evosax_cma_es'"):
        run.head(SMOKE, run.Job("coco", "nelder_mead", 2, 1))


def test_few_instances_in_many_dimensions():
    assert run.instances(Config(), "ours", 20) == tuple(range(1, 16))
    assert run.instances(Config(), "ours", 40) == (1, 2, 3, 4, 5)
    assert run.instances(dataclasses.replace(Config(), repetitions=3), "ours", 40) == (1, 2, 3)
    assert run.instances(Config(), "scipy_de", 5) == (1, 2, 3, 4, 5)


def test_published_run_lengths_are_complete():
    known = aggregate.published()
    for num_dims in ("5", "10", "20"):
        assert [int(function) for function in known["ert"][num_dims]] == list(range(1, 25))
        for function, time in known["ert"][num_dims].items():
            assert (time is None) == (known["successes"][num_dims][function] == 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["evosax_cma_es", "evosax_sv_cma_es", "evosax_de"])
def test_a_rival_in_jax_beats_random_search_on_coco_s_sphere(name: str):
    # Not asked of Diffusion Evolution: with so few individuals it is no better.
    job = run.Job("coco", name, 5, 1)
    config = dataclasses.replace(SMOKE, budget=1000)
    runs = run.solve(config, job)
    chance = run.solve(config, dataclasses.replace(job, method="random"))
    assert all(one.finished for one in runs)
    assert min(len(one.hits) for one in runs) > max(len(one.hits) for one in chance)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ours", "evosax_diffusion"])
def test_diffusion_on_coco_improves_its_population_and_can_be_repeated(name: str):
    # The population, not the best: in few dimensions a lucky start can stay that.
    config = dataclasses.replace(SMOKE, budget=2000, population_size=64)
    optimum = np.array(coco.optimum(1, 5, 1)[0])
    hits = []
    for _ in range(2):
        (one,) = coco.open_runs(1, 5, (1,), 10_000, keep=True)
        lockstep.solve(config, name, [one], 5, [(1, 2)])
        assert one.evaluations == 10_000
        hits.append(one.hits)
        gaps = np.sum((np.array(one.points) - optimum) ** 2, axis=1)
        assert np.median(gaps[-64:]) < 0.8 * np.median(gaps[:64])
    assert hits[0] == hits[1]

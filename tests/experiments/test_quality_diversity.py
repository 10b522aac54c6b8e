"""Quality diversity: the archive against a plain one, our searches' parts, pyribs' methods run."""

import dataclasses
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.quality_diversity import archive as grid
from experiments.quality_diversity import config, methods, rivals, run
from tasks.functions.linear_projection import lp_rastrigin, lp_sphere

SIDE, LIMIT = 5, 3.0
ADD = jax.jit(grid.add)


def plain_cell(measures):
    place = [
        min(max(int(np.floor((value + LIMIT) / (2 * LIMIT / SIDE))), 0), SIDE - 1)
        for value in measures
    ]
    return place[0] * SIDE + place[1]


def batches(num_batches=6, size=40):
    """Genomes, measures and scores; scores are few different numbers, so that many tie."""
    rng = np.random.default_rng(0)
    for _ in range(num_batches):
        genomes = rng.normal(size=(size, 3)).astype(np.float32)
        measures = rng.uniform(-1.3 * LIMIT, 1.3 * LIMIT, (size, 2)).astype(np.float32)
        yield genomes, measures, rng.integers(0, 6, size).astype(np.float32)


def test_archive_is_a_dictionary_of_the_best():
    archive, elites = grid.empty(SIDE, 3), {}
    for genomes, measures, scores in batches():
        cells = grid.cell_index(jnp.asarray(measures), LIMIT, SIDE)
        np.testing.assert_array_equal(cells, [plain_cell(row) for row in measures])
        before = dict(elites)
        archive, gains = ADD(archive, genomes, measures, scores, cells)
        for row, cell in enumerate(map(plain_cell, measures)):
            known = cell in before
            assert bool(gains.new[row]) is not known
            old = before[cell][0] if known else 0.0
            assert gains.improvement[row] == scores[row] - old
            if cell not in elites or scores[row] > elites[cell][0]:
                elites[cell] = scores[row], genomes[row], measures[row]
    found = grid.summarize(archive)
    assert found["qd_score"] == pytest.approx(sum(e[0] for e in elites.values()) / SIDE**2)
    assert found["coverage"] == pytest.approx(len(elites) / SIDE**2)
    assert found["best"] == max(e[0] for e in elites.values())
    for cell, (score, genome, measures) in elites.items():
        assert archive.scores[cell] == score
        np.testing.assert_array_equal(archive.genomes[cell], genome)
        np.testing.assert_array_equal(archive.measures[cell], measures)
    assert set(np.flatnonzero(archive.filled)) == set(elites)


def test_counts_are_those_of_pyribs():
    archives = pytest.importorskip("ribs.archives")
    theirs = archives.GridArchive(solution_dim=3, dims=(SIDE, SIDE), ranges=[(-LIMIT, LIMIT)] * 2)
    ours = grid.empty(SIDE, 3)
    for genomes, measures, scores in batches():
        theirs.add(genomes, scores, measures)
        cells = grid.cell_index(jnp.asarray(measures), LIMIT, SIDE)
        ours, _ = ADD(ours, genomes, measures, scores, cells)
    found = grid.summarize(ours)
    assert found["qd_score"] == pytest.approx(theirs.stats.norm_qd_score, rel=1e-5)
    assert found["coverage"] == pytest.approx(theirs.stats.coverage)


def half_full():
    """Four elites far apart; the genomes are the measures and a coordinate that all differ in."""
    measures = jnp.asarray([[-2.9, -2.9], [-2.9, 2.9], [2.9, -2.9], [2.9, 2.9]])
    genomes = jnp.concatenate([measures, jnp.asarray([[1.0], [2.0], [3.0], [4.0]])], axis=1)
    cells = grid.cell_index(measures, LIMIT, SIDE)
    archive, _ = ADD(grid.empty(SIDE, 3), genomes, measures, jnp.arange(4.0), cells)
    return archive, np.asarray(cells), np.asarray(genomes)


def test_elites_are_drawn_evenly_and_from_filled_cells_only():
    archive, cells, _ = half_full()
    drawn = np.asarray(grid.draw_elites(jax.random.key(0), archive, 4000))
    assert set(drawn) == set(cells)
    # Standard deviation of a share of a quarter: sqrt(1/4 3/4 / 4000) = .007.
    shares = [np.mean(drawn == cell) for cell in cells]
    np.testing.assert_allclose(shares, 0.25, atol=0.03)


def test_without_a_kernel_offspring_are_noisy_copies_of_those_drawn_rarely():
    archive, cells, genomes = half_full()
    search = methods.DenoisedElites(
        60, 3, 1.0, LIMIT, SIDE, sigma=1e-3, line=0.0, kernel_cells=0.0, rare=2.0
    )
    before = jnp.zeros(SIDE**2).at[cells[0]].set(9.0)
    offspring, drawn = jax.jit(search.ask)(jax.random.key(1), before, archive)
    nearest = np.argmin(np.sum((np.asarray(offspring)[:, None] - genomes) ** 2, axis=2), axis=1)
    np.testing.assert_allclose(offspring, genomes[nearest], atol=6e-3)
    times = np.asarray(drawn - before)[cells]
    np.testing.assert_array_equal(times, np.bincount(nearest, minlength=4))
    # Weights 1/100, 1, 1, 1; the draw is systematic, so that it is off by less than one.
    np.testing.assert_allclose(times, 60 * np.array([0.01, 1, 1, 1]) / 3.01, atol=1)


def test_a_wide_kernel_takes_the_mean_of_elites_drawn_evenly():
    archive, cells, genomes = half_full()
    search = methods.DenoisedElites(
        60, 3, 1.0, LIMIT, SIDE, sigma=1e-3, line=0.0, kernel_cells=1e3, rare=0.0
    )
    before = jnp.zeros(SIDE**2).at[cells[0]].set(9.0)
    offspring, drawn = jax.jit(search.ask)(jax.random.key(1), before, archive)
    np.testing.assert_allclose(np.asarray(drawn - before)[cells], 15, atol=1)
    np.testing.assert_allclose(offspring, np.tile(genomes.mean(axis=0), (60, 1)), atol=0.1)


@dataclasses.dataclass(frozen=True)
class Recorder:
    """An algorithm whose state is what it was told last."""

    population_size: int = 3
    default_params: None = None

    def init(self, key, population, fitness, params):
        return fitness

    def tell(self, key, population, fitness, state, params):
        return fitness, {}


def test_improvement_ranks_new_cells_before_better_elites():
    gains = grid.Gains(jnp.asarray([True, False, False]), jnp.asarray([10.0, 60.0, -5.0]))
    fitness, genomes = jnp.asarray([90.0, 5.0, 70.0]), jnp.zeros((3, 2))
    key = jax.random.key(0)
    told = methods.Told(Recorder(), 1.0, "improvement")
    np.testing.assert_array_equal(told.init(key, genomes, fitness, gains), [-110.0, -60.0, 5.0])
    state = told.tell(key, genomes, fitness, gains, fitness)
    np.testing.assert_array_equal(state, [-110.0, -60.0, 5.0])
    plain = methods.Told(Recorder(), 1.0)
    np.testing.assert_array_equal(plain.init(key, genomes, fitness, gains), fitness)


def test_all_of_ours_can_be_built():
    built = {methods.build(name, lp_sphere(4), SIDE, 12, 240) for name in config.METHODS[:8]}
    assert len(built) == 8


@pytest.mark.parametrize("name", ["niching, improvement", "latent, re-noised"])
def test_ours_can_be_traced(name):
    tasks = (lp_sphere(4), lp_rastrigin(4))
    search = methods.build(name, tasks[0], SIDE, 12, 240)
    looks, scores = jax.eval_shape(
        lambda keys: methods.run(
            search, tasks, jnp.asarray(1), keys, side=SIDE, num_looks=2, per_look=2
        ),
        jax.random.split(jax.random.key(0), 3),
    )
    assert {key: value.shape for key, value in looks.items()} == dict.fromkeys(
        ("qd_score", "coverage", "best"), (3, 2)
    )
    assert scores.shape == (3, SIDE**2)


@pytest.mark.parametrize("name", config.METHODS[8:])
def test_rivals_run_and_agree_with_their_archive(name):
    pytest.importorskip("ribs")
    looks, scores = rivals.run(name, lp_sphere(4), 3, side=SIDE, size=60, num_iterations=5, every=2)
    filled = scores > -np.inf
    assert all(values.shape == (2,) for values in looks.values())
    assert looks["coverage"][-1] == pytest.approx(filled.mean())
    assert looks["qd_score"][-1] == pytest.approx(np.where(filled, scores, 0).mean(), rel=1e-5)
    assert looks["best"][-1] == pytest.approx(scores.max(), rel=1e-5)
    assert (np.diff(looks["coverage"]) >= 0).all()


def test_errors_say_what_is_expected(monkeypatch):
    with pytest.raises(ValueError, match=r"name: expected one of ours, got 'elites'"):
        methods.build("elites", lp_sphere(4), SIDE, 12, 240)
    options = {"side": SIDE, "num_iterations": 1, "every": 1}
    with pytest.raises(ValueError, match=r"name: expected 'map_elites', .* got 'cma'"):
        rivals.run("cma", lp_sphere(4), 0, size=30, **options)
    with pytest.raises(ValueError, match=r"size: expected a multiple of 15, got 31"):
        rivals.run("cma_me", lp_sphere(4), 0, size=31, **options)
    monkeypatch.setitem(sys.modules, "ribs", None)
    with pytest.raises(ImportError, match=r"diffevo-jax\[experiments\]"):
        rivals.run("cma_me", lp_sphere(4), 0, size=30, **options)


def test_compare_by_hand():
    # All of ten differences positive: p = 2 / 2^10.
    ours = np.arange(10.0) + 5
    assert run.compare(ours, np.zeros(10)) == {"difference": 9.5, "p": pytest.approx(2 / 1024)}
    assert run.compare(ours, ours) == {"difference": 0.0, "p": 1.0}

"""The best solution so far."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import archive

POPULATION = jnp.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
OLD = jnp.asarray([9.0, 9.0])


# Compiled as a whole, not operation by operation.
update_best = jax.jit(archive.update_best)
remember = jax.jit(archive.remember, static_argnames="retention")


def update(best_fitness, fitness):
    return update_best(
        OLD, jnp.asarray(best_fitness, jnp.float32), POPULATION, jnp.asarray(fitness, jnp.float32)
    )


@pytest.mark.parametrize(
    ("best_fitness", "fitness", "solution", "expected"),
    [
        (5.0, [7.0, 2.0, 3.0], [3.0, 4.0], 2.0),
        (1.0, [7.0, 2.0, 3.0], [9.0, 9.0], 1.0),
        (2.0, [7.0, 2.0, 3.0], [9.0, 9.0], 2.0),  # a tie: the older one stays
        (np.inf, [7.0, np.nan, 8.0], [1.0, 2.0], 7.0),
        (np.inf, [np.nan, np.nan, np.nan], [9.0, 9.0], np.inf),
        (1.0, [np.nan, np.nan, np.nan], [9.0, 9.0], 1.0),
        (1.0, [np.inf, np.nan, np.inf], [9.0, 9.0], 1.0),
        (1.0, [np.inf, np.nan, -np.inf], [5.0, 6.0], -np.inf),
        (-np.inf, [np.nan, -1e30, 0.0], [9.0, 9.0], -np.inf),
    ],
)
def test_update_best(best_fitness, fitness, solution, expected):
    best_solution, best = update(best_fitness, fitness)
    np.testing.assert_array_equal(best_solution, solution)
    assert best == expected


def test_nan_never_enters(rng):
    best_solution, best = OLD, jnp.asarray(jnp.inf)
    seen = []
    for _ in range(50):
        fitness = rng.normal(size=3).astype(np.float32)
        fitness[rng.uniform(size=3) < 0.6] = np.nan
        seen.extend(fitness[~np.isnan(fitness)])
        best_solution, best = update_best(best_solution, best, POPULATION, fitness)
        assert not np.isnan(best)
        assert best == min(seen, default=np.inf)


# --- The memory -----------------------------------------------------------------------------------


def told(memory, genomes, fitness, retention="quality"):
    genomes = jnp.asarray(genomes, jnp.float32)[:, None] * jnp.ones((1, 2))
    traits = {"mark": 10 * genomes[:, 0]}
    if memory is None:
        memory = archive.empty(4, genomes, traits)
    fitness = jnp.asarray(fitness, jnp.float32)
    return remember(memory, genomes, fitness, traits, retention=retention)


def content(memory):
    """(place, fitness) of what is remembered, sorted; every row whole."""
    count = int(memory.num_filled)
    rows = np.asarray(memory.genomes)
    np.testing.assert_array_equal(rows[:, 0], rows[:, 1])
    np.testing.assert_array_equal(memory.traits["mark"][:count], 10 * rows[:count, 0])
    np.testing.assert_array_equal(rows[count:], 0)
    np.testing.assert_array_equal(memory.fitness[count:], 0)
    return sorted(zip(rows[:count, 0].tolist(), memory.fitness[:count].tolist(), strict=True))


@pytest.mark.parametrize("retention", ["quality", "diversity"])
def test_memory_fills_up_and_failed_never_enter(retention):
    memory = told(None, [1, 2], [5.0, np.nan], retention)
    assert content(memory) == [(1, 5)]
    memory = told(memory, [3, 4], [np.inf, 6.0], retention)
    assert content(memory) == [(1, 5), (3, np.inf), (4, 6)]
    # A generation that failed as a whole is no reason to forget.
    assert content(told(memory, [5, 6], [np.nan, np.nan], retention)) == content(memory)


def test_quality_keeps_all_of_the_new_and_the_best_of_the_old():
    memory = told(told(None, [1, 2], [5.0, 1.0]), [3, 4], [2.0, 9.0])
    memory = told(memory, [5, 6], [20.0, 30.0])
    assert content(memory) == [(2, 1), (3, 2), (5, 20), (6, 30)]
    assert content(told(memory, [7, 8], [3.0, np.nan])) == [(2, 1), (3, 2), (5, 20), (7, 3)]


def test_diversity_replaces_the_nearest_that_is_not_better():
    memory = told(told(None, [0, 10], [1.0, 1.0], "diversity"), [20, 30], [5.0, 5.0], "diversity")
    # 9 is nearest to 10, which is better; so it takes the place of 20. 11 takes that of 10.
    assert content(told(memory, [9, 100], [2.0, 9.0], "diversity")) == [
        (0, 1),
        (9, 2),
        (10, 1),
        (30, 5),
    ]
    assert content(told(memory, [11, 12], [0.5, 0.75], "diversity")) == [
        (0, 1),
        (11, 0.5),
        (12, 0.75),
        (30, 5),
    ]


def test_diversity_sees_the_new_ones_among_themselves():
    memory = told(told(None, [0, 10], [3.0, 3.0], "diversity"), [20, 30], [3.0, 3.0], "diversity")
    # The second is nearest to the first, which has just come, and replaces it.
    assert content(told(memory, [31, 31.5], [2.0, 1.0], "diversity")) == [
        (0, 3),
        (10, 3),
        (20, 3),
        (31.5, 1),
    ]


@pytest.mark.parametrize("retention", ["quality", "diversity"])
def test_memory_of_many_generations(rng, retention):
    best, memory = [], None
    memory = archive.empty(8, jnp.zeros((4, 2)), {})
    for _ in range(20):
        genomes = jnp.asarray(rng.normal(size=(4, 2)), jnp.float32)
        fitness = np.asarray(rng.normal(size=4), np.float32)
        fitness[rng.uniform(size=4) < 0.3] = np.nan
        memory = remember(memory, genomes, jnp.asarray(fitness), {}, retention=retention)
        best.extend(fitness[~np.isnan(fitness)])
        assert memory.genomes.shape == (8, 2)
        assert np.all(np.isfinite(memory.fitness))
        assert memory.fitness[: memory.num_filled].min() == min(best)
    assert memory.num_filled == 8


def test_forget_strikes_out_exact_copies():
    memory = told(told(None, [1, 2], [5.0, 1.0]), [3, 4], [2.0, 9.0])
    again = jnp.asarray([[2.0, 2.0], [4.0, 4.0], [1.0, 1.5]])
    assert content(archive.forget(memory, again)) == [(1, 5), (3, 2)]

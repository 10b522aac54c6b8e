"""The best solution so far."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import archive

POPULATION = jnp.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
OLD = jnp.asarray([9.0, 9.0])


def update(best_fitness, fitness):
    return archive.update_best(
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
    step = jax.jit(archive.update_best)
    for _ in range(50):
        fitness = rng.normal(size=3).astype(np.float32)
        fitness[rng.uniform(size=3) < 0.6] = np.nan
        seen.extend(fitness[~np.isnan(fitness)])
        best_solution, best = step(best_solution, best, POPULATION, fitness)
        assert not np.isnan(best)
        assert best == min(seen, default=np.inf)

"""Solutions as pytrees, and what is said about a generation."""

import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.algorithms import base
from diffevo.algorithms.base import SolutionSpec


class Weights(typing.NamedTuple):
    kernel: jax.Array
    bias: jax.Array


TEMPLATES = {
    "array": jnp.zeros(8),
    "matrix": jnp.zeros((2, 4)),
    "dict": {"b": jnp.zeros(()), "a": jnp.zeros((2, 2)), "c": jnp.zeros(3)},
    "nested": [{"x": jnp.zeros(4)}, (jnp.zeros(()), [jnp.zeros((1, 3))]), None],
    "named tuple": Weights(jnp.zeros((3, 2)), jnp.zeros(2)),
    "numbers": {"x": 0.0, "y": 1.0, "z": [0.0] * 6},
    "numpy": np.zeros(8, np.float32),
    "double": np.zeros(8),
    "shapes": jax.ShapeDtypeStruct((4, 2), jnp.float32),
    "half": {"a": jnp.zeros(4, jnp.bfloat16), "b": jnp.zeros(4, jnp.float16)},
    "an empty leaf": {"a": jnp.zeros((0, 3)), "b": jnp.zeros(8)},
}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_ravel_and_unravel_are_inverse(rng, kind):
    spec = SolutionSpec.of(TEMPLATES[kind])
    assert spec.num_dims == 8
    assert spec.dtype == jnp.float32
    # Numbers that bfloat16 holds exactly.
    genomes = jnp.asarray(rng.integers(-9, 9, size=(5, 8)) / 4, jnp.float32)
    population = spec.unravel(genomes)
    expected = jax.tree.map(lambda leaf: (5, *np.shape(leaf)), TEMPLATES[kind])
    assert jax.tree.map(lambda leaf: leaf.shape, population) == expected
    back = spec.ravel(population, 5)
    assert back.dtype == jnp.float32
    np.testing.assert_array_equal(back, genomes)


def test_unravel_of_one_genome_is_one_solution():
    spec = SolutionSpec.of(TEMPLATES["dict"])
    solution = spec.unravel(jnp.arange(8.0))
    np.testing.assert_array_equal(solution["a"], [[0, 1], [2, 3]])
    assert solution["b"] == 4
    np.testing.assert_array_equal(solution["c"], [5, 6, 7])


def test_specs_are_equal_by_value():
    one = SolutionSpec.of(TEMPLATES["dict"])
    two = SolutionSpec.of(jax.tree.map(lambda leaf: leaf + 7.0, TEMPLATES["dict"]))
    assert one == two
    assert hash(one) == hash(two)
    assert SolutionSpec.of(one) is one
    assert one != SolutionSpec.of(TEMPLATES["array"])


def test_contain():
    genomes = jnp.asarray([[1.0, 2.0], [jnp.nan, 0.0], [0.0, jnp.inf], [3.0, 4.0]])
    fallback = jnp.full((4, 2), 9.0)
    kept, fitness = base.contain(genomes, jnp.asarray([1.0, 2.0, 3.0, jnp.nan]), fallback)
    np.testing.assert_array_equal(kept, [[1, 2], [9, 9], [9, 9], [3, 4]])
    np.testing.assert_array_equal(fitness, [1, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    ("fitness", "mean", "lowest", "failed"),
    [
        ([1.0, 2.0, 6.0], 3.0, 1.0, 0),
        ([1.0, np.nan, 3.0], 2.0, 1.0, 1),
        ([1.0, np.inf, 3.0], 2.0, 1.0, 0),
        ([-np.inf, 2.0, 4.0], 3.0, -np.inf, 0),
        ([np.nan, np.nan, np.nan], np.nan, np.inf, 3),
    ],
)
def test_summarize(fitness, mean, lowest, failed):
    genomes = jnp.asarray([[0.0], [3.0], [6.0]])
    metrics = base.summarize(genomes, jnp.asarray(fitness), jnp.float32(-7.0), jnp.int32(4))
    assert metrics["generation"] == 4
    assert metrics["best_fitness"] == -7.0
    assert metrics["best_fitness_in_generation"] == lowest
    assert metrics["num_failed"] == failed
    np.testing.assert_array_equal(metrics["mean_fitness"], mean)
    np.testing.assert_allclose(metrics["diversity"], 6**0.5, rtol=1e-6)

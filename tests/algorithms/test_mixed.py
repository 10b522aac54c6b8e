"""Mixed Diffusion Evolution: what integers and categories do that real numbers do not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import diffevo
from diffevo.algorithms.mixed import Variables
from tests.contract.driver import run, start

SPACE = diffevo.SearchSpace(
    {
        "c": diffevo.Choice(list("abcde"), shape=(2,)),
        "flag": diffevo.Choice([False, True]),
        "log": diffevo.Integer(1, 1000, log=True),
        "n": diffevo.Integer(-10, 10, shape=(2,)),
        "x": diffevo.Real(-5.0, 5.0, shape=(2,)),
    }
)
BEST = {
    "c": np.array(["d", "b"]),
    "flag": True,
    "log": 40,
    "n": np.array([-3, 10]),
    "x": np.array([1.5, -2.0]),
}


# The strict promotion of these tests is not meant for what is around the algorithms.
def _batch(genomes):
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        return SPACE.batch(genomes)


def _solutions(genomes):
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        return SPACE.solutions(genomes)


def test_all_coordinates_stay_alive(key):
    """After any number of generations each integer and each category may still change."""
    algorithm = diffevo.MixedDiffusionEvolution(50, SPACE.spec, variables=SPACE.variables)
    box = SPACE.limits.box
    params = algorithm.default_params.replace(center=box.center, scale=box.scale)
    goal = jnp.asarray(SPACE.encode(BEST))

    def fun(genomes):
        return jnp.sum((genomes - goal[None, :]) ** 2, axis=1)

    # Not so many that the real numbers have converged, which ends the chain.
    state, _ = run(algorithm, fun, key, 60, params)
    values = []
    for number in range(60):
        population, _ = algorithm.ask(jax.random.fold_in(key, number), state, params)
        values.append(_batch(population))
    assert int(state.age) == 61
    for name, index in (("n", 0), ("n", 1), ("c", 0), ("c", 1)):
        column = np.concatenate([one[name][:, index] for one in values])
        assert 0.7 < np.mean(column == BEST[name][index]) < 0.9999, (name, index)
    logs = np.concatenate([one["log"] for one in values])
    assert 0.7 < np.mean(logs == 40) < 0.9999


def test_integers_are_asked_for_at_the_middle_of_their_cells(key):
    algorithm = diffevo.MixedDiffusionEvolution(20, SPACE.spec, variables=SPACE.variables)
    box = SPACE.limits.box
    params = algorithm.default_params.replace(center=box.center, scale=box.scale)

    def fun(genomes):
        return jnp.sum(genomes**2, axis=1)

    state = start(algorithm, fun, key, params)
    population, _ = algorithm.ask(key, state, params)
    for genome, solution in zip(np.asarray(population), _solutions(population), strict=True):
        expected = SPACE.encode(solution)
        np.testing.assert_allclose(genome, expected, atol=2e-6)


def test_scale_and_offset_of_fitness_do_not_matter(key):
    algorithm = diffevo.MixedDiffusionEvolution(20, SPACE.spec, variables=SPACE.variables)
    weights = jnp.linspace(1, 2, SPACE.num_dims)[None, :]

    def fun(genomes):
        return jnp.round(jnp.sum(weights * genomes**2, axis=1), 1)

    one, _ = run(algorithm, fun, key, 10)
    other, _ = run(algorithm, lambda genomes: 4.0 * fun(genomes) + 64.0, key, 10)
    np.testing.assert_array_equal(one.population, other.population)


def test_a_generation_that_failed_changes_nothing_but_its_count(key):
    algorithm = diffevo.MixedDiffusionEvolution(12, SPACE.spec, variables=SPACE.variables)
    params = algorithm.default_params
    state, _ = run(algorithm, lambda genomes: jnp.sum(genomes**2, axis=1), key, 3)
    population, asked = algorithm.ask(key, state, params)
    told, _ = algorithm.tell(key, population, jnp.full(12, jnp.nan), asked, params)
    np.testing.assert_allclose(told.probabilities, state.probabilities, atol=1e-6)
    np.testing.assert_allclose(told.chain.mean, state.chain.mean, atol=1e-6)
    assert told.age == state.age


def test_a_chain_that_has_ended_makes_place(key):
    algorithm = diffevo.MixedDiffusionEvolution(8, jnp.zeros(2))

    def fun(genomes):
        return jnp.sum((genomes - 0.5) ** 2, axis=1)

    state, _ = run(algorithm, fun, key, 200)
    modes = algorithm.modes(state)
    assert int(jnp.sum(state.optima.filled)) >= 1
    np.testing.assert_allclose(modes.solutions[0], [0.5, 0.5], atol=1e-4)


@pytest.mark.parametrize(
    ("variables", "match"),
    [
        (("real",), "variables: expected Variables, got 'real'"),
        ((Variables("real", 2),), "variables: expected 3 coordinates as in solution, got 2"),
    ],
)
def test_variables_that_do_not_fit_are_refused(variables, match):
    with pytest.raises(ValueError, match=match):
        diffevo.MixedDiffusionEvolution(8, jnp.zeros(3), variables=variables)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("text", 1), "kind: expected 'real', 'integer' or 'choice', got 'text'"),
        (("real", -1), "count: expected an int >= 1, got -1"),
        (("choice", 1), "num_categories: expected at least 2 for a choice"),
        (("real", 1, 3), "num_categories: expected at least 2 for a choice, 1 for others, got 3"),
    ],
)
def test_bad_variables_are_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        Variables(*arguments)

"""What can be asked for: measured, chosen, and made safe for the network."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo import conditions
from diffevo.core.archive import Memory

ROWS, COUNT = 8, 6
NUM = 400


@pytest.fixture
def memory(rng):
    genomes = np.zeros((ROWS, 2), np.float32)
    genomes[:COUNT] = rng.normal(size=(COUNT, 2))
    fitness = np.zeros(ROWS, np.float32)
    fitness[:COUNT] = [3.0, 1.0, 2.0, 5.0, 4.0, 1.5]
    traits = {"place": jnp.arange(ROWS, dtype=jnp.float32) - 2}
    return Memory(jnp.asarray(genomes), jnp.asarray(fitness), traits, jnp.int32(COUNT))


def target_of(condition):
    return jnp.asarray(condition.default_target, jnp.float32)


def measured(condition, memory):
    return conditions.measure((condition,), memory, (target_of(condition),))


def chosen(condition, memory, key, target=None):
    target = target_of(condition) if target is None else jnp.asarray(target, jnp.float32)
    keys = jax.random.split(key, 1)
    values = conditions.measure((condition,), memory, (target,))
    return conditions.choose((condition,), keys, values, memory, (target,), NUM)[0]


ALL = {
    "fisher": conditions.Fitness("fisher"),
    "greedy": conditions.Fitness("greedy"),
    "novelty": conditions.KNNNovelty(2),
    "beyond": conditions.KNNNovelty(2, beyond=True),
    "region": conditions.Region(lambda genomes: genomes[:, 0] > 0),
    "quadrant": conditions.Quadrant(),
    "box": conditions.Box((-1.0, -1.0), (1.0, np.inf)),
    "trait": conditions.Trait("place"),
    "distribution": conditions.Distribution(conditions.Trait("place"), (-1.0, 3.0)),
}


@pytest.mark.parametrize("name", ALL)
def test_every_condition_measures_chooses_and_encodes(memory, key, name):
    condition = ALL[name]
    assert hash(condition) == hash(dataclasses.replace(condition))
    (values,) = measured(condition, memory)
    assert values.shape == (ROWS, 1)
    assert np.all(np.isfinite(values[:COUNT]))
    assert np.all(np.isnan(values[COUNT:])), "what is not filled is not known"
    standard = conditions.standardize((condition,), (values,), jnp.float32)
    encoded, present = conditions.encode((condition,), (values,), standard, ROWS)
    np.testing.assert_array_equal(present[:, 0], np.arange(ROWS) < COUNT)
    np.testing.assert_array_equal(encoded[COUNT:], 0.0)
    assert float(encoded[:COUNT].mean()) == pytest.approx(0.0, abs=1e-4)
    assert float(encoded[:COUNT].std()) == pytest.approx(1.0, abs=0.2)
    asked = chosen(condition, memory, key)
    assert asked.shape == (NUM, 1)
    asked, present = conditions.encode((condition,), (asked,), standard, NUM)
    assert np.all(present == 1)
    assert np.all(np.abs(asked) <= conditions.LIMIT)


def test_fitness_is_the_quality_within_the_memory(memory, key):
    (values,) = measured(ALL["greedy"], memory)
    np.testing.assert_allclose(values[:COUNT, 0], [0.5, 1.0, 0.75, 0.0, 0.25, 0.875])
    greedy, fisher = (chosen(ALL[name], memory, key) for name in ("greedy", "fisher"))
    spread = 0.5 * float(values[:COUNT].std())
    error = 5 * spread / NUM**0.5
    assert float(greedy.mean()) == pytest.approx(1.0, abs=error)
    assert float(greedy.std()) == pytest.approx(spread, rel=0.2)
    # The elite of 6 by 15 % is the best one: above its quality, by half a normal.
    assert float(fisher.min()) >= 1.0
    assert float(fisher.mean()) == pytest.approx(1 + spread * (2 / np.pi) ** 0.5, abs=error)


def test_fitness_knows_no_unit(memory):
    scaled = memory._replace(fitness=1024 * memory.fitness + 64)
    np.testing.assert_array_equal(
        measured(ALL["greedy"], memory)[0], measured(ALL["greedy"], scaled)[0]
    )


def test_novelty_is_the_distance_to_the_nearest(memory, key):
    places = np.asarray(memory.genomes)[:COUNT].astype(np.float64)
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    ordered = np.sort(distances, axis=1)[:, 1:]  # without itself
    for name, expected in (("novelty", ordered[:, :2]), ("beyond", ordered[:, 2:])):
        (values,) = measured(ALL[name], memory)
        np.testing.assert_allclose(values[:COUNT, 0], np.log(expected.mean(axis=1)), atol=1e-4)
    # With beta 0 every row is as good as another; with a large one only the best fitness counts.
    (values,) = measured(ALL["novelty"], memory)
    spread = float(values[:COUNT].std())
    even, sharp = (chosen(ALL["novelty"], memory, key, beta) for beta in (0.0, 1e4))
    error = 5 * 1.2 * spread / NUM**0.5
    assert float(even.mean()) == pytest.approx(float(values[:COUNT].mean()), abs=error)
    assert float(sharp.mean()) == pytest.approx(float(values[1, 0]), abs=error)


def test_regions(memory):
    genomes = jnp.asarray([[1, 1], [-1, -1], [1, -1], [0, 1], [2, 5], [-1, 2], [0, 0], [0, 0]])
    memory = memory._replace(genomes=genomes.astype(jnp.float32))
    quadrant, box = (measured(ALL[name], memory)[0][:COUNT, 0] for name in ("quadrant", "box"))
    np.testing.assert_array_equal(quadrant, [1, -1, 0, 0, 1, 0])
    np.testing.assert_array_equal(box, [1, 1, 1, 1, 0, 1])
    # Its corners are numbers.
    moved = ALL["box"].measure(memory, jnp.asarray([[1.5, 4.0], [3.0, 6.0]]))
    np.testing.assert_array_equal(moved[:COUNT], [0, 0, 0, 0, 1, 0])


def test_a_distribution_is_covered_evenly(memory, key):
    asked = np.sort(chosen(ALL["distribution"], memory, key, (-1.0, 3.0))[:, 0])
    np.testing.assert_allclose(asked, -1 + 4 * (np.arange(NUM) + 0.5) / NUM, atol=4 / NUM)
    halves = chosen(conditions.Distribution(ALL["trait"], (0.0, 0.0, 1.0, 1.0)), memory, key)
    assert np.mean(np.asarray(halves) < 0.5) == pytest.approx(0.5, abs=0.01)


def test_what_is_the_same_for_all_says_nothing(memory):
    nobody = conditions.Region(lambda genomes: genomes[:, 0] > 1e6)
    (values,) = measured(nobody, memory)
    standard = conditions.standardize((nobody,), (values,), jnp.float32)
    _, learned = conditions.encode((nobody,), (values,), standard, ROWS)
    _, asked = conditions.encode((nobody,), (jnp.ones((NUM, 1)),), standard, NUM)
    assert not np.any(learned)
    assert not np.any(asked)


@pytest.mark.parametrize("far", [1e3, -1e30, np.inf, -np.inf])
def test_far_targets_are_cut_off(memory, far):
    (values,) = measured(ALL["trait"], memory)
    standard = conditions.standardize((ALL["trait"],), (values,), jnp.float32)
    encoded, present = conditions.encode((ALL["trait"],), (jnp.full((1, 1), far),), standard, 1)
    assert encoded[0, 0] == np.sign(far) * conditions.LIMIT
    assert present[0, 0] == 1


def test_unknown_traits_are_left_out(memory):
    place = memory.traits["place"].at[0].set(jnp.nan).at[1].set(jnp.inf)
    memory = memory._replace(traits={"place": place})
    (values,) = measured(ALL["trait"], memory)
    standard = conditions.standardize((ALL["trait"],), (values,), jnp.float32)
    encoded, present = conditions.encode((ALL["trait"],), (values,), standard, ROWS)
    np.testing.assert_array_equal(present[:, 0], [0, 0, 1, 1, 1, 1, 0, 0])
    assert standard.center[0] == pytest.approx(1.5)
    assert np.all(np.isfinite(encoded))


def test_nan_asks_for_nothing(memory):
    (values,) = measured(ALL["trait"], memory)
    standard = conditions.standardize((ALL["trait"],), (values,), jnp.float32)
    _, present = conditions.encode((ALL["trait"],), (jnp.asarray([[jnp.nan], [0.0]]),), standard, 2)
    np.testing.assert_array_equal(present[:, 0], [0, 1])


def test_several_conditions_side_by_side(memory):
    both = (ALL["greedy"], conditions.Trait("place"))
    values = conditions.measure(both, memory, tuple(target_of(c) for c in both))
    standard = conditions.standardize(both, values, jnp.float32)
    encoded, present = conditions.encode(both, values, standard, ROWS)
    assert encoded.shape == (ROWS, 2)
    for k, condition in enumerate(both):
        alone = conditions.standardize((condition,), values[k : k + 1], jnp.float32)
        expected, flag = conditions.encode((condition,), values[k : k + 1], alone, ROWS)
        np.testing.assert_array_equal(encoded[:, k], expected[:, 0])
        np.testing.assert_array_equal(present[:, k], flag[:, 0])


def test_an_empty_memory_is_survived(memory, key):
    nothing = memory._replace(num_filled=jnp.int32(0))
    for name, condition in ALL.items():
        (values,) = measured(condition, nothing)
        standard = conditions.standardize((condition,), (values,), jnp.float32)
        assert np.all(np.isfinite(jax.tree.leaves(standard)[0])), name
        asked = chosen(condition, nothing, key)
        encoded, present = conditions.encode((condition,), (asked,), standard, NUM)
        assert not np.any(present), name
        assert not np.any(encoded), name


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: conditions.Fitness("best"), "mode"),
        (lambda: conditions.Fitness(elite_ratio=0.0), "elite_ratio"),
        (lambda: conditions.KNNNovelty(0), "k"),
        (lambda: conditions.Region("left"), "label"),
        (lambda: conditions.Box((0.0,), (1.0, 2.0)), "low, high"),
        (lambda: conditions.Box((0.0,), (0.0,)), "low, high"),
        (lambda: conditions.Distribution(conditions.Trait("a", 2), (0.0, 1.0)), "base"),
        (lambda: conditions.Distribution(conditions.Trait("a"), (1.0, 0.0)), "quantiles"),
    ],
)
def test_bad_conditions_are_named(make, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected .*got"):
        make()

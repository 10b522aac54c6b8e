"""CHARLES-D: offspring have what was asked for, and asking for nonsense does no harm."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo import CharlesD, conditions
from diffevo.denoiser.fit import Training
from tests.contract.driver import generation, run, scan, start

SIZE = 128
TRAINING = Training(num_epochs=50, batch_size=64)


def double_peak(population):
    """Two equal peaks of width 0.5 at (-1, -1) and (1, 1)."""
    squares = [jnp.sum((population - sign) ** 2, axis=1) for sign in (-1.0, 1.0)]
    return -jnp.exp(-2.0 * squares[0]) - jnp.exp(-2.0 * squares[1])


def make(*asked, **options):
    return CharlesD(
        SIZE, jnp.zeros(2), conditions=asked, training=TRAINING, num_steps=15, **options
    )


def center(population):
    return np.asarray(population).mean()


QUADRANT = make(conditions.Quadrant(), elite_ratio=0.0)


def test_the_population_goes_where_it_is_asked_and_back(key):
    """Target switched every four generations: numbers in the params, one compilation."""
    params = QUADRANT.default_params
    state = start(QUADRANT, double_peak, key, params)
    traces = generation_count()
    for number in range(12):
        wanted = 1.0 if (number // 4) % 2 == 0 else -1.0
        params = params.replace(targets=(jnp.float32(wanted),))
        state, _ = traces(jax.random.fold_in(key, number), state, params)
        if number % 4 == 3:
            assert wanted * center(state.population) > 0.4, number
            assert float(jnp.min(state.fitness)) < -0.9, number
    assert traces.count == 1


def generation_count():
    """A compiled generation that counts how often it is traced."""

    @jax.jit
    def compiled(key, state, params):
        step.count += 1
        return generation(QUADRANT, double_peak, key, state, params)

    def step(key, state, params):
        return compiled(key, state, params)

    step.count = 0
    return step


def test_targets_and_scales_may_change_when_sampling(key):
    state, _ = run(QUADRANT, double_peak, key, 6)
    params = QUADRANT.default_params

    def right(targets=None, scale=1.0):
        changed = params.replace(scales=jnp.asarray([scale], jnp.float32))
        drawn = QUADRANT.sample(key, state, changed, 500, targets=targets)
        return float(np.mean(np.asarray(drawn) > 0))

    assert right((jnp.float32(1.0),)) > 0.85
    assert right((jnp.float32(-1.0),)) < 0.15
    # Ignored at scale zero: the target means nothing.
    assert right((jnp.float32(1.0),), 0.0) == right((jnp.float32(-1.0),), 0.0)
    assert right((jnp.float32(-1.0),), 2.0) <= right((jnp.float32(-1.0),), 0.5)


def report(population):
    return {"sum": jnp.sum(population, axis=1), "unasked": jnp.zeros(SIZE)}


def steered(algorithm, key, num_generations, params, traits=report):
    state = None
    for number in range(num_generations + 1):
        ask_key, tell_key = jax.random.split(jax.random.fold_in(key, number))
        if state is None:
            population = algorithm.sample_population(ask_key)
            state = algorithm.init(
                tell_key, population, double_peak(population), params, traits=traits(population)
            )
        population, state = algorithm.ask(ask_key, state, params)
        state, _ = algorithm.tell(
            tell_key, population, double_peak(population), state, params, traits=traits(population)
        )
    return state


TRAIT = make(conditions.Trait("sum"), conditions.Fitness())


def test_a_reported_trait_steers(key):
    """Two conditions at once: the sum of the genes at a target, and good."""
    params = TRAIT.default_params
    assert params.scales.shape == (2,)
    state = steered(TRAIT, key, 6, params)
    reached = []
    for target in (-2.0, 0.0, 2.0):
        drawn = TRAIT.sample(key, state, params, 400, targets=(target, params.targets[1]))
        reached.append(float(np.mean(np.sum(np.asarray(drawn), axis=1))))
    assert reached[0] < -1.0
    assert reached[2] > 1.0
    assert reached[0] < reached[1] < reached[2]


def test_nan_and_far_targets_are_survived(key):
    params = TRAIT.default_params
    for target in (1e9, -np.inf, np.nan):
        far = params.replace(targets=(jnp.float32([target]), params.targets[1]))
        state = steered(TRAIT, key, 3, far)
        assert np.all(np.isfinite(state.population))
        assert float(state.best_fitness) < -0.8
        # As far as known and a bit, not nowhere.
        assert np.abs(state.population).max() < 20


def test_unknown_traits_are_survived(key):
    def none_known(population):
        return {"sum": jnp.full(SIZE, jnp.nan)}

    state = steered(TRAIT, key, 3, TRAIT.default_params, none_known)
    assert np.all(np.isfinite(state.population))
    assert not state.model.standard.informative[0]
    assert state.model.standard.informative[1]


def test_traits_that_are_missing_are_named(key):
    params = TRAIT.default_params
    population = TRAIT.sample_population(key)
    fitness = double_peak(population)
    for traits, message in (
        (None, r"^traits: expected one named 'sum', got none"),
        ({"total": fitness}, r"^traits: expected one named 'sum', got \['total'\]"),
        ({"sum": fitness[1:]}, r"^traits: expected 'sum' with a leading axis of 128, got"),
    ):
        with pytest.raises(ValueError, match=message):
            TRAIT.init(key, population, fitness, params, traits=traits)


@dataclasses.dataclass(frozen=True)
class Radius(conditions.Condition):
    """A user's own condition: distance from the origin."""

    def measure(self, memory, target):
        del target
        return jnp.linalg.norm(memory.genomes, axis=1)


def nowhere(genomes):
    return genomes[:, 0] > 1e6


def test_a_users_own_condition_beside_one_that_nobody_satisfies(key):
    algorithm = make(Radius(), conditions.Region(nowhere), training_data="resampled")
    params = algorithm.default_params
    state, _ = jax.jit(lambda key: scan(algorithm, double_peak, key, 6, params))(key)
    np.testing.assert_array_equal(state.model.standard.informative, [1.0, 0.0])
    radius = []
    for target in (0.6, 2.0):
        drawn = algorithm.sample(key, state, params, 400, targets=(target, 1.0))
        radius.append(float(np.mean(np.linalg.norm(drawn, axis=1))))
    assert radius[0] < radius[1] - 0.3

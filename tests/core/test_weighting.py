"""Fitness maps against the papers' formulas, their scale laws, and the rule for failed members."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import weighting
from tests.reference import oracle

# One of each, as they are registered; a new one must be added here to be tested.
INSTANCES = {
    "scale_free": weighting.ScaleFree(),
    "rank": weighting.RankBased(),
    "standardized": weighting.Standardized(),
    "roulette_wheel": weighting.RouletteWheel(5.0),
    "adaptive": weighting.Adaptive(weighting.RouletteWheel(), elite_ratio=0.2),
    "density_corrected": weighting.DensityCorrected(weighting.RankBased(), 0.5),
    "identity": weighting.Identity(),
    "energy": weighting.Energy(),
    "power": weighting.Power(2.0),
    "normalized_energy": weighting.NormalizedEnergy(target=-1.0, scale=2.0, max_distance=20.0),
    "l2_prior": weighting.L2Prior(weighting.Energy(), 0.3),
}
SCALE_FREE = ["scale_free", "rank", "standardized", "roulette_wheel", "adaptive"]
TEMPERATURES = [0.1, 0.5, 1.0, 10.0]


# Operation by operation, each shape would be dozens of compilations.
COMPILED = {name: jax.jit(instance) for name, instance in INSTANCES.items()}


def log_weights_of(name, fitness, temperature=1.0, genomes=None):
    fitness = jnp.asarray(fitness, jnp.float32)
    if genomes is None:
        genomes = jnp.zeros((fitness.shape[0], 2))
    return np.asarray(COMPILED[name](fitness, jnp.asarray(genomes), jnp.float32(temperature)))


def test_all_that_are_registered_are_here():
    assert {name: type(instance) for name, instance in INSTANCES.items()} == weighting.WEIGHTINGS


@pytest.fixture
def fitness(rng):
    values = rng.normal(size=50) * 3 - 2
    values[[3, 17]] = values[5]  # ties
    return values.astype(np.float32)


# --- Against the formulas -------------------------------------------------------------------------


def expected_g(name, fitness, temperature, genomes):
    """The papers maximise: their quality is minus our fitness."""
    match name:
        case "scale_free":
            return oracle.scale_free(fitness, temperature)
        case "rank":
            return oracle.rank_based(fitness, temperature)
        case "standardized":
            return oracle.standardized(fitness, temperature)
        case "roulette_wheel":
            return oracle.roulette_wheel(fitness, 5.0 / temperature)
        case "adaptive":
            return oracle.roulette_wheel(
                fitness, oracle.adaptive_pressure(fitness, 0.2) / temperature
            )
        case "density_corrected":
            g = oracle.rank_based(fitness, temperature)
            return g / oracle.relative_density(genomes, 0.5)
        case "identity":
            return oracle.identity(-fitness)
        case "energy":
            return oracle.energy(fitness, temperature)
        case "power":
            return oracle.power(-fitness, temperature, 2.0)
        case "normalized_energy":
            return oracle.normalized_energy(fitness, -1.0, 2.0, 20.0, temperature)
        case "l2_prior":
            return oracle.energy(fitness, temperature) * oracle.l2_prior(genomes, 0.3)
    raise AssertionError(name)


def test_the_default_bounds_an_outstanding_score(fitness):
    needles = fitness.copy()
    needles[9], needles[11] = -1000.0, -900.0  # standard scores of about -5.1 and -4.5
    log_weights = log_weights_of("scale_free", needles, 1.0)
    expected = oracle.scale_free(needles, 1.0)
    np.testing.assert_allclose(np.exp(log_weights), expected / expected.max(), rtol=1e-4)
    # Beyond the bound the rank alone decides.
    np.testing.assert_allclose(log_weights[9] - log_weights[11], 4 / 49, rtol=1e-3)
    assert log_weights[9] - np.median(log_weights) > 5.0


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("name", INSTANCES)
def test_is_its_formula(rng, name, temperature, fitness):
    genomes = rng.normal(size=(50, 4)).astype(np.float32)
    g = expected_g(name, fitness.astype(np.float64), temperature, genomes)
    log_weights = log_weights_of(name, fitness, temperature, genomes)
    assert log_weights.dtype == np.float32
    assert log_weights.max() == 0.0
    np.testing.assert_allclose(np.exp(log_weights), g / g.max(), rtol=2e-4, atol=1e-6)
    with np.errstate(divide="ignore"):
        expected = np.log(g / g.max())
    # Also where the weights themselves are below float32; those that float64 loses set aside.
    known = expected > -500
    np.testing.assert_allclose(log_weights[known], expected[known], rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("name", INSTANCES)
def test_better_is_never_lighter(name, fitness):
    # Beyond the target for the one that has a target: there lower is better for it too.
    log_weights = log_weights_of(name, np.sort(np.maximum(fitness, -1.0)))
    assert np.all(log_weights[:-1] >= log_weights[1:])
    assert log_weights[0] > log_weights[-1]


@pytest.mark.parametrize("name", [*SCALE_FREE, "energy", "normalized_energy"])
def test_hotter_selects_less(name, fitness):
    spreads = []
    for temperature in TEMPERATURES:
        weights = np.exp(log_weights_of(name, fitness, temperature))
        shares = weights / weights.sum()
        spreads.append(1 / np.sum(shares**2))  # the effective number of members
    assert np.all(np.diff(spreads) > 0), spreads


def test_rank_by_hand():
    log_weights = log_weights_of("rank", [5.0, 1.0, 5.0, 0.0, -1.0], temperature=2.0)
    # The common worst rank is 3.5 of 4.
    np.testing.assert_allclose(log_weights, -6 * np.array([3.5, 2, 3.5, 1, 0]) / 4 / 2, rtol=1e-6)


def test_roulette_wheel_by_hand():
    # Qualities 1, 1/2, 1/2, 0: each weighs the sum over the distinct ones that are not better.
    terms = np.exp(5 * np.array([1.0, 0.5, 0.0]))
    expected = [terms.sum(), terms[1:].sum(), terms[1:].sum(), terms[2]]
    log_weights = log_weights_of("roulette_wheel", [-3.0, 1.0, 1.0, 5.0])
    np.testing.assert_allclose(np.exp(log_weights), expected / terms.sum(), rtol=1e-5)


@pytest.mark.parametrize("elite_ratio", [0.1, 0.3])
def test_adaptive_gives_the_elite_its_share(rng, elite_ratio):
    fitness = rng.normal(size=200).astype(np.float32)
    adaptive = weighting.Adaptive(weighting.ScaleFree(), elite_ratio)
    weights = jax.jit(adaptive)(jnp.asarray(fitness), jnp.zeros((200, 1)), jnp.float32(1.0))
    weights = np.exp(weights)
    best = np.argsort(fitness)[: int(200 * elite_ratio)]
    # One member more or less at the edge.
    assert weights[best].sum() / weights.sum() == pytest.approx(1 - elite_ratio, abs=0.02)


def test_density_correction_weighs_crowds_as_one(rng):
    # Nine tenths of the members lie at one place, the rest at another: the weights are even.
    genomes = np.repeat([[0.0, 0.0], [5.0, 5.0]], [90, 10], axis=0)
    genomes += 0.01 * rng.normal(size=genomes.shape)
    flat = weighting.DensityCorrected(weighting.Energy())
    log_weights = jax.jit(flat)(jnp.zeros(100), jnp.asarray(genomes, jnp.float32), jnp.float32(1.0))
    weights = np.exp(log_weights)
    assert weights[:90].sum() == pytest.approx(weights[90:].sum(), rel=0.01)


def test_the_worst_rank_weighs_the_same_in_every_population():
    for count in (2, 17, 100):
        assert log_weights_of("rank", np.arange(count)).min() == pytest.approx(-6.0)


@pytest.mark.parametrize("name", SCALE_FREE)
def test_minus_zero_is_zero(name):
    # Where the order is taken from the bits of the floats, minus zero is another number.
    log_weights = COMPILED[name](
        jnp.asarray([-0.0, 0.0, 1.0, -0.0]), jnp.zeros((4, 1)), jnp.float32(1.0)
    )
    np.testing.assert_array_equal(log_weights[:4:3], 0.0)
    assert log_weights[1] == 0.0


def test_normalized_energy_ends():
    # On the target 1, at the largest distance 0, beyond it not less than 0.
    weights = np.exp(log_weights_of("normalized_energy", [-1.0, 19.0, -21.0, 30.0, 4.0]))
    np.testing.assert_allclose(weights[:4], [1.0, 0.0, 0.0, 0.0], atol=1e-6)
    assert 0.0 < weights[4] < 1.0


# --- Scale ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCALE_FREE)
@pytest.mark.parametrize(("factor", "offset"), [(1000.0, 0.0), (1.0, 10.0), (1e-6, 0.0), (7.0, -3)])
def test_scale_free(rng, name, factor, offset):
    # Multiples of 1/64: float32 holds all of these affine images but the smallest exactly.
    fitness = (rng.integers(-500, 500, size=40) / 64).astype(np.float32)
    plain = log_weights_of(name, fitness)
    scaled = log_weights_of(name, np.float32(factor) * fitness + np.float32(offset))
    if name == "rank":
        np.testing.assert_array_equal(scaled, plain)
    else:
        np.testing.assert_allclose(scaled, plain, atol=1e-5)


def test_rank_sees_only_the_order(fitness):
    np.testing.assert_array_equal(
        log_weights_of("rank", fitness), log_weights_of("rank", np.exp(fitness.astype(np.float64)))
    )


def test_identity_and_power_know_no_unit(fitness):
    for name in ("identity", "power"):
        np.testing.assert_allclose(
            log_weights_of(name, 1000 * fitness), log_weights_of(name, fitness), atol=1e-5
        )


def test_energy_knows_no_origin(fitness):
    np.testing.assert_allclose(
        log_weights_of("energy", fitness + 10), log_weights_of("energy", fitness), atol=1e-5
    )


@pytest.mark.parametrize("name", INSTANCES)
def test_order_of_members_means_nothing(rng, name, fitness):
    order = rng.permutation(50)
    genomes = rng.normal(size=(50, 2)).astype(np.float32)
    np.testing.assert_allclose(
        log_weights_of(name, fitness[order], 1.0, genomes[order]),
        log_weights_of(name, fitness, 1.0, genomes)[order],
        atol=1e-5,
    )


# --- Failed, infinite, constant, huge, tiny -------------------------------------------------------

NAN, INF = np.nan, np.inf
ODD_FITNESS = {
    "nan": [1.0, NAN, -3.0, 2.0],
    "all nan": [NAN] * 4,
    "all but one nan": [NAN, NAN, -2.0, NAN],
    "plus infinity": [1.0, INF, -3.0, 2.0],
    "minus infinity": [1.0, -INF, -3.0, 2.0],
    "both": [1.0, -INF, INF, NAN],
    "all plus infinity": [INF] * 4,
    "all minus infinity": [-INF] * 4,
    "plus infinity and nan": [INF, INF, NAN, INF],
    "constant": [-2.0] * 4,
    "constant positive": [3.0] * 4,
    "zero": [0.0] * 4,
    "huge": [1e30, -1e30, 3e30, 2e30],
    "largest": [3e38, -3e38, 0.0, 1.0],
    "tiny": [1e-30, -1e-30, 3e-30, 2e-30],
    "denormal": [1e-42, -1e-42, 0.0, 2e-42],
    "offset": [1e7, 1e7 + 1, 1e7 + 2, 1e7 - 1],
    "one": [4.0],
    "one nan": [NAN],
    "one infinite": [INF],
}


@pytest.mark.parametrize("temperature", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("case", ODD_FITNESS)
@pytest.mark.parametrize("name", INSTANCES)
def test_every_fitness_gives_usable_weights(name, case, temperature):
    fitness = np.asarray(ODD_FITNESS[case])
    log_weights = log_weights_of(name, fitness, temperature)
    assert log_weights.shape == fitness.shape
    assert not np.any(np.isnan(log_weights))
    assert log_weights.max() == 0.0, "somebody has weight, and the largest is 1"
    failed = np.isnan(fitness)
    if not failed.all():
        assert np.all(np.isneginf(log_weights[failed]) | (log_weights == 0).all())


@pytest.mark.parametrize("name", INSTANCES)
def test_failed_have_no_weight(name):
    log_weights = log_weights_of(name, [-1.0, NAN, -3.0, -2.0])
    assert np.isneginf(log_weights[1])
    assert np.all(np.isfinite(log_weights[[0, 2, 3]]))


@pytest.mark.parametrize("name", INSTANCES)
def test_failed_change_nothing_for_the_others(name):
    fitness = np.asarray([-1.0, -3.0, -2.0, -2.5])
    with_failures = log_weights_of(name, [-1.0, NAN, -3.0, NAN, -2.0, -2.5])
    np.testing.assert_allclose(
        with_failures[[0, 2, 4, 5]], log_weights_of(name, fitness), atol=1e-6
    )


@pytest.mark.parametrize("name", INSTANCES)
@pytest.mark.parametrize(
    "case", ["all nan", "constant", "zero", "one", "one nan", "all plus infinity"]
)
def test_no_difference_is_no_selection(name, case):
    np.testing.assert_array_equal(log_weights_of(name, ODD_FITNESS[case]), 0.0)


@pytest.mark.parametrize("name", INSTANCES)
def test_infinities_are_ordered(name):
    if name == "normalized_energy":
        pytest.skip("minus infinity is infinitely far from its target, not good")
    good, worst, bad, best = log_weights_of(name, [-3.0, INF, -1.0, -INF])
    assert best == 0.0
    assert best >= good >= bad >= worst
    assert best > worst


@pytest.mark.parametrize("name", SCALE_FREE)
@pytest.mark.parametrize("case", ["huge", "tiny", "offset"])
def test_scale_free_at_the_ends_of_float32(name, case):
    fitness = np.asarray(ODD_FITNESS[case])
    plain = (fitness - fitness.min()) / np.ptp(fitness)
    np.testing.assert_allclose(
        log_weights_of(name, fitness), log_weights_of(name, plain), atol=1e-4
    )


def test_settle_is_idempotent(rng):
    fitness = np.asarray([1.0, NAN, 2.0, 3.0, 4.0], np.float32)
    log_weights = np.asarray([3.0, 2.0, -INF, NAN, 1.0], np.float32)
    once = weighting.settle(jnp.asarray(log_weights), jnp.asarray(fitness))
    np.testing.assert_array_equal(once, [0.0, -INF, -INF, -INF, -2.0])
    np.testing.assert_array_equal(weighting.settle(once, jnp.asarray(fitness)), once)


def test_settle_lets_the_unbounded_alone_count():
    once = weighting.settle(jnp.asarray([3.0, INF, -1.0, INF]), jnp.zeros(4))
    np.testing.assert_array_equal(once, [-INF, 0.0, -INF, 0.0])


# --- As a configuration ---------------------------------------------------------------------------


def test_hashed_by_value():
    assert weighting.RankBased() == weighting.RankBased()
    assert hash(weighting.Power(2.0)) == hash(weighting.Power(2.0))
    assert weighting.Power(2.0) != weighting.Power(3.0)
    assert weighting.Identity() != weighting.Energy()
    assert hash(INSTANCES["l2_prior"]) == hash(weighting.L2Prior(weighting.Energy(), 0.3))


@pytest.mark.parametrize("name", INSTANCES)
def test_satisfies_the_protocol(name):
    assert isinstance(INSTANCES[name], weighting.Weighting)


@pytest.mark.parametrize("name", INSTANCES)
def test_jit_and_vmap(rng, name, fitness):
    genomes = rng.normal(size=(50, 2)).astype(np.float32)
    stacked = jnp.stack([jnp.asarray(fitness), jnp.asarray(-fitness)])
    temperature = jnp.float32(1.0)
    together = jax.jit(jax.vmap(INSTANCES[name], in_axes=(0, None, None)))(
        stacked, genomes, temperature
    )
    for log_weights, one in zip(together, stacked, strict=True):
        plain = INSTANCES[name](one, jnp.asarray(genomes), temperature)
        compiled = log_weights_of(name, one, 1.0, genomes)
        np.testing.assert_allclose(log_weights, plain, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: weighting.Power(0.0), "power"),
        (lambda: weighting.Power(-1.0), "power"),
        (lambda: weighting.Power(float("nan")), "power"),
        (lambda: weighting.NormalizedEnergy(0.0, 0.0, 1.0), "scale"),
        (lambda: weighting.NormalizedEnergy(0.0, 1.0, -1.0), "max_distance"),
        (lambda: weighting.NormalizedEnergy(float("nan"), 1.0, 1.0), "target"),
        (lambda: weighting.L2Prior(weighting.Energy(), -0.1), "strength"),
        (lambda: weighting.L2Prior(weighting.Energy(), float("nan")), "strength"),
        (lambda: weighting.L2Prior(3.0, 0.1), "base"),
        (lambda: weighting.RouletteWheel(0.0), "pressure"),
        (lambda: weighting.Adaptive(3.0), "base"),
        (lambda: weighting.DensityCorrected(3.0), "base"),
        (lambda: weighting.DensityCorrected(bandwidth=0.0), "bandwidth"),
        (lambda: weighting.Adaptive(elite_ratio=1.0), "elite_ratio"),
        (lambda: weighting.Adaptive(pressures=(1.0, 1.0)), "pressures"),
    ],
)
@pytest.mark.usefixtures("without_type_hook")
def test_bad_constants_are_named(make, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected"):
        make()

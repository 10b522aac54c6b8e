"""The posterior mean against the float64 oracle, and the laws that it obeys.

Tolerance: 1e-5 of max(1, max |x|). Where that is missed, what rounding in float32 can do to x0 is
allowed as well (`oracle.x0_uncertainty`): up to three kernel dimensions only what the last bit of
the inputs does, beyond them the cancellation that `estimate_x0` documents too. Both are far below
1e-5 unless members compete that are many kernel widths apart.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffevo.core import posterior, schedules
from tests.reference import oracle

TOLERANCE = 1e-5


@functools.partial(jax.jit, static_argnames=("method", "block_size"))
def estimate_x0(population, log_weights, alpha, latent=None, anchors=None, **options):
    return posterior.estimate_x0(
        population, log_weights, alpha, latent=latent, anchors=anchors, **options
    )


def ends_of_schedules(*lengths):
    """The first, the middle and the last level from which a generation moves, of every schedule."""
    levels = {}
    for (name, schedule), length in itertools.product(schedules.SCHEDULES.items(), lengths):
        alphas = np.asarray(schedule(length))
        for generation in (0, length // 2, length - 1):
            levels[f"{name}({length})[{generation}]"] = alphas[generation]
    return levels


LEVELS = ends_of_schedules(25, 1000)
# The noisiest, the middle, a usual end and the sharpest end.
FEW_LEVELS = {
    name: LEVELS[name]
    for name in ("linear(1000)[0]", "cosine(25)[12]", "geometric(25)[24]", "ddpm(1000)[999]")
}


def gaussian(rng, alpha, num_members, num_dims):
    del alpha
    return rng.normal(size=(num_members, num_dims)).astype(np.float32)


def clustered(rng, alpha, num_members, num_dims):
    """What a run looks like at alpha: four far-apart optima, each with the noise that is left."""
    optima = rng.uniform(-5.0, 5.0, size=(4, num_dims))
    origins = optima[rng.integers(4, size=num_members)]
    noise = rng.normal(size=(num_members, num_dims))
    return (np.sqrt(alpha) * origins + np.sqrt(1.0 - alpha) * noise).astype(np.float32)


POPULATIONS = {"gaussian": gaussian, "clustered": clustered}


def equal_weights(rng, num_members):
    del rng
    return np.zeros(num_members, np.float32)


def rank_weights(rng, num_members):
    return -np.log1p(rng.permutation(num_members)).astype(np.float32)


def weights_with_failures(rng, num_members):
    """A third has no weight at all; somebody always has."""
    log_weights = rank_weights(rng, num_members)
    dead = (rng.uniform(size=num_members) < 1 / 3) & (log_weights < 0)
    return np.where(dead, -np.inf, log_weights).astype(np.float32)


def wide_weights(rng, num_members):
    """Ratios of up to exp(1000): most densities are far below the smallest float."""
    log_weights = rng.uniform(-1000.0, 0.0, size=num_members)
    return (log_weights - log_weights.max()).astype(np.float32)


WEIGHTS = {
    "equal": equal_weights,
    "rank": rank_weights,
    "failures": weights_with_failures,
    "wide": wide_weights,
}


def rounding(population, log_weights, alpha, latent=None):
    num_kernel_dims = (population if latent is None else latent).shape[1]
    return oracle.x0_uncertainty(
        population, log_weights, alpha, latent, by_product=num_kernel_dims > 3
    )[:, None]


def assert_close_to_oracle(actual, population, log_weights, alpha, latent=None, message=""):
    assert actual.dtype == population.dtype
    expected = oracle.estimate_x0(population, log_weights, alpha, latent)
    errors = np.abs(np.asarray(actual, np.float64) - expected)
    allowed = np.full(errors.shape, TOLERANCE * max(1.0, np.abs(population).max()))
    # Written so that a NaN does not pass.
    if np.all(errors <= allowed):
        return
    allowed += rounding(population, log_weights, alpha, latent)
    worst = np.unravel_index(np.argmax(np.nan_to_num(errors / allowed, nan=np.inf)), errors.shape)
    assert errors[worst] <= allowed[worst], (
        f"{message}: error {errors[worst]:.2e}, allowed {allowed[worst]:.2e}"
    )


def check_against_oracle(population_kind, num_members, num_dims, levels_and_weights):
    rng = np.random.default_rng(num_members * 1000 + num_dims)
    for name, weights in levels_and_weights:
        alpha = LEVELS[name]
        population = POPULATIONS[population_kind](rng, alpha, num_members, num_dims)
        log_weights = WEIGHTS[weights](rng, num_members)
        actual = estimate_x0(population, log_weights, alpha)
        assert_close_to_oracle(
            actual, population, log_weights, alpha, message=f"{name}, weights {weights}"
        )


EVERY_COMBINATION = list(itertools.product(LEVELS, WEIGHTS))
EVERY_LEVEL = list(zip(LEVELS, itertools.cycle(WEIGHTS), strict=False))


# --- Against the oracle ---------------------------------------------------------------------------
# Shapes are few, and shared between tests: each costs a second of compilation.


@pytest.mark.parametrize("population_kind", POPULATIONS)
@pytest.mark.parametrize(
    ("num_members", "num_dims"),
    [(1, 1), (1, 1000), (2, 1), (2, 58), (3, 2), (3, 20000), (17, 3), (17, 1000)],
)
def test_small_populations(population_kind, num_members, num_dims):
    check_against_oracle(population_kind, num_members, num_dims, EVERY_COMBINATION)


@pytest.mark.parametrize("population_kind", POPULATIONS)
@pytest.mark.parametrize("num_dims", [1, 2, 3, 16, 58])
def test_512_members(population_kind, num_dims):
    check_against_oracle(population_kind, 512, num_dims, EVERY_LEVEL)


@pytest.mark.parametrize("population_kind", POPULATIONS)
@pytest.mark.parametrize(
    ("num_members", "num_dims"), [(512, 1000), (2000, 2), (2000, 16), (513, 2), (700, 520)]
)
def test_large_populations(population_kind, num_members, num_dims):
    few = zip(FEW_LEVELS, ("rank", "failures", "wide", "failures"), strict=True)
    check_against_oracle(population_kind, num_members, num_dims, few)


def test_many_dimensions():
    check_against_oracle("gaussian", 64, 20000, [("cosine(25)[12]", "failures")])


@pytest.mark.slow
@pytest.mark.parametrize("population_kind", POPULATIONS)
@pytest.mark.parametrize("num_members", [1, 2, 3, 17, 512, 2000])
@pytest.mark.parametrize("num_dims", [1, 2, 3, 16, 58, 1000])
def test_every_size_at_every_level(population_kind, num_members, num_dims):
    check_against_oracle(population_kind, num_members, num_dims, EVERY_COMBINATION)


@pytest.mark.slow
@pytest.mark.parametrize("population_kind", POPULATIONS)
@pytest.mark.parametrize("num_members", [512, 2000])
def test_many_members_in_many_dimensions(population_kind, num_members):
    few = itertools.product(FEW_LEVELS, ("rank", "failures"))
    check_against_oracle(population_kind, num_members, 20000, few)


@pytest.mark.parametrize(
    ("num_members", "num_dims", "num_latent_dims"),
    [(512, 58, 1), (512, 58, 2), (512, 58, 3), (512, 58, 8), (17, 1000, 8), (2, 1, 2)],
)
def test_latent_coordinates(rng, num_members, num_dims, num_latent_dims):
    for name, weights in EVERY_LEVEL:
        alpha = LEVELS[name]
        population = gaussian(rng, alpha, num_members, num_dims)
        latent = clustered(rng, alpha, num_members, num_latent_dims)
        log_weights = WEIGHTS[weights](rng, num_members)
        actual = estimate_x0(population, log_weights, alpha, latent)
        assert_close_to_oracle(actual, population, log_weights, alpha, latent, f"{name}, {weights}")


@pytest.mark.parametrize("num_dims", [1, 2, 17, 600])
def test_everybody_far_from_the_only_weight(rng, num_dims):
    # Every row's terms are below the smallest float beside the largest one of all rows.
    population = gaussian(rng, None, 40, num_dims)
    population[:20] += 30.0
    log_weights = np.full(40, -np.inf, np.float32)
    log_weights[[3, 4, 30]] = [0.0, -1.0, -700.0]
    for name, alpha in LEVELS.items():
        actual = estimate_x0(population, log_weights, alpha)
        assert_close_to_oracle(actual, population, log_weights, alpha, message=name)


@pytest.mark.parametrize("num_dims", [2, 17])
def test_only_one_member_has_weight(rng, num_dims):
    population = gaussian(rng, None, 40, num_dims)
    log_weights = np.full(40, -np.inf, np.float32)
    log_weights[7] = 0.0
    for alpha in LEVELS.values():
        actual = estimate_x0(population, log_weights, alpha)
        expected = np.broadcast_to(population[7], actual.shape)
        np.testing.assert_allclose(actual, expected, atol=2e-6)


@pytest.mark.parametrize("num_dims", [2, 17])
def test_identical_members(rng, num_dims):
    population = np.tile(rng.normal(size=num_dims).astype(np.float32), (40, 1))
    for alpha in LEVELS.values():
        actual = estimate_x0(population, rank_weights(rng, 40), alpha)
        np.testing.assert_allclose(actual, population, atol=2e-6)


# --- Blocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("num_dims", "num_latent_dims", "block_size"),
    [
        (2, None, 7),
        (16, None, 64),
        (600, None, 7),
        (16, 2, 64),
        (16, None, 1),
        (16, None, 130),
        (2, None, 10_000),
    ],
)
def test_block_size_changes_nothing(rng, num_dims, num_latent_dims, block_size):
    # 1 and 130 divide the population, 7 and 64 do not, the others hold it all.
    for alpha, kind in itertools.product(FEW_LEVELS.values(), POPULATIONS.values()):
        population = kind(rng, alpha, 130, num_dims)
        latent = None if num_latent_dims is None else kind(rng, alpha, 130, num_latent_dims)
        log_weights = weights_with_failures(rng, 130)
        blocked = estimate_x0(population, log_weights, alpha, latent, block_size=block_size)
        assert_close_to_oracle(blocked, population, log_weights, alpha, latent)
        whole = estimate_x0(population, log_weights, alpha, latent)
        allowed = 2e-6 * np.abs(population).max()
        allowed = allowed + rounding(population, log_weights, alpha, latent)
        assert np.all(np.abs(np.asarray(blocked) - np.asarray(whole)) <= allowed)


# --- Laws -----------------------------------------------------------------------------------------

# Few shapes: each is one compilation. Magnitudes are what varies.
sizes = st.sampled_from([1, 5, 40])
dims = st.sampled_from([1, 2, 17])
alphas = st.floats(1e-4, 0.9995)
seeds = st.integers(0, 2**32 - 1)
few_examples = settings(deadline=None, max_examples=25)


def draw(seed, num_members, num_dims, alpha):
    rng = np.random.default_rng(seed)
    population = clustered(rng, alpha, num_members, num_dims)
    return rng, population, weights_with_failures(rng, num_members)


@few_examples
@given(sizes, dims, alphas, seeds)
def test_permutation_equivariance(num_members, num_dims, alpha, seed):
    rng, population, log_weights = draw(seed, num_members, num_dims, alpha)
    order = rng.permutation(num_members)
    x0 = estimate_x0(population, log_weights, alpha)
    permuted = estimate_x0(population[order], log_weights[order], alpha)
    allowed = 2e-6 * max(1.0, np.abs(population).max())
    allowed = allowed + rounding(population, log_weights, alpha)[order]
    assert np.all(np.abs(np.asarray(permuted) - np.asarray(x0)[order]) <= allowed)


@few_examples
@given(sizes, dims, alphas, seeds)
def test_inside_the_convex_hull(num_members, num_dims, alpha, seed):
    _, population, log_weights = draw(seed, num_members, num_dims, alpha)
    x0 = estimate_x0(population, log_weights, alpha)
    # The hull of those that have weight, coordinate by coordinate; rounding may leave it by an ulp.
    parents = population[np.isfinite(log_weights)]
    slack = 1e-6 * max(1.0, np.abs(population).max())
    assert np.all(np.asarray(x0) >= parents.min(axis=0) - slack)
    assert np.all(np.asarray(x0) <= parents.max(axis=0) + slack)


@few_examples
@given(dims, alphas, st.floats(-50.0, 50.0), seeds)
def test_a_common_factor_of_g_means_nothing(num_dims, alpha, log_factor, seed):
    _, population, log_weights = draw(seed, 40, num_dims, alpha)
    factored = (log_weights + log_factor).astype(np.float32)
    x0 = estimate_x0(population, factored, alpha)
    assert_close_to_oracle(x0, population, log_weights, np.float32(alpha))


@few_examples
@given(dims, st.floats(1e-4, 0.99), seeds)
def test_translation(num_dims, alpha, seed):
    r"""A shift of everybody by c tilts the weights.

    Write s = sqrt(alpha). Then |x_i + c - s (x_j + c)|^2 = |x_i - s x_j|^2
    + 2 (1 - s) c (x_i - s x_j) + const, so beside terms of i alone the exponent gains
    s (1 - s) / (1 - alpha) c x_j = s / (1 + s) c x_j. The estimate for the shifted population is
    c + the estimate for the old one with that added to log g.
    """
    rng, population, log_weights = draw(seed, 40, num_dims, alpha)
    shift = rng.uniform(-2.0, 2.0, size=num_dims).astype(np.float32)
    root = np.sqrt(alpha)
    tilt = (root / (1 + root) * population @ shift).astype(np.float32)
    there = population + shift
    shifted = np.asarray(estimate_x0(there, log_weights, alpha))
    tilted = np.asarray(estimate_x0(population, log_weights + tilt, alpha)) + shift
    # The shifted population is rounded to float32, which the sharp kernels late in a run resolve.
    allowed = TOLERANCE * max(1.0, np.abs(there).max()) + rounding(there, log_weights, alpha)
    assert np.all(np.abs(shifted - tilted) <= allowed)


@pytest.mark.parametrize("alpha", [0.01, 0.5, 0.99])
def test_genomes_may_move_alone_if_the_kernel_is_latent(rng, alpha):
    population, latent = gaussian(rng, alpha, 40, 5), gaussian(rng, alpha, 40, 2)
    log_weights = rank_weights(rng, 40)
    x0 = estimate_x0(population, log_weights, alpha, latent)
    moved = estimate_x0(3.0 * population + 2.0, log_weights, alpha, latent)
    np.testing.assert_allclose(moved, 3.0 * x0 + 2.0, atol=1e-4)


@pytest.mark.parametrize("alpha", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("num_dims", [2, 17])
def test_rotation_equivariance(rng, alpha, num_dims):
    rotation = np.linalg.qr(rng.normal(size=(num_dims, num_dims)))[0].astype(np.float32)
    population, log_weights = gaussian(rng, alpha, 40, num_dims), rank_weights(rng, 40)
    rotated = estimate_x0(population @ rotation, log_weights, alpha)
    np.testing.assert_allclose(
        rotated, estimate_x0(population, log_weights, alpha) @ rotation, atol=1e-4
    )


@pytest.mark.parametrize("alpha", [0.01, 0.5, 0.99])
def test_a_copy_is_twice_the_weight(rng, alpha):
    population, log_weights = gaussian(rng, alpha, 39, 2), rank_weights(rng, 39)
    doubled = estimate_x0(
        np.concatenate([population, population[:1]]),
        np.concatenate([log_weights, log_weights[:1]]),
        alpha,
    )
    heavier = log_weights.copy()
    heavier[0] += np.float32(np.log(2.0))
    np.testing.assert_allclose(
        doubled[:39], estimate_x0(population, heavier, alpha), atol=2 * TOLERANCE
    )


@pytest.mark.parametrize("num_latent_dims", [None, 2])
def test_no_collapse_in_17410_dimensions(rng, num_latent_dims):
    # All densities are 0 in float32 here, and in float64: sums of them, not of their logarithms,
    # lose the population.
    population = gaussian(rng, None, 256, 17_410)
    latent = None if num_latent_dims is None else gaussian(rng, None, 256, num_latent_dims)
    log_weights = rank_weights(rng, 256)
    for name in ("cosine(25)[0]", "cosine(25)[12]", "cosine(25)[24]"):
        x0 = np.asarray(estimate_x0(population, log_weights, LEVELS[name], latent))
        assert np.all(np.isfinite(x0))
        lengths = np.linalg.norm(x0, axis=1) / np.sqrt(17_410)
        assert np.all(lengths > 0.05)
        # Convex combinations are no longer than the longest member.
        assert np.all(lengths <= 1.001 * np.linalg.norm(population, axis=1).max() / 17_410**0.5)


# --- What surrounds it ----------------------------------------------------------------------------


def test_jit_changes_nothing(rng):
    population, log_weights = gaussian(rng, None, 40, 2), weights_with_failures(rng, 40)
    eager = posterior.estimate_x0(jnp.asarray(population), jnp.asarray(log_weights), 0.7)
    compiled = estimate_x0(population, log_weights, 0.7)
    np.testing.assert_allclose(compiled, eager, atol=1e-6)


@pytest.mark.parametrize("num_dims", [2, 17])
def test_vmap_is_one_after_the_other(rng, num_dims):
    populations = np.stack([gaussian(rng, None, 40, num_dims) for _ in range(3)])
    log_weights = np.stack([weights_with_failures(rng, 40) for _ in range(3)])
    levels = np.float32([0.1, 0.5, 0.9])
    together = jax.jit(jax.vmap(posterior.estimate_x0))(populations, log_weights, levels)
    for x0, population, weights, alpha in zip(
        together, populations, log_weights, levels, strict=True
    ):
        np.testing.assert_allclose(x0, estimate_x0(population, weights, alpha), atol=TOLERANCE)


def test_float64_is_float64(rng):
    with jax.enable_x64(True):
        population, log_weights = rng.normal(size=(64, 5)), np.log(rng.uniform(size=64))
        for alpha in (1e-3, 0.5, 0.999):
            x0 = estimate_x0(population, log_weights, alpha)
            assert x0.dtype == jnp.float64
            expected = oracle.estimate_x0(population, log_weights, alpha)
            np.testing.assert_allclose(x0, expected, atol=1e-11)


# --- Anchors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_dims", "num_latent_dims"), [(2, None), (16, None), (16, 2)])
def test_all_anchors_are_exact(rng, num_dims, num_latent_dims):
    for name, alpha in FEW_LEVELS.items():
        population = clustered(rng, alpha, 100, num_dims)
        latent = None if num_latent_dims is None else clustered(rng, alpha, 100, num_latent_dims)
        log_weights = weights_with_failures(rng, 100)
        anchors = rng.permutation(100).astype(np.int32)
        x0 = estimate_x0(population, log_weights, alpha, latent, anchors)
        assert_close_to_oracle(x0, population, log_weights, alpha, latent, name)


def anchored(population, log_weights, alpha, anchors):
    """The definition, in float64: a member itself, and anchors standing for all the others."""
    num_members, num_anchors = len(population), len(anchors)
    is_self = np.arange(num_members)[:, None] == np.asarray(anchors)[None, :]
    # The anchors other than oneself are a uniform sample of the others.
    share = np.log((num_members - 1) / np.maximum(num_anchors - is_self.sum(axis=1), 1))
    keys = np.concatenate([population[anchors], population]).astype(np.float64)
    kernel = oracle.squared_distances(population, np.sqrt(alpha) * keys) / (2 * (1 - alpha))
    exponents = np.concatenate([log_weights[anchors], log_weights]).astype(np.float64) - kernel
    exponents[:, :num_anchors] += share[:, None]
    exponents[:, :num_anchors][is_self] = -np.inf
    exponents[:, num_anchors:][~np.eye(num_members, dtype=bool)] = -np.inf
    weights = np.exp(exponents - exponents.max(axis=1, keepdims=True))
    return weights @ keys / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("num_anchors", [1, 10, 60])
@pytest.mark.parametrize("num_dims", [2, 16])
def test_anchors_stand_for_the_others(rng, num_anchors, num_dims):
    for name, alpha in FEW_LEVELS.items():
        population, log_weights = gaussian(rng, alpha, 61, num_dims), rank_weights(rng, 61)
        anchors = rng.choice(61, num_anchors, replace=False).astype(np.int32)
        x0 = estimate_x0(population, log_weights, alpha, anchors=anchors)
        expected = anchored(population, log_weights, np.float64(alpha), anchors)
        np.testing.assert_allclose(x0, expected, atol=5 * TOLERANCE, err_msg=name)


def test_a_member_far_from_all_anchors_keeps_itself(rng):
    # Without the term of the member itself it would jump to the nearest anchor.
    population = gaussian(rng, None, 50, 2)
    population[0] = [40.0, 40.0]
    anchors = np.arange(1, 11, dtype=np.int32)
    x0 = estimate_x0(population, np.zeros(50, np.float32), 0.9, anchors=anchors)
    np.testing.assert_allclose(x0[0], population[0], rtol=1e-5)


def test_the_error_of_anchors_falls_with_their_number(rng):
    population = gaussian(rng, None, 2000, 2)
    log_weights = (-6.0 * rng.permutation(2000) / 1999).astype(np.float32)
    exact = oracle.estimate_x0(population, log_weights, 0.5)

    def error(num_anchors):
        squares = [
            np.mean(
                np.square(
                    np.asarray(
                        estimate_x0(
                            population,
                            log_weights,
                            0.5,
                            anchors=rng.choice(2000, num_anchors, False).astype(np.int32),
                        )
                    )
                    - exact
                )
            )
            for _ in range(8)
        ]
        return np.sqrt(np.mean(squares))

    errors = [error(num_anchors) for num_anchors in (32, 256, 1600)]
    # A mean over M draws: the error goes as M^(-1/2), a factor 2.8 from 32 to 256; ask for 2.
    assert errors[0] > 2 * errors[1] > 4 * errors[2], errors
    assert errors[2] < 0.05, errors


# --- The grid, an approximation -------------------------------------------------------------------


# Ten times more where a failed member, without a term of its own, depends on distant others.
GRID_TOLERANCES = {"rank": 2e-4, "failures": 2e-3}


def check_grid(rng, population_kind, num_dims, levels_and_weights):
    for name, weights in levels_and_weights:
        population = POPULATIONS[population_kind](rng, LEVELS[name], 512, num_dims)
        log_weights = WEIGHTS[weights](rng, 512)
        x0 = estimate_x0(population, log_weights, LEVELS[name], method="grid")
        exact = oracle.estimate_x0(population, log_weights, LEVELS[name])
        error = np.max(np.abs(np.asarray(x0) - exact))
        allowed = GRID_TOLERANCES[weights] * max(1.0, np.abs(population).max())
        assert error <= allowed, f"{name}, {weights}: error {error:.2e}, allowed {allowed:.2e}"


@pytest.mark.parametrize("population_kind", POPULATIONS)
@pytest.mark.parametrize("num_dims", [1, 2, 3])
def test_grid_is_close(rng, population_kind, num_dims):
    # A grid takes a fifth of a second: every second level, the sharpest ones among them, with one
    # of the two, all by `make test-slow`.
    levels_and_weights = zip(list(LEVELS)[1::2], itertools.cycle(GRID_TOLERANCES), strict=False)
    check_grid(rng, population_kind, num_dims, levels_and_weights)


@pytest.mark.slow
@pytest.mark.parametrize("population_kind", POPULATIONS)
@pytest.mark.parametrize("num_dims", [1, 2, 3])
def test_grid_is_close_in_every_combination(rng, population_kind, num_dims):
    check_grid(rng, population_kind, num_dims, itertools.product(LEVELS, GRID_TOLERANCES))


def test_auto_is_exact_for_the_few_and_a_grid_for_the_many(rng):
    few, many = gaussian(rng, None, 512, 2), gaussian(rng, None, 16_384, 2)
    log_weights = equal_weights(rng, 512)
    automatic = estimate_x0(few, log_weights, 0.5, method="auto")
    exact = estimate_x0(few, log_weights, 0.5, method="exact")
    np.testing.assert_array_equal(automatic, exact)
    # For the many, the oracle of some rows.
    log_weights = rank_weights(rng, 16_384)
    x0 = np.asarray(estimate_x0(many, log_weights, 0.9, method="auto"))
    weights = oracle.posterior_weights(many[:100], many, log_weights, 0.9)
    np.testing.assert_allclose(x0[:100], weights @ many, atol=2e-4 * np.abs(many).max())
    grid = estimate_x0(many, log_weights, 0.9, method="grid")
    np.testing.assert_array_equal(x0, grid)


@pytest.mark.usefixtures("without_type_hook")
def test_grid_refuses_many_dimensions(rng):
    with pytest.raises(ValueError, match="method"):
        estimate_x0(gaussian(rng, None, 10, 4), np.zeros(10, np.float32), 0.5, method="grid")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((10, "magic", None, None), "method"),
        ((10, "exact", 0, None), "num_anchors"),
        ((10, "exact", 11, None), "num_anchors"),
        ((10, "exact", True, None), "num_anchors"),
        ((10, "exact", 2.5, None), "num_anchors"),
        ((10, "grid", 5, None), "num_anchors"),
        ((10, "exact", None, 0), "block_size"),
        ((10, "exact", None, 1.5), "block_size"),
        ((10, "exact", None, True), "block_size"),
    ],
)
@pytest.mark.usefixtures("without_type_hook")
def test_bad_options_are_named(options, name):
    with pytest.raises(ValueError, match=rf"^{name}: expected"):
        posterior.check_options(options[0], 2, *options[1:])

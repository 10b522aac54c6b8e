"""Every forward process against its kernel by brute force, in float64, and by exact enumeration."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import ddim, posterior
from diffevo.core.processes import PROCESSES, Categorical, Gaussian, LogNormal, Process

SIZE, DIMS = 13, 5
CENTER, SPREAD = (1e-3, 1.0, 1e4, 2.0, 0.5), (1.0, 2.0, 0.5, 1.5, 3.0)
ALL = [Gaussian(), LogNormal(CENTER, SPREAD), Categorical(2, None), Categorical(4, 2.5)]
LEVELS = [1e-4, 0.1, 0.5, 0.9, 0.999]


# Compiled once for each process, not operation by operation.
estimate_of, forward_of, reverse_step_of, step_probabilities_of = (
    jax.jit(
        lambda process, *arguments, name=name: getattr(process, name)(*arguments), static_argnums=0
    )
    for name in ("estimate", "forward", "reverse_step", "step_probabilities")
)


def name_of(process):
    return f"{type(process).__name__}{getattr(process, 'num_categories', '')}"


each = pytest.mark.parametrize("process", ALL, ids=name_of)


@pytest.fixture
def weights(rng):
    """Log-weights as a weighting settles them, one member failed."""
    log_weights = rng.normal(size=SIZE)
    log_weights[4] = -np.inf
    return jnp.asarray(log_weights - log_weights.max(), jnp.float32)


def population_of(process, key, size=SIZE):
    return process.sample_prior(key, (size, DIMS), jnp.float32)


def transition(keep, num_categories):
    """D3PM's uniform transition matrix: rows from, columns to."""
    return keep * np.eye(num_categories) + (1 - keep) / num_categories


def log_kernel(process, x_t, x_0, alpha):
    """log q(x_t | x_0) up to a constant, of one pair, from the definition of each process."""
    x_t, x_0 = np.float64(x_t), np.float64(x_0)
    if isinstance(process, Categorical):
        matrix = transition(alpha, process.num_categories)
        loci = process.num_effective_loci or DIMS
        return np.sum(np.log(matrix[x_0.astype(int), x_t.astype(int)])) * loci / DIMS
    if isinstance(process, LogNormal):
        # x_t = m (x_0 / m)^sqrt(alpha) exp(sqrt(1 - alpha) s eps)
        center, spread = np.array(CENTER), np.array(SPREAD)
        noise = np.log(x_t / (center * (x_0 / center) ** np.sqrt(alpha))) / spread
        return -np.sum(noise**2) / (2 * (1 - alpha))
    return -np.sum((x_t - np.sqrt(alpha) * x_0) ** 2) / (2 * (1 - alpha))


def statistic(process, x):
    """What the posterior takes the mean of, for one genome."""
    x = np.float64(x)
    if isinstance(process, Categorical):
        return np.eye(process.num_categories)[x.astype(int)].ravel()
    if isinstance(process, LogNormal):
        return np.log(x / np.array(CENTER)) / np.array(SPREAD)
    return x


def brute_force(process, population, log_weights, alpha):
    logits = np.array(
        [[log_kernel(process, x_t, x_0, alpha) for x_0 in population] for x_t in population]
    ) + np.float64(log_weights)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares @ np.array([statistic(process, x) for x in population])


# --- The estimate ---------------------------------------------------------------------------------


@each
@pytest.mark.parametrize("alpha", LEVELS)
def test_estimate_is_the_posterior_by_brute_force(process, alpha, weights, key):
    population = population_of(process, key)
    actual = estimate_of(process, population, weights, jnp.float32(alpha))
    assert actual.shape == (SIZE, process.num_coordinates(DIMS))
    expected = brute_force(process, np.asarray(population), weights, np.float64(np.float32(alpha)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=3e-5 * np.abs(expected).max())


@each
def test_any_order_of_the_population(process, weights, key):
    population = population_of(process, key)
    order = jax.random.permutation(jax.random.fold_in(key, 1), SIZE)
    straight = estimate_of(process, population, weights, jnp.float32(0.4))
    shuffled = estimate_of(process, population[order], weights[order], jnp.float32(0.4))
    np.testing.assert_allclose(straight[order], shuffled, atol=1e-5)


@each
def test_all_noise_is_the_weighted_mean_of_all(process, weights, key):
    population = population_of(process, key)
    actual = estimate_of(process, population, weights, jnp.float32(1e-8))
    shares = np.exp(np.float64(weights))
    mean = shares @ np.array([statistic(process, x) for x in population]) / shares.sum()
    np.testing.assert_allclose(actual, np.tile(mean, (SIZE, 1)), atol=3e-3)


@each
@pytest.mark.parametrize("alpha", [1.0 - 1e-6, 1.0])
def test_no_noise_is_the_member_itself(process, alpha, key):
    if not isinstance(process, Categorical):
        population = population_of(process, key)
        alpha = min(alpha, 1.0 - 1e-6)  # a density at alpha = 1 has no kernel
    else:
        # All distinct, which random bits need not be.
        bits = (np.arange(SIZE)[:, None] >> np.arange(DIMS)) & 1
        population = jnp.asarray(bits, jnp.float32)
    actual = estimate_of(process, population, jnp.zeros(SIZE), jnp.float32(alpha))
    np.testing.assert_allclose(actual, process.coordinates(population), atol=1e-3)
    np.testing.assert_allclose(process.origin(actual), population, rtol=1e-2)


def test_categories_have_probabilities(weights, key):
    process = Categorical(4, None)
    estimate = estimate_of(process, population_of(process, key), weights, jnp.float32(0.3))
    assert np.all(estimate >= 0)
    np.testing.assert_allclose(estimate.reshape(SIZE, DIMS, 4).sum(axis=-1), 1.0, atol=1e-5)


def test_no_more_loci_count_than_there_are(weights, key):
    population = population_of(Categorical(2), key)
    one, other, fewer = (
        estimate_of(Categorical(2, loci), population, weights, jnp.float32(0.3))
        for loci in (None, 2.0 * DIMS, DIMS / 2)
    )
    np.testing.assert_array_equal(one, other)
    assert not np.allclose(one, fewer, atol=1e-2)


def test_the_names_of_categories_mean_nothing(weights, key):
    process = Categorical(4)
    population = population_of(process, key)
    names = jnp.asarray([2.0, 0.0, 3.0, 1.0])
    renamed = names[population.astype(int)]
    one, other = (
        estimate_of(process, x, weights, jnp.float32(0.3)).reshape(SIZE, DIMS, 4)
        for x in (population, renamed)
    )
    np.testing.assert_allclose(one, other[:, :, names.astype(int)], atol=1e-5)


def test_the_options_of_the_sum_arrive(weights, key):
    for process in (LogNormal(), Categorical(4)):
        population = population_of(process, key)
        options = {"anchors": jnp.arange(6), "method": "exact", "block_size": 4}
        some = process.estimate(population, weights, jnp.float32(0.4), **options)
        every = estimate_of(process, population, weights, jnp.float32(0.4))
        assert some.shape == every.shape
        assert not np.allclose(some, every, atol=1e-3)


# --- The forward process --------------------------------------------------------------------------


@each
def test_prior_and_marginals_by_simulation(process, key):
    """1 -> 0.5 -> 0.2 in two steps is 0.2 in one, and 1e-6 is the prior."""
    count = 40_000
    origin = jnp.tile(population_of(process, key, 1), (count, 1))
    keys = jax.random.split(key, 5)
    noise = [process.draw(k, (count, DIMS), jnp.float32) for k in keys[:4]]
    half = forward_of(process, origin, 1.0, 0.5, noise[0])
    twice = forward_of(process, half, 0.5, 0.2, noise[1])
    once = forward_of(process, origin, 1.0, 0.2, noise[2])
    nothing = forward_of(process, origin, 1.0, 1e-6, noise[3])
    prior = population_of(process, keys[4], count)

    def moments(x):
        c = np.asarray(process.coordinates(x), np.float64)
        return c.mean(axis=0), c.std(axis=0)

    # Five standard errors of a mean of values of standard deviation up to 1, and of a difference.
    for one, other in [(twice, once), (nothing, prior)]:
        for a, b in zip(moments(one), moments(other), strict=True):
            np.testing.assert_allclose(a, b, atol=5 * np.sqrt(2 / count))
    c = statistic(process, origin[0])
    if isinstance(process, Categorical):
        expected = 0.2 * c + 0.8 / process.num_categories
    else:
        expected = np.sqrt(0.2) * c
        np.testing.assert_allclose(moments(once)[1], np.sqrt(0.8), atol=5 / np.sqrt(2 * count))
    np.testing.assert_allclose(moments(once)[0], expected, atol=5 / np.sqrt(count))
    # No noise, no change.
    same = forward_of(process, origin, 0.5, 0.5, noise[0])
    np.testing.assert_allclose(same, origin, rtol=1e-5)


# --- The reverse step -----------------------------------------------------------------------------


@pytest.mark.parametrize("num_categories", [2, 3])
@pytest.mark.parametrize(("alpha", "alpha_next"), [(0.001, 0.02), (0.3, 0.55), (0.9, 0.999)])
def test_reversed_process_by_enumeration(num_categories, alpha, alpha_next, rng):
    """Bayes on D3PM's matrices: q(x' | a, b) = Q[x', a] Qbar'[b, x'] / Qbar[b, a], b from p."""
    process = Categorical(num_categories)
    truth = rng.dirichlet(np.ones(num_categories))
    step = transition(alpha / alpha_next, num_categories)
    total, total_next = transition(alpha, num_categories), transition(alpha_next, num_categories)
    np.testing.assert_allclose(total_next @ step, total, atol=1e-12)
    expected = np.zeros((num_categories, num_categories))
    for a, b, x in itertools.product(range(num_categories), repeat=3):
        expected[a, x] += truth[b] * step[x, a] * total_next[b, x] / total[b, a]
    present = jnp.arange(num_categories, dtype=jnp.float32)[:, None]
    estimate = jnp.tile(jnp.asarray(truth, jnp.float32), (num_categories, 1))
    actual = step_probabilities_of(process, present, estimate, alpha, alpha_next, 1.0)
    np.testing.assert_allclose(actual[:, 0], expected, atol=2e-5)


@pytest.mark.parametrize("noise_scale", [0.0, 0.4, 1.0, 3.0])
@pytest.mark.parametrize(("alpha", "alpha_next"), [(0.001, 0.02), (0.3, 0.55), (0.9, 1.0)])
def test_with_the_true_posterior_marginals_are_the_forward_ones(
    noise_scale, alpha, alpha_next, rng
):
    process = Categorical(3)
    origins = rng.dirichlet(np.ones(3))
    joint = origins[:, None] * transition(alpha, 3)  # p(x_0 = b, x_t = a)
    marginal = joint.sum(axis=0)
    estimate = jnp.asarray((joint / marginal).T, jnp.float32)
    present = jnp.arange(3, dtype=jnp.float32)[:, None]
    step = step_probabilities_of(process, present, estimate, alpha, alpha_next, noise_scale)[:, 0]
    np.testing.assert_allclose(step.sum(axis=1), 1.0, atol=2e-5)
    np.testing.assert_allclose(
        marginal @ np.float64(step), alpha_next * origins + (1 - alpha_next) / 3, atol=2e-5
    )


@pytest.mark.parametrize("noise_scale", [0.0, 0.5, 1.0])
def test_samples_have_the_probabilities_of_the_step(noise_scale, key, rng):
    process, count = Categorical(3), 40_000
    estimate = jnp.asarray(rng.dirichlet(np.ones(3), size=(1, 2)).reshape(1, 6), jnp.float32)
    present = jnp.asarray([[0.0, 2.0]])
    expected = step_probabilities_of(process, present, estimate, 0.2, 0.6, noise_scale)[0]
    moved = reverse_step_of(
        process,
        jnp.tile(present, (count, 1)),
        jnp.tile(estimate, (count, 1)),
        0.2,
        0.6,
        process.draw(key, (count, 2), jnp.float32),
        noise_scale,
    )
    shares = np.asarray(process.coordinates(moved)).mean(axis=0).reshape(2, 3)
    np.testing.assert_allclose(shares, expected, atol=5 * 0.5 / np.sqrt(count))


def test_impossible_values_are_never_drawn():
    process = Categorical(3)
    sure = jnp.asarray([[0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]])
    for noise in (0.0, 0.5, np.nextafter(np.float32(1), np.float32(0))):
        # Without noise kept or added, all comes from the estimate.
        moved = process.reverse_step(
            jnp.zeros((1, 3)), sure, 0.5, 1.0, jnp.full((1, 3), noise, jnp.float32), 0.0
        )
        np.testing.assert_array_equal(moved, [[1.0, 2.0, 0.0]])


def test_log_normal_is_the_gaussian_process_of_the_logarithm(weights, key):
    process = LogNormal(CENTER, SPREAD)
    population = population_of(process, key)
    logarithms = (np.log(np.float64(population)) - np.log(CENTER)) / np.array(SPREAD)
    logarithms = jnp.asarray(logarithms, jnp.float32)
    noise = jax.random.normal(key, population.shape)
    x0 = posterior.estimate_x0(logarithms, weights, jnp.float32(0.3))
    np.testing.assert_allclose(
        process.estimate(population, weights, jnp.float32(0.3)), x0, atol=1e-5
    )
    for actual, expected in [
        (
            process.reverse_step(population, x0, 0.3, 0.5, noise, 0.7),
            ddim.reverse_step(logarithms, x0, 0.3, 0.5, noise, 0.7),
        ),
        (
            process.forward(population, 0.5, 0.3, noise),
            ddim.forward(logarithms, 0.5, 0.3, noise),
        ),
    ]:
        expected = np.array(CENTER) * np.exp(np.array(SPREAD) * np.float64(expected))
        np.testing.assert_allclose(actual, expected, rtol=2e-5)
    # The origin is the weighted geometric mean.
    shares = np.exp(np.float64(weights))
    shares /= shares.sum()
    all_noise = process.origin(process.estimate(population, weights, jnp.float32(1e-12)))
    geometric = np.exp(shares @ np.log(np.float64(population)))
    np.testing.assert_allclose(all_noise[0], geometric, rtol=1e-4)


def test_log_normal_stays_positive_and_finite():
    process = LogNormal(1e-30, 10.0)
    extreme = jnp.asarray([[-50.0, 50.0, 0.0, -3.0, 3.0]])
    genomes = process.origin(extreme)
    for _ in range(3):
        assert np.all(genomes > 0)
        assert np.all(np.isfinite(genomes))
        assert np.all(np.isfinite(process.coordinates(genomes)))
        genomes = process.reverse_step(genomes, 9 * extreme, 0.01, 0.9, 9 * extreme, 1.0)


# --- Domains and bad input ------------------------------------------------------------------------


def test_what_is_outside_the_domain_is_not_admitted():
    genomes = jnp.asarray([[-1.0, 0.0, 0.5, 1.0, 2.0, np.inf, np.nan]])
    nan = np.nan
    np.testing.assert_array_equal(Gaussian().admit(genomes), genomes)
    np.testing.assert_array_equal(
        LogNormal().admit(genomes), [[nan, nan, 0.5, 1.0, 2.0, np.inf, nan]]
    )
    np.testing.assert_array_equal(
        Categorical(2).admit(genomes), [[nan, 0.0, nan, 1.0, nan, nan, nan]]
    )
    for process in ALL:
        population = population_of(process, jax.random.key(0))
        np.testing.assert_array_equal(process.admit(population), population)


@pytest.mark.usefixtures("without_type_hook")
def test_processes_are_values():
    for process in ALL:
        assert isinstance(process, Process)
    assert LogNormal(np.array([1.0, 2.0])) == LogNormal([1, 2])
    assert hash(LogNormal(np.float32(2.0))) == hash(LogNormal(2))
    of_numpy: list = [np.int64(3), np.float32(5)]
    assert Categorical(*of_numpy) == Categorical(3, 5) != Categorical(2, 5)
    assert {type(process) for process in ALL} == set(PROCESSES.values())


@pytest.mark.usefixtures("without_type_hook")
@pytest.mark.parametrize("name", ["center", "spread"])
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf, [], [1.0, 0.0], [[1.0]], "x", None])
def test_bad_numbers_are_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name}: expected .*got"):
        LogNormal(**{name: value})


@pytest.mark.usefixtures("without_type_hook")
@pytest.mark.parametrize("value", [1, 0, 2.0, True, None, "2"])
def test_bad_numbers_of_categories_are_named(value):
    with pytest.raises(ValueError, match=r"^num_categories: expected .*got"):
        Categorical(value)


@pytest.mark.usefixtures("without_type_hook")
@pytest.mark.parametrize("value", [0.0, -1, np.nan, np.inf, True, "all"])
def test_bad_numbers_of_loci_are_named(value):
    with pytest.raises(ValueError, match=r"^num_effective_loci: expected .*got"):
        Categorical(2, value)

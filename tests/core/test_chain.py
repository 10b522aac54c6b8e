"""One denoising chain: its reverse step against the equations, and its invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import chain

# Compiled as a whole: operation by operation, every shape costs a hundred compilations.
shape_noise, reverse_step, weigh, moments, shape_moments, move, into_box = map(
    jax.jit,
    (
        chain.shape_noise,
        chain.reverse_step,
        chain.weigh,
        chain.moments,
        chain.shape_moments,
        chain.move,
        chain.into_box,
    ),
)


def samples(num_samples=8, num_dims=3, seed=0):
    noise = np.random.default_rng(seed).normal(size=(num_samples, num_dims))
    return jnp.asarray(noise, jnp.float32)


def some_chain(num_dims=3, seed=1):
    rng = np.random.default_rng(seed)
    metric = np.eye(num_dims) + 0.3 * rng.normal(size=(num_dims, num_dims))
    metric *= np.sqrt(num_dims / np.sum(metric**2))
    start = chain.start(jnp.asarray(rng.normal(size=num_dims), jnp.float32), -0.5)
    return start._replace(
        metric=jnp.asarray(metric, jnp.float32),
        path=jnp.asarray(rng.normal(size=num_dims), jnp.float32),
    )


def oracle(state, noise, fitness):
    """The equations of the module, in float64 and one sample at a time."""
    mean, log_scale, metric, path = (np.asarray(leaf, float) for leaf in state)
    size, dims = noise.shape
    z = np.asarray(noise, float)[np.argsort(fitness)]
    raw = np.array([np.log((size + 1) / 2) - np.log(j + 1) for j in range(size)])
    good = np.maximum(raw, 0) / np.maximum(raw, 0).sum()
    bad = np.maximum(-raw, 0) / np.maximum(-raw, 0).sum()
    mu = 1 / np.sum(good**2)
    c_p = (mu + 2) / (dims + mu + 5)
    d = 1 + c_p + 2 * max(0, np.sqrt((mu - 1) / (dims + 1)) - 1)
    c_1 = 2 / ((dims + 1.3) ** 2 + mu)
    c_mu = min(1 - c_1, 2 * (mu - 2 + 1 / mu) / ((dims + 2) ** 2 + mu))
    a = min(1 + c_1 / c_mu, 1 + 2 / np.sum(bad**2) / (mu + 2), (1 - c_1 - c_mu) / dims / c_mu)
    y = sum(w * one for w, one in zip(good, z, strict=True))
    path = (1 - c_p) * path + np.sqrt(c_p * (2 - c_p) * mu) * y
    spread = a * np.eye(dims)
    for w, v, one in zip(good, bad, z, strict=True):
        spread += (w - a * v * dims / (one @ one)) * np.outer(one, one)
    change = c_1 * (np.outer(path, path) - np.eye(dims)) + c_mu * (spread - np.eye(dims))
    new_metric = metric @ (np.eye(dims) + change / 2)
    new_mean = mean + np.exp(log_scale) * metric @ y
    expected = np.sqrt(dims) * (1 - 1 / (4 * dims) + 1 / (21 * dims**2))
    log_scale += c_p / d * (np.linalg.norm(path) / expected - 1)
    gain = np.sqrt(np.sum(new_metric**2) / dims)
    return new_mean, log_scale + np.log(gain), new_metric / gain, path


@pytest.mark.parametrize("size", [8, 40])
def test_reverse_step_is_the_equations(size):
    state, noise = some_chain(), samples(size)
    fitness = np.random.default_rng(2).normal(size=size).astype(np.float32)
    steps = shape_noise(state, noise)
    np.testing.assert_allclose(steps, noise @ state.metric.T, atol=1e-6)
    moved = reverse_step(state, noise, steps, jnp.asarray(fitness))
    for got, expected in zip(moved, oracle(state, noise, fitness), strict=True):
        np.testing.assert_allclose(got, expected, atol=3e-6)


def test_a_step_from_parts_of_the_samples_is_the_step_from_all():
    state, noise = some_chain(), samples(24)
    fitness = jnp.asarray(np.random.default_rng(5).normal(size=24), jnp.float32)
    whole = reverse_step(state, noise, shape_noise(state, noise), fitness)
    # Rows beyond the samples, and they do not matter.
    weights = weigh(jnp.append(fitness, jnp.full(8, -9.0)), taken=jnp.arange(32) < 24)
    assert weights.num_samples == 24
    sums = None
    for part in range(3):
        rows = slice(8 * part, 8 * part + 8)
        own = weights._replace(good=weights.good[rows], bad=weights.bad[rows])
        new = moments(state, noise[rows], own)
        sums = new if sums is None else jax.tree.map(jnp.add, sums, new)
    for got, expected in zip(move(state, shape_moments(state, sums), weights), whole, strict=True):
        np.testing.assert_allclose(got, expected, atol=2e-6)


def test_what_left_the_box_loses_ranks():
    fitness = jnp.arange(10.0)
    excess = jnp.zeros(10).at[0].set(5 / 3)  # 0.15 * 10 * 5 / 3 ranks
    places = np.argsort(np.argsort(-np.asarray(weigh(fitness, excess=excess).good)))
    assert places[0] == 2
    # Equals at a face share a rank, so the one that was moved least is the best.
    alike = weigh(jnp.zeros(4), excess=jnp.asarray([0.3, 0.1, 0.2, 0.4]))
    np.testing.assert_array_equal(np.argsort(-alike.good)[:2], [1, 2])


def test_excess_is_the_mean_over_the_coordinates_beyond():
    points = jnp.asarray([[0.5, -0.2, 0.0], [1.5, -0.2, 0.0], [1.5, -2.0, 1.0]])
    inside, excess = into_box(points, jnp.log(0.5))
    np.testing.assert_array_equal(inside, jnp.clip(points, -1.0, 1.0))
    np.testing.assert_allclose(excess, [0.0, 1.0, (1.0 + 4.0) / 2], rtol=1e-6)


def test_a_push_from_the_bad_takes_them_into_the_estimate():
    state, noise = some_chain(), samples()
    fitness = jnp.arange(8.0)
    plain, pushed = (reverse_step(state, noise, noise, fitness, push=b) for b in (0.0, 1.0))
    raw = np.log(4.5) - np.log(np.arange(1, 9))
    bad = np.maximum(-raw, 0) / np.maximum(-raw, 0).sum()
    expected = plain.mean - np.exp(-0.5) * bad @ np.asarray(noise)
    np.testing.assert_allclose(pushed.mean, expected, atol=1e-6)


def test_only_ranks_count():
    state, noise = some_chain(), samples()
    fitness = jnp.asarray(np.random.default_rng(3).normal(size=8), jnp.float32)
    one = reverse_step(state, noise, noise, fitness)
    for changed in (
        4.0 * fitness - 3.0,
        jnp.exp(fitness),
        jnp.where(fitness > 1, jnp.inf, fitness),
    ):
        other = reverse_step(state, noise, noise, changed)
        if jnp.isinf(changed).sum() < 2:
            jax.tree.map(np.testing.assert_array_equal, one, other)


def test_failed_samples_have_no_weight():
    state, noise = some_chain(), samples()
    fitness = jnp.asarray([3.0, jnp.nan, 1.0, 2.0, jnp.nan, 5.0, 4.0, jnp.inf])
    far = noise.at[jnp.array([1, 4])].set(1e6)
    one = reverse_step(state, noise, noise, fitness)
    other = reverse_step(state, far, far, fitness)
    jax.tree.map(np.testing.assert_array_equal, one, other)
    none = reverse_step(state, noise, noise, jnp.full(8, jnp.nan))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), none, state)


@pytest.mark.parametrize("rank", [None, 4])
def test_turned_samples_turn_the_step(rank):
    # What the chain knows is turned, the samples are turned: the same step, turned.
    rng = np.random.default_rng(4)
    rotation = jnp.asarray(np.linalg.qr(rng.normal(size=(6, 6)))[0], jnp.float32)
    state = chain.start(jnp.asarray(rng.normal(size=6), jnp.float32), 0.0, rank)
    turned = state._replace(mean=rotation @ state.mean)
    if rank is None:
        turned = turned._replace(metric=rotation @ state.metric @ rotation.T)
    for number in range(5):
        noise = samples(10, 6, seed=number)
        fitness = jnp.asarray(rng.normal(size=10), jnp.float32)
        state, turned = (
            reverse_step(one, z, shape_noise(one, z), fitness)
            for one, z in ((state, noise), (turned, noise @ rotation.T))
        )
        np.testing.assert_allclose(turned.mean, rotation @ state.mean, atol=2e-5)
        np.testing.assert_allclose(turned.log_scale, state.log_scale, atol=2e-5)
        here, there = shape_noise(state, noise), shape_noise(turned, noise @ rotation.T)
        np.testing.assert_allclose(there, here @ rotation.T, atol=5e-5)


def _evaluations(rank, num_dims, num_samples, num_generations, target):
    """Generations until the best sample of an ellipsoid is below the target."""
    scales = jnp.asarray(np.geomspace(1, 10, num_dims), jnp.float32)

    def step(state, key):
        noise = jax.random.normal(key, (num_samples, num_dims))
        steps = shape_noise(state, noise)
        points = state.mean[None, :] + jnp.exp(state.log_scale) * steps
        fitness = jnp.sum((scales[None, :] * (points - 0.3)) ** 2, axis=1)
        return reverse_step(state, noise, steps, fitness), jnp.min(fitness)

    state = chain.start(jnp.zeros(num_dims), jnp.log(0.5), rank)
    keys = jax.random.split(jax.random.key(0), num_generations)
    best = np.asarray(jax.lax.scan(step, state, keys)[1])
    assert np.any(best < target), best[-1]
    return int(np.argmax(best < target)) + 1


def test_it_converges_as_fast_as_an_evolution_strategy_does():
    # CMA-ES takes about 1,600 evaluations here (pycma, own population size).
    assert 10 * _evaluations(None, 10, 10, 400, 1e-6) < 3000
    # A metric of low rank, where a matrix would do: slower on an ellipsoid, but it converges.
    assert 10 * _evaluations(8, 10, 10, 1500, 1e-6) < 15_000


@pytest.mark.parametrize("num_samples", [1, 2, 3, 4, 5])
def test_a_push_from_a_handful_of_samples_is_finite(rng, num_samples):
    # Good and bad weights together have an effective number below 1 there.
    one = chain.start(jnp.zeros(300), 0.0, rank=3)
    noise = jnp.asarray(rng.normal(size=(num_samples, 300)), jnp.float32)
    fitness = jnp.arange(num_samples, dtype=jnp.float32)
    moved = reverse_step(one, noise, noise, fitness, push=jnp.ones(()))
    for leaf in moved:
        assert np.all(np.isfinite(leaf))

"""One denoising chain: its reverse step against the equations, and its invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.core import chain


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


def oracle(state, noise, fitness, slowness):
    """The equations of the module, in float64 and one sample at a time."""
    mean, log_scale, metric, path = (np.asarray(leaf, float) for leaf in state)
    size, dims = noise.shape
    z = np.asarray(noise, float)[np.argsort(fitness)]
    raw = np.array([np.log((size + 1) / 2) - np.log(j + 1) for j in range(size)])
    good = np.maximum(raw, 0) / np.maximum(raw, 0).sum()
    bad = np.maximum(-raw, 0) / np.maximum(-raw, 0).sum()
    mu = slowness / np.sum(good**2)
    c_p = (mu + 2) / (dims + mu + 5)
    d = 1 + c_p + 2 * max(0, np.sqrt((mu - 1) / (dims + 1)) - 1)
    c_1 = 2 / ((dims + 1.3) ** 2 + mu)
    c_mu = min(1 - c_1, 2 * (mu - 2 + 1 / mu) / ((dims + 2) ** 2 + mu))
    a = min(
        1 + c_1 / c_mu, 1 + 2 / np.sum(bad**2) * slowness / (mu + 2), (1 - c_1 - c_mu) / dims / c_mu
    )
    y = sum(w * one for w, one in zip(good, z, strict=True))
    rate = c_p / slowness
    path = (1 - rate) * path + np.sqrt(rate * (2 - rate) / np.sum(good**2)) * y
    spread = a * np.eye(dims)
    for w, v, one in zip(good, bad, z, strict=True):
        spread += (w - a * v * dims / (one @ one)) * np.outer(one, one)
    change = c_1 * (np.outer(path, path) - np.eye(dims)) + c_mu * (spread - np.eye(dims))
    new_metric = metric @ (np.eye(dims) + change / 2 / slowness)
    new_mean = mean + np.exp(log_scale) / slowness * metric @ y
    expected = np.sqrt(dims) * (1 - 1 / (4 * dims) + 1 / (21 * dims**2))
    log_scale += rate / d * (np.linalg.norm(path) / expected - 1)
    gain = np.sqrt(np.sum(new_metric**2) / dims)
    return new_mean, log_scale + np.log(gain), new_metric / gain, path


@pytest.mark.parametrize("slowness", [1.0, 16.0])
def test_reverse_step_is_the_equations(slowness):
    state, noise = some_chain(), samples()
    fitness = np.random.default_rng(2).normal(size=8).astype(np.float32)
    steps = chain.shape_noise(state, noise)
    np.testing.assert_allclose(steps, noise @ state.metric.T, atol=1e-6)
    moved = chain.reverse_step(state, noise, steps, jnp.asarray(fitness), slowness)
    for got, expected in zip(moved, oracle(state, noise, fitness, slowness), strict=True):
        np.testing.assert_allclose(got, expected, atol=2e-6)


def test_a_push_from_the_bad_takes_them_into_the_estimate():
    state, noise = some_chain(), samples()
    fitness = jnp.arange(8.0)
    plain, pushed = (chain.reverse_step(state, noise, noise, fitness, 1.0, b) for b in (0.0, 1.0))
    raw = np.log(4.5) - np.log(np.arange(1, 9))
    bad = np.maximum(-raw, 0) / np.maximum(-raw, 0).sum()
    expected = plain.mean - np.exp(-0.5) * bad @ np.asarray(noise)
    np.testing.assert_allclose(pushed.mean, expected, atol=1e-6)


def test_only_ranks_count():
    state, noise = some_chain(), samples()
    fitness = jnp.asarray(np.random.default_rng(3).normal(size=8), jnp.float32)
    one = chain.reverse_step(state, noise, noise, fitness, 1.0)
    for changed in (
        4.0 * fitness - 3.0,
        jnp.exp(fitness),
        jnp.where(fitness > 1, jnp.inf, fitness),
    ):
        other = chain.reverse_step(state, noise, noise, changed, 1.0)
        if jnp.isinf(changed).sum() < 2:
            jax.tree.map(np.testing.assert_array_equal, one, other)


def test_failed_samples_have_no_weight():
    state, noise = some_chain(), samples()
    fitness = jnp.asarray([3.0, jnp.nan, 1.0, 2.0, jnp.nan, 5.0, 4.0, jnp.inf])
    far = noise.at[jnp.array([1, 4])].set(1e6)
    one = chain.reverse_step(state, noise, noise, fitness, 1.0)
    other = chain.reverse_step(state, far, far, fitness, 1.0)
    jax.tree.map(np.testing.assert_array_equal, one, other)
    none = chain.reverse_step(state, noise, noise, jnp.full(8, jnp.nan), 1.0)
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
            chain.reverse_step(one, z, chain.shape_noise(one, z), fitness, 1.0)
            for one, z in ((state, noise), (turned, noise @ rotation.T))
        )
        np.testing.assert_allclose(turned.mean, rotation @ state.mean, atol=2e-5)
        np.testing.assert_allclose(turned.log_scale, state.log_scale, atol=2e-5)
        here, there = chain.shape_noise(state, noise), chain.shape_noise(turned, noise @ rotation.T)
        np.testing.assert_allclose(there, here @ rotation.T, atol=5e-5)


def _evaluations(rank, num_dims, num_samples, slowness, num_generations, target):
    """Generations until the best sample of an ellipsoid is below the target."""
    scales = jnp.asarray(np.geomspace(1, 10, num_dims), jnp.float32)

    def step(state, key):
        noise = jax.random.normal(key, (num_samples, num_dims))
        steps = chain.shape_noise(state, noise)
        points = state.mean[None, :] + jnp.exp(state.log_scale) * steps
        fitness = jnp.sum((scales[None, :] * (points - 0.3)) ** 2, axis=1)
        return chain.reverse_step(state, noise, steps, fitness, slowness), jnp.min(fitness)

    state = chain.start(jnp.zeros(num_dims), jnp.log(0.5), rank)
    keys = jax.random.split(jax.random.key(0), num_generations)
    best = np.asarray(jax.lax.scan(step, state, keys)[1])
    assert np.any(best < target), best[-1]
    return int(np.argmax(best < target)) + 1


def test_it_converges_as_fast_as_an_evolution_strategy_does():
    # CMA-ES takes about 1,600 evaluations here (pycma, own population size).
    assert 10 * _evaluations(None, 10, 10, 1.0, 400, 1e-6) < 3000
    # A metric of low rank, where a matrix would do: slower on an ellipsoid, but it converges.
    assert 10 * _evaluations(8, 10, 10, 1.0, 1500, 1e-6) < 15_000


def test_a_slow_chain_is_a_large_population():
    # 8 times as slow with 10 samples, or 80 samples: about the same number of evaluations.
    slow = 10 * _evaluations(None, 10, 10, 8.0, 1500, 1e-4)
    large = 80 * _evaluations(None, 10, 80, 1.0, 300, 1e-4)
    assert 0.5 < slow / large < 2.0


def test_folding_reflects_mean_and_samples():
    state = some_chain()._replace(mean=jnp.array([1.25, 0.5, -1.5]))
    folded = chain.fold(state)
    np.testing.assert_allclose(folded.mean, [0.75, 0.5, -0.5], atol=1e-6)
    noise = 0.1 * samples()
    points = state.mean[None, :] + chain.shape_noise(state, noise)
    mirrored = jnp.stack([2 - points[:, 0], points[:, 1], -2 - points[:, 2]], axis=1)
    np.testing.assert_allclose(
        folded.mean[None, :] + chain.shape_noise(folded, noise), mirrored, atol=1e-6
    )

"""Networks: shapes, the untrained output, flat weights, equality by value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from diffevo.denoiser import network

NETWORKS = {
    "mlp": network.MLP(),
    "deep mlp": network.MLP((8, 4, 6), jnp.tanh),
    "residual": network.ResidualMLP(8, 2),
    "attention": network.ChunkAttention(3, 8, 2, 1),
}
ROWS, DIMS = 4, 7


@pytest.fixture
def inputs(rng):
    x = jnp.asarray(rng.normal(size=(ROWS, DIMS)), jnp.float32)
    level = network.waves(jnp.linspace(0.1, 0.9, ROWS))
    return x, network.features(level, jnp.ones((ROWS, 2)), jnp.ones((ROWS, 1)))


@pytest.mark.parametrize("name", NETWORKS)
def test_untrained_output_is_zero_and_trained_is_not(key, inputs, name):
    net, (x, features) = NETWORKS[name], inputs
    weights = network.init_weights(net, key, DIMS, features.shape[1], jnp.float32)
    assert weights.ndim == 1
    output = network.apply(net, weights, x, features)
    assert output.shape == (ROWS, DIMS)
    np.testing.assert_array_equal(output, 0.0)
    moved = weights + 0.3 * jax.random.normal(key, weights.shape)
    output = network.apply(net, moved, x, features)
    # It depends on the genome and on what it is told.
    for other in ((x[::-1], features), (x, features.at[:, 0].add(1.0))):
        assert not np.allclose(output, network.apply(net, moved, *other), atol=1e-4)
    # A row knows nothing of the others.
    alone = network.apply(net, moved, x[:1], features[:1])
    np.testing.assert_allclose(alone, output[:1], atol=1e-5)


def test_default_is_as_large_as_the_authors():
    # Theirs: 1250 weights at D = 2, 4890 at D = 58, with one number for the time instead of four.
    for num_dims, count in ((2, 1250), (58, 4890)):
        size = network.init_weights(
            network.MLP(), jax.random.key(0), num_dims, network.num_features(0, 0), jnp.float32
        ).size
        assert count <= size <= count + 3 * 32


def test_thousands_of_dimensions_cost_few_weights(key):
    net, num_dims = network.ChunkAttention(), 17_410
    num_features = network.num_features(0, 0)
    size = jax.eval_shape(
        lambda: network.init_weights(net, key, num_dims, num_features, jnp.float32)
    ).size
    assert size < 200_000
    plain = jax.eval_shape(
        lambda: network.init_weights(network.MLP(), key, num_dims, num_features, jnp.float32)
    ).size
    assert plain > 5 * size


def test_networks_are_equal_by_value():
    assert network.MLP((32, 32)) == network.MLP()
    assert hash(network.MLP((32, 32))) == hash(network.MLP())
    assert network.MLP((32,)) != network.MLP()
    assert network.ResidualMLP() != network.ResidualMLP(num_blocks=4)


def test_features_tell_no_condition_from_zero():
    level = network.waves(jnp.asarray([0.5]))
    absent = network.features(level, jnp.zeros((1, 1)), jnp.zeros((1, 1)))
    zero = network.features(level, jnp.zeros((1, 1)), jnp.ones((1, 1)))
    assert absent.shape == (1, network.num_features(1, 1))
    assert not np.array_equal(absent, zero)


def test_waves_tell_levels_apart():
    waves = network.waves(jnp.asarray([1e-4, 0.1, 0.5, 0.9, 1.0]))
    assert np.all(np.isfinite(waves))
    gaps = np.linalg.norm(np.asarray(waves)[:, None] - np.asarray(waves)[None], axis=2)
    assert np.min(gaps + 10 * np.eye(5)) > 0.3

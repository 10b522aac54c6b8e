"""The same training as one would write it down: what our loop is compared with.

The network is the authors' default as papers describe it: a perceptron on [x_t, t] that predicts
eps as a correction to x_t, trained on fresh noise and uniform times of a linear schedule.

Shape letters: R rows, D dimensions, B batch.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from experiments.training_speed.config import Config


class Perceptron(nn.Module):
    """eps_hat(x, t) = x + MLP([x, t]), two layers of 32."""

    @nn.compact
    def __call__(self, x: Array, time: Array) -> Array:
        """Noise (n, D) for x (n, D) at times (n, 1)."""
        h = jnp.concatenate([x, time], axis=1)
        for _ in range(2):
            h = nn.relu(nn.Dense(32)(h))
        return x + nn.Dense(x.shape[1])(h)


def alpha_of(time: Array) -> Array:
    """The linear schedule: 1 at time 0, 0 at time 1."""
    return jnp.clip(1.0 - time, 1e-8, 1.0 - 1e-3)


def noised(key: Array, genomes: Array) -> tuple[Array, Array, Array]:
    """(x, times (n, 1), noise) of genomes (n, D) at uniform times."""
    time_key, noise_key = jax.random.split(key)
    time = jax.random.uniform(time_key, (genomes.shape[0], 1))
    noise = jax.random.normal(noise_key, genomes.shape)
    alpha = alpha_of(time)
    return jnp.sqrt(alpha) * genomes + jnp.sqrt(1.0 - alpha) * noise, time, noise


def train(key: Array, genomes: Array, weights: Array, num_epochs: int, config: Config) -> Any:
    """Parameters after all epochs of Adam with a cosine on genomes (R, D) with weights (R,)."""
    network, num_rows = Perceptron(), genomes.shape[0]
    steps = num_rows // config.batch_size
    init_key, key = jax.random.split(key)
    params = network.init(init_key, genomes[:1], jnp.zeros((1, 1)))
    schedule = optax.cosine_decay_schedule(config.learning_rate, num_epochs * steps)
    optimizer = optax.adamw(schedule, weight_decay=1e-5)
    weights = weights / jnp.mean(weights)

    def loss_of(params: Any, key: Array, rows: Array) -> Array:
        x, time, noise = noised(key, genomes[rows])
        error = jnp.mean((jnp.asarray(network.apply(params, x, time)) - noise) ** 2, axis=1)
        return jnp.mean(weights[rows] * error)

    def step(carry, inputs):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss_of)(params, *inputs), state, params)
        return (optax.apply_updates(params, updates), state), None

    def epoch(carry, key: Array):
        order_key, step_key = jax.random.split(key)
        order = jax.random.permutation(order_key, num_rows)[: steps * config.batch_size]
        batches = order.reshape(steps, config.batch_size)
        return jax.lax.scan(step, carry, (jax.random.split(step_key, steps), batches))

    keys = jax.random.split(key, num_epochs)
    (params, _), _ = jax.lax.scan(epoch, (params, optimizer.init(params)), keys)
    return params

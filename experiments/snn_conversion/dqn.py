"""Deep Q-learning (DQN), as small as it goes: one compiled scan, vmapped over seeds.

Environments run side by side, epsilon-greedy; what they did lies in a ring of arrays; after each
step of all of them, the network is fitted to a few batches drawn from there.

Reference: Mnih et al., Human-level control through deep reinforcement learning (2015). Adam instead
of RMSProp, and no frame stacking or reward clipping: MinAtar's planes show the direction of the
ball, its rewards are 0 and 1.

Shape letters: E environments, C slots of the ring, B a batch, O observation, A actions.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import linen
from jax import Array

from experiments.snn_conversion.config import DQN
from tasks.rl.environments import Environment
from tasks.rl.simulator import simulator


class Ring(NamedTuple):
    """Transitions, oldest overwritten first; leading axes (C, E).

    The observation after that in slot c is in slot c + 1. Where an episode ended in between, that
    is the first of the next one, and nothing asks for it.

    Attributes:
        observations: (C, E, O) uint8: MinAtar's are zeros and ones.
        actions: (C, E).
        rewards: (C, E).
        ended: (C, E).
    """

    observations: Array
    actions: Array
    rewards: Array
    ended: Array


class Trained(NamedTuple):
    """What training leaves behind.

    Attributes:
        parameters: of the Q-network.
        returns: (steps of all environments,) mean return of the episodes that ended in a step, NaN
            where none did.
        losses: (steps of all environments,) of the last batch.
    """

    parameters: Any
    returns: Array
    losses: Array


class Batch(NamedTuple):
    """Transitions drawn from a ring; leading axis B.

    Attributes:
        observations: (B, O).
        actions: (B,).
        rewards: (B,).
        ended: (B,).
        after: (B, O), what was observed next.
    """

    observations: Array
    actions: Array
    rewards: Array
    ended: Array
    after: Array


def draw(ring: Ring, newest: Array, key: Array, batch_size: int) -> Batch:
    """Transitions drawn uniformly, with replacement, from all that are complete.

    Args:
        ring: see `Ring`; slot g mod C holds step g of all environments.
        newest: >= 1, the last step that it holds, which is not drawn: what came after is not there.
        key: of the draws.
        batch_size: B.
    """
    num_slots, width = ring.actions.shape
    age_key, place_key = jax.random.split(key)
    oldest = jnp.minimum(newest, num_slots - 1)
    age = jax.random.randint(age_key, (batch_size,), 1, oldest + 1)
    slot = (newest - age) % num_slots
    place = jax.random.randint(place_key, (batch_size,), 0, width)
    now, after = (
        ring.observations[at, place].astype(jnp.float32) for at in (slot, (slot + 1) % num_slots)
    )
    return Batch(
        now, ring.actions[slot, place], ring.rewards[slot, place], ring.ended[slot, place], after
    )


def targets(next_values: Array, rewards: Array, ended: Array, discount: float) -> Array:
    """What Q(s, a) should be: r + gamma max_a Q(s', a), and r where the episode ended.

    Args:
        next_values: the target network's, shape (B, A).
        rewards: shape (B,).
        ended: booleans (B,).
        discount: gamma.
    """
    return rewards + discount * jnp.where(ended, 0, jnp.max(next_values, axis=-1))


def loss(
    network: linen.Module,
    parameters: Any,
    observations: Array,
    actions: Array,
    wanted: Array,
) -> Array:
    """Mean Huber loss (limit 1) of Q(s, a) and the targets (B,), for observations (B, O)."""
    values = jnp.asarray(network.apply(parameters, observations))
    taken = jnp.take_along_axis(values, actions[:, None], axis=-1)[:, 0]
    return jnp.mean(optax.huber_loss(taken, wanted))


@functools.partial(jax.jit, static_argnames=("config", "environment", "network"))
def train(config: DQN, environment: Environment, network: linen.Module, key: Array) -> Trained:
    """Train a Q-network. Episodes have no time limit here; vmap it over keys for several seeds.

    Args:
        config: settings.
        environment: with discrete actions and observations of zeros and ones.
        network: a Flax module without memory, observations (..., O) to values (..., A).
        key: of everything that is drawn.

    Raises:
        ValueError: for continuous actions, or a ring that holds less than the warm-up or a batch.
    """
    if environment.action_limit is not None:
        raise ValueError(f"environment: expected discrete actions, got {environment.name}")
    width = config.num_environments
    num_slots = config.capacity // width
    if num_slots < 2 or not width <= config.warm_up <= (num_slots - 1) * width:
        raise ValueError(
            f"capacity, warm_up: expected num_environments = {width} <= warm_up < capacity, at "
            f"least one step of all less, got {config.capacity} and {config.warm_up}"
        )
    reset, step = simulator(environment)
    optimizer = optax.adam(config.learning_rate)
    num_iterations = config.num_steps // width
    epsilon = optax.linear_schedule(
        config.first_epsilon, config.last_epsilon, round(config.exploration * num_iterations)
    )

    init_key, reset_key, run_key = jax.random.split(key, 3)
    parameters = network.init(init_key, jnp.zeros(environment.num_inputs))
    observations, states = jax.vmap(reset)(jax.random.split(reset_key, width))
    slots = (num_slots, width)
    ring = Ring(
        jnp.zeros((*slots, environment.num_inputs), jnp.uint8),
        jnp.zeros(slots, jnp.int32),
        jnp.zeros(slots),
        jnp.zeros(slots, bool),
    )

    def update(carry: tuple[Any, ...], key: Array) -> tuple[Any, Array]:
        parameters, target, moments, ring, newest = carry
        batch = draw(ring, newest, key, config.batch_size)
        next_values = jnp.asarray(network.apply(target, batch.after))
        wanted = targets(next_values, batch.rewards, batch.ended, config.discount)
        value, gradient = jax.value_and_grad(functools.partial(loss, network))(
            parameters, batch.observations, batch.actions, wanted
        )
        change, moments = optimizer.update(gradient, moments)
        return (optax.apply_updates(parameters, change), target, moments, ring, newest), value

    def iteration(carry: tuple[Any, ...], time: Array) -> tuple[Any, tuple[Array, Array]]:
        parameters, target, moments, ring, observations, states, returns = carry
        keys = jax.random.split(jax.random.fold_in(run_key, time), 5)
        flat = observations.reshape(width, -1)
        values = jnp.asarray(network.apply(parameters, flat))
        drawn = jax.random.randint(keys[0], (width,), 0, environment.num_outputs)
        chance = jax.random.uniform(keys[1], (width,)) < epsilon(time)
        actions = jnp.where(chance, drawn, jnp.argmax(values, axis=-1))
        after, states, rewards, ended = jax.vmap(step)(
            jax.random.split(keys[2], width), states, actions
        )
        slot = time % num_slots
        ring = Ring(
            ring.observations.at[slot].set(flat.astype(jnp.uint8)),
            ring.actions.at[slot].set(actions),
            ring.rewards.at[slot].set(rewards),
            ring.ended.at[slot].set(ended),
        )
        fresh = jax.vmap(reset)(jax.random.split(keys[3], width))
        observations, states = jax.tree.map(
            lambda old, new: jnp.where(ended.reshape(-1, *(1,) * (old.ndim - 1)), new, old),
            (after, states),
            fresh,
        )
        returns = returns + rewards
        finished = jnp.sum(jnp.where(ended, returns, 0)) / jnp.sum(ended)

        def fit(carry: tuple[Any, ...]) -> tuple[Any, Array]:
            carry, values = jax.lax.scan(
                update, (*carry, ring, time), jax.random.split(keys[4], config.num_batches)
            )
            return carry[:3], values[-1]

        (parameters, target, moments), value = jax.lax.cond(
            (time + 1) * width > config.warm_up,
            fit,
            lambda carry: (carry, jnp.zeros(())),
            (parameters, target, moments),
        )
        renew = ((time + 1) * config.num_batches) % config.target_every < config.num_batches
        target = jax.tree.map(lambda old, new: jnp.where(renew, new, old), target, parameters)
        returns = jnp.where(ended, 0, returns)
        carry = parameters, target, moments, ring, observations, states, returns
        return carry, (finished, value)

    first = (
        parameters,
        parameters,
        optimizer.init(parameters),
        ring,
        observations,
        states,
        jnp.zeros(width),
    )
    (parameters, *_), (returns, losses) = jax.lax.scan(iteration, first, jnp.arange(num_iterations))
    return Trained(parameters, returns, losses)

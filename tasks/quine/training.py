"""Quines made by gradient, by regeneration, and by hill-climbing.

Shape letters: D weights, B queries of a batch, E epochs, I pixels, M images.

Reference: arXiv 1803.05859. Ours: `fit_relative`, and how the auxiliary quine is shown images: a
random one beside every coordinate, so that both outputs must ignore half of the input.
"""

import dataclasses
import functools
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from tasks.quine.network import Errors, Layers, QuineNetwork, errors, flat

OPTIMIZERS = {
    "sgd": optax.sgd,
    "momentum": functools.partial(optax.sgd, momentum=0.9),
    "adam": optax.adam,
    "adamax": optax.adamax,
}


@dataclass(frozen=True)
class Training:
    """How to train.

    Args:
        optimizer: key of `OPTIMIZERS`.
        learning_rate: > 0.
        num_epochs: E >= 1; in each all coordinates are asked for once.
        batch_size: B >= 1; a rest of the coordinates that fills no batch waits for another epoch.
        regenerate: before every epoch the weights are replaced by the network's answers.
        replication: factor of the self-replication loss, >= 0.
        task: factor lambda of the classification loss, >= 0.
        temperature: logits are divided by it, > 0.

    Raises:
        ValueError: for an unknown optimizer and numbers out of these ranges.
    """

    optimizer: str = "adamax"
    learning_rate: float = 2e-3
    num_epochs: int = 100
    batch_size: int = 10
    regenerate: bool = False
    replication: float = 1.0
    task: float = 0.01
    temperature: float = 0.01

    def __post_init__(self) -> None:
        """Check names and numbers."""
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(
                f"optimizer: expected one of {', '.join(OPTIMIZERS)}; got {self.optimizer!r}"
            )
        for name in ("learning_rate", "temperature"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected a number > 0, got {getattr(self, name)}")
        for name in ("num_epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("replication", "task"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: expected a number >= 0, got {getattr(self, name)}")


class Digits(NamedTuple):
    """Labelled images."""

    images: Array  # (M, I)
    labels: Array  # (M,), integers


@functools.partial(jax.jit, static_argnames=("network", "training"))
def train(
    network: QuineNetwork,
    training: Training,
    key: Array,
    weights: Array,
    data: Digits | None = None,
) -> tuple[Array, Errors]:
    """Train by gradient, and by regeneration if asked for.

    An epoch takes the weights at its start as targets t and goes through the coordinates c in
    random batches, each with one gradient step on

        replication sum_c (f_theta(c) - t_c)^2 + task sum_c crossentropy(logits / temperature).

    Args:
        network: vanilla, or with images.
        training: how.
        key: of the batches, consumed.
        weights: to start from, shape (D,).
        data: shown to a network with images.

    Returns:
        (weights (D,), errors with leaves (E + 1,): before, and after each epoch).

    Raises:
        ValueError: `data` is missing or of another size, or a batch is larger than D.
    """
    size = network.num_weights
    num_batches = size // training.batch_size
    if not num_batches:
        raise ValueError(f"batch_size: expected at most {size}, got {training.batch_size}")
    images = None if data is None else data.images
    everything = network.inputs(images)
    coordinates = network.coordinate_inputs
    seen = None if data is None else network.image_inputs(data.images)
    optimizer = OPTIMIZERS[training.optimizer](training.learning_rate)

    def loss(layers: Layers, targets: Array, inputs: Array, labels: Array | None) -> Array:
        answers, logits = network.apply(layers, inputs)
        total = training.replication * jnp.sum((answers - targets) ** 2)
        if labels is None:
            return total
        entropies = optax.softmax_cross_entropy_with_integer_labels(
            logits / training.temperature, labels
        )
        return total + training.task * jnp.sum(entropies)

    def step(carry: tuple[Layers, optax.OptState], batch: tuple) -> tuple:
        layers, state = carry
        updates, state = optimizer.update(jax.grad(loss)(layers, *batch), state, layers)
        return (optax.apply_updates(layers, updates), state), None

    def epoch(carry: tuple[Layers, optax.OptState], key: Array) -> tuple:
        layers, state = carry
        if training.regenerate:
            layers = network.layers(network.apply(layers, everything)[0])
        order_key, image_key = jax.random.split(key)
        order = jax.random.permutation(order_key, size)[: num_batches * training.batch_size]
        inputs, labels = coordinates[order], None
        if data is not None and seen is not None:
            rows = jax.random.randint(image_key, order.shape, 0, seen.shape[0])
            inputs = jnp.concatenate([inputs, seen[rows]], axis=1)
            labels = data.labels[rows].reshape(num_batches, -1)
        targets = flat(layers)[order].reshape(num_batches, -1)
        inputs = inputs.reshape(num_batches, -1, network.hidden)
        (layers, state), _ = jax.lax.scan(step, (layers, state), (targets, inputs, labels))
        return (layers, state), _errors(network, flat(layers), everything)

    layers = network.layers(weights)
    keys = jax.random.split(key, training.num_epochs)
    (layers, _), rows = jax.lax.scan(epoch, (layers, optimizer.init(layers)), keys)
    return flat(layers), _with_start(_errors(network, weights, everything), rows)


@functools.partial(jax.jit, static_argnames=("network", "num_epochs", "batch_size"))
def climb(
    network: QuineNetwork,
    key: Array,
    weights: Array,
    std: Array,
    num_epochs: int,
    batch_size: int = 10,
) -> tuple[Array, Errors]:
    """Hill-climbing of the vanilla quine: theta + N(0, std^2) is kept if a batch's loss falls.

    Args:
        network: without images.
        key: consumed.
        weights: to start from, shape (D,).
        std: of a step.
        num_epochs: E; an epoch goes through all coordinates once.
        batch_size: B.

    Returns:
        (weights (D,), errors with leaves (E + 1,)).
    """
    size = network.num_weights
    num_batches = size // batch_size
    everything = network.inputs()

    def loss(weights: Array, rows: Array) -> Array:
        return jnp.sum(
            (network.apply(network.layers(weights), everything[rows])[0] - weights[rows]) ** 2
        )

    def step(weights: Array, batch: tuple[Array, Array]) -> tuple[Array, None]:
        rows, key = batch
        moved = weights + std * jax.random.normal(key, weights.shape)
        return jnp.where(loss(moved, rows) < loss(weights, rows), moved, weights), None

    def epoch(weights: Array, key: Array) -> tuple[Array, Errors]:
        order_key, step_key = jax.random.split(key)
        order = jax.random.permutation(order_key, size)[: num_batches * batch_size]
        keys = jax.random.split(step_key, num_batches)
        weights, _ = jax.lax.scan(step, weights, (order.reshape(num_batches, -1), keys))
        return weights, _errors(network, weights, everything)

    climbed, rows = jax.lax.scan(epoch, weights, jax.random.split(key, num_epochs))
    return climbed, _with_start(_errors(network, weights, everything), rows)


@functools.partial(jax.jit, static_argnames=("network", "num_steps"))
def fit_relative(
    network: QuineNetwork, weights: Array, learning_rate: Array, num_steps: int
) -> tuple[Array, Errors]:
    """Adam on the relative error itself, all coordinates at once and the targets moving too.

    Args:
        network: without images.
        weights: to start from, shape (D,).
        learning_rate: at the start; it falls to zero by a cosine.
        num_steps: >= 1.

    Returns:
        (weights (D,), errors before each step, leaves (num_steps,)).
    """
    inputs = network.inputs()
    optimizer = optax.scale_by_adam()

    def relative(weights: Array) -> tuple[Array, Errors]:
        found = _errors(network, weights, inputs)
        return found.relative, found

    def step(carry: tuple[optax.Params, optax.OptState], number: Array) -> tuple:
        weights, state = carry
        gradient, found = jax.grad(relative, has_aux=True)(weights)
        updates, state = optimizer.update(gradient, state, weights)
        rate = learning_rate * (1 + jnp.cos(jnp.pi * number / num_steps)) / 2
        updates = jax.tree.map(lambda update: -rate * update, updates)
        return (optax.apply_updates(weights, updates), state), found

    start = (weights, optimizer.init(weights))
    (weights, _), found = jax.lax.scan(step, start, jnp.arange(num_steps))
    return weights, found


@functools.partial(jax.jit, static_argnames="network")
def accuracy(network: QuineNetwork, weights: Array, data: Digits) -> Array:
    """Share of images that are classified rightly; image m is shown with coordinate m modulo D."""
    rows = jnp.arange(data.labels.shape[0]) % network.num_weights
    inputs = jnp.concatenate(
        [network.coordinate_inputs[rows], network.image_inputs(data.images)], axis=1
    )
    logits = network.apply(network.layers(weights), inputs)[1]
    return jnp.mean(jnp.argmax(logits, axis=1) == data.labels)


def classifier(training: Training) -> Training:
    """The same training without self-replication."""
    return dataclasses.replace(training, replication=0.0, regenerate=False)


def _errors(network: QuineNetwork, weights: Array, inputs: Array) -> Errors:
    return errors(weights, network.apply(network.layers(weights), inputs)[0])


def _with_start(start: Errors, rows: Errors) -> Errors:
    """The errors before the first epoch and after each."""
    return jax.tree.map(lambda one, rest: jnp.concatenate([one[None], rest]), start, rows)

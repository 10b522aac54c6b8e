"""Gradient training of adapters, or of a whole module, by AdamW.

Shape letters: S scaffolds at once, E epochs, n examples, b a batch.
"""

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from tasks.lora.adapters import Backbone, LowRank, Params
from tasks.lora.data import Data

RESAMPLE = ("never", "epoch", "batch")


@dataclass(frozen=True)
class Training:
    """How to train; the defaults are the paper's for MNIST.

    Attributes:
        num_epochs: E >= 1.
        batch_size: b; what is left of an epoch is left out.
        learning_rate: of AdamW at the start; a cosine takes it to 0.
        weight_decay: of AdamW, on all that is trained.
        resample: when the scaffold is drawn anew, one of ``RESAMPLE``; an ablation.
        micro_batches: with "batch": parts of a batch, each with a draw of its own; divides b.

    Raises:
        ValueError: an argument is out of its range; the message names it.
    """

    num_epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    resample: str = "never"
    micro_batches: int = 1

    def __post_init__(self):
        if self.resample not in RESAMPLE:
            raise ValueError(f"resample: expected one of {RESAMPLE}, got {self.resample!r}")
        if self.num_epochs < 1 or self.batch_size < 1:
            raise ValueError(
                "num_epochs, batch_size: expected at least 1, got "
                f"{self.num_epochs} and {self.batch_size}"
            )
        if self.batch_size % self.micro_batches:
            raise ValueError(
                f"micro_batches: expected a divisor of the batch size {self.batch_size}, got "
                f"{self.micro_batches}"
            )


class Fitted(NamedTuple):
    """What training leaves behind.

    Attributes:
        params: trained, as from `LowRank.init`.
        train_loss: mean of each epoch's batches, (E,).
        test_loss: after each epoch, (E, S), with the S scaffolds; with new ones if they are drawn
            anew.
        accuracy: likewise, in [0, 1].
    """

    params: Params
    train_loss: Array
    test_loss: Array
    accuracy: Array


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Mean of -log softmax(logits)[label]: (..., C) and (...,) to a number."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))


def accuracy(logits: Array, labels: Array) -> Array:
    """Share of the labels that are the largest logit's."""
    return jnp.mean(jnp.argmax(logits, axis=-1) == labels)


def stack(*backbones: Backbone) -> Backbone:
    """Scaffolds with a leading axis S, as `fit` takes them."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *backbones)


@functools.partial(jax.jit, static_argnames=("model", "training"))
def fit(
    model: LowRank,
    training: Training,
    data: Data,
    key: Array,
    backbones: Backbone,
    start: Params | None = None,
) -> Fitted:
    """Train on the mean loss over S scaffolds.

    Args:
        model: its module's call takes ``train``; with ``rank`` None the module itself is trained.
        training: settings.
        data: labels (n,) or, if they differ from scaffold to scaffold, (S, n); likewise of tests.
        key: of the first parameters, the order of the examples, dropout and new draws.
        backbones: `stack` of S scaffolds; one for ordinary training. Not used where they are drawn
            anew.
        start: the first parameters; None draws them, ``model.init``.

    Returns:
        See `Fitted`.
    """
    train_x, train_y, test_x, test_y = (jnp.asarray(part) for part in data)
    num_batches = len(train_x) // training.batch_size
    if num_batches < 1:
        raise ValueError(
            f"batch_size: expected at most {len(train_x)}, the examples, got {training.batch_size}"
        )
    optimizer = optax.adamw(
        optax.cosine_decay_schedule(training.learning_rate, training.num_epochs * num_batches),
        weight_decay=training.weight_decay,
    )
    num_scaffolds = max((len(leaf) for leaf in backbones.values()), default=1)
    shared = len(train_y) == len(train_x)

    def for_each(labels: Array) -> Array:
        """Labels (S, ...) for the S scaffolds."""
        return jnp.broadcast_to(labels, (num_scaffolds, *labels.shape)) if shared else labels

    def loss(params: Params, scaffolds: Backbone, x: Array, y: Array, key: Array) -> Array:
        """Mean over scaffolds; x and y have a leading axis for them."""

        def one(scaffold: Backbone, x: Array, y: Array, key: Array) -> Array:
            logits = model.apply(params, scaffold, x, train=True, rngs={"dropout": key})
            return cross_entropy(logits, y)

        keys = jax.random.split(key, len(x))
        return jnp.mean(jax.vmap(one)(scaffolds, x, y, keys))

    def draw(key: Array, count: int) -> Backbone:
        return jax.vmap(model.backbone)(jax.random.split(key, count))

    def step(carry: tuple[Params, Any, Backbone], given: tuple[Array, Array]) -> Any:
        params, state, scaffolds = carry
        places, key = given
        dropout_key, draw_key = jax.random.split(key)
        x, y = train_x[places], for_each(train_y)[:, places]
        x = jnp.broadcast_to(x, (num_scaffolds, *x.shape))
        if training.resample == "batch":
            parts = training.micro_batches
            scaffolds = draw(draw_key, parts)
            x, y = (leaf[0].reshape(parts, -1, *leaf.shape[2:]) for leaf in (x, y))
        value, slope = jax.value_and_grad(loss)(params, scaffolds, x, y, dropout_key)
        updates, state = optimizer.update(slope, state, params)
        return (optax.apply_updates(params, updates), state, scaffolds), value

    def epoch(carry: tuple[Params, Any, Backbone], key: Array) -> Any:
        params, state, scaffolds = carry
        order_key, step_key, draw_key, test_key = jax.random.split(key, 4)
        if training.resample == "epoch":
            scaffolds = draw(draw_key, 1)
        order = jax.random.permutation(order_key, len(train_x))
        places = order[: num_batches * training.batch_size].reshape(num_batches, -1)
        keys = jax.random.split(step_key, num_batches)
        (params, state, scaffolds), losses = jax.lax.scan(
            step, (params, state, scaffolds), (places, keys)
        )
        tested = scaffolds if training.resample == "never" else draw(test_key, 1)

        def test(scaffold: Backbone, y: Array) -> tuple[Array, Array]:
            logits = model.apply(params, scaffold, test_x)
            return cross_entropy(logits, y), accuracy(logits, y)

        tests = jax.vmap(test)(tested, for_each(test_y))
        return (params, state, scaffolds), (jnp.mean(losses), *tests)

    init_key, run_key = jax.random.split(key)
    params = model.init(init_key) if start is None else start
    if training.resample == "batch":
        backbones = draw(init_key, training.micro_batches)
    elif training.resample == "epoch":
        backbones = draw(init_key, 1)
    keys = jax.random.split(run_key, training.num_epochs)
    (params, _, _), curves = jax.lax.scan(epoch, (params, optimizer.init(params), backbones), keys)
    return Fitted(params, *curves)

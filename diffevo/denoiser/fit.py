r"""Training: all epochs as one compiled scan of optax steps on flat weights.

The loss of a batch is sum_i w_i |F(x_i) - target_i|^2 / (D sum_i w_i), the sums in expectation over
the data, so that a row without weight, or one of the memory that is still empty, teaches nothing.

What does not depend on the weights is drawn for many steps at once: the order of the rows, levels
(stratified over each batch), noisy genomes, targets. The noise comes from a bank of some thousand
normal vectors, drawn anew for every fit and met at random offsets and with random signs; drawing
each pair's own would take longer than the gradient.

Shape letters: R rows, D dimensions, C condition values, K conditions, W weights, B batch.
"""

import dataclasses
from typing import Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from diffevo.core import draws, guidance
from diffevo.core.noise import standard_normal
from diffevo.denoiser import network as networks
from diffevo.denoiser import process

# Inputs drawn at once: what a core's cache holds. The bank: 16 MB, but no fewer rows than the data.
_CHUNK_ELEMENTS, _BANK_ELEMENTS, _MAX_BANK = 2**18, 2**22, 4
# Distinct levels that are trained on, whatever the schedule's length.
_NUM_LEVELS = 1024
# An epoch this much worse than an untrained network has diverged.
_DIVERGED = 10.0
_EMA = 0.9


@dataclasses.dataclass(frozen=True)
class Training:
    """How a network is fitted; static.

    Attributes:
        num_epochs: >= 1; each row is seen once an epoch.
        batch_size: B >= 1, at most the number of rows.
        keep: which weights are handed out: of the epoch with the lowest loss ("best"), a running
            mean over epochs ("ema"), or the "last".
        continued: start from the given weights and optimizer state rather than anew.
        max_gradient_norm: longer gradients are shortened to it; None leaves them.
    """

    num_epochs: int = 100
    batch_size: int = 32
    keep: Literal["best", "ema", "last"] = "best"
    continued: bool = False
    max_gradient_norm: float | None = None

    def __post_init__(self) -> None:
        """Check the configuration."""
        for name in ("num_epochs", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name}: expected an int >= 1, got {value!r}")
        if self.keep not in ("best", "ema", "last"):
            raise ValueError(f"keep: expected 'best', 'ema' or 'last', got {self.keep!r}")
        if self.max_gradient_norm is not None and not self.max_gradient_norm > 0:
            raise ValueError(
                f"max_gradient_norm: expected None or a number > 0, got {self.max_gradient_norm!r}"
            )


@dataclasses.dataclass(frozen=True)
class Denoiser:
    """A network, what it predicts, and how many conditions it knows; static.

    Attributes:
        network: a Flax module called with (x (n, D), features (n, F)).
        prediction: see `diffevo.denoiser.process`.
        widths: number of values of each condition, length K, sum C.
    """

    network: nn.Module
    prediction: process.Prediction = "eps"
    widths: tuple[int, ...] = ()

    @property
    def _num_features(self) -> int:
        return networks.num_features(sum(self.widths), len(self.widths))

    def init_weights(self, key: Array, num_dims: int, dtype) -> Array:
        """Fresh flat weights, shape (W,)."""
        return networks.init_weights(self.network, key, num_dims, self._num_features, dtype)

    def only(self, present: Array, condition: Array, keep: Array) -> tuple[Array, Array]:
        """(condition, present) with those conditions set to "none" that are absent or not kept."""
        present = present * keep
        owner = np.repeat(np.arange(len(self.widths)), self.widths)
        return condition * present[:, owner], present

    def estimate_x0(
        self,
        weights: Array,
        x: Array,
        alpha: Array,
        condition: Array,
        present: Array,
        scales: Array,
        limit: Array,
    ) -> Array:
        """Guided estimate of the origins.

        Args:
            weights: flat, shape (W,).
            x: noisy standardised genomes, shape (n, D).
            alpha: their level, a scalar.
            condition: target values, shape (n, C).
            present: 1 where a condition is asked for, shape (n, K).
            scales: guidance scales, shape (K,).
            limit: estimates are clamped to [-limit, limit].

        Returns:
            Shape (n, D).
        """
        count = len(self.widths)
        level = jnp.tile(networks.waves(jnp.reshape(alpha, 1)), (x.shape[0], 1))
        inputs = []
        for keep in np.concatenate([np.zeros((1, count)), np.eye(count)]):
            values, flags = self.only(present, condition, jnp.asarray(keep, x.dtype)[None])
            inputs.append(networks.features(level, values, flags))
        # One call for the unconditional and all conditional predictions.
        outputs = networks.apply(
            self.network, weights, jnp.tile(x, (count + 1, 1)), jnp.concatenate(inputs)
        ).reshape(count + 1, *x.shape)
        output = guidance.mix(outputs[0], outputs[1:], scales)
        return process.estimate_x0(self.prediction, output, x, alpha, limit)


class Data(NamedTuple):
    """What is learned from; the first `num_filled` rows count."""

    genomes: Array  # (R, D), standardised
    weights: Array  # (R,), >= 0, zero where there is nothing
    condition: Array  # (R, C), zero where absent
    present: Array  # (R, K)
    num_filled: Array  # int32


class Hyperparameters(NamedTuple):
    """Traced numbers of a fit."""

    alphas: Array
    learning_rate: Array  # falls to zero by a cosine
    weight_decay: Array  # decoupled: 0 is Adam, above is AdamW
    condition_dropout: Array  # share of rows that are trained without any condition


class Start(NamedTuple):
    """Where a fit may begin."""

    weights: Array  # (W,), of the fit before
    optimizer: optax.OptState  # of the fit before
    fresh: Array  # (W,), a network as new


class Fitted(NamedTuple):
    """What a fit leaves behind."""

    weights: Array  # (W,)
    optimizer: optax.OptState
    loss: Array  # of the epoch with the lowest one
    num_restarts: Array  # int32: how often the loss diverged and the network was begun anew


def make_optimizer(training: Training, weight_decay: Array) -> optax.GradientTransformation:
    """Adam with decoupled weight decay on flat weights; the learning rate is applied outside."""
    parts = [optax.scale_by_adam(), optax.add_decayed_weights(weight_decay)]
    if training.max_gradient_norm is not None:
        parts = [optax.clip_by_global_norm(training.max_gradient_norm), *parts]
    return optax.chain(*parts)


class _Carry(NamedTuple):
    weights: Array
    optimizer: optax.OptState
    kept: Array
    best_loss: Array
    num_restarts: Array


def fit(
    denoiser: Denoiser,
    training: Training,
    key: Array,
    data: Data,
    start: Start,
    numbers: Hyperparameters,
) -> Fitted:
    """Fit a denoiser to weighted data.

    A loss that is not finite, or ten times that of an untrained network, has diverged: the network
    and the optimizer's state begin anew, and the remaining epochs go on from there.

    Args:
        denoiser: network, prediction and conditions.
        training: epochs, batches, which weights to keep.
        key: random key, consumed.
        data: see `Data`.
        start: a fresh network, or weights and optimizer state to continue from: as training says.
        numbers: see `Hyperparameters`.

    Returns:
        See `Fitted`. Without any data the network is as new.
    """
    num_rows, num_dims = data.genomes.shape
    dtype = data.genomes.dtype
    batch = min(training.batch_size, num_rows)
    steps = num_rows // batch
    # Steps whose inputs are drawn at once.
    chunk = next(
        n
        for n in range(steps, 0, -1)
        if steps % n == 0 and (n == 1 or n * batch * num_dims <= _CHUNK_ELEMENTS)
    )
    layout = (training.num_epochs, steps // chunk, chunk * batch)
    # A longer body saves time in a long fit; in a short one compiling it costs more.
    unroll = 2 if chunk % 2 == 0 and training.num_epochs * steps > 1000 else 1
    num_words = 4 if denoiser.widths else 3
    bank_rows = num_rows * max(1, min(_MAX_BANK, _BANK_ELEMENTS // (num_rows * num_dims)))
    words, bank_key = draws.draw(key, (num_words, training.num_epochs, num_rows), (4,))
    bank_shape = (bank_rows + chunk * batch, num_dims)
    bank = standard_normal(draws.keys(bank_key, key), bank_shape, dtype)
    rows = _orders(words[0])[:, : steps * batch].reshape(layout)
    rows = rows % jnp.maximum(data.num_filled, 1)
    words = words[1:, :, : steps * batch].reshape(num_words - 1, *layout)

    optimizer = make_optimizer(training, numbers.weight_decay)
    fresh, fresh_state = start.fresh, optimizer.init(start.fresh)
    weights, state = start[:2] if training.continued else (fresh, fresh_state)
    decay = (1.0 + np.cos(np.linspace(0.0, np.pi, training.num_epochs * steps))) / 2.0
    rates = numbers.learning_rate * jnp.asarray(decay.reshape(*layout[:2], chunk), dtype)
    # Mean 1 over the rows that count.
    total = jnp.sum(data.weights) / jnp.maximum(data.num_filled, 1).astype(dtype)
    row_weights = data.weights / jnp.where(total > 0, total, 1.0)

    # Never the clean end itself, where there is nothing to learn.
    times = (jnp.arange(_NUM_LEVELS, dtype=dtype) + 0.5) / _NUM_LEVELS
    alphas = process.level(numbers.alphas, times)
    levels = jnp.concatenate([alphas[:, None], networks.waves(alphas)], axis=1)

    def loss_of(weights: Array, x: Array, inputs: Array, target: Array, scale: Array) -> Array:
        residual = networks.apply(denoiser.network, weights, x, inputs) - target
        return jnp.sum((scale * residual) ** 2)

    def step(carry: tuple[Array, optax.OptState], inputs):
        weights, state = carry
        examples, rate = inputs
        loss, gradient = jax.value_and_grad(loss_of)(weights, *examples)
        # optax counts steps in integers, which strict promotion would not let it raise to.
        with jax.numpy_dtype_promotion("standard"):
            update, state = optimizer.update(gradient, state, weights)
        return (weights - rate * update, state), loss

    def take(values: Array, index: Array) -> Array:
        # Without the check for places that do not exist, a pass over everything taken.
        return values.at[index].get(mode="promise_in_bounds")

    def draw(rows: Array, words: Array) -> tuple[tuple[Array, ...], Array]:
        """(examples of a chunk of steps, loss of an output of zero)."""
        # The word's highest bit is the noise's sign, the rest a place within the stratum.
        flip = (words[0] >> 31).astype(bool)
        within = draws.uniform(words[0] << 1, dtype)
        time = (jnp.tile(jnp.arange(batch), chunk).astype(dtype) + within) / batch
        level = take(levels, (time * _NUM_LEVELS).astype(jnp.int32))
        offset = (words[1, 0] % jnp.uint32(bank_rows)).astype(jnp.int32)
        eps = lax.dynamic_slice_in_dim(bank, offset, chunk * batch)
        eps = jnp.where(flip[:, None], -eps, eps)
        genomes = take(data.genomes, rows)
        x, target = process.training_pair(denoiser.prediction, genomes, eps, level[:, 0])
        condition, present = take(data.condition, rows), take(data.present, rows)
        if denoiser.widths:
            keep = _kept_condition(words[2], len(denoiser.widths), numbers.condition_dropout)
            condition, present = denoiser.only(present, condition, keep)
        inputs = networks.features(level[:, 1:], condition, present)
        scale = jnp.sqrt(take(row_weights, rows) / (batch * num_dims))[:, None]
        untrained = jnp.sum((scale * target) ** 2) / chunk
        examples = (x, inputs, target, scale)
        return jax.tree.map(lambda a: a.reshape(chunk, batch, a.shape[1]), examples), untrained

    def chunk_of_steps(carry, inputs):
        rows, words, rates = inputs
        examples, untrained = draw(rows, words)
        carry, losses = lax.scan(step, carry, (examples, rates), unroll=unroll)
        return carry, (jnp.mean(losses), untrained)

    def epoch(carry: _Carry, inputs) -> tuple[_Carry, None]:
        (weights, state), (losses, untrained) = lax.scan(
            chunk_of_steps, (carry.weights, carry.optimizer), inputs
        )
        loss = jnp.mean(losses)
        intact = (loss <= _DIVERGED * jnp.mean(untrained)) & jnp.all(jnp.isfinite(weights))
        weights, state = jax.tree.map(
            lambda new, old: jnp.where(intact, new, old), (weights, state), (fresh, fresh_state)
        )
        first = jnp.isinf(carry.best_loss)
        if training.keep == "best":
            kept = jnp.where(intact & (loss < carry.best_loss), weights, carry.kept)
        elif training.keep == "ema":
            kept = _EMA * carry.kept + (1.0 - _EMA) * weights
            kept = jnp.where(intact & ~first, kept, weights)
        else:
            kept = weights
        best_loss = jnp.where(intact, jnp.minimum(loss, carry.best_loss), carry.best_loss)
        restarts = carry.num_restarts + (~intact).astype(jnp.int32)
        return _Carry(weights, state, kept, best_loss, restarts), None

    none = jnp.zeros((), jnp.int32)
    carry = _Carry(weights, state, weights, jnp.asarray(jnp.inf, dtype), none)
    carry, _ = lax.scan(epoch, carry, (rows, jnp.moveaxis(words, 0, 2), rates))
    # If no epoch was sound, there is nothing better than the untrained network, whose loss is 1 for
    # data of unit variance at "v", and of that order otherwise.
    sound = jnp.isfinite(carry.best_loss)
    return Fitted(
        weights=jnp.where(sound, carry.kept, fresh),
        optimizer=carry.optimizer,
        loss=jnp.where(sound, carry.best_loss, 1.0),
        num_restarts=carry.num_restarts,
    )


def _orders(words: Array) -> Array:
    """Random orders of 0 .. length - 1, one for each row of random words (count, length).

    The index rides in the low bits of the word: one array to sort instead of two, which is several
    times as fast on a CPU. Equal high bits keep their order; they are rare.
    """
    length = words.shape[1]
    low = max(length - 1, 1).bit_length()
    index = jnp.arange(length, dtype=jnp.uint32)[None]
    ordered = jnp.sort((words >> low << low) | index, axis=1)
    return (ordered & jnp.uint32(2**low - 1)).astype(jnp.int32)


def _kept_condition(words: Array, count: int, dropout: Array) -> Array:
    """Which condition each row is trained with, one-hot (n, K); none with probability dropout.

    Guidance asks for no condition and for one at a time (`diffevo.core.guidance`), so no other
    combination is worth learning.
    """
    which = ((words & 0xFF) % count).astype(jnp.int32)
    kept = draws.uniform(words, dropout.dtype) >= dropout
    return jax.nn.one_hot(which, count, dtype=dropout.dtype) * kept.astype(dropout.dtype)[:, None]

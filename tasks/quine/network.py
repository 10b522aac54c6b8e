r"""A network that is asked for its own weights, one by one.

    f_theta(c) = w^T SELU(W2 SELU(W1 SELU(P_c)))

P_c is a fixed random projection of the one-hot coordinate c, and theta holds W1, W2 and w, in this
order: the network is a quine if f_theta(c) = theta_c for every coordinate c. The *auxiliary* quine
also classifies images: P_c has half the units, the other half is a fixed random projection of an
image, and beside w there is a readout of one logit a class, whose weights are to be replicated too.

What counts as replication. The sum of squared errors SSE = sum_c (f_theta(c) - theta_c)^2 is 0 for
theta = 0, and small for small weights, whatever the network does. So beside it stands

    relative error = SSE / sum_c theta_c^2,

0 for a perfect copy and 1 for a network that always answers 0, and R^2 = 1 - SSE / sum_c (theta_c -
mean)^2, 0 for a network that always answers the mean weight. Shrinking weights improves neither: as
theta -> 0 the relative error tends to 1, for f is of third order in theta.

Shape letters: H hidden units, D weights, B queries, I pixels, C classes.

Reference: Chang, Lipson. Neural Network Quine. arXiv 1803.05859. Ours: the relative error, and the
distribution of weights and projections, uniform in +-1 / sqrt(H), with which the start is near the
paper's (SSE 90.16).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

# W1 and W2 (H, H), readouts (1 + C, H) of which the first is w.
Layers = tuple[Array, Array, Array]


class Errors(NamedTuple):
    """How well weights are replicated; leaves may have leading axes."""

    sse: Array  # sum of squared errors
    norm: Array  # sum of squared weights
    relative: Array  # sse / norm; 1 where all weights are 0
    r2: Array  # 1 - sse / sum of squared deviations from the mean weight


@dataclass(frozen=True)
class QuineNetwork:
    """See the module's first lines.

    Args:
        hidden: H >= 2, even with images.
        num_pixels: I; 0 is the vanilla quine, which sees no image.
        num_classes: C; 0 where there is no image.
        seed: of the projections.

    Raises:
        ValueError: for numbers out of these ranges.
    """

    hidden: int = 100
    num_pixels: int = 0
    num_classes: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.hidden < 2 or (self.num_pixels and self.hidden % 2):
            raise ValueError(
                f"hidden: expected at least 2, an even number with images, got {self.hidden}"
            )
        if min(self.num_pixels, self.num_classes) < 0 or (
            (self.num_pixels == 0) != (self.num_classes == 0)
        ):
            raise ValueError(
                "num_pixels, num_classes: expected both positive or both 0, "
                f"got {self.num_pixels} and {self.num_classes}"
            )

    @property
    def num_weights(self) -> int:
        """D = 2 H^2 + H (1 + C)."""
        return 2 * self.hidden**2 + self.hidden * (1 + self.num_classes)

    @property
    def coordinate_inputs(self) -> Array:
        """P, a row for each coordinate: shape (D, H), with images (D, H / 2)."""
        width = self.hidden // 2 if self.num_pixels else self.hidden
        return self._uniform(jax.random.key(self.seed), (self.num_weights, width))

    def image_inputs(self, images: Array) -> Array:
        """Projections of images (B, I): shape (B, H / 2)."""
        key = jax.random.fold_in(jax.random.key(self.seed), 1)
        return images @ self._uniform(key, (self.num_pixels, self.hidden // 2))

    def initial(self, key: Array) -> Array:
        """Random weights, shape (D,)."""
        return self._uniform(key, (self.num_weights,))

    def layers(self, weights: Array) -> Layers:
        """W1, W2 and the readouts of weights (D,)."""
        size, square = self.hidden, self.hidden**2
        first, second = weights[: 2 * square].reshape(2, size, size)
        return first, second, weights[2 * square :].reshape(1 + self.num_classes, size)

    def apply(self, layers: Layers, inputs: Array) -> tuple[Array, Array]:
        """Answers and logits of queries.

        Args:
            layers: of theta.
            inputs: rows of `inputs`, shape (B, H).

        Returns:
            (f_theta, shape (B,); logits, shape (B, C)).
        """
        first, second, readout = layers
        hidden = jax.nn.selu(jax.nn.selu(inputs) @ first)
        out = jax.nn.selu(hidden @ second) @ readout.T
        return out[:, 0], out[:, 1:]

    def replicate(self, weights: Array, images: Array | None = None) -> Array:
        """The network's answers to all coordinates: what it takes its weights for.

        Args:
            weights: theta, shape (D,).
            images: shown in turn beside the coordinates, shape (B, I), if the network sees images.

        Returns:
            f_theta, shape (D,).
        """
        return self.apply(self.layers(weights), self.inputs(images))[0]

    def inputs(self, images: Array | None = None) -> Array:
        """What the network is given for all coordinates, shape (D, H).

        Raises:
            ValueError: images are missing, of another size, or given to a network without eyes.
        """
        coordinates = self.coordinate_inputs
        if images is None:
            if self.num_pixels:
                raise ValueError(f"images: expected shape (B, {self.num_pixels}), got none")
            return coordinates
        if images.ndim != 2 or images.shape[1] != self.num_pixels or not self.num_pixels:
            raise ValueError(
                f"images: expected "
                f"{f'shape (B, {self.num_pixels})' if self.num_pixels else 'none'}, "
                f"got shape {images.shape}"
            )
        rows = jnp.arange(self.num_weights) % images.shape[0]
        return jnp.concatenate([coordinates, self.image_inputs(images)[rows]], axis=1)

    def errors(self, weights: Array, images: Array | None = None) -> Errors:
        """How well weights (D,) are replicated."""
        return errors(weights, self.replicate(weights, images))

    def _uniform(self, key: Array, shape: tuple[int, ...]) -> Array:
        limit = 1 / math.sqrt(self.hidden)
        return jax.random.uniform(key, shape, minval=-limit, maxval=limit)


def errors(weights: Array, copy: Array) -> Errors:
    """How much a copy (..., D) differs from weights (..., D)."""
    sse = jnp.sum((copy - weights) ** 2, axis=-1)
    norm = jnp.sum(weights**2, axis=-1)
    spread = jnp.sum((weights - jnp.mean(weights, axis=-1, keepdims=True)) ** 2, axis=-1)
    return Errors(sse, norm, _ratio(sse, norm), 1 - _ratio(sse, spread))


def flat(layers: Layers) -> Array:
    """Weights (D,) of the layers."""
    return jnp.concatenate([layer.ravel() for layer in layers])


def _ratio(numerator: Array, denominator: Array) -> Array:
    """The ratio, and 1 where nothing is divided by nothing."""
    nothing = denominator <= jnp.finfo(denominator.dtype).tiny
    return jnp.where(nothing, 1.0, numerator / jnp.where(nothing, 1.0, denominator))

r"""The only part that learns: a linear map from snapshots to classes, by ridge regression.

    min over w, c of  sum_i (w x_i + c - y_i)^2 + alpha |w|^2,   y = 1 for the class, -1 for others

one class at a time, all with the same matrix. The answer is the class with the greatest value.
With fewer images than features the n x n matrix of the images' products is solved instead of the
P x P one. Products of booleans are counts, which float32 holds exactly; the solution is in JAX's
default precision, which `classify` raises to float64.

Shape letters: n images, P features, C classes, A values of alpha.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

CLASSES = 10


class Readout(NamedTuple):
    """A linear map.

    Attributes:
        weights: (..., P, C).
        offset: (..., C).
    """

    weights: Array
    offset: Array

    def __call__(self, features: Array) -> Array:
        """Values (..., m, C) of features (m, P)."""
        return features.astype(self.weights.dtype) @ self.weights + self.offset[..., None, :]


def fit(features: Array, labels: Array, alphas: Array, num_classes: int = CLASSES) -> Readout:
    """Ridge regression onto the classes, for several alphas; may be traced.

    Args:
        features: (n, P), booleans or numbers.
        labels: (n,), integers below the number of classes.
        alphas: (A,), > 0.
        num_classes: C.

    Returns:
        Readouts with leaves (A, ...).
    """
    dtype = jnp.result_type(float)
    targets = 2 * jax.nn.one_hot(labels, num_classes, dtype=dtype) - 1
    exact = jnp.float32 if features.dtype == bool else dtype
    x = features.astype(exact)
    mean = jnp.mean(x, axis=0, dtype=dtype)
    offset = jnp.mean(targets, axis=0)
    y = targets - offset
    num_images, num_features = features.shape
    highest = jax.lax.Precision.HIGHEST
    if num_features <= num_images:
        products = jnp.matmul(x.T, x, precision=highest).astype(dtype)
        matrix = products - num_images * jnp.outer(mean, mean)
        right = x.T.astype(dtype) @ y
    else:
        products = jnp.matmul(x, x.T, precision=highest).astype(dtype)
        rows = jnp.mean(products, axis=1)
        matrix = products - rows[:, None] - rows + jnp.mean(rows)
        right = y

    def solve(alpha: Array) -> Array:
        system = matrix + alpha * jnp.eye(len(matrix), dtype=dtype)
        return jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(system), True), right)

    weights = jax.lax.map(solve, alphas.astype(dtype))
    if num_features > num_images:
        sums = jnp.sum(weights, axis=1, keepdims=True)
        weights = x.T.astype(dtype) @ weights - mean[:, None] * sums
    return Readout(weights, offset - mean @ weights)


_fit = jax.jit(fit, static_argnums=3)


def classify(
    train: tuple[np.ndarray, np.ndarray],
    others: Sequence[np.ndarray],
    alphas: Sequence[float],
    num_classes: int = CLASSES,
) -> list[np.ndarray]:
    """Fit in float64, and tell the classes of other images.

    Args:
        train: features (n, P) and labels (n,).
        others: features (m, P) of each further set.
        alphas: (A,), > 0.
        num_classes: C.

    Returns:
        Of each further set the classes (A, m).

    Raises:
        ValueError: an alpha is not above 0, or labels and features differ in number.
    """
    features, labels = train
    if not min(alphas) > 0:
        raise ValueError(f"alphas: expected numbers > 0, got {tuple(alphas)}")
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(
            f"train: expected features (n, P) and n labels, got {features.shape} and {labels.shape}"
        )
    # Constant features change nothing, and let data of about the same size share a program.
    num_features = features.shape[1]
    room = -num_features % max(64, 1 << max(0, num_features.bit_length() - 3))
    features = np.pad(features, ((0, 0), (0, room)))
    with jax.enable_x64(True):
        readout = _fit(
            jnp.asarray(features), jnp.asarray(labels), jnp.asarray(alphas, float), num_classes
        )
    # Telling needs no such precision.
    weights, offset = (np.asarray(part, np.float32) for part in readout)
    weights = weights[:, :num_features]
    return [
        np.argmax(other.astype(np.float32) @ weights + offset[:, None], axis=-1) for other in others
    ]

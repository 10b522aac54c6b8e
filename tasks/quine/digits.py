"""Scikit-learn's digits, for the auxiliary quine."""

import jax
import jax.numpy as jnp
import numpy as np

from tasks.images import sklearn_datasets
from tasks.quine.training import Digits


def load_digits(test_share: float = 0.2, seed: int = 0) -> tuple[Digits, Digits]:
    """1797 images of 8 x 8 pixels of handwritten digits, divided at random.

    Args:
        test_share: of the images, in (0, 1).
        seed: of the division.

    Returns:
        (to train on, to test on): images (M, 64) in [0, 1], labels (M,).

    Raises:
        ImportError: scikit-learn is missing; the message says how to get it.
        ValueError: a share out of its range.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"test_share: expected a share in (0, 1), got {test_share}")
    images, labels = sklearn_datasets().load_digits(return_X_y=True)
    order = np.asarray(jax.random.permutation(jax.random.key(seed), len(labels)))
    held_out = round(test_share * len(labels))
    images, labels = (np.asarray(part)[order] for part in (images, labels))
    test, train = (
        Digits(jnp.asarray(images[part] / 16, jnp.float32), jnp.asarray(labels[part], jnp.int32))
        for part in (slice(held_out), slice(held_out, None))
    )
    return train, test

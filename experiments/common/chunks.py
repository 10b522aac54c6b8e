"""Repetitions in chunks that fit in memory, without compiling twice."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def repetition_keys(seed: int, repetitions: int) -> Array:
    """The run key of every repetition: fold_in(key(seed), repetition), shape (repetitions,).

    A repetition's key does not depend on how many there are: more repetitions extend a study.
    """
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(
        jax.random.key(seed), jnp.arange(repetitions)
    )


def over_chunks(
    function: Callable[[Array], Any],
    keys: Array,
    chunk_size: int,
    advance: Callable[[int], None] | None = None,
) -> Any:
    """Apply a function of a batch of keys chunk by chunk and join the results on the host.

    The last chunk is filled up with keys that were used already, and cut, so that every call has
    the same shape and compiles once.

    Args:
        function: keys (chunk,) -> pytree of arrays (chunk, ...).
        keys: shape (repetitions,).
        chunk_size: >= 1.
        advance: called with the number of repetitions done, after each chunk.

    Returns:
        The pytree with numpy leaves (repetitions, ...).
    """
    total = keys.shape[0]
    chunk_size = min(chunk_size, total)
    parts = []
    for start in range(0, total, chunk_size):
        size = min(chunk_size, total - start)
        chunk = keys[(start + np.arange(chunk_size)) % total]
        part = jax.tree.map(lambda leaf, size=size: np.asarray(leaf)[:size], function(chunk))
        parts.append(part)
        if advance is not None:
            advance(size)
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)

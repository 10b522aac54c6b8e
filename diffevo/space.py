r"""Between the user's solutions and the unit-Gaussian genome that diffusion works on.

Bounded coordinates: x = center + half_width r(u), where r folds the genome u into [-1, 1] by
reflection at the bounds, r(u) = |((u + 1) mod 4) - 2| - 1 up to sign; the unit Gaussian that a
search starts from then covers the box nearly evenly. Unbounded ones: x = center + scale u.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from diffevo.algorithms.base import SolutionSpec

PyTree = Any


class Box(struct.PyTreeNode):
    """An axis-parallel box, or all of space; traced, so other bounds compile nothing.

    Attributes:
        center: shape (D,).
        scale: half the width of the box, or the prior spread where unbounded, shape (D,).
        bounded: shape (D,), booleans.
    """

    center: Array
    scale: Array
    bounded: Array

    def decode(self, genomes: Array) -> Array:
        """Genomes (..., D) to solutions within the bounds."""
        folded = 1.0 - jnp.abs(jnp.mod(genomes + 1.0, 4.0) - 2.0)
        return self.center + self.scale * jnp.where(self.bounded, folded, genomes)

    def encode(self, solutions: Array) -> Array:
        """Solutions (..., D) to the genomes that decode to them, within [-1, 1] where bounded."""
        genomes = (solutions - self.center) / self.scale
        return jnp.where(self.bounded, jnp.clip(genomes, -1.0, 1.0), genomes)


def _flat(name: str, value: Any, template: PyTree, spec: SolutionSpec) -> np.ndarray:
    """A scalar, or a pytree that broadcasts against the template, as float64 (D,)."""
    leaves, treedef = jax.tree.flatten(template)
    if jax.tree.structure(value) == treedef:
        parts = jax.tree.leaves(value)
    elif np.ndim(value) == 0 and not isinstance(value, (dict, list, tuple)):
        parts = [value] * len(leaves)
    else:
        raise ValueError(
            f"{name}: expected a number or the structure of a solution, {treedef}, "
            f"got {jax.tree.structure(value)}"
        )
    columns = []
    for part, shape in zip(parts, spec.shapes, strict=True):
        try:
            column = np.broadcast_to(np.asarray(part, float), shape)
        except ValueError as error:
            raise ValueError(
                f"{name}: expected a shape that broadcasts to {shape}, got {np.shape(part)}"
            ) from error
        columns.append(np.ravel(column))
    return np.concatenate(columns)


def make_box(
    bounds: tuple[Any, Any] | None, x0: PyTree | None, scale: Any
) -> tuple[Box, SolutionSpec]:
    """Read the user's description of what is optimised.

    Args:
        bounds: (low, high), each a number, an array or a pytree like a solution; None: unbounded.
        x0: a solution, also the template; None: bounds give the shape.
        scale: prior spread of unbounded coordinates: a number or a pytree like a solution, > 0.

    Returns:
        (box, structure of a solution).

    Raises:
        ValueError: the shape cannot be known, or low < high does not hold, or a value is not
            finite.
    """
    if bounds is not None and (not isinstance(bounds, (tuple, list)) or len(bounds) != 2):
        raise ValueError(f"bounds: expected a pair (low, high), got {bounds!r}")
    if x0 is None and bounds is None:
        raise ValueError("bounds, x0: expected at least one of them, got neither")
    if x0 is None:
        low, high = bounds  # type: ignore[misc]
        wider = high if np.size(jax.tree.leaves(high)[0]) > 1 else low
        template = jax.tree.map(
            lambda leaf: np.zeros(np.shape(leaf), jax.dtypes.canonicalize_dtype(float)), wider
        )
        if all(np.ndim(leaf) == 0 for leaf in jax.tree.leaves(template)):
            raise ValueError(
                "bounds: expected arrays (one number per coordinate) unless x0 gives the shape, "
                f"got {bounds!r}"
            )
    else:
        template = jax.tree.map(jnp.asarray, x0)
    spec = SolutionSpec.of(template)
    start = np.zeros(spec.num_dims) if x0 is None else _flat("x0", x0, template, spec)
    if not np.all(np.isfinite(start)):
        raise ValueError("x0: expected finite numbers, got some that are not")

    if bounds is None:
        center, spread = start, _flat("scale", scale, template, spec)
        if not (np.all(spread > 0) and np.all(np.isfinite(spread))):
            raise ValueError(f"scale: expected finite numbers > 0, got {scale!r}")
    else:
        low, high = (_flat(f"bounds[{i}]", side, template, spec) for i, side in enumerate(bounds))
        if not (np.all(low < high) and np.all(np.isfinite(high - low))):
            raise ValueError(
                "bounds: expected finite (low, high) with low < high in every coordinate, "
                f"got {bounds!r}"
            )
        if x0 is not None and not (np.all(start >= low) and np.all(start <= high)):
            raise ValueError(f"x0: expected a solution within the bounds, got {x0!r}")
        center, spread = (low + high) / 2.0, (high - low) / 2.0
    box = Box(
        center=jnp.asarray(center, spec.dtype),
        scale=jnp.asarray(spread, spec.dtype),
        bounded=jnp.full(spec.num_dims, bounds is not None),
    )
    return box, spec

"""Pytrees of many small arrays as a few larger ones.

Every array that goes into a compiled program or comes out of it costs some microseconds, as much as
the program itself spends on it where it is small. So what goes through one and the same program
again and again, generation by generation, goes as one array for each dtype.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

PyTree = Any

# Larger arrays go by themselves: copying them would take longer.
_MOST_NUMBERS = 2**14


@dataclasses.dataclass(frozen=True)
class Packing:
    """How arrays of a structure are packed; hashable.

    Attributes:
        treedef: the structure.
        shapes: of the leaves.
        dtypes: of the leaves.
    """

    treedef: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[Any, ...]

    @classmethod
    def of(cls, tree: PyTree) -> "Packing":
        """That of arrays, or `jax.ShapeDtypeStruct`s, like these."""
        leaves, treedef = jax.tree.flatten(tree)
        return cls(
            treedef, tuple(leaf.shape for leaf in leaves), tuple(leaf.dtype for leaf in leaves)
        )

    def _groups(self) -> tuple[list[list[int]], list[int]]:
        """(indices of leaves that go together, indices of those that go by themselves)."""
        groups: dict[Any, list[int]] = {}
        alone = []
        for index, (shape, dtype) in enumerate(zip(self.shapes, self.dtypes, strict=True)):
            is_number = not jnp.issubdtype(dtype, jax.dtypes.extended)
            if is_number and int(np.prod(shape)) <= _MOST_NUMBERS:
                groups.setdefault(dtype, []).append(index)
            else:
                alone.append(index)
        return list(groups.values()), alone

    def pack(self, tree: PyTree) -> list[Array]:
        """The arrays of a pytree of this structure, as few."""
        leaves = jax.tree.leaves(tree)
        groups, alone = self._groups()
        together = [jnp.concatenate([jnp.ravel(leaves[i]) for i in group]) for group in groups]
        return together + [leaves[i] for i in alone]

    def unpack(self, packed: list[Any]) -> PyTree:
        """The inverse; of numpy arrays too."""
        leaves: list[Any] = [None] * len(self.shapes)
        groups, alone = self._groups()
        for group, values in zip(groups, packed, strict=False):
            begin = 0
            for i in group:
                end = begin + int(np.prod(self.shapes[i]))
                leaves[i] = values[begin:end].reshape(self.shapes[i])
                begin = end
        for i, values in zip(alone, packed[len(groups) :], strict=True):
            leaves[i] = values
        return self.treedef.unflatten(leaves)

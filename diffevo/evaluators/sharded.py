"""Traceable fitness functions over all devices of this process, or of several (`jax.distributed`).

The population's leading axis is split into one share for each device of a mesh, the rest of the
search is replicated: every device takes its rows, evaluates them, and is sent the values of the
others. The last shares are filled up with copies of the last row, so that any population will do.

Only the evaluation knows of the mesh (`jax.shard_map`, whose arguments and results are replicated),
and it stands between two barriers against fusion. So XLA neither splits the arithmetic of the
search nor mixes it with the user's, and both round as on one device.
"""

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

PyTree = Any

_AXIS = "solutions"
# Longest text that processes send each other.
_NUM_BYTES = 256


@dataclasses.dataclass(frozen=True)
class Sharded:
    """Over all devices that JAX has, of all processes if `jax.distributed` was initialized.

    Every process makes the same call. What a function gives for a solution may depend, in the last
    bits, on how many are evaluated at once: matrix products round differently for other shapes.
    Then the search depends on the number of devices, unless `batch_size` says how many that is.

    Attributes:
        batch_size: solutions that a device evaluates at once; None: all of its share, which is the
            fastest. With a number the search is bit-equal on any number of devices of a kind.

    Raises:
        ValueError: an argument is out of its range.
    """

    batch_size: int | None = None

    def __post_init__(self) -> None:
        """Check the configuration."""
        size = self.batch_size
        is_int = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        if size is not None and not (is_int and size >= 1):
            raise ValueError(f"batch_size: expected an int >= 1 or None, got {size!r}")

    @property
    def replicated(self) -> NamedSharding:
        """Where the search's own arrays are: everywhere."""
        return NamedSharding(_mesh(tuple(jax.devices())), PartitionSpec())

    def num_at_once(self, num: int) -> int:
        """How many of so many solutions a device evaluates at once."""
        share = -(-num // jax.device_count())
        return share if self.batch_size is None else int(self.batch_size)

    def evaluate(self, fun: Callable[[PyTree], Array], solutions: PyTree) -> Array:
        """Values (N,) of a replicated population, replicated.

        Args:
            fun: from so many solutions as `num_at_once` says to as many numbers.
            solutions: leaves (N, ...).
        """
        num = jax.tree.leaves(solutions)[0].shape[0]
        size = self.num_at_once(num)
        num_batches = -(-num // (jax.device_count() * size))

        def share(solutions: PyTree) -> Array:
            first = jax.lax.axis_index(_AXIS) * num_batches * size
            rows = jnp.minimum(first + jnp.arange(num_batches * size), num - 1)
            mine = jax.tree.map(
                lambda leaf: leaf[rows].reshape(num_batches, size, *leaf.shape[1:]), solutions
            )
            values = jax.lax.map(fun, mine) if num_batches > 1 else fun(_first(mine))[None]
            return jax.lax.all_gather(values.reshape(-1), _AXIS, tiled=True)[:num]

        # The user's function was not written for types that say over which axes a value varies.
        everywhere = jax.shard_map(
            share,
            mesh=self.replicated.mesh,
            in_specs=PartitionSpec(),
            out_specs=PartitionSpec(),
            check_vma=False,
        )
        solutions = jax.lax.optimization_barrier(solutions)
        return jax.lax.optimization_barrier(everywhere(solutions))


@functools.cache
def _mesh(devices: tuple[Any, ...]) -> Mesh:
    return Mesh(np.array(devices), (_AXIS,))


def _first(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[0], tree)


def local(tree: PyTree) -> PyTree:
    """Replicated arrays as this process's own, on its first device."""
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


def of_first_process(value: Any) -> Any:
    """What the first process has: for what clocks and callbacks decide, in all alike.

    Args:
        value: short, and made of what JSON knows.
    """
    if jax.process_count() == 1:
        return value
    text = json.dumps(value).encode().ljust(_NUM_BYTES)
    return json.loads(_sent(text))


def arrays_of_first_process(tree: PyTree, sharding: NamedSharding) -> PyTree:
    """What the first process has, replicated, bit for bit.

    Args:
        tree: numpy arrays, in all processes of the same shapes and types.
        sharding: where they shall be.
    """
    leaves, treedef = jax.tree.flatten(tree)
    if jax.process_count() > 1:
        data, begin = _sent(b"".join(leaf.tobytes() for leaf in leaves)), 0
        for i, leaf in enumerate(leaves):
            part = np.frombuffer(data, leaf.dtype, leaf.size, begin)
            leaves[i], begin = part.reshape(leaf.shape), begin + leaf.nbytes
    # `jax.device_put` would compare what the processes have, and NaN is not equal to NaN.
    placed = [
        jax.make_array_from_callback(
            leaf.shape, sharding, lambda index, leaf=leaf: np.asarray(leaf[index])
        )
        for leaf in leaves
    ]
    return treedef.unflatten(placed)


def _sent(data: bytes) -> bytes:
    """The bytes of the first process; as many in all."""
    sent = multihost_utils.broadcast_one_to_all(np.frombuffer(data, np.uint8))
    return np.asarray(sent).tobytes()

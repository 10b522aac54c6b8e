"""Small-world graphs of Watts and Strogatz (Nature 393, 440, 1998).

Shape letters: R nodes, k neighbours of a node in the lattice, E = R k / 2 edges.
"""

import functools

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


def check_graph(num_nodes: int, degree: int) -> None:
    """Raise ValueError unless a lattice of that degree exists: 2, 4, ... below the nodes."""
    if degree < 2 or degree % 2 or degree >= num_nodes:
        raise ValueError(
            f"degree: expected an even number from 2 to below num_rings = {num_nodes}, got {degree}"
        )


def draw_rewiring(key: Array, num_nodes: int, degree: int = 2) -> tuple[Array, Array]:
    """The luck of a graph, uniform in [0, 1): whether an edge moves (E,), and where to (E, R)."""
    check_graph(num_nodes, degree)
    num_edges = num_nodes * degree // 2
    chance_key, target_key = jax.random.split(key)
    return (
        jax.random.uniform(chance_key, (num_edges,)),
        jax.random.uniform(target_key, (num_edges, num_nodes)),
    )


@functools.partial(jax.jit, static_argnames="degree")
def small_world(chances: Array, targets: Array, rewiring: ArrayLike, degree: int = 2) -> Array:
    """A ring lattice whose edges are moved with a probability, one after the other.

    Node i is joined to i + 1, ..., i + k / 2. Edge e, from node i, moves if ``chances[e] <
    rewiring``: its other end becomes the node with the greatest of ``targets[e]`` among those that
    are neither i nor already joined to i; if there is none, it stays. With the same luck a larger
    rewiring moves more edges.

    Args:
        chances: (E,), see `draw_rewiring`.
        targets: (E, R).
        rewiring: in [0, 1]; 0 is the lattice. May be traced.
        degree: k.

    Returns:
        Adjacency (R, R), symmetric booleans with E edges.
    """
    num_nodes = targets.shape[1]
    nodes = jnp.arange(num_nodes)
    steps = jnp.repeat(jnp.arange(1, degree // 2 + 1), num_nodes)
    starts = jnp.tile(nodes, degree // 2)
    ends = (starts + steps) % num_nodes
    lattice = jnp.zeros((num_nodes, num_nodes), bool).at[starts, ends].set(True)

    def move(adjacent: Array, edge: tuple[Array, ...]) -> tuple[Array, None]:
        start, end, chance, target = edge
        free = ~adjacent[start] & (nodes != start)
        moves = (chance < rewiring) & jnp.any(free)
        new = jnp.where(moves, jnp.argmax(jnp.where(free, target, -1.0)), end)
        for old, now in ((end, False), (new, True)):
            adjacent = adjacent.at[start, old].set(now).at[old, start].set(now)
        return adjacent, None

    return jax.lax.scan(move, lattice | lattice.T, (starts, ends, chances, targets))[0]


@functools.partial(jax.jit, static_argnames="width")
def neighbours(adjacency: Array, width: int) -> tuple[Array, Array]:
    """The neighbours of every node, as many columns as the node with the most of them needs.

    Args:
        adjacency: (R, R) booleans.
        width: at least the largest number of neighbours.

    Returns:
        Nodes (R, width), and which of these entries are meant (R, width), booleans.
    """
    order = jnp.argsort(~adjacency, axis=1, stable=True)[:, :width]
    return order, jnp.take_along_axis(adjacency, order, axis=1)

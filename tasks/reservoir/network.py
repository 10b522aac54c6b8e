"""Rings of neurons, coupled on a small-world graph: who hears whom.

Reference: arXiv 2507.21377; constants from its authors' programs.

Shape letters: R rings, M neurons (rows), P places in a ring, I inputs, W neighbours of a ring.
"""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jax.typing import ArrayLike

from tasks.reservoir import graph

SMALLEST_RING = 2
"""A ring speaks through its second neuron."""


class Network(struct.PyTreeNode):
    """Connections and constants.

    Row m of the neurons: first those at place 0 of every ring, then those at place 1, and so on, so
    that rows 0 to R - 1 are the first neurons and R to 2 R - 1 the second ones.

    Attributes:
        previous: (M,), row of the neuron before it in its ring.
        ring: (M,), its ring.
        place: (M,), its place in the ring.
        real: (M,), False for rows that belong to no ring: nothing hears them.
        sizes: (R,), neurons of a ring.
        neighbours: (R, W), rings that a ring hears.
        joined: (R, W), which of them are meant.
        inputs: (R, I), which pixels of the window a ring hears.
        coupling: epsilon, weight from another ring.
        gain: weight from a pixel of [0, 1].
    """

    previous: Array
    ring: Array
    place: Array
    real: Array
    sizes: Array
    neighbours: Array
    joined: Array
    inputs: Array
    coupling: Array
    gain: Array

    @property
    def num_neurons(self) -> Array:
        """Those that are real."""
        return jnp.sum(self.sizes)

    @property
    def num_synapses(self) -> Array:
        """Connections within rings, between them, and from the inputs."""
        return self.num_neurons + jnp.sum(self.joined) + jnp.sum(self.inputs)


class Luck(NamedTuple):
    """Uniform draws in [0, 1) that make a network of constants.

    Attributes:
        size: (R,).
        chances: (E,), see `graph.draw_rewiring`.
        targets: (E, R).
        mask: (R, I).
    """

    size: Array
    chances: Array
    targets: Array
    mask: Array


@functools.partial(jax.jit, static_argnames=("num_rings", "num_inputs", "degree"))
def draw(key: Array, num_rings: int, num_inputs: int = 8, degree: int = 2) -> Luck:
    """The luck of a network of R rings with I inputs on a graph of some degree."""
    size_key, graph_key, mask_key = jax.random.split(key, 3)
    chances, targets = graph.draw_rewiring(graph_key, num_rings, degree)
    return Luck(
        jax.random.uniform(size_key, (num_rings,)),
        chances,
        targets,
        jax.random.uniform(mask_key, (num_rings, num_inputs)),
    )


def ring_sizes(luck: Luck, smallest: ArrayLike, largest: ArrayLike) -> Array:
    """Sizes (R,), uniform from the smallest to the largest."""
    spread = jnp.asarray(largest) - smallest + 1
    return jnp.asarray(smallest) + jnp.floor(luck.size * spread).astype(int)


def input_mask(luck: Luck, density: ArrayLike) -> Array:
    """Which ring hears which input (R, I): each with that probability, ring i never input i."""
    return (luck.mask < density) & ~jnp.eye(*luck.mask.shape, dtype=bool)


@functools.lru_cache(maxsize=64)
def _rows(capacities: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ring and place of every row, and the row of every ring and place, of rings with some room."""
    room = np.array(capacities)
    place, ring = np.nonzero(np.arange(room.max())[:, None] < room)
    row = np.zeros((len(room), room.max()), int)
    row[ring, place] = np.arange(len(ring))
    return ring, place, row


@functools.partial(jax.jit, static_argnames=("capacities", "width"))
def connect(
    capacities: tuple[int, ...],
    sizes: Array,
    adjacency: Array,
    width: int,
    inputs: Array,
    coupling: ArrayLike,
    gain: ArrayLike,
) -> Network:
    """A network; all but the first and the fourth argument may be traced.

    Args:
        capacities: R numbers, the rows that each ring is given, at least its size.
        sizes: (R,).
        adjacency: (R, R), of the graph of the rings.
        width: W, at least the most neighbours that a ring has.
        inputs: (R, I).
        coupling: >= 0.
        gain: >= 0.
    """
    ring, place, row = _rows(capacities)
    last = jnp.asarray(row)[jnp.arange(len(row)), sizes - 1]
    before = row[ring, np.maximum(place - 1, 0)]
    others, joined = graph.neighbours(adjacency, width)
    return Network(
        previous=jnp.where(place == 0, last[ring], before),
        ring=jnp.asarray(ring),
        place=jnp.asarray(place),
        real=jnp.asarray(place) < sizes[ring],
        sizes=sizes,
        neighbours=others,
        joined=joined,
        inputs=inputs,
        coupling=jnp.asarray(coupling, float),
        gain=jnp.asarray(gain, float),
    )


@dataclass(frozen=True)
class Design:
    """Constants of a network; the defaults are the paper's tuned ones.

    Attributes:
        num_rings: R, at least 3.
        smallest_ring: neurons of a ring, at least 2.
        largest_ring: at least the smallest; sizes are uniform between both.
        coupling: epsilon >= 0, weight of the second neuron of a neighbour.
        rewiring: p in [0, 1], share of the graph's edges that are moved.
        density: in [0, 1], probability that a ring hears an input; in the paper it is p, too.
        gain: >= 0, weight of an input in [0, 1]; the paper's is 255 / 100 of epsilon.
        degree: k, neighbours of a ring in the lattice before rewiring, even.
        num_inputs: I >= 1, pixels in the sliding window.

    Raises:
        ValueError: a number is out of its range; the message names it.
    """

    num_rings: int = 200
    smallest_ring: int = 3
    largest_ring: int = 10
    coupling: float = 0.25
    rewiring: float = 0.2
    density: float = 0.2
    gain: float = 0.6375
    degree: int = 2
    num_inputs: int = 8

    def __post_init__(self):
        if self.smallest_ring < SMALLEST_RING:
            raise ValueError(
                f"smallest_ring: expected at least {SMALLEST_RING} neurons, got "
                f"{self.smallest_ring}"
            )
        if self.largest_ring < self.smallest_ring:
            raise ValueError(
                f"largest_ring: expected at least smallest_ring = {self.smallest_ring}, got "
                f"{self.largest_ring}"
            )
        for name in ("coupling", "gain"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(
                    f"{name}: expected a finite number >= 0, got {getattr(self, name)}"
                )
        for name in ("rewiring", "density"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a number in [0, 1], got {getattr(self, name)}")
        if self.num_inputs < 1:
            raise ValueError(f"num_inputs: expected at least 1, got {self.num_inputs}")
        graph.check_graph(self.num_rings, self.degree)


def _capacities(sizes: np.ndarray, largest: int) -> tuple[int, ...]:
    """Rows for each ring: its neurons, and some to spare, so that networks share their shape."""
    room = largest - sizes
    spare = -sizes.sum() % max(8, len(sizes))
    given = np.clip(spare - (np.cumsum(room) - room), 0, room)
    return tuple((sizes + given).tolist())


def build(design: Design, key: Array) -> Network:
    """Draw a network; not to be traced.

    It has a few rows that are no neurons, so that networks of the same design share programs.
    """
    luck = draw(key, design.num_rings, design.num_inputs, design.degree)
    sizes = ring_sizes(luck, design.smallest_ring, design.largest_ring)
    adjacency = graph.small_world(luck.chances, luck.targets, design.rewiring, design.degree)
    most = int(jnp.max(jnp.sum(adjacency, axis=1)))
    return connect(
        _capacities(np.asarray(sizes), design.largest_ring),
        sizes,
        adjacency,
        min(most + most % 2, design.num_rings - 1),
        input_mask(luck, design.density),
        design.coupling,
        design.gain,
    )

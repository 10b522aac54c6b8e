"""A grid archive in JAX: the best solution of every cell of the measures, inside any scan.

Shape letters: N population, D genome dimensions, M measures, C cells.

Reference: Mouret and Clune, Illuminating search spaces by mapping elites, arXiv 1504.04909.
"""

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jax.typing import ArrayLike


class Archive(struct.PyTreeNode):
    """What every cell holds; empty cells have the score -inf.

    Attributes:
        scores: higher is better, shape (C,).
        genomes: shape (C, D); (C, 0) counts without keeping them.
        measures: of the elites, shape (C, 2).
    """

    scores: Array
    genomes: Array
    measures: Array

    @property
    def filled(self) -> Array:
        """Booleans (C,)."""
        return self.scores > -jnp.inf


class Gains(struct.PyTreeNode):
    """What a batch would have changed in the archive before it was added, each shape (N,).

    Attributes:
        new: the cell was empty.
        improvement: score minus the elite's; where the cell was empty, the score itself.
    """

    new: Array
    improvement: Array


def empty(side: int, num_dims: int) -> Archive:
    """An archive of side x side cells."""
    cells = side * side
    return Archive(
        jnp.full(cells, -jnp.inf),
        jnp.zeros((cells, num_dims)),
        jnp.zeros((cells, 2)),
    )


def cell_index(measures: Array, limit: ArrayLike, side: int) -> Array:
    """The cell of measures (N, 2), row by row, int32 (N,).

    [-limit, limit] is cut into `side` equal parts in both measures; what lies beyond belongs to the
    outermost cell.
    """
    place = jnp.floor((measures + limit) * (side / (2 * limit))).astype(jnp.int32)
    place = jnp.clip(place, 0, side - 1)
    return place[:, 0] * side + place[:, 1]


def add(
    archive: Archive,
    genomes: Array,
    measures: Array,
    scores: Array,
    cells: Array,
) -> tuple[Archive, Gains]:
    """Every cell keeps the best of what it had and what came; on a tie what was there first.

    Args:
        archive: before.
        genomes: shape (N, D), as wide as the archive's.
        measures: shape (N, 2).
        scores: shape (N,), finite.
        cells: from `cell_index`.

    Returns:
        (archive, gains over the archive before).
    """
    num_rows, num_cells = scores.shape[0], archive.scores.shape[0]
    before = archive.scores[cells]
    best = archive.scores.at[cells].max(scores)
    gains = Gains(
        before == -jnp.inf,
        scores - jnp.where(before == -jnp.inf, 0.0, before),
    )
    # One row for each improved cell: the first of its best.
    row = jnp.arange(num_rows)
    wins = (scores > before) & (scores == best[cells])
    first = (
        jnp.full(num_cells, num_rows).at[jnp.where(wins, cells, num_cells)].min(row, mode="drop")
    )
    target = jnp.where(wins & (first[cells] == row), cells, num_cells)
    return Archive(
        best,
        archive.genomes.at[target].set(genomes, mode="drop"),
        archive.measures.at[target].set(measures, mode="drop"),
    ), gains


def summarize(archive: Archive) -> dict[str, Array]:
    """``qd_score``, sum of the scores over the number of cells; ``coverage``; ``best``."""
    filled = archive.filled
    return {
        "qd_score": jnp.mean(jnp.where(filled, archive.scores, 0.0)),
        "coverage": jnp.mean(filled),
        "best": jnp.max(archive.scores),
    }


def draw_elites(key: Array, archive: Archive, num: int) -> Array:
    """Cells of `num` elites drawn evenly, with replacement, int32 (num,); some must be filled."""
    ranks = jnp.cumsum(archive.filled)
    wanted = jax.random.randint(key, (num,), 1, ranks[-1] + 1)
    return jnp.searchsorted(ranks, wanted).astype(jnp.int32)

"""Small-world graphs."""

import jax
import numpy as np
import pytest

from tasks.reservoir import graph


def small_world(seed, num_nodes, rewiring, degree=2):
    luck = graph.draw_rewiring(jax.random.key(seed), num_nodes, degree)
    return np.asarray(jax.jit(graph.small_world, static_argnums=3)(*luck, rewiring, degree))


@pytest.mark.parametrize("degree", [2, 4])
@pytest.mark.parametrize("rewiring", [0.0, 0.3, 1.0])
def test_edges_are_moved_not_made(degree, rewiring):
    adjacency = small_world(0, 20, rewiring, degree)
    np.testing.assert_array_equal(adjacency, adjacency.T)
    assert not adjacency.diagonal().any()
    assert adjacency.sum() == 20 * degree
    # Each node keeps the near ends of its own edges.
    assert adjacency.sum(axis=1).min() >= degree // 2


@pytest.mark.parametrize("degree", [2, 4])
def test_without_rewiring_it_is_the_lattice(degree):
    nodes = np.arange(20)
    distance = np.abs(nodes[:, None] - nodes)
    distance = np.minimum(distance, 20 - distance)
    expected = (distance > 0) & (distance <= degree // 2)
    np.testing.assert_array_equal(small_world(0, 20, 0.0, degree), expected)


def test_the_share_of_moved_edges_is_the_rewiring():
    lattice = small_world(0, 20, 0.0)
    kept = [(small_world(seed, 20, 0.25) & lattice).sum() / 40 for seed in range(100)]
    # A moved edge may become another lattice edge (whose own has moved): rarely, of 20 nodes.
    error = np.sqrt(0.25 * 0.75 / 2000)
    assert abs(np.mean(kept) - 0.75) < 4 * error + 0.01


def test_more_rewiring_moves_the_same_edges_and_more():
    lattice = small_world(0, 20, 0.0)
    lost = [lattice & ~small_world(3, 20, rewiring) for rewiring in (0.1, 0.4, 0.9)]
    assert 0 < lost[0].sum() < lost[1].sum() < lost[2].sum()


def test_where_all_are_joined_nothing_moves():
    np.testing.assert_array_equal(small_world(0, 3, 1.0), ~np.eye(3, dtype=bool))


def test_neighbours():
    adjacency = small_world(1, 12, 0.5)
    nodes, meant = graph.neighbours(adjacency, 11)
    found = [set(row[one].tolist()) for row, one in zip(nodes, meant, strict=True)]
    assert found == [set(np.nonzero(row)[0].tolist()) for row in adjacency]


@pytest.mark.parametrize("degree", [0, 3, 20])
def test_degrees_that_no_lattice_has(degree):
    with pytest.raises(ValueError, match=f"degree: expected an even number.* got {degree}"):
        graph.draw_rewiring(jax.random.key(0), 20, degree)

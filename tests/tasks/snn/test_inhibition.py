"""Inhibition by distance, pair by pair."""

import jax.numpy as jnp
import numpy as np
import pytest

from tasks.snn.inhibition import Growing, Increasing, TwoLevel, Uniform, lattice_distances


def test_lattice():
    distances = lattice_distances(7)  # 3 columns: rows of 3, 3, 1
    places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
    for i, (y, x) in enumerate(places):
        for j, (v, u) in enumerate(places):
            assert distances[i, j] == pytest.approx(np.hypot(y - v, x - u))
    assert lattice_distances(1).shape == (1, 1)
    with pytest.raises(ValueError, match="number: expected at least 1, got 0"):
        lattice_distances(0)


@pytest.mark.parametrize(
    ("inhibition", "expected"),
    [
        (Uniform(7.0), lambda d, p, far: 7.0),
        (Growing(2.0, 3.0), lambda d, p, far: min(3.0, 2 * np.sqrt(d))),
        (
            Increasing(1.0, 4.0, 10.0, 9.0),
            lambda d, p, far: min(1 + 10 * p + 4 * np.sqrt(d / far), 9.0),
        ),
        (TwoLevel(2.0, 3.0, 0.5), lambda d, p, far: min(3.0, 2 * np.sqrt(d)) if p < 0.5 else 3.0),
    ],
)
@pytest.mark.parametrize("progress", [0.0, 0.4, 0.5, 1.0])
def test_strength(inhibition, expected, progress):
    distances = lattice_distances(9)
    found = inhibition.strength(jnp.asarray(distances), progress)
    far = distances.max()
    for i in range(9):
        for j in range(9):
            wanted = 0 if i == j else expected(distances[i, j], progress, far)
            assert found[i, j] == pytest.approx(wanted, abs=1e-5)


def test_one_neuron_holds_nobody_down():
    for inhibition in (Uniform(), Growing(), Increasing(), TwoLevel()):
        np.testing.assert_array_equal(inhibition.strength(jnp.zeros((1, 1)), 0.3), [[0.0]])


def test_bad_numbers():
    with pytest.raises(ValueError, match="high: expected a number in"):
        Uniform(-1.0)
    with pytest.raises(ValueError, match=r"share_low: expected a number in \[0, 1.0\], got 1.5"):
        TwoLevel(share_low=1.5)

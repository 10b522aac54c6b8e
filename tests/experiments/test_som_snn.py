"""The study of lattices: what it compares."""

import itertools

import jax.numpy as jnp
import numpy as np

from experiments.som_snn.config import Config
from experiments.som_snn.run import inhibitions
from tasks.snn.inhibition import lattice_distances


def test_every_inhibition_is_another():
    distances = jnp.asarray(lattice_distances(9))
    # At the start and in the second half, where the levels differ.
    found = {
        name: np.stack([kind.strength(distances, progress) for progress in (0.05, 0.6)])
        for name, kind in inhibitions(Config(shares_low=(0.1, 1.0))).items()
    }
    for (one, first), (other, second) in itertools.combinations(found.items(), 2):
        same = np.allclose(first, second)
        assert same == ({one, other} == {"growing", "two-level, p_low 1.0"}), (one, other)

"""The two-peak functions against scipy-free float64 densities."""

import jax.numpy as jnp
import numpy as np
import pytest

from tasks.functions import two_peaks, two_peaks_step

MU = np.array([[-1.0, -1.0], [1.0, 1.0]])


def points_around(seed=0):
    points = np.random.default_rng(seed).normal(size=(400, 2)) * 0.4
    points[::2] += 1
    points[1::4] -= 1
    return points.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("std", [0.1, 0.25])
@pytest.mark.parametrize("scaling", [1.0, 1.5])
def test_mixture_is_density_over_peak_density(std, scaling):
    points = points_around()
    densities = [
        np.exp(-np.sum((points - mu) ** 2, axis=1) / (2 * std**2)) / (2 * np.pi * std**2)
        for mu in MU
    ]
    peak_densities = 2 / (2 * np.pi * std**2)  # the authors: p1(mu1) + p2(mu2)
    expected = sum(densities) / peak_densities * 2
    task = two_peaks(std, scaling)
    genomes = jnp.asarray(points / scaling, dtype=jnp.float32)
    np.testing.assert_allclose(task.quality(genomes), expected, atol=2e-5)
    np.testing.assert_array_equal(task(genomes), -task.quality(genomes))


def test_step_is_one_inside_the_radius_and_next_to_nothing_outside():
    points = points_around(1)
    distance = np.min(np.linalg.norm(points[:, None] - MU[None], axis=2), axis=1)
    clear = np.abs(distance - 0.5) > 1e-4  # rounding may decide on the circle itself
    quality = two_peaks_step().quality(jnp.asarray(points, dtype=jnp.float32))
    np.testing.assert_array_equal(
        np.asarray(quality)[clear], np.where(distance < 0.5, 1, np.float32(1e-9))[clear]
    )
    assert 50 < np.sum(distance < 0.5) < 350


def test_names_tell_widths_apart():
    names = {two_peaks().name, two_peaks(0.2).name, two_peaks_step().name, two_peaks_step(0.3).name}
    assert len(names) == 4


def test_bad_arguments_name_argument_expected_and_got():
    with pytest.raises(ValueError, match=r"width: expected 0 < width <= 0.5, got 0"):
        two_peaks(0.0)
    with pytest.raises(ValueError, match=r"width: expected 0 < width <= 0.5, got 1.5"):
        two_peaks_step(1.5)
    with pytest.raises(ValueError, match="scaling: expected a positive number, got -1"):
        two_peaks(scaling=-1)

"""Figures show what they were given."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from tasks.snn import plots
from tasks.snn.connections import Fields


def test_raster():
    spikes = np.zeros((10, 3))
    spikes[[2, 7], [0, 2]] = 1
    ax = plots.raster(spikes, dt=0.5)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1.0, 0], [3.5, 2]])
    with pytest.raises(ValueError, match=r"spikes: expected shape \(T, N\), got \(3,\)"):
        plots.raster(np.zeros(3))


def test_voltages():
    ax = plots.voltages(np.arange(6.0).reshape(3, 2), threshold=4.0)
    assert len(ax.lines) == 3
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [1, 3, 5])


def test_filter_map():
    weights = np.arange(3 * 4.0).reshape(1, 4, 3)
    sheet = plots.filter_map(weights, Fields(2, 2)).images[0].get_array()
    assert sheet.shape == (5, 5)  # 2 x 2 filters of 2 x 2 pixels, a line between
    np.testing.assert_array_equal(sheet[:2, 3:], weights[0, :, 1].reshape(2, 2))
    np.testing.assert_array_equal(sheet[3:, :2], weights[0, :, 2].reshape(2, 2))
    local = np.random.default_rng(0).uniform(0.1, 1, (4, 4, 2))
    fields = Fields(4, 4, 2, 2)
    sheet = plots.filter_map(local, fields).images[0].get_array()
    assert sheet.shape == (14, 14)
    np.testing.assert_array_equal(sheet[:2, 2:4], 0)
    np.testing.assert_array_equal(sheet[:2, :2], local[0, :, 0].reshape(2, 2))
    assert plots.filter_map(local, fields, location=3).images[0].get_array().shape == (2, 5)
    with pytest.raises(ValueError, match=r"weights: expected shape \(4, 4, F\)"):
        plots.filter_map(weights, fields)

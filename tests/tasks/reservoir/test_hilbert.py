"""The order of the pixels."""

import numpy as np
import pytest

from tasks.reservoir import hilbert


@pytest.mark.parametrize("side", [1, 2, 4, 8, 32, 64])
def test_every_pixel_once_and_from_neighbour_to_neighbour(side):
    curve = hilbert.curve(side)
    assert curve.shape == (side**2, 2)
    assert len({tuple(pixel) for pixel in curve.tolist()}) == side**2
    assert curve.min() == 0
    assert curve.max() == side - 1
    np.testing.assert_array_equal(np.abs(np.diff(curve, axis=0)).sum(axis=1), 1)
    # Every quarter of the sequence is a quarter of the square.
    for quarter in curve.reshape(4, -1, 2) if side > 1 else ():
        assert np.ptp(quarter, axis=0).tolist() == [side // 2 - 1] * 2


def test_a_sequence_is_the_image_along_the_curve():
    images = np.arange(2 * 64, dtype=np.float32).reshape(2, 64)
    found = hilbert.sequence(images)
    rows, columns = hilbert.curve(8).T
    np.testing.assert_array_equal(found, images[:, 8 * rows + columns])


def test_images_of_28_are_enlarged_to_32():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(3, 784)).astype(np.float32)
    found = np.asarray(hilbert.sequence(images))
    assert found.shape == (3, 1024)
    assert found.min() >= 0
    assert found.max() <= 1
    np.testing.assert_allclose(found.mean(axis=1), images.mean(axis=1), atol=0.01)
    np.testing.assert_allclose(hilbert.sequence(np.ones((1, 784), np.float32)), 1, rtol=1e-6)


@pytest.mark.parametrize("side", [0, 3, 12])
def test_a_side_that_is_no_power_of_two(side):
    with pytest.raises(ValueError, match=f"side: expected a power of two, got {side}"):
        hilbert.curve(side)


@pytest.mark.parametrize("shape", [(64,), (2, 63), (2, 8, 8), (2, 0)])
def test_images_of_a_wrong_size(shape):
    with pytest.raises(ValueError, match="images: expected flat square images") as error:
        hilbert.sequence(np.zeros(shape, np.float32))
    assert str(shape) in str(error.value)

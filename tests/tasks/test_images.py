"""Images in [0, 1], flat or not."""

import numpy as np
import pytest

from tasks import images

pytest.importorskip("sklearn")


def test_a_unit_is_white():
    found = images.flat(images.unit(images.digits(2)))
    assert found.train_x.shape == (1436, 64)
    assert found.train_x.min() == found.test_x.min() == 0
    assert found.train_x.max() == found.test_x.max() == found.white == 1
    # The source has sixteen steps.
    np.testing.assert_allclose(16 * found.test_x, np.round(16 * found.test_x), atol=1e-6)

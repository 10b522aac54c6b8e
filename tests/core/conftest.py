"""What only the tests of `diffevo.core` need."""

from collections.abc import Iterator

import jaxtyping
import pytest


@pytest.fixture
def without_type_hook() -> Iterator[None]:
    """Let a wrong type reach the library, as it does for users: they have no import hook."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)

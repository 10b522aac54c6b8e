"""What only the tests of `diffevo.core` need."""

import jaxtyping
import pytest


@pytest.fixture
def without_type_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a wrong type reach the library, as it does for users: they have no import hook."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)

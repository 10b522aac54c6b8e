"""Neural network quines: networks that are asked for their own weights."""

from tasks.quine.evolved import Quine, quine
from tasks.quine.network import Errors, QuineNetwork, errors

__all__ = ["Errors", "Quine", "QuineNetwork", "errors", "quine"]

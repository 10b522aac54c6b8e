"""A logger for Weights & Biases; the one file that imports it."""

import importlib
from typing import Any

from diffevo.integrations.logger import Logger

try:
    # By its name: it is large, so that where this is developed neither it nor its types are there.
    _wandb: Any = importlib.import_module("wandb")
except ImportError as error:
    raise ImportError("WandB: needs wandb: pip install 'diffevo-jax[wandb]'") from error


class WandB(Logger):
    """Writes each generation's numbers: ``minimize(..., callback=WandB(project="bridges"))``.

    They go to the run of this process, which stays open. If there is none, one is started, which
    `close` ends.

    Args:
        **options: for `wandb.init`: ``project=``, ``name=``, ``mode="offline"``, or ``id=`` and
            ``resume=`` to go on with one.
    """

    def __init__(self, **options: Any):
        active = _wandb.run
        if active is not None and options:
            raise ValueError(f"options: expected none within an active run, got {options!r}")
        self._is_ours = active is None
        self._run = _wandb.init(**options) if active is None else active

    def write(self, numbers: dict[str, float], generation: int) -> None:
        """See `Logger`."""
        self._run.log({"generation": generation, **numbers})

    def close(self) -> None:
        """See `Logger`."""
        if self._is_ours:
            self._run.finish()

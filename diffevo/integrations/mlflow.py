"""A logger for MLflow; the one file that imports it."""

import importlib
from typing import Any

from diffevo.integrations.logger import Logger

try:
    # By its name: it is large, so that where this is developed neither it nor its types are there.
    _mlflow: Any = importlib.import_module("mlflow")
except ImportError as error:
    raise ImportError("MLflow: needs MLflow: pip install 'diffevo-jax[mlflow]'") from error


class MLflow(Logger):
    """Writes each generation's numbers as metrics: ``minimize(..., callback=MLflow())``.

    They go to the active run, which stays open. If there is none, one is started, which `close`
    ends.

    Args:
        **options: for `mlflow.start_run`: ``run_name=``, or ``run_id=`` to go on with one.
    """

    def __init__(self, **options: Any):
        active = _mlflow.active_run()
        if active is not None and options:
            raise ValueError(f"options: expected none within an active run, got {options!r}")
        self._is_ours = active is None
        if active is None:
            _mlflow.start_run(**options)

    def write(self, numbers: dict[str, float], generation: int) -> None:
        """See `Logger`."""
        _mlflow.log_metrics(numbers, step=generation)

    def close(self) -> None:
        """See `Logger`."""
        if self._is_ours:
            _mlflow.end_run()

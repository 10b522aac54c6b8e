"""Runs table 1 at the demonstration's size."""

from pathlib import Path
from typing import Any

from experiments.common.progress import Progress
from experiments.table1 import run as table1
from experiments.table1.config import Config


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """See `experiments.table1.run.run`."""
    return table1.run(config, out, progress, name="demo")

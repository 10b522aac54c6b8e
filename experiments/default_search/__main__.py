"""Parts of the study: ``python -m experiments.default_search cost memory``.

They go into the file of ``python -m experiments run default_search`` and replace what it has.
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import tyro
from rich.console import Console

from experiments import registry
from experiments.common.progress import Progress
from experiments.default_search import run as study
from experiments.default_search.config import Config


@dataclasses.dataclass(frozen=True)
class Parts:
    """Run parts of the study of the default search."""

    parts: tyro.conf.Positional[tuple[str, ...]]
    """reversal_1000, reversal_17410, memory, cartpole, table1, cost."""

    out: Path | None = None
    """Folder of the results; the default is the study's own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    asked = tyro.cli(Parts, prog="python -m experiments.default_search", args=arguments)
    out = asked.out or registry.default_out("default_search", Config())
    try:
        with Progress(Console()) as progress:
            study.run(dataclasses.replace(Config(), parts=asked.parts), out, progress)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

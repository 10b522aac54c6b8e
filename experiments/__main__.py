"""Command line: ``python -m experiments list`` and ``python -m experiments run NAME``."""

import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from experiments import registry
from experiments.common.progress import Progress


@dataclasses.dataclass(frozen=True)
class List:
    """List the experiments and what each shows."""


@dataclasses.dataclass(frozen=True)
class Run:
    """Run one experiment."""

    name: tyro.conf.Positional[str]
    """Name of the experiment; see list."""

    smoke: tyro.conf.FlagCreatePairsOff[bool] = False
    """Toy size, seconds: does it still run?"""

    repetitions: int | None = None
    """Independent repetitions instead of the protocol's number."""

    out: Path | None = None
    """Folder for results and figures; the default is the experiment's results folder for the full
    protocol, and runs/NAME for anything else."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")] | Annotated[Run, tyro.conf.subcommand("run")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2 for an experiment that does not exist)."""
    command = tyro.cli(Command, prog="python -m experiments", args=arguments)  # pyright: ignore[reportArgumentType, reportCallIssue]
    console = Console()
    if isinstance(command, List):
        width = max(map(len, registry.names()), default=0)
        for name in registry.names():
            console.print(f"{name:<{width}}  {registry.claim(name)}", highlight=False)
        return 0
    try:
        config = registry.build_config(
            command.name, smoke=command.smoke, repetitions=command.repetitions
        )
    except (KeyError, ValueError) as error:
        Console(stderr=True).print(str(error.args[0]), style="bold red", highlight=False)
        return 2
    out = command.out or registry.default_out(command.name, config, command.smoke)
    start = time.perf_counter()
    with Progress(console) as progress:
        registry.run(command.name, config, out, progress)
    seconds = time.perf_counter() - start
    console.print(f"{command.name}: {seconds:.0f} s, results in {out}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Command line: ``python -m experiments list``, ``run NAME`` and ``play RUN``."""

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


@dataclasses.dataclass(frozen=True)
class Play:
    """Let saved controllers play an episode each, and write it as a GIF."""

    run: tyro.conf.Positional[str]
    """A .safetensors file, a folder with some, or the name of an experiment that saves them."""

    out: Path | None = None
    """Folder for the GIFs; the default is beside each controller."""

    seed: int = 0
    """Of the episodes."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Play, tyro.conf.subcommand("play")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (2 for what does not exist)."""
    command = tyro.cli(Command, prog="python -m experiments", args=arguments)  # pyright: ignore[reportArgumentType, reportCallIssue]
    console = Console()
    if isinstance(command, List):
        width = max(map(len, registry.names()), default=0)
        for name in registry.names():
            console.print(f"{name:<{width}}  {registry.claim(name)}", highlight=False)
        return 0
    if isinstance(command, Play):
        from experiments import play  # loads JAX, which the other commands need not

        try:
            for path, total, steps in play.play(play.find(command.run), command.out, command.seed):
                console.print(f"wrote {path}: return {total:g} in {steps} steps", highlight=False)
        except ValueError as error:
            Console(stderr=True).print(str(error), style="bold red", highlight=False)
            return 2
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

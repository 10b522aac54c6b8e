"""Parts of the study: ``python -m experiments.bbob --methods pycma_bipop --dimensions 5 10``.

The same files as of ``python -m experiments run bbob``, which goes on from what it finds.
"""

import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import tyro
from rich.console import Console

from experiments import registry
from experiments.bbob import coco
from experiments.bbob import run as study
from experiments.bbob.config import Config
from experiments.common import results
from experiments.common.progress import Progress


@dataclasses.dataclass(frozen=True)
class Part:
    """Run a part of the BBOB study, or sum up what there is."""

    methods: tuple[str, ...] = Config.methods
    """Methods to run, one after the other."""

    dimensions: tuple[int, ...] = Config.dimensions
    """Dimensions to run."""

    functions: tuple[int, ...] = Config.functions
    """Functions to run."""

    port_methods: tuple[str, ...] = ()
    """Methods to run on evosax's port of the functions."""

    out: Path | None = None
    """Folder of the results; the default is the study's own."""

    observe: Path | None = None
    """Folder for the logs of COCO's own observer, below exdata, of what has to be run; for
    `python -m cocopp`."""

    summary: tyro.conf.FlagCreatePairsOff[bool] = False
    """Run nothing: tables and figures of the files that are there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    part = tyro.cli(Part, prog="python -m experiments.bbob", args=arguments)
    full = Config()
    out = part.out or registry.default_out("bbob", full)
    if part.summary:
        record = results.Record(out / "bbob.json", "bbob", full, seed=full.seed)
        with Progress(Console()) as progress:
            study.finish(full, record, out, progress)
        return 0
    config = dataclasses.replace(
        full,
        methods=part.methods,
        dimensions=part.dimensions,
        functions=part.functions,
        port_methods=part.port_methods,
    )
    observers = {}
    if part.observe is not None:
        out = out.resolve()
        part.observe.mkdir(parents=True, exist_ok=True)
        os.chdir(part.observe)  # COCO writes into the working directory
        observers = {name: coco.make_observer(name, name) for name in part.methods}
    # One line a file, for a log.
    start = time.perf_counter()
    for job in study.jobs(config):
        ran = study.make_cells(config, [job], out / "cells", Progress(), observers)
        seconds = time.perf_counter() - start
        text = f"{seconds:8.0f} s {job.suite} {job.method} {job.num_dims}-D f{job.function}"
        print(text if ran else f"{text}: was there", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

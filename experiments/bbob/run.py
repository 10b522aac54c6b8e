"""Runs what has no results file yet, method by method, and sums up what there is."""

import dataclasses
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from experiments.bbob import cells, coco, host
from experiments.bbob.config import Config
from experiments.common import provenance, results
from experiments.common.progress import Progress

COCO, PORT = "coco", "port"


@dataclasses.dataclass(frozen=True)
class Job:
    """One results file to make: all instances of a function for a method."""

    suite: str
    method: str
    num_dims: int
    function: int


def instances(config: Config, method: str, num_dims: int) -> tuple[int, ...]:
    """Numbers of the instances that a method runs in so many dimensions."""
    most = config.repetitions
    if num_dims > config.few_above or method in config.few_of:
        most = min(config.few, most)
    return tuple(range(1, 1 + most))


def jobs(config: Config) -> list[Job]:
    """All of the study; a dimension is complete before the next is begun."""
    methods = [(COCO, name) for name in config.methods]
    methods += [(PORT, name) for name in config.port_methods]
    return [
        Job(suite, method, num_dims, function)
        for num_dims in config.dimensions
        for suite, method in methods
        for function in config.functions
    ]


def head(config: Config, job: Job) -> cells.Cell:
    """What tells a run of one job from another: the cell without its results."""
    if job.method in host.HOST:
        settings = host.HOST[job.method][1]
    else:
        from experiments.bbob import searches

        settings = searches.settings(config, job.method, job.num_dims)
    return {
        "suite": job.suite,
        "method": job.method,
        "function": job.function,
        "dimension": job.num_dims,
        "budget": config.budget * job.num_dims,
        "instances": list(instances(config, job.method, job.num_dims)),
        "seed": config.seed,
        "settings": settings,
    }


def solve(config: Config, job: Job, observer: Any = None) -> list[coco.Run]:
    """Run a job on COCO's functions, under COCO's observer if there is one; the runs are over."""
    numbers = instances(config, job.method, job.num_dims)
    budget = config.budget * job.num_dims
    runs = coco.open_runs(job.function, job.num_dims, numbers, budget, observer is not None)
    seeds = [(config.seed, job.function, job.num_dims, number) for number in numbers]
    if job.method in host.HOST:
        host.solve(job.method, runs, job.num_dims, seeds)
    else:
        from experiments.bbob import lockstep

        lockstep.solve(config, job.method, runs, job.num_dims, seeds)
    if observer is not None:
        for run, number in zip(runs, numbers, strict=True):
            coco.observe(run, job.function, job.num_dims, number, observer)
    return runs


def _origin(config: Config) -> dict[str, Any]:
    """Where a results file comes from, in short; `provenance.collect` of the process's start."""
    full = provenance.collect(seed=config.seed)
    return {key: full[key] for key in ("commit", "dirty", "date", "python", "processor")} | {
        "versions": {
            name: full["versions"][name]
            for name in ("jax", "numpy", "scipy", "evosax", "cma", "coco-experiment")
        }
    }


def make_cells(
    config: Config,
    wanted: Iterable[Job],
    folder: Path,
    progress: Progress,
    observers: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Run the jobs that have no results file yet; returns how many were run.

    Args:
        config: sizes and seed.
        wanted: in this order.
        folder: of the results files.
        progress: begun by the caller; advanced by one a job.
        observers: COCO's, by method; what has a results file already is not observed.
    """
    origin, done = _origin(config), 0
    for job in wanted:
        cell = head(config, job)
        if not cells.is_done(folder, cell):
            progress.describe(f"{job.suite} {job.method} {job.num_dims}-D f{job.function}")
            start = time.perf_counter()
            if job.suite == COCO:
                runs = solve(config, job, observers.get(job.method))
            else:
                from experiments.bbob import port

                runs = port.solve(config, job)
            cell |= {
                "origin": origin,
                "seconds": round(time.perf_counter() - start, 1),
                "evaluations": [run.evaluations for run in runs],
                "best": [max(run.best, 0.0) for run in runs],
                "steps": [cells.pack(run.hits) for run in runs],
            }
            cells.write(folder, cell)
            done += 1
        progress.advance(1)
    return done


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run what is missing and write the summary of all there is.

    Args:
        config: sizes.
        out: folder for ``bbob.json``, ``bbob.md``, the figures and ``cells/``.
        progress: where to show how far it is.

    Returns:
        The content of ``bbob.json``; see `aggregate.summarize`.
    """
    record = results.Record(out / "bbob.json", "bbob", config, seed=config.seed)
    wanted = jobs(config)
    progress.begin(len(wanted), "compiling")
    make_cells(config, wanted, out / "cells", progress)
    return finish(config, record, out, progress)


def finish(config: Config, record: results.Record, out: Path, progress: Progress) -> dict[str, Any]:
    """Sum up the results files in ``out / "cells"``, whatever there is of them."""
    from experiments.bbob import aggregate, report

    found = cells.read_all(out / "cells")
    record.results = aggregate.summarize(found, config)
    written = report.draw(found, config, out)
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)

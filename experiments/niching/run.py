"""Runs the niching comparison; every run is on disk before the next one starts.

``python -m experiments.niching.run --methods pycma_bipop --functions cec2013_vincent_2d`` runs a
part of the protocol, without tables, into the same files, which the whole then finds and uses;
``python -m experiments.niching.run --tables`` runs nothing and shows what there is so far.
"""

import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console

import tasks
from experiments.common import provenance, results
from experiments.common.progress import Progress
from experiments.niching import counting, methods, problems, report
from experiments.niching.config import CEC2013, USES, Config, Function

Lines = list[dict[str, Any]]


def problem_of(function: Function, budget: int | None = None) -> problems.Problem:
    """The problem of a configured function, under the name of its row."""
    task = tasks.make(function.task, **function.options)
    return dataclasses.replace(problems.of_task(task, budget), name=function.name)


class Store:
    """Runs on disk: a file of JSON lines for every function and method.

    Args:
        folder: where the files are.
        config: lines of other settings, accuracies, checkpoints or budgets are left out.
    """

    def __init__(self, folder: Path, config: Config):
        self._folder, self._config = folder, config
        self._commit = provenance.collect()["commit"]

    def _path(self, function: str, method: str) -> Path:
        return self._folder / f"{function}__{method}.jsonl"

    def protocol(self, method: str, budget: int) -> dict[str, Any]:
        """What lines must agree in to be used together."""
        config = self._config
        settings = {name: getattr(config.settings, name) for name in USES[method]}
        common = {"budget": budget, "accuracies": config.accuracies}
        return results.plain(common | {"checkpoints": config.num_checkpoints, "settings": settings})

    def read(self, function: str, method: str, budget: int) -> Lines:
        """The runs of the current protocol by seed; a line that a stop cut off is none."""
        path, found = self._path(function, method), {}
        for text in path.read_text().splitlines() if path.is_file() else ():
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue
            if line["protocol"] == self.protocol(method, budget):
                found[line["seed"]] = line
        return [found[seed] for seed in sorted(found)]

    def append(self, function: str, method: str, budget: int, line: dict[str, Any]) -> None:
        """Write one run."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(function, method)
        head = {"seed": line["seed"], "protocol": self.protocol(method, budget)}
        text = json.dumps(results.plain(head | line | {"commit": self._commit}))
        # A line that was cut off must not swallow this one.
        cut = path.is_file() and not path.read_bytes().endswith(b"\n")
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" * cut + text + "\n")


def one_run(
    problem: problems.Problem, method: methods.Method, seed: int, config: Config
) -> dict[str, Any]:
    """Search once and judge what is reported: a line of the store."""
    began = time.perf_counter()
    reported = method(problem, problem.budget, seed, config.settings)
    seconds = time.perf_counter() - began
    judged = counting.judge(problem, reported, config.accuracies, config.num_checkpoints)
    return {"seed": seed, "seconds": round(seconds, 3)} | judged


def _seeds(config: Config, method: str, function: str) -> list[int]:
    is_protocol = method == "ours" and function in CEC2013
    count = config.repetitions if is_protocol else config.rival_repetitions
    return [config.seed + number for number in range(min(count, config.repetitions))]


def fill(config: Config, folder: Path, progress: Progress) -> dict[tuple[str, str], Lines]:
    """Do all runs that are not on disk yet: by method, then seed, then function.

    Args:
        config: the protocol.
        folder: of the store.
        progress: where to show how far it is.

    Returns:
        The lines of every (function, method).
    """
    store = Store(folder, config)
    searched = [problem_of(function, config.budget) for function in config.functions]
    runs = [
        (method, seed, problem)
        for method in config.methods
        for seed in range(config.seed, config.seed + config.repetitions)
        for problem in searched
        if seed in _seeds(config, method, problem.name)
    ]
    done = {
        (problem.name, method, line["seed"])
        for problem in searched
        for method in config.methods
        for line in store.read(problem.name, method, problem.budget)
    }
    progress.begin(len(runs), "niching")
    for method, seed, problem in runs:
        progress.describe(f"{method}, {problem.name}")
        if (problem.name, method, seed) not in done:
            line = one_run(problem, methods.METHODS[method], seed, config)
            store.append(problem.name, method, problem.budget, line)
        progress.advance()
    return on_disk(config, folder)


def on_disk(config: Config, folder: Path) -> dict[tuple[str, str], Lines]:
    """The runs of the protocol that there are, by (function, method).

    Args:
        config: the protocol.
        folder: of the store.
    """
    store = Store(folder, config)
    found = {}
    for function in config.functions:
        problem = problem_of(function, config.budget)
        for method in config.methods:
            wanted = _seeds(config, method, problem.name)
            lines = store.read(problem.name, method, problem.budget)
            found[problem.name, method] = [line for line in lines if line["seed"] in wanted]
    return found


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run what is missing of the comparison and write its tables and figures.

    Args:
        config: its size.
        out: folder for ``niching.json``, ``niching.md``, the figures, and ``runs``, a file of
            lines for every function and method, which a later run goes on with. Runs of ours are
            of the code that made them (a line has its commit): delete them when it has changed.
        progress: where to show how far it is.

    Returns:
        The content of ``niching.json``. ``results``: ``cells``, one for each function and method,
        and ``comparisons`` of ours with every other method.
    """
    record = results.Record(out / "niching.json", "niching", config, seed=config.seed)
    return _write(record, config, fill(config, out / "runs", progress), progress)


def _write(
    record: results.Record, config: Config, lines: dict[tuple[str, str], Lines], progress: Progress
) -> dict[str, Any]:
    """Results, tables and figures beside the record; its content."""
    out = record.path.parent
    record.results = report.summarize(config, lines)
    written = report.draw_curves(record.results["cells"], config, out)
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the protocol, into the files of the whole."""

    methods: tuple[str, ...] = Config().methods
    """Which methods."""

    functions: tuple[str, ...] = ()
    """Names of functions; all by default."""

    repetitions: int = Config().repetitions
    """Runs of each at most."""

    out: Path = Path(__file__).parent / "results"
    """Folder of the results; runs go to its folder runs."""

    tables: tyro.conf.FlagCreatePairsOff[bool] = False
    """Run nothing; write tables and figures of what there is to the folder so_far."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a part; the exit code."""
    part = tyro.cli(Part, prog="python -m experiments.niching.run", args=arguments)
    config = Config(methods=part.methods, repetitions=part.repetitions)
    names = {function.name: function for function in config.functions}
    unknown = {*part.functions} - {*names} | {*part.methods} - {*methods.METHODS}
    if unknown:
        print(f"unknown: {sorted(unknown)}; functions: {sorted(names)}", file=sys.stderr)
        return 2
    chosen = tuple(names[name] for name in part.functions) or config.functions
    config = dataclasses.replace(config, functions=chosen)
    with Progress(Console()) as progress:
        if part.tables:
            path = part.out / "so_far" / "niching.json"
            record = results.Record(path, "niching", config, seed=config.seed)
            _write(record, config, on_disk(config, part.out / "runs"), progress)
        else:
            fill(config, part.out / "runs", progress)
    return 0


if __name__ == "__main__":
    sys.exit(main())

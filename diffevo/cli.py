"""The command line: ``diffevo run TASK``, ``resume DIR``, ``report DIR``, ``list``.

A task is named ``package.module:name``, or ``package.module:name(10, seed=3)`` with plain values.
The name is of

* a fitness function, of one solution or of a population. What is searched is its attribute
  ``space``, a `diffevo.SearchSpace`, or ``bounds``, a pair; or the options --low, --high and --dims
  say so;
* or of what makes one: anything that can be called without arguments, or with those in the
  parentheses;
* or of a task of this repository (`tasks.base.Task`), which knows its box.

Exit status: 0 done, 1 the search failed, 2 wrong usage or input, 130 interrupted (what was found is
reported, and the run can be resumed).
"""

import ast
import dataclasses
import datetime
import importlib
import inspect
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from rich.console import Console
from rich.markup import escape

from diffevo import records
from diffevo.algorithms.registry import ALGORITHMS
from diffevo.optimize import EVALUATORS, minimize
from diffevo.result import Result
from diffevo.space import SearchSpace

_STOP = {
    "budget": int,
    "max_generations": int | None,
    "ftarget": float | None,
    "timeout": float | None,
    "tol_stagnation": int | None,
}
# Arguments of `minimize` that are options here, with the types that can be typed.
_OPTIONS = _STOP | {
    "population_size": int | None,
    "algorithm": str,
    "seed": int,
    "batched": bool | None,
    "evaluator": str,
    "progress": bool | None,
    "record_evaluations": bool,
}


def _options(name: str, kinds: dict[str, Any], default: Any) -> Any:
    """A dataclass of some arguments of `minimize`, with their defaults and their documentation."""
    parameters = inspect.signature(minimize).parameters
    fields = [
        (key, kind, parameters[key].default if default is ... else default)
        for key, kind in kinds.items()
    ]
    options = dataclasses.make_dataclass(name, fields, frozen=True)
    options.__doc__ = inspect.getdoc(minimize)
    return options


SearchOptions = _options("SearchOptions", _OPTIONS, ...)
StopOptions = _options("StopOptions", {name: kind | None for name, kind in _STOP.items()}, None)


@dataclasses.dataclass(frozen=True)
class Run:
    """Search for good solutions of a task, and record the run.

    In a clone of the repository, 'diffevo run tasks.functions:himmelblau --budget 20000' or
    'diffevo run "tasks.functions:rastrigin(10)" --algorithm hades --run-dir runs/first'; with a
    function of your own, 'diffevo run mypackage.bridges:weight --low 0 --high 1 --dims 12
    --evaluator processes'.
    """

    task: tyro.conf.Positional[str]
    """What is searched: package.module:name, a fitness function with an attribute `space` or
    `bounds`, or without (say --low, --high, --dims), or what makes one: name(10, seed=3)."""

    options: Annotated[Any, tyro.conf.arg(constructor=SearchOptions), tyro.conf.OmitArgPrefixes]

    low: float | None = None
    """Lower bound of every coordinate, for a function that does not say what is searched."""

    high: float | None = None
    """Upper bound of every coordinate."""

    dims: int | None = None
    """Number of coordinates."""

    maximize: tyro.conf.FlagCreatePairsOff[bool] = False
    """Whether higher values are better."""

    run_dir: Path | None = None
    """Where the run is recorded; None: runs/NAME-DATE-TIME."""


@dataclasses.dataclass(frozen=True)
class Resume:
    """Go on with a run that `diffevo run` has begun, with other stop rules if these are given."""

    directory: tyro.conf.Positional[Path]
    """The run directory."""

    options: Annotated[Any, tyro.conf.arg(constructor=StopOptions), tyro.conf.OmitArgPrefixes]


@dataclasses.dataclass(frozen=True)
class Report:
    """Write a page of interactive plots of a run: one HTML file that needs nothing else."""

    directory: tyro.conf.Positional[Path]
    """The run directory; the run may be under way."""

    out: Path | None = None
    """The file to write; None: report.html in the run directory."""


@dataclasses.dataclass(frozen=True)
class List:
    """List algorithms and evaluators, or the runs in a folder, or what there is in a module."""

    where: tyro.conf.Positional[str | None] = None
    """A folder of run directories, or a module (tasks.functions); None: what diffevo has."""


class UsageError(ValueError):
    """What was typed does not fit; the message says what was expected."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: what was typed after ``diffevo``; None: of this process.

    Returns:
        The exit status; see the module.
    """
    command = tyro.extras.subcommand_cli_from_dict(
        {"run": Run, "resume": Resume, "report": Report, "list": List},
        prog="diffevo",
        description="Evolution as denoising: search for many good solutions at once.",
        args=arguments,
    )
    console = Console(soft_wrap=True, highlight=False)
    # As Python itself has it for ``python -m``: tasks are found in the current folder.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        if isinstance(command, Run):
            return _run(command, console)
        if isinstance(command, Resume):
            return _resume(command, console)
        if isinstance(command, Report):
            return _report(command, console)
        return _list(command, console)
    except (ValueError, ImportError) as error:
        _complain(error)
        return 2
    except (RuntimeError, TimeoutError) as error:
        _complain(error)
        return 1
    except KeyboardInterrupt:
        return 130


def _complain(error: BaseException) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(
        f"diffevo: {escape(str(error))}", style="bold red"
    )


def _run(command: Run, console: Console) -> int:
    options = dataclasses.asdict(command.options)
    return _search(
        console,
        {
            "task": command.task,
            "folder": os.getcwd(),
            "low": command.low,
            "high": command.high,
            "dims": command.dims,
            "maximize": command.maximize,
            "options": options,
        },
        command.run_dir or _new_directory(command.task),
        resume=False,
    )


def _resume(command: Resume, console: Console) -> int:
    begun = records.read_config(command.directory)["command"]
    if begun is None:
        raise UsageError(
            f"{command.directory}: expected a run begun by `diffevo run`, got one begun from "
            "Python; call minimize(..., run_dir=..., resume=True) with its function"
        )
    if begun["folder"] not in sys.path:
        sys.path.append(begun["folder"])
    changed = dataclasses.asdict(command.options)
    changed = {name: value for name, value in changed.items() if value is not None}
    begun["options"] |= changed
    return _search(console, begun, command.directory, resume=True)


def _search(console: Console, begun: dict[str, Any], directory: Path, resume: bool) -> int:
    fun, known = find_problem(begun["task"], begun["low"], begun["high"], begun["dims"])
    typed = {name: value for name, value in begun["options"].items() if value is not None}
    result = minimize(
        fun,
        **(known | typed),
        run_dir=directory,
        resume=resume,
        _sign=-1.0 if begun["maximize"] else 1.0,
        _command=begun,
    )
    _print_result(console, result, directory)
    return 130 if result.stop_reason == "interrupt" else 0


def find_problem(
    task: str, low: float | None = None, high: float | None = None, dims: int | None = None
) -> tuple[Any, dict[str, Any]]:
    """The fitness function of a task, and what `minimize` is told besides.

    Args:
        task: as typed, see the module.
        low: lower bound of all coordinates, for a function that does not say what is searched.
        high: upper bound.
        dims: number of coordinates.

    Returns:
        The function, and its ``space``, or ``bounds``, as keywords.

    Raises:
        UsageError: there is no such task, or nothing says what is searched.
    """
    found: Any = _made(task)
    box = {"--low": low, "--high": high, "--dims": dims}
    given = [name for name, value in box.items() if value is not None]
    knows = "space" if hasattr(found, "space") else "bounds" if hasattr(found, "bounds") else None
    if _is_task(found):
        knows = "box"
    if knows is not None and given:
        raise UsageError(f"{given[0]}: expected none, as {task} has its own {knows}")
    if knows == "box":
        bounds = tuple(np.full(found.num_dims, side) for side in (found.low, found.high))
        return _OfTask(found), {"bounds": bounds, "batched": True}
    if not callable(found):
        raise UsageError(f"{task}: expected a fitness function, got {type(found).__name__}")
    if knows is not None:
        value = getattr(found, knows)
        if knows == "space" and not isinstance(value, SearchSpace):
            raise UsageError(f"{task}.space: expected a diffevo.SearchSpace, got {value!r:.80}")
        return found, {knows: value}
    if len(given) < len(box):
        missing = sorted(box.keys() - set(given))
        raise UsageError(
            f"{task}: expected an attribute space or bounds, or the options --low, --high and "
            f"--dims, got no {missing[0]}"
        )
    if low is None or high is None or dims is None or dims < 1:
        raise UsageError(f"--dims: expected an int >= 1, got {dims}")
    return found, {"bounds": (np.full(dims, low), np.full(dims, high))}


@dataclasses.dataclass(frozen=True)
class _OfTask:
    """A task of this repository as a function of solutions in its own box."""

    task: Any

    def __call__(self, solutions: Any) -> Any:
        return self.task(solutions / self.task.scaling)


def _is_task(value: Any) -> bool:
    """Whether it is a `tasks.base.Task`, by what it has."""
    wanted = ("num_dims", "solution", "low", "high", "scaling")
    return not isinstance(value, type) and all(hasattr(value, name) for name in wanted)


def _made(task: str) -> Any:
    """What a task's name stands for; made first if it has arguments, or needs none."""
    match = re.fullmatch(r"([\w.]+):([\w.]+)(\(.*\))?", task)
    if not match:
        raise UsageError(f"TASK: expected package.module:name, got {task!r}")
    module, name, call = match.groups()
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UsageError(f"{task}: there is no module {error.name} here") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{task}: {module} has no {name}; `diffevo list {module}` shows more")
        found = getattr(found, part)
    if call is not None:
        arguments, keywords = _literals(task, call)
        try:
            return found(*arguments, **keywords)
        except TypeError as error:
            raise UsageError(f"{task}: {error}") from error
    return found() if callable(found) and not _is_task(found) and _needs_nothing(found) else found


def _literals(task: str, call: str) -> tuple[list[Any], dict[str, Any]]:
    """The arguments in parentheses: numbers, text, lists of them. Nothing is evaluated."""
    try:
        node = ast.parse(f"f{call}", mode="eval").body
        assert isinstance(node, ast.Call)
        return (
            [ast.literal_eval(argument) for argument in node.args],
            {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords},
        )
    except (SyntaxError, ValueError, AssertionError) as error:
        raise UsageError(f"{task}: expected plain values in parentheses, got {call}") from error


def _needs_nothing(value: Any) -> bool:
    """Whether it can be called without arguments."""
    try:
        inspect.signature(value).bind()
    except (TypeError, ValueError):
        return False
    return True


def _new_directory(task: str) -> Path:
    name = re.sub(r"\W+", "-", task.partition(":")[2]).strip("-")
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{name}-{stamp}"


def _print_result(console: Console, result: Result, directory: Path) -> None:
    lines = {
        "best": f"{result.fun:.6g}",
        "x": str(result.x),
        "effort": f"{result.nfev:,} evaluations in {result.nit + 1:,} generations",
    }
    if result.modes is not None:
        lines["modes"] = f"{len(result.modes.fun)} distinct optima"
    failed = int(np.sum(result.history["num_failed"]))
    if failed:
        first = f", the first with {result.failures[0].reason}" if result.failures else ""
        lines["failed"] = f"{failed:,} evaluations{first}"
    lines["run"] = f"{directory}  (diffevo report {directory})"
    console.print(escape(result.message))
    for name, text in lines.items():
        console.print(f"{name:<8}{escape(text)}")


def _report(command: Report, console: Console) -> int:
    from diffevo import report  # needs an extra, and says so

    out = command.out or command.directory / "report.html"
    try:
        out.write_text(report.page(command.directory), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out: {out} cannot be written, {error}") from error
    console.print(escape(str(out)))
    return 0


def _list(command: List, console: Console) -> int:
    rows: list[list[str]] = []
    if command.where is None:
        rows += [[name, _first_line(inspect.getmodule(kind))] for name, kind in ALGORITHMS.items()]
        rows += [[name, _first_line(kind)] for name, kind in EVALUATORS.items()]
    elif Path(command.where).is_dir():
        runs = [path.parent for path in sorted(Path(command.where).glob("*/config.json"))]
        head = ["run", "task", "generations", "evaluations", "best", "end"]
        rows += [head, *map(_run_line, runs)] if runs else []
    elif re.fullmatch(r"[\w.]+", command.where):
        try:
            module = importlib.import_module(command.where)
        except ModuleNotFoundError as error:
            raise UsageError(f"{command.where}: neither a folder nor a module here") from error
        public = [name for name in vars(module) if not name.startswith("_")]
        for name in getattr(module, "__all__", public):
            value = getattr(module, name)
            if callable(value):
                rows.append([f"{command.where}:{name}", _first_line(value)])
    else:
        raise UsageError(f"{command.where}: neither a folder nor a module here")
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        console.print(escape("  ".join(cells).rstrip()))
    return 0


def _first_line(value: Any) -> str:
    return (inspect.getdoc(value) or "").partition("\n")[0]


def _run_line(directory: Path) -> list[str]:
    config, metrics = records.read_config(directory), records.read_metrics(directory)
    result = records.read_result(directory)
    command = config["command"]
    best = "best_fitness" in metrics
    return [
        str(directory),
        command["task"] if command else str(config["fun"]),
        f"{len(metrics['nfev']):,}" if best else "0",
        f"{metrics['nfev'][-1]:,}" if best else "0",
        f"{metrics['best_fitness'][-1]:.6g}" if best else "",
        result["stop_reason"] if result else "not yet",
    ]

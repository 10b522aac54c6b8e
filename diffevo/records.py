"""The memory of a run: a directory that says what was searched, and from which it goes on.

::

    config.json        all that determines the search, its stop rules, versions, sessions
    metrics.jsonl      a line a generation
    evaluations/       every evaluated solution and its value, Parquet (`diffevo.evaluations`)
    checkpoints/       the newest few states of the search (`diffevo.checkpoint`)
    journal/           values since the last checkpoint, of a function that Python calls
    result.json        what the last session returned

The search hands over what is to be written and goes on; one thread writes, in order. Whatever goes
wrong there (a full disk, a directory that is gone) ends the writing, not the search: a warning says
so, once. What is written after a checkpoint is taken back when the run is resumed, and made again.
"""

import collections
import concurrent.futures
import contextlib
import datetime
import hashlib
import json
import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from diffevo import checkpoint
from diffevo.configuration import describe, describe_search, differences, leaf_names, machine
from diffevo.configuration import versions as versions_here
from diffevo.journal import Journal
from diffevo.result import Result
from diffevo.search import Setup
from diffevo.space import SearchSpace

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

FORMAT = 1
# Checkpoints are this share of the time apart, within these seconds, and at least so many times
# what one takes.
_SHARE, _LEAST_SECONDS, _MOST_SECONDS, _TIMES = 0.02, 10.0, 300.0, 20
# Metrics of a search that Python drives are handed over so many seconds apart.
_SECONDS_PER_METRICS = 0.2
# Evaluations are kept in memory up to so many bytes before a part is written.
_PART_BYTES = 2**25
# So many pieces of work, and of these so many parts, may wait for the thread that writes; the
# search waits if there are more. In the second that a checkpoint may take, many small ones come.
_MOST_WAITING, _MOST_PARTS = 1000, 2
_OURS = ("metrics.jsonl", "evaluations", "checkpoints", "journal")


class RunDirectory:
    """A run directory that is being written; made by `open_run`.

    Attributes:
        restored: (generation, arrays, notes) of the checkpoint to go on from; None: from the start.
        journal: of a function that Python calls; None otherwise, or if it cannot be written.
        records_evaluations: whether evaluations are recorded.
    """

    def __init__(
        self,
        path: Path,
        space: SearchSpace,
        sign: float,
        identity: str,
        records_evaluations: bool,
        compiled: bool,
        lock: Any,
        error: Exception | None,
    ):
        self._path, self._space, self._sign, self._identity = path, space, sign, identity
        self._lock, self._error, self._is_warned = lock, error, False
        self.restored = checkpoint.load_newest(path / "checkpoints", identity)
        generation, notes = -1, {}
        if self.restored is not None:
            generation, _, notes = self.restored
        self.journal: Journal | None = None
        self.records_evaluations = records_evaluations
        self._write_part: Callable[..., None] | None = None
        if records_evaluations:
            from diffevo import evaluations  # needs an extra, and says so

            self._write_part = evaluations.write
        if error is None:
            try:
                self._prepare(generation, compiled)
            except OSError as failure:
                self._error = failure
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "diffevo-records")
        self._waiting: collections.deque[concurrent.futures.Future[None]] = collections.deque()
        self._parts: collections.deque[concurrent.futures.Future[None]] = collections.deque()
        self._saving: concurrent.futures.Future[None] | None = None
        self._saved_at, self._took = time.monotonic(), 0.0
        self._metrics_at = -math.inf
        self._began = time.monotonic()
        self._seconds = float(notes.get("seconds", 0.0))
        # Of the generations: of which there are metrics, and of which there is a checkpoint.
        self._written = -1 if self._error is not None else self._count_metrics(generation)
        self._saved = generation
        self._part: list[tuple[int, np.ndarray, np.ndarray]] = []
        self._part_bytes = 0
        self._warn()

    def _prepare(self, generation: int, compiled: bool) -> None:
        """Make the folders, and take back what is after the generation restored."""
        for name in _OURS[1:]:
            (self._path / name).mkdir(exist_ok=True)
        (self._path / "result.json").unlink(missing_ok=True)
        checkpoint.remove_after(self._path / "checkpoints", generation)
        if self.records_evaluations:
            from diffevo import evaluations

            evaluations.remove_after(self._path / "evaluations", generation)
        if not compiled:
            self.journal = Journal(self._path / "journal", generation)

    def _count_metrics(self, generation: int) -> int:
        """Cut the metrics after a generation, and give the number of the last that is there."""
        path = self._path / "metrics.jsonl"
        kept: list[bytes] = []
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                is_next = line.startswith(b'{"generation": %d,' % len(kept))
                if len(kept) > generation or not is_next or not line.endswith(b"}\n"):
                    break
                kept.append(line)
        try:
            with path.open("ab") as file:
                file.truncate(sum(map(len, kept)))
        except OSError as error:
            self._error = error
        return len(kept) - 1

    @property
    def seconds(self) -> float:
        """How long the search has taken in all sessions."""
        return self._seconds + time.monotonic() - self._began

    def add_metrics(self, history: dict[str, np.ndarray], first: int) -> None:
        """Hand over a line for each generation that has none yet.

        Args:
            history: a metric's values in the user's sign, of the generations from the first on.
            first: number of the first.
        """
        self._metrics_at = time.monotonic()
        last = first + len(history["generation"]) - 1
        begin, self._written = self._written + 1, max(self._written, last)
        if begin > self._written:
            return
        columns = {name: values[begin - first :].tolist() for name, values in history.items()}
        generations = columns.pop("generation")
        self._do(self._append_metrics, generations, columns, round(self.seconds, 3))

    @property
    def metrics_are_due(self) -> bool:
        """Whether the last ones were handed over a while ago; a line each would slow quick runs."""
        return time.monotonic() - self._metrics_at >= _SECONDS_PER_METRICS

    @property
    def next_metrics(self) -> int:
        """Number of the first generation without a line of metrics."""
        return self._written + 1

    def _append_metrics(
        self, generations: list[int], columns: dict[str, list[Any]], seconds: float
    ) -> None:
        # One format for all lines: a compiled search has tens of thousands a second.
        names = "".join(f", {json.dumps(name).replace('%', '%%')}: %s" for name in columns)
        line = f'{{"generation": %d{names}, "seconds": {seconds}}}\n'
        cells = [
            values if all(map(math.isfinite, values)) else list(map(_number, values))
            for values in columns.values()
        ]
        lines = [line % row for row in zip(generations, *cells, strict=True)]
        with (self._path / "metrics.jsonl").open("a") as file:
            file.write("".join(lines))

    def add_evaluations(self, first: int, genomes: np.ndarray, fitness: np.ndarray) -> None:
        """Hand over evaluated generations.

        Args:
            first: number of the first of them.
            genomes: shape (generations, members, D); the run directory keeps them.
            fitness: in the user's sign, shape (generations, members).
        """
        if not self.records_evaluations or self._error is not None:
            return
        self._part.append((first, genomes, fitness))
        self._part_bytes += genomes.nbytes + fitness.nbytes
        if self._part_bytes > _PART_BYTES:
            self._flush_evaluations()

    def _flush_evaluations(self) -> None:
        if self._part:
            part, self._part, self._part_bytes = self._part, [], 0
            while len(self._parts) >= _MOST_PARTS:
                self._parts.popleft().result()
            self._do(self._write_evaluations, part)
            self._parts.extend(list(self._waiting)[-1:])

    def _write_evaluations(self, part: list[tuple[int, np.ndarray, np.ndarray]]) -> None:
        assert self._write_part is not None
        shapes = [(first, *fitness.shape) for first, _, fitness in part]
        self._write_part(
            self._path / "evaluations",
            self._space,
            np.concatenate([np.repeat(np.arange(g, g + n), m) for g, n, m in shapes]),
            np.concatenate([np.tile(np.arange(m), n) for _, n, m in shapes]),
            np.concatenate([genomes.reshape(-1, genomes.shape[-1]) for _, genomes, _ in part]),
            np.concatenate([fitness.ravel() for _, _, fitness in part]),
        )

    def save_if_due(self, generation: int, snapshot: Callable[[], tuple[Any, Any]]) -> None:
        """Hand over a checkpoint if the last one is long enough ago.

        Args:
            generation: the number of the generation that the search is after.
            snapshot: gives (a pytree of arrays, notes as JSON takes them).
        """
        elapsed = time.monotonic() - self._began
        interval = min(max(_SHARE * elapsed, _LEAST_SECONDS), _MOST_SECONDS)
        if time.monotonic() - self._saved_at < max(interval, _TIMES * self._took):
            return
        if self._saving is None or self._saving.done():
            self.save(generation, snapshot)

    def save(self, generation: int, snapshot: Callable[[], tuple[Any, Any]]) -> None:
        """Hand over a checkpoint, unless there is one of this generation."""
        if generation <= self._saved or self._error is not None:
            return
        self._saved, self._saved_at = generation, time.monotonic()
        tree, notes = snapshot()
        arrays = checkpoint.to_arrays(tree)
        self._flush_evaluations()
        if self.journal is not None:
            self.journal.begin_segment(generation)
        self._do(self._save, generation, arrays, {"seconds": self.seconds, "texts": notes})
        self._saving = self._waiting[-1] if self._waiting else None

    def _save(self, generation: int, arrays: dict[str, np.ndarray], notes: Any) -> None:
        began = time.monotonic()
        kept = checkpoint.save(
            self._path / "checkpoints", generation, arrays, notes, self._identity
        )
        self._took = time.monotonic() - began
        if self.journal is not None:
            self.journal.forget(kept[0])

    def _do(self, work: Callable[..., None], *arguments: Any) -> None:
        """Have the thread do something, after what it was given before."""

        def attempt() -> None:
            if self._error is None:
                try:
                    work(*arguments)
                except Exception as error:  # orbax, pyarrow and the system raise what they like
                    self._error = error

        if self._error is None:
            self._waiting.append(self._thread.submit(attempt))
        while len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft().result()
        self._warn()

    def _warn(self) -> None:
        """Say once that nothing is written any more."""
        if self._error is None and self.journal is not None:
            self._error = self.journal.error
        if self._error is None or self._is_warned:
            return
        self._is_warned = True
        warnings.warn(
            f"run_dir: {self._path} cannot be written, {type(self._error).__name__}: "
            f"{self._error}. The search goes on in memory; what it does from here on is not "
            "recorded.",
            RuntimeWarning,
            stacklevel=2,
        )

    def finish(self, result: Result) -> None:
        """Write what the session returns, and wait until all is written."""
        self._flush_evaluations()
        self._do(self._write_result, result)
        self._wait()

    def _write_result(self, result: Result) -> None:
        checkpoint.write_text(
            self._path / "result.json", json.dumps(_result_as_json(result, self._space), indent=1)
        )

    def _wait(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()
        self._warn()

    def close(self) -> None:
        """End the thread and free the directory."""
        self._wait()
        self._thread.shutdown()
        if self.journal is not None:
            with contextlib.suppress(OSError):
                self.journal.close()
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def open_run(
    run_dir: Any,
    resume: bool,
    record_evaluations: bool,
    setup: Setup,
    sign: float,
    fun: Any,
    compiled: bool,
    command: dict[str, Any] | None,
) -> RunDirectory:
    """Make a run directory, or open the one of this very search.

    Args:
        run_dir: where.
        resume: whether a run that is there is to go on.
        record_evaluations: whether evaluations are recorded.
        setup: the search.
        sign: -1 where the user maximises.
        fun: the user's function, of which the name is noted.
        compiled: whether it is part of the compiled loop.
        command: how the command line began the run, so that it can go on; None: it did not.

    Returns:
        The directory; if it cannot be written there is a warning, and nothing is recorded.

    Raises:
        ValueError: what is there is another search's, or damaged, or in use, or a run and not to
            be resumed.
    """
    path = Path(run_dir).absolute()
    if path.exists() and not path.is_dir():
        raise ValueError(f"run_dir: expected a directory, got the file {path}")
    lock, error = None, None
    # The lock is freed if what is there is refused.
    with contextlib.ExitStack() as opened:
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = opened.enter_context(_lock(path))
        except OSError as failure:
            error = failure
        description = describe_search(setup, sign, compiled)
        stop = {
            name: describe(value)
            for name, value in {
                "generations": setup.rules.last,
                "limit": setup.rules.last_reason,
                "ftarget": None if setup.rules.target is None else sign * setup.rules.target,
                "timeout": setup.rules.timeout,
                "tol_stagnation": setup.rules.tol_stagnation,
            }.items()
        }
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        session = {"began": now, "stop": stop, "versions": versions_here()} | machine()
        config = _read_own(path, resume)
        if config is None:
            config = {
                "format": FORMAT,
                "fun": describe(fun) if hasattr(fun, "__qualname__") else type(fun).__name__,
                "command": command,
                "search": description,
                "space": leaf_names(setup.space),
                "record_evaluations": record_evaluations,
                "sessions": [],
            }
        else:
            _check_same(path, config, description, record_evaluations)
        config["sessions"].append(session)
        if error is None:
            try:
                checkpoint.write_text(path / "config.json", json.dumps(config, indent=1))
            except OSError as failure:
                error = failure
        identity = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
        directory = RunDirectory(
            path, setup.space, sign, identity, record_evaluations, compiled, lock, error
        )
        opened.pop_all()
        return directory


def _lock(path: Path) -> Any:
    """An open file that no other process can lock until it is closed, or this process ends."""
    file = (path / ".lock").open("w")
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise ValueError(
                f"run_dir: expected a directory that no other search is writing to, got {path}"
            ) from error
        except OSError:  # a file system without locks
            pass
    return file


def read_config(path: Path) -> dict[str, Any]:
    """config.json of a run directory.

    Raises:
        ValueError: there is none, or it is damaged, or a later version of diffevo wrote it.
    """
    try:
        text = (path / "config.json").read_text()
    except OSError as error:
        raise ValueError(f"run_dir: expected a run in {path}, got no config.json there") from error
    try:
        config = json.loads(text)
        kind = config["format"]
        missing = {"search", "sessions", "command"} - config.keys()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"run_dir: {path / 'config.json'} is damaged, {error!r}") from error
    if missing:
        raise ValueError(f"run_dir: {path / 'config.json'} is damaged, it lacks {sorted(missing)}")
    if kind != FORMAT:
        raise ValueError(f"run_dir: expected a run of format {FORMAT} in {path}, got {kind!r}")
    return config


def _read_own(path: Path, resume: bool) -> dict[str, Any] | None:
    """The configuration of the run that is there, if there is one and it may go on."""
    if not (path / "config.json").exists():
        there = [name for name in _OURS if (path / name).exists()]
        if there:
            raise ValueError(
                f"run_dir: expected a run or none in {path}, got {there[0]} without config.json"
            )
        return None
    config = read_config(path)
    if not resume:
        raise ValueError(
            f"run_dir: expected a directory without a run, got {path}, which has one; resume=True "
            "goes on with it"
        )
    return config


def _check_same(
    path: Path, config: dict[str, Any], description: dict[str, Any], record_evaluations: bool
) -> None:
    before, now = (
        {**one, "record_evaluations": recorded}
        for one, recorded in (
            (config["search"], config.get("record_evaluations")),
            (description, record_evaluations),
        )
    )
    different = differences(before, json.loads(json.dumps(now)))
    if different:
        raise ValueError(
            f"run_dir: expected the search that {path} has begun, got another: "
            + "; ".join(different[:5])
            + ("; ..." if len(different) > 5 else "")
            + ". Only stop rules may change, and not a budget that sets the algorithm's schedule "
            "or population_size."
        )
    last = config["sessions"][-1].get("versions", {}) if config["sessions"] else {}
    changed = differences(last, json.loads(json.dumps(versions_here())))
    if changed:
        warnings.warn(
            f"run_dir: {'; '.join(changed)}. The search goes on, but may round differently than "
            "without the interruption.",
            RuntimeWarning,
            stacklevel=4,
        )


def read_metrics(path: Path) -> dict[str, np.ndarray]:
    """metrics.jsonl of a run directory, an array a column; a line cut short is left out."""
    rows = []
    with contextlib.suppress(OSError, ValueError):
        for line in (path / "metrics.jsonl").read_text().splitlines():
            rows.append(json.loads(line))
    names = rows[0] if rows else {}
    return {
        name: np.array([math.nan if row[name] is None else row[name] for row in rows])
        for name in names
    }


def read_result(path: Path) -> dict[str, Any] | None:
    """result.json of a run directory; None if no session has ended by itself."""
    try:
        return json.loads((path / "result.json").read_text())
    except (OSError, ValueError):
        return None


def _number(value: Any) -> str:
    """A number as JSON; NaN as null, infinities as what every reader takes for them."""
    if isinstance(value, float) and not math.isfinite(value):
        return "null" if math.isnan(value) else "1e999" if value > 0 else "-1e999"
    return repr(value)


def _result_as_json(result: Result, space: SearchSpace) -> dict[str, Any]:
    """What a search found, as JSON; solutions by the names of their leaves."""
    names = leaf_names(space)

    def leaves(solution: Any) -> dict[str, Any]:
        parts = space.layout.treedef.flatten_up_to(solution)
        return {name: _plain(part) for name, part in zip(names, parts, strict=True)}

    modes = None
    if result.modes is not None:
        columns = leaves(result.modes.x)
        modes = [
            {
                "fun": _plain(value),
                "nfev": int(nfev),
                "x": {name: columns[name][i] for name in names},
            }
            for i, (value, nfev) in enumerate(zip(result.modes.fun, result.modes.nfev, strict=True))
        ]
    return {
        "x": leaves(result.x),
        "fun": _plain(result.fun),
        "nfev": result.nfev,
        "nit": result.nit,
        "success": result.success,
        "stop_reason": result.stop_reason,
        "message": result.message,
        "standard_error": _plain(result.standard_error),
        "num_evaluations": result.num_evaluations,
        "modes": modes,
        "failures": [
            {
                "generation": failure.generation,
                "member": failure.member,
                "reason": failure.reason,
                "x": leaves(failure.x),
            }
            for failure in result.failures
        ],
    }


def _plain(value: Any) -> Any:
    """Numbers, and text for what JSON does not have."""
    if isinstance(value, (jax.Array, np.ndarray, np.generic)):
        value = np.asarray(value).tolist()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)

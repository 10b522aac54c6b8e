"""Plain Python fitness functions: in this thread, in others, or in processes; what fails is NaN.

An evaluator is a description, equal by value. `start` gives a function from solutions to outcomes,
in the order of the solutions whatever the order in which they are done.

Every worker is a thread or a process of its own. So it is known which solution a worker was at when
it died, and one that hangs is given up alone: a process is killed, a thread goes on in the
background (Python cannot end one) and another takes its place.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import math
import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future
from typing import Any, Protocol

import numpy as np

PyTree = Any
Function = Callable[[PyTree], Any]

# A worker process that does not come up so many times in a row will not do so later either.
_STARTS = 3


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one evaluation.

    Attributes:
        value: what the function returned; None if it did not return.
        error: what it raised, `TimeoutError` if it took too long, `BrokenProcessPool` if its
            process died; None if it returned.
        attempts: how often it was tried; 0: not at all, the search was over before.
    """

    value: Any
    error: BaseException | None
    attempts: int


class Remembered(Exception):
    """The words of an exception that was raised before the run was resumed: "OSError: full"."""


def in_words(error: BaseException) -> str:
    """An exception's type and message."""
    return str(error) if isinstance(error, Remembered) else f"{type(error).__name__}: {error}"


@dataclasses.dataclass(frozen=True)
class Failure:
    """An evaluation that failed.

    Attributes:
        generation: number of the generation; 0 is the initial population.
        member: place in it.
        x: the solution.
        reason: what happened, in words.
        error: the exception, if there was one; `Remembered` if that was before the run was resumed.
    """

    generation: int
    member: int
    x: PyTree
    reason: str
    error: BaseException | None


# Takes (solutions, when to give up by `time.monotonic`, outcomes to fill in): what is done by then,
# or by an interrupt, is in its place.
Evaluate = Callable[[Sequence[PyTree], float, list[Outcome]], None]
Accept = Callable[[Any], bool]


class Evaluator(Protocol):
    """What an evaluator of your own has to offer."""

    def start(self, fun: Function, accept: Accept) -> contextlib.AbstractContextManager[Evaluate]:
        """Bring up the workers; leaving the context ends them.

        Args:
            fun: the user's function.
            accept: whether a returned value will do, or shall be tried again.
        """
        ...


def as_number(value: Any) -> float | None:
    """A real number as a float, NaN and infinities included; None if it is something else."""
    if isinstance(value, float):
        return value
    try:
        array = np.asarray(value)
    except Exception:  # whatever an object of the user's does when it is asked for an array
        return None
    if array.shape != () or array.dtype.kind not in "fiub":
        return None
    return float(array)


def are_floats(values: Iterable[Any]) -> bool:
    """Whether all are floats, as is usual: then no value needs a look at itself."""
    return set(map(type, values)) <= {float, np.float64}


def why_no_number(value: Any) -> str:
    """What is wrong with a value of which `as_number` is None."""
    if value is None:
        return "expected a real number, got None"
    if isinstance(value, (str, bytes)):
        return f"expected a real number, got {type(value).__name__} {value[:40]!r}"
    shape = getattr(value, "shape", ())
    what = f"{type(value).__name__} of shape {shape}" if shape != () else f"{value!r:.60}"
    return f"expected a real number, got {type(value).__name__}: {what}"


def _check(retries: Any, timeout: Any, num_workers: Any) -> None:
    def is_int(value: Any, low: int) -> bool:
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        return whole and int(value) >= low

    if not is_int(retries, 0):
        raise ValueError(f"retries: expected an int >= 0, got {retries!r}")
    if num_workers is not None and not is_int(num_workers, 1):
        raise ValueError(f"num_workers: expected an int >= 1 or None, got {num_workers!r}")
    number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if timeout is not None and not (number and timeout > 0):
        raise ValueError(f"timeout: expected seconds > 0 or None, got {timeout!r}")


@dataclasses.dataclass(frozen=True)
class Serial:
    """One after the other, in the caller's thread.

    Attributes:
        retries: how often a failed evaluation is tried again.

    Raises:
        ValueError: an argument is out of its range.
    """

    retries: int = 0

    def __post_init__(self) -> None:
        """Check the configuration."""
        _check(self.retries, None, None)

    @contextlib.contextmanager
    def start(self, fun: Function, accept: Accept) -> Iterator[Evaluate]:
        """See `Evaluator`."""

        def attempt(solution: PyTree) -> Outcome:
            outcome = Outcome(None, None, 0)
            for number in range(1, self.retries + 2):
                try:
                    outcome = Outcome(fun(solution), None, number)
                except (Exception, SystemExit) as error:  # whatever it is: a failed member
                    outcome = Outcome(None, error, number)
                if outcome.error is None and accept(outcome.value):
                    break
            return outcome

        def evaluate(solutions: Sequence[PyTree], deadline: float, outcomes: list[Outcome]) -> None:
            for index, solution in enumerate(solutions):
                if time.monotonic() >= deadline:
                    break
                outcomes[index] = attempt(solution)

        yield evaluate


@dataclasses.dataclass(frozen=True)
class SideBySide:
    """What evaluators with several workers have in common."""

    num_workers: int | None = None
    timeout: float | None = None
    retries: int = 0

    def __post_init__(self) -> None:
        """Check the configuration."""
        _check(self.retries, self.timeout, self.num_workers)


@dataclasses.dataclass(frozen=True)
class Threads(SideBySide):
    """Side by side in threads: for functions that wait for something else, or release the GIL.

    Attributes:
        num_workers: threads; None: as many as there are processors.
        timeout: seconds for one attempt. The thread of one that takes longer cannot be ended: it
            goes on, and Python waits for it at exit. Use `Processes` for functions that may hang.
        retries: how often a failed evaluation is tried again.

    Raises:
        ValueError: an argument is out of its range.
    """

    @contextlib.contextmanager
    def start(self, fun: Function, accept: Accept) -> Iterator[Evaluate]:
        """See `Evaluator`."""
        with pool(_ThreadWorker, self, fun, accept) as evaluate:
            yield evaluate


@dataclasses.dataclass(frozen=True)
class Processes(SideBySide):
    """Side by side in processes, which may hang or die: for Python code that computes.

    The processes are new ones (not forked: JAX would not survive that), which import the module of
    fun. So fun is a function of a module, not a lambda, and a script protects what it runs by
    ``if __name__ == "__main__":``, as always with `multiprocessing`.

    Attributes:
        num_workers: processes; None: as many as there are processors.
        timeout: seconds for one attempt; the process of one that takes longer is killed.
        retries: how often a failed evaluation is tried again.

    Raises:
        ValueError: an argument is out of its range.
    """

    @contextlib.contextmanager
    def start(self, fun: Function, accept: Accept) -> Iterator[Evaluate]:
        """See `Evaluator`."""
        try:
            pickle.dumps(fun)
        except Exception as error:  # pickle raises what it likes
            raise ValueError(
                "fun: expected a function that can be sent to a process (one of a module, no "
                f"lambda), got {fun!r}"
            ) from error
        with pool(_ProcessWorker, self, fun, accept) as evaluate:
            yield evaluate


class Worker(Protocol):
    """Evaluates one solution at a time.

    A future whose exception is a `BrokenExecutor` says that the worker is gone.

    Attributes:
        ready: done when the worker has come up.
    """

    ready: Future[Any]

    def submit(self, solution: PyTree) -> Future[Any]:
        """Begin an evaluation."""
        ...

    def end(self) -> None:
        """Give it up, whatever it is at."""
        ...


class _ThreadWorker:
    """One thread."""

    def __init__(self, fun: Function):
        self._executor = concurrent.futures.ThreadPoolExecutor(1, "diffevo")
        self.ready: Future[Any] = Future()
        self.ready.set_result(True)
        self._fun = fun

    def submit(self, solution: PyTree) -> Future[Any]:
        """Begin an evaluation."""
        return self._executor.submit(self._fun, solution)

    def end(self) -> None:
        """Give it up, whatever it is at."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class _ProcessWorker:
    """One process."""

    def __init__(self, fun: Function):
        # Ctrl-C is for the main process, which ends the workers.
        self._executor = concurrent.futures.ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)
        )
        self._pid = self._executor.submit(os.getpid)
        # To receive fun imports its module, which shall not count as time of an evaluation.
        self.ready = self._executor.submit(callable, fun)
        self._fun = fun

    def submit(self, solution: PyTree) -> Future[Any]:
        """Begin an evaluation."""
        return self._executor.submit(self._fun, solution)

    def end(self) -> None:
        """Kill it, whatever it is at."""
        with contextlib.suppress(Exception):  # it may be dead, or never have lived
            os.kill(self._pid.result(timeout=10), getattr(signal, "SIGKILL", signal.SIGTERM))
        self._executor.shutdown(wait=True, cancel_futures=True)


@dataclasses.dataclass(frozen=True)
class _Task:
    """What a worker is at: bringing itself up (no index) or an attempt at a solution."""

    worker: Worker
    index: int | None
    attempt: int
    losses: int
    expires: float


@contextlib.contextmanager
def pool(
    kind: Callable[[Function], Worker],
    config: SideBySide,
    fun: Function,
    accept: Accept,
    most_losses: int = 0,
) -> Iterator[Evaluate]:
    """Bring up workers, hand out solutions, collect what comes; see `Evaluator`.

    Args:
        kind: makes a worker.
        config: how many, how long, how often.
        fun: the user's function.
        accept: whether a returned value will do.
        most_losses: so often an evaluation whose worker is gone is done again without counting as
            an attempt.

    Raises:
        RuntimeError: workers do not come up.
    """
    num_workers = config.num_workers or os.cpu_count() or 1
    timeout = math.inf if config.timeout is None else config.timeout
    running: dict[Future[Any], _Task] = {}
    idle: list[Worker] = []
    failed_starts = 0

    def bring_up() -> None:
        worker = kind(fun)
        running[worker.ready] = _Task(worker, None, 0, 0, math.inf)

    def started(worker: Worker, error: BaseException | None) -> None:
        nonlocal failed_starts
        if error is None:
            failed_starts = 0
            idle.append(worker)
            return
        worker.end()
        failed_starts += 1
        if failed_starts == _STARTS:
            raise RuntimeError(
                "fun: a worker process could not import it. It must be a function of a module "
                'that can be imported, and a script needs `if __name__ == "__main__":`.'
            ) from error
        bring_up()

    def evaluate(solutions: Sequence[PyTree], deadline: float, outcomes: list[Outcome]) -> None:
        waiting = collections.deque((index, 1, 0) for index in range(len(solutions)))
        done = 0
        while done < len(solutions):
            while idle and waiting and time.monotonic() < deadline:
                index, attempt, losses = waiting[0]
                worker = idle.pop()
                try:
                    future = worker.submit(solutions[index])
                except BrokenExecutor:  # it died while it had nothing to do
                    worker.end()
                    bring_up()
                    continue
                waiting.popleft()
                expires = time.monotonic() + timeout
                running[future] = _Task(worker, index, attempt, losses, expires)
            first = min(deadline, *(task.expires for task in running.values()), math.inf)
            pause = None if first == math.inf else max(0.0, first - time.monotonic())
            finished, _ = concurrent.futures.wait(
                running, pause, concurrent.futures.FIRST_COMPLETED
            )
            now = time.monotonic()
            if not finished and now >= deadline:
                return
            for future, task in list(running.items()):
                if future not in finished and task.expires > now:
                    continue
                del running[future]
                if future in finished:
                    error = future.exception()
                    value = None if error is not None else future.result()
                else:
                    error, value = TimeoutError(f"took longer than {timeout:g} s"), None
                if task.index is None:
                    started(task.worker, error)
                    continue
                is_gone = isinstance(error, BrokenExecutor)
                if future in finished and not is_gone:
                    idle.append(task.worker)
                else:
                    task.worker.end()
                    bring_up()
                if is_gone and task.losses < most_losses:
                    waiting.append((task.index, task.attempt, task.losses + 1))
                    continue
                outcome = Outcome(value, error, task.attempt)
                outcomes[task.index] = outcome
                fine = error is None and accept(value)
                if fine or task.attempt > config.retries:
                    done += 1
                else:
                    waiting.append((task.index, task.attempt + 1, task.losses))

    for _ in range(num_workers):
        bring_up()
    try:
        yield evaluate
    finally:
        for worker in [*idle, *(task.worker for task in running.values())]:
            worker.end()


EVALUATORS: dict[str, type[Any]] = {"serial": Serial, "threads": Threads, "processes": Processes}

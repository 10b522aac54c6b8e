"""Plain Python fitness functions on a Ray cluster: each worker is an actor of its own.

An evaluation whose worker or node is lost is done again on another, without counting as an attempt.
"""

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future
from typing import Any

from diffevo.evaluators.host import Accept, Evaluate, Function, PyTree, SideBySide, pool

# A solution that loses its workers so many times more is itself to blame, and has failed.
_MOST_LOSSES = 3


class WorkerLost(BrokenExecutor):
    """A worker died, or its node did, while it evaluated a solution."""


@dataclasses.dataclass(frozen=True)
class Ray(SideBySide):
    """Side by side on a Ray cluster.

    The cluster is the one that `ray.init` was called for. If it was not called, it is called, and
    finds the cluster of the environment (RAY_ADDRESS), or starts one on this machine that ends with
    the search. The function is sent by cloudpickle, so a lambda will do; modules that it imports
    must be there on all nodes.

    Attributes:
        num_workers: actors; None: as many as the cluster has processors for. Those for which there
            is no room come up when there is.
        timeout: seconds for one attempt; the worker of one that takes longer is killed.
        retries: how often a failed evaluation is tried again. One whose worker or node was lost is
            done again up to three times besides.
        num_cpus: processors that a worker reserves, 0 or more, a fraction if several share one.
        num_gpus: GPUs that it reserves; Ray shows it no others.

    Raises:
        ValueError: an argument is out of its range.
    """

    num_cpus: float = 1
    num_gpus: float = 0

    def __post_init__(self) -> None:
        """Check the configuration."""
        super().__post_init__()
        for name in ("num_cpus", "num_gpus"):
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (is_number and 0 <= value < float("inf")):
                raise ValueError(f"{name}: expected a number >= 0, got {value!r}")

    @contextlib.contextmanager
    def start(self, fun: Function, accept: Accept) -> Iterator[Evaluate]:
        """See `Evaluator`.

        Raises:
            ImportError: Ray is not installed.
        """
        ray = _import_ray()
        is_ours = not ray.is_initialized()
        if is_ours:
            with warnings.catch_warnings():
                # JAX warns of forks; Ray's become other programs at once.
                warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
                ray.init(include_dashboard=False)
        try:
            actor = ray.remote(_actor_class()).options(
                num_cpus=self.num_cpus, num_gpus=self.num_gpus, max_restarts=0
            )
            config = self
            if self.num_workers is None:
                room = ray.cluster_resources().get("CPU", 1) // (self.num_cpus or 1)
                config = dataclasses.replace(self, num_workers=max(int(room), 1))
            sent = ray.put(fun)
            with pool(
                lambda fun: _RayWorker(ray, actor.remote(sent)), config, fun, accept, _MOST_LOSSES
            ) as evaluate:
                yield evaluate
        finally:
            if is_ours:
                ray.shutdown()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ImportError('The Ray evaluator needs Ray: pip install "diffevo-jax[ray]"') from error
    return ray


def _actor_class() -> type[Any]:
    # A class within a function is sent whole. One of this module would be imported by the worker,
    # with JAX, or not be there at all.
    class Actor:
        def __init__(self, fun: Any):
            self.fun = fun

        def ready(self) -> bool:
            return True

        def evaluate(self, solution: Any) -> Any:
            return self.fun(solution)

    return Actor


class _RayWorker:
    """One actor."""

    def __init__(self, ray: Any, actor: Any):
        self._ray, self._actor = ray, actor
        self.ready = self._future(actor.ready.remote())

    def submit(self, solution: PyTree) -> Future[Any]:
        """Begin an evaluation."""
        return self._future(self._actor.evaluate.remote(solution))

    def end(self) -> None:
        """Kill it, whatever it is at."""
        with contextlib.suppress(Exception):  # it may be dead, or the cluster gone
            self._ray.kill(self._actor)

    def _future(self, reference: Any) -> Future[Any]:
        """What comes of a call, with the user's own exception, or `WorkerLost`."""
        exceptions = self._ray.exceptions
        future: Future[Any] = Future()

        def done(given: Future[Any]) -> None:
            error = given.exception()
            if isinstance(error, exceptions.RayTaskError):
                error = getattr(error, "cause", error)
            elif isinstance(error, exceptions.RayError):
                error = WorkerLost(f"{type(error).__name__}: {str(error).splitlines()[0]}")
            if error is None:
                future.set_result(given.result())
            else:
                future.set_exception(error)

        reference.future().add_done_callback(done)
        return future

"""One call: `minimize` and `maximize` run a whole search and return a scipy-like result."""

import contextlib
import dataclasses
import functools
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from diffevo import checkpoint, host_search, search
from diffevo.evaluators import host, sharded
from diffevo.evaluators.noise import WithKey, takes_key
from diffevo.evaluators.ray import Ray
from diffevo.evaluators.sharded import Sharded
from diffevo.evaluators.traceable import batch_function
from diffevo.optimizer import Optimizer
from diffevo.progress import progress_bar
from diffevo.records import RunDirectory, open_run
from diffevo.result import Result, find_modes, noise_of
from diffevo.space import Layout, Limits, SearchSpace
from diffevo.stopping import MESSAGES

PyTree = Any
FitnessFunction = Callable[..., Any]
Callback = Callable[[dict[str, Any]], bool | None]

# Those with a name, besides "traceable".
EVALUATORS: dict[str, type[Any]] = {"sharded": Sharded, **host.EVALUATORS, "ray": Ray}

# How long the compiled loop runs before it looks at the progress bar, the clock or the keyboard.
_SECONDS_PER_CHUNK = 0.2
# Evaluations of a chunk that are recorded take at most so many bytes.
_CHUNK_BYTES = 2**24


def minimize(
    fun: FitnessFunction,
    bounds: tuple[Any, Any] | None = None,
    *,
    space: SearchSpace | None = None,
    x0: PyTree | None = None,
    population: PyTree | None = None,
    population_fitness: Any = None,
    scale: Any = 1.0,
    budget: int = 10_000,
    max_generations: int | None = None,
    population_size: int | None = None,
    algorithm: Any = "auto",
    params: Any = None,
    seed: int | Array = 0,
    batched: bool | None = None,
    evaluator: Any = "auto",
    ftarget: float | None = None,
    timeout: float | None = None,
    tol_stagnation: int | None = None,
    callback: Callback | Sequence[Callback] | None = None,
    progress: bool | None = None,
    noisy: bool = False,
    num_repeats: int = 1,
    run_dir: str | os.PathLike[str] | None = None,
    resume: bool = False,
    record_evaluations: bool = True,
    _sign: float = 1.0,
    _command: dict[str, Any] | None = None,
) -> Result:
    """Search for solutions with a low value of fun.

    Args:
        fun: from one solution to a number, or from a population (leaves with a leading axis N) to N
            numbers. A JAX-traceable one is compiled with the whole search; NaN is a failed
            evaluation. Any other is called with Python numbers and numpy arrays; NaN, None, an
            exception or anything but a real number is a failed evaluation.
        bounds: (low, high), each an array or a pytree like a solution, or a number if x0 gives the
            shape. Solutions always lie within: a step beyond ends on them in niching, and is
            reflected by the other algorithms. None: unbounded.
        space: what is searched instead of bounds: any pytree of real numbers, integers, choices.
        x0: a solution: gives the structure, and the first member of the initial population.
        population: more members of it: a list of solutions, or leaves with a leading axis.
        population_fitness: their values if they are known, in the sign of fun; they are not
            evaluated again. If there are more than fit in, the best are taken.
        scale: spread of the initial population about x0 where there are no bounds.
        budget: evaluations, >= 2 population_size; whole generations only.
        max_generations: generations after the initial population.
        population_size: N. None: what the algorithm does best with: 4 + 3 ln D for niching, the
            same of the number of variables for mixed, a fortieth of the budget, between 16 and 512,
            for the others.
        algorithm: a registered name, an instance with its own schedule, an algorithm of evosax, or
            "auto": "mixed_diffusion_evolution" if there are integers or categories, else
            "niching_diffusion_evolution", but "diffusion_evolution" if a population size is given
            of which at most 50 generations are allowed, in up to 16 dimensions, and
            "latent_diffusion_evolution" in more if at most 20 are.
        params: the algorithm's traced numbers; None: its ``default_params``.
        seed: an int, or a JAX key.
        batched: whether fun takes a population; None: found out.
        evaluator: "traceable", "sharded" (traceable, over all devices), "serial", "threads",
            "processes", "ray", or an instance of one in `diffevo.evaluators` with its number of
            workers, time-out and retries. "auto": traceable if fun is (it is called with tracers
            to find out), else serial.
        ftarget: stop when a value this good is found.
        timeout: stop after so many seconds.
        tol_stagnation: stop after so many generations without a better value.
        callback: called once a generation with a dict: generation, nfev, x, fun and the metrics;
            returning True stops. A list of several: each is called, any of them stops. It costs a
            transfer to the host per generation.
        progress: show a bar; None: if standard error is a terminal.
        noisy: whether fun gives another value for the same x each time. Then the best solutions are
            evaluated again each generation, x is chosen by means, and ``fun`` is a mean of
            evaluations that it was not chosen by: unbiased, with its ``standard_error``. fun may
            take a second argument for its noise, so that a run can be repeated: a key if it is
            JAX, an int if it is Python. JAX that takes none is called by Python.
        num_repeats: with noisy, evaluations of each solution, of which the mean is taken; those
            that fail are left out. Everything counts in nfev and budget.
        run_dir: a directory for the memory of the run: its configuration, a line of metrics a
            generation, evaluations, checkpoints. If it cannot be written, there is a warning and
            the search goes on. Of several JAX processes the first writes, and all go on from what
            it reads; with another evaluator than "sharded" each searches for itself: refused.
        resume: go on with the run in run_dir, or begin it if there is none. The search must be the
            same but for its stop rules; timeout counts from this call.
        record_evaluations: whether run_dir gets every evaluated solution and its value, in Parquet
            files; needs the extra ``records``.

    Returns:
        A `Result`; on Ctrl-C, what was found until then.

    Raises:
        ValueError: an argument does not fit, or run_dir holds a run and resume is False, or another
            search's run; the message names it.
        ImportError: record_evaluations without pyarrow.
        RuntimeError: all evaluations of the first generation failed, and not by NaN; the cause is
            the first exception.

    Example:
        >>> import jax.numpy as jnp, diffevo
        >>> low, high = jnp.full(2, -4.0), jnp.full(2, 4.0)
        >>> result = diffevo.minimize(lambda x: jnp.sum((x - 1) ** 2), (low, high), budget=4000)
        >>> bool(result.fun < 1e-6)
        True
        >>> result.modes.x.shape  # how many distinct optima, each with two coordinates
        (1, 2)
    """
    began = time.monotonic()
    if not callable(fun):
        raise ValueError(f"fun: expected a function, got {type(fun).__name__}")
    callback = _as_one(callback)
    for name, value in (("batched", batched), ("progress", progress)):
        if value not in (None, True, False):
            raise ValueError(f"{name}: expected True, False or None, got {value!r}")
    for name, value in (("resume", resume), ("record_evaluations", record_evaluations)):
        if not isinstance(value, bool):
            raise ValueError(f"{name}: expected True or False, got {value!r}")
    if run_dir is not None and not (isinstance(run_dir, (str, os.PathLike)) and str(run_dir)):
        raise ValueError(f"run_dir: expected a path or None, got {run_dir!r}")
    if resume and run_dir is None:
        raise ValueError("resume: expected run_dir beside it, got None")
    if budget is None:
        raise ValueError("budget: expected an int >= 2, got None")
    optimizer = Optimizer(
        bounds,
        space=space,
        x0=x0,
        population=population,
        population_fitness=population_fitness,
        scale=scale,
        budget=budget,
        max_generations=max_generations,
        population_size=population_size,
        algorithm=algorithm,
        params=params,
        seed=seed,
        maximize=_sign < 0,
        ftarget=ftarget,
        timeout=timeout,
        tol_stagnation=tol_stagnation,
        noisy=noisy,
        num_repeats=num_repeats,
    )
    setup = optimizer.setup
    keyed = noisy and takes_key(fun)
    if keyed:
        fun = WithKey(fun)
    evaluate, compiled = _evaluator(evaluator), None
    if run_dir is not None and jax.process_count() > 1 and not isinstance(evaluate, Sharded):
        raise ValueError(
            "run_dir: expected None, or evaluator='sharded', where several processes search, "
            f"got {run_dir!r}"
        )
    if evaluate is None or isinstance(evaluate, Sharded):
        required = evaluate is not None or evaluator == "traceable"
        is_traceable = setup.space.layout.is_traceable
        if required and not is_traceable:
            raise ValueError(f"evaluator: expected another for named categories, got {evaluator!r}")
        if required and noisy and not keyed:
            raise ValueError("fun: expected a function (x, key) for noisy=True, got one of x alone")
        # Traced without a key, noise would be drawn once and for all.
        if is_traceable and (keyed or not noisy):
            compiled = _compiled(
                _Hashable(fun),
                setup.algorithm,
                setup.space.layout,
                _sign,
                batched,
                required,
                evaluate,
                keyed,
                setup.costs.num_repeats,
            )
        evaluate = host.Serial()

    def run(record: RunDirectory | None) -> Result:
        if compiled is not None:
            return _run_compiled(compiled, setup, _sign, began, callback, progress, record)
        return host_search.run(
            fun, optimizer, evaluate, batched, began, callback, progress, keyed, record
        )

    if run_dir is None:
        return run(None)
    is_compiled = compiled is not None
    with contextlib.ExitStack() as opened:
        record, refused = None, None
        if jax.process_index() == 0:
            try:
                record = opened.enter_context(
                    open_run(
                        run_dir,
                        resume,
                        record_evaluations,
                        setup,
                        _sign,
                        fun,
                        is_compiled,
                        _command,
                    )
                )
            except Exception as error:  # whatever it is: the other processes must not wait
                refused = error
        if sharded.of_first_process(refused is not None):
            raise refused or ValueError(
                f"run_dir: expected one that the first process takes, got {run_dir!r}; it says why"
            )
        result = run(record)
        if record is not None:
            record.finish(result)
    return result


def maximize(fun: FitnessFunction, bounds: tuple[Any, Any] | None = None, **options: Any) -> Result:
    """Search for solutions with a high value of fun: everything is in the sign of fun.

    Args:
        fun: as in `minimize`.
        bounds: as in `minimize`.
        **options: as in `minimize`.

    Returns:
        A `Result`.
    """
    return minimize(fun, bounds, **options, _sign=-1.0)


def _as_one(callback: Callback | Sequence[Callback] | None) -> Callback | None:
    """A callback, or several, as one that calls them all."""
    if callback is None or callable(callback):
        return callback
    if not isinstance(callback, list | tuple) or not all(map(callable, callback)):
        raise ValueError(
            f"callback: expected a function, a list of functions or None, got {callback!r}"
        )
    callbacks = list(callback)
    return lambda info: any([one(info) for one in callbacks])  # each is called


def _evaluator(evaluator: Any) -> Any:
    """The host or sharded evaluator that is asked for, or None."""
    if isinstance(evaluator, str):
        if evaluator in ("auto", "traceable"):
            return None
        if evaluator in EVALUATORS:
            return EVALUATORS[evaluator]()
    elif isinstance(evaluator, Sharded) or (
        hasattr(evaluator, "start") and not isinstance(evaluator, type)
    ):
        return evaluator
    names = ["auto", "traceable", *EVALUATORS]
    raise ValueError(f"evaluator: expected one of {names} or an instance, got {evaluator!r}")


def _run_compiled(
    compiled: "_Search",
    setup: search.Setup,
    sign: float,
    began: float,
    callback: Callback | None,
    progress: bool | None,
    record: RunDirectory | None,
) -> Result:
    """The search in which fun is part of a compiled loop over generations."""
    algorithm, space, rules = setup.algorithm, setup.space, setup.rules
    size, key, limits, params = algorithm.population_size, setup.key, space.limits, setup.params
    new, known, known_fitness = setup.start.arranged(size)
    last = rules.last
    assert last is not None  # there is a budget
    begin = (key, limits, params, new, known, known_fitness.astype(space.spec.dtype), last)
    capacity, restored = 0, None
    if record is not None:
        restored = record.restored
        if record.records_evaluations:
            row_bytes = (space.num_dims + 1) * space.spec.dtype.itemsize
            num_bytes = search.num_asked(algorithm) * row_bytes
            capacity = 1 if callback is not None else max(1, min(_CHUNK_BYTES // num_bytes, last))
    # Only the first process has a record, and all of them make the same search.
    generation, capacity = compiled.agreed((-1 if restored is None else restored[0], capacity))
    is_restored = generation >= 0
    if is_restored:
        arrays = None if restored is None else restored[1]
        state, history = _restored(compiled, begin, generation, arrays)
    else:
        generation = 0
        state, history = compiled.start(*begin)
    # No value is at most NaN: without a target the loop never ends early.
    target = jnp.asarray(math.nan if rules.target is None else rules.target, space.spec.dtype)
    nfev = setup.nfev(np.arange(max(last, generation) + 1))
    if record is not None:
        if not is_restored:
            asked = size - len(known)
            first = np.asarray(state.population)[:asked], np.asarray(state.fitness)[:asked]
            record.add_evaluations(0, first[0][None], sign * first[1][None])
        record.add_metrics(*_new_metrics(record, history, sign, generation, nfev))

    stop_reason, count, improved_at = None, 1, 0
    try:
        with progress_bar(progress) as bar:
            task = bar.add_task("diffevo", total=int(nfev[-1]), best="")
            while True:
                seen = compiled.local(state)
                best = sign * float(seen.best_fitness)
                bar.update(task, completed=int(nfev[generation]), best=f"best {best:.6g}")
                if callback is not None and not is_restored:
                    info = {name: values[generation] for name, values in history.items()}
                    info = search.in_users_sign(info, sign)
                    info |= {
                        "nfev": int(nfev[generation]),
                        "x": space.decode(seen.best_solution),
                        "fun": best,
                    }
                    if callback(info):
                        stop_reason = "callback"
                is_restored = False  # of that generation, the callback was told before
                if rules.tol_stagnation is not None:
                    bests = np.asarray(history["best_fitness"])[: generation + 1]
                    improved_at = int(
                        seen.improved_at
                        if setup.costs.noisy
                        else np.flatnonzero(bests == bests[-1])[0]
                    )
                # In the genome's precision, as the compiled loop compares.
                bound = _bound(seen, setup.costs.noisy)
                reached = rules.target is not None and bool(bound <= target)
                value = -math.inf if reached else math.inf
                ended = rules.reason(generation, value, improved_at, time.monotonic() - began)
                if reached or stop_reason is None:
                    stop_reason = ended
                left = rules.generations_left(generation, improved_at)
                count = 1 if callback is not None else min(count, left or 1, capacity or count)
                stop_reason, count = compiled.agreed((stop_reason, count))
                if stop_reason is not None:
                    break
                started = time.perf_counter()
                chunk = compiled.advance(
                    key, limits, params, state, history, generation, count, target, capacity
                )
                # An interrupt comes while this waits, and what was found before is intact.
                done = int(chunk[2])
                before = generation
                state, history, generation = chunk[0], chunk[1], done
                elapsed = time.perf_counter() - started
                # The first chunk includes compilation, so it says little: grow by at most 8.
                most = int(count * _SECONDS_PER_CHUNK / max(elapsed, 1e-6))
                count = max(1, min(8 * count, most))
                if record is not None:
                    if capacity:
                        genomes, values = (np.asarray(a)[: done - before].copy() for a in chunk[3])
                        record.add_evaluations(before + 1, genomes, sign * values)
                    record.add_metrics(*_new_metrics(record, history, sign, done, nfev))
                    record.save_if_due(done, functools.partial(_snapshot, state, history, done))
    except KeyboardInterrupt:
        stop_reason = "interrupt"

    state = compiled.local(state)
    if record is not None:
        record.save(generation, functools.partial(_snapshot, state, history, generation))
    return Result(
        x=space.decode(state.best_solution),
        fun=sign * float(state.best_fitness),
        nfev=int(nfev[generation]),
        nit=generation,
        success=bool(jnp.isfinite(state.best_fitness)),
        stop_reason=stop_reason,
        message=MESSAGES[stop_reason],
        population=space.decode(state.population),
        fitness=sign * np.asarray(state.fitness),
        history=_part(history, sign, 0, generation + 1, nfev),
        modes=find_modes(setup, state, sign, nfev, host=False),
        **noise_of(setup, state),
    )


def _bound(state: Any, noisy: bool) -> Array:
    """What is compared with a target: the best value, but no lucky one."""
    return state.bound if noisy else state.best_fitness


def _part(
    history: dict[str, Array], sign: float, first: int, end: int, nfev: np.ndarray
) -> dict[str, np.ndarray]:
    """History of the generations first to end - 1, in the user's sign."""
    columns = {name: np.asarray(values)[first:end] for name, values in history.items()}
    return search.in_users_sign(columns | {"nfev": nfev[first:end]}, sign)


def _new_metrics(
    record: RunDirectory, history: dict[str, Array], sign: float, generation: int, nfev: np.ndarray
) -> tuple[dict[str, np.ndarray], int]:
    """What `RunDirectory.add_metrics` takes, of the generations that have no line yet."""
    first = record.next_metrics
    return _part(history, sign, first, generation + 1, nfev), first


def _snapshot(state: Any, history: dict[str, Array], generation: int) -> tuple[Any, None]:
    """The search after a generation."""
    past = {name: np.asarray(values)[: generation + 1] for name, values in history.items()}
    return {"state": state, "history": past}, None


def _restored(
    compiled: "_Search",
    begin: tuple[Any, ...],
    generation: int,
    arrays: dict[str, np.ndarray] | None,
) -> tuple[Any, dict[str, Array]]:
    """(state, history) of a checkpoint, which the first process has.

    Args:
        compiled: the search.
        begin: the arguments of `_Search.start`.
        generation: after which the checkpoint is.
        arrays: what is in it; None in the other processes.
    """
    *traced, last = begin
    state, history = jax.eval_shape(lambda *a: compiled.start(*a, last), *traced)
    # With a smaller budget than before, more has passed than there is room for.
    rows = max(last, generation) + 1
    whole = {name: np.zeros(rows, like.dtype) for name, like in history.items()}
    if arrays is None:
        state = jax.tree.map(lambda like: np.zeros(like.shape, like.dtype), state)
    else:
        state = checkpoint.from_arrays(state, arrays, "state")
        for name, values in checkpoint.under("history", arrays).items():
            whole[name][: generation + 1] = values
    return compiled.placed((state, whole))


@dataclasses.dataclass(frozen=True, eq=False)
class _Hashable:
    """A user's function as a cache key: by its own equality if it is hashable, else by identity."""

    fun: FitnessFunction

    def _key(self) -> Any:
        try:
            hash(self.fun)
        except TypeError:
            return id(self.fun)
        return self.fun

    def __hash__(self) -> int:
        return hash(self._key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashable) and self._key() == other._key()


@dataclasses.dataclass(frozen=True)
class _Search:
    start: Callable[..., Any]
    advance: Callable[..., Any]
    # State and history as this process's own arrays, what the first process says, and arrays of its
    # as state and history.
    local: Callable[[Any], Any]
    agreed: Callable[[Any], Any]
    placed: Callable[[Any], Any]


# Bounded: the cache keeps the user's functions, and what they close over, alive.
@functools.lru_cache(maxsize=16)
def _compiled(
    fun: _Hashable,
    algorithm: Any,
    layout: Layout,
    sign: float,
    batched: bool | None,
    required: bool,
    spread: Sharded | None,
    keyed: bool,
    num_repeats: int,
) -> _Search | None:
    """The compiled halves of a search; a second call with equal arguments compiles nothing.

    None if fun is not traceable, and need not be.
    """
    size, dtype = algorithm.population_size, layout.spec.dtype
    at_once = size if spread is None else spread.num_at_once(size)
    template = layout.template
    if keyed:
        template = template, jax.ShapeDtypeStruct((), jax.random.key(0).dtype)
    evaluate_users = batch_function(fun.fun, template, at_once, batched, required)
    if evaluate_users is None:
        return None
    if spread is None:
        jit, placed = jax.jit, jax.device_put
        local = agreed = _itself
    else:
        everywhere = spread.replicated
        jit = functools.partial(jax.jit, in_shardings=everywhere, out_shardings=everywhere)
        local, agreed = sharded.local, sharded.of_first_process
        placed = functools.partial(sharded.arrays_of_first_process, sharding=everywhere)
        evaluate_users = functools.partial(spread.evaluate, evaluate_users)

    def evaluate(genomes: Array, limits: Limits, key: Array, generation: Any) -> Array:
        if num_repeats > 1:
            genomes = jnp.repeat(genomes, num_repeats, axis=0)
        solutions = layout.decode(limits, genomes)
        if keyed:
            noise = search.noise_key(key, generation)
            solutions = solutions, jax.random.split(noise, genomes.shape[0])
        values = evaluate_users(solutions)
        if jnp.issubdtype(values.dtype, jnp.complexfloating):
            raise ValueError(f"fun: expected real numbers, got {values.dtype}")
        values = sign * values.astype(dtype)
        return jnp.nanmean(values.reshape(-1, num_repeats), axis=1) if num_repeats > 1 else values

    @functools.partial(jit, static_argnames="num_generations")
    def start(key, limits, params, new, known, known_fitness, num_generations):
        genomes = search.first_genomes(algorithm, key)
        num_asked = size - known.shape[0]
        genomes = genomes.at[: new.shape[0]].set(new).at[num_asked:].set(known)
        fitness = known_fitness
        if num_asked:
            fitness = jnp.concatenate([evaluate(genomes[:num_asked], limits, key, 0), fitness])
        state = search.init(algorithm, key, genomes, fitness, params)
        _, first = search.tell(algorithm, key, 0, genomes, fitness, state, params)
        history = jax.tree.map(
            lambda metric: jnp.full(num_generations + 1, jnp.nan).astype(metric.dtype), first
        )
        return state, _record(history, 0, first)

    @functools.partial(jit, static_argnames="capacity")
    def advance(key, limits, params, state, history, generation, count, target, capacity):
        # Evaluations of the chunk, if they are recorded.
        rows = capacity, search.num_asked(algorithm)
        shapes = ((*rows, layout.spec.num_dims), rows) if capacity else ()
        evaluations = tuple(jnp.zeros(shape, dtype) for shape in shapes)

        def unfinished(carry):
            state, _, g, _ = carry
            return (g < generation + count) & ~(_bound(state, keyed) <= target)

        def body(carry):
            state, history, g, evaluations = carry
            genomes, state = search.ask(algorithm, key, g + 1, state, params)
            fitness = evaluate(genomes, limits, key, g + 1)
            state, metrics = search.tell(algorithm, key, g + 1, genomes, fitness, state, params)
            evaluations = tuple(
                values.at[g - generation].set(new)
                for values, new in zip(evaluations, (genomes, fitness), strict=False)
            )
            return state, _record(history, g + 1, metrics), g + 1, evaluations

        begin = (state, history, jnp.asarray(generation), evaluations)
        return jax.lax.while_loop(unfinished, body, begin)

    return _Search(start, advance, local, agreed, placed)


def _itself(value: Any) -> Any:
    return value


def _record(history: dict[str, Array], index: Any, metrics: dict[str, Array]) -> dict[str, Array]:
    return jax.tree.map(lambda values, new: values.at[index].set(new), history, metrics)

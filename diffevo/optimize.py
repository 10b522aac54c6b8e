"""One call: `minimize` and `maximize` run a whole search and return a scipy-like result."""

import dataclasses
import functools
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from diffevo import space
from diffevo.algorithms.base import SolutionSpec
from diffevo.algorithms.niching import default_chain_size
from diffevo.algorithms.registry import ALGORITHMS
from diffevo.evaluators.traceable import FitnessFunction, batch_function

PyTree = Any

# How long the compiled loop runs before it looks at the progress bar or the keyboard.
_SECONDS_PER_CHUNK = 0.2
_IN_USERS_SIGN = ("best_fitness", "best_fitness_in_generation", "mean_fitness")
# In fewer generations than this hardly a noise level adapts: a schedule over them keeps more
# optima; but not in more dimensions than this, where its selection weakens.
_FEW_GENERATIONS, _FEW_DIMENSIONS = 50, 16


@dataclasses.dataclass(frozen=True)
class Modes:
    """Distinct optima that a search found, best first.

    Attributes:
        x: the solutions, leaves (M, ...).
        fun: their values, shape (M,), in the user's sign. Local optima are among them: those with
            the value of the first are its equals.
        nfev: evaluations after which each was found, shape (M,).
    """

    x: PyTree
    fun: np.ndarray
    nfev: np.ndarray


@dataclasses.dataclass(frozen=True)
class Result:
    """What a search found; named as in scipy.

    Attributes:
        x: the best solution, in the user's structure.
        fun: its value, in the user's sign.
        nfev: solutions evaluated.
        nit: generations after the initial population.
        success: whether any evaluation gave a number.
        stop_reason: "budget", "ftarget", "schedule" or "callback".
        message: the same for humans.
        population: the last generation, leaves (N, ...).
        fitness: its values, shape (N,), in the user's sign, NaN where failed.
        history: one array a metric, an entry a generation (entry 0 is the initial population);
            fitness values in the user's sign.
        modes: the distinct optima found; None from an algorithm that does not keep account of them.
    """

    x: PyTree
    fun: float
    nfev: int
    nit: int
    success: bool
    stop_reason: str
    message: str
    population: PyTree
    fitness: np.ndarray
    history: dict[str, np.ndarray]
    modes: Modes | None = None


_MESSAGES = {
    "budget": "The evaluation budget is used up.",
    "ftarget": "The target value has been reached.",
    "schedule": "The noise schedule has ended and the algorithm stops there.",
    "callback": "The callback asked to stop.",
}


def minimize(
    fun: FitnessFunction,
    bounds: tuple[Any, Any] | None = None,
    *,
    x0: PyTree | None = None,
    scale: Any = 1.0,
    budget: int = 10_000,
    population_size: int | None = None,
    algorithm: Any = "auto",
    params: Any = None,
    seed: int | Array = 0,
    batched: bool | None = None,
    ftarget: float | None = None,
    callback: Callable[[dict[str, Any]], bool | None] | None = None,
    progress: bool | None = None,
    _sign: float = 1.0,
) -> Result:
    """Search for solutions with a low value of fun.

    Args:
        fun: JAX-traceable, from one solution to a number or from a population (leaves with a
            leading axis N) to N numbers; NaN is a failed evaluation.
        bounds: (low, high), each an array or a pytree like a solution, or a number if x0 gives the
            shape. Solutions always lie within: a step beyond ends on them in niching, and is
            reflected by the other algorithms. None: unbounded.
        x0: a solution: gives the structure, and the first member of the initial population.
        scale: spread of the initial population about x0 where there are no bounds.
        budget: evaluations, >= 2 population_size; whole generations only.
        population_size: N. None: what the algorithm does best with: 4 + 3 ln D for niching, a
            fortieth of the budget, between 16 and 512, for the others.
        algorithm: a registered name, an instance with its own schedule, or "auto":
            "niching_diffusion_evolution", but "diffusion_evolution" if a population size is given
            of which the budget allows at most 50 generations, in up to 16 dimensions.
        params: the algorithm's traced numbers; None: its ``default_params``.
        seed: an int, or a JAX key.
        batched: whether fun takes a population; None: found out.
        ftarget: stop when a value this good is found.
        callback: called once a generation with a dict: generation, nfev, x, fun and the metrics;
            returning True stops. It costs a transfer to the host per generation.
        progress: show a bar; None: if standard error is a terminal.

    Returns:
        A `Result`.

    Raises:
        ValueError: an argument does not fit; the message names it.

    Example:
        >>> import jax.numpy as jnp, diffevo
        >>> low, high = jnp.full(2, -4.0), jnp.full(2, 4.0)
        >>> result = diffevo.minimize(lambda x: jnp.sum((x - 1) ** 2), (low, high), budget=4000)
        >>> bool(result.fun < 1e-6)
        True
        >>> result.modes.x.shape  # how many distinct optima, each with two coordinates
        (1, 2)
    """
    if not callable(fun):
        raise ValueError(f"fun: expected a function, got {type(fun).__name__}")
    box, spec = space.make_box(bounds, x0, scale)
    algorithm, num_generations = _resolve(
        algorithm, spec, population_size, budget, "unbounded" if bounds is None else "box"
    )
    size = algorithm.population_size
    params = algorithm.default_params if params is None else params
    search = _compiled(_Hashable(fun), algorithm, spec, _sign, batched)

    key = _as_key(seed)
    state, history = search.start(key, box, params, _initial(x0, spec, box), num_generations)
    target = jnp.asarray(-jnp.inf if ftarget is None else _sign * ftarget, spec.dtype)
    finishes = getattr(algorithm, "after_schedule", None) == "stop"
    last = min(num_generations, params.alphas.shape[0] - 1) if finishes else num_generations

    def found() -> bool:
        return bool(state.best_fitness <= target)

    stop_reason, generation, count = None, 0, 1
    with _bar(progress) as bar:
        task = bar.add_task("diffevo", total=(last + 1) * size, best="")
        while True:
            best = _sign * float(state.best_fitness)
            bar.update(task, completed=(generation + 1) * size, best=f"best {best:.6g}")
            if callback is not None:
                info = {name: values[generation] for name, values in history.items()}
                for name in _IN_USERS_SIGN:
                    info[name] = _sign * info[name]
                info |= {
                    "nfev": (generation + 1) * size,
                    "x": spec.unravel(box.decode(state.best_solution)),
                    "fun": best,
                }
                if callback(info):
                    stop_reason = "callback"
            if ftarget is not None and found():
                stop_reason = "ftarget"
            elif stop_reason is None and generation >= last:
                stop_reason = "schedule" if last < num_generations else "budget"
            if stop_reason is not None:
                break
            count = 1 if callback is not None else min(count, last - generation)
            began = time.perf_counter()
            state, history, done = search.advance(
                key, box, params, state, history, generation, count, target
            )
            generation = int(done)
            elapsed = time.perf_counter() - began
            # The first chunk includes compilation, so it says little: grow by at most 8.
            count = max(1, min(8 * count, int(count * _SECONDS_PER_CHUNK / max(elapsed, 1e-6))))

    entries = generation + 1
    recorded = {name: np.asarray(values)[:entries] for name, values in history.items()}
    for name in _IN_USERS_SIGN:
        recorded[name] = _sign * recorded[name]
    return Result(
        x=spec.unravel(box.decode(state.best_solution)),
        fun=_sign * float(state.best_fitness),
        nfev=entries * size,
        nit=generation,
        success=bool(jnp.isfinite(state.best_fitness)),
        stop_reason=stop_reason,
        message=_MESSAGES[stop_reason],
        population=spec.unravel(box.decode(state.population)),
        fitness=_sign * np.asarray(state.fitness),
        history=recorded,
        modes=_modes(algorithm, state, spec, box, _sign),
    )


def _modes(
    algorithm: Any, state: Any, spec: SolutionSpec, box: space.Box, sign: float
) -> Modes | None:
    if not hasattr(algorithm, "modes"):
        return None
    found = algorithm.modes(state)
    valid = np.asarray(found.valid)
    solutions = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[valid]), found.solutions)
    genomes = spec.ravel(solutions, int(valid.sum()))
    return Modes(
        x=spec.unravel(box.decode(genomes)),
        fun=sign * np.asarray(found.fitness)[valid],
        nfev=(np.asarray(found.found)[valid] + 1) * algorithm.population_size,
    )


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


def _resolve(
    algorithm: Any, spec: SolutionSpec, population_size: int | None, budget: int, domain: str
) -> tuple[Any, int]:
    """(algorithm instance, generations that the budget allows after the initial population)."""
    if isinstance(budget, bool) or not isinstance(budget, (int, np.integer)) or budget < 2:
        raise ValueError(f"budget: expected an int >= 2, got {budget!r}")
    if not isinstance(algorithm, str):
        if population_size not in (None, algorithm.population_size):
            raise ValueError(
                f"population_size: expected None or the algorithm's {algorithm.population_size}, "
                f"got {population_size}"
            )
        if algorithm.solution != spec:
            raise ValueError(
                f"algorithm: expected one for solutions like {spec}, got one for "
                f"{algorithm.solution}"
            )
        return algorithm, _num_generations(budget, algorithm.population_size)
    if algorithm != "auto" and algorithm not in ALGORITHMS:
        raise ValueError(
            f"algorithm: expected 'auto' or one of {sorted(ALGORITHMS)}, got {algorithm!r}"
        )
    niching = "niching_diffusion_evolution"
    size = population_size
    if size is None:
        best = default_chain_size(spec.num_dims)
        if algorithm not in ("auto", niching):
            best = min(max(budget // 40, 16), 512)
        size = min(best, max(budget // 2, 1))
    elif isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"population_size: expected an int >= 1, got {size!r}")
    num_generations = _num_generations(budget, size)
    if algorithm == "auto":
        few = population_size is not None and num_generations <= _FEW_GENERATIONS
        scheduled = few and spec.num_dims <= _FEW_DIMENSIONS
        algorithm = "diffusion_evolution" if scheduled else niching
    kind = ALGORITHMS[algorithm]
    # Only a search with a schedule over its generations needs to know how many there will be, and
    # only one that looks for optima where the genomes end.
    options = {"num_generations": num_generations, "domain": domain}
    known = {name: value for name, value in options.items() if name in kind.__dataclass_fields__}
    return kind(size, spec, **known), num_generations


def _num_generations(budget: int, size: int) -> int:
    num_generations = budget // size - 1
    if num_generations < 1:
        raise ValueError(
            f"budget: expected at least two generations, 2 * {size} evaluations, got {budget}"
        )
    return num_generations


def _as_key(seed: int | Array) -> Array:
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return jax.random.key(int(seed))
    if isinstance(seed, jax.Array) and jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        return seed
    raise ValueError(f"seed: expected an int or a key from jax.random.key, got {seed!r}")


def _initial(x0: PyTree | None, spec: SolutionSpec, box: space.Box) -> Array | None:
    """Genome of the solution to start from, if there is one."""
    if x0 is None:
        return None
    return box.encode(spec.ravel(jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], x0), 1)[0])


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


# Bounded: the cache keeps the user's functions, and what they close over, alive.
@functools.lru_cache(maxsize=16)
def _compiled(
    fun: _Hashable, algorithm: Any, spec: SolutionSpec, sign: float, batched: bool | None
) -> _Search:
    """The compiled halves of a search; a second call with equal arguments compiles nothing."""
    size = algorithm.population_size
    template = jax.eval_shape(spec.unravel, jax.ShapeDtypeStruct((spec.num_dims,), spec.dtype))
    evaluate_users = batch_function(fun.fun, template, size, batched)

    def evaluate(genomes: PyTree, box: space.Box) -> Array:
        flat = spec.ravel(genomes, size)
        values = evaluate_users(spec.unravel(box.decode(flat)))
        if jnp.issubdtype(values.dtype, jnp.complexfloating):
            raise ValueError(f"fun: expected real numbers, got {values.dtype}")
        return sign * values.astype(spec.dtype)

    @functools.partial(jax.jit, static_argnames="num_generations")
    def start(key, box, params, initial, num_generations):
        # Generation 0 is the initial population; move g + 1 of a run uses fold_in(key, g + 1).
        population_key, init_key = jax.random.split(jax.random.fold_in(key, 0))
        genomes = algorithm.sample_population(population_key)
        if initial is not None:
            genomes = spec.unravel(spec.ravel(genomes, size).at[0].set(initial))
        fitness = evaluate(genomes, box)
        state = algorithm.init(init_key, genomes, fitness, params)
        shapes = jax.eval_shape(step, key, box, params, state, 0)[1]
        history = jax.tree.map(
            lambda metric: jnp.full(num_generations + 1, jnp.nan).astype(metric.dtype), shapes
        )
        _, first = algorithm.tell(init_key, genomes, fitness, state, params)
        first |= {"generation": jnp.zeros_like(first["generation"])}
        return state, _record(history, 0, first)

    def step(key, box, params, state, generation):
        ask_key, tell_key = jax.random.split(jax.random.fold_in(key, generation + 1))
        genomes, state = algorithm.ask(ask_key, state, params)
        return algorithm.tell(tell_key, genomes, evaluate(genomes, box), state, params)

    @jax.jit
    def advance(key, box, params, state, history, generation, count, target):
        def unfinished(carry):
            state, _, g = carry
            return (g < generation + count) & ~(state.best_fitness <= target)

        def body(carry):
            state, history, g = carry
            state, metrics = step(key, box, params, state, g)
            return state, _record(history, g + 1, metrics), g + 1

        return jax.lax.while_loop(unfinished, body, (state, history, jnp.asarray(generation)))

    return _Search(start, advance)


def _record(history: dict[str, Array], index: Any, metrics: dict[str, Array]) -> dict[str, Array]:
    return jax.tree.map(lambda values, new: values.at[index].set(new), history, metrics)


def _bar(progress: bool | None) -> Progress:
    show = sys.stderr.isatty() if progress is None else progress
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[best]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not show,
    )

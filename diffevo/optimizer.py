"""Ask and tell for a loop of your own, with a state, your structure and your sign."""

import collections
import functools
import time
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from diffevo import search
from diffevo.evaluators.host import Failure, Remembered, in_words
from diffevo.packing import Packing
from diffevo.result import Result, find_modes, noise_of
from diffevo.space import Layout, Limits, SearchSpace
from diffevo.stopping import MESSAGES

PyTree = Any

# Of those that failed so many are kept with what caused them.
_MOST_FAILURES = 100

_first_genomes = jax.jit(search.first_genomes, static_argnames="algorithm")
_init = jax.jit(search.init, static_argnames="algorithm")
_pack = jax.jit(Packing.pack, static_argnums=0)


class _Packings(NamedTuple):
    """How the state and the metrics of a generation are packed."""

    state: Packing
    metrics: Packing


@functools.partial(jax.jit, static_argnames=("algorithm", "packings", "layout"))
def _ask(
    algorithm: Any,
    packings: _Packings,
    layout: Layout,
    limits: Limits,
    key: Array,
    generation: Any,
    state: list[Array],
    params: Any,
) -> tuple[Array, PyTree, list[Array]]:
    """`search.ask` and what `SearchSpace.batch` makes of its genomes, in one call."""
    unpacked = packings.state.unpack(state)
    genomes, unpacked = search.ask(algorithm, key, generation, unpacked, params)
    # Rounded like genomes that are decoded by themselves.
    decoded = layout.decode(limits, jax.lax.optimization_barrier(genomes), True)
    return genomes, decoded, packings.state.pack(unpacked)


@functools.partial(jax.jit, static_argnames=("algorithm", "packings"))
def _tell(
    algorithm: Any,
    packings: _Packings,
    key: Array,
    generation: Any,
    genomes: Array,
    fitness: Array,
    state: list[Array],
    params: Any,
) -> tuple[list[Array], list[Array]]:
    """`search.tell`, packed."""
    unpacked = packings.state.unpack(state)
    unpacked, metrics = search.tell(algorithm, key, generation, genomes, fitness, unpacked, params)
    return packings.state.pack(unpacked), packings.metrics.pack(metrics)


@final
class Optimizer:
    """A search that you drive: ask for a population, evaluate it as you like, tell the values.

    Args:
        bounds: (low, high) as in `diffevo.minimize`; or give `space`.
        space: what is searched, see `diffevo.SearchSpace`.
        x0: a solution, the first member of the initial population.
        population: more of them: a list of solutions, or leaves with a leading axis.
        population_fitness: their values if they are known, in your sign; they are not asked for
            again. NaN or None is a known failure. If there are more than fit into the initial
            population, the best are taken.
        scale: spread of the initial population about x0 where there are no bounds.
        budget: evaluations after which `stop` says so; None: no limit. Whole generations only.
        max_generations: generations after the initial population; None: no limit.
        population_size: N; None: what the algorithm does best with.
        algorithm: a registered name, an instance, an algorithm of evosax, or "auto".
        params: the algorithm's traced numbers; None: its ``default_params``.
        seed: an int, or a JAX key.
        maximize: whether higher values are better.
        ftarget: `stop` when a value this good is told.
        timeout: `stop` so many seconds after the first `ask`.
        tol_stagnation: `stop` after so many generations without a better value.
        noisy: whether values vary by chance: the best solutions are asked for again, see
            `diffevo.minimize`.
        num_repeats: how often in a row each solution is asked for; its value is their mean.

    Raises:
        ValueError: an argument does not fit; the message names it.

    Example:
        >>> import diffevo
        >>> optimizer = diffevo.Optimizer(([-4.0, -4.0], [4.0, 4.0]), budget=2000, seed=0)
        >>> while not optimizer.stop():
        ...     xs = optimizer.ask()
        ...     optimizer.tell(xs, [(x[0] - 1) ** 2 + x[1] ** 2 for x in xs])
        >>> optimizer.result.fun < 1e-3, optimizer.result.stop_reason
        (True, 'budget')
    """

    def __init__(
        self,
        bounds: tuple[Any, Any] | None = None,
        *,
        space: SearchSpace | None = None,
        x0: PyTree | None = None,
        population: PyTree | None = None,
        population_fitness: Any = None,
        scale: Any = 1.0,
        budget: int | None = None,
        max_generations: int | None = None,
        population_size: int | None = None,
        algorithm: Any = "auto",
        params: Any = None,
        seed: int | Array = 0,
        maximize: bool = False,
        ftarget: float | None = None,
        timeout: float | None = None,
        tol_stagnation: int | None = None,
        noisy: bool = False,
        num_repeats: int = 1,
    ):
        if not isinstance(maximize, (bool, np.bool_)):
            raise ValueError(f"maximize: expected True or False, got {maximize!r}")
        self._sign = -1.0 if maximize else 1.0
        self.setup = search.read(
            bounds=bounds,
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
            ftarget=ftarget,
            timeout=timeout,
            tol_stagnation=tol_stagnation,
            noisy=noisy,
            num_repeats=num_repeats,
            sign=self._sign,
        )
        self._start = self.setup.start
        self._suggested: list[np.ndarray] = []
        self._began: float | None = None
        # Of the population that is asked for: genomes (N, D), of which the first m are to be
        # evaluated k times each, leaves (m k, ...), and the fitness of the others. With noise the
        # genomes are more than N, see `Reevaluation`.
        self._genomes: np.ndarray | None = None
        self._leaves: list[np.ndarray] = []
        self._known = np.zeros(0)
        # Of the last one told.
        self._state: list[Array] = []  # packed
        self._packings: _Packings  # from the first one on
        self._generation = -1
        self._told: tuple[np.ndarray, np.ndarray] | None = None
        self._history: list[list[Any]] = []  # packed metrics
        self._nfev: list[int] = []
        self._failures: list[Failure] = []
        self._failed: list[np.ndarray] = []  # their genomes (D,)
        self._best_genome: np.ndarray | None = None
        self._best = np.inf
        self._bound = np.inf
        self._improved_at = 0

    @property
    def space(self) -> SearchSpace:
        """What is searched."""
        return self.setup.space

    @property
    def population_size(self) -> int:
        """N; the first population asked for is smaller if the values of some members are known."""
        return self.setup.algorithm.population_size

    @property
    def generation(self) -> int:
        """Number of the generation told last; 0 is the initial population, -1 is none yet."""
        return self._generation

    def suggest(self, x: PyTree, value: Any = None) -> None:
        """Have a solution tried.

        Before the first `ask` it joins the initial population, with its value if that is known.
        Later it takes the place of a member of the next population, the last one first.

        Args:
            x: one solution.
            value: its value, in your sign; None: not known. Later than the first `ask` it must be
                None: whoever knows it tells it in place of another.

        Raises:
            ValueError: the solution does not fit, or there are more than N.
        """
        genome = self.space.encode(x, "x")
        if self._genomes is None and self._generation < 0:
            known = value is not None
            fitness = self._sign * search.read_values("value", [value], 1)[0]
            start = search.Start(
                np.concatenate([self._start.genomes, genome[None]]),
                np.concatenate([self._start.fitness, fitness]),
                np.concatenate([self._start.known, [known]]),
            )
            start.arranged(self.population_size)
            self._start = start
        elif value is not None:
            raise ValueError(f"value: expected None after the first ask, got {value!r}")
        elif len(self._suggested) == self.population_size:
            raise ValueError(
                f"x: expected at most {self.population_size} suggestions for a population, "
                "got one more"
            )
        else:
            self._suggested.append(genome)

    def ask(self, batched: bool = False) -> Any:
        """Solutions to evaluate next; the same again until they are told.

        Args:
            batched: whether to give one solution with a leading axis instead of a list.

        Returns:
            A list of solutions, leaves of shape () as Python numbers and others as numpy arrays; or
            numpy arrays with a leading axis. They are yours: change them, and tell the changed.
        """
        if self._genomes is None:
            self._prepare()
        treedef = self.space.layout.treedef
        if batched:
            return treedef.unflatten([leaf.copy() for leaf in self._leaves])
        columns = [leaf.tolist() if leaf.ndim == 1 else list(leaf.copy()) for leaf in self._leaves]
        return [treedef.unflatten(row) for row in zip(*columns, strict=True)]

    def _prepare(self) -> None:
        """Make the next population; if all of the initial one is known, the one after it."""
        if self._began is None:
            self._began = time.monotonic()
        setup = self.setup
        self._known, decoded = np.zeros(0), None
        if self._generation < 0:
            genomes = np.array(_first_genomes(setup.algorithm, setup.key))
            new, known, self._known = self._start.arranged(len(genomes))
            genomes[: len(new)] = new
            genomes[len(genomes) - len(known) :] = known
            if len(known) == len(genomes):
                self._take(genomes, self._known, 0)
                self._prepare()
                return
        else:
            asked, decoded, self._state = _ask(
                setup.algorithm,
                self._packings,
                self.space.layout,
                self.space.limits,
                setup.key,
                self._generation + 1,
                self._state,
                setup.params,
            )
            genomes = np.array(asked)
            if self._suggested:
                end = self.population_size
                genomes[end - len(self._suggested) : end] = self._suggested
                self._suggested, decoded = [], None
        self._genomes = genomes
        num_asked = len(genomes) - len(self._known)
        repeats = setup.costs.num_repeats
        if decoded is None:
            leaves = jax.tree.leaves(self.space.batch(genomes))
        else:
            leaves = self.space.host_leaves(decoded)
        if repeats > 1:
            leaves = [np.repeat(leaf[:num_asked], repeats, axis=0) for leaf in leaves]
        self._leaves = [leaf[: num_asked * repeats] for leaf in leaves]

    def tell(self, xs: Any, values: Any) -> None:
        """Tell the values of the population asked for.

        Args:
            xs: the solutions, as asked for or as you changed them, in any order, in either form of
                `ask`; None: as asked for.
            values: one number for each. NaN or an exception in its place is a failure. None is one
                that was not evaluated: a failed member, but neither counted nor reported.

        Raises:
            ValueError: another number of them, or something that is no solution or no number.
            RuntimeError: nothing was asked for.
        """
        if self._genomes is None:
            raise RuntimeError("tell: expected a call of ask before it")
        num, repeats = len(self._leaves[0]), self.setup.costs.num_repeats
        genomes = self._genomes.copy()
        place = np.arange(num) if xs is None else self._placed(xs, genomes)
        numbers, errors = search.read_values("values", values, num)
        failed = np.flatnonzero(np.isnan(numbers)).tolist()
        missing = sum(values[index] is None for index in failed)
        fitness = np.empty(num)
        fitness[place] = self._sign * numbers
        if repeats > 1:
            fitness = _means(fitness.reshape(-1, repeats))
        self._genomes = None
        self._take(genomes, np.concatenate([fitness, self._known]), num - missing)
        for index in failed:
            if values[index] is not None and len(self._failures) < _MOST_FAILURES:
                member, error = int(place[index]) // repeats, errors[index]
                self._failed.append(genomes[member])
                reason = "NaN" if error is None else in_words(error)
                self._failures.append(
                    self._failure(genomes[member], self._generation, member, reason, error)
                )

    def _placed(self, xs: Any, genomes: np.ndarray) -> np.ndarray:
        """Which member each of the solutions told is, (m,); the genomes of changed ones are set."""
        treedef = self.space.layout.treedef
        columns = search.leaves_of(self.space, "xs", xs)
        num = len(self._leaves[0])
        if len(columns[0]) != num:
            raise ValueError(f"xs: expected the {num} solutions asked for, got {len(columns[0])}")
        same = np.logical_and.reduce(
            [_same(column, leaf) for column, leaf in zip(columns, self._leaves, strict=True)]
        )
        place = np.arange(num)
        changed = np.flatnonzero(~same).tolist()
        if not changed:
            return place
        given = [
            self.space.encode(treedef.unflatten([column[i] for column in columns]), f"xs[{i}]")
            for i in changed
        ]
        slots: dict[bytes, list[int]] = collections.defaultdict(list)
        for i in changed:
            asked = self.space.encode(treedef.unflatten([leaf[i] for leaf in self._leaves]))
            slots[asked.tobytes()].append(i)
        others = []
        for i, genome in zip(changed, given, strict=True):
            same_as = slots[genome.tobytes()]
            if same_as:
                place[i] = same_as.pop(0)
            else:
                others.append((i, genome))
        free = sorted(index for indices in slots.values() for index in indices)
        for (i, genome), index in zip(others, free, strict=True):
            place[i], genomes[index // self.setup.costs.num_repeats] = index, genome
        return place

    def _take(self, genomes: np.ndarray, fitness: np.ndarray, num_evaluated: int) -> None:
        setup = self.setup
        generation = self._generation + 1
        with np.errstate(over="ignore"):  # what is too great for the genome's precision is infinite
            arrays = genomes, fitness.astype(self.space.spec.dtype)
        if generation == 0:
            self._set_state(_init(setup.algorithm, setup.key, *arrays, setup.params))
            self._best_genome = genomes[0]
        state, metrics = _tell(
            setup.algorithm,
            self._packings,
            setup.key,
            generation,
            *arrays,
            self._state,
            setup.params,
        )
        if generation > 0:
            self._state = state
        self._generation = generation
        self._told = genomes, fitness
        self._history.append(metrics)
        self._nfev.append(num_evaluated + (self._nfev[-1] if self._nfev else 0))
        if setup.costs.noisy:
            self._take_chosen()
            return
        # In the values' own precision, which may be higher than the genome's.
        index = int(np.argmin(np.where(np.isnan(fitness), np.inf, fitness)))
        if fitness[index] < self._best:
            self._best, self._best_genome = float(fitness[index]), genomes[index]
            self._bound = self._best
            self._improved_at = generation

    def _set_state(self, state: PyTree) -> None:
        setup = self.setup
        tell = functools.partial(search.tell, setup.algorithm)
        arrays = self._population_like
        _, metrics = jax.eval_shape(tell, setup.key, 0, *arrays, state, setup.params)
        self._packings = _Packings(Packing.of(state), Packing.of(metrics))
        self._state = _pack(self._packings.state, state)

    def _unpacked_state(self) -> PyTree:
        return self._packings.state.unpack([_on_host(array) for array in self._state])

    def _take_chosen(self) -> None:
        """The best of a noisy function is what its state says."""
        chosen = self._unpacked_state()
        self._best_genome = np.asarray(chosen.best_solution)
        self._best, self._bound = float(chosen.best_fitness), float(chosen.bound)
        self._improved_at = int(chosen.improved_at)

    def _failure(
        self,
        genome: np.ndarray,
        generation: int,
        member: int,
        reason: str,
        error: BaseException | None,
    ) -> Failure:
        return Failure(generation, member, self.space.solutions(genome[None])[0], reason, error)

    def stop(self) -> str | None:
        """Say why to stop now, as in `diffevo.Result.stop_reason`, or None to go on."""
        if self._generation < 0 or self._began is None:
            return None
        elapsed = time.monotonic() - self._began
        return self.setup.rules.reason(self._generation, self._bound, self._improved_at, elapsed)

    @property
    def info(self) -> dict[str, Any]:
        """What a callback of `diffevo.minimize` is given, of the generation told last."""
        genome = self._check_told()[0]
        metrics = {name: values[0] for name, values in self.metrics(self._generation).items()}
        x = self.space.solutions(genome[None])[0]
        return metrics | {"x": x, "fun": self._sign * self._best}

    @property
    def told(self) -> tuple[np.ndarray, np.ndarray]:
        """(genomes (M, D), values (M,) in your sign) of the generation told last.

        M is N; with noise the candidates that were evaluated again come after the members.
        """
        genomes, fitness = self._check_told()[1]
        return genomes, self._sign * fitness

    def metrics(self, first: int = 0) -> dict[str, np.ndarray]:
        """One array a metric, in your sign, of the generations from the first one asked for."""
        columns = self._columns(first) | {"nfev": np.array(self._nfev[first:])}
        return search.in_users_sign(columns, self._sign)

    def _columns(self, first: int) -> dict[str, np.ndarray]:
        unpack = self._packings.metrics.unpack
        rows = [unpack([_on_host(array) for array in row]) for row in self._history[first:]]
        names = rows[0] if rows else unpack(self._history[0])
        return {name: np.array([row[name] for row in rows]) for name in names}

    @property
    def is_asked(self) -> bool:
        """Whether a population was asked for and not told yet."""
        return self._genomes is not None

    def snapshot(self) -> tuple[PyTree, list[str]]:
        """(arrays, texts) from which `restore` makes this search again, after `tell`.

        Raises:
            RuntimeError: nothing was told yet, or a population is being evaluated.
        """
        genome, (genomes, fitness) = self._check_told()
        if self.is_asked:
            raise RuntimeError("snapshot: expected a call of tell before it")
        arrays = {
            "state": self._unpacked_state(),
            "genomes": genomes,
            "fitness": fitness,
            "best_solution": genome,
            "best": np.array(self._best),
            "improved_at": np.array(self._improved_at),
            "history": self._columns(0),
            "nfev": np.array(self._nfev),
            "failed": np.array(self._failed, genomes.dtype).reshape(-1, genomes.shape[1]),
            "failed_at": np.array(
                [(failure.generation, failure.member) for failure in self._failures], int
            ).reshape(-1, 2),
        }
        return arrays, [failure.reason for failure in self._failures]

    @property
    def state_like(self) -> PyTree:
        """The structure of the algorithm's state in `snapshot`, of `jax.ShapeDtypeStruct`s."""
        setup, arrays = self.setup, self._population_like
        return jax.eval_shape(
            functools.partial(search.init, setup.algorithm), setup.key, *arrays, setup.params
        )

    @property
    def _population_like(self) -> list[jax.ShapeDtypeStruct]:
        """Shapes of genomes (N, D) and fitness (N,)."""
        shape = (self.population_size, self.space.num_dims)
        return [jax.ShapeDtypeStruct(shape[:n], self.space.spec.dtype) for n in (2, 1)]

    def restore(self, arrays: PyTree, reasons: list[str]) -> None:
        """Go on from a `snapshot` of an equal search.

        Args:
            arrays: as `snapshot` gives them.
            reasons: its texts: why evaluations failed.
        """
        self._set_state(arrays["state"])
        self._told = arrays["genomes"], arrays["fitness"]
        self._best_genome, self._best = arrays["best_solution"], float(arrays["best"])
        self._bound = self._best
        self._improved_at = int(arrays["improved_at"])
        if self.setup.costs.noisy:
            self._take_chosen()
        self._nfev = arrays["nfev"].tolist()
        self._generation = len(self._nfev) - 1
        packed = jax.vmap(self._packings.metrics.pack)(arrays["history"])
        self._history = [list(row) for row in zip(*map(np.asarray, packed), strict=True)]
        self._failed = list(arrays["failed"])
        self._failures = [
            self._failure(
                genome, at[0], at[1], reason, None if reason == "NaN" else Remembered(reason)
            )
            for genome, at, reason in zip(
                self._failed, arrays["failed_at"].tolist(), reasons, strict=True
            )
        ]
        self._genomes, self._began = None, time.monotonic()

    @property
    def result(self) -> Result:
        """What the search has found so far; at any time after the first `tell`."""
        genome, told = self._check_told()
        genomes, fitness = (array[: self.population_size] for array in told)
        reason, history = self.stop() or "running", self.metrics()
        state = self._unpacked_state()
        return Result(
            x=self.space.solutions(genome[None])[0],
            fun=self._sign * self._best,
            nfev=self._nfev[-1],
            nit=self._generation,
            success=bool(np.isfinite(self._best)),
            stop_reason=reason,
            message=MESSAGES[reason],
            population=self.space.batch(genomes),
            fitness=self._sign * fitness,
            history=history,
            modes=find_modes(self.setup, state, self._sign, history["nfev"], host=True),
            failures=tuple(self._failures),
            **noise_of(self.setup, state),
        )

    def _check_told(self) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        if self._told is None or self._best_genome is None:
            raise RuntimeError("result: expected a call of tell before it")
        return self._best_genome, self._told


def _on_host(array: Array) -> Any:
    """As numpy, but for a key, which may be in the state of an algorithm of evosax."""
    return array if jnp.issubdtype(array.dtype, jax.dtypes.extended) else np.asarray(array)


def _means(values: np.ndarray) -> np.ndarray:
    """Of each row (m, k) the mean of its numbers; NaN if it has none."""
    numbers = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(numbers, values, 0.0).sum(axis=1) / numbers.sum(axis=1)


def _same(given: list[Any], asked: np.ndarray) -> np.ndarray:
    """Where the values given are those asked for, booleans (m,)."""
    if asked.dtype == object:
        pairs = zip(given, asked, strict=True)
        return np.array([one is other for one, other in pairs], bool)
    try:
        array = np.asarray(given)
    except ValueError:  # different shapes: the one that does not fit is named later
        return np.zeros(len(asked), bool)
    if array.shape != asked.shape:
        return np.zeros(len(asked), bool)
    return (array == asked).reshape(len(asked), -1).all(axis=1)

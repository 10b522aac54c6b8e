"""Every method behind one signature: ``search(problem, budget, seed, settings) -> Reported``.

All search the unit cube that stands for the problem's box. A method that ends with a population
reports it, looked at in `_NUM_LOOKS` places on the way; one that restarts reports the best point of
every start when that has ended.

Shape letters: N population, D dimensions, S copies of a search, G generations.
"""

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array

import diffevo
from experiments.niching.config import Settings
from experiments.niching.counting import Reported
from experiments.niching.problems import Problem

Method = Callable[[Problem, int, int, Settings], Reported]
_NUM_LOOKS = 25
_MOST_PER_START = 100.0  # generations of a start: 100 + 50 (D + 3)^2 / sqrt(N), as in pycma


class OutOfBudget(Exception):
    """The next evaluations would be more than the budget allows."""


class Meter:
    """Counts evaluations on the host, refuses too many, and remembers the best since a restart.

    Args:
        problem: to evaluate.
        budget: evaluations.
    """

    def __init__(self, problem: Problem, budget: int):
        self._problem, self._budget = problem, budget
        self.evaluations = 0
        self._best: tuple[np.ndarray, float] | None = None
        self._ends: list[tuple[np.ndarray, float, int]] = []

    def __call__(self, cube: np.ndarray) -> np.ndarray:
        """Values (N,) of points (N, D) of the cube; NaN as infinity, the worst.

        Raises:
            OutOfBudget: N is more than is left; nothing is evaluated.
        """
        if self.evaluations + len(cube) > self._budget:
            raise OutOfBudget
        values = self._problem.values(cube)
        values = np.where(np.isnan(values), np.inf, values)
        self.evaluations += len(cube)
        best = int(np.argmin(values))
        if self._best is None or values[best] < self._best[1]:
            self._best = np.clip(cube[best], 0, 1), float(values[best])
        return values

    def end_start(self) -> None:
        """A start has ended: its best point is reported."""
        if self._best is not None:
            self._ends.append((*self._best, self.evaluations))
            self._best = None

    def reported(self) -> Reported:
        """The ends of all starts, the unfinished one's best point too."""
        self.end_start()
        points, values, found = zip(*self._ends, strict=True)
        return _stays(self._problem, np.stack(points), values, found, self.evaluations)


def _stays(problem: Problem, cube: Any, values: Any, found: Any, evaluations: int) -> Reported:
    """A report that nothing leaves."""
    found = np.asarray(found)
    return Reported(
        problem.points(np.clip(np.asarray(cube, np.float64), 0, 1)),
        np.asarray(values, np.float64),
        found,
        np.full(found.shape, np.inf),
        evaluations,
    )


def _looks(problem: Problem, looks: list[tuple[Any, Any, int]], evaluations: int) -> Reported:
    """A report that is a population, replaced at each look (points, values, evaluations)."""
    points, values, times = zip(*looks, strict=True)
    left = [*times[1:], np.inf]
    return Reported(
        problem.points(np.clip(np.concatenate(points).astype(np.float64), 0, 1)),
        np.concatenate(values).astype(np.float64),
        np.repeat(times, [len(look) for look in points]),
        np.repeat(left, [len(look) for look in points]),
        evaluations,
    )


def _stretches(num_generations: int) -> tuple[int, int]:
    """(how many, generations of each): equal ones, so that a search is compiled once.

    At most `_NUM_LOOKS`, more than half as many if there are so many generations, and so that the
    fewest generations, usually none, are left over.
    """
    least = min(_NUM_LOOKS // 2 + 1, num_generations)
    most = min(_NUM_LOOKS, num_generations)
    count = max(range(least, most + 1), key=lambda n: (n * (num_generations // n), n))
    return count, num_generations // count


# What has been compiled, for as long as the problem lives; a problem is equal to itself only.
@functools.lru_cache(maxsize=128)
def _program(make: Callable[..., Any], problem: Problem, *settings: Any) -> Any:
    return make(problem, *settings)


def random_search(problem: Problem, budget: int, seed: int, settings: Settings) -> Reported:
    """Uniform points; reported are the best ones so far."""
    rng = np.random.default_rng(seed)
    cube, values = np.zeros((0, problem.num_dims)), np.zeros(0)
    looks: list[tuple[np.ndarray, np.ndarray, int]] = []
    done = 0
    count, size = _stretches(budget)
    for _ in range(count):
        new = rng.uniform(size=(size, problem.num_dims))
        parts = np.array_split(new, math.ceil(size / 4096))
        new_values = np.concatenate([problem.values(part) for part in parts])
        cube, values = np.vstack([cube, new]), np.append(values, new_values)
        order = np.argsort(values, kind="stable")[: settings.random_report]
        cube, values = cube[order], values[order]
        done += size
        looks.append((cube, values, done))
    return _looks(problem, looks, done)


def _population_program(
    problem: Problem, algorithm: Any, std: float, temperature: float = 0.0
) -> Any:
    """The compiled halves of an evosax search with a population: start and advance.

    Genome g stands for the point 1/2 + std g of the cube; std 0: for itself. The values that the
    search sees are divided by temperature times the standard deviation of the first population's;
    0: by nothing.
    """
    params = algorithm.default_params

    def evaluate(genomes: Array) -> Array:
        values = problem.traced(0.5 + std * genomes if std else genomes)
        return jnp.where(jnp.isnan(values), jnp.inf, values)

    @jax.jit
    def start(key: Array) -> Any:
        draw, init = jax.random.split(key)
        shape = (algorithm.population_size, problem.num_dims)
        genomes = jax.random.normal(draw, shape) if std else jax.random.uniform(draw, shape)
        values = evaluate(genomes)
        spread = temperature * jnp.std(values, where=jnp.isfinite(values))
        unit = jnp.where(spread > 0, spread, 1.0)
        return algorithm.init(init, genomes, values / unit, params), unit

    @functools.partial(jax.jit, static_argnames="size")
    def advance(key: Array, state: Any, unit: Array, first: Array, size: int) -> Any:
        def generation(state: Any, index: Array) -> tuple[Any, None]:
            ask, tell = jax.random.split(jax.random.fold_in(key, index))
            genomes, state = algorithm.ask(ask, state, params)
            if not std:
                genomes = jnp.clip(genomes, 0, 1)
            values = evaluate(genomes) / unit
            return algorithm.tell(tell, genomes, values, state, params)[0], None

        return jax.lax.scan(generation, state, first + jnp.arange(size))[0]

    return start, advance


def _with_population(
    problem: Problem, program: Any, num_generations: int, size: int, std: float, seed: int
) -> Reported:
    """Run a `_population_program`: the first population and the generations after it."""
    start, advance = program
    key = jax.random.key(seed)
    state, unit = start(jax.random.fold_in(key, 0))
    looks, done = [], 0
    count, stretch = _stretches(num_generations)
    for _ in range(count):
        state = advance(key, state, unit, jnp.asarray(done + 1), stretch)
        done += stretch
        genomes = np.asarray(state.population)
        cube = 0.5 + std * genomes if std else genomes
        looks.append((cube, np.asarray(state.fitness * unit), (done + 1) * size))
    return _looks(problem, looks, (done + 1) * size)


def _make_diffusion(problem: Problem, size: int, num_generations: int, settings: Settings) -> Any:
    from evosax.algorithms import DiffusionEvolution

    # evosax's schedule of n steps makes n - 1 moves.
    algorithm = DiffusionEvolution(
        size, jnp.zeros(problem.num_dims), num_generations=num_generations + 1
    )
    return _population_program(
        problem, algorithm, settings.diffusion_std, settings.diffusion_temperature
    )


def evosax_diffusion_evolution(
    problem: Problem, budget: int, seed: int, settings: Settings
) -> Reported:
    """DiffusionEvolution of evosax, one schedule over the budget."""
    size = min(settings.diffusion_population, budget // 4)
    # The schedule ends with the last move that is made.
    moves = math.prod(_stretches(budget // size - 1))
    with jax.enable_x64(True):
        program = _program(_make_diffusion, problem, size, moves, settings)
        return _with_population(problem, program, moves, size, settings.diffusion_std, seed)


def _make_de(problem: Problem, size: int) -> Any:
    from evosax.algorithms import DifferentialEvolution

    return _population_program(
        problem, DifferentialEvolution(size, jnp.zeros(problem.num_dims)), 0.0
    )


def evosax_differential_evolution(
    problem: Problem, budget: int, seed: int, settings: Settings
) -> Reported:
    """DifferentialEvolution of evosax with its own numbers, points kept to the box."""
    low, high = settings.de_population
    size = min(max(low, min(high, 10 * problem.num_dims)), budget // 4)
    moves = budget // size - 1
    with jax.enable_x64(True):
        program = _program(_make_de, problem, size)
        return _with_population(problem, program, moves, size, 0.0, seed)


def _restarted_program(problem: Problem, search: Any, params: Any, num_starts: int) -> Any:
    """S copies of a CMA-ES, each started anew when it has converged; start and advance.

    Conditions: evosax's own (``cma_cond``, and the spread of a generation's values), and a number
    of generations.
    """
    from evosax.core.restart import RestartParams, cma_cond

    members, num_dims = params["size"], problem.num_dims
    longest = _MOST_PER_START + 50 * (num_dims + 3) ** 2 / math.sqrt(members)
    conditions = RestartParams()
    condition: Any = cma_cond  # looks at the state only

    def fresh(key: Array) -> Any:
        draw, init = jax.random.split(key)
        means = jax.random.uniform(draw, (num_starts, num_dims))
        return search.init(init, means, params["strategy"])

    @jax.jit
    def start(key: Array) -> Any:
        return fresh(key), jnp.zeros(num_starts, int)

    @functools.partial(jax.jit, static_argnames="size")
    def advance(key: Array, carry: Any, first: Array, size: int) -> Any:
        def generation(carry: Any, index: Array) -> tuple[Any, Any]:
            state, age = carry
            ask, tell, new = jax.random.split(jax.random.fold_in(key, index), 3)
            cube, state = search.ask(ask, state, params["strategy"])
            values = problem.traced(cube)
            values = jnp.where(jnp.isnan(values), jnp.inf, values)
            state = search.tell(tell, cube, values, state, params["strategy"])[0]
            rows = values.reshape(num_starts, members)
            flat = rows.max(axis=1) - rows.min(axis=1) < params["converged"] * problem.scale
            ended = jax.vmap(lambda one: condition(None, None, one, None, None, conditions))(state)
            age = age + 1
            ended = flat | ended | (age >= longest)
            record = ended, state.best_solution, state.best_fitness

            def renew(old: Array, new: Array) -> Array:
                if old.ndim == 0 or old.shape[0] != num_starts:
                    return old
                return jnp.where(ended.reshape(-1, *[1] * (old.ndim - 1)), new, old)

            return (jax.tree.map(renew, state, fresh(new)), jnp.where(ended, 0, age)), record

        carry, record = jax.lax.scan(generation, carry, first + jnp.arange(size))
        return carry, record

    return start, advance


def _with_restarts(problem: Problem, program: Any, budget: int, size: int, seed: int) -> Reported:
    """Run a `_restarted_program`; the copies that are alive at the end report their best too."""
    start, advance = program
    key = jax.random.key(seed)
    carry = start(jax.random.fold_in(key, 0))
    points, values, found, done = [], [], [], 0
    count, stretch = _stretches(budget // size)
    for _ in range(count):
        carry, record = advance(key, carry, jnp.asarray(done + 1), stretch)
        ended, best_points, best_values = (np.asarray(part) for part in record)
        when, which = np.nonzero(ended)
        points.append(best_points[when, which])
        values.append(best_values[when, which])
        found.append((done + 1 + when) * size)
        done += stretch
    alive = np.asarray(carry[1]) > 0
    points.append(np.asarray(carry[0].best_solution)[alive])
    values.append(np.asarray(carry[0].best_fitness)[alive])
    found.append(np.full(alive.sum(), done * size))
    reported = [np.concatenate(part) for part in (points, values, found)]
    return _stays(problem, reported[0], reported[1], reported[2], done * size)


def _own_size(num_dims: int) -> int:
    """CMA-ES's own population size, 4 + floor(3 ln D)."""
    return 4 + math.floor(3 * math.log(num_dims))


def _strategy_params(search: Any, sigma: float) -> Any:
    return search.default_params.replace(std_init=jnp.asarray(sigma))


class _Copies:
    """Independent copies of evosax's CMA_ES side by side, states stacked along a first axis."""

    def __init__(self, strategy: Any, num_starts: int):
        self._strategy, self._num_starts = strategy, num_starts

    def init(self, key: Array, means: Array, params: Any) -> Any:
        keys = jax.random.split(key, self._num_starts)
        return jax.vmap(self._strategy.init, (0, 0, None))(keys, means, params)

    def ask(self, key: Array, state: Any, params: Any) -> Any:
        keys = jax.random.split(key, self._num_starts)
        cube, state = jax.vmap(self._strategy.ask, (0, 0, None))(keys, state, params)
        return cube.reshape(-1, cube.shape[-1]), state

    def tell(self, key: Array, cube: Array, values: Array, state: Any, params: Any) -> Any:
        keys = jax.random.split(key, self._num_starts)
        cube = cube.reshape(self._num_starts, -1, cube.shape[-1])
        values = values.reshape(self._num_starts, -1)
        tell = jax.vmap(self._strategy.tell, (0, 0, 0, 0, None))
        return tell(keys, cube, values, state, params)


def _make_cma(problem: Problem, settings: Settings) -> Any:
    from evosax.algorithms import CMA_ES

    size, num_starts = _own_size(problem.num_dims), settings.cma_starts
    strategy = CMA_ES(size, jnp.zeros(problem.num_dims))
    params = {
        "strategy": _strategy_params(strategy, settings.cma_sigma),
        "size": size,
        "converged": settings.converged,
    }
    return _restarted_program(problem, _Copies(strategy, num_starts), params, num_starts)


def evosax_cma_es(problem: Problem, budget: int, seed: int, settings: Settings) -> Reported:
    """CMA_ES of evosax with its own population size, restarted from random points."""
    with jax.enable_x64(True):
        program = _program(_make_cma, problem, settings)
        size = settings.cma_starts * _own_size(problem.num_dims)
        return _with_restarts(problem, program, budget, size, seed)


def _make_sv_cma(problem: Problem, settings: Settings) -> Any:
    from evosax.algorithms import SV_CMA_ES

    size, num_starts = _own_size(problem.num_dims), settings.sv_populations
    search = SV_CMA_ES(size, num_starts, jnp.zeros(problem.num_dims))
    reach = settings.sv_kernel * num_starts ** (-1 / problem.num_dims)
    strategy = _strategy_params(search, settings.sv_sigma)
    strategy = strategy.replace(kernel_std=jnp.asarray(reach), alpha=settings.sv_alpha)
    params = {"strategy": strategy, "size": size, "converged": settings.converged}
    return _restarted_program(problem, search, params, num_starts)


def evosax_sv_cma_es(problem: Problem, budget: int, seed: int, settings: Settings) -> Reported:
    """SV_CMA_ES of evosax; a population that has converged is started anew."""
    with jax.enable_x64(True):
        program = _program(_make_sv_cma, problem, settings)
        size = settings.sv_populations * _own_size(problem.num_dims)
        return _with_restarts(problem, program, budget, size, seed)


def scipy_differential_evolution(
    problem: Problem, budget: int, seed: int, settings: Settings
) -> Reported:
    """The differential_evolution of scipy, polished by L-BFGS-B, again and again."""
    meter, rng = Meter(problem, budget), np.random.default_rng(seed)

    def values(points: np.ndarray) -> np.ndarray | float:  # (D, N), or (D,) from L-BFGS-B
        found = meter(np.atleast_2d(points.T))
        return found if points.ndim == 2 else float(found[0])

    try:
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a polish that gains nothing
                search: Any = scipy.optimize.differential_evolution  # its types say atol is an int
                search(
                    values,
                    [(0.0, 1.0)] * problem.num_dims,
                    popsize=settings.scipy_population,
                    rng=rng,
                    vectorized=True,
                    updating="deferred",
                    # Relative to the mean value alone, its default never holds where that is 0.
                    atol=1e-6 * problem.scale,
                )
            meter.end_start()
    except OutOfBudget:
        return meter.reported()


def _pycma(problem: Problem, budget: int, seed: int, settings: Settings, bipop: bool) -> Reported:
    """The fmin2 of pycma with restarts, from random points, in its own bounds."""
    import cma

    meter, rng = Meter(problem, budget), np.random.default_rng(seed)
    # pycma has no one-dimensional search: a second coordinate without effect.
    num_dims = max(2, problem.num_dims)
    last: list[Any] = [None]

    def values(points: list[np.ndarray]) -> list[float]:
        return meter(np.asarray(points)[:, : problem.num_dims]).tolist()

    def restarted(search: Any) -> None:
        if last[0] is not None and search is not last[0]:
            meter.end_start()
        last[0] = search

    options = {
        "bounds": [0, 1],
        "seed": np.nan,
        "randn": lambda *shape: rng.standard_normal(shape),
        "tolfun": settings.converged * problem.scale,
        "tolfunhist": settings.converged * problem.scale,
        "maxfevals": budget,
        "verbose": -9,
        "verb_log": 0,
    }
    before = np.random.get_state()  # noqa: NPY002, BIPOP draws its sizes from the global generator
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cma.fmin2(
                None,
                lambda: rng.uniform(size=num_dims),
                settings.cma_sigma,
                options,
                restarts=10**6,
                parallel_objective=values,
                bipop=bipop,
                init_callback=restarted,
            )
    except OutOfBudget:
        pass
    finally:
        np.random.set_state(before)  # noqa: NPY002
    return meter.reported()


def pycma_ipop(problem: Problem, budget: int, seed: int, settings: Settings) -> Reported:
    """pycma, the population doubled at every restart."""
    return _pycma(problem, budget, seed, settings, bipop=False)


def pycma_bipop(problem: Problem, budget: int, seed: int, settings: Settings) -> Reported:
    """pycma, large populations and small ones in turn."""
    return _pycma(problem, budget, seed, settings, bipop=True)


def ours(problem: Problem, budget: int, seed: int, settings: Settings) -> Reported:
    """`diffevo.minimize`: its modes if it has them, else its last population."""
    with jax.enable_x64(True):
        corner = np.ones(problem.num_dims)
        result = diffevo.minimize(
            problem.traced,
            (0 * corner, corner),
            budget=budget,
            algorithm=settings.ours,
            seed=seed,
            batched=True,
            progress=False,
        )
        modes = getattr(result, "modes", None)
        if modes is None:
            found = np.full(len(result.fitness), result.nfev)
            return _stays(problem, result.population, result.fitness, found, result.nfev)
        return _stays(problem, modes.x, modes.fun, modes.nfev, result.nfev)


METHODS: dict[str, Method] = {
    method.__name__: method
    for method in (
        ours,
        random_search,
        evosax_diffusion_evolution,
        evosax_cma_es,
        evosax_sv_cma_es,
        evosax_differential_evolution,
        scipy_differential_evolution,
        pycma_ipop,
        pycma_bipop,
    )
}

"""Runs of any search, in step: all repetitions' controllers play together.

Shape letters: R repetitions, G generations, N population, D parameters, W window.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo.algorithms.reevaluation import Reevaluation
from experiments.common.baselines.problem import host_rng
from experiments.rl_table.games import Games

_MOST_NAMED = 16
# Folded into a repetition's key, which no generation does with a number so high.
_PLAY, _CHECK, _CHOOSE, _TEST = (2**20 + number for number in range(4))


class Method(NamedTuple):
    """A search with its settings.

    Attributes:
        search: with evosax's ``init``, ``ask``, ``tell``; or `PyCMA`.
        params: its parameters.
        population_size: N.
    """

    search: Any
    params: Any
    population_size: int


class PyCMA(NamedTuple):
    """pycma's settings: a search of the host.

    Attributes:
        num_dims: D.
        elitist: its option CMA_elitist, the authors' 2; 0 is its default.
    """

    num_dims: int
    elitist: int = 0


class Generation(NamedTuple):
    """One evaluated generation of all repetitions.

    Attributes:
        genomes: (R, N, D).
        returns: (R, N).
        success: (R, N).
        named: (R, K, D), what the search itself names once it was told: its distribution's mean,
            or the best of the optima that it keeps; None for a search that does neither.
    """

    genomes: np.ndarray
    returns: np.ndarray
    success: np.ndarray
    named: np.ndarray | None


Watch = Callable[[int, Generation], None]


def evolve(method: Method, games: Games, keys: Array, num_generations: int, watch: Watch) -> None:
    """Evaluate G populations in each of R runs; one episode a controller and generation.

    Args:
        method: to run.
        games: what is played.
        keys: of the runs, shape (R,).
        num_generations: G >= 1.
        watch: given the number, 0 to G - 1, and every evaluated generation.
    """
    runs = _host(method, keys) if isinstance(method.search, PyCMA) else _device(method, keys)
    genomes = next(runs)
    # One key for a generation of all runs: an episode's start is drawn by its place among them.
    play_key = jax.random.fold_in(keys[0], _PLAY)
    for number in range(num_generations):
        flat = genomes.reshape(-1, genomes.shape[-1])
        played = games(flat, jax.random.fold_in(play_key, number))
        returns, success = (part.reshape(genomes.shape[:2]) for part in played)
        named = runs.send(-returns)
        watch(number, Generation(genomes, returns, success, named))
        if number + 1 < num_generations:
            genomes = next(runs)


def _device(method: Method, keys: Array) -> Any:
    """Yields genomes and, sent their fitness, what the searches name, in turn."""
    search, params, size = method
    has_population = "fitness" in inspect.signature(search.init).parameters
    if has_population:
        genomes = _first_population(search, keys, size, params)
        state = None
    else:
        state = _start(search, keys, params)
        genomes, state = _ask(search, keys, 0, state, params)
    number = 0
    while True:
        fitness = jnp.asarray((yield np.asarray(genomes)), jnp.float32)
        if state is None:
            state = _init(search, keys, genomes, fitness, params)
        else:
            state = _tell(search, keys, number, genomes, fitness, state, params)
        named = _name(search, state)
        yield None if named is None else np.asarray(named)
        number += 1
        genomes, state = _ask(search, keys, number, state, params)


def _roles(keys: Array, number: Any) -> tuple[Array, Array]:
    """Keys of ask and tell of a generation, each (R,)."""
    both = jax.vmap(lambda key: jax.random.split(jax.random.fold_in(key, number)))(keys)
    return both[:, 0], both[:, 1]


def _strong(tree: Any) -> Any:
    """The same without weak types, which would compile every step once more."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), tree)


@functools.partial(jax.jit, static_argnames=("search", "size"))
def _first_population(search: Any, keys: Array, size: int, params: Any) -> Array:
    del params
    if hasattr(search, "sample_population"):
        return jax.vmap(search.sample_population)(_roles(keys, 0)[0])
    shape = (size, search.num_dims)
    return jax.vmap(lambda key: jax.random.normal(key, shape))(_roles(keys, 0)[0])


@functools.partial(jax.jit, static_argnames="search")
def _start(search: Any, keys: Array, params: Any) -> Any:
    mean = jnp.zeros(search.num_dims)
    return _strong(jax.vmap(lambda key: search.init(key, mean, params))(_roles(keys, 0)[1]))


@functools.partial(jax.jit, static_argnames="search")
def _init(search: Any, keys: Array, genomes: Array, fitness: Array, params: Any) -> Any:
    return _strong(
        jax.vmap(lambda key, one, values: search.init(key, one, values, params))(
            _roles(keys, 0)[1], genomes, fitness
        )
    )


@functools.partial(jax.jit, static_argnames="search")
def _ask(search: Any, keys: Array, number: Any, state: Any, params: Any) -> tuple[Array, Any]:
    asked = jax.vmap(lambda key, one: search.ask(key, one, params))(_roles(keys, number)[0], state)
    return _strong(asked)


@functools.partial(jax.jit, static_argnames="search")
def _tell(
    search: Any,
    keys: Array,
    number: Any,
    genomes: Array,
    fitness: Array,
    state: Any,
    params: Any,
) -> Any:
    told = jax.vmap(
        lambda key, one, values, before: search.tell(key, one, values, before, params)[0]
    )(_roles(keys, number)[1], genomes, fitness, state)
    return _strong(told)


@functools.partial(jax.jit, static_argnames="search")
def _name(search: Any, state: Any) -> Array | None:
    """What each run names as its answer, best first, (R, K, D); None for a mere population.

    That is the distribution's mean, the candidates of `Reevaluation`, or the optima that are kept
    (the best again where there are none): a search with restarts has left what it found.
    """

    def one(state: Any) -> Array:
        if isinstance(search, Reevaluation):
            return jnp.concatenate([state.best_solution[None], state.candidates])
        modes = search.modes(state)
        return jnp.where(modes.valid[:, None], modes.solutions, state.best_solution)[:_MOST_NAMED]

    if isinstance(search, Reevaluation | diffevo.NichingDiffusionEvolution):
        return jax.vmap(one)(state)
    return state.mean[:, None] if hasattr(state, "mean") else None


def _host(method: Method, keys: Array) -> Any:
    """The same of pycma: one program a run."""
    import cma

    def begin(key: Array) -> Any:
        rng = host_rng(key)
        options = {
            "popsize": method.population_size,
            # Its own generator, not numpy's global one.
            "randn": lambda *shape: rng.standard_normal(shape),
            "seed": np.nan,
            "verbose": -9,
            "CMA_elitist": method.search.elitist,
        }
        return cma.CMAEvolutionStrategy(np.zeros(method.search.num_dims), 1.0, options)

    runs = [begin(key) for key in keys]
    while True:
        asked = [np.asarray(run.ask()) for run in runs]
        fitness = yield np.stack(asked).astype(np.float32)
        for run, points, values in zip(runs, asked, fitness, strict=True):
            run.tell(list(points), values.tolist())
        yield np.stack([run.mean for run in runs]).astype(np.float32)[:, None]


class Recent:
    """The last W controllers that were evaluated, and what the search names itself.

    Args:
        window: W >= 1.
    """

    def __init__(self, window: int):
        self._window = window
        self._genomes: list[np.ndarray] = []
        self._returns: list[np.ndarray] = []
        self._named: np.ndarray | None = None

    def add(self, generation: Generation) -> None:
        """Take in a generation; what W do not need is forgotten."""
        self._genomes.append(generation.genomes)
        self._returns.append(generation.returns)
        self._named = generation.named
        while sum(part.shape[1] for part in self._genomes[1:]) >= self._window:
            self._genomes.pop(0)
            self._returns.pop(0)

    def best(self, number: int) -> np.ndarray:
        """Controllers (R, number, D): at most half of them, at least one, that the search names.

        The others are the best of the last evaluated, by their one episode.
        """
        named = self._named
        named = None if named is None else named[:, : max(1, number // 2)]
        genomes = np.concatenate(self._genomes, axis=1)
        returns = np.concatenate(self._returns, axis=1)
        count = number - (0 if named is None else named.shape[1])
        order = np.argsort(-returns, axis=1, kind="stable")[:, :count]
        chosen = np.take_along_axis(genomes, order[..., None], axis=1)
        return chosen if named is None else np.concatenate([named, chosen], axis=1)


def check_key(keys: Array, number: int) -> Array:
    """For the episodes of a check of one controller of each run."""
    return jax.random.fold_in(jax.random.fold_in(keys[0], _CHECK), number)


def choose(
    recent: Recent, games: Games, keys: Array, candidates: int
) -> tuple[np.ndarray, np.ndarray]:
    """One controller of each run: the best of C candidates on C new episodes each.

    Returns:
        (genomes (R, D), the mean returns (R,) that they were chosen for).
    """
    genomes = recent.best(candidates)
    scores = games.mean_returns(genomes, candidates, jax.random.fold_in(keys[0], _CHOOSE))
    best = np.argmax(scores, axis=1)
    runs = np.arange(len(genomes))
    return genomes[runs, best], scores[runs, best]


def test(genomes: np.ndarray, games: Games, keys: Array, num_episodes: int) -> np.ndarray:
    """Mean returns (R,) of controllers (R, D) on episodes that nothing has seen."""
    return games.mean_returns(genomes, num_episodes, jax.random.fold_in(keys[0], _TEST))

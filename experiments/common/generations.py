"""A search, generation by generation: any ask/tell algorithm, one scan, all repetitions at once.

```python
search = diffevo.DiffusionEvolution(256, task.solution, num_generations=100)
history = generations.run(search, task, keys, num_generations=101)
history.metrics["best_fitness"]                        # (R, 101)
generations.share_found(history.metrics["hits"])       # (R, 101)
```

The search is only asked for ``init``, ``ask`` and ``tell`` with evosax's signatures, the task only
for what `tasks.base.evaluate` needs: it may move with time and report traits.

Shape letters: R repetitions, G generations, N population, D dimensions, K optima.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from diffevo.core import metrics as measures
from tasks.base import Task, evaluate

Metrics = dict[str, Array]
Traits = dict[str, Array]
Measure = Callable[[Task, Array, Array, Traits], Metrics]


@dataclass(frozen=True)
class Measures:
    """What is recorded of an evaluated population, the same for every search.

    * ``best_fitness`` and ``mean_fitness``, failed members (NaN) left out;
    * ``centre`` (D,), the mean point in evaluation space;
    * ``entropy`` of the points' grid cells, in nats;
    * ``hits`` (K,), the number of points within ``radius`` of each optimum;
    * ``NAME_mean`` and ``NAME_std`` of every trait.

    Attributes:
        cell_size: edge of a cell in evaluation space; 0.12 is the 101 x 101 grid on [-6, 6]^2 of
            the HADES experiments (arXiv 2411.13420). None leaves the entropy out.
        radius: theirs is 0.25.
        optima: points (K, D) in evaluation space instead of the task's optima, as nested tuples;
            () records no hits.
    """

    cell_size: float | None = 0.12
    radius: float = 0.25
    optima: tuple[tuple[float, ...], ...] | None = None

    def __call__(self, task: Task, genomes: Array, fitness: Array, traits: Traits) -> Metrics:
        """Scalars, and arrays where it says so above, of genomes (N, D) and fitness (N,)."""
        points = task.scaling * genomes
        found: Metrics = {
            "best_fitness": jnp.nanmin(fitness),
            "mean_fitness": jnp.nanmean(fitness),
            "centre": jnp.mean(points, axis=0),
        }
        if self.cell_size is not None:
            found["entropy"] = measures.entropy(points, self.cell_size, base=np.e)
        optima = task.optima if self.optima is None else jnp.asarray(self.optima)
        if optima is not None and optima.size:
            found["hits"] = measures.optimum_hits(points, optima, self.radius)
        for name, trait in traits.items():
            found[f"{name}_mean"], found[f"{name}_std"] = jnp.nanmean(trait), jnp.nanstd(trait)
        return found


class History(NamedTuple):
    """What R runs of G evaluated populations leave behind.

    Attributes:
        metrics: by name, (R, G, ...): what the measure returned; row 0 is the first population.
        told: by name, (R, number of tells, ...): what `tell` returned beside the state, of the
            names asked for.
        state: the search's last, leaves (R, ...).
        genomes: (R, N, D), the last evaluated population; times the task's scaling for points.
        fitness: (R, N) of those.
        traits: by name, (R, N) of those.
        path: (R, G, N, D), all of them; None unless asked for.
    """

    metrics: Metrics
    told: Metrics
    state: Any
    genomes: Array
    fitness: Array
    traits: Traits
    path: Array | None


def run_one(
    search: Any,
    task: Task,
    key: Array,
    num_generations: int,
    params: Any = None,
    *,
    params_at: Callable[[Any, Array], Any] | None = None,
    initial_std: ArrayLike | None = None,
    measure: Measure = Measures(),
    tell_names: tuple[str, ...] = (),
    keep_path: bool = False,
) -> History:
    """One run, to be traced: `run` vmaps it over keys; a sweep may vmap it over params as well.

    An algorithm whose ``init`` takes an evaluated population starts from one, which is generation
    0; a search distribution starts from the mean 0, and its first samples are generation 0. So
    both evaluate G populations, and generation g meets the task at time g. The first population and
    generation g > 0 have the keys fold_in(key, 0) and fold_in(key, g).

    Args:
        search: ``init``, ``ask``, ``tell`` and ``default_params``; solutions are flat arrays. A
            `tell` (and `init`) with an argument ``traits`` is given them.
        task: of any kind.
        key: the run's.
        num_generations: G >= 1.
        params: of the search, its defaults if None.
        params_at: params for each generation, from these params and its (traced) number: how a
            target moves while the run goes on.
        initial_std: the first population is N(0, initial_std^2) in genome units; None leaves it to
            the search's own ``sample_population``, or is 1 where it has none. Search distributions
            have their width in their params.
        measure: (task, genomes, fitness, traits) -> metrics.
        tell_names: what to keep of the metrics that `tell` returns.
        keep_path: keep every population.

    Returns:
        See `History`, without the axis R.
    """
    params = search.default_params if params is None else params
    has_population = _takes(search.init, "fitness")

    def settings(number: ArrayLike) -> Any:
        return params if params_at is None else params_at(params, jnp.asarray(number))

    def record(genomes: Array, fitness: Array, traits: Traits) -> tuple[Metrics, Array | None]:
        return measure(task, genomes, fitness, traits), genomes if keep_path else None

    def begin(genomes: Array, fitness: Array, traits: Traits, key: Array) -> Any:
        return search.init(key, genomes, fitness, settings(0), **_with(search.init, traits))

    def tell(
        genomes: Array, fitness: Array, traits: Traits, key: Array, state: Any, now: Any
    ) -> Any:
        state, told = search.tell(key, genomes, fitness, state, now, **_with(search.tell, traits))
        return state, {name: told[name] for name in tell_names}

    # All generations share one program, as a roll-out takes seconds to compile: generation 0 of a
    # search that starts from a population asks and tells in its own way, and that is all.
    def generation(carry: tuple[Any, Any], number: Array) -> tuple[Any, Any]:
        state, _ = carry
        now = settings(number)
        ask_key, task_key, tell_key = jax.random.split(jax.random.fold_in(key, number), 3)
        is_first = number == 0

        def ask() -> Any:
            return search.ask(ask_key, state, now)

        def start() -> Any:
            return _first_population(search, task, ask_key, initial_std), state

        genomes, state = jax.lax.cond(is_first, start, ask) if has_population else ask()
        fitness, traits = evaluate(task, genomes, task_key, number)

        def go_on() -> Any:
            return tell(genomes, fitness, traits, tell_key, state, now)

        def init() -> Any:
            _, told = jax.eval_shape(go_on)
            return begin(genomes, fitness, traits, tell_key), _zeros(told)

        state, told = jax.lax.cond(is_first, init, go_on) if has_population else go_on()
        return (state, (genomes, fitness, traits)), (record(genomes, fitness, traits), told)

    init_key = jax.random.split(jax.random.fold_in(key, 0), 3)[2]
    if has_population:
        shape = jax.eval_shape(lambda: _first_population(search, task, key, initial_std))
        measured = jax.eval_shape(lambda genomes: evaluate(task, genomes, key, 0), shape)
        state = _zeros(jax.eval_shape(begin, shape, *measured, key))
    else:
        state = search.init(init_key, task.solution, settings(0))
    last = _zeros(jax.eval_shape(lambda: generation((state, None), jnp.asarray(0))[0][1]))
    (state, last), (rows, told) = jax.lax.scan(
        generation, (state, last), jnp.arange(num_generations)
    )
    if has_population:
        told = jax.tree.map(lambda leaf: leaf[1:], told)
    genomes, fitness, traits = last
    return History(rows[0], told, state, genomes, fitness, traits, rows[1])


def _zeros(shapes: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)


@functools.partial(jax.jit, static_argnames=("search", "task", "num_generations", "options"))
def _run(
    search: Any,
    task: Task,
    keys: Array,
    num_generations: int,
    params: Any,
    initial_std: Array | None,
    options: tuple[tuple[str, Any], ...],
) -> History:
    return jax.vmap(
        lambda key: run_one(
            search,
            task,
            key,
            num_generations,
            params,
            initial_std=initial_std,
            **dict(options),
        )
    )(keys)


def run(
    search: Any,
    task: Task,
    keys: Array,
    num_generations: int,
    params: Any = None,
    *,
    initial_std: float | None = None,
    **options: Any,
) -> History:
    """Run once for every key (R,); compiled once for equal searches, tasks and options.

    Params, keys and initial_std are traced. The arguments are those of `run_one`.
    """
    params = search.default_params if params is None else params
    std = None if initial_std is None else jnp.asarray(initial_std, jnp.float32)
    fixed = tuple(sorted(options.items()))
    return _run(search, task, keys, num_generations, params, std, options=fixed)


def share_found(hits: ArrayLike, min_hits: int = 11) -> np.ndarray:
    """Share of the optima that have been found by each generation.

    An optimum is found once ``min_hits`` points came near it since generation 0; the HADES
    experiments ask for more than 10.

    Args:
        hits: (..., G, K), counts of each generation.
        min_hits: >= 1.

    Returns:
        (..., G), in [0, 1], never falling.
    """
    return np.mean(np.cumsum(np.asarray(hits), axis=-2) >= min_hits, axis=-1)


def _takes(method: Callable[..., Any], argument: str) -> bool:
    return argument in inspect.signature(method).parameters


def _with(method: Callable[..., Any], traits: Traits) -> dict[str, Traits]:
    return {"traits": traits} if _takes(method, "traits") else {}


def _first_population(search: Any, task: Task, key: Array, std: ArrayLike | None) -> Array:
    if std is None and hasattr(search, "sample_population"):
        return search.sample_population(key)
    noise = jax.random.normal(key, (search.population_size, task.num_dims))
    return noise * (1.0 if std is None else std)

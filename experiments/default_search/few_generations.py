"""Few generations: cart-pole and the functions of table 1, the published algorithm beside ours.

All start from the same populations N(0, I), so that runs are compared pair by pair.

Shape letters: R repetitions, N population, D dimensions.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo import weighting
from diffevo.space import Box
from experiments.common import chunks, generations, statistics
from experiments.common.progress import Progress
from experiments.default_search.config import Config
from experiments.table1 import config as table1_config
from experiments.table1 import functions, scores
from experiments.table1.methods import Points
from tasks.functions.benchmark import Benchmark
from tasks.rl.cartpole import cartpole as make_cartpole

Results = dict[str, Any]
Save = Callable[[Results], None]
PUBLISHED, DEFAULT, NICHING, SCHEDULED = "published", "default", "niching", "scheduled"
BOUNDS = "_bounds"  # of a row whose search knows the box
NAMES = {
    PUBLISHED: "published Diffusion Evolution",
    DEFAULT: "`minimize`'s default",
    DEFAULT + BOUNDS: "`minimize`'s default, bounds given",
    SCHEDULED: "Diffusion Evolution, the library's defaults",
    NICHING: "NichingDiffusionEvolution",
    NICHING + BOUNDS: "NichingDiffusionEvolution, bounds given",
}
_EPISODES = 2**20  # folded into a repetition's key, which no generation does with so high a number


class Search(NamedTuple):
    """A search with its params, and whether its genomes are folded into the box."""

    search: Any
    params: Any
    bounded: bool = False


def search_of(
    name: str,
    population_size: int,
    num_dims: int,
    num_moves: int,
    published: weighting.Weighting,
    noise_scale: float,
    temperature: float = 1.0,
) -> Search:
    """A row's search.

    Args:
        name: key of `NAMES`.
        population_size: N.
        num_dims: D.
        num_moves: generations after the first population, at most 50: what `minimize` then takes
            is Diffusion Evolution with the library's defaults in up to 16 dimensions; in more the
            latent variant up to 20, and niching beyond (a test compares them).
        published: the paper's fitness mapping of this task.
        noise_scale: the paper's for this task.
        temperature: of the mapping.
    """
    template = jnp.zeros(num_dims)
    bounded = name.endswith(BOUNDS)
    if name.startswith(DEFAULT) and num_dims > 16 and num_moves <= 20:
        search = diffevo.LatentDiffusionEvolution(population_size, template, num_moves)
        return Search(search, search.default_params, bounded)
    if name.startswith(NICHING) or (name.startswith(DEFAULT) and num_dims > 16):
        search = diffevo.NichingDiffusionEvolution(
            population_size, template, domain="box" if bounded else "unbounded"
        )
        return Search(search, search.default_params, bounded)
    if name.startswith((DEFAULT, SCHEDULED)):
        search = diffevo.DiffusionEvolution(population_size, template, num_moves)
        return Search(search, search.default_params, bounded)
    search = diffevo.DiffusionEvolution(population_size, template, num_moves, weighting=published)
    params = search.default_params.replace(
        noise_scale=jnp.asarray(noise_scale), temperature=jnp.asarray(temperature)
    )
    return Search(search, params)


def compared(
    values: dict[str, dict[str, np.ndarray]], rows: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """Of values by row and measure: their summaries, and each row against the published one.

    Returns:
        By row and measure a summary with ``values`` and, but for the first row,
        ``against_published`` (`statistics.paired`).
    """
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        found[row] = {}
        for measure, one in values[row].items():
            found[row][measure] = statistics.kept(one)
            if row != PUBLISHED:
                found[row][measure]["against_published"] = statistics.paired(
                    one, values[PUBLISHED][measure]
                )
    return found


def cartpole(config: Config, progress: Progress, save: Save) -> Results:
    """Cart-pole by the paper's protocol: one episode an evaluation, each its own, 58 parameters.

    Returns:
        ``task``, ``num_dims`` and ``rows`` as from `compared`, of returns: ``population``, the mean
        of the last population; ``best``, its best member's; ``tested``, of the best controller of
        the run on ``cartpole_episodes`` new episodes; ``solved``, the share of the last population
        whose pole stands to the end; and ``paths``, curves of ``population``.
    """
    task = make_cartpole(
        config.cartpole_hidden,
        "relu",
        num_episodes=1,
        shared_episodes=False,
        scaling=config.cartpole_scaling,
    )
    judge = make_cartpole(
        config.cartpole_hidden,
        "relu",
        num_episodes=config.cartpole_episodes,
        scaling=config.cartpole_scaling,
    )
    keys = chunks.repetition_keys(config.seed, config.cheap_repetitions)
    values: dict[str, dict[str, np.ndarray]] = {}
    paths: Results = {}
    for name in config.cartpole_rows:
        progress.describe(f"cart-pole: {name}")
        search, params, _ = search_of(
            name,
            config.cartpole_population_size,
            task.num_dims,
            config.cartpole_generations - 1,
            weighting.Energy(),
            1.0,
            config.cartpole_temperature,
        )

        def one_chunk(keys: Array, search=search, params=params) -> dict[str, Array]:
            history = generations.run(
                search,
                task,
                keys,
                config.cartpole_generations,
                params,
                measure=generations.Measures(cell_size=None),
            )
            tested = jax.vmap(
                lambda genome, key: judge.evaluate(genome[None], jax.random.fold_in(key, _EPISODES))
            )(history.state.best_solution, keys)[0]
            return {
                "population": -history.metrics["mean_fitness"][:, -1],
                "best": -history.metrics["best_fitness"][:, -1],
                "tested": -tested[:, 0],
                "solved": jnp.mean(history.fitness <= task.optimum_fitness, axis=1),
                "path": -history.metrics["mean_fitness"],
            }

        made = chunks.over_chunks(one_chunk, keys, config.chunk_size)
        paths[name] = statistics.curve(made.pop("path"))
        values[name] = made
        progress.advance()
    found = {
        "task": task.name,
        "num_dims": task.num_dims,
        "rows": compared(values, config.cartpole_rows),
        "paths": paths,
    }
    save(found)
    return found


@dataclass(frozen=True)
class OneOf:
    """One of several functions of table 1, chosen by a number that may be traced.

    Attributes:
        objectives: functions of genomes (N, D).
        choice: which.
        num_dims: D.
        bounded: fold genomes into [-1, 1]^D first, as `minimize` does where it is given bounds.
    """

    objectives: tuple[Callable[[Array], Array], ...]
    choice: Any
    num_dims: int
    bounded: bool
    name: str = "one_of"
    low: float = -4.0
    high: float = 4.0
    scaling: float = 4.0
    optima: None = None
    optimum_fitness: None = None

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    def fold(self, genomes: Array) -> Array:
        """Genomes as the function sees them."""
        dims = jnp.zeros(genomes.shape[-1])
        return Box(dims, dims + 1.0, dims == 0).decode(genomes) if self.bounded else genomes

    def __call__(self, genomes: Array) -> Array:
        """Fitness (N,) of genomes (N, D)."""
        return jax.lax.switch(self.choice, self.objectives, self.fold(genomes))


def _nothing(*arguments: Any) -> dict[str, Array]:
    del arguments
    return {}


@functools.partial(jax.jit, static_argnames=("search", "objectives", "bounded", "num_generations"))
def _last_points(
    search: Any,
    params: Any,
    keys: Array,
    objectives: tuple[Callable[[Array], Array], ...],
    choice: Array,
    bounded: bool,
    num_generations: int,
) -> Array:
    """The last populations (R, N, D) in evaluation space."""
    task = OneOf(objectives, choice, search.num_dims, bounded)

    def once(key: Array) -> Array:
        history = generations.run_one(search, task, key, num_generations, params, measure=_nothing)
        return task.scaling * task.fold(history.genomes)

    return jax.vmap(once)(keys)


def table1(config: Config, progress: Progress, save: Save) -> Results:
    """The two-dimensional functions of table 1, scored as there ("final").

    The published row has the authors' fitness map and noise; the others see the distance to the
    target.

    Returns:
        ``functions``, by name and row as from `compared`: ``entropy`` (bits) and ``fitness`` of the
        best members, ``best``, and ``optima``, how many have one near.
    """
    (group,) = functions.groups(config.functions)
    scored = table1_config.Config(
        population_size=config.table1_population_size,
        num_generations=config.table1_generations,
        top=config.table1_top,
    )
    keys = chunks.repetition_keys(config.seed, config.cheap_repetitions)
    values: dict[str, dict[str, dict[str, np.ndarray]]] = {name: {} for name in config.functions}
    for row in config.table1_rows:
        search, params, bounded = search_of(
            row,
            scored.population_size,
            group.num_dims,
            scored.num_generations,
            weighting.Identity(),
            scored.noise_scale,
        )
        objectives: tuple[Benchmark | functions.NegativeQuality, ...] = (
            group.rewards if row == PUBLISHED else group.tasks
        )
        for choice, name in enumerate(config.functions):
            progress.describe(f"{name}: {row}")

            def one_chunk(
                keys: Array,
                choice=choice,
                search=search,
                params=params,
                bounded=bounded,
                objectives=objectives,
            ) -> dict[str, np.ndarray]:
                points = _last_points(
                    search,
                    params,
                    keys,
                    objectives,
                    jnp.asarray(choice),
                    bounded,
                    scored.num_generations + 1,
                )
                made = Points(np.asarray(points), None, np.zeros((len(keys), 0, 1, 2)), None)
                return scores.score(group, choice, made, scored)

            values[name][row] = chunks.over_chunks(one_chunk, keys, config.chunk_size)
            progress.advance()
    rows = config.table1_rows
    found = {"functions": {name: compared(values[name], rows) for name in config.functions}}
    save(found)
    return found

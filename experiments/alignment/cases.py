"""The cases of the alignment experiment; each returns what goes into the results file.

Shape letters: n agents, P areas, R repetitions, L landscapes, C cares, N population, S samples, G
groups, D genome dimensions.
"""

import dataclasses
import functools
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

import diffevo
from diffevo import conditions
from diffevo.denoiser.fit import Training
from diffevo.denoiser.network import MLP
from experiments.alignment.config import Config
from experiments.alignment.landscapes import Chosen, landscapes
from experiments.common import generations, statistics
from tasks.alignment import Compromise, Policy, misalignment
from tasks.alignment.simulations import expected, populations, primary_shares

Results = dict[str, Any]
# Folded into a repetition's key, which no generation does with a number so high.
_FIT, _SAMPLE = 2**20, 2**20 + 1


def limit(config: Config) -> list[Results]:
    """Equally held goals of many agents: the value beside 1 - 1/k, and the seconds it takes."""
    rows = []
    for num_goals in config.limit_goals:
        goals = 1 + np.random.default_rng(config.seed).integers(0, num_goals, config.limit_agents)
        value, seconds = 0.0, []
        for _ in range(4):
            start = time.perf_counter()
            value = float(misalignment(goals))
            seconds.append(time.perf_counter() - start)
        rows.append(
            {
                "goals": num_goals,
                "value": value,
                "limit": 1 - 1 / num_goals,
                "first_seconds": seconds[0],
                "seconds": float(np.median(seconds[1:])),
            }
        )
    return rows


def simulations(config: Config) -> Results:
    """The paper's four simulations: medians, 5 to 95 % of the populations, and expectations."""
    keys = jax.random.split(jax.random.key(config.seed), config.populations)
    sizes = np.unique(
        np.geomspace(1, config.most_agents, config.num_sizes).round().astype(int)
    ).tolist()
    num_areas, most_goals = 5, 5

    def draw(shares: np.ndarray, weight: float = 1.0, num_agents: int | None = None) -> np.ndarray:
        padded = jnp.pad(jnp.asarray(shares, jnp.float32), (0, most_goals - len(shares)))
        count = config.most_agents if num_agents is None else num_agents
        return np.asarray(
            populations(
                keys,
                padded,
                jnp.float32(weight),
                jnp.int32(count),
                config.most_agents,
                num_areas,
            )
        )

    def even(num_goals: int) -> np.ndarray:
        return np.full(num_goals, 1 / num_goals)

    def over(
        x: Sequence[float], values: list[np.ndarray], areas: int, wanted: list[float]
    ) -> Results:
        means = np.stack([one[:, :areas].mean(axis=1) for one in values], axis=1)
        return {"x": x, **statistics.curve(means), "expected": wanted}

    by_size = [draw(even(3), num_agents=size) for size in sizes]
    wanted = [expected(even(3)) if size > 1 else 0.0 for size in sizes]
    goals = list(range(2, most_goals + 1))
    weights = np.linspace(0, 1, config.num_weights).tolist()
    proportions = np.linspace(0, 1, config.num_proportions).tolist()
    found: Results = {
        "agents": {
            f"{areas} areas": over(sizes, by_size, areas, wanted) for areas in (1, 2, 3, 4, 5)
        },
        "goals": {
            "4 areas": over(
                goals, [draw(even(k)) for k in goals], 4, [expected(even(k)) for k in goals]
            )
        },
        "weights": {},
        "primary": {},
    }
    for num_goals in (2, 4):
        values = [draw(even(num_goals), weight) for weight in weights]
        lines = [expected(even(num_goals), weight) for weight in weights]
        for areas in (1, 4):
            name = f"{num_goals} goals, {areas} area{'s' * (areas > 1)}"
            found["weights"][name] = over(weights, values, areas, lines)
    for num_goals, rest in ((2, "uniform"), (3, "uniform"), (4, "uniform"), (4, "halving")):
        shares = [primary_shares(share, num_goals, rest) for share in proportions]
        found["primary"][f"{num_goals} goals, {rest}"] = over(
            proportions, [draw(one) for one in shares], 1, [expected(one) for one in shares]
        )
    return found


def pure(config: Config, task: Compromise) -> Results:
    """The best that machines with one goal an area reach, for each care: by trying all.

    All k^P choices of goals with the same weight in all areas, and with all weights on a grid.
    """
    num_areas, steps = len(task.case.areas), config.weight_steps
    grid = [
        row for row in itertools.product(range(steps + 1), repeat=num_areas) if sum(row) == steps
    ]
    rows = task.floor + (1 - task.floor) * np.array(grid) / steps
    even, free = (_outcomes(task, task.pure_policies(weights)) for weights in (None, rows))
    results: Results = {
        "points": np.stack(even[:2], axis=1),
        "cares": [],
    }
    for care in config.cares:
        one: Results = {"care": care}
        for name, (population, worst, policies) in (("even", even), ("free", free)):
            fitness = (1 - care) * population + care * worst
            best = int(fitness.argmin())
            chosen = policies.shares[best].argmax(axis=1)
            one[name] = {
                "fitness": fitness[best],
                "population": population[best],
                "worst_off": worst[best],
                "goals": [names[goal] for names, goal in zip(task.case.goals, chosen, strict=True)],
                "weights": policies.weights[best],
            }
        results["cares"].append(one)
    return results


def _outcomes(task: Compromise, policies: Policy) -> tuple[np.ndarray, np.ndarray, Policy]:
    outcome = jax.jit(task.outcome)(policies)
    host = jax.tree.map(np.asarray, policies)
    return np.asarray(outcome.population), np.asarray(outcome.groups).max(axis=1), host


def evolve(config: Config, keys: Array) -> tuple[list[Results], np.ndarray]:
    """Policies evolved on every landscape for every care, and gradient descent to compare with.

    Returns:
        (a row for each landscape, best genomes (L, C, R, D)).
    """
    tasks = landscapes(config)
    search = diffevo.NichingDiffusionEvolution(config.population_size, tasks[0].solution)
    shape = len(tasks), len(config.cares)
    which, number, repetition = np.indices((*shape, len(keys))).reshape(3, -1)
    cares = jnp.asarray(config.cares)[number]
    found = _search(search, tasks, which, cares, keys[repetition], config.num_generations)
    genomes, best = (np.asarray(x).reshape(*shape, len(keys), -1) for x in found)
    which, number, start = np.indices((*shape, config.polish_starts)).reshape(3, -1)
    starts = jax.random.normal(
        jax.random.key(config.seed), (config.polish_starts, tasks[0].num_dims)
    )
    cares = jnp.asarray(config.cares)[number]
    polished = np.asarray(_descend(config, tasks, which, cares, starts[start])).reshape(*shape, -1)
    rows = []
    for index, task in enumerate(tasks):
        compared = pure(config, task)
        row: Results = {
            "case": task.case.name,
            "exponent": task.exponent,
            "groups": task.case.groups,
            "pure": compared["points"],
            "cares": [],
        }
        for number, care in enumerate(config.cares):
            outcome = jax.jit(task.outcome)(task.decode(genomes[index, number]))
            population, groups = np.asarray(outcome.population), np.asarray(outcome.groups)
            against = compared["cares"][number]
            lowest = best[index, number, :, -1]
            row["cares"].append(
                {
                    "care": care,
                    "fitness": statistics.summarize(lowest),
                    "population": statistics.summarize(population),
                    "worst_off": statistics.summarize(groups.max(axis=1)),
                    "group_strains": np.median(groups, axis=0),
                    "pure_even": against["even"],
                    "pure_free": against["free"],
                    "descent": float(polished[index, number].min()),
                    "share_beats_even": float(np.mean(lowest < against["even"]["fitness"])),
                    "share_beats_free": float(np.mean(lowest < against["free"]["fitness"])),
                    "curve": statistics.curve(best[index, number]),
                }
            )
        rows.append(row)
    return rows, genomes


@functools.partial(jax.jit, static_argnames=("search", "tasks", "num_generations"))
def _search(
    search: Any,
    tasks: tuple[Compromise, ...],
    which: Array,
    cares: Array,
    keys: Array,
    num_generations: int,
) -> tuple[Array, Array]:
    """Best genomes (B, D) and best fitness so far (B, generations) of runs b of all kinds."""
    measure = generations.Measures(cell_size=None, optima=())

    def one(which: Array, care: Array, key: Array) -> tuple[Array, Array]:
        task = Chosen(tasks, which, care)
        history = generations.run_one(search, task, key, num_generations, measure=measure)
        return history.state.best_solution, jax.lax.cummin(history.metrics["best_fitness"])

    return jax.vmap(one)(which, cares, keys)


@functools.partial(jax.jit, static_argnames=("config", "tasks"))
def _descend(
    config: Config, tasks: tuple[Compromise, ...], which: Array, cares: Array, starts: Array
) -> Array:
    """Fitness (B,) after Adam from genomes (B, D), its rate falling by a cosine."""
    rate = optax.cosine_decay_schedule(config.polish_rate, config.polish_steps)
    optimizer = optax.adam(rate)

    def fitness(genomes: Array) -> Array:
        one = jax.vmap(lambda which, care, genome: Chosen(tasks, which, care)(genome[None])[0])
        return one(which, cares, genomes)

    def step(carry: tuple[Any, Any], _: None) -> tuple[tuple[Any, Any], None]:
        genomes, state = carry
        gradient = jax.grad(lambda genomes: jnp.sum(fitness(genomes)))(genomes)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(genomes, updates), state), None

    carry = (starts, optimizer.init(starts))
    (genomes, _), _ = jax.lax.scan(step, carry, None, length=config.polish_steps)
    return fitness(genomes)


@dataclass(frozen=True)
class Favouring:
    """Params whose targets ask for one group after the other, for ``params_at``.

    Attributes:
        value: asked of the favoured group's trait; nothing is asked of the others'.
    """

    value: float

    def targets(self, group: Array, num_groups: int) -> tuple[Array, ...]:
        """Of one group, which may be traced."""
        chosen = jnp.arange(num_groups) == group
        return tuple(jnp.where(chosen, self.value, jnp.nan)[:, None])

    def __call__(self, params: Any, number: Array) -> Any:
        """The params of a generation."""
        num_groups = len(params.targets)
        return params.replace(targets=self.targets(number % num_groups, num_groups))


def favour(config: Config, keys: Array) -> list[Results]:
    """CHARLES-D asked to favour one group after the other, and its model asked once more.

    Only the landscapes of the first exponent. Of each favoured group the samples' mean advantage,
    ``favours_GROUP``, beside that of samples of whom nothing is asked.
    """
    first = config.cases[0][1]
    tasks = tuple(task for task in landscapes(config) if task.exponent == first)
    num_groups = len(tasks[0].case.groups)
    search = diffevo.CharlesD(
        config.charles_population,
        tasks[0].solution,
        conditions=tuple(conditions.Trait(f"favours_{g}") for g in range(num_groups)),
        network=MLP(config.hidden),
        training=Training(config.num_epochs, config.batch_size),
        buffer_size=config.buffer_size,
    )
    rows = []
    which, repetition = np.indices((len(tasks), len(keys))).reshape(2, -1)
    states = _favour(config, search, tasks, which, keys[repetition])
    asked = [
        _ask(config, search, tasks, which, keys[repetition], states, jnp.asarray(group))
        for group in range(-1, num_groups)
    ]
    population, worst, favours = (
        np.stack(part, axis=1).reshape(len(tasks), len(keys), 1 + num_groups, *part[0].shape[1:])
        for part in zip(*jax.tree.map(np.asarray, asked), strict=True)
    )
    for index, task in enumerate(tasks):
        names = task.case.groups
        # (R, 1 + G, S, G): asked for nothing, then for each group.
        advantage = favours[index].mean(axis=2)
        gained = advantage[:, 1:] - advantage[:, :1]
        most = (favours[index] - advantage[:, :1, None]).argmax(axis=3)
        rows.append(
            {
                "case": task.case.name,
                "groups": names,
                "asked": [
                    {
                        "group": "nobody" if row == 0 else names[row - 1],
                        "population": statistics.summarize(population[index][:, row].mean(axis=1)),
                        "worst_off": statistics.summarize(worst[index][:, row].mean(axis=1)),
                        "advantages": [
                            statistics.summarize(advantage[:, row, group])
                            for group in range(num_groups)
                        ],
                        **(
                            {}
                            if row == 0
                            else {
                                "gained": statistics.summarize(gained[:, row - 1, row - 1]),
                                "share": statistics.summarize(
                                    np.mean(most[:, row] == row - 1, axis=1)
                                ),
                            }
                        ),
                    }
                    for row in range(1 + num_groups)
                ],
            }
        )
    return rows


@functools.partial(jax.jit, static_argnames=("config", "search", "tasks"))
def _favour(
    config: Config,
    search: diffevo.CharlesD,
    tasks: tuple[Compromise, ...],
    which: Array,
    keys: Array,
) -> Any:
    """States (B, ...) of runs that favour one group after the other, fitted once more."""
    params = search.default_params
    longer = dataclasses.replace(search, training=Training(config.final_epochs, config.batch_size))

    def one(which: Array, key: Array) -> Any:
        history = generations.run_one(
            search,
            Chosen(tasks, which, jnp.asarray(0.5)),
            key,
            config.charles_generations,
            params,
            params_at=Favouring(1.0),
            measure=generations.Measures(cell_size=None, optima=()),
        )
        return longer.fit(jax.random.fold_in(key, _FIT), history.state, params)

    return jax.vmap(one)(which, keys)


@functools.partial(jax.jit, static_argnames=("config", "search", "tasks"))
def _ask(
    config: Config,
    search: diffevo.CharlesD,
    tasks: tuple[Compromise, ...],
    which: Array,
    keys: Array,
    states: Any,
    group: Array,
) -> tuple[Array, Array, Array]:
    """Population, worst off (B, S) and advantages (B, S, G) of samples for a group; -1 is none."""
    names = [trait for condition in search.conditions for trait in condition.reported]
    params = search.default_params
    params = params.replace(scales=jnp.full_like(params.scales, config.scale))

    def one(which: Array, key: Array, state: Any) -> tuple[Array, Array, Array]:
        memory = state.memory
        seen = jnp.stack([memory.traits[name].reshape(-1) for name in names])
        wanted = jnp.nanquantile(jnp.where(memory.filled, seen, jnp.nan), config.asked, axis=1)
        targets = jnp.where(jnp.arange(len(names)) == group, wanted, jnp.nan)
        key = jax.random.fold_in(key, _SAMPLE)
        drawn = search.sample(
            key, state, params, config.num_samples, targets=tuple(targets[:, None])
        )
        _, traits = Chosen(tasks, which, jnp.asarray(0.5)).evaluate(drawn, key)
        advantages = jnp.stack([traits[name] for name in names], axis=1)
        return traits["population"], traits["worst_off"], advantages

    return jax.vmap(one)(which, keys, states)


def examples(config: Config, genomes: np.ndarray) -> list[Results]:
    """What the first repetition's best policies do, in words and shares.

    Args:
        config: the study.
        genomes: the best, (L, C, R, D).
    """
    found = []
    for task, by_care in zip(landscapes(config), genomes, strict=True):
        for care, rows in zip(config.cares, by_care, strict=True):
            policy = jax.tree.map(lambda leaf: np.asarray(leaf)[0], task.decode(rows[:1]))
            found.append(
                {
                    "case": task.case.name,
                    "exponent": task.exponent,
                    "care": care,
                    "areas": [
                        {
                            "area": area,
                            "weight": policy.weights[p],
                            "does": dict(
                                zip((*goals, "compromise"), policy.shares[p], strict=True)
                            ),
                            "compromise": dict(zip(goals, policy.blend[p], strict=True)),
                        }
                        for p, (area, goals) in enumerate(
                            zip(task.case.areas, task.case.goals, strict=True)
                        )
                    ],
                }
            )
    return found

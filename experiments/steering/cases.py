"""The cases of the steering experiment; each returns what goes into the results file.

Shape letters: R repetitions, G generations, N population, S samples, P half-periods.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo import conditions, weighting
from diffevo.core import metrics
from diffevo.denoiser.fit import Training
from diffevo.denoiser.network import MLP
from experiments.common import generations, statistics
from experiments.common.baselines import searches
from experiments.steering.config import Config
from tasks.functions.double_peak import DoublePeak, double_peak, dynamic_double_peak

Results = dict[str, Any]


@dataclass(frozen=True)
class Switching:
    """Params whose first target is +1 and -1 in turn, for ``generations.run(params_at=...)``.

    Attributes:
        period: generations of each.
    """

    period: int

    def sign(self, number: Any) -> Any:
        """What is asked for in a generation, 1 or -1; the number may be an array."""
        return 1 - 2 * (number // self.period % 2)

    def __call__(self, params: Any, number: Array) -> Any:
        """The params of a generation."""
        (target,) = params.targets
        return params.replace(targets=(self.sign(number).astype(target.dtype),))


def charles(config: Config, *wanted: conditions.Condition, **options: Any) -> diffevo.CharlesD:
    """CHARLES-D with the size of the study."""
    return diffevo.CharlesD(
        config.population_size,
        jnp.zeros(2),
        conditions=wanted,
        network=MLP(config.hidden),
        training=Training(num_epochs=config.num_epochs, batch_size=config.batch_size),
        buffer_size=config.buffer_size,
        **options,
    )


def selection(name: str, pressure: float) -> weighting.Weighting:
    """The authors' roulette wheel at their pressure ("wheel"), or the library's default."""
    return weighting.RouletteWheel(pressure) if name == "wheel" else weighting.DensityCorrected()


def tempered(config: Config, name: str, params: Any) -> Any:
    """The params with a selection's temperature."""
    temperature = config.sharp_temperature if name == "sharp" else 1.0
    return params.replace(temperature=jnp.asarray(temperature))


def fitness(config: Config, keys: Array, advance: Callable[[int], None]) -> Results:
    """(a) Offspring asked to be fit; results by selection."""
    search = charles(config, conditions.Fitness())
    results = {}
    for name in config.selections:
        if name == "wheel":
            continue
        params = tempered(config, name, search.default_params)
        results[name] = _fitness(config, search, keys, params)
        advance(keys.shape[0])
    return results


def _fitness(config: Config, search: diffevo.CharlesD, keys: Array, params: Any) -> Results:
    history = generations.run(
        search,
        double_peak(config.distance),
        keys,
        config.fitness_generations,
        params,
        initial_std=1.0,
    )
    best, mean = _quality(history)
    by = config.within[0]
    return {
        "best_by": statistics.summarize(best[:, : by + 1].max(axis=1)),
        "best_at_end": statistics.summarize(best[:, -1]),
        "mean_at_end": statistics.summarize(mean[:, -1]),
        "share_of_runs": float(np.mean(best[:, : by + 1].max(axis=1) >= config.fit)),
        "curves": {"best": statistics.curve(best), "mean": statistics.curve(mean)},
    }


def region(
    config: Config, keys: Array, advance: Callable[[int], None]
) -> tuple[Results, dict[float, np.ndarray]]:
    """(b) Offspring asked into a quadrant at several guidance scales, and samples afterwards.

    The samples are of the model of the run at the first scale, with the scale changed: nothing is
    trained or evaluated for them.

    Args:
        config: the study.
        keys: shape (R,).
        advance: called with R after each scale.

    Returns:
        (results by scale, the first run's samples (S, 2) by scale, in evaluation space).
    """
    task = double_peak(config.distance)
    search = charles(config, conditions.Quadrant(), crossover_ratio=0.0)
    params = search.default_params.replace(random_mutation_ratio=jnp.asarray(0.0))
    cells, drawn, state = [], {}, None
    for scale in config.scales:
        scaled = params.replace(scales=jnp.array([scale]))
        history = generations.run(
            search,
            task,
            keys,
            config.region_generations,
            scaled,
            initial_std=1.0 / task.scaling,
            measure=generations.Measures(cell_size=config.cell_size),
            keep_path=True,
        )
        state = history.state if state is None else state
        away = _distance(history, task.peaks[:1])
        inside = _share_inside(history, np.ones(config.region_generations))
        best, _ = _quality(history)
        points, sampled = _samples(
            search, task, keys, state, scaled, config.num_samples, config.cell_size
        )
        drawn[scale] = np.asarray(points[0])
        by = config.within[0]
        cells.append(
            {
                "scale": scale,
                "distance_by": statistics.summarize(away[:, by]),
                "distance_at_end": statistics.summarize(away[:, -1]),
                "share_of_runs": float(np.mean(away[:, by] <= config.near)),
                "arrival": statistics.summarize(_arrival(away, config.near)),
                "inside_by": statistics.summarize(inside[:, by]),
                "inside_at_end": statistics.summarize(inside[:, -1]),
                "entropy_at_end": statistics.summarize(history.metrics["entropy"][:, -1]),
                "best_at_end": statistics.summarize(best[:, -1]),
                "samples": {name: statistics.summarize(values) for name, values in sampled.items()},
                "curves": {"distance": statistics.curve(away), "inside": statistics.curve(inside)},
            }
        )
        advance(keys.shape[0])
    return {"scales": cells}, drawn


def switching(config: Config, keys: Array, advance: Callable[[int], None]) -> Results:
    """(c) The wanted quadrant changes while the run goes on; results by selection."""
    results = {}
    for name in config.selections:
        results[name] = _switching(config, keys, name)
        advance(keys.shape[0])
    return results


def _switching(config: Config, keys: Array, name: str) -> Results:
    task = double_peak(config.distance)
    chosen = selection(name, config.switch_pressure)
    search = charles(config, conditions.Quadrant(), elite_ratio=0.0, selection=chosen)
    params = search.default_params.replace(scales=jnp.array([config.switch_scale]))
    turn = Switching(config.period)
    history = generations.run(
        search,
        task,
        keys,
        config.switch_generations,
        tempered(config, name, params),
        initial_std=1.0,
        params_at=turn,
        keep_path=True,
    )
    signs = turn.sign(np.arange(config.switch_generations))
    wanted = config.distance * signs[:, None] * np.ones(2)
    away = _distance(history, wanted)
    inside = _share_inside(history, signs)
    best, _ = _quality(history)
    switches = range(config.period, config.switch_generations, config.period)
    after = [away[:, first : first + config.within[1]].min(axis=1) for first in switches]
    arrivals = [
        _arrival(away[:, first : first + config.period], config.near) + 1 for first in switches
    ]
    worst = np.max(after, axis=0)
    lowest = best[:, config.settled :].min(axis=1)
    return {
        "switches": [
            {
                "generation": first,
                "distance_within": statistics.summarize(one),
                "arrival": statistics.summarize(arrival),
                "share_of_runs": float(np.mean(one <= config.near)),
            }
            for first, one, arrival in zip(switches, after, arrivals, strict=True)
        ],
        "worst_distance": statistics.summarize(worst),
        "share_of_runs": float(np.mean(worst <= config.near)),
        "lowest_best": statistics.summarize(lowest),
        "share_of_runs_fit": float(np.mean(lowest >= config.still_fit)),
        "curves": {
            "best": statistics.curve(best),
            "coordinate": statistics.curve(np.asarray(history.metrics["centre"]).mean(axis=2)),
            "inside": statistics.curve(inside),
        },
    }


def dynamic(config: Config, keys: Array, advance: Callable[[int], None]) -> Results:
    """(d) Peak and pit change places every ten generations: short memory against CMA-ES."""
    task = dynamic_double_peak(config.distance)
    results: Results = {}
    short, *longer = config.dynamic_memories
    runs = [(name, short) for name in config.selections] + [("default", size) for size in longer]
    for name, size in runs:
        search = diffevo.HADES(
            config.population_size,
            jnp.zeros(2),
            network=MLP(config.hidden),
            training=Training(num_epochs=config.dynamic_epochs, batch_size=config.batch_size),
            selection=selection(name, config.dynamic_pressure),
            buffer_size=size,
        )
        rate = jnp.asarray(config.dynamic_learning_rate)
        params = tempered(config, name, search.default_params.replace(learning_rate=rate))
        found = _peaking(config, search, task, keys, params, initial_std=1.0)
        results[f"hades_{name}" if size == short else f"hades_{name}_{size}"] = found
        advance(keys.shape[0])
    rival = searches.cma_es(task, config.population_size, sigma=config.dynamic_sigma)
    results["cma_es"] = _peaking(config, rival.search, task, keys, rival.params)
    advance(keys.shape[0])
    return results


def _peaking(
    config: Config,
    search: Any,
    task: DoublePeak,
    keys: Array,
    params: Any,
    initial_std: float | None = None,
) -> Results:
    """The best quality that every half-period between two swaps sees."""
    history = generations.run(
        search, task, keys, config.dynamic_generations, params, initial_std=initial_std
    )
    best, mean = _quality(history)
    half = round(np.pi / task.omega)
    starts = range(half // 2, config.dynamic_generations - half, half)
    highest = np.stack([best[:, start : start + half].max(axis=1) for start in starts], axis=1)
    return {
        "half_periods": [
            {"from": start, "highest": statistics.summarize(one)}
            for start, one in zip(starts, highest.T, strict=True)
        ],
        "lowest_peak": statistics.summarize(highest.min(axis=1)),
        "peaks_of_runs": float(np.mean(highest >= config.peaked)),
        "share_of_runs": float(np.mean(highest.min(axis=1) >= config.peaked)),
        "curves": {"best": statistics.curve(best), "mean": statistics.curve(mean)},
    }


@functools.partial(jax.jit, static_argnames=("search", "task", "num", "cell_size"))
def _samples(
    search: diffevo.CharlesD,
    task: DoublePeak,
    keys: Array,
    states: Any,
    params: Any,
    num: int,
    cell_size: float,
) -> tuple[Array, dict[str, Array]]:
    """Points (R, S, 2) of each run's model, and their measures (R,)."""

    def one(key: Array, state: Any) -> tuple[Array, dict[str, Array]]:
        # No generation has this number.
        genomes = search.sample(jax.random.fold_in(key, 2**20), state, params, num)
        points = task.scaling * genomes
        inside = jnp.all(points > 0, axis=1)
        return points, {
            "inside": jnp.mean(inside),
            "distance": jnp.linalg.norm(jnp.mean(points, axis=0) - task.peaks[0]),
            "entropy": metrics.entropy(points, cell_size, base=np.e),
            "mean_quality": -jnp.mean(task(genomes)),
        }

    return jax.vmap(one)(keys, states)


def _quality(history: generations.History) -> tuple[np.ndarray, np.ndarray]:
    """Best and mean quality (R, G), higher is better."""
    found = history.metrics
    return -np.asarray(found["best_fitness"]), -np.asarray(found["mean_fitness"])


def _distance(history: generations.History, wanted: Any) -> np.ndarray:
    """Of the population's centre from the wanted points (G, 2) or (1, 2), shape (R, G)."""
    return np.linalg.norm(np.asarray(history.metrics["centre"]) - np.asarray(wanted), axis=2)


def _share_inside(history: generations.History, signs: np.ndarray) -> np.ndarray:
    """Share of the population in the quadrant whose coordinates have the sign (G,), (R, G)."""
    path = np.asarray(history.path)
    return np.mean(np.all(path * signs[:, None, None] > 0, axis=3), axis=2)


def _arrival(distance: np.ndarray, near: float) -> np.ndarray:
    """First index at which a distance (R, G) is at most near; G where none is."""
    arrived = distance <= near
    return np.where(arrived.any(axis=1), arrived.argmax(axis=1), distance.shape[1])

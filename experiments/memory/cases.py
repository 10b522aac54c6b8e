"""The variants of HADES, and what is measured of their runs.

Shape letters: R repetitions, G generations, N population.
"""

import dataclasses
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo import weighting
from diffevo.denoiser.fit import Training
from diffevo.denoiser.network import MLP
from experiments.common import generations, statistics
from experiments.memory.config import Config
from experiments.memory.landscapes import Landscape

Results = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Variant:
    """What is varied of HADES.

    Attributes:
        factor: which question it belongs to.
        selection: "wheel", the roulette wheel at the study's pressure; "default", the library's.
        buffer_size: memory, in populations.
        training_data: "weighted" or "resampled".
        training: "cold", "continued", or "longer": cold, with as many times the epochs as the long
            memory is longer.
        retention: "quality" or "diversity".
        temperature: of the selection.
    """

    factor: str
    selection: Literal["wheel", "default"] = "wheel"
    buffer_size: int = 1
    training_data: Literal["weighted", "resampled"] = "weighted"
    training: Literal["cold", "continued", "longer"] = "cold"
    retention: Literal["quality", "diversity"] = "quality"
    temperature: float = 1.0


def variants(config: Config) -> list[Variant]:
    """Those of the wanted factors; to compare with: the wheel, first buffer size, weighted, cold.

    Args:
        config: the study.

    Returns:
        In the order of the tables.
    """
    short, long = config.buffer_sizes[0], config.long
    made = [Variant("size", "wheel", size) for size in config.buffer_sizes]
    made += [Variant("data", "wheel", size, "resampled") for size in (short, long)]
    made += [Variant("selection", "default", size) for size in (short, long)]
    made += [
        Variant("temperature", "default", size, temperature=temperature)
        for size in (short, long)
        for temperature in config.temperatures
    ]
    made += [Variant("training", buffer_size=size, training="continued") for size in (short, long)]
    made += [Variant("training", buffer_size=short, training="longer")]
    made += [Variant("retention", "wheel", long, retention="diversity")]
    made += [Variant("retention", "default", long, retention="diversity")]
    return [variant for variant in made if variant.factor in config.factors]


def search(config: Config, variant: Variant, population_size: int) -> diffevo.HADES:
    """The variant's algorithm; temperature and learning rate are in its params."""
    longer = config.long if variant.training == "longer" else 1
    return diffevo.HADES(
        population_size,
        jnp.zeros(2),
        network=MLP(config.hidden),
        training=Training(
            num_epochs=config.num_epochs * longer,
            batch_size=config.batch_size,
            continued=variant.training == "continued",
        ),
        training_data=variant.training_data,
        selection=(
            weighting.RouletteWheel(config.pressure)
            if variant.selection == "wheel"
            else weighting.DensityCorrected()
        ),
        buffer_size=variant.buffer_size,
        retention=variant.retention,
    )


def run_variant(config: Config, variant: Variant, landscape: Landscape, keys: Array) -> Results:
    """All repetitions of one variant on one landscape.

    Args:
        config: the study.
        variant: which HADES.
        landscape: on which task.
        keys: shape (R,).

    Returns:
        The variant's fields, a summary of each measure of `_measures`, and ``curves``.
    """
    hades = search(config, variant, landscape.population_size)
    params = hades.default_params.replace(
        learning_rate=jnp.asarray(config.learning_rate),
        temperature=jnp.asarray(variant.temperature),
    )
    history = generations.run(
        hades,
        landscape.task,
        keys,
        config.num_generations,
        params,
        initial_std=1.0,
        measure=generations.Measures(cell_size=config.cell_size, optima=()),
        keep_path=True,
    )
    best = -np.asarray(history.metrics["best_fitness"])
    points = landscape.task.scaling * np.asarray(history.path)
    return dataclasses.asdict(variant) | {
        "measures": {
            name: statistics.summarize(values)
            for name, values in _measures(config, landscape, history, best, points).items()
        },
        "curves": {
            "best": statistics.curve(best),
            "spread": statistics.curve(points.std(axis=(2, 3))),
        },
    }


def _measures(
    config: Config,
    landscape: Landscape,
    history: generations.History,
    best: np.ndarray,
    points: np.ndarray,
) -> dict[str, np.ndarray]:
    """Each (R,); quality is minus the fitness, "the peak" the one that counts in a generation.

    * ``lowest``: of the highest qualities of all stretches between two changes;
    * ``delay``: generations from a change until the best quality is the wanted share of the peak's
      height, a stretch if it never is; the mean over the changes;
    * ``followed``: share of the generations in which it is;
    * ``mean_best``, ``mean_quality``: over all generations;
    * ``at_peak``, ``at_other``: mean share of the population near the peak, near the other place;
    * ``smaller``: the smaller of these two in the last generation;
    * ``entropy``: mean, in nats; ``spread``: the last population's standard deviation.
    """
    half, stretch = config.stretch // 2, config.stretch
    starts = range(half, config.num_generations - stretch, stretch)
    highest = [best[:, start : start + stretch].max(axis=1) for start in starts]
    found = best >= config.peaked * landscape.heights
    near = [
        np.mean(np.linalg.norm(points - place[None, :, None], axis=3) <= config.near, axis=2)
        for place in np.moveaxis(landscape.places, 1, 0)
    ]
    measured = {
        "lowest": np.min(highest, axis=0),
        "followed": found.mean(axis=1),
        "mean_best": best.mean(axis=1),
        "mean_quality": -np.asarray(history.metrics["mean_fitness"]).mean(axis=1),
        "at_peak": near[0].mean(axis=1),
        "at_other": near[1].mean(axis=1),
        "smaller": np.minimum(near[0], near[1])[:, -1],
        "entropy": np.asarray(history.metrics["entropy"]).mean(axis=1),
        "spread": points[:, -1].std(axis=(1, 2)),
    }
    if landscape.changes:
        # At the change itself nothing is high, and anything would do.
        delays = [_first(found[:, change + 1 : change + stretch]) for change in landscape.changes]
        measured["delay"] = np.mean(delays, axis=0) + 1.0
    return measured


def _first(found: np.ndarray) -> np.ndarray:
    """First index at which it is true (R, n), n where it never is."""
    return np.where(found.any(axis=1), found.argmax(axis=1), found.shape[1])

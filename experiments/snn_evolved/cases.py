"""What is searched and tested.

Shape letters: N individuals, D constants, G generations, S samples.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo import conditions
from diffevo.algorithms.niching import default_chain_size
from experiments.common import competing, generations
from experiments.snn_evolved.config import Config
from tasks.base import Task
from tasks.snn import Competitive, Constants, constants
from tasks.snn.evolved import with_constants

# Of the programs of arXiv 1906.11826 and 1904.06269, in the units of `tasks.snn`.
PAPERS: dict[str, dict[str, float]] = {
    "lattice": {
        "rate_before": 1e-4,
        "rate_after": 1e-2,
        "theta_plus": 0.05,
        "tau": 100.0,
        "tau_trace": 20.0,
        "norm": 0.1,
        "rate": 63.75,
        "low": 0.1,
        "high": 17.4,
        "share_low": 0.5,
    },
    "local": {
        "rate_before": 0.0,
        "rate_after": 1e-2,
        "theta_plus": 0.05,
        "tau": 100.0,
        "tau_trace": 20.0,
        "norm": 0.2,
        "rate": 127.5,
        "high": 250.0,
    },
}
PAPERS_STEPS = {"lattice": 350, "local": 250}
# Beyond the generations, whose numbers a run folds into its key.
_LOOK, _SAMPLE = 1 << 20, 1 << 21


@dataclass(frozen=True)
class Everything:
    """Fitness and traits of every member, and the genomes."""

    def __call__(
        self, task: Task, genomes: Array, fitness: Array, traits: dict[str, Array]
    ) -> dict[str, Array]:
        """Of genomes (N, D) and fitness (N,)."""
        del task
        return {"genomes": genomes, "fitness": fitness} | traits


def task_of(config: Config, kind: str, repetition: int) -> Constants:
    """The task of a system, whose data are those to train on of the repetition's fold."""
    return constants(
        kind,
        config.filters[config.systems.index(kind)],
        num_train=config.num_train,
        num_valid=config.num_valid,
        batch_size=config.batch_size,
        fold=repetition % 5,
    )


def tune(config: Config, task: Constants, key: Array) -> tuple[Array, np.ndarray]:
    """The default search; constants as a genome (D,), and the best accuracy by generation.

    Images and spikes are drawn anew for every generation. Of the last population's mean and its
    best, the one is taken that is better in some more evaluations.
    """
    size = default_chain_size(task.num_dims)
    search = diffevo.NichingDiffusionEvolution(size, task.solution, domain="box")
    history = generations.run(
        search, task, key[None], config.evaluations // size, measure=Everything()
    )
    genomes, fitness = history.genomes[0], history.fitness[0]
    candidates = jnp.stack([genomes[jnp.nanargmin(fitness)], jnp.mean(genomes, axis=0)])
    looks = [
        task.evaluate(candidates, jax.random.fold_in(key, _LOOK + look))[0]
        for look in range(config.looks)
    ]
    chosen = candidates[jnp.nanargmin(jnp.mean(jnp.stack(looks), axis=0))]
    return chosen, 100 * np.max(np.asarray(history.metrics["accuracy"][0]), axis=1)


def network(task: Constants, found: dict[str, Any] | None, num_steps: int) -> Competitive:
    """A system's network, with other constants if there are any."""
    base = dataclasses.replace(task.network, num_steps=num_steps)
    return base if found is None else with_constants(base, found)


def slowed(config: Config, found: dict[str, float], repetition: int) -> dict[str, float]:
    """Constants whose thresholds rise as much over all images as over those of an evaluation.

    theta_plus <- theta_plus num_train / n. Thresholds only rise: constants that were found on few
    images silence the network on many.
    """
    number = len(competing.load("digits", repetition, None, None).train_x)
    return found | {"theta_plus": found["theta_plus"] * config.num_train / number}


def learn_and_test(
    config: Config,
    task: Constants,
    net: Competitive,
    repetition: int,
    key: Array,
    num_train: int | None = None,
) -> dict[str, float]:
    """Learn from the first images to train on, ask for those held out; means of some trainings."""
    data = competing.load("digits", repetition, None, None)
    data = data._replace(train_x=data.train_x[:num_train], train_y=data.train_y[:num_train])
    scores = [
        competing.trial(
            net,
            data,
            one,
            num_epochs=config.num_epochs,
            batch_size=config.batch_size,
            votes=("confidence",),
        )[1]
        for one in jax.random.split(key, config.tests)
    ]
    return {
        "accuracy": float(np.mean([score["confidence"] for score in scores])),
        "spikes": float(np.mean([score["spikes"] for score in scores])),
    }


@dataclass(frozen=True)
class Turns:
    """Asks for one number of spikes after the other, evenly over what digits usually take."""

    levels: tuple[float, ...]

    def __call__(self, params: Any, number: Array) -> Any:
        """Params of a generation."""
        level = jnp.asarray(self.levels)[number % len(self.levels)]
        return params.replace(targets=(level[None],))


def steer(config: Config, task: Constants, key: Array) -> dict[str, Any]:
    """CHARLES-D on accuracy and spikes; everything it evaluated, and samples for each wish.

    Returns:
        ``accuracy`` and ``spikes`` (G N,) of the run; ``asked``: of each wish, spikes ``wanted``,
        and ``accuracy`` and ``spikes`` (S,) of the samples.
    """
    search = diffevo.CharlesD(
        config.population_size, task.solution, conditions=(conditions.Trait("log_spikes"),)
    )
    # Before anything is known, from one spike an image to a thousand.
    levels = tuple(float(level) for level in np.linspace(0.3, 3.0, len(config.asked)))
    history = generations.run(
        search,
        task,
        key[None],
        config.generations,
        params_at=Turns(levels),
        measure=Everything(),
    )
    state = jax.tree.map(lambda leaf: leaf[0], history.state)
    seen = np.log10(np.asarray(history.metrics["spikes"][0]).ravel() + 1)
    params = search.default_params
    params = params.replace(scales=jnp.full_like(params.scales, config.scale))
    asked = []
    for number, share in enumerate(config.asked):
        wanted = float(np.quantile(seen, share))
        drawn_key, look_key = jax.random.split(jax.random.fold_in(key, _SAMPLE + number))
        drawn = search.sample(
            drawn_key, state, params, config.num_samples, targets=(jnp.full((1,), wanted),)
        )
        _, traits = task.evaluate(drawn, look_key)
        asked.append(
            {
                "wanted": 10**wanted - 1,
                "accuracy": 100 * np.asarray(traits["accuracy"]),
                "spikes": np.asarray(traits["spikes"]),
            }
        )
    return {
        "accuracy": 100 * np.asarray(history.metrics["accuracy"][0]).ravel(),
        "spikes": np.asarray(history.metrics["spikes"][0]).ravel(),
        "asked": asked,
    }


def draw_at_random(config: Config, task: Constants, key: Array) -> dict[str, Any]:
    """As many constants drawn uniformly from the space: ``accuracy`` and ``spikes``."""
    found = []
    for number in range(config.generations):
        genome_key, look_key = jax.random.split(jax.random.fold_in(key, number))
        shape = (config.population_size, task.num_dims)
        genomes = jax.random.uniform(genome_key, shape, minval=-1.0, maxval=1.0)
        found.append(task.evaluate(genomes, look_key)[1])
    accuracy, spikes = (
        np.concatenate([np.asarray(traits[name]) for traits in found])
        for name in ("accuracy", "spikes")
    )
    return {"accuracy": 100 * accuracy, "spikes": spikes}


def front(accuracy: np.ndarray, spikes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Who is not beaten in both: accuracy and spikes, by rising spikes."""
    order = np.lexsort((-accuracy, spikes))
    accuracy, spikes = accuracy[order], spikes[order]
    kept = accuracy > np.concatenate([[-np.inf], np.maximum.accumulate(accuracy)[:-1]])
    return accuracy[kept], spikes[kept]


def area(accuracy: np.ndarray, spikes: np.ndarray) -> float:
    """Mean over log10 of the spikes, from 1 to 1,000, of the best accuracy with no more of them."""
    levels = np.linspace(0, 3, 301)
    best = [np.max(accuracy[np.log10(spikes + 1e-9) <= level], initial=0.0) for level in levels]
    return float(np.mean(best))

"""What is measured: reservoirs, baselines, maps, and the search for constants.

Shape letters: R repetitions, n images, P features, A values of alpha.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from experiments.common import chunks, statistics
from experiments.ring_reservoir.config import Config
from tasks.lora.data import Data
from tasks.reservoir import Design, Timing, build, classify, images, reservoir, respond_all
from tasks.reservoir.evolved import Reservoir

Results = dict[str, Any]
PIXEL = 2.55
"""The reference shows a brightness of 1 as 2.55, so that its gain is 2.55 epsilon."""
PAPER = {"coupling": 0.25, "gain": 0.25 * PIXEL, "rewiring": 0.2, "density": 0.2}
PAPERS_BEST = {"coupling": 0.3, "gain": 0.3 * PIXEL, "rewiring": 0.5, "density": 0.5}


def data(config: Config, dataset: str, repetition: int) -> Data:
    """What a repetition is trained and tested on."""
    if dataset == "digits":
        return images.load("digits", repetition % 5)
    assert config.folder is not None
    found = images.load(config.folder)
    rng = np.random.default_rng([config.seed, repetition])
    train = rng.permutation(len(found.train_x))[: config.fashion_train]
    test = rng.permutation(len(found.test_x))[: config.fashion_test]
    return Data(found.train_x[train], found.train_y[train], found.test_x[test], found.test_y[test])


def repetitions(config: Config, dataset: str) -> int:
    """How many networks a data set is shown to."""
    return config.repetitions if dataset == "digits" else config.fashion_repetitions


def timing(config: Config, dataset: str) -> Timing:
    """How time passes for a data set."""
    if dataset == "digits":
        return Timing(config.dt, config.steps_per_row)
    return Timing(config.fashion_dt, config.fashion_steps)


def scores(config: Config, found: Data) -> dict[str, float]:
    """Of ridge regression on features: shares in per cent, and the alpha that was chosen.

    ``accuracy`` with the alpha that is best on the last fifth of the images to train on,
    ``reference`` with the paper's, ``known`` of the images trained on, with the chosen one.
    """
    cut = len(found.train_x) * 4 // 5
    choice = found.train_x[:cut], found.train_y[:cut]
    (told,) = classify(choice, [found.train_x[cut:]], config.alphas)
    best = config.alphas[int(np.argmax(np.mean(told == found.train_y[cut:], axis=1)))]
    told, known = classify(
        (found.train_x, found.train_y),
        [found.test_x, found.train_x],
        (best, config.reference_alpha),
    )
    right, right_known = (
        100 * np.mean(told == found.test_y, axis=1),
        100 * np.mean(known == found.train_y, axis=1),
    )
    return {
        "accuracy": right[0],
        "reference": right[1],
        "known": right_known[0],
        "reference_known": right_known[1],
        "alpha": best,
    }


def features(
    found: Data, design: Design, how: Timing, key: Array, same_start: bool = False
) -> tuple[Data, dict[str, float]]:
    """Snapshots of a network that was drawn from a key, instead of the images; and its costs."""
    network_key, train_key, test_key = jax.random.split(key, 3)
    if same_start:
        test_key = train_key
    network = build(design, network_key)
    began = time.perf_counter()
    parts = [
        respond_all(network, x, key, how, same_start=same_start)
        for x, key in ((found.train_x, train_key), (found.test_x, test_key))
    ]
    train, test = (part.snapshots.reshape(len(part.snapshots), -1) for part in parts)
    costs = {
        "neurons": int(network.num_neurons),
        "synapses": int(network.num_synapses),
        "spikes": float(np.mean(parts[1].spikes)),
        "features": how.num_snapshots * int(network.num_neurons),
        "milliseconds": 1000 * (time.perf_counter() - began) / (len(train) + len(test)),
    }
    return found._replace(train_x=train, test_x=test), costs


def over_repetitions(
    config: Config, repetitions: int, one: Callable[[int, Array], dict[str, float]]
) -> Results:
    """Summaries, with ``values``, of the numbers that a function of repetition and key returns."""
    keys = chunks.repetition_keys(config.seed, repetitions)
    rows = [one(number, key) for number, key in enumerate(keys)]
    return {
        name: statistics.summarize([row[name] for row in rows])
        | {"values": [row[name] for row in rows]}
        for name in rows[0]
    }


def rings(
    config: Config, dataset: str, design: Design, count: int | None = None, **options: Any
) -> Results:
    """Scores and costs of networks of a design; options go to `features`."""
    count = repetitions(config, dataset) if count is None else count

    def one(repetition: int, key: Array) -> dict[str, float]:
        found = data(config, dataset, repetition)
        found, costs = features(found, design, timing(config, dataset), key, **options)
        return scores(config, found) | costs

    return over_repetitions(config, count, one)


def pixels(config: Config, dataset: str) -> Results:
    """Scores of the readout on the pixels themselves."""
    return over_repetitions(
        config,
        repetitions(config, dataset),
        lambda repetition, key: scores(config, data(config, dataset, repetition)),
    )


def thresholds(config: Config, dataset: str, counts: list[int]) -> Results:
    """Scores of the readout on as many random threshold units as a reservoir has features.

    A unit is 1 where a random sum of the pixels, each less its mean, is above a random number with
    the spread of such sums.

    Args:
        config: of the study.
        dataset: its name.
        counts: (R,), units of each repetition.
    """

    def one(repetition: int, key: Array) -> dict[str, float]:
        found = data(config, dataset, repetition)
        rng = np.random.default_rng([config.seed, repetition, 1])
        weights = rng.normal(size=(found.train_x.shape[1], counts[repetition]))
        mean = found.train_x.mean(axis=0)
        sums = (found.train_x - mean) @ weights
        offsets = rng.normal(size=counts[repetition]) * sums.std()
        return scores(
            config,
            found._replace(
                train_x=sums > offsets, test_x=(found.test_x - mean) @ weights > offsets
            ),
        )

    return over_repetitions(config, repetitions(config, dataset), one)


def coarse(config: Config, dt: float, steps_per_row: int) -> Results:
    """Scores and costs on few images of Fashion-MNIST, with another step of time."""
    few = dataclasses.replace(
        config, fashion_train=config.coarse_train, fashion_test=config.coarse_test
    )
    design = Design(config.coarse_rings)

    def one(repetition: int, key: Array) -> dict[str, float]:
        found = data(few, "fashion", repetition)
        told, costs = features(found, design, Timing(dt, steps_per_row), key)
        return scores(few, told) | costs

    return over_repetitions(few, few.fashion_repetitions, one)


def task_of(config: Config, repetition: int) -> Reservoir:
    """The task of a repetition: its fold's images to train on."""
    return reservoir(
        num_rings=config.evolved_rings,
        fold=repetition % 5,
        num_train=config.evolved_train,
        num_held_out=config.evolved_held_out,
        timing=timing(config, "digits"),
    )


def evolve(config: Config, task: Reservoir, key: Array) -> tuple[np.ndarray, int]:
    """Constants (6,) by the library's default search, and the evaluations it made."""
    edge = jnp.ones(task.num_dims)
    result = diffevo.minimize(
        lambda genomes, key: task.evaluate(genomes, key)[0],
        bounds=(-edge, edge),
        budget=config.population_size * config.generations,
        population_size=config.population_size,
        algorithm="niching_diffusion_evolution",
        batched=True,
        noisy=True,
        seed=key,
        progress=False,
    )
    return np.asarray(result.x), int(result.nfev)


def random_search(config: Config, task: Reservoir, key: Array, budget: int) -> np.ndarray:
    """Constants (6,): the best in the mean of 8 evaluations of the best 16th of random ones."""
    few = max(1, budget // 24)
    draw_key, first, *others = jax.random.split(key, 2 + 7)
    genomes = jax.random.uniform(draw_key, (budget - 7 * few, task.num_dims), minval=-1, maxval=1)
    values = np.asarray(task.evaluate(genomes, first)[0])
    best = np.argsort(values, kind="stable")[:few]
    again = [values[best], *(task.evaluate(genomes[best], key)[0] for key in others)]
    return np.asarray(genomes[best[int(np.argmin(np.mean(again, axis=0)))]])


def constants(config: Config, step: Callable[[str], None]) -> Results:
    """Evolved constants beside the paper's and those of random search, on images never seen.

    Returns:
        ``designs`` by way, one a repetition; ``judged`` by number of rings and way: summaries;
        ``gains`` by number of rings and way: of evolved ones over these, paired.
    """
    designs: dict[str, list[Design]] = {
        name: [] for name in ("paper", "paper's best", "random search", "evolved")
    }
    evaluations = []
    keys = chunks.repetition_keys(config.seed, config.searches)
    for number, key in enumerate(keys):
        step(f"constants: search {number + 1}")
        task = task_of(config, number)
        evolve_key, random_key = jax.random.split(key)
        best, budget = evolve(config, task, evolve_key)
        evaluations.append(budget)
        designs["evolved"].append(task.design(jnp.asarray(best)))
        found = random_search(config, task, random_key, budget)
        designs["random search"].append(task.design(jnp.asarray(found)))
        for name, values in (("paper", PAPER), ("paper's best", PAPERS_BEST)):
            designs[name].append(Design(config.evolved_rings, **values))
    judged: Results = {}
    gains: Results = {}
    for num_rings in dict.fromkeys((config.evolved_rings, config.side_rings)):
        rows = {}
        for name, found in designs.items():
            step(f"constants: {name}, {num_rings} rings")
            found = [dataclasses.replace(one, num_rings=num_rings) for one in found]
            rows[name] = _judge(config, found)
        judged[str(num_rings)] = rows
        gains[str(num_rings)] = {
            name: statistics.paired(rows["evolved"]["runs"], row["runs"])
            for name, row in rows.items()
            if name != "evolved"
        }
    return {"designs": designs, "evaluations": evaluations, "judged": judged, "gains": gains}


def _judge(config: Config, designs: list[Design]) -> Results:
    """Scores of designs, one a repetition, in several networks each: summaries of their means.

    ``runs`` are the accuracies of all networks.
    """
    runs: list[float] = []

    def one(repetition: int, key: Array) -> dict[str, float]:
        found = data(config, "digits", repetition)
        rows = []
        for number in range(config.judged):
            told, costs = features(
                found,
                designs[repetition],
                timing(config, "digits"),
                jax.random.fold_in(key, 1 + number),
            )
            rows.append(scores(config, told) | costs)
        runs.extend(float(row["accuracy"]) for row in rows)
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    return over_repetitions(config, len(designs), one) | {"runs": runs}

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
from tasks import images
from tasks.images import Images
from tasks.reservoir import Design, Timing, build, classify, reservoir, respond_all
from tasks.reservoir.evolved import Reservoir

Results = dict[str, Any]
PIXEL = 2.55
"""The reference shows a brightness of 1 as 2.55, so that its gain is 2.55 epsilon."""
PAPER: dict[str, Any] = {"coupling": 0.25, "gain": 0.25 * PIXEL, "rewiring": 0.2, "density": 0.2}
PAPERS_BEST: dict[str, Any] = {
    "coupling": 0.3,
    "gain": 0.3 * PIXEL,
    "rewiring": 0.5,
    "density": 0.5,
}


def data(config: Config, dataset: str, repetition: int) -> Images:
    """What a repetition is trained and tested on."""
    if dataset == "digits":
        return images.flat(images.unit(images.digits(repetition % 5)))
    assert config.folder is not None
    found = images.flat(images.unit(images.from_folder(config.folder)))
    rng = np.random.default_rng([config.seed, repetition])
    train = rng.permutation(len(found.train_x))[: config.fashion_train]
    test = rng.permutation(len(found.test_x))[: config.fashion_test]
    return Images(
        found.train_x[train], found.train_y[train], found.test_x[test], found.test_y[test]
    )


def repetitions(config: Config, dataset: str) -> int:
    """How many networks a data set is shown to."""
    return config.repetitions if dataset == "digits" else config.fashion_repetitions


def timing(config: Config, dataset: str) -> Timing:
    """How time passes for a data set."""
    if dataset == "digits":
        return Timing(config.dt, config.steps_per_row)
    return Timing(config.fashion_dt, config.fashion_steps)


def scores(config: Config, found: Images) -> dict[str, float]:
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
    found: Images, design: Design, how: Timing, key: Array, same_start: bool = False
) -> tuple[Images, dict[str, float]]:
    """Snapshots of a network that was drawn from a key, instead of the images; and its costs."""
    network_key, train_key, test_key = jax.random.split(key, 3)
    if same_start:
        test_key = train_key
    network = build(design, network_key)
    began = time.process_time()
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
        "milliseconds": 1000 * (time.process_time() - began) / (len(train) + len(test)),
    }
    return found._replace(train_x=train, test_x=test), costs


def over_repetitions(
    config: Config, repetitions: int, one: Callable[[int, Array], dict[str, float]]
) -> Results:
    """Summaries, with ``values``, of the numbers that a function of repetition and key returns."""
    keys = chunks.repetition_keys(config.seed, repetitions)
    rows = [one(number, key) for number, key in enumerate(keys)]
    return statistics.by_name(rows)


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
        seed=config.seed + repetition,
        timing=timing(config, "digits"),
    )


def evolve(config: Config, task: Reservoir, key: Array) -> np.ndarray:
    """Constants (6,) by the library's default search, then a second look at its best."""
    edge = jnp.ones(task.num_dims)
    search_key, look_key = jax.random.split(key)
    search = diffevo.Optimizer(
        bounds=(-edge, edge),
        population_size=config.population_size,
        algorithm="niching_diffusion_evolution",
        seed=search_key,
    )
    seen = []
    for _ in range(config.generations):
        genomes = search.ask()
        values = np.asarray(task(jnp.asarray(genomes)))
        search.tell(genomes, values)
        seen.append((np.asarray(genomes), values))
    return second_look(config, task, seen, look_key)


def random_search(config: Config, task: Reservoir, key: Array) -> np.ndarray:
    """Constants (6,) by random search with as many evaluations, and the same second look."""
    draw_key, look_key = jax.random.split(key)
    shape = (config.generations, config.population_size, task.num_dims)
    drawn = jax.random.uniform(draw_key, shape, minval=-1, maxval=1)
    seen = [(np.asarray(genomes), np.asarray(task(genomes))) for genomes in drawn]
    return second_look(config, task, seen, look_key)


def second_look(
    config: Config, task: Reservoir, seen: list[tuple[np.ndarray, np.ndarray]], key: Array
) -> np.ndarray:
    """The best of the best N, by the mean of further evaluations with other images and luck."""
    genomes, values = (np.concatenate(part) for part in zip(*seen, strict=True))
    best = jnp.asarray(genomes[np.argsort(values, kind="stable")[: config.population_size]])
    again = [task.evaluate(best, one)[0] for one in jax.random.split(key, config.looks)]
    return np.asarray(best[int(np.argmin(np.mean(again, axis=0)))])


def constants(config: Config, step: Callable[[str], None]) -> Results:
    """Evolved constants beside the paper's and those of random search, on images never seen.

    Returns:
        ``designs`` by way, one a repetition; ``judged`` by number of rings and way: summaries;
        ``gains`` by number of rings and way: of evolved ones over these, paired.
    """
    designs: dict[str, list[Design]] = {
        name: [] for name in ("paper", "paper's best", "random search", "evolved")
    }
    keys = chunks.repetition_keys(config.seed, config.searches)
    for number, key in enumerate(keys):
        step(f"constants: search {number + 1}")
        task = task_of(config, number)
        evolve_key, random_key = jax.random.split(key)
        for name, found in (
            ("evolved", evolve(config, task, evolve_key)),
            ("random search", random_search(config, task, random_key)),
        ):
            designs[name].append(task.design(jnp.asarray(found)))
        for name, values in (("paper", PAPER), ("paper's best", PAPERS_BEST)):
            designs[name].append(Design(config.evolved_rings, **values))
    judged: Results = {}
    gains: Results = {}
    for num_rings in config.judged_rings:
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
    return {"designs": designs, "judged": judged, "gains": gains}


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

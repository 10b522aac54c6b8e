"""The fair table: equal evaluations, own population sizes, one chosen controller, fresh episodes.

Shape letters: R repetitions, C checks, D parameters.
"""

import time
from typing import Any, NamedTuple

import numpy as np

from experiments.common import chunks, statistics
from experiments.rl_table import evolve
from experiments.rl_table.config import Config
from experiments.rl_table.evolve import Generation, Recent
from experiments.rl_table.games import Games
from experiments.rl_table.methods import FAIR

Results = dict[str, Any]
REFERENCE = "cma_es"


class Chosen(NamedTuple):
    """A controller and what it was chosen for, the best of a method's runs."""

    genome: np.ndarray
    score: float


def budget(config: Config) -> int:
    """Evaluations of a search: those of the paper's protocol."""
    return config.generations * config.population_size


def run_one(config: Config, name: str, method: str) -> tuple[Results, Chosen]:
    """All runs of a method in an environment.

    Returns:
        (results, the controller with the best score of all runs). Results: ``test``, the summary
        of each run's chosen controller's mean return on fresh episodes, ``tests``, those (R,);
        ``evaluations``, ``generations`` and ``returns``, the score of one controller of each run
        over time, a median with its interval at each of C checks; ``diversity``, how far the last
        window's controllers are from each other, root mean square over parameters, in genome units.
    """
    games = Games.of(name, config.hidden, config.scaling, config.max_steps)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    chosen_method = FAIR[method](config, games.task.num_dims)
    size, total = chosen_method.population_size, budget(config)
    recent = Recent(config.window)
    evaluations: list[int] = []
    generations: list[int] = []
    scores: list[np.ndarray] = []
    diversity: list[np.ndarray] = []

    def watch(number: int, generation: Generation) -> None:
        recent.add(generation)
        done = (number + 1) * size
        if done * config.checks // total > (done - size) * config.checks // total:
            one = recent.best(1)[:, 0]
            key = evolve.check_key(keys, number)
            scores.append(games.mean_returns(one, config.check_episodes, key))
            evaluations.append(done)
            generations.append(number + 1)
        if number + 1 == total // size:
            diversity.append(generation.genomes.std(axis=1).mean(axis=1))

    start = time.perf_counter()
    evolve.evolve(chosen_method, games, keys, total // size, watch)
    genomes, found = evolve.choose(recent, games, keys, config.candidates)
    tests = evolve.test(genomes, games, keys, config.test_episodes)
    best = int(np.argmax(found))
    return {
        "environment": name,
        "method": method,
        "population_size": size,
        "num_generations": total // size,
        "test": statistics.summarize(tests),
        "tests": tests,
        "evaluations": evaluations,
        "generations": generations,
        "returns": [statistics.summarize(one) for one in scores],
        "diversity": statistics.summarize(diversity[0]),
        "seconds": time.perf_counter() - start,
    }, Chosen(genomes[best], float(found[best]))


def compare(cells: list[Results]) -> None:
    """Add to each cell of one environment how it differs from `REFERENCE`: ``versus``."""
    (reference,) = (cell for cell in cells if cell["method"] == REFERENCE)
    for cell in cells:
        if cell is not reference:
            cell["versus"] = statistics.difference(cell["tests"], reference["tests"])

"""The paper's table: every individual of the last populations, as the authors report it.

Shape letters: R repetitions, G generations, N population.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from diffevo.core.processes import Gaussian
from experiments.common import chunks, statistics
from experiments.rl_table import methods
from experiments.rl_table.config import Config
from experiments.rl_table.evolve import Generation, Method, evolve
from experiments.rl_table.games import Games

Results = dict[str, Any]


def count(config: Config) -> int:
    """Cells of one environment."""
    return 7 + 3 * len(config.side_scalings)


def environment(config: Config, name: str, advance: Callable[[], None]) -> list[Results]:
    """All cells of one environment; see `_cell`."""
    small = Games.of(name, config.hidden, config.scaling, config.max_steps)
    large = Games.of(name, config.large_hidden, config.scaling, config.max_steps)
    size = small.task.num_dims
    paper: dict[str, tuple[Games, Method]] = {
        "raw": (small, methods.paper(config, size, latent=False, temperature=config.temperature)),
        "latent": (small, methods.paper(config, size, latent=True, temperature=config.temperature)),
        "large": (
            large,
            methods.paper(config, large.task.num_dims, latent=True, temperature=config.temperature),
        ),
        "cma_es": (small, methods.paper_cma_es(config, size)),
    }
    soft = config.soft_temperature
    variants: dict[str, tuple[Games, Method]] = {
        "raw, no floor": (
            small,
            methods.paper(
                config, size, latent=False, temperature=config.temperature, process=Gaussian()
            ),
        ),
        "raw, T 10": (small, methods.paper(config, size, latent=False, temperature=soft)),
        "raw, no floor, T 10": (
            small,
            methods.paper(config, size, latent=False, temperature=soft, process=Gaussian()),
        ),
    }
    cells = []
    for scaling in (config.scaling, *config.side_scalings):
        claimed = scaling == config.scaling
        for method, (games, search) in {**paper, **variants}.items():
            if not claimed and (method == "large" or method in variants):
                continue
            repetitions = config.large_repetitions if method == "large" else config.repetitions
            found = _cell(config, replace(games, scaling=scaling), search, repetitions)
            cells.append({"environment": name, "method": method, "scaling": scaling, **found})
            advance()
    return cells


def _cell(config: Config, games: Games, search: Method, repetitions: int) -> Results:
    """One cell.

    Returns:
        Of all individuals of the last populations ``mean`` and ``sd`` of the return and
        ``success``, the share of successes (None without a goal); ``runs``, the summary over the
        runs of the population's mean; ``best``, the mean of the runs' best individuals; ``curve``,
        the mean of each generation.
    """
    keys = chunks.repetition_keys(config.seed, repetitions)
    means: list[np.ndarray] = []
    last: list[Generation] = []

    def watch(number: int, generation: Generation) -> None:
        means.append(generation.returns.mean(axis=1))
        if number + 1 == config.generations:
            last.append(generation)

    evolve(search, games, keys, config.generations, watch)
    (end,) = last
    returns, success = end.returns, end.success
    return {
        "num_dims": games.task.num_dims,
        "mean": returns.mean(),
        "sd": returns.std(),
        "success": success.mean() if games.has_goal else None,
        "runs": statistics.summarize(means[-1]),
        "best": returns.max(axis=1).mean(),
        "curve": np.stack(means).mean(axis=1),
    }

"""MAP-Elites, CMA-ME and CMA-MAE from pyribs, with its settings for this domain.

Shape letters: N solutions an iteration, D dimensions, C cells.

References: Mouret and Clune, arXiv 1504.04909 (MAP-Elites); Vassiliades and Mouret, arXiv
1804.03906 (line); Fontaine et al., arXiv 1912.02400 (CMA-ME); Fontaine and Nikolaidis, arXiv
2205.10752 (CMA-MAE, and these settings).
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tasks.functions.linear_projection import LinearProjection

SIGMA = 0.5
LINE_SIGMA = 0.2
EMITTERS = 15


def _ribs() -> tuple[Any, Any, Any]:
    """The modules archives, emitters and schedulers, or an ImportError with the command."""
    try:
        from ribs import archives, emitters, schedulers
    except ImportError as error:
        raise ImportError(
            'MAP-Elites and CMA-ME need ribs: pip install "diffevo-jax[experiments]"'
        ) from error
    return archives, emitters, schedulers


@functools.cache
def _evaluation(task: LinearProjection) -> Any:
    """Scores and measures of points, float32, compiled once a batch size."""
    return jax.jit(lambda points: (100.0 - task.fitness(points), task.measures(points)))


def _emitters(name: str, archive: Any, size: int, seed: int) -> list[Any]:
    _, emitters, _ = _ribs()
    start = np.zeros(archive.solution_dim)
    if name == "map_elites":
        return [
            emitters.GaussianEmitter(archive, sigma=SIGMA, x0=start, batch_size=size, seed=seed)
        ]
    if name == "map_elites_line":
        return [
            emitters.IsoLineEmitter(
                archive,
                iso_sigma=SIGMA,
                line_sigma=LINE_SIGMA,
                x0=start,
                batch_size=size,
                seed=seed,
            )
        ]
    if name not in ("cma_me", "cma_mae"):
        raise ValueError(
            f"name: expected 'map_elites', 'map_elites_line', 'cma_me' or 'cma_mae', got {name!r}"
        )
    rules = (
        {"ranker": "2imp", "selection_rule": "filter", "restart_rule": "no_improvement"}
        if name == "cma_me"
        else {"ranker": "imp", "selection_rule": "mu", "restart_rule": "basic"}
    )
    if size % EMITTERS:
        raise ValueError(f"size: expected a multiple of {EMITTERS}, got {size}")
    return [
        emitters.EvolutionStrategyEmitter(
            archive,
            x0=start,
            sigma0=SIGMA,
            batch_size=size // EMITTERS,
            seed=seed + index,
            **rules,
        )
        for index in range(EMITTERS)
    ]


def run(
    name: str,
    task: LinearProjection,
    seed: int,
    *,
    side: int,
    size: int,
    num_iterations: int,
    every: int,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """One run.

    Args:
        name: "map_elites", "map_elites_line", "cma_me" or "cma_mae".
        task: the domain.
        seed: >= 0.
        side: the archive has side x side cells.
        size: N.
        num_iterations: of N evaluations each, one more than a multiple of `every`.
        every: iterations between two looks; the first is not counted, as with ours.

    Returns:
        ``qd_score``, ``coverage`` and ``best`` at every look, each (looks,), and the scores of the
        cells (C,), -inf where empty.

    Raises:
        ImportError: without ribs, with the command that installs it.
        ValueError: an unknown name, or a size that the emitters do not divide.
    """
    archives, _, schedulers = _ribs()
    limit = task.measure_limit
    grid: dict[str, Any] = {
        "solution_dim": task.num_dims,
        "dims": (side, side),
        "ranges": [(-limit, limit)] * 2,
        "seed": seed,
    }
    result = None
    if name == "cma_mae":
        result = archives.GridArchive(**grid)
        grid |= {"learning_rate": 0.01, "threshold_min": 0.0}
    archive = archives.GridArchive(**grid)
    scheduler = schedulers.Scheduler(
        archive, _emitters(name, archive, size, seed), result_archive=result
    )
    kept = archive if result is None else result
    evaluate = _evaluation(task)
    looks: dict[str, list[float]] = {"qd_score": [], "coverage": [], "best": []}
    for iteration in range(num_iterations):
        points = scheduler.ask()
        scores, measures = evaluate(jnp.asarray(points, jnp.float32))
        scheduler.tell(np.asarray(scores, np.float64), np.asarray(measures, np.float64))
        if iteration and iteration % every == 0:
            stats = kept.stats
            looks["qd_score"].append(float(stats.norm_qd_score))
            looks["coverage"].append(float(stats.coverage))
            looks["best"].append(float(stats.obj_max))
    scores = np.full(side * side, -np.inf)
    elites = kept.data(["index", "objective"], return_type="dict")
    scores[elites["index"]] = elites["objective"]
    return {key: np.asarray(values) for key, values in looks.items()}, scores

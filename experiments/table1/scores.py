"""The two numbers of a cell, and what is shown beside them.

Shape letters: R repetitions, P points, D dimensions, K top points.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from diffevo.core import metrics
from experiments.table1.config import Config
from experiments.table1.functions import Group
from experiments.table1.methods import Points

VARIANTS = ("final", "x0")


def score(group: Group, choice: int, points: Points, config: Config) -> dict[str, np.ndarray]:
    """Scores of every repetition, each of shape (R,).

    * ``entropy``, ``fitness``: the top points by their own quality g: Shannon entropy in bits of
      grid cells, and mean g ("final").
    * ``entropy_x0``, ``fitness_x0``, for Diffusion Evolution: the authors' statistic for it. The
      points are ranked by the quality of their x0-hat of the last move; fitness is the mean of
      that, entropy is of the points themselves.
    * ``best``: the largest g. ``optima``: how many known global optima have a top point within
      ``optimum_radius``, where the function lists them.
    """
    optima = group.known_optima()
    listed = None if optima is None else jnp.asarray(optima[choice])
    origins = points.points if points.origins is None else points.origins
    found = _score(
        group,
        config.top,
        jnp.asarray(choice),
        jnp.asarray(points.points),
        jnp.asarray(origins),
        listed,
        config.cell_size,
        config.optimum_radius,
    )
    scores = {name: np.asarray(value) for name, value in found.items()}
    if points.origins is None:
        scores = {name: value for name, value in scores.items() if not name.endswith("_x0")}
    return scores


@functools.partial(jax.jit, static_argnames=("group", "top"))
def _score(
    group: Group,
    top: int,
    choice: Array,
    points: Array,
    origins: Array,
    optima: Array | None,
    cell_size: float,
    radius: float,
) -> dict[str, Array]:
    scaling = group.tasks[0].scaling

    def judge(points: Array) -> tuple[Array, Array]:
        """Distance to the target, which ranks finer than g near 1, and g."""
        genomes = points / scaling
        both = [lambda x, task=task: (task(x), task.quality(x)) for task in group.tasks]
        return jax.lax.switch(choice, both, genomes) if len(both) > 1 else both[0](genomes)

    def single(points: Array, origins: Array) -> dict[str, Array]:
        scores = {}
        for suffix, judged in (("", points), ("_x0", origins)):
            distance, quality = judge(judged)
            best = jnp.argsort(distance)[:top]
            scores["entropy" + suffix] = metrics.entropy(points[best], cell_size)
            scores["fitness" + suffix] = jnp.mean(quality[best])
            if not suffix:
                scores["best"] = jnp.max(quality)
                if optima is not None:
                    scores["optima"] = metrics.distinct_optima(points[best], optima, radius)
        return scores

    return jax.vmap(single)(points, origins)

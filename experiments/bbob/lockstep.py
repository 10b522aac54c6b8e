"""JAX searches on COCO's functions: all instances in step, evaluated on the host, in float64.

Float32 cannot tell f_opt + 1e-8 from f_opt, nor set a coordinate finely enough for 1e-8 on the
ill-conditioned functions.

Shape letters: R runs, N population, D dimensions.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.bbob import searches
from experiments.bbob.coco import Run
from experiments.bbob.config import Config
from experiments.bbob.searches import Search


class _Steps(NamedTuple):
    """The compiled parts of a search, each over a first axis R."""

    begin: Any
    after_first: Any
    onward: Any


@functools.lru_cache(maxsize=8)
def _compiled(config: Config, name: str, num_dims: int) -> tuple[Search, _Steps]:
    search = searches.build(config, name, num_dims, double=True)

    def points(genomes: Array, state: Any) -> tuple[Array, Array, Any]:
        return search.decode(genomes), genomes, state

    def begin(key: Array) -> Any:
        return points(*searches.begin(search, key))

    def after_first(key: Array, genomes: Array, fitness: Array, state: Any) -> Any:
        state = searches.first(search, key, genomes, fitness, state)
        return points(*searches.ask(search, key, jnp.asarray(1), state))

    def onward(key: Array, number: Array, genomes: Array, fitness: Array, state: Any) -> Any:
        state = searches.tell(search, key, number, genomes, fitness, state)
        return points(*searches.ask(search, key, number + 1, state))

    def onward_all(keys: Array, number: Array, *others: Any) -> Any:
        # One by one: under vmap both sides of a branch are computed.
        if name == "ours":
            return jax.lax.map(lambda one: onward(one[0], number, *one[1:]), (keys, *others))
        return jax.vmap(onward, in_axes=(0, None, 0, 0, 0))(keys, number, *others)

    return search, _Steps(
        jax.jit(jax.vmap(begin)), jax.jit(jax.vmap(after_first)), jax.jit(onward_all)
    )


def solve(
    config: Config, name: str, runs: list[Run], num_dims: int, seeds: list[tuple[int, ...]]
) -> None:
    """Run a search on every instance to its end; one that is over goes on unevaluated, at 0.

    Args:
        config: sizes of the searches.
        name: of the method.
        runs: R fresh ones; over at the end.
        num_dims: D.
        seeds: numbers that a run's key is folded from.
    """
    with searches.arithmetic(double=True):
        _, steps = _compiled(config, name, num_dims)
        keys = searches.run_keys(seeds)
        points, genomes, state = steps.begin(keys)
        number = 0
        while True:
            values = np.zeros(points.shape[:2])
            for index, (run, where) in enumerate(zip(runs, np.asarray(points), strict=True)):
                if not run.finished:
                    values[index] = run.batch(where)
            if all(run.finished for run in runs):
                return
            fitness = jnp.asarray(values)
            if number == 0:
                points, genomes, state = steps.after_first(keys, genomes, fitness, state)
            else:
                points, genomes, state = steps.onward(
                    keys, jnp.asarray(number), genomes, fitness, state
                )
            number += 1

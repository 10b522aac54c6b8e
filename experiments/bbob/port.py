"""The same searches on evosax's port of the functions: search and function in one scan.

Everything is compiled, float32, vmapped over the instances: for speed and for accelerators. What
float32 limits: the least value is 0 up to rounding (8e-4 on Katsuura in 2 dimensions), so the
targets below about 1e-3 say more about rounding than about the search, and the instances are not
COCO's. `tasks.functions.bbob` says where the port departs from the definition.

Shape letters: R runs, N population, D dimensions, G generations, K targets.
"""

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.bbob import searches
from experiments.bbob.coco import TARGETS
from experiments.bbob.config import Config
from experiments.bbob.searches import Search
from tasks.functions.bbob import BBOB, BBOB_FUNCTIONS, evaluate

if TYPE_CHECKING:
    from experiments.bbob.run import Job

MISSED = np.iinfo(np.int32).max


class Outcome(NamedTuple):
    """What is kept of one run; the same names as of `coco.Run`."""

    evaluations: int
    best: float
    hits: list[int]


class _Carry(NamedTuple):
    """Of one run: the search's state, the number of its next generation, what was reached."""

    state: Any
    number: Array
    best: Array
    hits: Array  # (K,), int32


def first_hits(values: Array, before: Array, hits: Array, best: Array) -> tuple[Array, Array]:
    """Bring first hits up to date with the values of a generation.

    Args:
        values: f - f_opt in the order of evaluation, shape (N,).
        before: evaluations before them.
        hits: shape (K,), evaluations at which the targets were first hit, `MISSED` where not yet.
        best: least value so far.

    Returns:
        (hits, best), both after these values.
    """
    lowest = jax.lax.associative_scan(jnp.minimum, values)
    reached = lowest[:, None] <= jnp.asarray(TARGETS, values.dtype)
    count = before + 1 + jnp.argmax(reached, axis=0).astype(jnp.int32)
    fresh = jnp.any(reached, axis=0) & (hits == MISSED)
    return jnp.where(fresh, count, hits), jnp.minimum(best, lowest[-1])


@functools.lru_cache(maxsize=8)
def _compiled(config: Config, name: str, function: str, num_dims: int) -> tuple[Search, Any, Any]:
    search = searches.build(config, name, num_dims, double=False)
    size = search.population_size

    def measure(genomes: Array, instance: Any) -> Array:
        return evaluate(function, instance, search.decode(genomes))

    def begin(key: Array, instance: Any) -> _Carry:
        genomes, state = searches.begin(search, key)
        values = measure(genomes, instance)
        hits, best = first_hits(
            values,
            jnp.int32(0),
            jnp.full(len(TARGETS), MISSED, jnp.int32),
            jnp.asarray(jnp.inf, values.dtype),
        )
        state = searches.first(search, key, genomes, values, state)
        return _Carry(state, jnp.int32(1), best, hits)

    def generation(key: Array, instance: Any, carry: _Carry) -> _Carry:
        genomes, state = searches.ask(search, key, carry.number, carry.state)
        values = measure(genomes, instance)
        hits, best = first_hits(values, carry.number * size, carry.hits, carry.best)
        state = searches.tell(search, key, carry.number, genomes, values, state)
        return _Carry(state, carry.number + 1, best, hits)

    def onward(key: Array, instance: Any, carry: _Carry, length: int) -> _Carry:
        return jax.lax.scan(
            lambda carry, _: (generation(key, instance, carry), None), carry, length=length
        )[0]

    def many(keys: Array, instances: Any, carry: _Carry, length: int) -> _Carry:
        return jax.vmap(functools.partial(onward, length=length))(keys, instances, carry)

    return search, jax.jit(jax.vmap(begin)), jax.jit(many, static_argnames="length")


def solve(config: Config, job: "Job") -> list[Outcome]:
    """Run a search on the port's instances; stops between two scans once all runs are over.

    ``best`` is over all evaluations made, the last chunk's beyond the budget included; the hits
    are not.
    """
    from experiments.bbob.run import instances

    budget = config.budget * job.num_dims
    numbers = instances(config, job.method, job.num_dims)
    function = BBOB_FUNCTIONS[job.function - 1]
    tasks = [BBOB(function, job.num_dims, number) for number in numbers]
    with searches.arithmetic(double=False):
        search, begin, onward = _compiled(config, job.method, function, job.num_dims)
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *(one.instance for one in tasks))
        keys = searches.run_keys(
            [(config.seed, job.function, job.num_dims, number) for number in numbers]
        )
        carry = begin(keys, stacked)
        left = math.ceil(budget / search.population_size) - 1
        while left > 0 and np.any(np.asarray(carry.hits)[:, -1] == MISSED):
            length = min(left, config.port_chunk)
            carry = onward(keys, stacked, carry, length=length)
            left -= length
    outcomes = []
    for hits, best in zip(np.asarray(carry.hits), np.asarray(carry.best), strict=True):
        reached = hits[hits <= budget]
        over = len(reached) == len(TARGETS)
        evaluations = int(reached[-1]) if over else budget
        outcomes.append(Outcome(evaluations, float(best), reached.tolist()))
    return outcomes

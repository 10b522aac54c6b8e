"""Populations of the paper's four simulations, and what is expected of each in closed form.

All goals conflict fully (C = 1), unless said otherwise all weights are 1, and goals are drawn
independently, in each problem area anew. Two agents with goals of shares p conflict with
probability 1 - sum p_a^2, whatever n >= 2 is: the expectation is a constant, and n and the number
of areas only decide how much single populations scatter around it.

Shape letters: n agents, P problem areas, k goals, R populations.

Reference: arXiv 2406.04231 and its authors' repository, RIET-lab/quantifying-misalignment. What is
not said there, and is ours: all agents of simulation (iii) have the same weight.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from tasks.alignment.measure import full_conflict, misalignment_of


@functools.partial(jax.jit, static_argnames=("most_agents", "num_areas"))
def populations(
    keys: Array,
    shares: ArrayLike,
    weight: ArrayLike,
    num_agents: ArrayLike,
    most_agents: int,
    num_areas: int,
) -> Array:
    """Misalignment of random populations; one program for all numbers of agents.

    Args:
        keys: one a population, shape (R,).
        shares: probabilities of the goals 1 to k, shape (k,); some may be 0.
        weight: of all agents in all areas.
        num_agents: n in [1, most_agents].
        most_agents: agents beyond the first n are there without a goal, and not counted.
        num_areas: P >= 1.

    Returns:
        M of each area, shape (R, P): the mean over the first p is that of a population with p.
    """
    shares = jnp.asarray(shares)
    conflict = jnp.asarray(full_conflict(shares.shape[0]), shares.dtype)[None]
    weights = jnp.full((1, most_agents), weight, shares.dtype)
    counted = jnp.arange(most_agents) < num_agents
    pairs = num_agents * (num_agents - jnp.ones((), shares.dtype))
    factor = most_agents * (most_agents - 1) / jnp.maximum(pairs, 1)

    def one(key: Array) -> Array:
        logits = jnp.log(shares)
        goals = 1 + jax.random.categorical(key, logits, shape=(num_areas, most_agents))
        goals = jnp.where(counted, goals, 0)
        return jax.vmap(lambda row: misalignment_of(row[None], weights, conflict))(goals)

    return factor * jax.vmap(one)(keys)


def primary_shares(primary: float, num_goals: int, rest: str = "uniform") -> np.ndarray:
    """Shares of goals of which one is primary: simulation (iv).

    Args:
        primary: share of the first goal, in [0, 1].
        num_goals: k >= 2.
        rest: "uniform" divides what remains evenly; "halving" gives each next goal half of what
            then remains, and the last one all of it.

    Returns:
        Shape (k,), sum 1.

    Raises:
        ValueError: for an argument out of its range.
    """
    if not 0 <= primary <= 1:
        raise ValueError(f"primary: expected a share in [0, 1], got {primary}")
    if num_goals < 2:
        raise ValueError(f"num_goals: expected at least 2, got {num_goals}")
    if rest not in ("uniform", "halving"):
        raise ValueError(f"rest: expected 'uniform' or 'halving', got {rest!r}")
    others = np.full(num_goals - 1, 1 / (num_goals - 1))
    if rest == "halving":
        others = 0.5 ** np.arange(1.0, num_goals)
        others[-1] = 1 - others[:-1].sum()
    return np.concatenate([[primary], (1 - primary) * others])


def expected(shares: ArrayLike, weight: float = 1.0) -> float:
    """The expectation of `populations` for n >= 2: weight (1 - sum of squared shares)."""
    return float(weight * (1 - np.sum(np.asarray(shares) ** 2)))

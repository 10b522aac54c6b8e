r"""Policies for machines that live among people: the misalignment of all, and of those worst off.

In every problem area the machines are given goals, one weight, and one *compromise action*, a blend
of the area's goals that some or all of them may pursue instead of a goal:

* shares q (k + 1): of the machines that hold the goals 1 to k, and of those that compromise;
* blend x (k): the shares of the goals in the compromise, sum 1;
* weight v: how strongly machines insist. It is at least ``floor`` in every area and the same in the
  mean over the areas for all policies: v = floor + (1 - floor) y with y >= 0 of sum 1. So a policy
  may choose where to insist; it cannot become aligned by giving up.

A compromise conflicts with goal a by (sum_b x_b C[a, b]^(1/e))^e, e the ``exponent``: with 2,
conflict is the square of a distance, and a blend is as far from a goal as its parts are on average,
so that it offends less than its parts do on average; with 1 exactly as much. The pure blends are
the goals themselves. This rule, the floor and the case studies are assumptions of ours.

For n -> infinity agents whose goals and weights have these shares, with s_a the sum of sqrt(w) over
the agents with goal a, divided by n, the misalignment of an area (`tasks.alignment.measure`,
geometric mean) is s^T C s, and the strain of a group the same with the group's own sum on one side,
divided by its share of all agents. Both are averaged over the areas.

Shape letters: N policies, G groups, P problem areas, k goals, D = P (2 k + 2) genome dimensions.

Reference: the measure is of arXiv 2406.04231; policies and the task are ours.
"""

import itertools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from tasks.alignment.cases import CASES, MODERATION, Case
from tasks.base import check_points


class Policy(NamedTuple):
    """What the machines do; leaves may have leading axes."""

    shares: Array  # (..., P, k + 1), sums 1; the last is of the compromise
    blend: Array  # (..., P, k), sums 1
    weights: Array  # (..., P), in [floor, 1]


class Outcome(NamedTuple):
    """What comes of policies; leaves may have leading axes."""

    population: Array  # (...), the misalignment of all agents
    groups: Array  # (..., G), the strain of each group of people

    @property
    def worst_off(self) -> Array:
        """The largest strain of a group, (...)."""
        return jnp.max(self.groups, axis=-1)

    @property
    def favours(self) -> Array:
        """How much better off each group is than the average one, (..., G)."""
        return jnp.mean(self.groups, axis=-1, keepdims=True) - self.groups

    def fitness(self, care: float | Array) -> Array:
        """(1 - care) population + care worst_off, (...)."""
        return (1 - care) * self.population + care * self.worst_off


@dataclass(frozen=True)
class Compromise:
    """Find policies that lower misalignment. Fitness = (1 - c) population + c worst group's strain.

    The traits are ``population``, ``worst_off`` (the largest strain of a group), and of each group
    ``favours_NAME``: the mean strain of the groups minus its own, positive where the group is
    better off than the average one.

    Genomes times the scaling are logits: of the shares, the blends and y, area by area.

    Args:
        case: who the people are.
        care: c in [0, 1], for the worst-off group.
        exponent: e >= 1, of the conflict with a blend.
        floor: least weight in an area, in [0, 1).
        seed: of nothing; the task is deterministic.
        scaling: logits = scaling * genome.

    Raises:
        ValueError: for numbers out of these ranges.
    """

    case: Case = MODERATION
    care: float = 0.5
    exponent: float = 2.0
    floor: float = 0.25
    seed: int = 0
    scaling: float = 2.0
    low: float = -6.0
    high: float = 6.0
    optima: None = None
    optimum_fitness: None = None

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 0 <= self.care <= 1:
            raise ValueError(f"care: expected a number in [0, 1], got {self.care}")
        if not self.exponent >= 1:
            raise ValueError(f"exponent: expected a number >= 1, got {self.exponent}")
        if not 0 <= self.floor < 1:
            raise ValueError(f"floor: expected a number in [0, 1), got {self.floor}")

    @property
    def name(self) -> str:
        """``compromise_CASE``."""
        return f"compromise_{self.case.name}"

    @property
    def num_dims(self) -> int:
        """D."""
        return len(self.case.areas) * (2 * self.case.num_goals + 2)

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,): everything evenly."""
        return jnp.zeros(self.num_dims)

    def decode(self, genomes: Array) -> Policy:
        """The policies of genomes (N, D)."""
        check_points("genomes", genomes, self.num_dims)
        k = self.case.num_goals
        logits = (self.scaling * genomes).reshape(-1, len(self.case.areas), 2 * k + 2)
        emphasis = jax.nn.softmax(logits[..., -1], axis=-1)
        return Policy(
            shares=jax.nn.softmax(logits[..., : k + 1], axis=-1),
            blend=jax.nn.softmax(logits[..., k + 1 : -1], axis=-1),
            weights=self.floor + (1 - self.floor) * emphasis,
        )

    def outcome(self, policy: Policy) -> Outcome:
        """What comes of policies with a leading axis N."""
        case, dtype = self.case, policy.shares.dtype
        held = np.asarray(case.held) * np.sqrt(np.asarray(case.weights))[..., None]
        held *= (1 - case.machines) * np.asarray(case.sizes)[:, None, None]
        people = jnp.asarray(held, dtype)  # (G, P, k), of each group
        goals = jnp.asarray(case.conflict[:, 1:, 1:], dtype)
        roots = jnp.asarray(case.conflict[:, 1:, 1:] ** (1 / self.exponent), dtype)
        offence = jnp.einsum("pab,npb->npa", roots, policy.blend) ** self.exponent

        machines = case.machines * policy.shares * jnp.sqrt(policy.weights)[..., None]
        pure, blended = machines[..., :-1], machines[..., -1:]
        everybody = jnp.sum(people, axis=0)[None] + pure
        # What holders of goal a face, (N, P, k), and what those who compromise face, (N, P).
        faced = jnp.einsum("pab,npb->npa", goals, everybody) + offence * blended
        facing = jnp.sum(offence * everybody, axis=-1)
        total = jnp.sum(everybody * faced, axis=-1) + blended[..., 0] * facing
        num_areas = len(case.areas)
        groups = jnp.einsum("gpa,npa->ng", people, faced) / num_areas
        own = jnp.asarray((1 - case.machines) * np.asarray(case.sizes), dtype)
        return Outcome(jnp.mean(total, axis=-1), groups / own[None])

    def fitness(self, outcome: Outcome) -> Array:
        """Fitness (N,) of outcomes."""
        return outcome.fitness(self.care)

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,) and traits, each (N,), of genomes (N, D); needs no key."""
        del key
        outcome = self.outcome(self.decode(genomes))
        traits = {"population": outcome.population, "worst_off": outcome.worst_off}
        traits |= {
            f"favours_{name}": outcome.favours[:, index]
            for index, name in enumerate(self.case.groups)
        }
        return self.fitness(outcome), traits

    def __call__(self, genomes: Array) -> Array:
        """Fitness: (N, D) -> (N,), lower is better."""
        return self.fitness(self.outcome(self.decode(genomes)))

    def pure_policies(self, weights: np.ndarray | None = None) -> Policy:
        """All policies in which all machines of an area hold one goal.

        Args:
            weights: of the areas, shape (W, P), in [floor, 1]; None is one row, the same in all.

        Returns:
            N = k^P W policies: of each choice of goals with each row of weights in turn.
        """
        case, k = self.case, self.case.num_goals
        num_areas = len(case.areas)
        if weights is None:
            weights = np.full((1, num_areas), self.floor + (1 - self.floor) / num_areas)
        choices = np.array(list(itertools.product(range(k), repeat=num_areas)))
        choices = np.repeat(choices, len(weights), axis=0)
        chosen = np.eye(k + 1)[choices]
        rows = np.tile(weights, (len(choices) // len(weights), 1))
        return Policy(*map(jnp.asarray, (chosen, chosen[..., :k], rows)))


def compromise(case: str = "moderation", care: float = 0.5, **options: Any) -> Compromise:
    """A task of one of the case studies.

    Args:
        case: key of `CASES`.
        care: for the worst-off group, in [0, 1].
        options: further fields of `Compromise`.

    Raises:
        ValueError: for an unknown case, and what `Compromise` refuses.
    """
    if case not in CASES:
        raise ValueError(f"case: expected one of {', '.join(CASES)}; got {case!r}")
    return Compromise(CASES[case], care, **options)

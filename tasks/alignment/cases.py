"""Two case studies: who holds which goals, how strongly, and how much the goals conflict.

The subjects are the paper's (arXiv 2406.04231: social-media moderation and an autonomous vehicle).
**Every number here is an assumption of ours**, made to be plausible and to have no goal that suits
all; none comes from the paper or from a survey. What can be concluded from them is how the measure
and the search behave, not what a platform or a vehicle should do.

Shape letters: G groups, P problem areas, k goals.
"""

from dataclasses import dataclass

import numpy as np

from tasks.alignment.measure import check_conflict

Shares = tuple[float, ...]


@dataclass(frozen=True)
class Case:
    """A mixed population of people and machines.

    Args:
        name: one word.
        areas: names of the P problem areas.
        goals: names of the k goals of each area, without "no goal".
        conflicts: of each area, between its goals 1 to k: the numbers above the diagonal, row by
            row, k (k - 1) / 2 of them in [0, 1].
        groups: names of the G groups of people.
        sizes: shares of the groups among the people, sum 1.
        held: for each group and area the shares of its members who hold the goals 1 to k; the rest
            holds none.
        weights: of each group in each area, in [0, 1].
        machines: share of the machines among all agents, in (0, 1).

    Raises:
        ValueError: a length or a number does not fit; the message names it.
    """

    name: str
    areas: tuple[str, ...]
    goals: tuple[tuple[str, ...], ...]
    conflicts: tuple[Shares, ...]
    groups: tuple[str, ...]
    sizes: Shares
    held: tuple[tuple[Shares, ...], ...]
    weights: tuple[Shares, ...]
    machines: float = 0.5

    def __post_init__(self) -> None:
        """Check every table."""
        num_areas, num_groups, num_goals = len(self.areas), len(self.groups), self.num_goals
        for name, shape in (
            ("goals", (num_areas, num_goals)),
            ("conflicts", (num_areas, num_goals * (num_goals - 1) // 2)),
            ("sizes", (num_groups,)),
            ("held", (num_groups, num_areas, num_goals)),
            ("weights", (num_groups, num_areas)),
        ):
            _check_table(name, getattr(self, name), shape)
        for name in ("conflicts", "sizes", "held", "weights"):
            numbers = np.asarray(getattr(self, name))
            if not np.all((numbers >= 0) & (numbers <= 1)):
                raise ValueError(
                    f"{name}: expected numbers in [0, 1], got {numbers.min()} to {numbers.max()}"
                )
        if abs(sum(self.sizes) - 1) > 1e-6 or min(self.sizes) <= 0:
            raise ValueError(f"sizes: expected positive shares with sum 1, got {self.sizes}")
        most = float(np.max(np.sum(self.held, axis=2)))
        if most > 1 + 1e-6:
            raise ValueError(f"held: expected shares with a sum of at most 1, got {most}")
        if not 0 < self.machines < 1:
            raise ValueError(f"machines: expected a share in (0, 1), got {self.machines}")
        check_conflict(self.conflict)

    @property
    def num_goals(self) -> int:
        """How many goals an area has beside "no goal", k."""
        return len(self.goals[0]) if self.goals else 0

    @property
    def conflict(self) -> np.ndarray:
        """Conflict matrices with "no goal" first, shape (P, k + 1, k + 1)."""
        size = self.num_goals + 1
        matrices = np.zeros((len(self.areas), size, size))
        rows, columns = np.triu_indices(self.num_goals, 1)
        matrices[:, rows + 1, columns + 1] = self.conflicts
        return matrices + np.swapaxes(matrices, 1, 2)


def _check_table(name: str, table: object, shape: tuple[int, ...]) -> None:
    try:
        found = np.asarray(table).shape
    except ValueError:  # rows of different lengths
        found = "rows of different lengths"
    if found != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {found}")


MODERATION = Case(
    name="moderation",
    areas=("misleading posts", "harassment", "ranking of the feed"),
    goals=(
        ("remove", "label", "show less", "leave"),
        ("ban", "hide", "warn", "leave"),
        ("engagement", "newest of friends", "quality", "own choice"),
    ),
    conflicts=(
        (0.4, 0.4, 1.0, 0.2, 0.4, 0.6),
        (0.3, 0.5, 1.0, 0.2, 0.7, 0.4),
        (0.7, 0.8, 0.6, 0.4, 0.3, 0.4),
    ),
    groups=("users", "targets", "creators", "operator"),
    sizes=(0.6, 0.15, 0.15, 0.1),
    held=(
        ((0.2, 0.35, 0.15, 0.1), (0.2, 0.3, 0.2, 0.1), (0.2, 0.3, 0.1, 0.3)),
        ((0.5, 0.2, 0.2, 0.05), (0.7, 0.2, 0.05, 0.0), (0.0, 0.3, 0.3, 0.3)),
        ((0.05, 0.25, 0.1, 0.55), (0.1, 0.2, 0.3, 0.3), (0.45, 0.1, 0.25, 0.15)),
        ((0.1, 0.3, 0.4, 0.2), (0.2, 0.4, 0.3, 0.1), (0.8, 0.0, 0.1, 0.1)),
    ),
    weights=((0.5, 0.5, 0.6), (0.8, 1.0, 0.5), (0.8, 0.5, 0.9), (0.6, 0.6, 0.9)),
)

VEHICLE = Case(
    name="vehicle",
    areas=("speed", "right of way", "whom to spare"),
    goals=(
        ("fast", "with the traffic", "the limit", "slow near people"),
        ("claim it", "by the letter", "yield in doubt", "always wait"),
        ("passengers", "people outside", "fewest harmed", "stay in lane"),
    ),
    conflicts=(
        (0.3, 0.6, 1.0, 0.3, 0.7, 0.4),
        (0.4, 0.7, 1.0, 0.2, 0.6, 0.3),
        (1.0, 0.6, 0.5, 0.4, 0.6, 0.5),
    ),
    groups=("passengers", "walkers", "drivers", "makers"),
    sizes=(0.25, 0.3, 0.35, 0.1),
    held=(
        ((0.4, 0.35, 0.2, 0.0), (0.3, 0.4, 0.2, 0.05), (0.6, 0.05, 0.25, 0.1)),
        ((0.0, 0.05, 0.35, 0.55), (0.0, 0.15, 0.3, 0.5), (0.0, 0.6, 0.3, 0.05)),
        ((0.3, 0.5, 0.15, 0.0), (0.3, 0.45, 0.2, 0.0), (0.1, 0.15, 0.4, 0.2)),
        ((0.05, 0.3, 0.55, 0.1), (0.0, 0.8, 0.2, 0.0), (0.3, 0.05, 0.3, 0.35)),
    ),
    weights=((0.6, 0.4, 0.9), (0.9, 0.9, 0.9), (0.7, 0.6, 0.5), (0.6, 0.7, 0.8)),
)

CASES = {case.name: case for case in (MODERATION, VEHICLE)}

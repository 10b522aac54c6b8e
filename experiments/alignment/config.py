"""How misaligned are populations, and do evolved compromises beat every pure goal?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: independent searches of everything.
        seed: repetition r uses fold_in(key(seed), r).
        limit_agents: n of the limit.
        limit_goals: numbers k of equally held goals there.
        populations: R, random populations of each point of the simulations.
        most_agents: n of simulations (ii) to (iv), and the largest of (i).
        num_sizes: of populations, evenly spaced on a log scale from 1, in (i).
        num_weights: from 0 to 1, in (iii).
        num_proportions: of the primary goal, from 0 to 1, in (iv).
        cases: key of `tasks.alignment.CASES` and exponent of each landscape that is searched.
        cares: for the worst-off group, each.
        population_size: N of the search.
        num_generations: of the search.
        weight_steps: pure goals are tried with all weights on a grid of so many steps a side.
        polish_starts: of the gradient descents that the search is compared with.
        polish_steps: of Adam each.
        polish_rate: its rate at the start.
        charles_population: N of CHARLES-D.
        charles_generations: evaluated populations of it; each favours the next group.
        buffer_size: its memory, in populations.
        num_epochs: of its fits.
        batch_size: of its fits.
        final_epochs: of a last fit, before it is asked.
        hidden: widths of its network.
        asked: quantile of what is remembered that is asked of the favoured group.
        scale: of the guidance when samples are drawn.
        num_samples: S, of the finished model for each group.
    """

    repetitions: int = 5
    seed: int = 20261128
    limit_agents: int = 100_000
    limit_goals: tuple[int, ...] = (2, 3, 4, 5)
    populations: int = 100
    most_agents: int = 100
    num_sizes: int = 20
    num_weights: int = 50
    num_proportions: int = 21
    cases: tuple[tuple[str, float], ...] = (
        ("moderation", 2.0),
        ("vehicle", 2.0),
        ("moderation", 1.0),
        ("vehicle", 1.0),
    )
    cares: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    population_size: int = 32
    num_generations: int = 300
    weight_steps: int = 8
    polish_starts: int = 8
    polish_steps: int = 1500
    polish_rate: float = 0.1
    charles_population: int = 128
    charles_generations: int = 33
    buffer_size: int = 8
    num_epochs: int = 30
    batch_size: int = 256
    final_epochs: int = 100
    hidden: tuple[int, ...] = (64, 64)
    asked: float = 0.98
    scale: float = 1.0
    num_samples: int = 500


SMOKE = Config(
    repetitions=2,
    limit_agents=1000,
    limit_goals=(2,),
    populations=4,
    most_agents=10,
    num_sizes=3,
    num_weights=3,
    num_proportions=3,
    cases=(("moderation", 2.0), ("vehicle", 2.0)),
    cares=(0.0, 1.0),
    population_size=8,
    num_generations=3,
    weight_steps=1,
    polish_starts=1,
    polish_steps=2,
    charles_population=16,
    charles_generations=3,
    buffer_size=1,
    num_epochs=1,
    batch_size=16,
    final_epochs=1,
    hidden=(4,),
    num_samples=8,
)

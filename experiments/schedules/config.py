"""Noise schedules on Rastrigin: which is best at how many steps, and does thinning a long one do?

The authors' study of the alpha schedule (figure alpha.png of their repository): Rastrigin in two
dimensions, 512 individuals, 10 to 1000 steps, mean quality of the final population's top 64.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    "Steps" are the authors': evaluated populations, so ``steps`` means steps - 1 moves.

    Attributes:
        repetitions: independent runs of every cell up to ``long_steps``.
        repetitions_long: of those beyond.
        long_steps: see there.
        seed: repetition r uses fold_in(key(seed), r).
        steps: lengths of the schedules.
        schedules: names of `diffevo.schedules.SCHEDULES`.
        maps: "paper" (the authors' map) and "default" (the library's).
        noise_scale: fresh noise of a move with the paper's map; the library's default has its own.
        default_steps: lengths at which the library's default is run.
        thinned_from: steps of the schedule that is thinned.
        thinned_steps: what it is thinned to.
        ordering_steps: lengths at which the schedules are ranked.
        population_size: N.
        top: how many of the best points are scored.
        cell_size: of the entropy's grid, in evaluation space.
        chunk_size: repetitions at a time.
    """

    repetitions: int = 100
    repetitions_long: int = 30
    long_steps: int = 100
    seed: int = 20261122
    steps: tuple[int, ...] = (10, 25, 50, 100, 250, 500, 1000)
    schedules: tuple[str, ...] = ("cosine", "linear", "ddpm", "geometric")
    maps: tuple[str, ...] = ("paper", "default")
    noise_scale: float = 0.1
    default_steps: tuple[int, ...] = (10, 25, 50, 100)
    thinned_from: int = 1000
    thinned_steps: tuple[int, ...] = (10, 25, 50, 100)
    ordering_steps: tuple[int, ...] = (10, 25, 100)
    population_size: int = 512
    top: int = 64
    cell_size: float = 0.1
    chunk_size: int = 10


SMOKE = Config(
    repetitions=2,
    repetitions_long=2,
    steps=(6,),
    default_steps=(6,),
    thinned_from=21,
    thinned_steps=(6,),
    ordering_steps=(6,),
    population_size=64,
    top=16,
    chunk_size=2,
)

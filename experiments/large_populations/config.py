"""Beyond exactness: x0 from anchors or from a grid, its error, and a million members."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        population_size: N of the error measurements.
        dims: D of the anchors' error measurements.
        grid_dims: D of the grid's.
        anchors: M, rising.
        levels: alphas at which the error is measured.
        num_optima: centres of the populations, which are as wide as their noise.
        repetitions: populations and anchor draws a case.
        seed: repetition r uses fold_in(key(seed), r).
        million: N of the timed generations.
        million_anchors: M there.
        million_dims: D of the timed generations by anchors; by grid where D <= 2.
        timed: timed generations a case.
    """

    population_size: int = 16384
    dims: tuple[int, ...] = (2, 32)
    grid_dims: tuple[int, ...] = (1, 2, 3)
    anchors: tuple[int, ...] = (64, 256, 1024, 4096, 16384)
    levels: tuple[float, ...] = (0.01, 0.1, 0.5, 0.9, 0.99)
    num_optima: int = 8
    repetitions: int = 10
    seed: int = 0
    million: int = 1_000_000
    million_anchors: int = 1024
    million_dims: tuple[int, ...] = (2, 32)
    timed: int = 3


SMOKE = Config(
    population_size=128,
    dims=(2,),
    grid_dims=(1,),
    anchors=(16, 128),
    levels=(0.5,),
    repetitions=2,
    million=256,
    million_anchors=32,
    million_dims=(1,),
    timed=2,
)

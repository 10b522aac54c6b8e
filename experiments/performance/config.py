"""How fast is one generation of Diffusion Evolution, beside evosax's and this machine's ceiling?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One population size and number of dimensions.

    Attributes:
        population_size: N.
        num_dims: D.
        num_generations: T moves of one timed call; the schedule has as many, so that every noise
            level from first to last plays its part.
        repetitions: timed calls of either side, in turn.
    """

    population_size: int
    num_dims: int
    num_generations: int
    repetitions: int


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the benchmark.

    Attributes:
        cells: what is timed.
        memory_cells: (N, D) whose temporaries are read off the compiled program.
        memory_limit_bytes: what they must stay below.
        repetitions: at most this many of a cell's.
        seed: of the populations.
        ceiling_edge: edge of the square matrix product that measures the ceiling.
    """

    cells: tuple[Cell, ...] = (
        Cell(512, 2, 100, 15),
        Cell(512, 58, 100, 11),
        Cell(512, 17410, 4, 2),
        Cell(4096, 2, 10, 7),
        Cell(4096, 256, 10, 3),
        Cell(16384, 32, 4, 3),
        Cell(65536, 2, 2, 2),
    )
    memory_cells: tuple[tuple[int, int], ...] = ((65536, 2), (16384, 256), (512, 17410))
    memory_limit_bytes: int = 2**30
    repetitions: int = 15
    seed: int = 0
    ceiling_edge: int = 2048


SMOKE = Config(
    cells=(Cell(32, 2, 2, 2), Cell(48, 5, 2, 2)),
    memory_cells=((64, 2),),
    repetitions=2,
    ceiling_edge=64,
)

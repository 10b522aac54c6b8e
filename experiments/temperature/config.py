"""Temperature: fitness, entropy and QD score of the final population as selection softens.

The authors' temperature study (figure temperature_combined.png of their repository) with the
paper's map, and the same sweep with the library's scale-free default.
"""

from dataclasses import dataclass

FUNCTIONS = (
    "rosenbrock",
    "beale",
    "himmelblau",
    "ackley",
    "rastrigin",
    # What the authors call rastrigin_4d: their scripts evolve two dimensions.
    "rastrigin_2d_target_4d",
)


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: independent runs of every cell (the authors: 10).
        seed: repetition r uses fold_in(key(seed), r).
        functions: names of `experiments.table1.functions.FUNCTIONS` of two dimensions.
        temperatures: T of the selection. Quality is always judged at T = 1.
        noise_scale: fresh noise of a move with the paper's map; the library's default has its own.
        population_size: N.
        num_generations: T moves; T + 1 evaluated populations, the authors' "25 steps".
        top: how many of the best points the entropy is of.
        cell_size: of the entropy's grid, in evaluation space.
        chunk_size: repetitions at a time.
    """

    repetitions: int = 50
    seed: int = 20261122
    functions: tuple[str, ...] = FUNCTIONS
    temperatures: tuple[float, ...] = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
    noise_scale: float = 0.1
    population_size: int = 512
    num_generations: int = 24
    top: int = 64
    cell_size: float = 0.1
    chunk_size: int = 25


SMOKE = Config(
    repetitions=2,
    functions=("himmelblau", "rastrigin"),
    temperatures=(0.1, 10.0),
    population_size=64,
    num_generations=8,
    top=16,
    chunk_size=2,
)

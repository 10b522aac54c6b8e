"""How fast is a HADES generation, training included, and does it learn as well as a plain loop?"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Cell:
    """One number of dimensions.

    Attributes:
        num_dims: D.
        network: the library's default perceptron, or attention over chunks of the genome.
        repetitions: timed calls of each program, in turn.
        num_epochs: of a fit.
        authors_seconds: a generation of the authors' programs, training and sampling, full buffer:
            shared/peers.md, CondEvo at ff0e265, same kind of machine, quiet. Not run here.
    """

    num_dims: int
    network: Literal["mlp", "attention"]
    repetitions: int
    num_epochs: int = 100
    authors_seconds: float | None = None


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the benchmark; the authors' defaults (arXiv 2411.13420, their code).

    Attributes:
        cells: what is timed.
        repetitions: at most this many of a cell's.
        seed: of the populations.
        population_size: N.
        buffer_size: memory, in populations.
        batch_size: of both loops.
        num_steps: of the sampler.
        generations: when a generation is timed: the memory is full at the first.
        loss_seeds: fits whose losses are compared.
        loss_draws: noisy copies of each row on which both losses are measured.
        loss_dims: at most so many dimensions are compared.
        learning_rate: of both loops.
    """

    cells: tuple[Cell, ...] = (
        Cell(2, "mlp", 15, authors_seconds=2.62 + 0.015),
        Cell(58, "mlp", 15, authors_seconds=2.75 + 0.024),
        Cell(17410, "mlp", 3, num_epochs=10),
        Cell(17410, "attention", 1, num_epochs=1),
    )
    repetitions: int = 15
    seed: int = 0
    population_size: int = 256
    buffer_size: int = 4
    batch_size: int = 32
    num_steps: int = 100
    generations: tuple[int, int] = (4, 24)
    loss_seeds: int = 10
    loss_draws: int = 64
    loss_dims: int = 100
    learning_rate: float = 1e-2


SMOKE = Config(
    cells=(Cell(2, "mlp", 2, 2, 1.0),),
    repetitions=2,
    population_size=16,
    batch_size=8,
    num_steps=3,
    generations=(4, 5),
    loss_seeds=2,
    loss_draws=2,
)

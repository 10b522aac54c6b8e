"""HADES's memory: where it helps, and where remembered fitness that no longer holds misleads.

Buffers of 1, 2, 4 and 10 populations, weighted and resampled data, cold and continued training,
both retentions, both selections and the library's temperature; on peaks that swap and come back, on
a peak that wanders off, and on two peaks at rest with few individuals.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study; case (d) of `experiments.steering` where not said otherwise.

    Attributes:
        repetitions: independent runs of every variant on every landscape.
        seed: repetition r uses fold_in(key(seed), r).
        population_size: N on the landscapes that change.
        few: N on the one that does not.
        num_generations: evaluated populations of a run.
        distance: m, of the peaks from 0 in every coordinate; the wandering one is as far.
        speed: of the wandering peak, in radians of its circle a generation.
        landscapes: "swapping", "wandering", "resting" (`experiments.memory.landscapes`).
        factors: which of the variants of `experiments.memory.cases.variants`.
        hidden: widths of the network.
        num_epochs: of a fit; every row that is remembered is seen once an epoch.
        batch_size: at most; a smaller memory is one batch.
        learning_rate: at the start of a fit.
        pressure: the roulette wheel's.
        buffer_sizes: in populations, the first is what the other variants but `long` have.
        long: buffer of the variants that need more than one population.
        temperatures: of the library's selection, at the first buffer size and at `long`.
        near: a point within this distance of a peak is there.
        peaked: share of the peak's height that counts as having found it.
        stretch: generations from swap to swap, and of the stretches of which the lowest counts.
        kept: both of two peaks are kept where each has this share of the population.
        cell_size: of the entropy, in evaluation space.
    """

    repetitions: int = 10
    seed: int = 20261123
    population_size: int = 256
    few: int = 32
    num_generations: int = 60
    distance: float = 1.0
    speed: float = 0.05
    landscapes: tuple[str, ...] = ("swapping", "wandering", "resting")
    factors: tuple[str, ...] = (
        "size",
        "data",
        "selection",
        "temperature",
        "training",
        "retention",
    )
    hidden: tuple[int, ...] = (32, 32)
    num_epochs: int = 100
    batch_size: int = 256
    learning_rate: float = 3e-3
    pressure: float = 10.0
    buffer_sizes: tuple[int, ...] = (1, 2, 4, 10)
    long: int = 4
    temperatures: tuple[float, ...] = (0.5, 0.25)
    near: float = 0.25
    peaked: float = 0.8
    stretch: int = 10
    kept: float = 0.1
    cell_size: float = 0.12


SMOKE = Config(
    repetitions=2,
    population_size=32,
    few=16,
    num_generations=26,
    landscapes=("swapping",),
    factors=("size", "temperature"),
    hidden=(8,),
    num_epochs=2,
    buffer_sizes=(2,),
    long=2,
    temperatures=(0.5,),
)

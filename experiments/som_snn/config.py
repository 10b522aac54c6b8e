"""Lattice maps of spiking neurons: which inhibition, how long at the lower level, and which vote?

SOM-SNN and LM-SNN, arXiv 1807.09374 and 1906.11826, on digits, Fashion-MNIST and frames of
MinAtar's Breakout.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Data:
    """Images and how they are learned.

    Attributes:
        name: "digits", "breakout", or a folder of IDX files.
        side: of an image, pixels.
        neurons: of the lattice in the comparison of inhibitions.
        repetitions: seeds.
        num_train: images, but of the digits.
        num_test: likewise.
        num_label: that label the neurons, the first of those to train on; None is all.
        num_epochs: of the learning.
    """

    name: str
    side: int
    neurons: int
    repetitions: int
    num_train: int | None = None
    num_test: int | None = None
    num_label: int | None = None
    num_epochs: int = 1


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: seeds on the digits, each with its own fifth to test on.
        seed: the first of them.
        sets: by name.
        shares_low: p_low of the two levels.
        low: mV at distance 1 at the lower level.
        high: mV at the higher level, and of all others.
        sizes: of the lattice on the digits, at the best of ``shares_low`` on average.
        batch_size: images that meet the same weights.
        votes: names of `tasks.snn.voting`.
        vote: that the figure shows.
    """

    repetitions: int = 5
    seed: int = 31
    sets: tuple[Data, ...] = (
        Data("digits", 8, 225, 5, num_epochs=3),
        Data("breakout", 10, 225, 5, 900, 300, num_epochs=3),
        Data("/usr/share/datasets/fashion-mnist", 28, 400, 3, 4_000, 1_000, 1_000),
    )
    shares_low: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5, 1.0)
    low: float = 1.0
    high: float = 10.0
    sizes: tuple[int, ...] = (25, 100, 400)
    batch_size: int = 1
    votes: tuple[str, ...] = (
        "all",
        "most_spiked",
        "proportion",
        "confidence",
        "ngram",
        "distance",
    )
    vote: str = "confidence"


SMOKE = Config(
    repetitions=2,
    sets=(Data("digits", 8, 9, 2), Data("breakout", 10, 4, 2, 64, 32)),
    shares_low=(0.0, 0.5),
    sizes=(4,),
    batch_size=32,
)

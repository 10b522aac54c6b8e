"""Locally connected spiking networks: how does accuracy rise with filters, and what does loss cost?

LC-SNN, arXiv 1904.06269, beside a dense lattice of as many neurons, on digits and Fashion-MNIST;
deletion of synapses and of neurons.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Data:
    """Images and how they are learned.

    Attributes:
        name: "digits" or a folder of IDX files.
        side: of an image, pixels.
        kernel: side of a field.
        stride: from a field to the next.
        filters: F, the ladder.
        repetitions: seeds.
        num_train: of a folder, the first so many.
        num_test: likewise.
        num_label: images that label the neurons, the first of those to train on; None is all.
        num_epochs: of the learning.
        batch_size: images that meet the same weights.
    """

    name: str
    side: int
    kernel: int
    stride: int
    filters: tuple[int, ...]
    repetitions: int
    num_train: int | None = None
    num_test: int | None = None
    num_label: int | None = None
    num_epochs: int = 1
    batch_size: int = 1


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: seeds on the digits, each with its own fifth to test on.
        seed: the first of them.
        digits: the ladder on scikit-learn's digits, 3 x 3 locations.
        fashion: the ladder on Fashion-MNIST; None leaves it out.
        vote: that the tables show; all are kept.
        deleted: shares of synapses or neurons, of the largest networks.
    """

    repetitions: int = 5
    seed: int = 21
    digits: Data = Data("digits", 8, 6, 1, (5, 10, 20, 40, 100), 5, num_epochs=3)
    fashion: Data | None = Data(
        "/usr/share/datasets/fashion-mnist", 28, 20, 4, (25, 44), 3, 4_000, 1_000, 1_000
    )
    vote: str = "confidence"
    deleted: tuple[float, ...] = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)


SMOKE = Config(
    repetitions=2,
    digits=Data("digits", 8, 4, 4, (3,), 2, num_epochs=1, batch_size=32),
    fashion=None,
    deleted=(0.0, 0.5),
)

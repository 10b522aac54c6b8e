"""Evolution outside, plasticity inside: do tuned constants learn better than the papers' constants?

Lattice map and locally connected network on digits; CHARLES-D asked for few spikes or many.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: searches of each system; repetition r learns from four fifths of the digits and
            is tested on fifth r mod 5.
        seed: the first of them.
        systems: "lattice" and "local", kinds of `tasks.snn.constants`.
        filters: neurons of the lattice, and of each location.
        num_train: images that an evaluation learns from.
        num_valid: images that it measures on.
        batch_size: images that meet the same weights, in an evaluation.
        evaluations: of a search.
        looks: evaluations of the candidates for the answer, more.
        num_epochs: of the learning that is tested.
        tests: trainings of everything that is tested, an average each.
        population_size: N of CHARLES-D and of random search.
        generations: evaluated populations of CHARLES-D.
        asked: quantiles of the logarithm of the spikes in the memory, asked for by turns while it
            runs, and of its samples.
        scale: of the guidance.
        num_samples: for each that is asked for.
    """

    repetitions: int = 6
    seed: int = 51
    systems: tuple[str, ...] = ("lattice", "local")
    filters: tuple[int, ...] = (100, 12)
    num_train: int = 300
    num_valid: int = 300
    batch_size: int = 1
    evaluations: int = 300
    looks: int = 4
    num_epochs: int = 1
    tests: int = 3
    population_size: int = 30
    generations: int = 10
    asked: tuple[float, ...] = (0.1, 0.5, 0.9)
    scale: float = 1.0
    num_samples: int = 30


SMOKE = Config(
    repetitions=2,
    systems=("lattice",),
    filters=(6,),
    num_train=20,
    num_valid=20,
    batch_size=20,
    evaluations=20,
    looks=1,
    tests=1,
    population_size=5,
    generations=2,
    num_samples=2,
)

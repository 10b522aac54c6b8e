"""All weights equal, memory in the delays alone: delay STDP against evolution on the same networks.

The idea of arXiv 2202.07132, on digits as latencies and on patterns in time; equations ours.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: seeds; on the digits each has its own fifth to test on.
        seed: the first of them.
        sets: "digits", "patterns" or both.
        num_neurons: of the network.
        num_steps: of the input.
        longest: delay, steps.
        teach: ways of `tasks.snn.weightless` to learn.
        num_samples: of patterns, to learn from.
        num_epochs: of the learning.
        population_size: N of the evolution.
        generations: evaluated populations, the first included.
        batch_size: images of a generation, the same for all its members.
        jitters: of patterns, steps: learned networks are asked again with so much noise.
    """

    repetitions: int = 5
    seed: int = 41
    sets: tuple[str, ...] = ("digits", "patterns")
    num_neurons: int = 20
    num_steps: int = 16
    longest: int = 16
    teach: tuple[str, ...] = ("none", "reward", "teacher")
    num_samples: int = 1_000
    num_epochs: int = 10
    population_size: int = 64
    generations: int = 200
    batch_size: int = 128
    jitters: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 4.0)


SMOKE = Config(
    repetitions=2,
    num_neurons=10,
    num_steps=8,
    longest=8,
    num_samples=40,
    num_epochs=1,
    population_size=4,
    generations=2,
    batch_size=8,
    jitters=(0.0, 2.0),
)

"""Steering on the double peak: offspring come where they are asked to, and follow what changes.

(a) conditioned on fitness, (b) on a quadrant, (c) on a quadrant that changes every 8 generations;
(d) HADES with a short memory against CMA-ES where the peaks swap; and guidance scales 0 to 8.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study; the authors' (arXiv 2411.13420) where not said otherwise.

    Attributes:
        repetitions: independent runs of every case.
        seed: repetition r uses fold_in(key(seed), r).
        population_size: N.
        distance: m, of the peaks from 0 in every coordinate.
        hidden: widths of the network (theirs: 24, 24, 24).
        num_epochs: of a fit in (a) to (c) (theirs: 200).
        dynamic_epochs: of a fit in (d).
        batch_size: of both.
        buffer_size: memory of (a) to (c), in populations.
        scales: guidance scales of (b), in the run and at sampling time.
        switch_scale: guidance scale of (c) (theirs: 1).
        fitness_generations: evaluated populations of (a).
        region_generations: of (b).
        switch_generations: of (c).
        dynamic_generations: of (d).
        period: (c) asks for +1 and for -1 in turn, so many generations each.
        within: how many generations (b), and (c) after each switch, have until they are judged.
        settled: (c)'s maximum fitness counts from this generation on: the first population is
            random, as in (a).
        near: a centre within this distance of a peak is there; the paper's radius of an optimum.
        selections: of (c) and (d); "wheel" is theirs, "default" the library's.
        switch_pressure: the wheel's of (c).
        dynamic_pressure: the wheel's of (d).
        dynamic_learning_rate: of (d).
        dynamic_sigma: CMA-ES's of (d), in evaluation space.
        fit: (a)'s quality that passes.
        still_fit: (c)'s.
        peaked: (d)'s.
        cell_size: of the entropy, in evaluation space; the paper's 101 x 101 grid on [-6, 6]^2.
        num_samples: drawn from a finished run's model at each scale.
    """

    repetitions: int = 10
    seed: int = 20261122
    population_size: int = 256
    distance: float = 1.0
    hidden: tuple[int, ...] = (32, 32)
    num_epochs: int = 100
    dynamic_epochs: int = 100
    batch_size: int = 256
    buffer_size: int = 3
    scales: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0)
    switch_scale: float = 1.0
    fitness_generations: int = 20
    region_generations: int = 10
    switch_generations: int = 40
    dynamic_generations: int = 60
    period: int = 8
    within: tuple[int, int] = (5, 3)
    settled: int = 5
    near: float = 0.25
    selections: tuple[str, ...] = ("wheel", "default")
    switch_pressure: float = 5.0
    dynamic_pressure: float = 10.0
    dynamic_learning_rate: float = 3e-3
    dynamic_sigma: float = 1.0
    fit: float = 0.99
    still_fit: float = 0.95
    peaked: float = 0.8
    cell_size: float = 0.12
    num_samples: int = 1000


SMOKE = Config(
    repetitions=2,
    population_size=32,
    hidden=(8,),
    num_epochs=2,
    dynamic_epochs=2,
    batch_size=32,
    scales=(0.0, 2.0),
    fitness_generations=6,
    region_generations=6,
    switch_generations=20,
    dynamic_generations=16,
    selections=("wheel",),
    num_samples=64,
)

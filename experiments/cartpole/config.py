"""Cart-pole: controllers that keep the cart where they are asked to, at full reward.

HADES without a request; CHARLES-D asked for -1, 0 and 1 m at sampling time alone; mutated copies of
the remembered controllers nearest to the target. Linear policies.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study; chosen on other seeds, see the README.

    Attributes:
        repetitions: independent runs of every case.
        seed: repetition r uses fold_in(key(seed), r).
        policies: hidden layers of the controllers; () is linear.
        population_size: N.
        run_episodes: of an evaluation during a run.
        num_generations: evaluated populations of a run, the first included.
        asked: final positions that CHARLES-D asks its offspring for during the run, uniform between
            these two, in metres.
        hidden: widths of the denoising network.
        buffer_size: memory, in populations.
        num_epochs: of a fit during the run.
        batch_size: of those.
        final_epochs: of CHARLES-D's one fit after the run, which all of its samples come from.
        final_batch_size: of that.
        final_learning_rate: of that.
        targets: final positions asked for at sampling time, in metres.
        scales: guidance scales of the samples.
        scale: the one that the claim is about.
        num_samples: for each target and scale.
        num_nearest: remembered controllers that the baseline copies.
        mutations: standard deviations of its Gaussian mutation, in those of the memory.
        num_episodes: that a sample is judged on, none of which a run has seen.
        near: a mean final position within this of the target is there, in metres.
        keep: share of the unconditioned reward that a controller must still score.
        wanted: share of the samples that must do both.
    """

    repetitions: int = 10
    seed: int = 20261123
    policies: tuple[tuple[int, ...], ...] = ((),)
    population_size: int = 256
    run_episodes: int = 16
    num_generations: int = 60
    asked: tuple[float, float] = (-1.5, 1.5)
    hidden: tuple[int, ...] = (128, 128)
    buffer_size: int = 16
    num_epochs: int = 25
    batch_size: int = 256
    final_epochs: int = 600
    final_batch_size: int = 128
    final_learning_rate: float = 3e-3
    targets: tuple[float, ...] = (-1.0, 0.0, 1.0)
    scales: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 4.0)
    scale: float = 2.0
    num_samples: int = 256
    num_nearest: int = 16
    mutations: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2)
    num_episodes: int = 32
    near: float = 0.15
    keep: float = 0.95
    wanted: float = 0.8


SMOKE = Config(
    repetitions=2,
    population_size=32,
    run_episodes=2,
    num_generations=3,
    hidden=(8,),
    buffer_size=2,
    num_epochs=2,
    batch_size=32,
    final_epochs=2,
    final_batch_size=32,
    scales=(0.0, 2.0),
    num_samples=32,
    num_nearest=4,
    mutations=(0.0, 0.1),
    num_episodes=2,
)

"""Controllers that push as much as they are asked to, and still solve the task.

CHARLES-D on the continuous mountain car and on Acrobot, beside HADES, of which nothing is asked.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """An environment and what is asked there.

    Attributes:
        environment: key of `tasks.rl.ENVIRONMENTS`.
        trait: one of its traits.
        asked: CHARLES-D's offspring are asked for values between these two during the run.
        targets: asked for at sampling time.
        near: a mean within this of the target is there.
        solved: mean return from which a controller counts as good: Gymnasium's threshold.
    """

    environment: str
    trait: str
    asked: tuple[float, float]
    targets: tuple[float, ...]
    near: float
    solved: float


PLACES = (
    Place("mountain_car_continuous", "energy", (0.0, 1.0), (0.25, 0.5, 0.75), 0.1, 90.0),
    Place("acrobot", "energy", (0.2, 1.0), (0.4, 0.6, 0.8), 0.1, -100.0),
)


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: independent runs of either search.
        seed: repetition r uses fold_in(key(seed), r).
        places: where, and what is asked.
        policy: hidden layers of the controllers; () is linear.
        scaling: parameters = scaling * genome.
        population_size: N.
        run_episodes: of an evaluation during a run.
        num_generations: evaluated populations of a run, the first included.
        hidden: widths of the denoising network.
        buffer_size: memory, in populations.
        num_epochs: of a fit during the run.
        batch_size: of those.
        final_epochs: of CHARLES-D's one fit after the run, which all of its samples come from.
        final_batch_size: of that.
        final_learning_rate: of that.
        scale: guidance scale of the samples; scale 0 asks nothing.
        num_samples: for each target.
        num_episodes: that a sample is judged on, none of which a run has seen.
    """

    repetitions: int = 5
    seed: int = 20261128
    places: tuple[Place, ...] = PLACES
    policy: tuple[int, ...] = ()
    scaling: float = 3.0
    population_size: int = 256
    run_episodes: int = 4
    num_generations: int = 30
    hidden: tuple[int, ...] = (64, 64)
    buffer_size: int = 8
    num_epochs: int = 15
    batch_size: int = 256
    final_epochs: int = 200
    final_batch_size: int = 128
    final_learning_rate: float = 3e-3
    scale: float = 2.0
    num_samples: int = 256
    num_episodes: int = 16


SMOKE = Config(
    repetitions=2,
    places=(Place("cartpole", "final_position", (-1.0, 1.0), (0.5,), 0.2, 9.0),),
    population_size=16,
    run_episodes=1,
    num_generations=3,
    hidden=(8,),
    buffer_size=2,
    num_epochs=2,
    batch_size=16,
    final_epochs=2,
    final_batch_size=16,
    num_samples=16,
    num_episodes=2,
)

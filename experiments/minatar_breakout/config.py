"""How good a MinAtar Breakout policy does evolution reach in an hour on two cores?

Against PPO's published return; the policy is saved.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """A policy, and a search for its parameters.

    Attributes:
        policy: "mlp" of all pixels, "pooled" of the planes' row and column sums, "conv".
        hidden: hidden layers; of "conv" those after the convolution.
        search: key of `searches.SEARCHES`.
        population_size: N.
        scale: of the first population, which is N(0, scale^2).
        epsilon: share of random actions in an evaluation. With 0 an evaluation is exact: there are
            two starts and nothing else that is random, and both are played.
        num_episodes: of an evaluation with random actions.
    """

    policy: str = "mlp"
    hidden: tuple[int, ...] = (16,)
    search: str = "sep_cma_es"
    population_size: int = 64
    scale: float = 0.3
    epsilon: float = 0.05
    num_episodes: int = 4


@dataclass(frozen=True)
class Config:
    """Size of the run.

    Attributes:
        repetitions: runs, one after another, each of so many seconds.
        seed: repetition r uses fold_in(key(seed), r).
        setting: chosen by `trials`.
        seconds: of a run, by the clock, compilation included.
        every: seconds between the rows of the results file.
        max_evaluations: of a run; the results of a generation are allocated for all of them.
        epsilon: share of random actions in the second test.
        num_episodes: of that.
        published: mean return of gymnax' own PPO policy.
    """

    repetitions: int = 1
    seed: int = 20261129
    setting: Setting = Setting()
    seconds: float = 3600.0
    every: float = 30.0
    max_evaluations: int = 50_000_000
    epsilon: float = 0.05
    num_episodes: int = 200
    published: float = 28.0


SMOKE = Config(
    setting=Setting(hidden=(2,), population_size=8, num_episodes=2),
    seconds=300.0,
    every=0.0,
    max_evaluations=80,
    num_episodes=4,
)

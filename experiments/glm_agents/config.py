"""Spiking agents with a local rule and one global error: do they learn, what does evolution add?

Learning curves on cart-pole, a gridworld and mountain car with variants of the network; then the
network's weights evolved instead, and the learning rule's constants evolved, at equal environment
steps.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Sizes that depend on the environment.

    Attributes:
        episodes: of the setting's learning curve.
        variant_episodes: of the variants'.
        paper_episodes: with the paper's constants.
        random_episodes: of the random policy.
        last: episodes at the end whose mean is judged.
        weight_steps: of a life that judges weights.
        constant_steps: of a life that judges constants, and of a test.
    """

    episodes: int
    variant_episodes: int
    paper_episodes: int
    random_episodes: int
    last: int
    weight_steps: int
    constant_steps: int


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: runs of every search.
        seed: of trials and runs; other than those the settings were found with.
        environments: keys of `tasks.rl.spiking_agents.SETTINGS`; () is all.
        rows: names of `cases.rows`; () is all.
        searches: names of `cases.SEARCHES`; () is all.
        cartpole: sizes.
        gridworld: sizes.
        mountain_car: sizes.
        trials: of the setting's learning curve, and of the random policy's.
        variant_trials: of the variants'.
        paper_trials: of those with the paper's constants, whose networks are large.
        num_actors: of the network whose weights or constants are evolved.
        weight_population: N, of weights.
        weight_generations: evaluated populations.
        weight_lives: of each member of the last population, to choose one.
        constant_population: N, of constants.
        constant_generations: evaluated populations.
        constant_lives: as `weight_lives`; equal steps need N lives steps equal.
        test_lives: fresh ones, of what was chosen.
    """

    repetitions: int = 6
    seed: int = 20261128
    environments: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    cartpole: Place = Place(2000, 500, 1000, 200, 100, 1000, 4000)
    gridworld: Place = Place(1000, 1000, 1000, 100, 100, 1500, 6000)
    mountain_car: Place = Place(100, 100, 100, 10, 20, 1500, 6000)
    trials: int = 20
    variant_trials: int = 10
    paper_trials: int = 5
    num_actors: int = 4
    weight_population: int = 64
    weight_generations: int = 16
    weight_lives: int = 4
    constant_population: int = 16
    constant_generations: int = 16
    constant_lives: int = 4
    test_lives: int = 20


SMOKE = Config(
    repetitions=2,
    environments=("gridworld",),
    rows=("setting", "random"),
    searches=("constants evolved", "weights, Diffusion Evolution"),
    gridworld=Place(2, 2, 2, 2, 2, 40, 80),
    trials=2,
    variant_trials=2,
    paper_trials=1,
    num_actors=2,
    weight_population=16,
    weight_generations=2,
    weight_lives=1,
    constant_population=8,
    constant_generations=2,
    constant_lives=1,
    test_lives=2,
)

"""The paper's control table: is it reproduced, and who wins at equal evaluations on fresh episodes?

Five environments, Diffusion Evolution raw, latent and latent with 17,410 parameters, CMA-ES.
"""

from dataclasses import dataclass

ENVIRONMENTS = (
    "cartpole",
    "acrobot",
    "mountain_car",
    "mountain_car_continuous",
    "pendulum",
)


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study; the paper's (arXiv 2410.02543) where not said otherwise.

    Attributes:
        repetitions: runs of each cell of the paper's table with small networks, and of each method
            of the fair table (theirs: 100).
        large_repetitions: runs with large networks, at ``scaling`` only (theirs: 100).
        seed: repetition r uses fold_in(key(seed), r).
        methods: of the fair table, keys of `methods.FAIR`; () is all.
        environments: keys of `tasks.rl.ENVIRONMENTS`.
        population_size: N of the paper's methods.
        generations: evaluated populations.
        max_steps: of an episode, besides the environment's own limit.
        hidden: of the small networks; 58 parameters in cart-pole.
        large_hidden: of the large ones; 17,410 in cart-pole.
        scaling: parameters = scaling * genome, of the claim and of the fair table.
        side_scalings: the others.
        temperature: of g = exp((R - R_max) / T).
        soft_temperature: the default of their program, to be compared at ``scaling``.
        strategy_size: N of the methods that have no default of their own.
        window: a chosen controller is one of the best of so many last evaluated ones.
        candidates: that are evaluated again, on as many episodes each, paid by the budget.
        checks: score of one controller over time: so many times.
        check_episodes: fresh episodes for each of those, which no search sees.
        test_episodes: fresh episodes for the chosen controller.
    """

    repetitions: int = 20
    large_repetitions: int = 5
    seed: int = 0
    methods: tuple[str, ...] = ()
    environments: tuple[str, ...] = ENVIRONMENTS
    population_size: int = 256
    generations: int = 10
    max_steps: int = 500
    hidden: tuple[int, ...] = (8,)
    large_hidden: tuple[int, ...] = (128, 128)
    scaling: float = 10.0
    side_scalings: tuple[float, ...] = (0.1, 1.0, 100.0)
    temperature: float = 1.0
    soft_temperature: float = 10.0
    strategy_size: int = 64
    window: int = 64
    candidates: int = 16
    checks: int = 10
    check_episodes: int = 20
    test_episodes: int = 100


SMOKE = Config(
    repetitions=2,
    large_repetitions=2,
    methods=("cma_es", "pycma", "latent_paper"),
    environments=("cartpole",),
    population_size=16,
    generations=3,
    max_steps=10,
    large_hidden=(4, 4),
    side_scalings=(),
    strategy_size=8,
    window=8,
    candidates=4,
    checks=2,
    check_episodes=2,
    test_episodes=3,
)

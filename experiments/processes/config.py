"""Other noise for other genomes: log-normal for rates, categorical for bits, against Gaussian.

Does Diffusion Evolution with a process of its own search positive rate constants and discrete
landscapes better than with Gaussian noise, raw, in the logarithm or behind a threshold, and how far
is it from the standard heuristics of the field at equal evaluations?
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: independent runs of every method on every task.
        seed: repetition r uses fold_in(key(seed), r), the same for all methods.
        rates: tasks of positive parameters, names in `tasks.TASKS`.
        rates_methods: names in `experiments.processes.cases.RATES`.
        rates_population: N of all methods there.
        rates_generations: evaluated populations there.
        spread: standard deviation of the log-normal prior in decades, around 1.
        near: a member within this many decades of an optimum, in every rate, is there.
        discrete: names in `tasks.TASKS`.
        discrete_methods: names in `experiments.processes.cases.DISCRETE`.
        population: N of all methods there but the (1+1)-EA, which has one, and the compact GA, two.
        evaluations: of a run there.
        references: methods with which the others are compared.
        sharp: the lower temperature that is tried beside the default.
        cycles: "cycles" has a schedule of this fraction of the generations, and repeats
            ``renoise_fraction`` of it to the end.
        renoise_fraction: see `diffevo.DiffusionEvolution`.
        virtual_population: of the compact GA: a step of its probabilities is one over this.
        solved: an excess over the optimum of at most this is the optimum (float32).
    """

    repetitions: int = 20
    seed: int = 20261125
    rates: tuple[str, ...] = ("rates", "rates_product_only")
    rates_methods: tuple[str, ...] = (
        "log-normal",
        "log-normal, sharp",
        "log-normal, arithmetic mean",
        "Gaussian, logarithm",
        "Gaussian, raw 1",
        "Gaussian, raw 10",
        "Gaussian, raw 100",
        "CMA-ES, logarithm",
        "random, logarithm",
    )
    rates_population: int = 256
    rates_generations: int = 40
    spread: float = 1.5
    near: float = 0.1
    discrete: tuple[str, ...] = (
        "onemax",
        "onemax_4",
        "leading_ones",
        "nk",
        "nk_random",
        "ising_ring",
        "ising_torus",
        "ising_torus_glass",
    )
    discrete_methods: tuple[str, ...] = (
        "categorical",
        "categorical, sharp",
        "categorical, sharp, geometric",
        "categorical, sharp, cycles",
        "categorical, 4 loci",
        "categorical, all loci",
        "categorical, keeps noise",
        "categorical, new noise",
        "Gaussian, threshold",
        "latent Gaussian, threshold",
        "latent Gaussian, threshold, sharp",
        "latent Gaussian, threshold, sharp, cycles",
        "random",
        "(1+1)-EA",
        "GA",
        "compact GA",
    )
    population: int = 128
    evaluations: int = 10240
    references: tuple[str, ...] = ("log-normal", "categorical", "categorical, sharp, cycles")
    sharp: float = 0.3
    cycles: int = 3
    renoise_fraction: float = 0.9
    virtual_population: int = 64
    solved: float = 1e-5


SMOKE = Config(
    repetitions=2,
    rates=("rates",),
    rates_methods=("log-normal", "Gaussian, raw 10"),
    rates_population=16,
    rates_generations=4,
    discrete=("onemax_4",),
    discrete_methods=("categorical", "GA"),
    population=16,
    evaluations=64,
)

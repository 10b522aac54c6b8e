"""Integers, categories, log scales at equal evaluations: beside TPE, CMA-ES and random search?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the benchmark.

    Attributes:
        repetitions: seeds; those of the synthetic functions have an optimum each.
        seed: the first of them.
        problems: names in `problems.PROBLEMS`.
        methods: names in `methods.METHODS`; the first is compared with the others.
        tuning_budgets: evaluations after which models tuned are compared, ascending.
        synthetic_budgets: the same of the functions with a known optimum.
        most_tpe: evaluations of TPE, which takes longer for each the more there were, at most.
        num_training: digits that a model is trained on.
        num_validation: other digits, on which its error is the value.
    """

    repetitions: int = 20
    seed: int = 0
    problems: tuple[str, ...] = ("svc", "pipeline", "sphere", "rastrigin", "ellipsoid")
    methods: tuple[str, ...] = ("diffevo", "TPE", "CMA-ES", "CatCMAwM", "random")
    tuning_budgets: tuple[int, ...] = (100, 300)
    synthetic_budgets: tuple[int, ...] = (300, 1000, 2000)
    most_tpe: int = 1000
    num_training: int = 300
    num_validation: int = 800


SMOKE = Config(
    repetitions=2,
    problems=("pipeline", "sphere"),
    tuning_budgets=(24,),
    synthetic_budgets=(30, 60),
    num_training=50,
    num_validation=50,
)

"""What do ask and tell, evaluators and failures cost, beside pycma, cmaes, Nevergrad and Optuna?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the benchmark.

    Attributes:
        repetitions: turns of every side.
        generations: timed ones of a turn, after one that warms up what other sides left cold.
        seed: of all sides.
        population_sizes: of ask and tell.
        num_dims: D, of ask and tell.
        algorithms: ours that are timed, by name.
        most_solutions: of libraries that ask for one solution at a time in milliseconds (Optuna,
            Nevergrad) so many of a generation are timed at most.
        evaluators: which, with two workers; "ray" needs Ray.
        num_solutions: of a generation, for the cost of an evaluator.
        waits: seconds that functions take, for the efficiency with two workers.
        waits_of_each: evaluations of each, divided by two workers.
        failure_rates: shares of the solutions that fail; the first is compared with the others.
        failure_functions: which are searched.
        failure_algorithm: which searches.
        failure_seeds: runs of each.
        failure_budget: evaluations of a run.
        failure_dims: D of its functions.
    """

    repetitions: int = 10
    generations: int = 5
    seed: int = 0
    population_sizes: tuple[int, ...] = (32, 512, 8192)
    num_dims: int = 10
    algorithms: tuple[str, ...] = ("niching_diffusion_evolution", "diffusion_evolution")
    most_solutions: int = 32
    evaluators: tuple[str, ...] = ("serial", "threads", "processes", "ray")
    num_solutions: int = 512
    waits: tuple[float, ...] = (0.01, 0.1)
    waits_of_each: int = 64
    failure_rates: tuple[float, ...] = (0.0, 0.01, 0.1, 0.5)
    failure_functions: tuple[str, ...] = ("sphere", "rastrigin")
    failure_algorithm: str = "auto"
    failure_seeds: int = 20
    failure_budget: int = 10_000
    failure_dims: int = 4


SMOKE = Config(
    repetitions=2,
    generations=2,
    population_sizes=(8,),
    num_dims=2,
    algorithms=("diffusion_evolution",),
    most_solutions=2,
    evaluators=("serial", "threads"),
    num_solutions=8,
    waits=(0.001,),
    waits_of_each=4,
    failure_rates=(0.0, 0.1),
    failure_functions=("sphere",),
    failure_algorithm="diffusion_evolution",
    failure_seeds=2,
    failure_budget=400,
    failure_dims=2,
)

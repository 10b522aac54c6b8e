"""What do ask, tell, records, evaluators and failures cost, beside pycma, cmaes and Optuna?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the benchmark.

    Attributes:
        repetitions: turns of every side of ask and tell.
        warm_seconds: before a side is timed in its turn.
        timed_seconds: that it is timed in a turn; at least two generations.
        seed: of all sides.
        population_sizes: of all parts but the failures.
        num_dims: D, of all parts but the failures.
        algorithms: ours that are timed in ask and tell, by name.
        most_solutions: of libraries that ask for one solution at a time in milliseconds (Optuna,
            Nevergrad) so many of a generation are timed at most.
        run_algorithm: of whole runs, by name.
        run_seconds: what a whole run is to take, about; at least `least_generations`.
        least_generations: of a whole run.
        run_repetitions: of each kind of whole run.
        evaluators: which, with two workers; "ray" needs Ray.
        seconds: that functions take, for the efficiency with two workers.
        seconds_of_each: that all evaluations of one efficiency take, divided by two workers.
        evaluator_repetitions: of each of an evaluator's numbers.
        failure_rates: shares of the solutions that fail; the first is compared with the others.
        failure_functions: which are searched.
        failure_algorithm: which searches.
        failure_seeds: runs of each.
        failure_budget: evaluations of a run.
        failure_dims: D of its functions.
    """

    repetitions: int = 7
    warm_seconds: float = 0.1
    timed_seconds: float = 0.25
    seed: int = 0
    population_sizes: tuple[int, ...] = (32, 512, 8192)
    num_dims: int = 10
    algorithms: tuple[str, ...] = ("niching_diffusion_evolution", "diffusion_evolution")
    most_solutions: int = 32
    run_algorithm: str = "diffusion_evolution"
    run_seconds: float = 1.0
    least_generations: int = 4
    run_repetitions: int = 3
    evaluators: tuple[str, ...] = ("serial", "threads", "processes", "ray")
    seconds: tuple[float, ...] = (0.01, 0.1)
    seconds_of_each: float = 1.0
    evaluator_repetitions: int = 3
    failure_rates: tuple[float, ...] = (0.0, 0.01, 0.1, 0.5)
    failure_functions: tuple[str, ...] = ("sphere", "rastrigin")
    failure_algorithm: str = "auto"
    failure_seeds: int = 20
    failure_budget: int = 10_000
    failure_dims: int = 4


SMOKE = Config(
    repetitions=2,
    warm_seconds=0.01,
    timed_seconds=0.01,
    population_sizes=(8,),
    num_dims=2,
    algorithms=("diffusion_evolution",),
    most_solutions=2,
    run_seconds=0.01,
    run_repetitions=1,
    evaluators=("serial", "threads"),
    seconds=(0.001,),
    seconds_of_each=0.004,
    failure_rates=(0.0, 0.1),
    failure_functions=("sphere",),
    failure_algorithm="diffusion_evolution",
    failure_seeds=2,
    failure_budget=400,
    failure_dims=2,
)

"""How many of many equal optima are found, and with how many evaluations?

F1 to F10 of the CEC 2013 niching competition by its rules, and composed functions in 2 to 20
dimensions with narrow and ill-conditioned basins beside wide ones, with one setting of every
method for all functions.
"""

from dataclasses import dataclass, field

CEC2013 = tuple(
    f"cec2013_{name}"
    for name in (
        "five_uneven_peak_trap",
        "equal_maxima",
        "uneven_decreasing_maxima",
        "himmelblau",
        "six_hump_camel_back",
        "shubert_2d",
        "vincent_2d",
        "shubert_3d",
        "vincent_3d",
        "modified_rastrigin",
    )
)


@dataclass(frozen=True)
class Function:
    """A registered task that has positions, a radius and a budget, with its options.

    Attributes:
        task: key of `tasks.TASKS`.
        num_dims: None is the factory's.
        seed: None is the factory's.
        num_lesser: None is the factory's.
    """

    task: str
    num_dims: int | None = None
    seed: int | None = None
    num_lesser: int | None = None

    @property
    def options(self) -> dict[str, int]:
        """Of the task's factory."""
        fields = {"num_dims": self.num_dims, "seed": self.seed, "num_lesser": self.num_lesser}
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def name(self) -> str:
        """Of files and rows: the task and what differs from its default."""
        parts = [self.task, *(f"{key[-4:]}{value}" for key, value in self.options.items())]
        return "_".join(parts).replace("dims", "d").replace("seed", "s").replace("sser", "l")


COMPOSED = tuple(
    Function(f"composed_{form}", num_dims, seed=1, num_lesser=lesser)
    for num_dims in (2, 3, 5, 10, 20)
    for form, lesser in (("bowls", 3), ("mixture", 0))
)


@dataclass(frozen=True)
class Settings:
    """Settings of the methods, one for all functions; lengths in units of the box.

    Each method's own where its authors or its package give one; what was chosen here says so.

    Attributes:
        random_report: best points that random search reports (chosen).
        diffusion_population: N of evosax's DiffusionEvolution (the paper's); generations follow
            from the budget.
        diffusion_std: what a standard deviation of its genome is in the box (chosen: two of them
            reach from the centre to a side).
        diffusion_temperature: of its map of fitness, in standard deviations of the first
            population's values (the best of five tried; its own is 1 in the function's values,
            which some functions here do not notice).
        cma_starts: copies of evosax's CMA_ES that run side by side, each restarted from a random
            point when it has converged (chosen).
        cma_sigma: first step size of all CMA-ES but SV-CMA-ES's (the usual: a quarter of the box).
        converged: a restart is due when the values of a generation differ by less, times the
            function's scale (chosen, far below the finest accuracy).
        sv_populations: of SV-CMA-ES (chosen).
        sv_sigma: its first step size (chosen: smaller, as its populations share the box).
        sv_kernel: reach of their repulsion, in their mean distance S^(-1/D). Its own numbers, 1 and
            1 in the box, keep every population from converging; these were the best of six with
            repulsion, and on Shubert's function in 2-D without any it found more (.94 against .39).
        sv_alpha: strength of the repulsion.
        de_population: N of evosax's DifferentialEvolution is 10 D, within these (chosen).
        scipy_population: members a dimension of scipy's differential_evolution (its default).
        ours: algorithm of `diffevo.minimize`.
    """

    random_report: int = 1000
    diffusion_population: int = 512
    diffusion_std: float = 0.25
    diffusion_temperature: float = 0.1
    cma_starts: int = 8
    cma_sigma: float = 0.25
    converged: float = 1e-10
    sv_populations: int = 32
    sv_sigma: float = 0.1
    sv_kernel: float = 0.1
    sv_alpha: float = 0.1
    de_population: tuple[int, int] = (64, 256)
    scipy_population: int = 15
    ours: str = "auto"


# Method -> the settings that it has: a run on disk is kept while these are the same. Cheap ones
# first.
USES: dict[str, tuple[str, ...]] = {
    "ours": ("ours",),
    "random_search": ("random_report",),
    "evosax_cma_es": ("cma_starts", "cma_sigma", "converged"),
    "evosax_sv_cma_es": ("sv_populations", "sv_sigma", "sv_kernel", "sv_alpha", "converged"),
    "evosax_diffusion_evolution": (
        "diffusion_population",
        "diffusion_std",
        "diffusion_temperature",
    ),
    "scipy_differential_evolution": ("scipy_population",),
    "evosax_differential_evolution": ("de_population",),
    "pycma_bipop": ("cma_sigma", "converged"),
    "pycma_ipop": ("cma_sigma", "converged"),
}


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the comparison.

    Attributes:
        repetitions: runs of ours on F1 to F10, as the competition has them.
        rival_repetitions: all other runs: of every other method, and on composed functions.
        seed: run r of a method has the seed ``seed + r``, the same for all methods.
        functions: what is searched.
        methods: keys of `USES`; without IPOP, which is half of what BIPOP does and as slow.
        settings: of the methods.
        accuracies: in value, times the function's scale (the competition's).
        num_checkpoints: points of a curve over the evaluations; populations are looked at so often.
        budget: None is every function's own.
    """

    repetitions: int = 50
    rival_repetitions: int = 15
    seed: int = 20261125
    functions: tuple[Function, ...] = (*(Function(name) for name in CEC2013), *COMPOSED)
    methods: tuple[str, ...] = tuple(name for name in USES if name != "pycma_ipop")
    settings: Settings = field(default_factory=Settings)
    accuracies: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
    num_checkpoints: int = 25
    budget: int | None = None


SMOKE = Config(
    repetitions=2,
    rival_repetitions=1,
    functions=(Function("cec2013_equal_maxima"),),
    methods=("ours", "random_search"),
    settings=Settings(random_report=200),
    num_checkpoints=4,
    budget=1000,
)

"""What does `minimize`'s default keep of Diffusion Evolution, and what does it cost?

Many dimensions (fitness reversal, memory), few generations (cart-pole, the functions of table 1)
and the time of a generation, beside the published algorithm and the usual searches.
"""

from dataclasses import dataclass

from experiments.table1.config import TWO_DIMS


@dataclass(frozen=True)
class Reversal:
    """The fitness-reversal test in one number of dimensions.

    Attributes:
        num_dims: D.
        methods: names of `experiments.default_search.searches.METHODS`.
        few: those of the methods that do only `Config.few_repetitions`, as a generation takes long
            and runs hardly differ.
    """

    num_dims: int
    methods: tuple[str, ...]
    few: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the part."""
        return f"reversal_{self.num_dims}"


@dataclass(frozen=True)
class Timed:
    """One comparison of times.

    Attributes:
        num_dims: D.
        population_size: N.
        rival: "diffusion_evolution" or "pycma".
        objective: key of `experiments.default_search.cost.OBJECTIVES`.
        num_generations: of a timed call.
        repetitions: timed calls of either side, in turn.
        age: generations of the default before the first timed one: its chains have ended and
            begun again.
    """

    num_dims: int
    population_size: int
    rival: str
    objective: str
    num_generations: int
    repetitions: int
    age: int = 0


OURS = ("default", "diffusion_evolution", "latent_diffusion_evolution")
STRATEGIES = ("sep_cma_es", "snes")


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        parts: names of the parts to run, see `experiments.default_search.run.parts`; () is all.
        repetitions: independent runs of each method in the fitness-reversal test.
        few_repetitions: see `Reversal`.
        seed: repetition r uses fold_in(key(seed), r).
        reversals: the fitness-reversal tests.
        population_size: N of those and of the memory.
        num_generations: evaluated populations of those, the first included.
        wanted: share of the way to the optimum that the population must come.
        memory: (N, D) whose compiled step is examined.
        memory_methods: of those.
        cheap_repetitions: runs of cart-pole and of the functions of table 1.
        cartpole_rows: names of `experiments.default_search.few_generations.NAMES`.
        cartpole_population_size: N on cart-pole.
        cartpole_generations: evaluated populations there, the first included.
        cartpole_hidden: of the policy; (8,) has 58 parameters.
        cartpole_scaling: policy parameters = scaling * genome.
        cartpole_temperature: of the published fitness, exp((R - R_max) / T) of a return R.
        cartpole_episodes: new ones that the best controller is judged on.
        functions: rows of table 1, two-dimensional.
        table1_rows: as those of cart-pole.
        table1_population_size: N there.
        table1_generations: moves there.
        table1_top: how many of the best members are scored.
        timed: what is timed.
        chunk_size: runs at a time where they are cheap.
        most_times: a generation may take so many times Diffusion Evolution's, up to
            `most_times_dims` dimensions.
        most_times_dims: see there.
    """

    parts: tuple[str, ...] = ()
    repetitions: int = 15
    few_repetitions: int = 5
    seed: int = 20261125
    reversals: tuple[Reversal, ...] = (
        Reversal(
            1000,
            (*OURS, *STRATEGIES, "evosax_diffusion_evolution"),
            few=("evosax_diffusion_evolution",),
        ),
        Reversal(17410, (*OURS, *STRATEGIES), few=(*OURS[1:], *STRATEGIES)),
    )
    population_size: int = 512
    num_generations: int = 64
    wanted: float = 0.5
    memory: tuple[tuple[int, int], ...] = ((512, 1000), (512, 17410), (2048, 17410))
    memory_methods: tuple[str, ...] = OURS
    cheap_repetitions: int = 100
    cartpole_rows: tuple[str, ...] = ("published", "default", "niching", "scheduled")
    cartpole_population_size: int = 256
    cartpole_generations: int = 10
    cartpole_hidden: tuple[int, ...] = (8,)
    cartpole_scaling: float = 10.0
    cartpole_temperature: float = 1.0
    cartpole_episodes: int = 32
    functions: tuple[str, ...] = TWO_DIMS
    table1_rows: tuple[str, ...] = (
        "published",
        "default",
        "default_bounds",
        "niching",
        "niching_bounds",
    )
    table1_population_size: int = 512
    table1_generations: int = 24
    table1_top: int = 64
    timed: tuple[Timed, ...] = (
        *(
            Timed(num_dims, size, "diffusion_evolution", objective, 100, 15, age)
            for objective, age in (("sphere", 0), ("rastrigin", 200))
            for size in (64, 512)
            for num_dims in (2, 10, 64)
        ),
        *(Timed(num_dims, 512, "pycma", "sphere", 10, 7) for num_dims in (40, 100, 256)),
    )
    chunk_size: int = 10
    most_times: float = 2.0
    most_times_dims: int = 64


# Compiling is what takes time at toy size, so methods that share the code of another are left out.
SMOKE = Config(
    repetitions=2,
    few_repetitions=1,
    reversals=(Reversal(12, ("snes",), few=("snes",)),),
    population_size=16,
    num_generations=4,
    memory=((16, 12),),
    memory_methods=("diffusion_evolution",),
    cheap_repetitions=2,
    cartpole_rows=("published",),
    cartpole_population_size=8,
    cartpole_generations=3,
    cartpole_hidden=(),
    cartpole_episodes=2,
    functions=("himmelblau",),
    table1_rows=("published",),
    table1_population_size=32,
    table1_generations=2,
    table1_top=8,
    timed=(),
    chunk_size=2,
)

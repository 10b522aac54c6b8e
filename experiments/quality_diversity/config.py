"""Does Diffusion Evolution around an archive illuminate more than CMA-ME and CMA-MAE?

The linear projection sphere and Rastrigin (arXiv 1912.02400) in 20 and 100 dimensions at equal
evaluations, against MAP-Elites, MAP-Elites (line), CMA-ME and CMA-MAE from pyribs.
"""

from dataclasses import dataclass

OURS = ("niching, improvement", "elites denoised")
METHODS = (
    *OURS,
    "niching, improvement, no box",
    "elites denoised, drawn evenly",
    "elites not denoised",
    "niching",
    "latent, re-noised",
    "random",
    "map_elites",
    "map_elites_line",
    "cma_me",
    "cma_mae",
)


@dataclass(frozen=True)
class Config:
    """Size of the comparison.

    A run is N (1 + looks x generations) evaluations; a method with another population than N makes
    as many generations as fit.

    Attributes:
        repetitions: runs of every method on every problem.
        seed: repetition r uses fold_in(key(seed), r).
        functions: "sphere", "rastrigin" or both.
        dims: D, even.
        methods: from `METHODS`; those in `OURS` are tested against all others.
        side: the archive has side x side cells.
        population_size: N, a multiple of the 15 emitters of CMA-ME; pyribs' example has 540.
        num_looks: how often a run is looked at.
        generations_per_look: between two looks.
    """

    repetitions: int = 15
    seed: int = 20261125
    functions: tuple[str, ...] = ("sphere", "rastrigin")
    dims: tuple[int, ...] = (20, 100)
    methods: tuple[str, ...] = METHODS
    side: int = 100
    population_size: int = 540
    num_looks: int = 40
    generations_per_look: int = 5

    @property
    def budget(self) -> int:
        """Evaluations of a run."""
        return self.population_size * (1 + self.num_looks * self.generations_per_look)


SMOKE = Config(
    repetitions=2,
    functions=("sphere",),
    dims=(4,),
    methods=("elites denoised", "map_elites_line"),
    side=10,
    population_size=30,
    num_looks=2,
    generations_per_look=1,
)

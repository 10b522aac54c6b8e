"""Table 1 of the paper: are Diffusion Evolution's top 64 both good and varied, and the rivals'?

The defaults are the authors' protocol: 512 individuals, 25 evaluated populations (24 moves),
100 repetitions.
"""

from dataclasses import dataclass

TWO_DIMS = ("rosenbrock", "beale", "himmelblau", "ackley", "rastrigin")
# The authors' scripts evolve two dimensions in these rows; only target and scale change.
QUIRKS = ("rastrigin_2d_target_4d", "rastrigin_2d_target_32d", "rastrigin_2d_target_256d")
MANY_DIMS = ("rastrigin_4d", "rastrigin_32d", "rastrigin_256d")

OURS = ("diffusion_evolution", "latent_diffusion_evolution")
RIVALS = ("cma_es", "pycma", "open_es", "pgpe", "map_elites")


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: independent runs of every cell.
        repetitions_many_dims: at most this many for functions of more than 4 dimensions.
        seed: repetition r uses fold_in(key(seed), r).
        functions: rows, names of `experiments.table1.functions.FUNCTIONS`.
        rivals: baselines to run beside Diffusion Evolution.
        population_size: N.
        num_generations: T moves; T + 1 evaluated populations, the authors' "25 steps".
        noise_scale: fresh noise of a move (0 DDIM, 1 DDPM) in the authors' protocol.
        top: how many of the best points are scored.
        cell_size: of the entropy's grid, in evaluation space.
        optimum_radius: a known optimum counts as found with a top point this near to it.
        open_es_generations: the authors give OpenES 1000.
        map_elites_budget: evaluations of MAP-Elites in the authors' protocol, 25 x 256.
        map_elites_initial: of which initial.
        chunk_size: repetitions at a time.
        num_threads: methods at a time.
    """

    repetitions: int = 100
    repetitions_many_dims: int = 20
    seed: int = 42
    functions: tuple[str, ...] = TWO_DIMS + QUIRKS + MANY_DIMS
    rivals: tuple[str, ...] = RIVALS
    population_size: int = 512
    num_generations: int = 24
    noise_scale: float = 0.1
    top: int = 64
    cell_size: float = 0.1
    optimum_radius: float = 0.25
    open_es_generations: int = 1000
    map_elites_budget: int = 6400
    map_elites_initial: int = 256
    chunk_size: int = 20
    num_threads: int = 2

    @property
    def budget(self) -> int:
        """Evaluations of one run of Diffusion Evolution: N (T + 1)."""
        return self.population_size * (self.num_generations + 1)


# Compiling is what takes time at toy size: of the rivals in JAX only one.
SMOKE = Config(
    repetitions=2,
    repetitions_many_dims=2,
    functions=("himmelblau", "rastrigin"),
    rivals=("cma_es", "pycma", "map_elites"),
    population_size=64,
    num_generations=4,
    top=16,
    open_es_generations=6,
    map_elites_budget=320,
    map_elites_initial=64,
    chunk_size=2,
)

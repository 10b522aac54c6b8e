"""Does HADES find all of four equal peaks and keep them, and with what setting?

Diversity and optima found over generations (figures of the HADES experiments, arXiv 2411.13420):
Rastrigin's corners from a population in the middle, against CMA-ES and a genetic algorithm.
"""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Setting:
    """HADES, or CHARLES-D with one condition; what differs between them.

    Attributes:
        name: in tables.
        condition: "novelty", "greedy" or "fisher"; None is HADES.
        density_corrected: selection divided by the density of the memory.
        forget_best: mutate the elite too.
        training_data: "weighted" loss, or "resampled" by weight.
        continued: train the network of the generation before on, rather than a new one.
        num_epochs: of the fit in each generation.
        buffer_size: memory, in populations.
        temperature: divides the pressure of the selection.
        mutation_rate: of the forward process.
        move_width: half the width of random moves, in evaluation space. The authors move by three
            standard deviations of the first population times a unit Gaussian off centre; 1.04 has
            the same deviation, 0.6.
    """

    name: str
    condition: Literal["novelty", "greedy", "fisher"] | None = None
    density_corrected: bool = True
    forget_best: bool = False
    training_data: Literal["weighted", "resampled"] = "resampled"
    continued: bool = True
    num_epochs: int = 10
    buffer_size: int = 4
    temperature: float = 2.0
    mutation_rate: float = 0.02
    move_width: float = 6.0


@dataclass(frozen=True)
class Rival:
    """A search to compare with; lengths in evaluation space.

    Attributes:
        name: in tables.
        algorithm: "cma_es", "multi_start_cma_es", "simple_ga" or "random".
        sigma: initial step size, or of the mutation; random search has none.
        start_std: scatter of the starts, or of the first population.
        num_starts: of multi-start CMA-ES.
    """

    name: str
    algorithm: Literal["cma_es", "multi_start_cma_es", "simple_ga", "random"]
    sigma: float = 0.2
    start_std: float = 0.2
    num_starts: int = 5


CHOSEN = Setting("HADES, setting of the study")
AUTHORS = Setting(
    "HADES, authors' setting",
    density_corrected=False,
    forget_best=True,
    continued=False,
    num_epochs=100,
    buffer_size=10,
    temperature=1.0,
    mutation_rate=0.2,
    move_width=1.04,
)
LEARNED = (
    AUTHORS,
    CHOSEN,
    replace(CHOSEN, name="CHARLES-D, novelty", condition="novelty"),
    replace(CHOSEN, name="CHARLES-D, greedy", condition="greedy"),
    replace(CHOSEN, name="CHARLES-D, Fisher", condition="fisher"),
)
RIVALS = (
    Rival("CMA-ES", "cma_es"),
    Rival("multi-start CMA-ES, sigma .2", "multi_start_cma_es"),
    Rival("multi-start CMA-ES, sigma 2", "multi_start_cma_es", 2.0, 2.0),
    Rival("multi-start CMA-ES, 16 starts", "multi_start_cma_es", 2.0, 2.0, 16),
    Rival("SimpleGA", "simple_ga"),
    Rival("random search in the box", "random"),
)
STUDY = (
    replace(AUTHORS, name="authors', moves 6 wide", move_width=6.0),
    replace(AUTHORS, name="authors', corrected for density", density_corrected=True),
    *(
        replace(CHOSEN, name=f"T {temperature:g}, mutation {rate:g}", **numbers)
        for temperature in (0.5, 1.0, 2.0, 4.0)
        for rate in (0.01, 0.02, 0.05, 0.2)
        for numbers in ({"temperature": temperature, "mutation_rate": rate},)
    ),
    replace(CHOSEN, name="moves 1.04 wide", move_width=1.04),
    replace(CHOSEN, name="selection not corrected for density", density_corrected=False),
    replace(CHOSEN, name="elite mutated", forget_best=True),
    replace(CHOSEN, name="weighted loss", training_data="weighted"),
    replace(CHOSEN, name="a new network every generation", continued=False),
    replace(CHOSEN, name="memory of 1 population", buffer_size=1),
    replace(CHOSEN, name="memory of 10 populations", buffer_size=10),
    *(
        Rival(f"multi-start CMA-ES, {starts} x sigma {sigma:g}", "multi_start_cma_es", *numbers)
        for starts in (5, 16)
        for sigma in (1.0, 2.0, 4.0)
        for numbers in ((sigma, 2.0, starts),)
    ),
)


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the comparison; the authors' where not said otherwise.

    Attributes:
        repetitions: runs of every method on every task (the authors: 50).
        seed: repetition r uses fold_in(key(seed), r).
        study_repetitions: runs of every setting of the study.
        study_seed: of those, apart from the seed of record.
        tasks: "rastrigin", "rotated_rastrigin" or both; the study is on the first.
        learned: HADES and CHARLES-D.
        rivals: what they are compared with.
        study: what was tried.
        population_size: N.
        num_generations: evaluated populations, the first included.
        min_hits: an optimum is found once so many points were within 0.25 of it, and kept if so
            many of the last population are.
        good: and if one of those has this share of the greatest fitness.
        start_std: HADES's first population, in evaluation space.
        pressure: of the roulette wheel.
        elite_ratio: share that survives.
        move_ratio: share of the offspring that is moved at random.
        network: widths of the MLP.
        batch_size: rows of a step.
        num_steps: of the sampler (the authors: 1000).
        weight_decay: of the network.
        neighbours: k of the novelty.
    """

    repetitions: int = 10
    seed: int = 20261122
    study_repetitions: int = 5
    study_seed: int = 777
    tasks: tuple[str, ...] = ("rastrigin", "rotated_rastrigin")
    learned: tuple[Setting, ...] = LEARNED
    rivals: tuple[Rival, ...] = RIVALS
    study: tuple[Setting | Rival, ...] = STUDY
    population_size: int = 256
    num_generations: int = 101
    min_hits: int = 11
    good: float = 0.99
    start_std: float = 0.2
    pressure: float = 12.0
    elite_ratio: float = 0.25
    move_ratio: float = 1 / 16
    network: tuple[int, ...] = (64, 64)
    batch_size: int = 256
    num_steps: int = 50
    weight_decay: float = 1e-8
    neighbours: int = 128


SMOKE = Config(
    repetitions=2,
    study_repetitions=1,
    tasks=("rastrigin",),
    learned=(replace(CHOSEN, num_epochs=2),),
    rivals=(RIVALS[-1],),
    study=(replace(CHOSEN, name="T 1", num_epochs=2, temperature=1.0),),
    population_size=32,
    num_generations=6,
    network=(8,),
    batch_size=32,
    num_steps=5,
)

"""Does HADES find all of four equal peaks, and with what setting?

Diversity and optima found over generations (figures of the HADES experiments, arXiv 2411.13420):
Rastrigin's corners from a population in the middle, against CMA-ES and a genetic algorithm.
"""

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Setting:
    """HADES, or CHARLES-D with one condition; lengths in evaluation space.

    Attributes:
        name: in tables.
        condition: "novelty", "greedy" or "fisher"; None is HADES.
        density_corrected: selection divided by the density of the memory.
        retention: of the memory, "quality" or "diversity".
        forget_best: mutate the elite too.
        mutation_rate: of the forward process.
        move_width: half the width of random moves. The authors move by three standard deviations
            of the first population times a unit Gaussian off centre; 1.04 has the same deviation,
            0.6.
        move_ratio: share of the offspring that is moved so.
        buffer_size: memory, in populations.
        pressure: of the roulette wheel.
        temperature: divides the pressure.
        elite_ratio: share that survives.
        start_std: of the first population.
    """

    name: str
    condition: Literal["novelty", "greedy", "fisher"] | None = None
    density_corrected: bool = False
    retention: Literal["quality", "diversity"] = "quality"
    forget_best: bool = True
    mutation_rate: float = 0.2
    move_width: float = 1.04
    move_ratio: float = 1 / 16
    buffer_size: int = 10
    pressure: float = 12.0
    temperature: float = 1.0
    elite_ratio: float = 0.25
    start_std: float = 0.2


@dataclass(frozen=True)
class Rival:
    """A search to compare with; lengths in evaluation space.

    Attributes:
        name: in tables.
        algorithm: "cma_es", "multi_start_cma_es", "simple_ga" or "random".
        sigma: initial step size, or of the mutation; random search has none.
        start_std: scatter of the starts, or of the first population.
    """

    name: str
    algorithm: Literal["cma_es", "multi_start_cma_es", "simple_ga", "random"]
    sigma: float = 0.2
    start_std: float = 0.2


AUTHORS = Setting("HADES, authors' setting")
WIDE = replace(AUTHORS, name="HADES, wide moves", move_width=6.0)
CORRECTED = replace(AUTHORS, name="HADES, density corrected", density_corrected=True)
KEEPING = replace(CORRECTED, name="elite kept", forget_best=False)
CHOSEN = replace(KEEPING, name="HADES, setting of the study", move_width=6.0)
LEARNED = (
    AUTHORS,
    CORRECTED,
    CHOSEN,
    replace(WIDE, name="CHARLES-D, novelty", condition="novelty", buffer_size=4),
    replace(WIDE, name="CHARLES-D, greedy", condition="greedy"),
    replace(WIDE, name="CHARLES-D, Fisher", condition="fisher"),
)
RIVALS = (
    Rival("CMA-ES, sigma 0.2", "cma_es"),
    Rival("CMA-ES, sigma 2", "cma_es", 2.0),
    Rival("multi-start CMA-ES, sigma 0.2", "multi_start_cma_es"),
    Rival("multi-start CMA-ES, sigma 2", "multi_start_cma_es", 2.0, 2.0),
    Rival("SimpleGA", "simple_ga"),
    Rival("random search in the box", "random"),
)
STUDY = (
    replace(AUTHORS, name="authors'"),
    replace(WIDE, name="wide moves"),
    replace(CORRECTED, name="density corrected, mutation .05", mutation_rate=0.05),
    replace(CORRECTED, name="density corrected, elite kept", forget_best=False),
    replace(CHOSEN, name="density corrected, elite kept, wide moves"),
    replace(CHOSEN, name="the same, mutation .05, T .6", mutation_rate=0.05, temperature=0.6),
    replace(CHOSEN, name="the same, mutation .05, T .2", mutation_rate=0.05, temperature=0.2),
)


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the comparison.

    Attributes:
        repetitions: runs of every method on every task (the authors: 50).
        seed: repetition r uses fold_in(key(seed), r).
        study_repetitions: runs of every setting of the study.
        study_seed: of those, apart from the seed of record.
        tasks: "rastrigin", "rotated_rastrigin" or both; the study is on the first.
        learned: HADES and CHARLES-D.
        rivals: what they are compared with.
        study: the settings that were tried.
        population_size: N.
        num_generations: evaluated populations, the first included.
        num_starts: of multi-start CMA-ES.
        min_hits: an optimum is found once so many points were within 0.25 of it.
        network: widths of the MLP.
        num_epochs: of a fit (the authors: 100 or 200).
        batch_size: rows of a step; the authors' 256.
        num_steps: of the sampler (the authors: 1000).
        weight_decay: of the network.
        neighbours: k of the novelty.
        chunk_size: repetitions at a time.
    """

    repetitions: int = 10
    seed: int = 20261122
    study_repetitions: int = 3
    study_seed: int = 777
    tasks: tuple[str, ...] = ("rastrigin",)
    learned: tuple[Setting, ...] = LEARNED
    rivals: tuple[Rival, ...] = RIVALS
    study: tuple[Setting, ...] = STUDY
    population_size: int = 256
    num_generations: int = 101
    num_starts: int = 5
    min_hits: int = 11
    network: tuple[int, ...] = (64, 64)
    num_epochs: int = 10
    batch_size: int = 256
    num_steps: int = 50
    weight_decay: float = 1e-8
    neighbours: int = 128
    chunk_size: int = 1


SMOKE = Config(
    repetitions=2,
    study_repetitions=2,
    learned=(CHOSEN,),
    rivals=(RIVALS[5],),
    study=(),
    population_size=32,
    num_generations=6,
    network=(8,),
    num_epochs=2,
    batch_size=32,
    num_steps=5,
    neighbours=8,
    chunk_size=2,
)

"""BBOB: are as many targets reached as by CMA-ES with restarts, and at what cost?

The 24 noiseless functions of COCO with the budget of 10^4 evaluations for each dimension.
"""

from dataclasses import dataclass

METHODS: tuple[str, ...] = (
    "ours",
    "pycma_bipop",
    "pycma_single",
    "evosax_diffusion",
    "evosax_cma_es",
    "evosax_sv_cma_es",
    "evosax_de",
    "scipy_de",
    "random",
)


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: instances 1 to this of every function.
        seed: of everything: a run's own follows from it, function, dimension and instance.
        functions: numbers of COCO's suite, 1 to 24.
        dimensions: 2, 3, 5, 10, 20 or 40.
        few_above: from more dimensions than this only ``few`` instances are run.
        few_of: methods of which only ``few`` instances are run in all dimensions: SciPy's loop over
            single solutions takes hours.
        few: see there.
        budget: evaluations for each dimension: budget * D a run.
        methods: what has no file yet is run, in this order; "pycma_ipop" is there too, half of what
            BIPOP does and as slow.
        port_methods: methods that are run on evosax's port of the functions too, in float32.
        port_chunk: generations of one scan there; between two it is looked whether all are over.
        population_size: of evosax's Diffusion Evolution and Differential Evolution.
        sv_populations: of SV-CMA-ES, each of CMA-ES's own size.
        reference: method that the others are compared with, pair by pair.
        unimodal_reference: CMA-ES for the ratio of running times.
        unimodal: functions for that ratio.
    """

    repetitions: int = 15
    seed: int = 20261125
    functions: tuple[int, ...] = tuple(range(1, 25))
    dimensions: tuple[int, ...] = (2, 3, 5, 10, 20, 40)
    few_above: int = 20
    few_of: tuple[str, ...] = ("scipy_de",)
    few: int = 5
    budget: int = 10_000
    methods: tuple[str, ...] = METHODS
    port_methods: tuple[str, ...] = ("ours", "evosax_diffusion", "evosax_cma_es")
    port_chunk: int = 500
    population_size: int = 256
    sv_populations: int = 4
    reference: str = "pycma_bipop"
    unimodal_reference: str = "pycma_single"
    unimodal: tuple[int, ...] = (1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)


SMOKE = Config(
    repetitions=2,
    functions=(1,),
    dimensions=(2,),
    budget=150,
    methods=("ours", "pycma_bipop", "pycma_single", "random"),
    port_methods=("ours",),
    port_chunk=5,
    population_size=20,
    unimodal=(1,),
)

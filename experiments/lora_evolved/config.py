"""Adapters evolved on digits: how many evaluations, generations, seconds to AdamW's accuracy?

Diffusion Evolution in a latent space, HADES, CMA-ES, separable CMA-ES, OpenES and PGPE at equal
evaluations; over the rank; and how fast a population on one frozen network is evaluated.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """A network whose population is evaluated for the clock.

    Attributes:
        num_inputs: of an image.
        hidden: widths of the hidden layers.
        rank: of the adapters.
        batch: images.
    """

    num_inputs: int
    hidden: tuple[int, ...]
    rank: int
    batch: int


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: seeds of the searches and of AdamW's batches, from one start on one scaffold.
        seed: of these, and of the scaffold and the start.
        hidden: widths of the hidden layers.
        rank: of the adapters in the comparison of methods.
        batch_size: images a generation, the same for all its members.
        budget: evaluations of a search.
        methods: keys of `methods.METHODS`; () is all.
        ranks: of the second comparison; 0 is all of the network's parameters.
        rank_methods: keys of `methods.METHODS`.
        goal: share of AdamW's accuracy that is to be reached.
        epochs: of AdamW.
        learning_rate: of AdamW.
        population: N of the measured evaluation.
        networks: what is measured.
        timings: of each side, in turn.
    """

    repetitions: int = 5
    seed: int = 7
    hidden: tuple[int, ...] = (32,)
    rank: int = 2
    batch_size: int = 256
    budget: int = 102_400
    methods: tuple[str, ...] = ()
    ranks: tuple[int, ...] = (1, 2, 4, 8, 0)
    rank_methods: tuple[str, ...] = ("sep_cma_es",)
    goal: float = 0.9
    epochs: int = 100
    learning_rate: float = 1e-2
    population: int = 512
    networks: tuple[Network, ...] = (
        Network(784, (128, 64), 1, 128),
        Network(784, (128, 64), 4, 128),
        Network(784, (512, 256, 128, 64), 4, 32),
        Network(64, (128, 64), 4, 128),
        Network(64, (32,), 2, 256),
    )
    timings: int = 5


SMOKE = Config(
    repetitions=2,
    hidden=(8,),
    rank=1,
    batch_size=16,
    budget=1024,
    methods=("latent", "open_es"),
    ranks=(1,),
    rank_methods=("open_es",),
    epochs=1,
    population=16,
    networks=(Network(64, (8,), 1, 4),),
    timings=1,
)

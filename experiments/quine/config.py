"""Does a network quine replicate itself, by gradient, by regeneration, by evolution?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: independent starts of everything.
        seed: repetition r uses fold_in(key(seed), r); the projections are those of seed 0.
        hidden: H of the quine, and of the auxiliary quine.
        methods: (name, optimizer, learning rate, epochs, regeneration) of the vanilla quine.
        batch_size: of the gradient.
        climbing_stds: of the steps of hill-climbing.
        climbing_epochs: of hill-climbing.
        auxiliary_epochs: of the auxiliary quine.
        auxiliary_rate: of its adamax.
        relative_sizes: H of the networks that descend the relative error.
        relative_steps: of that.
        relative_rate: at its start.
        relative_scale: of the initial weights, in those of the other networks.
        evolved_hidden: H of the evolved quine.
        evolved: (method, fitness, generations) of the evolved quine; a method is "niching" or
            "cma_es".
        population_size: N of evolution.
        generations_copied: how many times small quines are replaced by their copies.
    """

    repetitions: int = 3
    seed: int = 20261128
    hidden: int = 100
    methods: tuple[tuple[str, str, float, int, bool], ...] = (
        ("Adamax", "adamax", 2e-3, 100, False),
        ("Adamax, slow", "adamax", 5e-4, 40, False),
        ("SGD", "sgd", 1e-2, 10, False),
        ("momentum", "momentum", 6e-2, 40, False),
        ("regeneration, Adamax", "adamax", 2e-3, 10, True),
        ("regeneration, SGD", "sgd", 1e-2, 10, True),
    )
    batch_size: int = 10
    climbing_stds: tuple[float, ...] = (1e-4,)
    climbing_epochs: int = 1
    auxiliary_epochs: int = 8
    auxiliary_rate: float = 2e-3
    relative_sizes: tuple[int, ...] = (4, 16)
    relative_steps: int = 1000
    relative_rate: float = 1e-2
    relative_scale: float = 3**0.5
    evolved_hidden: int = 4
    evolved: tuple[tuple[str, str, int], ...] = (
        ("niching", "relative", 500),
        ("cma_es", "relative", 500),
        ("cma_es", "absolute", 100),
    )
    population_size: int = 64
    generations_copied: int = 10


SMOKE = Config(
    repetitions=2,
    hidden=8,
    methods=(
        ("Adamax", "adamax", 2e-3, 2, False),
        ("regeneration, SGD", "sgd", 1e-2, 2, True),
    ),
    climbing_stds=(1e-3,),
    auxiliary_epochs=1,
    relative_sizes=(2,),
    relative_steps=3,
    evolved_hidden=2,
    evolved=(("cma_es", "relative", 3),),
    population_size=8,
    generations_copied=2,
)

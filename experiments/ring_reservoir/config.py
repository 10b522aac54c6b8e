"""Rings of oscillators as a reservoir: does accuracy rise with their number, and what is it worth?

Digits and Fashion-MNIST over the number of rings beside ridge regression on pixels, a map of
coupling and rewiring, each constant alone, coarser time, and constants that were evolved.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: networks, each with a fold of the digits of its own.
        seed: repetition r uses fold_in(key(seed), r).
        rings: numbers of rings, on the digits.
        dt: of a step, on the digits.
        steps_per_row: on the digits.
        folder: with Fashion-MNIST's IDX files; None leaves it out.
        fashion_rings: numbers of rings, on these.
        fashion_repetitions: networks, each with images of its own; of `coarse`, too.
        fashion_train: images to train on.
        fashion_test: images to test on.
        fashion_dt: of a step.
        fashion_steps: steps per row.
        alphas: of the ridge; one is chosen by a fifth of the images to train on.
        reference_alpha: the paper's.
        side_repetitions: networks of the map and of constants alone.
        side_rings: rings of all that follows, on the digits.
        map_couplings: epsilon of the map; the gain is 2.55 of it, as in the paper.
        map_rewirings: p of the map; the density of the inputs is the same, as in the paper.
        alone: (constant of `tasks.reservoir.Design`, values): changed one at a time.
        coarse: (dt, steps per row) of equal time a row, on Fashion-MNIST.
        coarse_rings: rings of that.
        coarse_train: images to train on, of that.
        coarse_test: images to test on, of that.
        searches: one a fold of the digits.
        evolved_rings: rings of the evolved networks.
        evolved_train: images to train on in an evaluation.
        evolved_held_out: images whose error is the fitness.
        population_size: N.
        generations: of evolution; random search has as many evaluations.
        looks: further evaluations, with other images and luck, of the best N.
        judged_rings: numbers of rings that the constants are judged with.
        judged: networks, drawn anew, that constants are judged by.
    """

    repetitions: int = 3
    seed: int = 20261128
    rings: tuple[int, ...] = (12, 25, 50, 100, 200)
    dt: float = 0.1
    steps_per_row: int = 4
    folder: str | None = "/usr/share/datasets/fashion-mnist"
    fashion_rings: tuple[int, ...] = (25, 50, 100, 200)
    fashion_repetitions: int = 3
    fashion_train: int = 1500
    fashion_test: int = 1000
    fashion_dt: float = 0.09
    fashion_steps: int = 1
    alphas: tuple[float, ...] = (1.0, 10.0, 100.0, 1000.0)
    reference_alpha: float = 1e-4
    side_repetitions: int = 3
    side_rings: int = 50
    map_couplings: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8)
    map_rewirings: tuple[float, ...] = (0.1, 0.3, 0.5, 0.8)
    alone: tuple[tuple[str, tuple[float, ...]], ...] = (
        ("coupling", (0.0, 0.25, 0.5, 1.0)),
        ("gain", (0.3, 0.6375, 1.2, 2.4)),
        ("rewiring", (0.0, 0.2, 1.0)),
        ("density", (0.1, 0.2, 0.5, 1.0)),
        ("largest_ring", (3, 5, 10)),
    )
    coarse: tuple[tuple[float, int], ...] = ((0.01, 9), (0.03, 3), (0.09, 1))
    coarse_rings: int = 25
    coarse_train: int = 600
    coarse_test: int = 600
    searches: int = 3
    evolved_rings: int = 25
    evolved_train: int = 256
    evolved_held_out: int = 128
    population_size: int = 16
    generations: int = 12
    looks: int = 4
    judged_rings: tuple[int, ...] = (25,)
    judged: int = 4


SMOKE = Config(
    repetitions=2,
    rings=(5,),
    folder=None,
    steps_per_row=1,
    alphas=(10.0, 100.0),
    side_repetitions=2,
    side_rings=6,
    map_couplings=(0.1, 0.3),
    map_rewirings=(0.3,),
    alone=(("coupling", (0.0, 0.5)),),
    searches=1,
    evolved_rings=5,
    evolved_train=40,
    evolved_held_out=20,
    population_size=8,
    generations=2,
    looks=1,
    judged_rings=(5,),
    judged=1,
)

"""A small Transformer of frozen random layers with adapters: its loss beside full training's?

Characters of Python's own help, a decoder of two blocks; the ratio of the losses at rank 8 beside
the paper's 1.13 to 1.29.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: seeds of scaffold and training.
        seed: the first of them.
        ranks: of the adapters.
        length: characters of a window.
        width: of the Transformer.
        depth: its blocks.
        num_heads: of its attention.
        alpha: the paper's for Transformers.
        family: of the random matrices.
        epochs: of AdamW.
        batch_size: windows.
        learning_rate: of AdamW.
        weight_decay: the paper's for language models.
        num_windows: to train on, the first; None is all.
    """

    repetitions: int = 3
    seed: int = 11
    ranks: tuple[int, ...] = (2, 8, 32)
    length: int = 64
    width: int = 64
    depth: int = 2
    num_heads: int = 4
    alpha: float = 16.0
    family: str = "fan_in"
    epochs: int = 5
    batch_size: int = 32
    learning_rate: float = 3e-3
    weight_decay: float = 0.1
    num_windows: int | None = None


SMOKE = Config(
    repetitions=2,
    ranks=(2,),
    length=8,
    width=8,
    depth=1,
    num_heads=2,
    epochs=1,
    batch_size=8,
    num_windows=64,
)

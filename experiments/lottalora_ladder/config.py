"""Frozen random networks with adapters of rank 1 to 32: what of full training do they reach?

Ladders of sizes and ranks on digits and Fashion-MNIST, families of random matrices, scaffolds that
are drawn anew or left out, and one adapter whose task the seed chooses.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    """Hyper-parameters of the study.

    Attributes:
        repetitions: seeds of scaffold and training; on the digits each has its fold too.
        seed: the first of them.
        sizes: keys of `tasks.lora.LADDER`, on the digits.
        ranks: of the adapters, ascending.
        more: further networks of the digits, and their ranks: sizes, or "convolutions".
        epochs: on the digits.
        batch_size: on the digits.
        learning_rate: of AdamW, on the digits.
        folder: with Fashion-MNIST's IDX files; None leaves it out.
        fashion_sizes: keys of `tasks.lora.LADDER`.
        fashion_train: images, the first so many.
        fashion_epochs: on these.
        fashion_rate: of AdamW, on these.
        side_size: of all that follows, on the digits.
        families: keys of `tasks.lora.backbones.FAMILIES`; () is all but "zero".
        family_rank: of their comparison.
        resample_ranks: of the scaffolds that are drawn anew.
        micro_batches: of the way that draws several scaffolds a batch.
        zero_ranks: of the adapters without scaffold, some of `ranks`.
        gating_rank: of the adapter for three seeds.
        gating_epochs: of its training.
        tolerances: of the minimal rank: points of accuracy below full training.
    """

    repetitions: int = 5
    seed: int = 42
    sizes: tuple[str, ...] = ("tiny", "small", "medium")
    ranks: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    more: tuple[tuple[str, tuple[int, ...]], ...] = (
        ("large", (8,)),
        ("convolutions", (1, 2, 4, 8)),
    )
    epochs: int = 100
    batch_size: int = 64
    learning_rate: float = 1e-2
    folder: str | None = "/usr/share/datasets/fashion-mnist"
    fashion_sizes: tuple[str, ...] = ("tiny",)
    fashion_train: int = 10_000
    fashion_epochs: int = 20
    fashion_rate: float = 1e-2
    side_size: str = "tiny"
    families: tuple[str, ...] = ()
    family_rank: int = 8
    resample_ranks: tuple[int, ...] = (2, 4, 8)
    micro_batches: int = 4
    zero_ranks: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    gating_rank: int = 4
    gating_epochs: int = 200
    tolerances: tuple[float, ...] = (0.5, 1.0, 2.0)


SMOKE = Config(
    repetitions=2,
    sizes=("tiny",),
    ranks=(1, 8),
    more=(("convolutions", (2,)),),
    epochs=1,
    folder=None,
    families=("normal", "binary"),
    resample_ranks=(8,),
    zero_ranks=(1,),
    gating_epochs=1,
)

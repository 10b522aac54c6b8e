"""Evolve what gradients train: the genome holds adapters, the fitness is the loss on images.

Shape letters: N individuals, D numbers of the genome, b images of a batch, C classes.
"""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from diffevo.algorithms.base import SolutionSpec
from tasks.base import check_points
from tasks.lora import data as sources
from tasks.lora.adapters import Backbone, LowRank, Params
from tasks.lora.models import Classifier
from tasks.lora.training import accuracy, cross_entropy

MEASURES = {"cross_entropy": cross_entropy, "error": lambda *given: 1 - accuracy(*given)}

# On a CPU, so many models at a time: their activations stay in its cache.
_AT_ONCE = 16


@dataclass(frozen=True)
class Classification:
    """Adapters of a frozen random network that is to tell images apart.

    Parameters = those of ``model.init(key(seed))`` + scaling * genome: the genome 0 is the network
    at the start of its training, and the random part of A needs no genome. All individuals of a
    call see the same batch; `evaluate` draws it from its key, without replacement, and
    ``task(genomes)`` from the seed.

    Of N individuals the scaffold is one: its first layer's product with the images is made once,
    the other layers' for a few individuals together.

    The trait ``accuracy`` is the share of the batch that is told right, in [0, 1].

    Attributes:
        name: of the task.
        model: with adapters, or rank None for the whole network as the genome.
        data: "digits", or a folder of IDX files, see `tasks.lora.data`.
        batch_size: b; None is all images to train on.
        measure: the fitness, "cross_entropy" or "error", the share told wrong, which is flat almost
            everywhere.
        seed: of the scaffold, of the network at the start, and of the batch of ``task(genomes)``.
        fold: of the digits, 0 to 4.
        num_train: of a folder, the first so many images; None is all.
        scaling: a step in the parameters.

    Raises:
        ValueError: the measure is unknown; the message names it.
    """

    name: str
    model: LowRank
    data: str = "digits"
    batch_size: int | None = 256
    measure: str = "cross_entropy"
    seed: int = 0
    fold: int = 0
    num_train: int | None = None
    scaling: float = 0.1
    low: float = -1.0
    high: float = 1.0
    optima: None = None
    optimum_fitness: None = None

    def __post_init__(self):
        if self.measure not in MEASURES:
            raise ValueError(f"measure: expected one of {tuple(MEASURES)}, got {self.measure!r}")

    @property
    def spec(self) -> SolutionSpec:
        """How the parameters lie in the genome: in the order of their sorted names."""
        return SolutionSpec.of(self.model.shapes)

    @property
    def num_dims(self) -> int:
        """D, the numbers that training would train."""
        return self.spec.num_dims

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def images(self) -> sources.Data:
        """What is trained and tested on."""
        return sources.load(self.data, self.fold, self.num_train)

    @property
    def backbone(self) -> Backbone:
        """The scaffold."""
        return _start(self.model, self.seed)[1]

    def parameters(self, genomes: Array) -> Params:
        """Parameters of genomes (..., D), each leaf with their leading axes."""
        moved = self.spec.unravel(self.scaling * genomes)
        return jax.tree.map(jnp.add, _start(self.model, self.seed)[0], moved)

    def __call__(self, genomes: Array) -> Array:
        """The loss on the task's own batch: (N, D) -> (N,), lower is better."""
        return self.evaluate(genomes, jax.random.key(self.seed))[0]

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,) and the trait, (N,), of genomes (N, D) on a batch drawn from a key."""
        check_points("genomes", genomes, self.num_dims)
        return _evaluate(self, genomes, key)

    def score(self, genomes: Array, *, test: bool) -> tuple[Array, Array]:
        """Mean cross-entropy and accuracy, each (N,), on all images to train on or to test."""
        images = self.images
        x, y = (images.test_x, images.test_y) if test else (images.train_x, images.train_y)
        return _measure(self, genomes, jnp.asarray(x), jnp.asarray(y), cross_entropy)


@functools.lru_cache(maxsize=16)
def _start(model: LowRank, seed: int) -> tuple[Params, Backbone]:
    """Parameters before training and the scaffold, drawn now, also while a program is traced.

    Else XLA would draw them while it compiles, with an interpreter.
    """
    with jax.ensure_compile_time_eval():
        drawn = model.init(jax.random.key(seed)), model.backbone(seed)
        return jax.tree.map(np.asarray, drawn)


def _measure(
    task: Classification, genomes: Array, x: Array, y: Array, measure: Any
) -> tuple[Array, Array]:
    """A measure and the accuracy, each (N,), on images x with labels y."""
    backbone = task.backbone

    def one(genome: Array) -> tuple[Array, Array]:
        logits = task.model.apply(task.parameters(genome), backbone, x)
        return measure(logits, y), accuracy(logits, y)

    at_once = _AT_ONCE if jax.default_backend() == "cpu" else max(1, len(genomes))
    return jax.lax.map(one, genomes, batch_size=at_once)


@functools.partial(jax.jit, static_argnums=0)
def _evaluate(task: Classification, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
    x, y = jnp.asarray(task.images.train_x), jnp.asarray(task.images.train_y)
    if task.batch_size is not None and task.batch_size < len(x):
        places = jax.random.choice(key, len(x), (task.batch_size,), replace=False)
        x, y = x[places], y[places]
    fitness, right = _measure(task, genomes, x, y, MEASURES[task.measure])
    # What overflows on the way to the logits is NaN or infinite: the worst value.
    fitness = jnp.where(jnp.isfinite(fitness), fitness, jnp.inf)
    return fitness, {"accuracy": right}


def digits(rank: int | None = 4, hidden: tuple[int, ...] = (32,), **options: Any) -> Classification:
    """The registered task: a small network of ReLU neurons tells scikit-learn's digits apart.

    Args:
        rank: of the adapters; None evolves all parameters.
        hidden: widths of the hidden layers.
        options: fields of `Classification`.
    """
    model = LowRank(Classifier(hidden, dropout=0.0), (64,), rank, family="fan_in")
    name = "lora_digits" if rank is not None else "lora_digits_full"
    return Classification(name, model, **options)

"""Evolve a reservoir: its constants, or who hears what. Only the readout is trained.

Shape letters: N individuals, D numbers of the genome, R rings, I inputs.
"""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from diffevo import Integer, Real, SearchSpace
from tasks import images
from tasks.base import check_points
from tasks.images import Images
from tasks.reservoir import graph, hilbert, network, readout, simulation
from tasks.reservoir.network import SMALLEST_RING, Design, Luck, Network
from tasks.reservoir.simulation import Timing

LARGEST_RING = 10
_TIMING = Timing(dt=0.1, steps_per_row=2)
EVOLVED = ("constants", "wiring")

_COMMON = {
    "coupling": Real(0.01, 2.0, log=True),
    "rewiring": Real(0.0, 1.0),
    "gain": Real(0.05, 5.0, log=True),
}


@functools.cache
def constants_space() -> SearchSpace:
    """Constants of `Design`; the sizes of rings lie between ``one_size`` and ``other_size``."""
    size = Integer(SMALLEST_RING, LARGEST_RING)
    return SearchSpace(
        {**_COMMON, "density": Real(0.05, 1.0), "one_size": size, "other_size": size}
    )


@functools.cache
def wiring_space(num_rings: int, num_inputs: int) -> SearchSpace:
    """The size of every ring, and a number for every input that it hears if that is above 0."""
    return SearchSpace(
        {
            **_COMMON,
            "sizes": Integer(SMALLEST_RING, LARGEST_RING, shape=(num_rings,)),
            "mask": Real(-1.0, 1.0, shape=(num_rings, num_inputs)),
        }
    )


@dataclass(frozen=True)
class Reservoir:
    """Find networks of ring oscillators whose snapshots a linear readout can tell images by.

    Fitness = the share of held-out images that is told wrong, in [0, 1], after a ridge regression
    on other images. Both are drawn, without replacement, from the images to train on: those to test
    on are never seen. All individuals of a call have the same images and the same luck.

    With ``evolved`` "constants" the genome holds six constants, and the network is drawn anew from
    the key of each call: what is found is good for networks, not for one network. With "wiring" it
    holds the size of every ring and which inputs it hears, beside coupling, rewiring and gain, and
    the graph's luck is that of the seed: one network.

    Traits: ``accuracy`` = 1 - fitness; ``spikes``, pulses that began per image, the energy;
    ``synapses``, connections.

    Attributes:
        name: of the task.
        evolved: "constants" or "wiring".
        num_rings: R, at least 3.
        num_inputs: I >= 1.
        data: "digits", or a folder of IDX files, see `tasks.images`.
        fold: of the digits, 0 to 4.
        num_images: of a folder, the first so many; None is all.
        num_train: images of a ridge regression, >= 1.
        num_held_out: images that it is tested on, >= 1.
        timing: steps and snapshots.
        alpha: of the ridge, > 0. In float32: far below 1 it loses digits.
        same_start: whether all images meet the network in the same phases.
        seed: of images and luck of ``task(genomes)``.
        scaling: the genome is at home in [-1, 1], and folded there.

    Raises:
        ValueError: a word or a number that is not as said; the message names it.
    """

    name: str
    evolved: str = "constants"
    num_rings: int = 12
    num_inputs: int = 8
    data: str = "digits"
    fold: int = 0
    num_images: int | None = None
    num_train: int = 128
    num_held_out: int = 64
    timing: Timing = _TIMING
    alpha: float = 10.0
    same_start: bool = False
    seed: int = 0
    scaling: float = 1.0
    low: float = -1.0
    high: float = 1.0
    optima: None = None
    optimum_fitness: None = None

    def __post_init__(self):
        if self.evolved not in EVOLVED:
            raise ValueError(f"evolved: expected one of {EVOLVED}, got {self.evolved!r}")
        for name in ("num_train", "num_held_out"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if not self.alpha > 0:
            raise ValueError(f"alpha: expected a number > 0, got {self.alpha}")
        Design(self.num_rings, num_inputs=self.num_inputs)

    @property
    def space(self) -> SearchSpace:
        """What the genome means."""
        if self.evolved == "constants":
            return constants_space()
        return wiring_space(self.num_rings, self.num_inputs)

    @property
    def num_dims(self) -> int:
        """D: 6 constants, or 3 and R (1 + I)."""
        return self.space.num_dims

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def images(self) -> Images:
        """What is trained and tested on, values in [0, 1]."""
        return images.flat(images.unit(images.load(self.data, self.fold, self.num_images)))

    def design(self, genome: Array) -> Design:
        """Evolved constants (6,) as those of a network.

        Raises:
            ValueError: the task evolves something else.
        """
        if self.evolved != "constants":
            raise ValueError(f"evolved: expected 'constants', got {self.evolved!r}")
        found = {key: np.asarray(value).item() for key, value in self._decoded(genome).items()}
        sizes = sorted((found.pop("one_size"), found.pop("other_size")))
        return Design(self.num_rings, *sizes, num_inputs=self.num_inputs, **found)

    def _decoded(self, genome: Array) -> dict[str, Array]:
        return self.space.decode(self.scaling * genome)

    def network(self, genome: Array, luck: Luck) -> Network:
        """The network of a genome (D,), with room for the largest rings; may be traced."""
        found = self._decoded(genome)
        if self.evolved == "constants":
            one, other = found["one_size"], found["other_size"]
            sizes = network.ring_sizes(luck, jnp.minimum(one, other), jnp.maximum(one, other))
            inputs = network.input_mask(luck, found["density"])
        else:
            sizes, inputs = found["sizes"], found["mask"] > 0
        return network.connect(
            (LARGEST_RING,) * self.num_rings,
            sizes,
            graph.small_world(luck.chances, luck.targets, found["rewiring"]),
            self.num_rings - 1,
            inputs,
            found["coupling"],
            found["gain"],
        )

    def __call__(self, genomes: Array) -> Array:
        """The error with the images and luck of the seed: (N, D) -> (N,), lower is better."""
        return self.evaluate(genomes, jax.random.key(self.seed))[0]

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,) and traits, each (N,), of genomes (N, D) with images drawn from a key."""
        check_points("genomes", genomes, self.num_dims)
        available = len(self.images.train_x)
        if self.num_train + self.num_held_out > available:
            raise ValueError(
                f"num_train + num_held_out: expected at most the {available} images of {self.data}"
                f", got {self.num_train} + {self.num_held_out}"
            )
        image_key, start_key, luck_key = jax.random.split(key, 3)
        if self.evolved == "wiring":
            luck_key = jax.random.key(self.seed)
        x, y = jnp.asarray(self.images.train_x), jnp.asarray(self.images.train_y)
        # What is the same for all folds and seeds is compiled once.
        same = dataclasses.replace(self, fold=0, seed=0)
        return _evaluate(same, genomes, (image_key, start_key, luck_key), x, y)


@functools.partial(jax.jit, static_argnums=0)
def _evaluate(
    task: Reservoir, genomes: Array, luck_of: tuple[Array, Array, Array], x: Array, y: Array
) -> tuple[Array, dict[str, Array]]:
    image_key, start_key, luck_key = luck_of
    luck = network.draw(luck_key, task.num_rings, task.num_inputs)
    count = task.num_train + task.num_held_out
    # Drawn without replacement; random.choice would take seconds to compile.
    _, chosen = jax.lax.top_k(jax.random.uniform(image_key, (len(x),)), count)
    pixels, labels = hilbert.sequence(x[chosen]), y[chosen]
    keys = simulation.start_keys(start_key, count, task.same_start)
    alphas = jnp.array([task.alpha])

    def one(genome: Array) -> tuple[Array, dict[str, Array]]:
        found = task.network(genome, luck)
        response = simulation.respond(found, pixels, keys, task.timing, LARGEST_RING)
        features = response.snapshots.reshape(count, -1)
        fitted = readout.fit(features[: task.num_train], labels[: task.num_train], alphas)
        told = jnp.argmax(fitted(features[task.num_train :])[0], axis=-1)
        error = jnp.mean((told != labels[task.num_train :]).astype(jnp.float32))
        return error, {
            "accuracy": 1 - error,
            "spikes": jnp.mean(response.spikes.astype(jnp.float32)),
            "synapses": found.num_synapses.astype(jnp.float32),
        }

    # On a CPU one network at a time: its states then stay in the cache.
    at_once = None if jax.default_backend() == "cpu" else max(1, len(genomes))
    return jax.lax.map(one, genomes, batch_size=at_once)


def reservoir(evolved: str = "constants", **options: Any) -> Reservoir:
    """The registered task: a small reservoir that tells scikit-learn's digits apart.

    Args:
        evolved: "constants" or "wiring".
        options: fields of `Reservoir`.

    Raises:
        ValueError: what `Reservoir` refuses.
    """
    name = "reservoir_digits" + ("_wiring" if evolved == "wiring" else "")
    fields: dict[str, Any] = {"name": name, "evolved": evolved} | options
    return Reservoir(**fields)

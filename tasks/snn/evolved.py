"""Evolve what is otherwise learned, and evolve the learning.

Shape letters: N individuals, D numbers of the genome, b images of a batch, C classes.
"""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from diffevo import SearchSpace
from diffevo.space import Real
from tasks import images
from tasks.base import check_points
from tasks.snn import competitive, encodings, voting, weightless
from tasks.snn.competitive import Competitive, lattice_map, locally_connected
from tasks.snn.connections import Fields
from tasks.snn.inhibition import TwoLevel, Uniform
from tasks.snn.patterns import Patterns
from tasks.snn.plasticity import PairSTDP
from tasks.snn.weightless import Weightless

# On a CPU, so many networks at a time: what they compute stays in its cache.
_AT_ONCE = 8


@dataclass(frozen=True)
class Delays:
    """The genome holds the delays of a network whose weights are all the same.

    Delays = the genome folded from [-1, 1] to [0, longest], input by input. Neuron j speaks for
    class j mod C, as high as its potential gets (`weightless.peaks`); the fitness is the
    cross-entropy of a softmax of the classes' highest, which is smoother than who fires first.

    Traits: ``accuracy``, the share of the batch told right, and ``mean_delay`` in steps, what the
    buffers have to hold.

    Attributes:
        name: of the task.
        network: its constants.
        patterns: what to tell apart; None is scikit-learn's digits as latencies, no pixel silent.
        batch_size: b; `evaluate` draws it anew for every key.
        sharpness: of the softmax, > 0.
        num_valid: of the digits, the last so many to train on are left out of batches.
        fold: of the digits.
        seed: of the batch of ``task(genomes)``.
    """

    name: str
    network: Weightless
    patterns: Patterns | None = None
    batch_size: int = 128
    sharpness: float = 0.5
    num_valid: int = 0
    fold: int = 0
    seed: int = 0
    scaling: float = 1.0
    low: float = -1.0
    high: float = 1.0
    optima: None = None
    optimum_fitness: None = None

    @property
    def num_classes(self) -> int:
        """C."""
        return 10 if self.patterns is None else self.patterns.num_classes

    @property
    def num_dims(self) -> int:
        """D, one delay a synapse."""
        return self.network.num_inputs * self.network.num_neurons

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def space(self) -> SearchSpace:
        """Delays in [0, longest], (I, neurons)."""
        shape = (self.network.num_inputs, self.network.num_neurons)
        return SearchSpace(Real(0.0, float(self.network.longest), shape=shape))

    def delays(self, genomes: Array) -> Array:
        """Delays (N, I, neurons) of genomes (N, D)."""
        return self.space.decode(self.scaling * genomes)

    def times(self, *, test: bool) -> tuple[Array, Array]:
        """Steps of all spikes (n, I) and classes (n,), to train on or to test.

        Of patterns 1,000 fixed samples.
        """
        if self.patterns is not None:
            return self.patterns.draw(jax.random.key(int(test)), 1000)
        x, y = _digits(self.fold, test)
        return encodings.latency_times(x, self.network.num_steps, silent=False), jnp.asarray(y)

    def __call__(self, genomes: Array) -> Array:
        """The cross-entropy on the task's own batch: (N, D) -> (N,), lower is better."""
        return self.evaluate(genomes, jax.random.key(self.seed))[0]

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,) and traits, each (N,), of genomes (N, D) on a batch drawn from a key."""
        check_points("genomes", genomes, self.num_dims)
        return _evaluate_delays(self, genomes, key)

    def score(self, genomes: Array, *, test: bool) -> tuple[Array, Array]:
        """Cross-entropy and accuracy, each (N,), on all of `times`."""
        check_points("genomes", genomes, self.num_dims)
        return _measure_delays(self, self.delays(genomes), *self.times(test=test))


def _measure_delays(
    task: Delays, delays: Array, times: Array, classes: Array
) -> tuple[Array, Array]:
    """Cross-entropy and accuracy, each (N,), of delays (N, I, neurons)."""

    def one(delays: Array) -> tuple[Array, Array]:
        peaks = jax.lax.map(
            lambda t: weightless.peaks(task.network, delays, t), times, batch_size=16
        )
        logits = task.sharpness * weightless.class_best(peaks, task.num_classes)
        losses = -jax.nn.log_softmax(logits)[jnp.arange(len(classes)), classes]
        right = jnp.argmax(logits, axis=1) == classes
        return jnp.mean(losses), jnp.mean(right.astype(jnp.float32))

    return jax.lax.map(one, delays)


@functools.partial(jax.jit, static_argnums=0)
def _evaluate_delays(task: Delays, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
    delays = task.delays(genomes)
    if task.patterns is not None:
        times, classes = task.patterns.draw(key, task.batch_size)
    else:
        times, classes = task.times(test=False)
        times, classes = (part[: len(part) - task.num_valid] for part in (times, classes))
        places = jax.random.choice(key, len(times), (task.batch_size,), replace=False)
        times, classes = times[places], classes[places]
    fitness, right = _measure_delays(task, delays, times, classes)
    return fitness, {"accuracy": right, "mean_delay": jnp.mean(delays, axis=(1, 2))}


@functools.cache
def constants_space(kind: str) -> SearchSpace:
    """What evolution may choose from: wide, and around no setting.

    "lattice" has two levels of inhibition and a share of the training at the lower, "local" one.
    """
    space = {
        "rate_before": Real(1e-5, 1e-1, log=True),
        "rate_after": Real(1e-3, 1.0, log=True),
        "theta_plus": Real(1e-2, 10.0, log=True),
        "tau": Real(5.0, 500.0, log=True),
        "tau_trace": Real(2.0, 100.0, log=True),
        "norm": Real(0.02, 0.5, log=True),
        "rate": Real(20.0, 500.0, log=True),
        "high": Real(1.0, 500.0, log=True),
    }
    if kind == "lattice":
        space |= {"low": Real(0.1, 100.0, log=True), "share_low": Real(0.0, 1.0)}
    return SearchSpace(space)


def with_constants(network: Competitive, constants: dict[str, Array]) -> Competitive:
    """A network with other constants, numbers or arrays by the names of `constants_space`."""
    neuron = dataclasses.replace(
        network.neuron, theta_plus=constants["theta_plus"], tau=constants["tau"]
    )
    inhibition = Uniform(constants["high"])
    if "low" in constants:
        inhibition = TwoLevel(constants["low"], constants["high"], constants["share_low"])
    return dataclasses.replace(
        network,
        neuron=neuron,
        rule=PairSTDP(constants["rate_before"], constants["rate_after"]),
        inhibition=inhibition,
        tau_trace=constants["tau_trace"],
        norm=constants["norm"],
        rate=constants["rate"],
    )


@dataclass(frozen=True)
class Constants:
    """The genome holds the constants of a competitive network that learns anew for every genome.

    Weights start alike for all; images, their order and spikes are the same for all that are
    evaluated with one key. Fitness: 1 - accuracy on images that were not trained on (drawn, like
    those, from the data to train on), neurons labelled by the former, votes by confidence.

    Traits: ``accuracy``; ``spikes`` of the layer an image, its energy, and ``log_spikes``, log10 of
    1 + spikes, to condition on; ``synapses``, the weights above a hundredth.

    Attributes:
        name: of the task.
        network: with the shapes, and the constants that evolution leaves alone.
        kind: "lattice" or "local", of `constants_space`.
        data: "digits", or a folder of IDX files.
        num_train: images to learn from.
        num_valid: images to measure on.
        num_epochs: of the learning.
        batch_size: of the learning.
        fold: of the digits.
        seed: of the draws of ``task(genomes)``.
    """

    name: str
    network: Competitive
    kind: str
    data: str = "digits"
    num_train: int = 400
    num_valid: int = 400
    num_epochs: int = 1
    batch_size: int = 1
    fold: int = 0
    seed: int = 0
    scaling: float = 1.0
    low: float = -1.0
    high: float = 1.0
    optima: None = None
    optimum_fitness: None = None

    def __post_init__(self):
        if self.kind not in ("lattice", "local"):
            raise ValueError(f"kind: expected 'lattice' or 'local', got {self.kind!r}")

    @property
    def num_dims(self) -> int:
        """D, the number of constants."""
        return constants_space(self.kind).num_dims

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    def constants(self, genomes: Array) -> dict[str, Array]:
        """Constants by name, each (N,), of genomes (N, D): one's are for `with_constants`."""
        return constants_space(self.kind).decode(self.scaling * genomes)

    def __call__(self, genomes: Array) -> Array:
        """The error with the task's own draws: (N, D) -> (N,), lower is better."""
        return self.evaluate(genomes, jax.random.key(self.seed))[0]

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,) and traits, each (N,), of genomes (N, D) with the draws of a key."""
        check_points("genomes", genomes, self.num_dims)
        return _evaluate_constants(self, genomes, key)


@functools.partial(jax.jit, static_argnums=0)
def _evaluate_constants(
    task: Constants, genomes: Array, key: Array
) -> tuple[Array, dict[str, Array]]:
    found = images.unit(images.load(task.data, task.fold))
    x, y = jnp.asarray(found.train_x), jnp.asarray(found.train_y)
    num_classes = int(found.train_y.max()) + 1
    key_images, key_init, *keys = jax.random.split(key, 5)
    number = task.num_train + task.num_valid
    places = jax.random.choice(key_images, len(x), (number,), replace=False)
    (x, new_x), (y, new_y) = (jnp.split(part[places], [task.num_train]) for part in (x, y))

    def one(genome: Array) -> tuple[Array, ...]:
        decoded = constants_space(task.kind).decode(genome[None])
        network = with_constants(task.network, {name: x[0] for name, x in decoded.items()})
        start = competitive.init(network, key_init)
        learned = competitive.train(
            network, start, x, keys[0], batch_size=task.batch_size, num_epochs=task.num_epochs
        )
        seen = competitive.respond(network, learned, x, keys[1])
        asked = competitive.respond(network, learned, new_x, keys[2])
        voters = voting.assign(seen.counts, y, num_classes, network.fields.num_locations)
        right = voting.confidence(voters, asked.counts) == new_y
        spikes = jnp.mean(jnp.sum(asked.counts, axis=1).astype(jnp.float32))
        synapses = jnp.sum((learned.weights > 0.01).astype(jnp.float32))
        return jnp.mean(right.astype(jnp.float32)), spikes, synapses

    at_once = _AT_ONCE if jax.default_backend() == "cpu" else max(1, len(genomes))
    accuracy, spikes, synapses = jax.lax.map(one, task.scaling * genomes, batch_size=at_once)
    traits = {"accuracy": accuracy, "spikes": spikes, "synapses": synapses}
    return 1 - accuracy, traits | {"log_spikes": jnp.log10(1 + spikes)}


@functools.lru_cache(maxsize=16)
def _digits(fold: int, test: bool) -> tuple[np.ndarray, np.ndarray]:
    found = images.unit(images.digits(fold))
    x, y = (found.test_x, found.test_y) if test else (found.train_x, found.train_y)
    return x.reshape(len(x), -1), y


def delays(
    data: str = "digits",
    num_neurons: int = 20,
    num_steps: int = 16,
    longest: int = 16,
    **options: Any,
) -> Delays:
    """The registered tasks: digits, or patterns in time, told apart by delays alone.

    Args:
        data: "digits" or "patterns".
        num_neurons: of the network, at least one a class.
        num_steps: of the input.
        longest: delay, steps.
        options: fields of `Delays`.

    Raises:
        ValueError: for other data.
    """
    if data not in ("digits", "patterns"):
        raise ValueError(f"data: expected 'digits' or 'patterns', got {data!r}")
    patterns = Patterns(num_steps=num_steps) if data == "patterns" else None
    num_inputs = 64 if patterns is None else patterns.num_inputs
    network = Weightless(num_inputs, num_neurons, num_steps, longest)
    return Delays(
        **{"name": f"snn_delays_{data}", "network": network, "patterns": patterns} | options
    )


def constants(
    kind: str = "lattice", num_filters: int | None = None, num_steps: int = 100, **options: Any
) -> Constants:
    """The registered tasks: constants of a lattice map or of a locally connected network.

    Args:
        kind: "lattice" or "local".
        num_filters: neurons of the lattice, 100 by default, or of each of the 3 x 3 locations, 12.
        num_steps: of an image.
        options: fields of `Constants`; ``network`` replaces the network.

    Raises:
        ValueError: for another kind.
    """
    if kind == "local":
        network = locally_connected(Fields(8, 8, 6, 1), num_filters or 12, num_steps=num_steps)
    else:
        network = lattice_map(Fields(8, 8), num_filters or 100, num_steps=num_steps)
    return Constants(
        **{"name": f"snn_{kind}_constants", "network": network, "kind": kind} | options
    )

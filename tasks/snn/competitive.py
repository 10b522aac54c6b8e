r"""Networks that learn filters by competing: the lattice map and the locally connected network.

Images are spike trains. Neurons see the whole image (`Fields` without kernel: LM-SNN, SOM-SNN) or
one field of it (LC-SNN), are excited by what they see, and hold down the others of their location
when they fire (`tasks.snn.inhibition`). STDP moves the filter of who fires towards what it saw;
each filter's sum is kept, so that the weights of unused inputs fade. A threshold that rises with
every spike shares out the images.

```python
data = images.unit(images.digits())
network = lattice_map(Fields(8, 8), 400)     # or locally_connected(Fields(8, 8, 6, 1), 44)
learned = train(network, init(network, key), data.train_x, key, num_epochs=3)
scores = evaluate(network, learned, data, key)            # {"all": .9, "proportion": ...}
```

`jax.vmap` makes populations of it: over ``learned`` and keys (seeds), or over ``network`` (its
numbers, the constants, are a pytree's leaves).

Shape letters: n images, B of a batch, I pixels, L locations, K pixels of each, F neurons of each,
N = L F neurons, T steps.

References: arXiv 1906.11826 (LM-SNN), 1807.09374 (SOM-SNN), 1904.06269 (LC-SNN), and the authors'
programs. Ours: images are shown again because too few neurons fired only where nothing is learned;
there is no pause between images, potentials start at rest; the changes of a presentation are made
at its end (``block``); constants are for digits of 8 x 8 pixels, unless they are given.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jax.typing import ArrayLike

from tasks.images import Images
from tasks.snn import encodings, voting
from tasks.snn.connections import Fields
from tasks.snn.inhibition import Inhibition, TwoLevel, Uniform, lattice_distances
from tasks.snn.neurons import DiehlCook, Number, rest
from tasks.snn.plasticity import PairSTDP, Rule
from tasks.snn.simulate import Learning, Record, present


@struct.dataclass
class Competitive:
    """A network's constants; shapes are static, numbers may be traced.

    Attributes:
        fields: which pixels a location sees.
        num_filters: F, neurons at each location.
        inhibition: within a location.
        neuron: of the layer.
        rule: of the plasticity.
        rate: Hz of a white pixel, >= 0.
        norm: what the weights of a filter sum to, a share of K.
        tau_trace: of the spikes' traces, ms.
        num_steps: T of an image.
        block: steps between changes of the weights, a divisor of T; None: after every presentation.
        average: the changes by the images of a batch are averaged, else summed.
        least_spikes: of the layer, for an image to count as answered when nothing is learned, >= 1.
        most_shows: of an image, each at twice the rate of the one before, >= 1.
    """

    fields: Fields = struct.field(pytree_node=False)
    num_filters: int = struct.field(pytree_node=False)
    inhibition: Inhibition
    neuron: DiehlCook = DiehlCook()
    rule: Rule = PairSTDP()
    rate: Number = 500.0
    norm: Number = 0.1
    tau_trace: Number = 20.0
    num_steps: int = struct.field(pytree_node=False, default=100)
    block: int | None = struct.field(pytree_node=False, default=None)
    average: bool = struct.field(pytree_node=False, default=False)
    least_spikes: Number = 5
    most_shows: Number = 1

    @property
    def num_neurons(self) -> int:
        """N."""
        return self.fields.num_locations * self.num_filters

    @property
    def num_synapses(self) -> int:
        """From pixels to neurons, N K."""
        return self.num_neurons * self.fields.size


class Learned(NamedTuple):
    """What a network has learned.

    Attributes:
        weights: (L, K, F) in [0, 1].
        theta: what is added to the thresholds, (L, F), mV.
    """

    weights: Array
    theta: Array


class Responses(NamedTuple):
    """What neurons said to images.

    Attributes:
        counts: spikes (n, N) int32.
        order: who fired, first to last, (n, M) int32; -1 where there is no further spike.
    """

    counts: Array
    order: Array


def lattice_map(fields: Fields, num_neurons: int = 400, **constants: Any) -> Competitive:
    """LM-SNN: a lattice of neurons that see the whole image, with two levels of inhibition.

    The higher level is mild, so that several neurons speak for an image, and can vote.

    Args:
        fields: without kernel.
        num_neurons: F.
        constants: fields of `Competitive`; else what was tried out on digits of 8 x 8 pixels.
    """
    defaults: dict[str, Any] = {
        "inhibition": TwoLevel(low=1.0, high=10.0, share_low=0.1),
        "neuron": DiehlCook(theta_plus=0.5),
        "rule": PairSTDP(1e-3, 5e-2),
        "norm": 0.1,
    }
    return Competitive(fields, num_neurons, **(defaults | constants))


def locally_connected(fields: Fields, num_filters: int = 25, **constants: Any) -> Competitive:
    """LC-SNN: at each location filters that compete with each other alone.

    Args:
        fields: with a kernel.
        num_filters: F, of each location.
        constants: fields of `Competitive`; else what was tried out on digits of 8 x 8 pixels.
    """
    defaults: dict[str, Any] = {
        "inhibition": Uniform(250.0),
        "neuron": DiehlCook(theta_plus=0.3),
        "rule": PairSTDP(1e-4, 2e-2),
        "norm": 0.2,
    }
    return Competitive(fields, num_filters, **(defaults | constants))


def init(network: Competitive, key: Array) -> Learned:
    """Weights uniform in [0, 1), each filter's sum as the network's ``norm`` has it; theta 0."""
    fields = network.fields
    shape = (fields.num_locations, fields.size, network.num_filters)
    weights = _normalised(jax.random.uniform(key, shape), network.norm)
    return Learned(weights, jnp.zeros((shape[0], shape[2])))


def train(
    network: Competitive,
    learned: Learned,
    images: ArrayLike,
    key: Array,
    *,
    batch_size: int = 1,
    num_epochs: int = 1,
) -> Learned:
    """Show images, in a new order every epoch, and let the weights change.

    Args:
        network: its constants.
        learned: from `init` or `train`.
        images: (n, H, W) or (n, I), pixels in [0, 1].
        key: of order and spikes; consumed.
        batch_size: B images, which all meet the same weights; what is left over is left out.
        num_epochs: >= 1.

    Raises:
        ValueError: for images of another size, pixels out of their range, and batches larger
            than n.
    """
    images = flat(network.fields, images)
    if not 1 <= batch_size <= len(images):
        raise ValueError(f"batch_size: expected 1 to {len(images)} images, got {batch_size}")
    return _train(network, learned, images, key, batch_size, num_epochs)


@functools.partial(jax.jit, static_argnums=(4, 5))
def _train(
    network: Competitive,
    learned: Learned,
    images: Array,
    key: Array,
    batch_size: int,
    num_epochs: int,
) -> Learned:
    num_batches = len(images) // batch_size
    total = num_batches * num_epochs
    key_order, key_spikes = jax.random.split(key)
    orders = jax.vmap(lambda k: jax.random.permutation(k, len(images)))(
        jax.random.split(key_order, num_epochs)
    )
    orders = orders[:, : num_batches * batch_size].reshape(total, batch_size)

    def step(learned: Learned, given: tuple[Array, Array]) -> tuple[Learned, None]:
        number, order = given
        spikes = encode(network, images[order], jax.random.fold_in(key_spikes, number))
        progress = number / total
        learned, _ = show(network, learned, spikes, progress, learn=True, monitors=())
        return learned, None

    return jax.lax.scan(step, learned, (jnp.arange(total), orders))[0]


def show(
    network: Competitive,
    learned: Learned,
    spikes: Array,
    progress: Number = 1.0,
    *,
    learn: bool = False,
    monitors: Sequence[str] = ("spikes",),
) -> tuple[Learned, Record]:
    """Show one batch of spikes (T, B, I).

    Thresholds start from ``theta`` for every image; after learning, the rises of a batch are
    summed up, or averaged, as the weights' changes are.

    Args:
        network: its constants.
        learned: what it knows.
        spikes: of the pixels.
        progress: share of the training that is over, for the inhibition.
        learn: else weights and thresholds stay as they are.
        monitors: as of `tasks.snn.simulate.present`.
    """
    weights, theta = learned
    shape = (spikes.shape[1], *theta.shape)
    state = rest(shape)._replace(adaptation=jnp.broadcast_to(theta, shape))
    distances = jnp.asarray(lattice_distances(network.num_filters))
    neuron, learning = network.neuron, None
    if learn:
        learning = Learning(network.rule, network.tau_trace, average=network.average)
    else:
        neuron = dataclasses.replace(neuron, theta_plus=0.0, tau_theta=jnp.inf)
    weights, state, record = present(
        neuron,
        weights,
        spikes,
        network.fields,
        state=state,
        lateral=network.inhibition.strength(distances, progress),
        learning=learning,
        block=network.block,
        monitors=monitors,
    )
    if learn:
        rise = jnp.sum(state.adaptation - theta, axis=0)
        theta = theta + (rise / shape[0] if network.average else rise)
        weights = _normalised(weights, network.norm)
    return Learned(weights, theta), record


def respond(
    network: Competitive,
    learned: Learned,
    images: ArrayLike,
    key: Array,
    *,
    batch_size: int = 32,
    length: int = 0,
) -> Responses:
    """Show images and count spikes; nothing is learned.

    An image at which fewer than ``least_spikes`` neurons fired is shown again at twice the rate, up
    to ``most_shows`` times in all; the last showing counts.

    Args:
        network: its constants.
        learned: what it knows.
        images: (n, H, W) or (n, I), pixels in [0, 1].
        key: of the spikes; consumed.
        batch_size: images at a time; memory is that many times T N numbers.
        length: M, of the order of spikes; 0 keeps none.
    """
    images = flat(network.fields, images)
    return _respond(network, learned, images, key, min(batch_size, len(images)), length)


@functools.partial(jax.jit, static_argnums=(4, 5))
def _respond(
    network: Competitive,
    learned: Learned,
    images: Array,
    key: Array,
    batch_size: int,
    length: int,
) -> Responses:
    number = len(images)
    num_batches = -(-number // batch_size)
    padded = jnp.concatenate(
        [images, jnp.zeros((num_batches * batch_size - number, images.shape[1]))]
    )
    padded = padded.reshape(num_batches, batch_size, -1)

    def step(carry: None, given: tuple[Array, Array]) -> tuple[None, Responses]:
        index, batch = given

        def shown(number: ArrayLike) -> Responses:
            brighter = dataclasses.replace(network, rate=network.rate * 2.0**number)
            own = jax.random.fold_in(jax.random.fold_in(key, index), number)
            _, record = show(network, learned, encode(brighter, batch, own))
            assert record.spikes is not None
            fired = record.spikes.reshape(*record.spikes.shape[:2], -1)
            counts = jnp.sum(fired, axis=0).astype(jnp.int32)
            return Responses(counts, jax.vmap(lambda s: order(s, length), 1)(fired))

        def few(said: Responses) -> Array:
            return jnp.sum(said.counts, axis=1) < network.least_spikes

        def again(carry: tuple[Array, Responses]) -> tuple[Array, Responses]:
            number, before = carry
            after = shown(number)
            wanted = few(before)[:, None]
            return number + 1, jax.tree.map(lambda a, b: jnp.where(wanted, a, b), after, before)

        def unfinished(carry: tuple[Array, Responses]) -> Array:
            # Padding is black and never makes a spike: it asks for nothing.
            asks = few(carry[1]) & jnp.any(batch > 0, axis=1)
            return (carry[0] < network.most_shows) & jnp.any(asks)

        # In the loop from the start, so that there is one program to compile.
        nothing = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(shown, 0)
        )
        begin = jnp.zeros((), jnp.int32), nothing
        return carry, jax.lax.while_loop(unfinished, again, begin)[1]

    responses = jax.lax.scan(step, None, (jnp.arange(num_batches), padded))[1]
    return jax.tree.map(
        lambda part: part.reshape(num_batches * batch_size, part.shape[-1])[:number], responses
    )


def evaluate(
    network: Competitive,
    learned: Learned,
    data: Images,
    key: Array,
    *,
    votes: Sequence[str] = ("all", "most_spiked", "proportion", "confidence"),
    num_label: int | None = None,
    batch_size: int = 32,
    length: int = 64,
) -> dict[str, float]:
    """Label neurons by what they say to images to train on, then vote on those to test.

    Args:
        network: its constants.
        learned: what it knows.
        data: pixels in [0, 1], `tasks.images.unit`.
        key: of the spikes; consumed.
        votes: names of `tasks.snn.voting.VOTES`.
        num_label: images to label with, the first; None is all to train on.
        batch_size: of `respond`.
        length: of the order of spikes that "ngram" sees.

    Returns:
        The accuracy of each vote on held-out images, in [0, 1], and ``spikes`` of an image.
    """
    keys = jax.random.split(key)
    kept = length if "ngram" in votes else 0
    shown = flat(network.fields, data.train_x[:num_label]), flat(network.fields, data.test_x)
    labelling, testing = (
        respond(network, learned, x, k, batch_size=batch_size, length=kept)
        for x, k in zip(shown, keys, strict=True)
    )
    labels = np.asarray(data.train_y[:num_label])
    num_classes = int(max(labels.max(), data.test_y.max())) + 1
    voters = voting.assign(labelling.counts, labels, num_classes, network.fields.num_locations)
    scores = {}
    for vote in votes:
        if vote == "ngram":
            said = voting.ngram(labelling.order, labels, testing.order)
        elif vote == "distance":
            said = voting.distance(voters, network.fields, learned.weights, shown[1])
        else:
            said = voting.VOTES[vote](voters, testing.counts)
        scores[vote] = float(np.mean(np.asarray(said) == data.test_y))
    return scores | {"spikes": float(np.mean(np.sum(np.asarray(testing.counts), axis=1)))}


def delete_synapses(
    learned: Learned, key: Array, share: Number, norm: Number | None = None
) -> Learned:
    """Each synapse is lost, its weight 0, with probability ``share``.

    Args:
        learned: what the network knew.
        key: of who is lost; consumed.
        share: in [0, 1].
        norm: of the network, to which what is left of a filter grows: its sum is kept, as after
            every image that is learned (BindsNET scales after every image, learned or not). None
            leaves what is left as it is.
    """
    kept = jax.random.uniform(key, learned.weights.shape) >= share
    weights = learned.weights * kept
    return learned._replace(weights=weights if norm is None else _normalised(weights, norm))


def delete_neurons(learned: Learned, key: Array, share: Number) -> Learned:
    """Each neuron is lost, all its weights 0, with probability ``share``; it never fires."""
    kept = jax.random.uniform(key, learned.theta.shape) >= share
    return learned._replace(weights=learned.weights * kept[:, None])


def flat(fields: Fields, images: ArrayLike) -> Array:
    """Images (n, H, W) or (n, I) as (n, I).

    Raises:
        ValueError: for images of another size, and pixels out of [0, 1] unless they are traced.
    """
    shape = np.shape(images)
    if shape[1:] not in ((fields.num_inputs,), (fields.height, fields.width)):
        raise ValueError(
            f"images: expected (n, {fields.height}, {fields.width}) or (n, {fields.num_inputs}), "
            f"got {shape}"
        )
    images = encodings.checked("images", images, most=1.0)
    return images.reshape(shape[0], -1)


def encode(network: Competitive, images: Array, key: Array) -> Array:
    """Poisson spikes (T, B, I) of pixels (B, I)."""
    return encodings.poisson(key, images, network.num_steps, network.rate, network.neuron.dt)


def _normalised(weights: Array, norm: Number) -> Array:
    """Each filter's sum made norm * K; one without weights keeps none."""
    total = jnp.sum(weights, axis=1, keepdims=True)
    return weights * jnp.where(total > 0, norm * weights.shape[1] / jnp.maximum(total, 1e-12), 0.0)


def order(fired: Array, length: int) -> Array:
    """The first neurons to fire (M,), -1 for none, of spikes (T, N)."""
    places = jnp.nonzero(fired.ravel(), size=length, fill_value=-1)[0]
    return jnp.where(places < 0, -1, places % fired.shape[1]).astype(jnp.int32)

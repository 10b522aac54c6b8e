r"""What an image is, by the neurons that fired: voting rules, and the labels that they need.

All but `ngram`, which runs on the host, can be traced. A vote is the class (n,) int32 of each
image, the lowest of equals, -1 where nothing spoke. r_jc is the mean count of neuron j over the
labelling images of class c.

Shape letters: n images, m labelling images, N neurons, C classes, L locations, M spikes kept.

References: arXiv 1906.11826, 1904.06269, 1806.01423, and their authors' programs.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from tasks.snn.connections import Fields


class Voters(NamedTuple):
    """What is known of neurons after labelling.

    Attributes:
        rates: r (N, C).
        labels: argmax_c r_jc, (L, F) int32; -1 for a neuron that never fired.
        shares: r_jc / sum_c r_jc, (N, C); 0 for a neuron that never fired.
    """

    rates: Array
    labels: Array
    shares: Array

    @property
    def members(self) -> Array:
        """Whether a neuron has a label, (N, C), 0 or 1."""
        classes = jnp.arange(self.rates.shape[1])
        return (self.labels.reshape(-1, 1) == classes).astype(jnp.float32)


def assign(
    counts: ArrayLike,
    classes: ArrayLike,
    num_classes: int,
    num_locations: int = 1,
    before: Array | None = None,
    kept: float = 0.9,
) -> Voters:
    """Label neurons by the class that they fire most for.

    Args:
        counts: spikes (m, N).
        classes: of the images, (m,), in [0, C).
        num_classes: C.
        num_locations: L; neurons of a location are side by side.
        before: rates of an earlier labelling, (N, C): what is kept of them is added (LM-SNN's
            ``accumulated_rates``).
        kept: share of them, in [0, 1].

    Raises:
        ValueError: for other shapes, and classes out of range unless they are traced.
    """
    counts = jnp.asarray(counts, jnp.float32)
    if counts.ndim != 2 or np.shape(classes) != counts.shape[:1]:
        raise ValueError(
            f"counts: expected shape (m, N) and m classes, got {counts.shape} and "
            f"{np.shape(classes)}"
        )
    if not isinstance(classes, Tracer):
        found = np.asarray(classes)
        if found.min() < 0 or found.max() >= num_classes:
            raise ValueError(
                f"classes: expected 0 to {num_classes - 1}, got {found.min()} to {found.max()}"
            )
    members = jax.nn.one_hot(jnp.asarray(classes), num_classes)
    rates = (counts.T @ members) / jnp.maximum(jnp.sum(members, axis=0), 1)
    rates = rates if before is None else kept * before + rates
    total = jnp.sum(rates, axis=1, keepdims=True)
    labels = jnp.where(total[:, 0] > 0, jnp.argmax(rates, axis=1), -1).astype(jnp.int32)
    shares = rates / jnp.where(total > 0, total, 1)
    return Voters(rates, labels.reshape(num_locations, -1), shares)


def all_activity(voters: Voters, counts: ArrayLike) -> Array:
    """The class whose neurons fire most on average: max_c sum_{j of c} n_j / |c|."""
    members = voters.members
    return _decide(_real(counts) @ members / jnp.maximum(jnp.sum(members, axis=0), 1))


def most_spiked(voters: Voters, counts: ArrayLike) -> Array:
    """The label of the neuron with most spikes."""
    counts = _real(counts)
    labels = voters.labels.ravel()[jnp.argmax(counts, axis=1)]
    return jnp.where(jnp.max(counts, axis=1) > 0, labels, -1)


def proportion(voters: Voters, counts: ArrayLike) -> Array:
    """As `all_activity`, spikes weighed by their neuron's share of its label's class."""
    members = voters.members
    weighed = _real(counts) @ (members * voters.shares)
    return _decide(weighed / jnp.maximum(jnp.sum(members, axis=0), 1))


def confidence(voters: Voters, counts: ArrayLike) -> Array:
    """Every neuron speaks for every class, as far as it fires for it: max_c sum_j n_j share_jc."""
    return _decide(_real(counts) @ voters.shares)


def patches(voters: Voters, counts: ArrayLike) -> Array:
    """At each location the neuron with most spikes votes for its label; most votes win."""
    counts = _real(counts).reshape(-1, *voters.labels.shape)
    said = voters.labels[jnp.arange(len(voters.labels)), jnp.argmax(counts, axis=2)]
    said = jnp.where(jnp.max(counts, axis=2) > 0, said, -1)
    return _majority(said, voters.rates.shape[1])


VOTES: dict[str, Callable[[Voters, ArrayLike], Array]] = {
    "all": all_activity,
    "most_spiked": most_spiked,
    "proportion": proportion,
    "confidence": confidence,
    "patches": patches,
}
"""Rules that need counts alone; `ngram` and `distance` need more."""


def ngram(order: ArrayLike, classes: ArrayLike, asked: ArrayLike, length: int = 2) -> Array:
    """By who fires after whom: every run of ``length`` spikes speaks for classes it was seen in.

    A run's voice for a class is its count in the labelling images of the class, over its count in
    all of them. Runs that were never seen say nothing.

    Args:
        order: who fired, first to last, in the labelling images, (m, M), -1 for no spike.
        classes: of these, (m,).
        asked: the same of the images to vote on, (n, M).
        length: of a run, >= 1.

    Raises:
        ValueError: for runs longer than M, or too many different ones to number.
    """
    order, classes, asked = np.asarray(order), np.asarray(classes), np.asarray(asked)
    if not 1 <= length <= min(order.shape[1], asked.shape[1]):
        raise ValueError(f"length: expected 1 to {order.shape[1]}, the spikes kept, got {length}")
    number = int(max(order.max(), asked.max(), 0)) + 1
    if length * np.log2(number) > 62:
        raise ValueError(f"length: too many runs of {length} of {number} neurons to number them")
    image, run = _runs(order, length, number)
    known, places = np.unique(run, return_inverse=True)
    table = np.zeros((len(known) + 1, int(classes.max()) + 1))
    np.add.at(table, (places, classes[image]), 1.0)
    table /= np.maximum(table.sum(axis=1, keepdims=True), 1)
    image, run = _runs(asked, length, number)
    places = np.searchsorted(known, run)
    places = np.where(
        (places < len(known)) & (np.append(known, -1)[places] == run), places, len(known)
    )
    votes = np.zeros((len(asked), table.shape[1]))
    np.add.at(votes, image, table[places])
    return _decide(votes)


def distance(voters: Voters, fields: Fields, weights: ArrayLike, images: ArrayLike) -> Array:
    """The label of the filter nearest to the image, no spikes asked; by most votes of locations.

    Image and filters are scaled to length 1. Neurons without a label have no say.

    Args:
        voters: for the labels.
        fields: which pixels a location sees.
        weights: filters (L, K, F).
        images: (n, I).
    """
    weights, seen = jnp.asarray(weights), fields.see(jnp.asarray(images))  # (n, L, K)
    seen = seen / jnp.maximum(jnp.linalg.norm(seen, axis=2, keepdims=True), 1e-12)
    filters = weights / jnp.maximum(jnp.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
    likeness = jnp.einsum("nlk,lkf->nlf", seen, filters)
    likeness = jnp.where(voters.labels >= 0, likeness, -jnp.inf)
    said = voters.labels[jnp.arange(len(weights)), jnp.argmax(likeness, axis=2)]
    return _majority(said, voters.rates.shape[1])


def _runs(order: np.ndarray, length: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Image and number of every whole run."""
    windows = np.lib.stride_tricks.sliding_window_view(order.astype(np.int64), length, axis=1)
    whole = np.all(windows >= 0, axis=2)
    codes = windows @ (number ** np.arange(length, dtype=np.int64))
    return np.nonzero(whole)[0], codes[whole]


def _real(counts: ArrayLike) -> Array:
    return jnp.asarray(counts, jnp.float32)


def _decide(votes: ArrayLike) -> Array:
    """The class with most votes (n, C) -> (n,), -1 where there is no vote."""
    votes = jnp.asarray(votes)
    return jnp.where(jnp.max(votes, axis=1) > 0, jnp.argmax(votes, axis=1), -1).astype(jnp.int32)


def _majority(said: Array, num_classes: int) -> Array:
    """Of the classes that locations name (n, L), -1 for none, the one named most."""
    return _decide(jnp.sum(jax.nn.one_hot(said, num_classes), axis=1))

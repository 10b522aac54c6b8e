"""A competitive spiking network learns images and is asked for others: what two studies share."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax import Array

from experiments.common import statistics
from tasks import images
from tasks.images import Images
from tasks.snn import Competitive, competitive
from tasks.snn.competitive import Learned


def load(name: str, repetition: int, num_train: int | None, num_test: int | None) -> Images:
    """Pixels in [0, 1]: the digits, of which each repetition tests another fifth, or a folder's."""
    if name == "digits":
        return images.unit(images.digits(repetition % 5))
    return images.unit(images.from_folder(name, num_train, num_test))


def trial(
    network: Competitive,
    data: Images,
    key: Array,
    *,
    num_epochs: int,
    batch_size: int,
    votes: Sequence[str],
    num_label: int | None = None,
) -> tuple[Learned, dict[str, float]]:
    """Learn, label by the first ``num_label`` images, vote.

    Returns:
        What was learned, and of each vote the per cent of the held-out images that are told right;
        ``spikes`` of the layer an image.
    """
    begin, learn, ask = jax.random.split(key, 3)
    start = competitive.init(network, begin)
    learned = competitive.train(
        network, start, data.train_x, learn, batch_size=batch_size, num_epochs=num_epochs
    )
    scores: dict[str, Any] = competitive.evaluate(
        network, learned, data, ask, votes=votes, num_label=num_label
    )
    return learned, {
        name: score if name == "spikes" else 100 * score for name, score in scores.items()
    }


def repeat(
    network: Competitive,
    draw: Callable[[int, Array], Images],
    keys: Array,
    **settings: Any,
) -> tuple[list[Learned], dict[str, Any]]:
    """A trial a key.

    Args:
        network: its constants.
        draw: images of a repetition, of its number and key.
        keys: one a repetition.
        settings: of `trial`.

    Returns:
        What was learned, and summaries with ``values`` by vote; ``neurons``, ``synapses``.
    """
    learned, scores = [], []
    for number, key in enumerate(keys):
        one, score = trial(network, draw(number, key), key, **settings)
        learned.append(one)
        scores.append(score)
    row: dict[str, Any] = statistics.by_name(scores)
    return learned, row | {"neurons": network.num_neurons, "synapses": network.num_synapses}

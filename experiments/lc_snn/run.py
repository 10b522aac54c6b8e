"""Trains both kinds of network at every size, then deletes."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from experiments.common import chunks, competing, results, statistics
from experiments.common.progress import Progress
from experiments.lc_snn import report
from experiments.lc_snn.config import Config, Data
from tasks.images import Images
from tasks.snn import (
    Competitive,
    Fields,
    Uniform,
    competitive,
    lattice_map,
    locally_connected,
    voting,
)
from tasks.snn.competitive import Learned

VOTES = ("all", "most_spiked", "proportion", "confidence", "patches", "ngram")
KINDS = ("local", "dense")
# What is lost: a function of the network, what it learned, a key and the share.
DELETE: dict[str, Callable[[Competitive, Learned, Array, float], Learned]] = {
    "synapses": lambda net, one, key, share: competitive.delete_synapses(one, key, share),
    "synapses, sums kept": lambda net, one, key, share: competitive.delete_synapses(
        one, key, share, net.norm
    ),
    "neurons": lambda net, one, key, share: competitive.delete_neurons(one, key, share),
}


def network(data: Data, kind: str, filters: int) -> Competitive:
    """The locally connected network, or a dense one of as many neurons, all held down alike.

    As in the paper, an image with fewer than five spikes is shown again, up to three times.
    """
    fields = Fields(data.side, data.side, data.kernel, data.stride)
    if kind == "local":
        return locally_connected(fields, filters, most_shows=4)
    neurons = fields.num_locations * filters
    whole = Fields(data.side, data.side)
    # The lattice's own higher level, from the first image on, and the norm that suits that best.
    return lattice_map(whole, neurons, inhibition=Uniform(10.0), norm=0.05, most_shows=4)


def learn(config: Config, data: Data, kind: str, filters: int) -> tuple[list[Any], dict[str, Any]]:
    """What each repetition learned, and the summaries by vote."""

    def draw(number: int, key: Array) -> Images:
        del key
        return competing.load(data.name, number, data.num_train, data.num_test)

    return competing.repeat(
        network(data, kind, filters),
        draw,
        chunks.repetition_keys(config.seed, data.repetitions),
        num_epochs=data.num_epochs,
        batch_size=data.batch_size,
        votes=VOTES,
        num_label=data.num_label,
    )


def delete(config: Config, data: Data, kind: str, what: str, learned: list[Any]) -> dict[str, Any]:
    """By the share that is lost, the accuracy of the largest networks, labelled before."""
    net = network(data, kind, data.filters[-1])
    values: dict[float, list[float]] = {share: [] for share in config.deleted}
    vote = voting.VOTES[config.vote]
    keys = chunks.repetition_keys(config.seed, data.repetitions)
    for number, (one, key) in enumerate(zip(learned, keys, strict=True)):
        images = competing.load(data.name, number, data.num_train, data.num_test)
        label, ask, lose = jax.random.split(jax.random.fold_in(key, 1), 3)
        labels = images.train_y[: data.num_label]
        seen = competitive.respond(net, one, images.train_x[: data.num_label], label)
        voters = voting.assign(seen.counts, labels, 10, net.fields.num_locations)
        for share in config.deleted:
            lost = DELETE[what](net, one, lose, share)
            said = vote(voters, competitive.respond(net, lost, images.test_x, ask).counts)
            values[share].append(100 * float(np.mean(np.asarray(said) == images.test_y)))
    return {str(share): statistics.kept(found) for share, found in values.items()}


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study; see `experiments/README.md` for the contract."""
    config = dataclasses.replace(
        config, digits=dataclasses.replace(config.digits, repetitions=config.repetitions)
    )
    record = results.Record(out / "lc_snn.json", "lc_snn", config, seed=config.seed)
    sets = {"digits": config.digits} | ({"fashion": config.fashion} if config.fashion else {})
    ladder: dict[str, Any] = {}
    record.results |= {"ladder": ladder, "deleted": {}}
    num_parts = sum(len(KINDS) * (len(data.filters) + len(DELETE)) for data in sets.values())
    progress.begin(num_parts, "ladder")
    largest: dict[tuple[str, str], list[Any]] = {}
    for name, data in sets.items():
        for kind in KINDS:
            for filters in data.filters:
                progress.describe(f"{name}: {kind}, {filters} filters")
                learned, row = learn(config, data, kind, filters)
                ladder.setdefault(name, {}).setdefault(kind, {})[str(filters)] = row
                largest[name, kind] = learned
                record.save()
                progress.advance()
    for (name, kind), learned in largest.items():
        for what in DELETE:
            progress.describe(f"{name}, {kind}: {what} lost")
            rows = record.results["deleted"].setdefault(name, {}).setdefault(what, {})
            rows[kind] = delete(config, sets[name], kind, what, learned)
            record.save()
            progress.advance()
    written = [report.draw(record.results, config, out / "lc_snn.png")]
    return record.publish(report.markdown, report.terminal, written, progress)

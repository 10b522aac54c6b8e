"""Trains lattices under every inhibition, on every set of images, and of several sizes."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jax import Array

from experiments.common import chunks, competing, results
from experiments.common.progress import Progress
from experiments.som_snn import frames, report
from experiments.som_snn.config import Config, Data
from tasks.images import Images
from tasks.snn import Fields, Growing, Increasing, TwoLevel, Uniform, lattice_map
from tasks.snn.inhibition import Inhibition


def inhibitions(config: Config) -> dict[str, Inhibition]:
    """All that are compared, by name; p_low 0 is the high level from the first image on."""
    low, high = config.low, config.high
    found: dict[str, Inhibition] = {
        "uniform": Uniform(high),
        "growing": Growing(low, high),
        # As BindsNET's 10, 40 and 60 of 120 mV.
        "increasing": Increasing(start=high / 12, span=high / 3, rise=high / 2, high=high),
    }
    for share in config.shares_low:
        found[f"two-level, p_low {share}"] = TwoLevel(low, high, share)
    return found


def learn(config: Config, data: Data, neurons: int, inhibition: Inhibition) -> dict[str, Any]:
    """Summaries by vote."""

    def draw(number: int, key: Array) -> Images:
        if data.name == "breakout":
            assert data.num_train is not None
            assert data.num_test is not None
            return frames.draw(key, data.num_train, data.num_test)
        return competing.load(data.name, number, data.num_train, data.num_test)

    return competing.repeat(
        lattice_map(Fields(data.side, data.side), neurons, inhibition=inhibition, most_shows=4),
        draw,
        chunks.repetition_keys(config.seed, data.repetitions),
        num_epochs=data.num_epochs,
        batch_size=config.batch_size,
        votes=config.votes,
        num_label=data.num_label,
    )[1]


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study; see `experiments/README.md` for the contract."""
    digits = dataclasses.replace(config.sets[0], repetitions=config.repetitions)
    sets = (digits, *config.sets[1:])
    record = results.Record(out / "som_snn.json", "som_snn", config, seed=config.seed)
    kinds = inhibitions(config)
    record.results |= {"inhibition": {}, "sizes": {}}
    progress.begin(len(sets) * len(kinds) + len(config.sizes), "inhibition")
    for data in sets:
        name = Path(data.name).name
        rows = record.results["inhibition"].setdefault(name, {})
        for kind, inhibition in kinds.items():
            progress.describe(f"{name}: {kind}")
            rows[kind] = learn(config, data, data.neurons, inhibition)
            record.save()
            progress.advance()
    found = record.results["inhibition"][digits.name]
    best = max(
        (kind for kind in found if kind.startswith("two-level")),
        key=lambda kind: np.mean(found[kind][config.vote]["values"]),
    )
    record.results["kind_of_sizes"] = best
    for neurons in config.sizes:
        progress.describe(f"{neurons} neurons, {best}")
        record.results["sizes"][str(neurons)] = learn(config, digits, neurons, kinds[best])
        record.save()
        progress.advance()
    written = [report.draw(record.results, config, out / "som_snn.png")]
    return record.publish(report.markdown, report.terminal, written, progress)

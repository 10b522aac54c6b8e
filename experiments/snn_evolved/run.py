"""Tunes constants, tests them beside the papers', and draws the front against spikes."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.common import chunks, results, statistics
from experiments.common.progress import Progress
from experiments.snn_evolved import cases, report
from experiments.snn_evolved.config import Config

SLOWED = "evolved, slowed"


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study; see `experiments/README.md` for the contract.

    A run of the same configuration that was stopped is taken up where it was.

    Returns:
        The content of ``snn_evolved.json``. ``results``: ``searches``, by system what each
        repetition found (`_search`), and the summaries ``tuned`` and ``front`` of those.
    """
    record = results.Record(out / "snn_evolved.json", "snn_evolved", config, seed=config.seed)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    before = record.stopped().get("results", {}).get("searches", {})
    searches = {kind: before.get(kind, []) for kind in config.systems}
    record.results |= {"searches": searches, "tuned": {}, "front": {}}
    progress.begin(len(config.systems) * len(keys), "searches")
    for kind, done in searches.items():
        progress.advance(len(done))
        for number in range(len(done), len(keys)):
            progress.describe(f"{kind}: search {number + 1}")
            found = _search(config, kind, number, keys[number])
            done.append({"commit": record.provenance["commit"], **found})
            record.save()
            progress.advance()
        record.results["tuned"][kind] = _tuned(done)
        record.results["front"][kind] = _front(done)
    written = [report.draw(record.results, config, out / "snn_evolved.png")]
    return record.publish(report.markdown, report.terminal, written, progress)


def _search(config: Config, kind: str, number: int, key: Any) -> dict[str, Any]:
    """One repetition.

    Returns:
        ``constants`` found, ``curve`` of the search, ``scores`` of all kinds of constants by how
        many images were learned from, and what CHARLES-D (``charles_d``) and as many constants at
        random (``random``) evaluated.
    """
    task = cases.task_of(config, kind, number)
    search_key, test_key = jax.random.split(key)
    genome, curve = cases.tune(config, task, search_key)
    found = {name: float(x[0]) for name, x in task.constants(genome[None]).items()}
    papers, steps = cases.PAPERS[kind], task.network.num_steps
    nets = {
        "evolved": cases.network(task, found, steps),
        "by hand": cases.network(task, None, steps),
        "papers'": cases.network(task, papers, steps),
        "papers', their time": cases.network(task, papers, cases.PAPERS_STEPS[kind]),
    }

    def learned(net: Any, num_train: int | None = None) -> dict[str, float]:
        return cases.learn_and_test(config, task, net, number, test_key, num_train)

    few = {name: learned(net, config.num_train) for name, net in nets.items()}
    slower = cases.network(task, cases.slowed(config, found, number), steps)
    everything = {name: learned(net) for name, net in (nets | {SLOWED: slower}).items()}
    return {
        "constants": found,
        "curve": curve,
        "scores": {"few": few, "all": everything},
        "charles_d": cases.steer(config, task, jax.random.fold_in(key, 1)),
        "random": cases.draw_at_random(config, task, jax.random.fold_in(key, 2)),
    }


def _tuned(searches: list[dict[str, Any]]) -> dict[str, Any]:
    """By images learned from: accuracy and spikes of each kind of constants, and differences."""
    tuned: dict[str, Any] = {}
    for images, first in searches[0]["scores"].items():
        tested = {
            name: statistics.by_name([one["scores"][images][name] for one in searches])
            for name in first
        }
        best = SLOWED if images == "all" else "evolved"
        accuracy = {name: row["accuracy"] for name, row in tested.items()}
        tuned[images] = {
            "accuracy": accuracy,
            "spikes": {name: row["spikes"] for name, row in tested.items()},
            "better": {
                other: statistics.paired(accuracy[best]["values"], accuracy[other]["values"])
                for other in accuracy
                if other != best
            },
        }
    return tuned


def _front(searches: list[dict[str, Any]]) -> dict[str, Any]:
    """The areas of CHARLES-D's and of random search's fronts, and their difference."""
    areas = {
        name: [
            cases.area(np.asarray(one[name]["accuracy"]), np.asarray(one[name]["spikes"]))
            for one in searches
        ]
        for name in ("charles_d", "random")
    }
    return {
        "area": {name: statistics.kept(one) for name, one in areas.items()},
        "difference": statistics.paired(areas["charles_d"], areas["random"]),
    }

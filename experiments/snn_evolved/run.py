"""Tunes constants, tests them beside the papers', and draws the front against spikes."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.common import chunks, results, statistics
from experiments.common.progress import Progress
from experiments.snn_evolved import cases, report
from experiments.snn_evolved.config import Config


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study; see `experiments/README.md` for the contract.

    A system takes an hour: those that a stopped run has finished are kept, with their provenance.
    """
    record = results.Record(out / "snn_evolved.json", "snn_evolved", config, seed=config.seed)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    record.results |= {"tuned": {}, "front": {}, "provenance": {}}
    before = record.stopped()
    done = before.get("results", {"front": {}})
    progress.begin(2 * len(config.systems) * len(keys), "constants")
    for kind in config.systems:
        if kind in done["front"]:
            for part in ("tuned", "front"):
                record.results[part][kind] = done[part][kind]
            origin = done.get("provenance", {}).get(kind, before["provenance"])
            record.results["provenance"][kind] = origin
            progress.advance(2 * len(keys))
            continue
        record.results["provenance"][kind] = record.provenance
        record.results["tuned"][kind] = tuned = _tuned(config, kind, keys, progress)
        record.results["front"][kind] = _front(config, kind, keys, progress)
        tuned["better"] = {
            other: statistics.paired(
                tuned["accuracy"]["evolved"]["values"], tuned["accuracy"][other]["values"]
            )
            for other in tuned["accuracy"]
            if other != "evolved"
        }
        record.save()
    written = [report.draw(record.results, config, out / "snn_evolved.png")]
    return record.publish(report.markdown, report.terminal, written, progress)


def _tuned(config: Config, kind: str, keys: Any, progress: Progress) -> dict[str, Any]:
    """Of each kind of constants accuracy and spikes on held-out images; the constants found."""
    rows: dict[str, list[dict[str, float]]] = {}
    curves, constants = [], []
    for number, key in enumerate(keys):
        progress.describe(f"{kind}: search {number + 1}")
        task = cases.task_of(config, kind, number)
        search_key, test_key = jax.random.split(key)
        genome, curve = cases.tune(config, task, search_key)
        curves.append(curve)
        found = {name: float(x[0]) for name, x in task.constants(genome[None]).items()}
        constants.append(found)
        papers, steps = cases.PAPERS[kind], task.network.num_steps
        nets = {
            "evolved": cases.network(task, found, steps),
            "by hand": cases.network(task, None, steps),
            "papers'": cases.network(task, papers, steps),
            "papers', their time": cases.network(task, papers, cases.PAPERS_STEPS[kind]),
        }
        for name, net in nets.items():
            score = cases.test(config, task, net, number, test_key)
            rows.setdefault(name, []).append(score)
        progress.advance()

    tested = {name: statistics.by_name(found) for name, found in rows.items()}
    return {
        **{
            measure: {name: row[measure] for name, row in tested.items()}
            for measure in ("accuracy", "spikes")
        },
        "curve": statistics.curve(np.array(curves)),
        "constants": constants,
    }


def _front(config: Config, kind: str, keys: Any, progress: Progress) -> dict[str, Any]:
    """Everything that CHARLES-D and random search evaluated, their areas, and what was asked."""
    steered, drawn = [], []
    for number, key in enumerate(keys):
        progress.describe(f"{kind}: front {number + 1}")
        task = cases.task_of(config, kind, number)
        steered.append(cases.steer(config, task, jax.random.fold_in(key, 1)))
        drawn.append(cases.draw_at_random(config, task, jax.random.fold_in(key, 2)))
        progress.advance()
    areas = {
        name: [cases.area(one["accuracy"], one["spikes"]) for one in found]
        for name, found in (("charles_d", steered), ("random", drawn))
    }
    return {
        "charles_d": steered,
        "random": drawn,
        "area": {name: statistics.kept(one) for name, one in areas.items()},
        "difference": statistics.paired(areas["charles_d"], areas["random"]),
    }

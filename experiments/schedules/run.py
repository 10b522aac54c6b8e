"""Runs every schedule at every length, and long schedules thinned."""

import itertools
import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo import schedules
from experiments.common import chunks, diffusion, results, statistics
from experiments.common.progress import Progress
from experiments.schedules import report
from experiments.schedules.config import Config
from experiments.table1 import config as table1
from experiments.table1.functions import groups
from experiments.table1.methods import Points
from experiments.table1.scores import score
from experiments.weighting.forms import FORMS

SCORES = ("fitness", "fitness_x0", "entropy", "entropy_x0")
REFERENCE = Path(__file__).parent / "reference.json"


class Study:
    """One program for each length; schedule and weighting are traced.

    Args:
        config: its size.
    """

    def __init__(self, config: Config):
        self.config = config
        (self.group,) = groups(("rastrigin",))
        (task,) = self.group.tasks
        self.one = diffusion.OneOf((FORMS["paper"].build(task), diffusion.default_weighting()))
        self.judge = table1.Config(top=config.top, cell_size=config.cell_size)

    def run(
        self, alphas: Array, weighting: str, repetitions: int, progress: Progress
    ) -> dict[str, np.ndarray]:
        """The scores of table 1, each (R,), of runs along a schedule."""
        num_generations = alphas.shape[0] - 1
        (task,) = self.group.tasks
        algorithm = diffevo.DiffusionEvolution(
            self.config.population_size,
            jnp.zeros(2),
            num_generations=num_generations,
            weighting=self.one,
        )
        default = algorithm.default_params
        noise_scale = (
            self.config.noise_scale if weighting == "paper" else float(default.noise_scale)
        )
        params = diffusion.tuned(
            default.replace(alphas=alphas),
            self.one,
            0 if weighting == "paper" else 1,
            1.0,
            noise_scale,
        )

        def one_chunk(keys: Array) -> dict[str, np.ndarray]:
            run = diffusion.run(algorithm, params, self.group.tasks, keys)
            points = Points(
                np.asarray(run.population) * task.scaling,
                np.asarray(run.origins) * task.scaling,
                np.asarray(run.path),
                None,
            )
            found = score(self.group, 0, points, self.judge)
            return {name: found[name] for name in SCORES}

        return chunks.over_chunks(
            one_chunk,
            chunks.repetition_keys(self.config.seed, repetitions),
            self.config.chunk_size,
            lambda done: progress.advance(done * num_generations),
        )


def _cells(config: Config) -> list[tuple[str, str, int, int | None]]:
    """(map, schedule, steps, thinned from), short ones first: they compile together."""
    cells: list[tuple[str, str, int, int | None]] = []
    for steps in config.steps:
        for schedule in config.schedules:
            cells.append(("paper", schedule, steps, None))
            if steps in config.thinned_steps:
                cells.append(("paper", schedule, steps, config.thinned_from))
            if "default" in config.maps and steps in config.default_steps:
                cells.append(("default", schedule, steps, None))
    return cells


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``schedules.json``, ``schedules.md`` and the figure.
        progress: where to show how far it is.

    Returns:
        The content of ``schedules.json``. ``results``: ``cells`` (map, schedule, steps,
        thinned_from, scores), ``orderings`` (the schedules ranked at some lengths, ours and the
        reference's), ``reference``.
    """
    study = Study(config)
    record = results.Record(out / "schedules.json", "schedules", config, seed=config.seed)
    reference = json.loads(REFERENCE.read_text())
    record.results = {"cells": [], "reference": reference}
    cells = _cells(config)

    def repetitions(steps: int) -> int:
        most = config.repetitions_long
        return min(config.repetitions, most) if steps > config.long_steps else config.repetitions

    progress.begin(sum((steps - 1) * repetitions(steps) for _, _, steps, _ in cells), "compiling")
    values: dict[tuple[str, str, int, int | None], dict[str, np.ndarray]] = {}
    for cell in cells:
        weighting, schedule, steps, thinned = cell
        progress.describe(f"{schedule}, {steps} steps" + (", thinned" if thinned else ""))
        alphas = schedules.build(schedule, steps - 1, None if thinned is None else thinned - 1)
        values[cell] = study.run(alphas, weighting, repetitions(steps), progress)
        entry: dict[str, Any] = {
            "map": weighting,
            "schedule": schedule,
            "steps": steps,
            "thinned_from": thinned,
            "scores": {name: statistics.summarize(one) for name, one in values[cell].items()},
        }
        if thinned is not None:
            plain = schedules.build(schedule, steps - 1)
            entry["largest_alpha_difference"] = float(jnp.max(jnp.abs(alphas - plain)))
            entry["against_unthinned"] = statistics.difference(
                values[cell]["fitness"], values[weighting, schedule, steps, None]["fitness"]
            )
        record.results["cells"].append(entry)
        record.save()

    record.results["orderings"] = [
        _ordering(values, steps, config.schedules, reference["figure"])
        for steps in config.ordering_steps
    ]
    picture = report.draw(record.results, config, out)
    record.results["figures"] = [picture.name]
    content = record.finish()
    table = out / "schedules.md"
    results.write_text(table, report.markdown(content))
    progress.print(report.terminal(content))
    for line in report.orderings(content["results"]):
        progress.print(line)
    for path in (record.path, table, picture):
        progress.print(f"wrote {path}")
    return content


def _ordering(
    values: dict[tuple[str, str, int, int | None], dict[str, np.ndarray]],
    steps: int,
    names: tuple[str, ...],
    figure: dict[str, Any],
) -> dict[str, Any]:
    """Schedules from best to worst by final fitness, and how sure each gap is."""
    fitness = {name: values["paper", name, steps, None]["fitness"] for name in names}
    ours = sorted(fitness, key=lambda name: -float(fitness[name].mean()))
    theirs = None
    if steps in figure["steps"]:
        at = figure["steps"].index(steps)
        theirs = sorted(
            (name for name in names if name in figure), key=lambda name: -figure[name][at]
        )
    shared = None if theirs is None else [name for name in ours if name in theirs]
    return {
        "steps": steps,
        "ours": ours,
        "reference": theirs,
        "agrees": None if theirs is None else shared == theirs,
        "gaps": {
            f"{better} - {worse}": statistics.difference(fitness[better], fitness[worse])
            for better, worse in itertools.pairwise(ours)
        },
    }

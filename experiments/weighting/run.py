"""Runs the comparison of weightings: every form, temperature, noise scale and function."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from experiments.common import chunks, diffusion, results, statistics
from experiments.common.progress import Progress
from experiments.table1 import config as table1
from experiments.table1.functions import groups
from experiments.table1.methods import Points
from experiments.table1.scores import score
from experiments.weighting import report
from experiments.weighting.config import Config
from experiments.weighting.forms import FORMS
from tasks.functions.benchmark import Benchmark

SCORES = ("entropy_x0", "fitness_x0", "entropy", "fitness")
# (factor, offset) of the fitness, the first is as it is.
TRANSFORMS = {"f": (1.0, 0.0), "1000 f": (1000.0, 0.0), "f + 10": (1.0, 10.0)}


@dataclass(frozen=True)
class Transformed:
    """factor f + offset; hashed by value."""

    task: Benchmark
    factor: float
    offset: float

    def __call__(self, genomes: Array) -> Array:
        """Fitness (N,) of genomes (N, D)."""
        return self.task(genomes) * self.factor + self.offset


class Study:
    """The one program that every cell of the study runs.

    Args:
        config: its size.
    """

    def __init__(self, config: Config):
        self.config = config
        (self.group,) = groups(config.functions)
        names = {name for name, _ in (*config.sweep, *config.invariance_forms)}
        weightings = [FORMS[name].build(task) for name in names for task in self.group.tasks]
        weightings.sort(key=repr)  # a set has no order that another process would repeat
        self.one, self.indices = diffusion.one_of(weightings)
        self.objectives = tuple(
            Transformed(task, *transform)
            for transform in TRANSFORMS.values()
            for task in self.group.tasks
        )
        self.algorithm = diffevo.DiffusionEvolution(
            config.population_size,
            jnp.zeros(2),
            num_generations=config.num_generations,
            weighting=self.one,
        )
        self.judge = table1.Config(top=config.top, cell_size=config.cell_size)

    def run(
        self,
        form: str,
        temperature: float,
        noise_scale: float,
        choice: int,
        repetitions: int,
        transform: str = "f",
    ) -> dict[str, np.ndarray]:
        """One cell: the scores of table 1, (R,) each, and the final ``population`` (R, N, D)."""
        group = self.group
        task = group.tasks[choice]
        index = self.indices[FORMS[form].build(task)]
        params = diffusion.tuned(
            self.algorithm.default_params, self.one, index, temperature, noise_scale
        )
        objective = list(TRANSFORMS).index(transform) * len(group.tasks) + choice

        def one_chunk(keys: Array) -> dict[str, np.ndarray]:
            run = diffusion.run(self.algorithm, params, self.objectives, keys, objective)
            population = np.asarray(run.population) * task.scaling
            points = Points(
                population,
                np.asarray(run.origins) * task.scaling,
                np.asarray(run.path),
                None,
            )
            found = score(group, choice, points, self.judge)
            return {name: found[name] for name in SCORES} | {"population": population}

        keys = chunks.repetition_keys(self.config.seed, repetitions)
        return chunks.over_chunks(one_chunk, keys, self.config.chunk_size)


def _settings(config: Config) -> Iterator[tuple[str, float, float]]:
    """(form, temperature, noise scale), the baseline and the default first and once."""
    first = [
        ("paper", 1.0, config.paper_noise_scale),
        (config.default_form, 1.0, config.default_noise_scale),
    ]
    rest = [
        (name, temperature, noise_scale)
        for name, temperatures in config.sweep
        for temperature in temperatures
        for noise_scale in config.noise_scales
    ]
    yield from dict.fromkeys(first + rest)


def _summary(values: np.ndarray) -> dict[str, Any]:
    """Mean and spread; the sweep is too wide to keep every value."""
    return {"n": len(values), "mean": float(values.mean()), "sd": float(values.std(ddof=1))}


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``weighting.json``, ``weighting.md`` and the figure.
        progress: where to show how far it is.

    Returns:
        The content of ``weighting.json``. ``results``: ``forms`` (formula of each); ``cells``, one
        for each setting, with the scores of each function and the ``margins`` over the baseline;
        ``default`` (the library's default against the baseline, with intervals); ``invariance``.
    """
    study = Study(config)
    record = results.Record(out / "weighting.json", "weighting", config, seed=config.seed)
    settings = list(_settings(config))
    record.results = {
        "forms": {
            name: {"formula": FORMS[name].formula, "knows": FORMS[name].knows}
            for name in dict.fromkeys(
                [name for name, _, _ in settings] + [name for name, _ in config.invariance_forms]
            )
        },
        "cells": [],
    }
    num_functions = len(config.functions)
    progress.begin(
        num_functions
        * (
            len(settings) * config.repetitions
            + len(config.invariance_forms) * len(TRANSFORMS) * config.invariance_repetitions
        ),
        "compiling",
    )
    full: dict[tuple[str, float, float], list[dict[str, np.ndarray]]] = {}
    for setting in settings:
        form, temperature, noise_scale = setting
        found = []
        for choice in range(num_functions):
            found.append(study.run(form, temperature, noise_scale, choice, config.repetitions))
            progress.advance(config.repetitions)
            progress.describe(f"{form}, T = {temperature:g}, noise {noise_scale:g}")
        if setting in settings[:2]:
            full[setting] = found
        functions = {
            name: {key: _summary(one[key]) for key in SCORES}
            for name, one in zip(config.functions, found, strict=True)
        }
        cell = {
            "form": form,
            "temperature": temperature,
            "noise_scale": noise_scale,
            "functions": functions,
        }
        baseline = functions if not record.results["cells"] else _baseline(record.results)
        cell["margins"] = _margins(functions, baseline, config.max_entropy_loss)
        record.results["cells"].append(cell)
        record.save()

    paper, default = (full[setting] for setting in settings[:2])
    record.results["default"] = {
        name: {
            key: {
                "paper": statistics.summarize(theirs[key]),
                "default": statistics.summarize(ours[key]),
                "gain": statistics.difference(ours[key], theirs[key]),
            }
            for key in SCORES
        }
        for name, ours, theirs in zip(config.functions, default, paper, strict=True)
    }
    record.save()
    record.results["invariance"] = _invariance(study, progress)
    picture = report.draw(record.results, config, out)
    record.results["figures"] = [picture.name]
    return record.publish(report.markdown, report.terminal, [picture], progress)


def _baseline(found: dict[str, Any]) -> dict[str, Any]:
    return found["cells"][0]["functions"]


def _margins(
    functions: dict[str, Any], baseline: dict[str, Any], max_entropy_loss: float
) -> dict[str, Any]:
    """The smallest gain in fitness and in entropy over the functions, and whether that passes."""
    margins = {}
    for variant, suffix in (("x0", "_x0"), ("final", "")):
        gains = {
            key: {
                name: functions[name][key + suffix]["mean"] - baseline[name][key + suffix]["mean"]
                for name in functions
            }
            for key in ("fitness", "entropy")
        }
        worst = {key: min(gains[key], key=gains[key].__getitem__) for key in gains}
        fitness, entropy = (gains[key][worst[key]] for key in ("fitness", "entropy"))
        margins[variant] = {
            "fitness": fitness,
            "entropy": entropy,
            "worst_fitness_on": worst["fitness"],
            "worst_entropy_on": worst["entropy"],
            "passes": bool(fitness >= 0 and entropy >= -max_entropy_loss),
        }
    return margins


def _invariance(study: Study, progress: Progress) -> list[dict[str, Any]]:
    """The same seeds on f, 1000 f and f + 10."""
    config = study.config
    rows = []
    for form, temperature in config.invariance_forms:
        noise_scale = (
            config.default_noise_scale if form == config.default_form else config.paper_noise_scale
        )
        for choice, task in enumerate(study.group.tasks):
            plain: dict[str, np.ndarray] | None = None
            for transform in TRANSFORMS:
                progress.describe(f"{form} on {transform}, {task.name}")
                found = study.run(
                    form, temperature, noise_scale, choice, config.invariance_repetitions, transform
                )
                progress.advance(config.invariance_repetitions)
                plain = found if plain is None else plain
                moved = np.abs(found["population"] - plain["population"]).max(axis=(1, 2))
                rows.append(
                    {
                        "form": form,
                        "temperature": temperature,
                        "noise_scale": noise_scale,
                        "function": task.name,
                        "fitness_is": transform,
                        "entropy_x0": float(found["entropy_x0"].mean()),
                        "fitness_x0": float(found["fitness_x0"].mean()),
                        "identical_runs": float(np.mean(moved == 0)),
                        "median_largest_difference": float(np.median(moved)),
                    }
                )
    return rows

"""Runs the sweep of temperatures with the paper's map and with the library's default."""

import functools
import itertools
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo.core import metrics
from experiments.common import chunks, diffusion, results, statistics
from experiments.common.progress import Progress
from experiments.table1.functions import Group, groups
from experiments.temperature import report
from experiments.temperature.config import Config
from experiments.weighting.forms import FORMS

SCORES = ("fitness", "fitness_top", "entropy", "qd_score", "qd_score_truncated")
MAPS = {"paper": "paper", "default": "scale_free"}
REFERENCE = Path(__file__).parent / "reference.json"


@functools.partial(jax.jit, static_argnames=("group", "top"))
def _score(
    group: Group, top: int, choice: Array, genomes: Array, cell_size: float
) -> dict[str, Array]:
    """The numbers of every run, as the authors' plot defines them; genomes (R, N, 2)."""
    first = group.tasks[0]

    def single(genomes: Array) -> dict[str, Array]:
        judges = [lambda x, task=task: (task(x), task.quality(x)) for task in group.tasks]
        distance, quality = jax.lax.switch(choice, judges, genomes)
        points = genomes * first.scaling
        best = jnp.argsort(distance)[:top]
        boxed = jnp.clip(points, first.low, first.high)
        return {
            "fitness": jnp.mean(quality),
            "fitness_top": jnp.mean(quality[best]),
            "entropy": metrics.entropy(points[best], cell_size),
            # Cells of edge 1: rounded, which is what the authors' figure shows, and truncated
            # towards zero, which is what their script now does.
            "qd_score": metrics.qd_score(boxed, quality, 1.0),
            "qd_score_truncated": metrics.qd_score(jnp.trunc(boxed), quality, 1.0),
        }

    return jax.vmap(single)(genomes)


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``temperature.json``, ``temperature.md`` and the figure.
        progress: where to show how far it is.

    Returns:
        The content of ``temperature.json``. ``results``: ``cells`` (map -> function ->
        temperature -> a summary of each of `SCORES`),
        ``trends`` and ``reference``.
    """
    record = results.Record(out / "temperature.json", "temperature", config, seed=config.seed)
    (group,) = groups(config.functions)
    forms = [FORMS[MAPS[name]].build(task) for name in MAPS for task in group.tasks]
    one, indices = diffusion.one_of(forms)
    algorithm = diffevo.DiffusionEvolution(
        config.population_size,
        jnp.zeros(2),
        num_generations=config.num_generations,
        weighting=one,
    )
    default = algorithm.default_params
    noise = {"paper": config.noise_scale, "default": float(default.noise_scale)}
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    cells: dict[str, Any] = {name: {task: {} for task in config.functions} for name in MAPS}
    record.results = {
        "cells": cells,
        "noise_scale": noise,
        "reference": json.loads(REFERENCE.read_text()),
    }
    progress.begin(
        len(MAPS) * len(group.tasks) * len(config.temperatures) * config.repetitions, "compiling"
    )
    for name, form in MAPS.items():
        for choice, task in enumerate(group.tasks):
            for temperature in config.temperatures:
                index = indices[FORMS[form].build(task)]
                params = diffusion.tuned(default, one, index, temperature, noise[name])

                def one_chunk(
                    keys: Array, params: Any = params, choice: int = choice
                ) -> dict[str, Array]:
                    run = diffusion.run(algorithm, params, group.tasks, keys, choice)
                    return _score(
                        group, config.top, jnp.asarray(choice), run.population, config.cell_size
                    )

                progress.describe(f"{name}, {task.name}, T = {temperature:g}")
                found: dict[str, np.ndarray] = chunks.over_chunks(
                    one_chunk, keys, config.chunk_size, progress.advance
                )
                cells[name][task.name][f"{temperature:g}"] = {
                    score: statistics.summarize(values) for score, values in found.items()
                }
            record.save()

    record.results["trends"] = {
        name: {
            function: {
                score: _trend([by_temperature[key][score] for key in by_temperature])
                for score in SCORES
            }
            for function, by_temperature in by_function.items()
        }
        for name, by_function in cells.items()
    }
    picture = report.draw(record.results, config, out)
    record.results["figures"] = [picture.name]
    return record.publish(report.markdown, report.terminal, [picture], progress)


def _trend(summaries: list[dict[str, Any]]) -> str:
    """Over increasing temperature: "rises", "falls", or where it turns.

    A step within twice its standard error counts as level.
    """
    signs = []
    for before, after in itertools.pairwise(summaries):
        error = np.hypot(before["sd"], after["sd"]) / max(before["n"], 1) ** 0.5
        step = after["mean"] - before["mean"]
        signs.append(0 if abs(step) <= 2 * error else int(np.sign(step)))
    moving = [sign for sign in signs if sign]
    if not moving:
        return "level"
    if all(sign > 0 for sign in moving):
        return "rises"
    if all(sign < 0 for sign in moving):
        return "falls"
    return "rises, then falls" if moving[0] > 0 else "falls, then rises"

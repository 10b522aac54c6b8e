"""Runs the two-peak demonstration: both weightings, easy and hard start, smooth and step."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from jax import Array

import diffevo
from diffevo import schedules, weighting
from experiments.common import chunks, diffusion, results, statistics
from experiments.common.progress import Progress
from experiments.two_peaks import report
from experiments.two_peaks.config import Config
from experiments.weighting.forms import Unbounded
from tasks.functions.two_peaks import TwoPeaks, two_peaks, two_peaks_step

WEIGHTINGS = diffusion.OneOf((weighting.Identity(), diffusion.default_weighting(), Unbounded()))
NAMES = ("paper", "default", "unbounded")
HARD_START = (-1.0, 1.0)


@dataclass(frozen=True)
class FromElsewhere:
    """An algorithm whose initial population is moved off the centre; all else is the algorithm's.

    Attributes:
        algorithm: on a flat array of two dimensions.
        offset: added to every genome of the initial population.
    """

    algorithm: diffevo.DiffusionEvolution
    offset: tuple[float, float]

    def sample_population(self, key: Array) -> Array:
        """N(offset, I)."""
        return self.algorithm.sample_population(key) + jnp.array(self.offset)

    def init(self, *arguments: Any) -> Any:
        """The algorithm's."""
        return self.algorithm.init(*arguments)

    def estimate_x0(self, *arguments: Any) -> Any:
        """The algorithm's."""
        return self.algorithm.estimate_x0(*arguments)

    def ask(self, *arguments: Any) -> Any:
        """The algorithm's."""
        return self.algorithm.ask(*arguments)

    def tell(self, *arguments: Any) -> Any:
        """The algorithm's."""
        return self.algorithm.tell(*arguments)


@functools.partial(jax.jit, static_argnames="task")
def _shares(task: TwoPeaks, path: Array, near: float) -> tuple[Array, Array]:
    """Share of the population at each peak (R, T + 1, 2) and the final mean quality (R,).

    Args:
        task: either problem; only its peaks, its scaling and its quality matter.
        path: (R, T + 1, N, 2) genomes.
        near: radius that counts as at a peak.
    """
    offsets = task.scaling * path[..., None, :] - task.optima
    at_peak = jnp.linalg.norm(offsets, axis=-1) <= near  # (R, T + 1, N, 2)
    quality = jax.vmap(task.quality)(path[:, -1])
    return jnp.mean(at_peak, axis=-2), jnp.mean(quality, axis=-1)


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``two_peaks.json``, ``two_peaks.md`` and the figures.
        progress: where to show how far it is.

    Returns:
        The content of ``two_peaks.json``. ``results``: ``cells``, one for each case, schedule and
        weighting: ``both_kept`` (share of the runs with its 95 % interval), ``share_smaller``,
        ``share_at_peaks`` and ``quality`` (summaries over the runs).
    """
    record = results.Record(out / "two_peaks.json", "two_peaks", config, seed=config.seed)
    record.results = {"cells": []}
    tasks = {
        "smooth": two_peaks(config.std, config.scaling),
        "step": two_peaks_step(config.radius, config.scaling),
    }
    problems = list(tasks)
    objectives = tuple(tasks.values())
    algorithm = diffevo.DiffusionEvolution(
        config.population_size,
        jnp.zeros(2),
        num_generations=config.num_generations,
        weighting=WEIGHTINGS,
    )
    starts = {"easy": algorithm, "hard": FromElsewhere(algorithm, HARD_START)}
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    runs = [
        (case, schedule)
        for case in config.cases
        for schedule in config.schedules
        if schedule == config.schedules[0] or case[2] == config.other_noise_scale
    ]
    progress.begin(len(runs) * len(config.maps) * config.repetitions, "compiling")
    shown: report.Shown = {}
    for (problem, start, noise_scale), schedule in runs:
        alphas = schedules.build(schedule, config.num_generations)
        for name, temperature in config.maps:
            params = diffusion.tuned(
                algorithm.default_params.replace(alphas=alphas),
                WEIGHTINGS,
                NAMES.index(name),
                temperature,
                noise_scale,
            )
            task = tasks[problem]
            near = config.radius if problem == "step" else config.near
            first: list[np.ndarray] = []

            def one_chunk(
                keys: Array,
                params: Any = params,
                task: TwoPeaks = task,
                near: float = near,
                first: list[np.ndarray] = first,
                start: str = start,
                choice: int = problems.index(problem),
            ) -> dict[str, Array]:
                run = diffusion.run(starts[start], params, objectives, keys, choice)
                if not first:
                    first.append(np.asarray(run.path[0]) * task.scaling)
                shares, quality = _shares(task, run.path, near)
                return {"shares": shares, "quality": quality}

            progress.describe(f"{problem}, {start} start, noise {noise_scale:g}, {name}")
            found: dict[str, np.ndarray] = chunks.over_chunks(
                one_chunk, keys, config.chunk_size, progress.advance
            )
            record.results["cells"].append(
                {
                    "problem": problem,
                    "start": start,
                    "noise_scale": noise_scale,
                    "schedule": schedule,
                    "map": name,
                    "temperature": temperature,
                    **_summarize(found, config.kept_share),
                }
            )
            record.save()
            if schedule == config.schedules[0]:
                shown[problem, start, name, temperature, noise_scale] = found | {"path": first[0]}

    written = [
        report.draw_populations(shown, tasks, config, out),
        report.draw_shares(shown, config, out),
    ]
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)


def _summarize(found: dict[str, np.ndarray], kept_share: float) -> dict[str, Any]:
    """Of the final population: how many runs keep both peaks, and how evenly."""
    final = found["shares"][:, -1]  # (R, 2)
    smaller = final.min(axis=1)
    kept = int(np.sum(smaller >= kept_share))
    interval = scipy.stats.binomtest(kept, len(final)).proportion_ci(method="wilson")
    return {
        "both_kept": {"share": kept / len(final), "low": interval.low, "high": interval.high},
        "share_smaller": statistics.summarize(smaller),
        "share_at_peaks": statistics.summarize(final.sum(axis=1)),
        "quality": statistics.summarize(found["quality"]),
    }

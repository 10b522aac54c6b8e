"""Runs HADES and CHARLES-D in each place, then asks CHARLES-D's model and judges the samples.

Shape letters: R repetitions, S samples, E episodes.
"""

import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo import conditions
from experiments.cartpole import cases
from experiments.common import chunks, figures, results, statistics, tables
from experiments.common.progress import Progress
from experiments.rl_conditional.config import Config, Place
from tasks.rl import Control, control

Results = dict[str, Any]
_EPISODES = 2**21  # folded into a repetition's key, which no generation does with such a number


def _task(config: Config, place: Place, num_episodes: int) -> Control:
    return control(
        place.environment,
        config.policy,
        num_episodes=num_episodes,
        scaling=config.scaling,
    )


def _searches(config: Config, place: Place, task: Control) -> tuple[Any, Any]:
    """(HADES, CHARLES-D asked to spread evenly over the trait), otherwise the same."""
    wanted = conditions.Distribution(conditions.Trait(place.trait), place.asked)
    size = config.population_size
    return (
        diffevo.HADES(size, task.solution, **cases.options(config)),
        diffevo.CharlesD(size, task.solution, conditions=(wanted,), **cases.options(config)),
    )


@functools.partial(jax.jit, static_argnames=("config", "place"))
def _roll_out(config: Config, place: Place, keys: Array, genomes: Array) -> tuple[Array, Array]:
    """Mean returns and mean traits (R, S) of genomes (R, S, D) on new episodes."""
    task = _task(config, place, config.num_episodes)

    def one(inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        key, genomes = inputs
        fitness, traits = task.evaluate(genomes, jax.random.fold_in(key, _EPISODES))
        return -fitness, traits[place.trait]

    return jax.lax.map(one, (keys, genomes))


def _judge(
    config: Config, place: Place, keys: Array, genomes: Array
) -> tuple[dict[str, Any], np.ndarray]:
    """How samples (R, S, D) do.

    Returns:
        (results, traits (R, S)). ``return`` and ``solved``, the summaries over the runs of the mean
        return and of the share of solvers; ``cells``, for each target the summaries of the shares
        that are ``near``, ``both`` near and solvers, and ``near_of_solved``.
    """
    returns, traits = map(np.asarray, _roll_out(config, place, keys, genomes))
    solved = returns >= place.solved
    cells = []
    for target in place.targets:
        near = np.abs(traits - target) <= place.near
        both = (near & solved).sum(axis=1)
        cells.append(
            {
                "target": target,
                "near": statistics.summarize(near.mean(axis=1)),
                "both": statistics.summarize(both / near.shape[1]),
                "near_of_solved": statistics.summarize(both / np.maximum(solved.sum(axis=1), 1)),
                "error": statistics.summarize(np.median(np.abs(traits - target), axis=1)),
            }
        )
    return {
        "return": statistics.summarize(returns.mean(axis=1)),
        "solved": statistics.summarize(solved.mean(axis=1)),
        "cells": cells,
    }, traits


def _place(config: Config, place: Place, progress: Progress) -> tuple[Results, dict[str, Any]]:
    """One place.

    Returns:
        (results, traits (R, S) by who sampled). Results: ``hades`` and ``unasked`` (CHARLES-D at
        scale 0) as from `_judge`, ``asked``, a list of the same for each target, with that
        target's cell alone.
    """
    task = _task(config, place, config.run_episodes)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    hades, charles = _searches(config, place, task)
    found: Results = {"environment": place.environment, "trait": place.trait}
    progress.describe(f"{place.environment}: HADES")
    history = cases.run(hades, task, keys, config.num_generations)
    found["curves"] = {"hades": statistics.curve(-history.metrics["mean_fitness"])}
    drawn = cases.sample(hades, keys, history.state, cases.params_of(hades), config.num_samples)
    found["hades"], traits = _judge(config, place, keys, drawn)
    ends = {"HADES": traits}
    progress.advance()
    progress.describe(f"{place.environment}: CHARLES-D")
    history = cases.run(charles, task, keys, config.num_generations)
    found["curves"]["charles"] = statistics.curve(-history.metrics["mean_fitness"])
    states = cases.fit_longer(config, charles, keys, history.state)  # pyright: ignore[reportArgumentType]
    progress.advance()
    found["asked"] = []
    for index, target in enumerate(place.targets):
        wanted = jnp.asarray(target)
        for scale in (0.0, config.scale) if index == 0 else (config.scale,):
            drawn = cases.sample(
                charles, keys, states, cases.params_of(charles, scale), config.num_samples, wanted
            )
            judged, traits = _judge(config, place, keys, drawn)
            if scale == 0:
                found["unasked"] = judged
                ends["nothing asked"] = traits
            else:
                judged["cells"] = [judged["cells"][index]]
                found["asked"].append(judged)
                ends[f"asked for {target:g}"] = traits
    progress.advance()
    return found, ends


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``rl_conditional.json``, ``rl_conditional.md`` and the figure.
        progress: where to show how far it is.

    Returns:
        The content of ``rl_conditional.json``. ``results["places"]``: as from `_place`.
    """
    record = results.Record(out / "rl_conditional.json", "rl_conditional", config, seed=config.seed)
    progress.begin(3 * len(config.places), "steering")
    record.results["places"] = []
    ends = []
    for place in config.places:
        found, traits = _place(config, place, progress)
        record.results["places"].append(found)
        ends.append(traits)
        record.save()
    written = [_draw(config, ends, out)]
    record.results["figures"] = [path.name for path in written]
    return record.publish(_markdown, _terminal, written, progress)


def _rows(content: Results) -> tuple[list[str], list[list[str]]]:
    header = ["environment, who", "target", "near and solved", "near", "solved"]
    header += ["near, of the solvers", "mean return"]
    rows = []
    for found in content["results"]["places"]:
        for index, asked in enumerate(found["asked"]):
            sides = [
                ("HADES", found["hades"], found["hades"]["cells"][index]),
                ("CHARLES-D, scale 0", found["unasked"], found["unasked"]["cells"][index]),
                ("CHARLES-D, asked", asked, asked["cells"][0]),
            ]
            for name, judged, cell in sides:
                rows.append(
                    [
                        f"{found['environment']} {found['trait']}, {name}",
                        f"{cell['target']:g}",
                        *(tables.interval(cell[key], 2) for key in ("both", "near")),
                        tables.interval(judged["solved"], 2),
                        tables.interval(cell["near_of_solved"], 2),
                        tables.interval(judged["return"], 1),
                    ]
                )
    return header, rows


def _terminal(content: Results) -> Any:
    return tables.terminal("Steering controllers", *_rows(content))


def _markdown(content: Results) -> str:
    config = content["config"]
    places = "; ".join(
        f"{place['environment']}: near is within {place['near']:g}, solved is a mean return of at "
        f"least {place['solved']:g}"
        for place in config["places"]
    )
    return (
        "# rl_conditional: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"Shares of {config['num_samples']} sampled controllers of each of "
        f"{config['repetitions']} runs, each judged by its mean over {config['num_episodes']} new "
        f"episodes; medians with 95 % bootstrap intervals over the runs. {places}.\n\n"
        + tables.markdown(*_rows(content))
    )


def _draw(config: Config, ends: list[dict[str, Any]], out: Path) -> Path:
    """Where the sampled controllers of all runs are on the trait."""
    figure, axes = figures.grid(1, len(ends), 4.6, 2.9)
    for axis, place, traits in zip(axes[0], config.places, ends, strict=True):
        low, high = place.asked
        margin = 0.1 * (high - low)
        bins = np.linspace(low - margin, high + margin, 61)
        for (label, values), color in zip(traits.items(), figures.COLORS, strict=False):
            flat = np.clip(np.ravel(values), bins[0], bins[-1])
            weights = np.full(flat.size, 1.0 / flat.size)
            axis.hist(flat, bins, weights=weights, histtype="step", color=color, label=label)
        for target in place.targets:
            axis.axvspan(target - place.near, target + place.near, color="0.92", zorder=0)
        axis.set(title=place.environment, xlabel=place.trait)
        axis.legend(fontsize=7)
    axes[0][0].set(ylabel="share of controllers")
    return figures.save(figure, out / "traits.png")

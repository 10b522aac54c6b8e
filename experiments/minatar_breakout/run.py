"""Evolves a policy for as long as the configuration says, and saves the best on the way."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import diffevo
from experiments.common import chunks, results
from experiments.common.progress import Progress
from experiments.minatar_breakout import report, searches
from experiments.minatar_breakout.config import Config
from tasks.rl.perturbations import play
from tasks.rl.saved import save

POLICY = "best.safetensors"


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run it.

    Args:
        config: its size.
        out: folder for ``minatar_breakout.json``, replaced as results come, the table, the figure,
            and the policy, ``best.safetensors``: the best of all repetitions so far.
        progress: where to show how far it is.

    Returns:
        The content of ``minatar_breakout.json``. ``results["runs"]``: see `evolve`.
    """
    record = results.Record(
        out / "minatar_breakout.json", "minatar_breakout", config, seed=config.seed
    )
    progress.begin(config.repetitions * config.seconds, "evolution, seconds")
    record.results["num_devices"] = jax.device_count()
    record.results["runs"] = []
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    best_of_all = -np.inf
    for key in keys:
        rows: list[dict[str, float]] = []
        record.results["runs"].append({"rows": rows})

        def keep(row: dict[str, float], genome: Any, rows: Any = rows) -> None:
            nonlocal best_of_all
            progress.advance(row["seconds"] - (rows[-1]["seconds"] if rows else 0))
            progress.describe(f"best {row['exact']:g}")
            rows.append(row)
            if row["exact"] > best_of_all:
                best_of_all = row["exact"]
                if config.setting.policy != "conv":
                    save(out / POLICY, searches.task_of(config.setting), genome)
            record.save()

        record.results["runs"][-1].update(evolve(config, key, keep))
        record.save()
    written = [report.draw(record.results, config, out)]
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)


def evolve(
    config: Config, key: Any, keep: Callable[[dict[str, float], np.ndarray], None]
) -> dict[str, Any]:
    """One run.

    Args:
        config: the run's.
        key: of everything that is drawn.
        keep: called with a row and the genome (D,) of the best so far: at the start, then each
            ``config.every`` seconds, and at the end. A row: ``seconds``, ``evaluations``,
            ``generation``, ``best``, as the search judges, and ``exact``, the return of that
            genome, the mean of both starts; 1000 steps at most.

    Returns:
        ``exact``, the best row's; of its genome ``unsteady``, the mean return with random actions,
        and its standard error; ``evaluations``, ``seconds``.
    """
    setting = config.setting
    task = searches.task_of(setting)
    began = time.perf_counter()
    search_key, test_key = jax.random.split(key)
    exact = jax.jit(lambda genome: -task(genome[None])[0])
    latest: dict[str, Any] = {"seconds": -np.inf}
    best: dict[str, Any] = {"exact": -np.inf}

    def look(x: Any, evaluations: int, generation: int, value: float) -> None:
        row = {
            "seconds": time.perf_counter() - began,
            "evaluations": evaluations,
            "generation": generation,
            "best": -value,
            "exact": float(exact(jnp.asarray(x))),
        }
        latest.update(row)
        if row["exact"] > best["exact"]:
            best.update(row, genome=np.asarray(x))
        keep(row | {"exact": best["exact"]}, best["genome"])

    def callback(info: dict[str, Any]) -> None:
        if time.perf_counter() - began >= latest["seconds"] + config.every:
            look(info["x"], info["nfev"], int(info["generation"]), info["fun"])

    result = diffevo.minimize(
        searches.cost_of(setting, task),
        x0=np.zeros(task.num_dims, np.float32),
        scale=setting.scale,
        algorithm=searches.search_of(setting, task),
        budget=config.max_evaluations,
        timeout=config.seconds,
        batched=True,
        noisy=setting.epsilon > 0,
        evaluator="sharded",
        seed=search_key,
        callback=callback,
        progress=False,
    )
    look(result.x, result.nfev, result.nit, result.fun)
    policy = dataclasses.replace(task, scaling=1.0)
    unsteady = play(
        policy.environment,
        policy.policy,
        policy.spec.unravel(jnp.asarray(best["genome"])),
        test_key,
        config.num_episodes,
        epsilon=config.epsilon,
    )
    return {
        "exact": best["exact"],
        "unsteady": float(unsteady.mean()),
        "unsteady_error": float(unsteady.std() / np.sqrt(config.num_episodes)),
        "evaluations": result.nfev,
        "seconds": time.perf_counter() - began,
        "num_dims": task.num_dims,
    }

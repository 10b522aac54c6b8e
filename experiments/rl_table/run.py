"""Runs the published protocol, then the fair table; saves the best controllers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp

from experiments.common import results
from experiments.common.progress import Progress
from experiments.rl_table import fair, methods, protocol, report
from experiments.rl_table.config import Config
from experiments.rl_table.games import Games
from tasks.rl.saved import save


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``rl_table.json``, ``rl_table.md``, the figures, and ``controllers/``: of
            each environment the one that was chosen for the highest score, by whatever method.
        progress: where to show how far it is.

    Returns:
        The content of ``rl_table.json``. ``results["protocol"]``: cells as from
        `protocol.environment`; ``results["fair"]``: as from `fair.run_one`.
    """
    record = results.Record(out / "rl_table.json", "rl_table", config, seed=config.seed)
    steps = len(config.environments) * (protocol.count(config) + len(methods.fair(config)))
    progress.begin(steps, "the paper's protocol")
    record.results = {"protocol": [], "fair": []}
    for name in config.environments:
        progress.describe(f"the paper's protocol: {name}")
        record.results["protocol"] += protocol.environment(config, name, progress.advance)
        record.save()
    folder = out / "controllers"
    folder.mkdir(parents=True, exist_ok=True)
    for name in config.environments:
        cells, best = [], None
        for method in methods.fair(config):
            progress.describe(f"equal evaluations: {name}, {method}")
            cell, chosen = fair.run_one(config, name, method)
            cells.append(cell)
            if best is None or chosen.score > best.score:
                best = chosen
            progress.advance()
        fair.compare(cells)
        record.results["fair"] += cells
        record.save()
        if best is not None:
            games = Games.of(name, config.hidden, config.scaling, config.max_steps)
            task = replace(games.task, scaling=config.scaling)
            save(folder / f"{name}.safetensors", task, jnp.asarray(best.genome))
    written = [
        report.draw_protocol(record.results, config, out),
        report.draw_fair(record.results, config, out),
    ]
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)

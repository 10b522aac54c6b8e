"""Runs HADES and CHARLES-D for each policy, then asks and judges."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.cartpole import cases, report
from experiments.cartpole.config import Config
from experiments.common import chunks, results
from experiments.common.progress import Progress
from tasks.rl import cartpole


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``cartpole.json``, ``cartpole.md`` and the figures.
        progress: where to show how far it is.

    Returns:
        The content of ``cartpole.json``. ``results["policies"]``: one a policy, see `_policy`.
    """
    record = results.Record(out / "cartpole.json", "cartpole", config, seed=config.seed)
    progress.begin(len(config.policies) * _num_parts(config), "cart-pole")
    record.results["policies"] = []
    ends = []
    for hidden in config.policies:
        found, positions = _policy(config, hidden, progress)
        record.results["policies"].append(found)
        ends.append(positions)
        record.save()
    written = [
        report.draw_returns(record.results, config, out),
        report.draw_positions(record.results, ends, config, out),
        report.draw_trade(record.results, config, out),
    ]
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)


def _num_parts(config: Config) -> int:
    asked = len(config.targets) * (len(config.scales) + len(config.mutations))
    return 4 + asked


def _policy(
    config: Config, hidden: tuple[int, ...], progress: Progress
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """One policy.

    Returns:
        (results, final positions (R, S) by "hades", "none" (nothing asked) and target at the
        claim's scale). Results: ``name``, ``num_dims``; ``hades`` and ``charles`` as from
        `cases.evolve`; ``reward``, the unconditioned one of each run, of HADES's best; and of what
        `cases.judge` says: ``unasked``, of HADES's samples, ``asked``, of CHARLES-D's, a list of
        cells with ``target`` and ``scale``, and ``copies``, a list with ``target`` and
        ``mutation``.
    """
    task = cartpole(hidden, num_episodes=config.run_episodes)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    progress.describe(f"{task.name}: HADES")
    search = cases.hades(config, task)
    found: dict[str, Any] = {"name": task.name, "num_dims": task.num_dims}
    found["hades"], states = cases.evolve(config, task, search, keys)
    progress.advance(1)
    drawn = cases.sample(search, keys, states, cases.params_of(search), config.num_samples)
    reward = -np.asarray(states.best_fitness)
    found["reward"] = reward
    ends = {}
    found["unasked"], ends["hades"] = cases.judge(
        config, hidden, keys, drawn, states.memory, reward
    )
    progress.advance(1)

    progress.describe(f"{task.name}: CHARLES-D")
    search = cases.charles(config, task)
    found["charles"], states = cases.evolve(config, task, search, keys)
    memory = states.memory
    progress.advance(1)
    states = cases.fit_longer(config, search, keys, states)
    progress.advance(1)
    found["asked"], found["copies"] = [], []

    progress.describe(f"{task.name}: asked for positions")
    for target in config.targets:
        wanted = jnp.asarray(target)
        for scale in config.scales:
            params = cases.params_of(search, scale)
            drawn = cases.sample(search, keys, states, params, config.num_samples, wanted)
            cell, positions = cases.judge(config, hidden, keys, drawn, memory, reward, target)
            found["asked"].append({"target": target, "scale": scale, **cell})
            if scale == config.scale:
                ends[f"{target:g}"] = positions
            if scale == 0:
                ends["none"] = positions  # whatever the target
            progress.advance(1)
        for mutation in config.mutations:
            drawn = cases.mutated_copies(config, keys, memory, wanted, jnp.asarray(mutation))
            cell, _ = cases.judge(config, hidden, keys, drawn, memory, reward, target)
            found["copies"].append({"target": target, "mutation": mutation, **cell})
            progress.advance(1)
    return found, ends

"""Learning curves of the settings and their variants, then evolution of weights and constants."""

from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import results, statistics
from experiments.common.progress import Progress
from experiments.glm_agents import cases, report
from experiments.glm_agents.config import Config
from tasks.rl.lives import Constants
from tasks.rl.spiking_agents import SETTINGS, decode_constants


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``glm_agents.json``, ``glm_agents.md`` and the figures.
        progress: where to show how far it is.

    Returns:
        The content of ``glm_agents.json``. Of each environment ``results["learning"]``: by row as
        from `cases.learn`; ``results["evolution"]``: see `_evolution`.
    """
    record = results.Record(out / "glm_agents.json", "glm_agents", config, seed=config.seed)
    record.results |= {"learning": {}, "evolution": {}}
    environments = config.environments or tuple(SETTINGS)
    searches = config.searches or cases.SEARCHES
    num_parts = len(cases.rows(config, environments[0])) + 1 + len(searches)
    progress.begin(len(environments) * num_parts, "spiking agents")
    for environment in environments:
        record.results["learning"][environment] = found = {}
        for name, row in cases.rows(config, environment).items():
            progress.describe(f"{environment}: {name}")
            found[name] = cases.learn(config, environment, row)
            record.save()
            progress.advance(1)
    for environment in environments:
        found = _evolution(config, environment, searches, progress)
        record.results["evolution"][environment] = found
        record.save()
    written = [
        report.draw_learning(record.results, out),
        report.draw_evolution(record.results, out),
    ]
    record.results["figures"] = [path.name for path in written]
    return record.publish(report.markdown, report.terminal, written, progress)


def _evolution(
    config: Config, environment: str, searches: tuple[str, ...], progress: Progress
) -> dict[str, Any]:
    """Searches and their rivals in an environment.

    Returns:
        By name: of a search what `cases.evolve` says; of all ``acting`` and of what learns
        ``learning``, summaries over the runs with ``values``; of all but the constants by hand
        ``against_hand``, by measure, paired by run. Of the constants that were found,
        ``constants``.
    """
    progress.describe(f"{environment}: by hand")
    keys = cases.run_keys(config)
    hand = Constants(*(np.full(len(keys), value, np.float32) for value in SETTINGS[environment][1]))
    found: dict[str, Any] = {cases.HAND: {}, cases.NEWBORN: {}}
    tested: dict[str, dict[str, Any]] = {
        cases.HAND: cases.learning(config, environment, keys, hand),
        cases.NEWBORN: {"acting": cases.acting(config, environment, keys, None)},
    }
    progress.advance(1)
    for name in searches:
        progress.describe(f"{environment}: {name}")
        genomes, found[name] = cases.evolve(config, environment, name)
        if name == cases.CONSTANTS:
            constants = decode_constants(genomes)
            found[name]["constants"] = constants._asdict()
            constants = Constants(*(np.broadcast_to(value, len(keys)) for value in constants))
            tested[name] = cases.learning(config, environment, keys, constants)
        else:
            tested[name] = {"acting": cases.acting(config, environment, keys, genomes)}
        progress.advance(1)
    for name, measures in tested.items():
        for measure, values in measures.items():
            found[name][measure] = statistics.kept(values)
        if name != cases.HAND:
            found[name]["against_hand"] = {
                measure: statistics.paired(values, tested[cases.HAND][measure])
                for measure, values in measures.items()
            }
    return found

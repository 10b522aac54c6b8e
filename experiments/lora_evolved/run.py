"""AdamW, the searches at equal evaluations, the ranks, the clock."""

from pathlib import Path
from typing import Any

from experiments.common import results
from experiments.common.progress import Progress
from experiments.lora_evolved import cases, report
from experiments.lora_evolved.config import Config
from experiments.lora_evolved.methods import METHODS


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``lora_evolved.json``, ``.md`` and the figure.
        progress: where to show how far it is.

    Returns:
        The content of ``lora_evolved.json``. Its results: ``trained`` by rank as from
        `cases.train`; ``evolved`` by rank and method as from `cases.evolve`, with ``reached``;
        ``clock``, a list as from `cases.clock`.
    """
    record = results.Record(out / "lora_evolved.json", "lora_evolved", config, seed=config.seed)
    searches = [(config.rank, name) for name in config.methods or METHODS]
    searches += [
        (rank, name)
        for rank in config.ranks
        for name in config.rank_methods
        if (rank, name) not in searches
    ]
    ranks = list(dict.fromkeys(rank for rank, _ in searches))
    progress.begin(len(ranks) + len(searches) + len(config.networks), "evolved adapters")
    record.results |= {"trained": {}, "evolved": {str(rank): {} for rank in ranks}}
    for rank in ranks:
        progress.describe(f"AdamW, rank {rank}")
        record.results["trained"][str(rank)] = cases.train(config, rank)
        progress.advance()
    for rank, name in searches:
        progress.describe(f"{name}, rank {rank}")
        found = cases.evolve(config, name, rank)
        found["reached"] = cases.reached(config, found, record.results["trained"][str(rank)])
        del found["curves"]
        record.results["evolved"][str(rank)][name] = found
        record.save()
        progress.advance()
    record.results["clock"] = []
    for network in config.networks:
        progress.describe(f"population of {config.population}: {network}")
        record.results["clock"].append(cases.clock(config, network))
        progress.advance()
    written = [report.draw(record.results, config, out / "evolved.png")]
    return record.publish(report.markdown, report.terminal, written, progress)

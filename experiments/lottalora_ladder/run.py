"""Trains the ladders and the ablations beside them."""

from pathlib import Path
from typing import Any

from experiments.common import results
from experiments.common.progress import Progress
from experiments.lottalora_ladder import cases, report
from experiments.lottalora_ladder.config import Config
from tasks.lora.backbones import FAMILIES


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``lottalora_ladder.json``, ``.md`` and the figure.
        progress: where to show how far it is.

    Returns:
        The content of ``lottalora_ladder.json``. Its results: ``ladder``, by data set, size and
        rank as from `cases.ladder`; ``minimal_rank``, by data set and size; ``families`` by name;
        ``resampled`` by way and rank; ``zero`` by rank; ``gating`` by seed.
    """
    name = "lottalora_ladder"
    record = results.Record(out / f"{name}.json", name, config, seed=config.seed)
    families = config.families or tuple(key for key in FAMILIES if key != "zero")
    rungs = [("digits", size, config.ranks) for size in config.sizes]
    if config.folder is not None:
        cases.images(config, "fashion", 0)  # now, rather than after half an hour, if it is missing
        rungs += [("fashion", size, config.ranks) for size in config.fashion_sizes]
    rungs += [("digits", *one) for one in config.more]
    ways = [(way, rank) for way in cases.WAYS for rank in config.resample_ranks]
    num_parts = sum(len(ranks) + 1 for *_, ranks in rungs)
    num_parts += len(families) + len(ways) + len(config.zero_ranks) + 1
    progress.begin(num_parts, "ladder")

    def step(text: str) -> None:
        progress.describe(text)
        progress.advance()

    ladder: dict[str, Any] = {}
    minimal: dict[str, Any] = {}
    record.results |= {"ladder": ladder, "minimal_rank": minimal}
    for dataset, size, ranks in rungs:
        rows = cases.ladder(config, dataset, size, ranks, step)
        ladder.setdefault(dataset, {})[size] = rows
        minimal.setdefault(dataset, {})[size] = cases.minimal_ranks(config, rows)
        record.save()
    record.results["families"] = found = {}
    for family in families:
        step(f"family {family}")
        found[family] = cases.family(config, family)
    record.save()
    record.results["resampled"] = found = {way: {} for way in cases.WAYS}
    for way, rank in ways:
        step(f"scaffold drawn anew: {way}, rank {rank}")
        found[way][str(rank)] = cases.resampled(config, way, rank)
    record.save()
    record.results["zero"] = found = {}
    for rank in config.zero_ranks:
        step(f"no scaffold, rank {rank}")
        found[str(rank)] = cases.without(config, rank)
    step("one adapter, three seeds")
    record.results["gating"] = cases.gated(config)
    written = [report.draw(record.results, config, out / "ladder.png")]
    return record.publish(report.markdown, report.terminal, written, progress)

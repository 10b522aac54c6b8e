"""Runs the numbers of rings, the baselines, the map, the constants alone, and the search."""

from pathlib import Path
from typing import Any

from experiments.common import results
from experiments.common.progress import Progress
from experiments.ring_reservoir import cases, report
from experiments.ring_reservoir.config import Config
from tasks.reservoir import Design


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study.

    Args:
        config: its size.
        out: folder for ``ring_reservoir.json``, ``.md`` and the figure.
        progress: where to show how far it is.

    Returns:
        The content of ``ring_reservoir.json``. Its results: ``rings`` by data set and number of
        rings, ``thresholds`` likewise, ``pixels`` by data set, ``same_start`` by number of rings,
        ``map``, a list, ``alone`` by constant and value, ``coarse``, a list, ``constants`` as from
        `cases.constants`.
    """
    record = results.Record(out / "ring_reservoir.json", "ring_reservoir", config, seed=config.seed)
    sets = {"digits": config.rings}
    if config.folder is not None:
        sets["fashion"] = config.fashion_rings
        cases.data(config, "fashion", 0)  # now, rather than after minutes, if it is missing
    num_parts = sum(2 * len(numbers) + 1 for numbers in sets.values()) + len(config.rings)
    num_parts += len(config.map_couplings) * len(config.map_rewirings)
    num_parts += sum(len(values) for _, values in config.alone)
    num_parts += len(config.coarse) if config.folder is not None else 0
    progress.begin(num_parts + config.searches + 4 * len(config.judged_rings), "reservoirs")

    def step(text: str) -> None:
        progress.describe(text)
        progress.advance()

    found = record.results
    found |= {"rings": {}, "thresholds": {}, "pixels": {}, "same_start": {}}
    for dataset, numbers in sets.items():
        step(f"{dataset}: pixels")
        found["pixels"][dataset] = cases.pixels(config, dataset)
        rows: dict[str, Any] = {}
        beside: dict[str, Any] = {}
        found["rings"][dataset], found["thresholds"][dataset] = rows, beside
        for number in numbers:
            step(f"{dataset}: {number} rings")
            rows[str(number)] = cases.rings(config, dataset, Design(number))
            step(f"{dataset}: as many threshold units")
            counts = rows[str(number)]["features"]["values"]
            beside[str(number)] = cases.thresholds(config, dataset, counts)
            record.save()
    for number in config.rings:
        step(f"digits: {number} rings, the same start")
        found["same_start"][str(number)] = cases.rings(
            config, "digits", Design(number), same_start=True
        )
    record.save()
    found["map"] = []
    for coupling in config.map_couplings:
        for rewiring in config.map_rewirings:
            step(f"map: eps {coupling}, p {rewiring}")
            design = Design(
                config.side_rings,
                coupling=coupling,
                gain=cases.PIXEL * coupling,
                rewiring=rewiring,
                density=rewiring,
            )
            row = cases.rings(config, "digits", design, config.side_repetitions)
            found["map"].append({"coupling": coupling, "rewiring": rewiring, **row})
    record.save()
    found["alone"] = {}
    for name, values in config.alone:
        found["alone"][name] = {}
        for value in values:
            step(f"{name} {value}")
            changed: dict[str, Any] = {name: value}
            design = Design(config.side_rings, **changed)
            row = cases.rings(config, "digits", design, config.side_repetitions)
            found["alone"][name][str(value)] = row
    record.save()
    found["coarse"] = []
    for dt, steps in config.coarse if config.folder is not None else ():
        step(f"dt {dt}")
        row = cases.coarse(config, dt, steps)
        found["coarse"].append({"dt": dt, "steps_per_row": steps, **row})
    record.save()
    found["constants"] = cases.constants(config, step)
    written = [report.draw(found, config, out / "ring_reservoir.png")]
    return record.publish(report.markdown, report.terminal, written, progress)

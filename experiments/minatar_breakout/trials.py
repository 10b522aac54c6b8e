"""Short runs of other settings: ``python -m experiments.minatar_breakout.trials --seconds 120``.

Writes ``runs/minatar_breakout_trials/trials.json`` as they come, and prints what each reached.
"""

import dataclasses
from typing import Any

import jax
import tyro
from rich.console import Console

from experiments.common import results
from experiments.minatar_breakout.config import Config, Setting
from experiments.minatar_breakout.run import evolve
from experiments.registry import REPOSITORY

SETTINGS = (
    *(
        Setting(policy=policy, hidden=hidden, search="sep_cma_es", epsilon=0.0)
        for policy, hidden in (("pooled", (16,)), ("mlp", ()), ("conv", (8,)))
    ),
    *(
        Setting(search=search, population_size=size, epsilon=epsilon)
        for epsilon in (0.0, 0.05)
        for search, size in (
            ("sep_cma_es", 64),
            ("open_es", 128),
            ("niching", 64),
            ("latent", 128),
            ("simple_ga", 128),
        )
    ),
)


def main(seconds: float = 120.0, settings: tuple[int, ...] = tuple(range(len(SETTINGS)))) -> None:
    """Short runs of other settings.

    Args:
        seconds: of each run.
        settings: numbers of those to run, in this order.
    """
    config = Config(seconds=seconds, every=seconds / 8, seed=1)
    folder = REPOSITORY / "runs" / "minatar_breakout_trials"
    record = results.Record(folder / "trials.json", "minatar_breakout", config, seed=config.seed)
    record.results["trials"] = []
    console = Console()
    for number in settings:
        setting, rows = SETTINGS[number], []

        def keep(row: dict[str, float], genome: Any, rows: Any = rows) -> None:
            del genome
            rows.append(row)

        found = evolve(dataclasses.replace(config, setting=setting), jax.random.key(1), keep)
        record.results["trials"].append({"setting": setting, "rows": rows, **found})
        record.save()
        console.print(f"{number}: {setting}: {found}")
    record.finish()


if __name__ == "__main__":
    tyro.cli(main, prog="python -m experiments.minatar_breakout.trials")

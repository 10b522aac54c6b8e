"""Finds the experiments: every folder beside this file that has a config.py and a run.py.

The contract of a folder is in README.md.
"""

import dataclasses
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from experiments.common.progress import Progress

ROOT = Path(__file__).resolve().parent
REPOSITORY = ROOT.parent


def names() -> list[str]:
    """Names of all experiments, sorted."""
    return sorted(
        folder.name
        for folder in ROOT.iterdir()
        if (folder / "config.py").is_file() and (folder / "run.py").is_file()
    )


def _check(name: str) -> None:
    if name not in names():
        raise KeyError(f"no experiment {name!r}; there are: {', '.join(names())}")


def config_module(name: str) -> ModuleType:
    """The config.py of an experiment: light, imports neither JAX programs nor figures.

    Raises:
        KeyError: there is no such experiment; the message lists those there are.
    """
    _check(name)
    return importlib.import_module(f"experiments.{name}.config")


def claim(name: str) -> str:
    """One line on what the experiment shows: the first line of its config's docstring."""
    return (config_module(name).__doc__ or "").strip().splitlines()[0]


def build_config(name: str, *, smoke: bool = False, repetitions: int | None = None) -> Any:
    """The configuration to run: the full protocol, or the toy size of the tests.

    Args:
        name: of the experiment.
        smoke: take the config's ``SMOKE`` instead of ``Config()``.
        repetitions: >= 1, replaces the field of that name.

    Raises:
        KeyError: there is no such experiment.
        ValueError: repetitions < 1.
    """
    module = config_module(name)
    config = module.SMOKE if smoke else module.Config()
    if repetitions is not None:
        if repetitions < 1:
            raise ValueError(f"repetitions: expected an int >= 1, got {repetitions}")
        config = dataclasses.replace(config, repetitions=repetitions)
    return config


def default_out(name: str, config: Any, smoke: bool = False) -> Path:
    """Where results go unless told otherwise.

    Only the full protocol, exactly as committed, writes into the experiment's own ``results``
    folder; everything else goes to the ignored ``runs`` folder, so that a quick look never
    replaces a result of record.
    """
    module = config_module(name)
    if smoke:
        return REPOSITORY / "runs" / "smoke" / name
    if getattr(module, "OF_RECORD", True) and config == module.Config():
        return ROOT / name / "results"
    return REPOSITORY / "runs" / name


def run(name: str, config: Any, out: Path, progress: Progress) -> dict[str, Any]:
    """Run an experiment: ``experiments.NAME.run.run(config, out, progress)``.

    Returns:
        What it wrote to ``out / "NAME.json"``.
    """
    _check(name)
    out.mkdir(parents=True, exist_ok=True)
    return importlib.import_module(f"experiments.{name}.run").run(config, out, progress)

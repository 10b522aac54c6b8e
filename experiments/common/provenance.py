"""Where a result comes from: commit, versions, machine, command."""

import datetime
import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = (
    "diffevo-jax",
    "jax",
    "jaxlib",
    "numpy",
    "flax",
    "scipy",
    "evosax",
    "ribs",
    "cma",
    "cmaes",
    "coco-experiment",
    "matplotlib",
    "nevergrad",
    "optuna",
    "pyarrow",
    "ray",
    "scikit-learn",
)


def _git(*arguments: str) -> str | None:
    """Output of a git command in the repository, or None where there is no git or no commit."""
    try:
        done = subprocess.run(
            ["git", "-C", str(REPOSITORY), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's name as the system states it, where it does."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def command_line() -> str:
    """How this process was started, without machine-specific paths of the interpreter."""
    arguments = list(sys.orig_argv) or list(sys.argv)
    arguments[0] = Path(arguments[0]).name
    return shlex.join(arguments)


def collect(**seeds: Any) -> dict[str, Any]:
    """Everything needed to run a result again, or to see why it cannot be.

    Args:
        seeds: what the randomness starts from, as it should be read: ``seed=42, repetitions=100``.

    Returns:
        JSON-ready: ``commit`` (None outside git), ``dirty`` (uncommitted changes), ``versions``,
        ``python``, ``platform``, ``processor``, ``cores``, ``device``, ``date`` (UTC), ``command``,
        ``seeds``.
    """
    status = _git("status", "--porcelain")
    device = jax.devices()[0]
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if status is None else bool(status),
        "versions": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": {
            "platform": device.platform,
            "kind": device.device_kind,
            "count": jax.device_count(),
        },
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command_line(),
        "seeds": seeds,
    }

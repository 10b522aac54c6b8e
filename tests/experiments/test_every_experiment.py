"""Every registered experiment, at toy size, through the command line."""

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments import registry
from experiments.__main__ import main
from experiments.common.progress import Progress
from experiments.demo import run as demo
from experiments.table1 import run as table1
from tests.experiments.test_studies import FIGURES, check_study

PROVENANCE = {
    "commit",
    "dirty",
    "versions",
    "python",
    "platform",
    "processor",
    "cores",
    "device",
    "date",
    "command",
    "seeds",
}


def summaries(value: Any) -> Iterator[dict[str, Any]]:
    """Every summary of repetitions anywhere in a results file."""
    if isinstance(value, dict):
        if {"n", "num_failed", "mean", "sd", "median", "low", "high"} <= set(value):
            yield value
        for item in value.values():
            yield from summaries(item)
    elif isinstance(value, list):
        for item in value:
            yield from summaries(item)


# The demo is table 1 under another name, at toy size to the last number.
SAME_AS_ANOTHER = ("demo",)
# A quarter of a minute and more, most of it compilation: left to `make test-slow`.
TAKES_LONG = (
    "alignment",
    "bbob",
    "cartpole",
    "delay_snn",
    "glm_agents",
    "large_populations",
    "lc_snn",
    "lora_evolved",
    "lottalora_ladder",
    "lottalora_lm",
    "minatar_breakout",
    "mixed_spaces",
    "niching",
    "quine",
    "ring_reservoir",
    "rl_conditional",
    "runtime",
    "snn_conversion",
    "snn_evolved",
    "snn_speed",
    "som_snn",
    "steering",
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SAME_AS_ANOTHER + TAKES_LONG else ())
        for name in registry.names()
    ],
)
def test_smoke_run_writes_a_complete_record(name: str, tmp_path: Path):
    assert main(["run", name, "--smoke", "--out", str(tmp_path)]) == 0
    record = json.loads((tmp_path / f"{name}.json").read_text())
    assert record["experiment"] == name
    assert record["status"] == "complete"
    assert record["seconds"] > 0
    assert record["config"] == json.loads(
        json.dumps(dataclasses.asdict(registry.build_config(name, smoke=True)))
    )
    assert set(record["provenance"]) == PROVENANCE
    assert record["provenance"]["versions"]["jax"]
    assert record["provenance"]["seeds"]
    assert record["results"]
    for summary in summaries(record["results"]):
        assert summary["num_failed"] == 0
        assert summary["low"] <= summary["median"] <= summary["high"]
        assert summary["sd"] >= 0
    for picture in tmp_path.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob(".*")), "temporary files left behind"
    if name in FIGURES:
        check_study(name, tmp_path)


def test_the_demo_is_table_1_under_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert registry.build_config("demo", smoke=True) == registry.build_config("table1", smoke=True)
    given = {}

    def run(config: Any, out: Path, progress: Progress, name: str) -> dict[str, Any]:
        given.update(config=config, out=out, name=name)
        return {"results": {}}

    monkeypatch.setattr(table1, "run", run)
    config = registry.build_config("demo")
    assert demo.run(config, tmp_path, Progress()) == {"results": {}}
    assert given == {"config": config, "out": tmp_path, "name": "demo"}


@pytest.mark.parametrize("name", registry.names())
def test_folder_keeps_the_contract(name: str):
    folder = registry.ROOT / name
    assert (folder / "__init__.py").is_file()
    readme = (folder / "README.md").read_text()
    assert f"python -m experiments run {name}" in readme
    assert len(registry.claim(name)) > 20
    config = registry.build_config(name)
    assert dataclasses.is_dataclass(config)
    assert type(config).__dataclass_params__.frozen
    assert config.repetitions >= 1
    assert isinstance(config.seed, int)
    assert registry.build_config(name, smoke=True) != config


@pytest.mark.parametrize("name", registry.names())
def test_only_the_committed_protocol_writes_results_of_record(name: str):
    full = registry.build_config(name)
    fewer = registry.build_config(name, repetitions=full.repetitions + 1)
    assert fewer.repetitions == full.repetitions + 1
    runs = registry.REPOSITORY / "runs"
    assert registry.default_out(name, fewer) == runs / name
    assert registry.default_out(name, registry.build_config(name, smoke=True), True).is_relative_to(
        runs
    )
    of_record = getattr(registry.config_module(name), "OF_RECORD", True)
    expected = registry.ROOT / name / "results" if of_record else runs / name
    assert registry.default_out(name, full) == expected


def test_unknown_name_lists_the_known_ones(capsys: pytest.CaptureFixture[str]):
    assert main(["run", "table_one"]) == 2
    message = re.sub(r"\s+", " ", capsys.readouterr().err)
    assert "no experiment 'table_one'" in message
    for name in registry.names():
        assert name in message


def test_repetitions_below_one_are_refused(capsys: pytest.CaptureFixture[str]):
    assert main(["run", "table1", "--repetitions", "0"]) == 2
    assert "repetitions: expected" in capsys.readouterr().err


def test_list_from_a_shell():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "experiments", "list"],
        cwd=registry.REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    listed = [line.split()[0] for line in done.stdout.splitlines() if line[:1].strip()]
    assert set(registry.names()) <= set(listed)


def test_unknown_name_from_a_shell_is_exit_code_2():
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "run", "nope"],
        cwd=registry.REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr

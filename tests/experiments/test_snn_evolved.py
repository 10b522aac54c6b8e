"""The study of evolved constants: a stopped run is taken up where it was."""

import dataclasses
import json

import pytest

from experiments.common.progress import Progress
from experiments.snn_evolved import run as study
from experiments.snn_evolved.config import SMOKE

CONFIG = dataclasses.replace(SMOKE, repetitions=3)


def search(config, kind, number, key):
    """What a search returns, told apart by its number."""
    score = {"accuracy": 10.0 * number, "spikes": 1.0}
    few = dict.fromkeys(("evolved", "by hand", "papers'", "papers', their time"), score)
    found = {"accuracy": [10.0, 20.0 + number], "spikes": [1.0, 2.0]}
    asked = [found | {"wanted": 1.0}] * len(config.asked)
    return {
        "constants": {"tau": float(number)},
        "curve": [1.0, 2.0],
        "scores": {"few": few, "all": few | {"evolved, slowed": score}},
        "charles_d": found | {"asked": asked},
        "random": found,
    }


def test_a_stopped_run_is_taken_up(monkeypatch, tmp_path):
    asked_for = []

    def stops(config, kind, number, key):
        asked_for.append(number)
        if len(asked_for) == 3:
            raise KeyboardInterrupt
        return search(config, kind, number, key)

    monkeypatch.setattr(study, "_search", stops)
    with pytest.raises(KeyboardInterrupt):
        study.run(CONFIG, tmp_path, Progress())
    assert json.loads((tmp_path / "snn_evolved.json").read_text())["status"] == "running"
    content = study.run(CONFIG, tmp_path, Progress())
    assert asked_for == [0, 1, 2, 2], "what was found is not searched again"
    (searches,) = content["results"]["searches"].values()
    assert [one["constants"]["tau"] for one in searches] == [0.0, 1.0, 2.0]
    assert content["status"] == "complete"

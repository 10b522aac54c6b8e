"""What the experiments on adapters count: least ranks, goals reached, frequencies."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from experiments.lora_evolved import cases as evolved
from experiments.lora_evolved import config as evolved_config
from experiments.lora_evolved import methods
from experiments.lottalora_ladder import cases as ladder
from experiments.lottalora_ladder import config as ladder_config
from experiments.lottalora_lm.run import unigram
from tasks.lora.data import Data, Text


def test_the_least_rank_that_is_near_enough():
    means = {"full": 98.0, "1": 90.0, "2": 97.2, "4": 96.8, "8": 97.6}
    rows = {name: {"accuracy": {"mean": mean}} for name, mean in means.items()}
    found = ladder.minimal_ranks(ladder_config.Config(tolerances=(0.1, 0.5, 1.0)), rows)
    assert found == {"0.1": None, "0.5": 8, "1.0": 2}


def test_when_a_goal_was_reached():
    curves = np.array([[10.0, 80, 95, 96], [10, 20, 30, 40], [91, 20, 92, 93]])
    found = {
        "curves": curves,
        "final": {"values": curves[:, -1]},
        "population_size": 50,
        "seconds": {"median": 8.0},
    }
    reference = {"final": {"values": np.array([100.0, 100, 100])}}
    met = evolved.reached(evolved_config.Config(), found, reference)
    assert met["runs"] == 2
    assert met["generations"] == 2  # the third and the first
    assert met["evaluations"] == 100
    assert met["seconds"] == 4
    assert met["share"]["mean"] == pytest.approx((0.96 + 0.4 + 0.93) / 3)
    found["curves"] = curves - 90
    assert evolved.reached(evolved_config.Config(), found, reference)["evaluations"] is None


def test_searches_keep_to_the_budget():
    config = evolved_config.Config()
    for name in methods.METHODS:
        search = methods.build(name, 30, config.budget)
        assert config.budget // search.population_size >= 100
        assert methods.build(name, 30, config.budget) is search


def test_the_loss_of_frequencies_alone():
    train, test = np.zeros((4, 25), np.int32), np.array([[0, 1]], np.int32)
    text = Text(Data(train, train, test, test), "ab")
    expected = -(np.log(101 / 102) + np.log(1 / 102)) / 2
    assert unigram(text) == pytest.approx(expected)


def test_gates_share_out_the_digits():
    own = [digit for digits in ladder.GATES.values() for digit in digits]
    assert sorted(own) == list(range(1, 10))

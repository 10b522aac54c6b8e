"""Figures for papers: they show what the result has."""

import numpy as np
import pytest

import diffevo
from diffevo.result import Modes

pytest.importorskip("matplotlib")

import matplotlib.pyplot as plt

from diffevo import plotting

RESULT = diffevo.Result(
    x={"a": np.zeros(2), "b": 1},
    fun=0.5,
    nfev=30,
    nit=2,
    success=True,
    stop_reason="budget",
    message="",
    population={"a": np.arange(8.0).reshape(4, 2), "b": np.arange(4)},
    fitness=np.array([1.0, np.nan, 0.5, 2.0]),
    history={"best_fitness": np.array([2.0, 1.0, 0.5]), "nfev": np.array([8, 20, 30])},
    modes=Modes({"a": np.ones((1, 2)), "b": np.array([7])}, np.array([0.5]), np.array([20])),
)


def test_convergence():
    ax = plotting.convergence(RESULT, label="one")
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [8, 20, 30])
    np.testing.assert_array_equal(line.get_ydata(), [2.0, 1.0, 0.5])
    assert plotting.convergence(RESULT, ax) is ax
    plt.close("all")


def test_population():
    ax = plotting.population(RESULT, dims=(1, 2))
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[1, 0], [3, 1], [5, 2], [7, 3]])
    assert ax.get_lines()[0].get_xydata().tolist() == [[1.0, 7.0]]
    ax.figure.savefig("/dev/null", format="svg")
    plt.close("all")
    with pytest.raises(ValueError, match=r"dims: expected two of 0 to 2, got \(0, 3\)"):
        plotting.population(RESULT, dims=(0, 3))


def test_categories_have_no_place():
    space = diffevo.SearchSpace([diffevo.Choice(["a", "b"]), diffevo.Real(0.0, 1.0)])
    with pytest.raises(ValueError, match="got categories among them"):
        plotting._numbers(space.batch(np.zeros((2, 3), np.float32)), 2)

"""Fitness functions that processes can import: without JAX, so that a worker is up at once."""

import os
import time

import numpy as np


def sphere(x):
    return float(np.sum((np.asarray(x) - 1.0) ** 2))


def exact(x):
    """A sum of small integers: the same in every kind of arithmetic, in numpy and in JAX."""
    return (((x * 64.0).round() - 37.0) ** 2).sum()


def exact_and_late(x):
    """The same, and later members are done first, now and then."""
    time.sleep(0.004 if x[0] > 0 else 0.0)
    return exact(x)


def _share(x):
    """A number in [0, 1) that depends on the solution alone, so that every run sees the same."""
    return float(abs(x[0]) * 1e4 % 1.0)


def faulty(x, kind, share):
    """A function that fails at a share of the solutions, in one of many ways."""
    if _share(x) >= share:
        return sphere(x)
    if kind == "raises":
        raise OSError("no licence left")
    if kind == "hangs":
        time.sleep(30.0)
    if kind == "dies":
        os._exit(3)
    return {
        "NaN": float("nan"),
        "None": None,
        "string": "0.5",
        "shape": np.zeros(3),
        "complex": 1.0 + 2.0j,
        "object": object(),
    }[kind]

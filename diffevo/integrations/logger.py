"""What loggers have in common: each is a callback of `minimize`, and closes what it opened."""

import abc
from typing import Any, Self

import jax
import numpy as np

# The numbers of a solution are logged if there are at most so many.
_MOST_NUMBERS = 32


class Logger(abc.ABC):
    """A callback that writes the numbers of each generation to somewhere else.

    Usable in a with statement, which closes it at the end.
    """

    def __call__(self, info: dict[str, Any]) -> None:
        """Write what a callback of `diffevo.minimize` is given."""
        self.write(numbers_of(info), int(info["generation"]))

    @abc.abstractmethod
    def write(self, numbers: dict[str, float], generation: int) -> None:
        """Write the numbers of a generation, by their names."""

    @abc.abstractmethod
    def close(self) -> None:
        """Write what is left, and close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()


def numbers_of(info: dict[str, Any]) -> dict[str, float]:
    """What is a number in the info of a generation, and in its best solution.

    Args:
        info: as a callback of `diffevo.minimize` is given it.

    Returns:
        All but the generation; the solution's as ``x/rate``, ``x/weights.3``, if these are few.
    """
    numbers = {name: value for name, value in info.items() if name not in ("x", "generation")}
    parts: dict[str, float] = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(info["x"])[0]:
        values = np.asarray(leaf)
        if values.dtype.kind not in "fiub":
            continue
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        for index, value in enumerate(values.ravel().tolist()):
            place = [name] if name else []
            place += [str(index)] if values.ndim else []
            parts["/".join(["x", ".".join(place)]) if place else "x"] = value
    if len(parts) <= _MOST_NUMBERS:
        numbers |= parts
    return {name: float(value) for name, value in numbers.items()}

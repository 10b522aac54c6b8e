"""Images (`tasks.images`) and text to train on, the latter of what ships with Python.

Images come flat, (n, I), less the training pixels' mean and over their standard deviation. Text
comes as windows of characters (n, T) and the characters that follow each.

Shape letters: I pixels, T length of a window.
"""

import functools
from pathlib import Path
from pydoc_data.topics import topics
from typing import NamedTuple

import numpy as np

from tasks import images


class Data(NamedTuple):
    """Arrays of numpy.

    Attributes:
        train_x: (n, I) float32 or (n, T) int32.
        train_y: (n,) or (n, T), int32.
        test_x: likewise, (m, ...).
        test_y: likewise.
    """

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def digits(fold: int = 0) -> Data:
    """scikit-learn's digits, `tasks.images.digits`, standardised."""
    return _standardised(images.digits(fold))


def from_folder(
    folder: str | Path = images.FOLDER, num_train: int | None = None, num_test: int | None = None
) -> Data:
    """Images of IDX files, `tasks.images.from_folder`, standardised."""
    return _standardised(images.from_folder(folder, num_train, num_test))


def from_openml(name: str, num_train: int = 60_000) -> Data:
    """Images of openml.org, `tasks.images.from_openml`, standardised."""
    return _standardised(images.from_openml(name, num_train))


class Text(NamedTuple):
    """A text in windows.

    Attributes:
        data: the windows (n, T) and, one on, what follows (n, T).
        characters: the vocabulary: token i is ``characters[i]``.
    """

    data: Data
    characters: str


def english(length: int = 64, test_share: float = 0.1) -> Text:
    """Python's own help, ``pydoc_data.topics``, by characters: some 460,000 of them, of 100 kinds.

    It differs a little from one version of Python to another. Windows do not overlap; the last ones
    are for testing.

    Args:
        length: T >= 1.
        test_share: in (0, 1).
    """
    text = "\n".join(topics[name] for name in sorted(topics))
    characters = "".join(sorted(set(text)))
    number = {character: i for i, character in enumerate(characters)}
    tokens = np.array([number[character] for character in text], np.int32)
    count = (len(tokens) - 1) // length
    windows = tokens[: count * length].reshape(count, length)
    follow = tokens[1 : count * length + 1].reshape(count, length)
    cut = count - max(1, int(test_share * count))
    return Text(Data(windows[:cut], follow[:cut], windows[cut:], follow[cut:]), characters)


@functools.lru_cache(maxsize=8)
def load(name: str, fold: int = 0, num_train: int | None = None) -> Data:
    """Images by a name that a task can hold: "digits" or a folder of IDX files."""
    return digits(fold) if name == "digits" else from_folder(name, num_train)


def _standardised(found: images.Images) -> Data:
    train, test = images.standardised(found)
    return Data(train, found.train_y, test, found.test_y)

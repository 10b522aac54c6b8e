"""Images and text to train on: what ships with scikit-learn and Python, IDX files, OpenML.

Images come flat, (n, I), less the training pixels' mean and over their standard deviation. Text
comes as windows of characters (n, T) and the characters that follow each.

Shape letters: I pixels, T length of a window.
"""

import functools
import gzip
import struct
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any, NamedTuple

import numpy as np

FOLDER = "/usr/share/datasets/fashion-mnist"
"""Where Debian's package ``dataset-fashion-mnist`` puts its files."""


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
    """scikit-learn's 1,797 digits of 8 x 8 pixels: 1,436 to train on, 359 to test.

    The data are one file of scikit-learn's, UCI's "Optical Recognition of Handwritten Digits".

    Args:
        fold: 0 to 4; image i of the first 1,795 is for testing if i mod 5 is this.
    """
    if fold not in range(5):
        raise ValueError(f"fold: expected 0 to 4, got {fold}")
    images, labels = sklearn_datasets().load_digits(return_X_y=True)
    tests = np.arange(1795) % 5 == fold
    images, labels = images[:1795], labels[:1795]
    return _standardised(images[~tests], labels[~tests], images[tests], labels[tests])


def from_folder(
    folder: str | Path = FOLDER, num_train: int | None = None, num_test: int | None = None
) -> Data:
    """MNIST, Fashion-MNIST or another set in the four IDX files of that name, gzipped or not.

    Args:
        folder: with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
            t10k-labels-idx1-ubyte, each perhaps with .gz.
        num_train: the first so many; None is all.
        num_test: likewise.

    Raises:
        FileNotFoundError: the folder or one of the files is missing.
        ValueError: a file is damaged or no IDX file.
    """
    parts = [
        read_idx(_find(Path(folder), f"{part}-{kind}-ubyte"))[:count]
        for part, count in (("train", num_train), ("t10k", num_test))
        for kind in ("images-idx3", "labels-idx1")
    ]
    for images, labels in (parts[:2], parts[2:]):
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{folder}: expected images (n, height, width) and n labels, got the shapes "
                f"{images.shape} and {labels.shape}"
            )
    return _standardised(*parts)


def from_openml(name: str, num_train: int = 60_000) -> Data:
    """A set of images from openml.org, which scikit-learn downloads once and keeps.

    Args:
        name: "mnist_784" or "Fashion-MNIST", for example.
        num_train: images to train on, the first; the others are for testing.

    Raises:
        ConnectionError: openml.org was not reached, or has no such set.
    """
    fetch = sklearn_datasets().fetch_openml
    try:
        images, labels = fetch(name, version=1, as_frame=False, return_X_y=True, parser="liac-arff")
    except OSError as error:
        raise ConnectionError(
            f"{name}: not read from openml.org ({error}); with its IDX files on disk, use "
            "from_folder"
        ) from error
    return _standardised(
        images[:num_train], labels[:num_train], images[num_train:], labels[num_train:]
    )


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


def sklearn_datasets() -> Any:
    """``sklearn.datasets``, or an ImportError with the command that installs it."""
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            'digits and OpenML need scikit-learn: pip install "diffevo-jax[sklearn]"'
        ) from error
    return datasets


_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file, gzipped or not.

    Two bytes of 0, the type, the number of axes, their lengths as big-endian integers of four
    bytes, the content.

    Raises:
        ValueError: the file is damaged, or something else.
    """
    content = path.read_bytes()
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        zero, kind, num_axes = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{num_axes}I", content, 4)
        if zero or kind not in _TYPES:
            raise ValueError(f"its first bytes are {content[:4].hex()}")
        values = np.frombuffer(content, _TYPES[kind], offset=4 + 4 * num_axes)
        return values.reshape(shape)
    except (struct.error, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{path}: expected an IDX file, whole; {error}") from error


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"{folder}: expected a folder with the file {name} or {name}.gz; Debian and Ubuntu have "
        "Fashion-MNIST as the package dataset-fashion-mnist"
    )


def _standardised(
    train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray
) -> Data:
    train, test = (x.reshape(len(x), -1).astype(np.float32) for x in (train_x, test_x))
    mean, std = train.mean(), train.std()
    return Data(
        (train - mean) / std, train_y.astype(np.int32), (test - mean) / std, test_y.astype(np.int32)
    )

"""Images with labels, as they come: scikit-learn's digits, IDX files, OpenML.

`unit` scales pixels to [0, 1], which spikes are made of; `standardised` to mean 0 and deviation 1.

Shape letters: H height, W width.
"""

import functools
import gzip
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FOLDER = "/usr/share/datasets/fashion-mnist"
"""Where Debian's package ``dataset-fashion-mnist`` puts its files."""


class Images(NamedTuple):
    """Arrays of numpy.

    Attributes:
        train_x: pixels (n, H, W), from 0 to ``white``.
        train_y: labels (n,) int32.
        test_x: likewise (m, H, W).
        test_y: likewise (m,).
        white: the greatest number that a pixel may have.
    """

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    white: float = 1.0


def digits(fold: int = 0) -> Images:
    """scikit-learn's 1,797 digits of 8 x 8 pixels: 1,436 to train on, 359 to test.

    The data are one file of scikit-learn's, UCI's "Optical Recognition of Handwritten Digits".

    Args:
        fold: 0 to 4; image i of the first 1,795 is for testing if i mod 5 is this.
    """
    if fold not in range(5):
        raise ValueError(f"fold: expected 0 to 4, got {fold}")
    pixels, labels = sklearn_datasets().load_digits(return_X_y=True)
    tests = np.arange(1795) % 5 == fold
    pixels, labels = pixels[:1795].reshape(-1, 8, 8), labels[:1795].astype(np.int32)
    return Images(pixels[~tests], labels[~tests], pixels[tests], labels[tests], 16.0)


def from_folder(
    folder: str | Path = FOLDER, num_train: int | None = None, num_test: int | None = None
) -> Images:
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
    for pixels, labels in (parts[:2], parts[2:]):
        if pixels.ndim != 3 or labels.shape != pixels.shape[:1]:
            raise ValueError(
                f"{folder}: expected images (n, height, width) and n labels, got the shapes "
                f"{pixels.shape} and {labels.shape}"
            )
    train_x, train_y, test_x, test_y = parts
    return Images(train_x, train_y.astype(np.int32), test_x, test_y.astype(np.int32), 255.0)


def from_openml(name: str, num_train: int = 60_000) -> Images:
    """A set of square images from openml.org, which scikit-learn downloads once and keeps.

    Args:
        name: "mnist_784" or "Fashion-MNIST", for example.
        num_train: images to train on, the first; the others are for testing.

    Raises:
        ConnectionError: openml.org was not reached, or has no such set.
    """
    fetch = sklearn_datasets().fetch_openml
    try:
        pixels, labels = fetch(name, version=1, as_frame=False, return_X_y=True, parser="liac-arff")
    except OSError as error:
        raise ConnectionError(
            f"{name}: not read from openml.org ({error}); with its IDX files on disk, use "
            "from_folder"
        ) from error
    side = round(pixels.shape[1] ** 0.5)
    pixels, labels = pixels.reshape(-1, side, side), labels.astype(np.int32)
    return Images(
        pixels[:num_train], labels[:num_train], pixels[num_train:], labels[num_train:], 255.0
    )


@functools.lru_cache(maxsize=8)
def load(name: str, fold: int = 0, num_train: int | None = None) -> Images:
    """Images by a name that a task can hold: "digits" or a folder of IDX files."""
    return digits(fold) if name == "digits" else from_folder(name, num_train)


def unit(images: Images) -> Images:
    """Pixels float32 in [0, 1]: divided by ``white``."""
    train_x, test_x = (
        np.asarray(x, np.float32) / np.float32(images.white)
        for x in (images.train_x, images.test_x)
    )
    return images._replace(train_x=train_x, test_x=test_x, white=1.0)


def flat(images: Images) -> Images:
    """Pixels of an image in a row, row by row: (n, H W)."""
    train_x, test_x = (x.reshape(len(x), -1) for x in (images.train_x, images.test_x))
    return images._replace(train_x=train_x, test_x=test_x)


def standardised(images: Images) -> tuple[np.ndarray, np.ndarray]:
    """Flat pixels to train on and to test on, less the former's mean, over their deviation.

    Returns:
        (n, H W) and (m, H W), float32.
    """
    train, test = (
        x.reshape(len(x), -1).astype(np.float32) for x in (images.train_x, images.test_x)
    )
    mean, std = train.mean(), train.std()
    return (train - mean) / std, (test - mean) / std


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

"""What the reservoir looks at: the images of `tasks.lora.data`, as brightness from 0 to 1."""

import functools

import numpy as np

from tasks.lora import data


@functools.lru_cache(maxsize=8)
def load(name: str, fold: int = 0, num_train: int | None = None) -> data.Data:
    """Images by a name that a task can hold, brightness 0 to 1: the range of those to train on.

    Args:
        name: "digits", or a folder of IDX files.
        fold: of the digits, 0 to 4.
        num_train: of a folder, the first so many to train on; None is all.
    """
    found = data.load(name, fold, num_train)
    low, high = found.train_x.min(), found.train_x.max()

    def bright(images: np.ndarray) -> np.ndarray:
        return np.clip((images - low) / (high - low), 0, 1)

    return found._replace(train_x=bright(found.train_x), test_x=bright(found.test_x))

"""Where images and text come from, and what is said where they do not."""

import gzip
import struct

import numpy as np
import pytest

from tasks.lora import data


@pytest.fixture
def folder(tmp_path):
    """Fashion-MNIST in little: two files gzipped, two not."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 10)):
        images = rng.integers(0, 256, (count, 5, 4), np.uint8)
        labels = rng.integers(0, 10, count).astype(np.uint8)
        head = struct.pack(">HBB3I", 0, 8, 3, count, 5, 4)
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(head + images.tobytes())
        )
        head = struct.pack(">HBBI", 0, 8, 1, count)
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())
    return tmp_path


def test_digits():
    pytest.importorskip("sklearn")
    folds = [data.digits(fold) for fold in range(5)]
    for found in folds:
        assert [part.shape for part in found] == [(1436, 64), (1436,), (359, 64), (359,)]
        assert [str(part.dtype) for part in found] == ["float32", "int32"] * 2
        assert abs(found.train_x.mean()) < 1e-4
        assert found.train_x.std() == pytest.approx(1, abs=1e-3)
        assert set(found.test_y) == set(range(10))
    # Every image is tested on once.
    counts = sum(np.bincount(found.test_y, minlength=10) for found in folds)
    assert counts.sum() == 1795
    with pytest.raises(ValueError, match="fold: expected 0 to 4, got 5"):
        data.digits(5)


def test_idx_files(folder):
    found = data.from_folder(folder, num_train=20)
    assert [part.shape for part in found] == [(20, 20), (20,), (10, 20), (10,)]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 5, 4), np.uint8)[:20].astype(float)
    expected = (images - images.mean()) / images.std()
    np.testing.assert_allclose(found.train_x, expected.reshape(20, 20), atol=1e-5)
    np.testing.assert_array_equal(found.train_y, rng.integers(0, 10, 30)[:20])
    assert data.load(str(folder)).train_x.shape == (30, 20)


def test_a_folder_without_the_files(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte or .*\.gz"):
            data.from_folder(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x08\x01\x00\x00\x00\x05abc",
        b"\x00\x01\x08\x01\x00\x00\x00\x00",
        b"\x1f\x8bx",
    ],
    ids=["empty", "too short", "not IDX", "not gzip"],
)
def test_damaged_files(folder, content):
    path = folder / "train-labels-idx1-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path.name}: expected an IDX file, whole"):
        data.from_folder(folder)


def test_labels_of_other_images(folder):
    (folder / "t10k-labels-idx1-ubyte").unlink()
    (folder / "train-labels-idx1-ubyte").rename(folder / "t10k-labels-idx1-ubyte")
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, 30) + bytes(30))
    with pytest.raises(ValueError, match=r"expected images .* and n labels, got the shapes"):
        data.from_folder(folder)


def test_openml_out_of_reach(monkeypatch):
    datasets = pytest.importorskip("sklearn.datasets")

    def fail(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(datasets, "fetch_openml", fail)
    with pytest.raises(ConnectionError, match=r"mnist_784: not read from openml.org .*no route"):
        data.from_openml("mnist_784")


def test_openml(monkeypatch):
    datasets = pytest.importorskip("sklearn.datasets")
    images, labels = np.arange(20.0).reshape(5, 4), np.array(list("01201"))
    monkeypatch.setattr(datasets, "fetch_openml", lambda *_, **__: (images, labels))
    found = data.from_openml("mnist_784", num_train=3)
    assert [part.shape for part in found] == [(3, 4), (3,), (2, 4), (2,)]
    np.testing.assert_array_equal(found.test_y, [0, 1])


def test_english():
    text = data.english(32)
    assert 50 < len(text.characters) < 150
    assert sum(len(x) for x in (text.data.train_x, text.data.test_x)) * 32 > 400_000
    first, following = text.data.train_x[0], text.data.train_y[0]
    np.testing.assert_array_equal(first[1:], following[:-1])
    assert following[-1] == text.data.train_x[1][0]
    assert text.data.train_x.max() < len(text.characters)

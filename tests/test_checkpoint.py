"""Checkpoints: written whole, checked, the newest few kept, the newest intact one taken."""

import json
import shutil

import numpy as np
import pytest

from diffevo import checkpoint
from diffevo.checkpoint import CheckpointError

ARRAYS = {
    "state.a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "count": np.array(3),
    "none": np.zeros((0, 2)),
    "word": np.array([1, 2], np.uint32),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Three checkpoints of a run, of which two are kept: it takes orbax a while."""
    folder = tmp_path_factory.mktemp("checkpoints")
    kept = [checkpoint.save(folder, g, ARRAYS, {"seconds": float(g)}, "run") for g in (1, 2, 3)]
    assert kept == [[1], [1, 2], [2, 3]]
    return folder


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "checkpoints")


def test_what_was_saved_comes_back(folder):
    assert checkpoint.numbers(folder) == [2, 3]
    generation, arrays, notes = checkpoint.load_newest(folder, "run")
    assert (generation, notes) == (3, {"seconds": 3.0})
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


def test_no_checkpoint_is_none(tmp_path):
    assert checkpoint.load_newest(tmp_path, "run") is None
    assert checkpoint.load_newest(tmp_path / "nowhere", "run") is None
    (tmp_path / "tmp-0000000007").mkdir()  # what a killed process left
    assert checkpoint.load_newest(tmp_path, "run") is None


def test_what_is_later_or_half_written_is_removed(folder):
    (folder / "tmp-0000000007").mkdir()
    checkpoint.remove_after(folder, 2)
    assert [path.name for path in folder.iterdir()] == ["0000000002"]


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def largest(place):
    return max(
        (p for p in (place / "arrays").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
    )


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGES = {
    "a file is cut": (lambda place: cut(largest(place)), "is not what was written"),
    "a bit is flipped": (lambda place: flip(largest(place)), "is not what was written"),
    "a file is gone": (lambda place: largest(place).unlink(), "is not what was written"),
    "a file is added": (lambda place: (place / "arrays" / "x").write_text(""), "x is not"),
    "no manifest": (lambda place: (place / "manifest.json").unlink(), "manifest cannot be read"),
    "no JSON": (lambda place: cut(place / "manifest.json"), "manifest cannot be read"),
    "no object": (lambda place: (place / "manifest.json").write_text("3"), "cannot be read"),
    "edited": (lambda place: edit(place / "manifest.json", notes=None), "has changed"),
    "a later format": (lambda place: edit(place / "manifest.json", format=99), "expected format 1"),
    "nothing in it": (lambda place: (shutil.rmtree(place), place.mkdir()), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_refused_and_an_older_one_taken(folder, damage):
    do, words = DAMAGES[damage]
    do(folder / "0000000003")
    with pytest.raises(CheckpointError, match=words):
        checkpoint.load(folder, 3, "run")
    with pytest.warns(RuntimeWarning, match=rf"{words}.*Going on from generation 2"):
        assert checkpoint.load_newest(folder, "run")[0] == 2


def test_one_of_another_run_or_generation_is_refused(folder):
    with pytest.raises(
        CheckpointError, match="expected an intact checkpoint of this run, got none"
    ):
        checkpoint.load_newest(folder, "another")
    shutil.copytree(folder / "0000000002", folder / "0000000009")
    with pytest.raises(CheckpointError, match="of generation 9, got one of 2"):
        checkpoint.load(folder, 9, "run")


def test_a_tree_goes_to_arrays_and_back():
    tree = {"b": [np.ones(2, np.float32), None], "a": np.array(1)}
    arrays = checkpoint.to_arrays({"state": tree, "lone": np.zeros(3)})
    assert sorted(arrays) == ["lone", "state.a", "state.b.0"]
    back = checkpoint.from_arrays(tree, arrays, "state")
    np.testing.assert_array_equal(back["b"][0], 1.0)
    assert back["b"][1] is None
    np.testing.assert_array_equal(checkpoint.from_arrays(np.zeros(3), arrays, "lone"), 0.0)
    with pytest.raises(CheckpointError, match=r"expected float32\[3\] as state.a .*got int64\[\]"):
        checkpoint.from_arrays({"a": np.zeros(3, np.float32)}, arrays, "state")
    with pytest.raises(CheckpointError, match=r"as state.c in its checkpoint, got nothing"):
        checkpoint.from_arrays({"c": np.zeros(3)}, arrays, "state")

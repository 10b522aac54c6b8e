"""Files of adapters: the round trip, another process, and files that are refused."""

import json
import struct
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tasks.lora import Classifier, LowRank, Transformer
from tasks.lora.saved import load, save
from tests.tasks.lora.test_adapters import examples, random_params

MODEL = LowRank(Classifier((96, 64)), (784,), rank=4)


@pytest.fixture
def path(tmp_path):
    save(tmp_path / "x.safetensors", MODEL, random_params(MODEL), seed=7)
    return tmp_path / "x.safetensors"


def header_of(path):
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def rewrite(path, header, body):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def describe_anew(path, **changes):
    """Change the description of a file and leave the rest."""
    header, body = header_of(path)
    model = json.loads(header["__metadata__"]["model"])
    header["__metadata__"]["model"] = json.dumps(model | changes)
    rewrite(path, header, body)


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        LowRank(Transformer(11, 6, 8, 1, 2), (6,), rank=2, alpha=16.0, input_dtype="int32"),
    ],
    ids=["mlp", "language"],
)
def test_a_loaded_network_is_the_saved_one(model, tmp_path):
    params = random_params(model)
    save(tmp_path / "x", model, params, seed=3)
    found = load(tmp_path / "x")
    assert (found.model, found.seed) == (model, 3)
    jax.tree.map(np.testing.assert_array_equal, found.params, params)
    jax.tree.map(np.testing.assert_array_equal, found.backbone, model.backbone(3))


def test_it_is_small(path):
    assert MODEL.num_trained < 0.07 * MODEL.num_full
    assert path.stat().st_size < 4 * MODEL.num_trained + 2500


@pytest.mark.slow  # of another process, most of it imports
def test_identical_outputs_in_another_process(path, tmp_path):
    x = examples(MODEL)
    found = load(path)
    expected = jax.jit(found.model.apply)(found.params, found.backbone, x)
    np.save(tmp_path / "x.npy", x)
    code = (
        "import sys, jax, numpy as np; from tasks.lora.saved import load;"
        "path, x, out = sys.argv[1:]; found = load(path);"
        "np.save(out, jax.jit(found.model.apply)(found.params, found.backbone, np.load(x)))"
    )
    arguments = [str(path), str(tmp_path / "x.npy"), str(tmp_path / "y.npy")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=600)
    # This process compiles with fewer optimisations, which may round differently.
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, rtol=1e-6, atol=1e-6)


def test_another_stream_of_random_numbers_is_refused(path):
    with (
        jax.threefry_partitionable(False),  # the stream of JAX before 0.5
        pytest.raises(ValueError, match=r"Dense_0: the seed gives another random matrix here"),
    ):
        load(path)
    load(path)
    describe_anew(path, seed=8)
    with pytest.raises(ValueError, match=r"Dense_0: the seed gives another random matrix here"):
        load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "gaussian"}, "description of a network; family: expected one of"),
        ({"rank": 65}, "description of a network; rank: expected at most 64"),
        ({"rank": 3}, "description of a network; .*expected arrays"),
        ({"module": "Perceptron"}, "description of a network; 'Perceptron'"),
        ({"fingerprints": {}}, "no fingerprint of"),
    ],
)
def test_a_wrong_description_is_refused(path, changes, message):
    describe_anew(path, **changes)
    with pytest.raises(ValueError, match=message):
        load(path)


def test_damaged_and_foreign_files_are_refused(path, tmp_path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ValueError, match="damaged"):
        load(path)
    path.write_bytes(content[:-7])
    with pytest.raises(ValueError, match="expected a safetensors file, whole"):
        load(path)
    path.write_bytes(b"GIF89a" * 100)
    with pytest.raises(ValueError, match="expected a safetensors file, whole"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")


def test_a_file_of_something_else_is_refused(path):
    header, body = header_of(path)
    header["__metadata__"]["format"] = "diffevo policy"
    rewrite(path, header, body)
    with pytest.raises(ValueError, match="but no network of adapters: expected the format"):
        load(path)


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match="params: expected arrays"):
        save(tmp_path / "x", MODEL, {"Dense_0": {"a": jnp.zeros((3, 2))}}, 0)

    class Other(Classifier):
        pass

    other = LowRank(Other((96, 64)), (784,), rank=4)
    with pytest.raises(ValueError, match=r"module: expected one of Classifier, .*, got Other"):
        save(tmp_path / "x", other, random_params(other), 0)

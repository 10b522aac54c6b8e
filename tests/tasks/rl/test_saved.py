"""Saved controllers: the round trip, the format, and what is said of files that are none."""

import dataclasses
import hashlib
import json
import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

pytest.importorskip("gymnax")

from tasks.rl import ENVIRONMENTS, Recurrent, Spiking, control
from tasks.rl.saved import load, save


def genome_of(task):
    return jax.random.normal(jax.random.key(2), (task.num_dims,))


@pytest.fixture
def saved(tmp_path):
    """The path of a controller, its header and the bytes of its parameters."""
    path = tmp_path / "controller.safetensors"
    task = control("acrobot", (4,), "relu", 2, max_steps=30, scaling=10.0, seed=3)
    save(path, task, genome_of(task))
    content = path.read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    return path, json.loads(content[8 : 8 + length]), content[8 + length :]


def write(path, header, body):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


@pytest.mark.parametrize(
    "task",
    [
        control("cartpole", (4, 3), num_episodes=2, shared_episodes=False, max_steps=30),
        control("pendulum", policy=Recurrent("gru", 3, 1), num_episodes=2, max_steps=20),
        control("mountain_car", policy=Spiking((5,), 3, 2), scaling=4.0, max_steps=20),
        control("minatar_breakout", (), max_steps=5),
    ],
    ids=lambda task: task.name,
)
def test_a_loaded_controller_is_the_saved_one(task, tmp_path):
    path, genome = tmp_path / "controller.safetensors", genome_of(task)
    save(path, task, genome)
    loaded, parameters = load(path)
    assert loaded == dataclasses.replace(task, scaling=1.0)
    np.testing.assert_array_equal(parameters, task.scaling * genome)


def test_ranges_of_its_own_are_kept(tmp_path):
    task = control("mountain_car", ())
    ranges = ((-1.1, 0.3), (-0.01, 0.02))
    task = dataclasses.replace(
        task, environment=dataclasses.replace(task.environment, ranges=ranges)
    )
    save(tmp_path / "x", task, genome_of(task))
    assert load(tmp_path / "x")[0].environment.ranges == ranges


def test_the_file_is_safetensors(saved):
    # By the format's definition, not by the package that wrote it.
    _, header, body = saved
    task = control("acrobot", (4,), "relu")
    layers = task.spec.unravel(10 * genome_of(task))["params"]
    for name, shape in (("Dense_0.kernel", [6, 4]), ("Dense_1.bias", [3])):
        entry = header[f"params.{name}"]
        assert entry["dtype"] == "F32"
        assert entry["shape"] == shape
        start, end = entry["data_offsets"]
        layer, part = name.split(".")
        np.testing.assert_array_equal(
            np.frombuffer(body[start:end], "<f4").reshape(shape), layers[layer][part]
        )
    assert all(isinstance(value, str) for value in header["__metadata__"].values())


@pytest.mark.parametrize(
    "content", [b"", b"no", b"# a text, and not a short one\n" * 9, b"\0" * 64]
)
def test_another_file_is_refused(content, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"notes\.txt: expected a safetensors file"):
        load(path)


def test_every_shortened_file_is_refused(saved):
    path, *_ = saved
    content = path.read_bytes()
    for length in range(0, len(content), 41):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"expected a safetensors file|damaged"):
            load(path)


def test_a_changed_parameter_is_refused(saved):
    path, header, body = saved
    write(path, header, body[:-1] + bytes([body[-1] ^ 1]))
    with pytest.raises(ValueError, match="damaged: the parameters are not those that were saved"):
        load(path)


def test_foreign_and_newer_files_are_refused(saved):
    path, header, body = saved
    metadata = header.pop("__metadata__")
    write(path, header, body)
    with pytest.raises(ValueError, match="a safetensors file, but no controller"):
        load(path)
    write(path, header | {"__metadata__": metadata | {"version": "2"}}, body)
    with pytest.raises(ValueError, match="expected version '1', got '2'"):
        load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"environment": "pong"}, "pong"),
        ({"policy": "Transformer"}, "Transformer"),
        ({"attributes": {"depth": 3}}, "depth"),
        ({"attributes": {"activation": "cube"}}, "cube"),
        ({"attributes": {"hidden": [5], "num_outputs": 3}}, "expected parameters"),
        ({"num_episodes": 0}, "num_episodes"),
        ({"ranges": [[1]]}, "expected the description of a task"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(saved, change, message):
    path, header, body = saved
    description = json.loads(header["__metadata__"]["task"]) | change
    header["__metadata__"]["task"] = json.dumps(description)
    write(path, header, body)
    with pytest.raises(ValueError, match=message):
        load(path)


def test_parameters_that_are_not_the_policys_are_refused(saved):
    path, header, body = saved
    header["params.Dense_0.weight"] = header.pop("params.Dense_0.kernel")
    write(path, header, body)
    with pytest.raises(ValueError, match=r"expected parameters .*kernel.*got .*weight"):
        load(path)
    del header["params.Dense_0.weight"]["dtype"]
    write(path, header, body)
    with pytest.raises(ValueError, match="expected a safetensors file"):
        load(path)


def test_what_cannot_be_saved_names_argument_expected_and_got(tmp_path):
    task = control("acrobot", ())
    path = tmp_path / "x"
    with pytest.raises(ValueError, match=r"genome: expected shape \(21,\), got \(20,\)"):
        save(path, task, jnp.zeros(20))
    own = dataclasses.replace(ENVIRONMENTS["acrobot"], traits=())
    with pytest.raises(ValueError, match=r"environment: expected one of .*acrobot.*got Environ"):
        save(path, dataclasses.replace(task, environment=own), genome_of(task))
    with pytest.raises(ValueError, match=r"policy: expected one of MLP.*got Dense"):
        save(path, control("acrobot", policy=linen.Dense(3)), genome_of(task))
    assert not path.exists()


def test_hash_is_of_the_arrays(saved):
    _, header, body = saved
    assert header["__metadata__"]["sha256"] == hashlib.sha256(body).hexdigest()

"""Loggers: what they write, read back; those that are not installed against a stand-in."""

import importlib
import math
import pathlib
import struct
import sys
import time
import types

import numpy as np
import pytest

import diffevo
from diffevo.integrations.logger import numbers_of

SPACE = diffevo.SearchSpace(
    {
        "rate": diffevo.Real(1e-4, 1.0, log=True),
        "shares": diffevo.Real(0.0, 1.0, shape=(2,)),
        "kind": diffevo.Choice(["a", "b"]),
    }
)
OPTIONS = {"budget": 48, "population_size": 16, "algorithm": "diffusion_evolution", "seed": 0}
BOX = ([-4.0, -4.0], [4.0, 4.0])
IN_X = {"x/rate", "x/shares.0", "x/shares.1"}


def objective(x):
    return x["rate"] + float(np.sum(x["shares"]))


def search(callback):
    return diffevo.minimize(objective, space=SPACE, callback=callback, **OPTIONS)


def expected(result):
    """What is to be logged of each generation, solutions aside."""
    history = result.history
    columns = {name: history[name] for name in history if name != "generation"}
    columns |= {"fun": history["best_fitness"], "nfev": 16 * np.arange(1, 4)}
    return {name: values.astype(np.float32).tolist() for name, values in columns.items()}


def test_numbers_of_a_generation():
    info = {"generation": np.int32(3), "nfev": 64, "fun": 0.5, "loss": np.float32(math.inf)}
    x = {"w": np.arange(4.0).reshape(2, 2), "n": 3, "flag": True, "kind": "a", "f": math.sin}
    assert numbers_of(info | {"x": x}) == {
        "nfev": 64.0,
        "fun": 0.5,
        "loss": math.inf,
        "x/w.0": 0.0,
        "x/w.1": 1.0,
        "x/w.2": 2.0,
        "x/w.3": 3.0,
        "x/n": 3.0,
        "x/flag": 1.0,
    }
    assert numbers_of(info | {"x": np.zeros(2)}).keys() == {"nfev", "fun", "loss", "x/0", "x/1"}
    assert numbers_of(info | {"x": 2.5})["x"] == 2.5
    assert numbers_of(info | {"x": np.zeros(33)}).keys() == {"nfev", "fun", "loss"}


def test_several_callbacks():
    seen = []
    callbacks = [lambda info: seen.append("a"), lambda info: info["generation"] == 1, seen.append]
    result = search(callbacks)
    assert result.stop_reason == "callback"
    assert seen[0] == seen[2] == "a"
    assert [info["generation"] for info in (seen[1], seen[3])] == [0, 1]
    jax_result = diffevo.minimize(lambda x: x @ x, BOX, callback=tuple(callbacks), **OPTIONS)
    assert jax_result.nit == 1
    for wrong in (3, [print, 3], {"a": print}):
        with pytest.raises(ValueError, match=r"callback: expected a function, a list of functions"):
            search(wrong)


def read_events(folder: pathlib.Path):
    """The scalars of all event files, {name: [(step, value)]}: framed protocol buffers."""
    from tensorboardX.proto.event_pb2 import Event

    scalars: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.iterdir()):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            event = Event.FromString(data[place + 12 : place + 12 + length])
            place += 12 + length + 4
            for value in event.summary.value:
                scalars.setdefault(value.tag, []).append((event.step, value.simple_value))
    return scalars


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX")
    from diffevo.integrations.tensorboard import TensorBoard

    with TensorBoard(tmp_path / "log") as log:
        result = search(log)
    written = read_events(tmp_path / "log")
    assert written.keys() == expected(result).keys() | IN_X
    for name, values in expected(result).items():
        assert written[name] == list(enumerate(values))
    assert written["x/rate"][-1] == (2, pytest.approx(result.x["rate"]))

    with TensorBoard(tmp_path / "jax") as log:
        result = diffevo.maximize(lambda x: -x @ x, BOX, callback=log, **OPTIONS)
    written = read_events(tmp_path / "jax")
    assert written["fun"] == list(enumerate(result.history["best_fitness"].tolist()))
    assert {"x/0", "x/1"} <= written.keys()


class Recorded(types.ModuleType):
    """A module in the place of MLflow or wandb that writes down how it is called."""

    def __init__(self, name: str):
        super().__init__(name)
        self.run = None
        self.calls = []

    def begin(self, **options):
        self.calls.append(("begin", options))
        self.run = self
        return self

    def end(self):
        self.calls.append(("end",))
        self.run = None

    start_run = init = begin
    end_run = finish = end

    def active_run(self):
        return self.run

    def log_metrics(self, metrics, step):
        self.calls.append(("log", {"generation": step, **metrics}))

    def log(self, data):
        self.calls.append(("log", data))


@pytest.fixture(params=[("mlflow", "MLflow"), ("wandb", "WandB")], ids=["mlflow", "wandb"])
def stand_in(request, monkeypatch):
    """(A logger, the module that it takes for its library); forgotten afterwards."""
    module, name = request.param
    library, ours = Recorded(module), f"diffevo.integrations.{module}"
    monkeypatch.setitem(sys.modules, module, library)
    sys.modules.pop(ours, None)
    yield getattr(importlib.import_module(ours), name), library
    sys.modules.pop(ours)


def test_runs_of_a_stand_in(stand_in):
    logger, library = stand_in
    with logger(name="first") as log:
        result = search(log)
    assert library.calls[0] == ("begin", {"name": "first"})
    assert library.calls[-1] == ("end",)
    logged = [data for _, data in library.calls[1:-1]]
    assert [data["generation"] for data in logged] == [0, 1, 2]
    assert logged[0].keys() == expected(result).keys() | IN_X | {"generation"}
    for key, values in expected(result).items():
        np.testing.assert_array_equal([np.float32(data[key]) for data in logged], values)

    # A run that is there already is used, and stays open.
    library.begin()
    library.calls.clear()
    with logger() as log:
        log.write({"fun": 1.0}, 0)
    assert library.calls == [("log", {"generation": 0, "fun": 1.0})]
    with pytest.raises(ValueError, match=r"options: expected none within an active run, got {'n"):
        logger(name="second")


@pytest.mark.filterwarnings("ignore")
def test_mlflow_itself(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    from diffevo.integrations.mlflow import MLflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # the only store without a database
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with MLflow(run_name="first") as log:
        run = mlflow.active_run()
        result = search(log)
    assert mlflow.active_run() is None
    client = mlflow.MlflowClient()
    assert client.get_run(run.info.run_id).info.run_name == "first"
    for name, values in expected(result).items():
        metrics = client.get_metric_history(run.info.run_id, name)
        assert [(one.step, np.float32(one.value)) for one in metrics] == list(enumerate(values))
    assert client.get_run(run.info.run_id).data.metrics["x/rate"] == result.x["rate"]


@pytest.mark.filterwarnings("ignore")
def test_wandb_itself(tmp_path):
    wandb = pytest.importorskip("wandb")
    from diffevo.integrations.wandb import WandB

    with WandB(mode="offline", dir=str(tmp_path), project="tests") as log:
        run = wandb.run
        result = search(log)
        summary = {name: run.summary[name] for name in ("fun", "nfev", "generation", "x/rate")}
    assert wandb.run is None
    assert summary == {"fun": result.fun, "nfev": 48, "generation": 2, "x/rate": result.x["rate"]}
    (written,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    # Another process writes it; a record a generation, with its names in plain bytes.
    until = time.monotonic() + 20
    while written.read_bytes().count(b"mean_fitness") < 3 and time.monotonic() < until:
        time.sleep(0.1)
    assert written.read_bytes().count(b"mean_fitness") >= 3


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("tensorboard", "tensorboardX", "tensorboard"),
        ("mlflow", "mlflow", "mlflow"),
        ("wandb", "wandb", "wandb"),
        ("optuna", "optuna", "optuna"),
        ("sklearn", "sklearn", "sklearn"),
        ("gymnasium", "gymnasium", "gymnasium"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_installs_it(
    monkeypatch, module, package, extra
):
    monkeypatch.delitem(sys.modules, f"diffevo.integrations.{module}", raising=False)
    for name in list(sys.modules):
        if name == package or name.startswith(f"{package}."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'diffevo-jax\[{extra}\]'"):
        importlib.import_module(f"diffevo.integrations.{module}")

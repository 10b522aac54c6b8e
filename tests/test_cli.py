"""The command line: what a task may be, exit statuses, resuming, lists."""

import inspect
import json
import sys

import numpy as np
import pytest

import diffevo
from diffevo import cli, records
from tests.evaluators import functions

ALGORITHM = ["--algorithm", "diffusion_evolution", "--population-size", "16", "--budget", "160"]
MODULE = """
import diffevo, numpy as np

SIZE = 3

def plain(x):
    "Squares, plain Python."
    return float(np.sum((np.asarray(x) - 0.25) ** 2))

def kind(x):
    return float(x["n"]) + (x["kind"] == "b")

kind.space = diffevo.SearchSpace({"n": diffevo.Integer(1, 9), "kind": diffevo.Choice(["a", "b"])})

def boxed(x):
    return plain(x)

boxed.bounds = ([0.0, 0.0], [1.0, 1.0])

def make(dims=2, offset=0.0):
    def fun(x):
        return plain(x) + offset
    fun.bounds = ([0.0] * dims, [1.0] * dims)
    return fun

class Task:
    num_dims, solution, low, high, scaling = 2, None, -1.0, 1.0, 0.5
    def __call__(self, genomes):
        return ((0.5 * genomes - 0.25) ** 2).sum(axis=1)

task = Task()

def broken(x):
    raise OSError("no licence left")

def interrupted(x):
    raise KeyboardInterrupt

def wrong_space(x):
    return 0.0

wrong_space.space = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a module of problems, which is the current one."""
    (tmp_path / "problems_here.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    sys.modules.pop("problems_here", None)


def result_of(folder):
    return records.read_result(folder)


@pytest.mark.parametrize(
    ("task", "more", "names"),
    [
        ("problems_here:plain", ["--low", "0", "--high", "1", "--dims", "2"], {"x"}),
        ("problems_here:kind", [], {"kind", "n"}),
        ("problems_here:make(2, offset=1.5)", [], {"x"}),
        ("problems_here:task", [], {"x"}),
        ("problems_here:Task", [], {"x"}),
    ],
)
def test_a_task_is_run_and_resumed(here, task, more, names, capsys):
    run = ["run", task, *more, *ALGORITHM, "--evaluator", "serial", "--run-dir", "run"]
    assert cli.main(run) == 0
    out = capsys.readouterr().out
    assert "160 evaluations in 10 generations" in out
    assert result_of(here / "run")["x"].keys() == names
    assert cli.main(["resume", "run"]) == 0
    assert capsys.readouterr().out == out
    assert cli.main(run) == 2
    assert "resume=True" in capsys.readouterr().err


def test_the_same_search_as_from_python(here, monkeypatch):
    where = ["--low", "-4", "--high", "4", "--dims", "2", "--seed", "3", "--run-dir", "run"]
    stop = ["--max-generations", "4", "--algorithm", "diffusion_evolution", "--maximize"]
    task = "tests.evaluators.functions:sphere"
    assert cli.main(["run", task, *where, *stop, "--population-size", "16"]) == 0
    straight = diffevo.maximize(
        functions.sphere,
        (np.full(2, -4.0), np.full(2, 4.0)),
        seed=3,
        max_generations=4,
        population_size=16,
        algorithm="diffusion_evolution",
    )
    assert result_of(here / "run")["fun"] == straight.fun
    # A schedule made for so many generations takes no others.
    assert cli.main(["resume", "run", "--max-generations", "9"]) == 2
    # From elsewhere, too: the folder of the task is remembered.
    monkeypatch.chdir("/")
    assert cli.main(["resume", str(here / "run"), "--ftarget", "1e9"]) == 0


def test_a_run_directory_is_made_up(here):
    assert cli.main(["run", "problems_here:make()", *ALGORITHM, "--evaluator", "serial"]) == 0
    (folder,) = (here / "runs").iterdir()
    assert folder.name.startswith("make-20")
    command = records.read_config(folder)["command"]
    assert (command["task"], command["options"]["budget"]) == ("problems_here:make()", 160)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["run", "nowhere:fun"], 2, "no module nowhere"),
        (["run", "problems_here"], 2, "expected package.module:name"),
        (["run", "problems_here:gone"], 2, "problems_here has no gone"),
        (["run", "problems_here:plain"], 2, "attribute space or bounds"),
        (["run", "problems_here:plain", "--low", "0", "--high", "1"], 2, "no --dims"),
        (["run", "problems_here:plain", "--low=0", "--high=1", "--dims=0"], 2, "int >= 1, got 0"),
        (["run", "problems_here:boxed", "--dims", "2"], 2, "--dims: expected none"),
        (["run", "problems_here:SIZE"], 2, "expected a fitness function, got int"),
        (["run", "problems_here:wrong_space"], 2, "expected a diffevo.SearchSpace, got 3"),
        (["run", "problems_here:make(open)"], 2, "expected plain values"),
        (["run", "problems_here:make(1, 2, 3)"], 2, "make"),
        (["run", "problems_here:boxed", "--budget", "1"], 2, "budget: expected"),
        (["run", "problems_here:boxed", "--algorithm", "no"], 2, "algorithm: expected"),
        (["run", "problems_here:broken", "--low=0", "--high=1", "--dims=2"], 1, "no licence left"),
        (["run", "problems_here:interrupted", "--low=0", "--high=1", "--dims=2"], 130, ""),
        (["resume", "nowhere"], 2, "no config.json there"),
        (["report", "nowhere"], 2, "no config.json there"),
        (["list", "nowhere"], 2, "neither a folder nor a module"),
    ],
)
def test_exit_status_and_message(here, arguments, status, words, capsys):
    if arguments[0] == "run":
        arguments = [*arguments, "--evaluator", "serial"]
    assert cli.main(arguments) == status
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error


def test_what_tyro_refuses(capsys):
    for arguments in ([], ["run"], ["walk"], ["run", "a:b", "--budget", "many"]):
        with pytest.raises(SystemExit) as error:
            cli.main(arguments)
        assert error.value.code == 2
    capsys.readouterr()


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as error:
        cli.main(["run", "--help"])
    assert error.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in ("package.module:name", "--budget", "evaluations", "--evaluator", "--run-dir"):
        assert words in text


def test_options_are_the_arguments_of_minimize():
    parameters = inspect.signature(diffevo.minimize).parameters
    for name, field in cli.SearchOptions.__dataclass_fields__.items():
        assert parameters[name].default == field.default
    assert cli.StopOptions().__dict__ == dict.fromkeys(cli._STOP)


def test_a_run_begun_from_python_names_no_task(here, capsys):
    diffevo.minimize(
        functions.sphere,
        ([-4.0, -4.0], [4.0, 4.0]),
        budget=32,
        population_size=16,
        algorithm="diffusion_evolution",
        run_dir="run",
    )
    assert cli.main(["resume", "run"]) == 2
    assert "begun from Python" in capsys.readouterr().err


def test_lists(here, capsys):
    assert cli.main(["list"]) == 0
    out = capsys.readouterr().out
    assert "niching_diffusion_evolution" in out
    assert "processes" in out
    assert cli.main(["list", "problems_here"]) == 0
    words = capsys.readouterr().out.split()
    assert words[:4] == ["problems_here:plain", "Squares,", "plain", "Python."]
    assert cli.main(["list", "."]) == 0
    assert capsys.readouterr().out == ""
    run = ["run", "problems_here:boxed", "--run-dir", "runs/one", "--evaluator", "serial"]
    assert cli.main([*run, *ALGORITHM]) == 0
    capsys.readouterr()
    assert cli.main(["list", "runs"]) == 0
    words = capsys.readouterr().out.split()
    best = f"{result_of(here / 'runs' / 'one')['fun']:.6g}"
    assert words[6:] == ["runs/one", "problems_here:boxed", "10", "160", best, "budget"]
    (here / "runs" / "one" / "result.json").unlink()
    config = json.loads((here / "runs" / "one" / "config.json").read_text())
    (here / "runs" / "one" / "config.json").write_text(json.dumps(config | {"command": None}))
    cli.main(["list", "runs"])
    assert "not yet" in capsys.readouterr().out

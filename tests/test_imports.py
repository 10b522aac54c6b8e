"""Imports point one way, and every optional package is imported in the files named here."""

import ast
import functools
import pathlib
import re
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
TREES = ("diffevo", "tasks", "experiments")
FILES = sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py"))

# What the files of a package may import of this repository; the longest matching name decides.
MAY_IMPORT = {
    "diffevo.core": ("diffevo.core",),
    "diffevo.denoiser": ("diffevo.core", "diffevo.denoiser"),
    "diffevo.conditions": ("diffevo.core", "diffevo.conditions"),
    "diffevo.algorithms": (
        "diffevo.core",
        "diffevo.denoiser",
        "diffevo.conditions",
        "diffevo.algorithms",
    ),
    "diffevo.evaluators": ("diffevo.core", "diffevo.evaluators"),
    "diffevo": ("diffevo",),
    "tasks": ("diffevo", "tasks"),
    "experiments": ("diffevo", "tasks", "experiments"),
}

# Extras of the library; `experiments` is for the clone.
EXTRAS = (
    "gymnasium",
    "mjx",
    "mlflow",
    "optuna",
    "plotting",
    "ray",
    "records",
    "report",
    "sklearn",
    "spyx",
    "tensorboard",
    "wandb",
)

# Packages of the extras, and the only files that may import them.
OPTIONAL = {
    "cma": (
        "experiments/common/baselines",
        "experiments/niching/methods",
        "experiments/bbob/host",
        "experiments/default_search/cost",
        "experiments/rl_table/evolve",
        "experiments/runtime/sides",
    ),
    "cmaes": ("experiments/runtime/sides", "experiments/mixed_spaces/methods"),
    "coco-experiment": ("experiments/bbob/coco",),
    "cocopp": (),  # a command: it reads the logs that COCO's observer writes
    "evosax": (
        "experiments/common/baselines",
        "experiments/default_search/searches",
        "experiments/performance",
        "experiments/rl_speed",
        "experiments/rl_table/methods",
        "experiments/niching/methods",
        "experiments/bbob/searches",
        "experiments/minatar_breakout/searches",
        "experiments/lora_evolved/methods",
        "tasks/functions/bbob",
    ),
    "gymnasium": ("tasks/rl/host", "diffevo/integrations/gymnasium"),
    "gymnax": ("tasks/rl/simulator",),
    "matplotlib": ("experiments/", "diffevo/plotting", "tasks/snn/plots"),
    "mujoco-mjx": (),  # imported by its name, in tasks/rl/swimmer
    "mlflow-skinny": (),  # imported by its name, as it is not installed for development
    "nevergrad": ("experiments/runtime/sides",),
    "nir": (),  # imported by its name, in tasks/snn/export, as it is not installed for development
    "optuna": (
        "experiments/runtime/sides",
        "experiments/mixed_spaces/methods",
        "diffevo/integrations/optuna",
    ),
    "pillow": ("experiments/common/figures", "tasks/rl/watch"),
    "plotly": ("diffevo/report",),
    "pyarrow": ("diffevo/evaluations",),
    "ray": ("diffevo/evaluators/ray",),
    "ribs": ("experiments/common/baselines", "experiments/quality_diversity/rivals"),
    "safetensors": ("tasks/parameter_file",),
    "scikit-learn": (
        "experiments/mixed_spaces/problems",
        "diffevo/integrations/sklearn",
        "tasks/images",
    ),
    "scipy": ("experiments/",),
    "spyx": (),  # likewise
    "six": (),  # gymnax imports it and does not declare it
    "tensorboardX": ("diffevo/integrations/tensorboard",),
    "wandb": (),  # likewise by its name
}

# `import name` is not always `pip install name`.
DISTRIBUTION = {
    "orbax": "orbax-checkpoint",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "cocoex": "coco-experiment",
    "mpl_toolkits": "matplotlib",
}


@functools.cache
def imports_of(path: pathlib.Path) -> tuple[tuple[int, str], ...]:
    """Every imported dotted name of a file, with its line, relative imports made absolute."""
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    found = []
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from diffevo import algorithms` imports the module diffevo.algorithms.
            found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
    return tuple(found)


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the packages or lies in one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def module_name(path: pathlib.Path) -> str:
    """Dotted name of a file of this repository."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def upward_imports(path: pathlib.Path) -> list[str]:
    """The imports of a file that its place does not allow."""
    name = module_name(path)
    home = max((package for package in MAY_IMPORT if within(name, (package,))), key=len)
    return [
        f"{path.relative_to(ROOT)}:{line} imports {imported}; {home} may import {MAY_IMPORT[home]}"
        for line, imported in imports_of(path)
        if within(imported, TREES) and not within(imported, MAY_IMPORT[home])
    ]


def declared(*tables: str) -> set[str]:
    """Import names of the packages that pyproject.toml declares in the given tables."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = list(project["dependencies"]) if "dependencies" in tables else []
    for extra, packages in project["optional-dependencies"].items():
        requirements += packages if extra in tables else []
    return {re.split(r"[\s<>=!~;\[]", requirement)[0] for requirement in requirements}


def third_party(path: pathlib.Path) -> list[tuple[int, str]]:
    """(line, distribution) of every import that is neither Python's nor this repository's."""
    top_level = [(line, name.partition(".")[0]) for line, name in imports_of(path)]
    ours = {*TREES, "__future__"} | sys.stdlib_module_names
    return [(line, DISTRIBUTION.get(name, name)) for line, name in top_level if name not in ours]


def test_there_is_something_to_check() -> None:
    assert len([path for path in FILES if path.is_relative_to(ROOT / "diffevo")]) >= 10


def test_no_import_points_upwards() -> None:
    assert not [finding for path in FILES for finding in upward_imports(path)]


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("diffevo/core/example.py", "from diffevo import algorithms"),
        ("diffevo/core/example.py", "from diffevo.optimize import minimize"),
        ("diffevo/core/example.py", "from .. import optimize"),
        ("diffevo/algorithms/example.py", "import diffevo.evaluators.traceable"),
        ("diffevo/evaluators/example.py", "from diffevo.algorithms import base"),
        ("diffevo/example.py", "import tasks.functions"),
        ("tasks/functions/example.py", "def late():\n    from experiments import common"),
    ],
)
def test_an_upward_import_would_be_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, place: str, line: str
) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(line)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert upward_imports(path)


def test_the_library_imports_only_what_it_declares() -> None:
    allowed = declared("dependencies", *EXTRAS)
    assert not [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in FILES
        if path.is_relative_to(ROOT / "diffevo")
        for line, name in third_party(path)
        if name not in allowed and name not in OPTIONAL
    ]


def test_tasks_and_experiments_import_only_what_is_declared() -> None:
    allowed = declared("dependencies", "experiments", *EXTRAS)
    assert not [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in FILES
        for line, name in third_party(path)
        if name not in allowed
    ]


def test_every_extra_has_its_files() -> None:
    assert declared("experiments", *EXTRAS) == set(OPTIONAL)


def test_optional_packages_stay_in_their_files() -> None:
    assert not [
        f"{relative}:{line} imports {name}, which may be imported in {OPTIONAL[name]} only"
        for path in FILES
        for relative in [path.relative_to(ROOT).as_posix()]
        for line, name in third_party(path)
        if name in OPTIONAL and not relative.startswith(OPTIONAL[name])
    ]

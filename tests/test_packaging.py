"""The wheel: what is in it, and that it works where nothing else of this repository is."""

import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import time
import tomllib
import zipfile

import pytest

import diffevo

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The wheel, built by the build backend itself: no network, no isolated environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def empty_environment(
    wheel: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """The interpreter of a new environment that holds the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    bundled = ROOT / ".tools" / "bin" / "uv"
    uv = str(bundled) if bundled.exists() else shutil.which("uv")
    install = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    subprocess.run([*install, "--quiet", wheel], check=True)
    return python


def run_outside(python: pathlib.Path, code: str, folder: pathlib.Path) -> str:
    """Run code where neither this repository nor the caller's environment is in the way."""
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")}
    done = subprocess.run(
        [python, "-c", code],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_the_wheel_holds_only_diffevo(wheel: pathlib.Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    information = f"diffevo_jax-{PROJECT['version']}.dist-info"
    assert {name.split("/")[0] for name in names} == {"diffevo", information}
    assert "diffevo/py.typed" in names
    assert f"{information}/licenses/LICENSE" in names


def test_the_wheel_holds_every_module(wheel: pathlib.Path) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "diffevo").rglob("*.py")}
    assert modules <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_asks_for_nothing_that_only_the_clone_needs(wheel: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"diffevo_jax-{PROJECT['version']}.dist-info/METADATA").decode()
    required = re.findall(r"^Requires-Dist: ([a-z-]+)(?!.*extra ==)", metadata, re.MULTILINE)
    assert set(required) == {re.split("[<>=]", name)[0] for name in PROJECT["dependencies"]}


def test_one_version_everywhere() -> None:
    version = PROJECT["version"]
    assert diffevo.__version__ == version
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r'^version: "?([^"\n]+)', citation, re.MULTILINE).group(1) == version
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## \[(\d[^]]*)\]", changelog, re.MULTILINE).group(1) == version


@pytest.mark.slow
def test_the_readme_example_runs_from_the_wheel(
    empty_environment: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    origin = run_outside(empty_environment, "import diffevo; print(diffevo.__file__)", tmp_path)
    assert str(empty_environment.parent.parent) in origin
    readme = (ROOT / "README.md").read_text()
    example = re.search(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL).group(1)
    run_outside(empty_environment, example, tmp_path)


@pytest.mark.slow
def test_importing_adds_little_to_importing_jax(
    empty_environment: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    def seconds(code: str) -> float:
        start = time.perf_counter()
        run_outside(empty_environment, code, tmp_path)
        return time.perf_counter() - start

    # In turns, so that whatever else the machine does hits both; the first pair writes bytecode.
    pairs = [(seconds("import jax"), seconds("import diffevo")) for _ in range(6)][1:]
    added = statistics.median(library - jax_alone for jax_alone, library in pairs)
    assert added < 1.5

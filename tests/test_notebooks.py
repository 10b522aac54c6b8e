"""The notebooks run, at toy size, and are stored without outputs."""

import pathlib

import nbformat
import pytest
from nbclient import NotebookClient

from tests import compilation

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Half a minute and more, nearly all of it compilation of their searches.
SLOW = ("05", "06", "07", "08", "09")
RUN = [
    pytest.param(path, marks=pytest.mark.slow if path.name[:2] in SLOW else ())
    for path in NOTEBOOKS
]


def identify(path: pathlib.Path) -> str:
    return path.name


def test_there_are_notebooks() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{n:02d}" for n in range(len(NOTEBOOKS))]
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=identify)
def test_stored_without_outputs(path: pathlib.Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not [cell for cell in code if cell.outputs or cell.execution_count]


# jupyter's own machinery warns of what changes in its next versions.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", RUN, ids=identify)
def test_runs_at_toy_size(
    path: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFFEVO_NOTEBOOK_SIZE", "toy")
    # At this size compiling is most of the time, and speed of the result nothing.
    for name, value in compilation.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()

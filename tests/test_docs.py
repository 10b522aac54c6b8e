"""The documents tell the truth: their code runs, their links lead somewhere, nothing is missing.

A Python block in README.md or docs/*.md is run, all blocks of a file in order and in one
namespace. One that cannot run is preceded by a line ``<!-- illustration -->``.
"""

import dataclasses
import doctest
import importlib
import importlib.util
import pathlib
import pkgutil
import re

import pytest

import diffevo
from diffevo.algorithms.registry import ALGORITHMS
from diffevo.core.schedules import SCHEDULES
from diffevo.core.weighting import WEIGHTINGS

ROOT = pathlib.Path(__file__).resolve().parent.parent
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = sorted(
    {
        *ROOT.glob("*.md"),
        *(
            path
            for tree in ("docs", "tasks", "experiments", "tests", "notebooks")
            for path in (ROOT / tree).rglob("*.md")
        ),
    }
)
# What needs packages of an extra is left out where they are not.
NEEDS = {
    "diffevo.evaluations": ["pyarrow"],
    "diffevo.integrations.gymnasium": ["gymnasium"],
    "diffevo.integrations.mlflow": ["mlflow"],
    "diffevo.integrations.optuna": ["optuna"],
    "diffevo.integrations.sklearn": ["sklearn"],
    "diffevo.integrations.tensorboard": ["tensorboardX"],
    "diffevo.integrations.wandb": ["wandb"],
    "diffevo.plotting": ["matplotlib"],
    "diffevo.report": ["plotly"],
    "docs/integrations.md": ["evosax", "gymnasium", "optuna", "sklearn", "tensorboardX"],
    "docs/runs.md": ["plotly"],
}
MISSING = {
    name for name, packages in NEEDS.items() if not all(map(importlib.util.find_spec, packages))
}
NAMES = ["diffevo", *(m.name for m in pkgutil.walk_packages(diffevo.__path__, "diffevo."))]
MODULES = [name for name in NAMES if name not in MISSING and name != "diffevo.__main__"]

FENCE = re.compile(r"^(```+)([^\n`]*)\n(.*?)^\1`*[ ]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
ILLUSTRATION = "<!-- illustration -->"


@dataclasses.dataclass(frozen=True)
class Block:
    """One fenced block of Python."""

    line: int
    code: str


def code_blocks(path: pathlib.Path) -> list[Block]:
    """The Python blocks of a document that are meant to run."""
    text = path.read_text()
    return [
        Block(text[: match.start(3)].count("\n"), match.group(3))
        for match in FENCE.finditer(text)
        if match.group(2).strip() == "python"
        and not text[: match.start()].rstrip().endswith(ILLUSTRATION)
    ]


def anchors(path: pathlib.Path) -> set[str]:
    """The link targets that GitHub makes of a document's headings."""
    prose = FENCE.sub("", path.read_text())
    headings = re.findall(r"^#+ +(.+?) *$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: pathlib.Path) -> list[str]:
    """The relative links of a document that lead nowhere."""
    broken = []
    for target in LINK.findall(FENCE.sub("", path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = (path.parent / name).resolve() if name else path
        if not place.exists() or (anchor and anchor not in anchors(place)):
            broken.append(target)
    return broken


def identify(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


WITH_CODE = [path for path in GUIDES if code_blocks(path) and identify(path) not in MISSING]


@pytest.mark.parametrize("path", WITH_CODE, ids=identify)
def test_code_runs(
    path: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for block in code_blocks(path):
        # Blank lines in front make a traceback name the line of the document.
        exec(compile("\n" * block.line + block.code, str(path), "exec"), namespace)


@pytest.mark.parametrize("path", DOCUMENTS, ids=identify)
def test_links_lead_somewhere(path: pathlib.Path) -> None:
    assert not broken_links(path)


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    failures, _ = doctest.testmod(importlib.import_module(name))
    assert not failures


def test_readme_has_a_short_example() -> None:
    first = code_blocks(ROOT / "README.md")[0]
    assert "import diffevo" in first.code
    assert len(first.code.splitlines()) <= 20


def test_readme_names_every_folder_and_every_file_of_the_library() -> None:
    readme = (ROOT / "README.md").read_text()
    folders = ["diffevo", "tasks", "experiments", "tests", "notebooks", "docs"]
    files = [
        path.relative_to(ROOT / "diffevo").as_posix()
        for path in (ROOT / "diffevo").rglob("*.py")
        if path.name != "__init__.py"
    ]
    missing = [f"{folder}/" for folder in folders if f"`{folder}/`" not in readme]
    missing += [f"diffevo/{name}" for name in files if f"`{name}`" not in readme]
    assert not missing


def test_api_page_names_everything_public() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    names = [
        *diffevo.__all__,
        *ALGORITHMS,
        *SCHEDULES,
        *WEIGHTINGS,
        *(weighting.__name__ for weighting in WEIGHTINGS.values()),
    ]
    assert not [name for name in names if f"`{name}" not in page and f".{name}" not in page]


def test_a_broken_document_would_be_found(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title, here\n[good](#a-title-here) [bad](#no) [gone](gone.md)\n"
        f"```python\n1 / 0\n```\n\n{ILLUSTRATION}\n```python\n2 / 0\n```\n"
    )
    assert broken_links(page) == ["#no", "gone.md"]
    assert code_blocks(page) == [Block(3, "1 / 0\n")]

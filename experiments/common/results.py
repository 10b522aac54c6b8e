"""Results on disk: one JSON file an experiment, replaced atomically as results come in."""

import dataclasses
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import provenance
from experiments.common.progress import Progress


def plain(value: Any) -> Any:
    """Turn arrays, dataclasses and paths into what JSON knows; NaN and infinities into None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if callable(value):
        return getattr(value, "__name__", repr(value))
    array = np.asarray(value)
    if array.ndim:
        return [plain(item) for item in array]
    number = array.item()
    if isinstance(number, float):
        # Seven digits: what a float32 holds.
        return float(f"{number:.7g}") if math.isfinite(number) else None
    return number


def write_text(path: Path, text: str) -> None:
    """Write a file so that readers see the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically; lists of numbers on one line, so that a diff can be read."""
    write_text(path, _dump(plain(content)) + "\n")


def _dump(value: Any, indent: int = 0) -> str:
    pad = " " * (indent + 1)
    if isinstance(value, dict) and value:
        items = (
            f"{pad}{json.dumps(key)}: {_dump(item, indent + 1)}" for key, item in value.items()
        )
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = (pad + _dump(item, indent + 1) for item in value)
        return "[\n" + ",\n".join(items) + "\n" + " " * indent + "]"
    return json.dumps(value, allow_nan=False)


class Record:
    """The results file of one run, complete with where it comes from.

    ``results`` is a plain dict to fill; `save` writes all of it, so a run that is stopped leaves
    what it had, marked ``"status": "running"``; `finish` marks it complete.

    Args:
        path: the JSON file.
        experiment: its name.
        config: the dataclass that the run was given.
        seeds: for the provenance.
    """

    def __init__(self, path: Path, experiment: str, config: Any, **seeds: Any):
        self.path = path
        self.results: dict[str, Any] = {}
        self._start = time.perf_counter()
        self._head = {
            "experiment": experiment,
            "config": plain(config),
            "provenance": provenance.collect(**seeds),
        }

    def _content(self, status: str) -> dict[str, Any]:
        seconds = round(time.perf_counter() - self._start, 1)
        return plain({**self._head, "status": status, "seconds": seconds, "results": self.results})

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the results come from: commit, versions, machine, seeds."""
        return self._head["provenance"]

    def stopped(self) -> dict[str, Any]:
        """What a run with the same configuration that was stopped has left in the file.

        Returns:
            Its content, with ``results`` and ``provenance``; {} where there is none.
        """
        if not self.path.is_file():
            return {}
        content = json.loads(self.path.read_text(encoding="utf-8"))
        same = content["config"] == self._head["config"] and content["status"] == "running"
        return content if same else {}

    def save(self) -> None:
        """Write what there is so far."""
        write_json(self.path, self._content("running"))

    def finish(self) -> dict[str, Any]:
        """Write the final file and return its content."""
        content = self._content("complete")
        write_json(self.path, content)
        return content

    def publish(
        self,
        markdown: Callable[[dict[str, Any]], str],
        terminal: Callable[[dict[str, Any]], Any],
        figures: Iterable[Path],
        progress: Progress,
    ) -> dict[str, Any]:
        """Finish, write the tables beside the file, show them, and say what was written.

        Args:
            markdown: content to the text of the table, which has the file's name and ends in .md.
            terminal: content to what rich draws, one or a list.
            figures: paths of those that have been drawn.
            progress: where to show it.

        Returns:
            The content.
        """
        content = self.finish()
        table = self.path.with_suffix(".md")
        write_text(table, markdown(content))
        shown = terminal(content)
        for item in shown if isinstance(shown, list) else [shown]:
            progress.print(item)
        for path in (self.path, table, *figures):
            progress.print(f"wrote {path}")
        return content

"""What was evaluated since the last checkpoint: an append-only file, a line a generation.

It is for functions that Python calls, whose values are dear. A line is written as soon as all of a
generation is evaluated, and one for each evaluation where these take a millisecond or more; every
line has a checksum, so that one cut short by the process's death is known. A resumed run is told
the values again instead of evaluating anew.

The journal is in segments, one begun at each checkpoint and named by its first generation. A
segment goes when no checkpoint is left that needs it.
"""

import base64
import dataclasses
import json
import math
import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from diffevo.evaluators.host import Outcome, Remembered, are_floats, as_number, in_words

# A number, the exception in its place, or None: not evaluated.
Value = float | BaseException | None

# Evaluations quicker than this on average are not written one by one: to do them again is cheaper.
_SECONDS_WORTH_A_LINE = 1e-3
_NAME = re.compile(r"(\d{10})\.jsonl")


@dataclasses.dataclass(frozen=True)
class Generation:
    """A generation that was evaluated.

    Attributes:
        number: of the generation.
        batched: whether the function took a population.
        values: numbers, or what stands for the exceptions.
    """

    number: int
    batched: bool
    values: list[Value]


class Journal:
    """The journal of a run.

    Args:
        folder: of the segments; it exists.
        generation: number of the generation that the search is restored to, -1 for none: what is
            before it is not read.
    """

    def __init__(self, folder: Path, generation: int):
        self.folder = folder
        self.generations: list[Generation] = []
        """What comes after the generation restored, in order."""
        self.unfinished: tuple[int, dict[int, float]] = (-1, {})
        """(number of the generation after these, values of some of its members)."""
        self.error: OSError | None = None
        """Why nothing is written any more."""
        self._path = folder / f"{generation + 1:010d}.jsonl"
        self._file = None
        self._read(generation)

    def _read(self, generation: int) -> None:
        done, some = generation, {}
        for path in _segments(self.folder):
            if int(path.stem) < generation + 1:
                continue
            if int(path.stem) > done + 1:
                path.unlink()  # what came before it is lost
                continue
            self._path, intact = path, 0
            for record, end in _records(path):
                intact, number = end, record["generation"]
                if "values" not in record:
                    if number == done + 1:
                        some[record["member"]] = record["value"]
                elif number == done + 1:
                    done, some = number, {}
                    self.generations.append(_generation(record))
            with path.open("rb+") as file:
                file.truncate(intact)
        self.unfinished = (done + 1, some)

    def _write(self, record: dict[str, Any]) -> None:
        if self.error is not None:
            return
        text = json.dumps(record)
        try:
            if self._file is None:
                # Unbuffered: to the system, which survives the death of the process.
                self._file = self._path.open("ab", 0)
            self._file.write(f"{zlib.crc32(text.encode()):08x} {text}\n".encode())
        except OSError as error:
            self.error = error

    def add(self, generation: int, batched: bool, values: list[Value]) -> None:
        """Write a generation's values: all of them are there."""
        numbers: list[Any] = values
        errors: dict[str, str] = {}
        if not are_floats(values):
            numbers = [v if isinstance(v, (int, float)) else math.nan for v in values]
            errors = {
                str(member): in_words(value)
                for member, value in enumerate(values)
                if isinstance(value, BaseException)
            }
        data = base64.b64encode(np.array(numbers, "<f8").tobytes()).decode()
        self._write(
            {"generation": generation, "batched": batched, "values": data, "errors": errors}
        )

    def watched(self, generation: int, members: list[int]) -> list[Outcome]:
        """Outcomes to be filled in, not tried yet; numbers are written when they come."""
        return _Watched(self, generation, members)

    def begin_segment(self, generation: int) -> None:
        """Go on in a new segment: there will be a checkpoint of this generation."""
        self.close()
        self._path = self.folder / f"{generation + 1:010d}.jsonl"

    def forget(self, oldest: int) -> None:
        """Remove the segments that the oldest checkpoint kept, by generation, does not need."""
        for path in _segments(self.folder):
            if int(path.stem) < oldest + 1:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()


class _Watched(list[Outcome]):
    """A list of outcomes that writes numbers down as they come."""

    def __init__(self, journal: Journal, generation: int, members: list[int]):
        super().__init__([Outcome(None, None, 0)] * len(members))
        self._journal, self._generation, self._members = journal, generation, members
        self._began, self._done = time.perf_counter(), 0

    def __setitem__(self, index: Any, outcome: Any) -> None:
        super().__setitem__(index, outcome)
        self._done += 1
        # Failures are left out: they may be tried again, and are when the run is resumed.
        number = None if outcome.error is not None else as_number(outcome.value)
        if number is None or math.isnan(number):
            return
        if time.perf_counter() - self._began >= self._done * _SECONDS_WORTH_A_LINE:
            self._journal._write(
                {
                    "generation": self._generation,
                    "member": self._members[index],
                    "value": number,
                }
            )


def _segments(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _records(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """(record, where it ends in the file) of all lines before the first that is not intact."""
    end = 0
    for line in path.read_bytes().splitlines(keepends=True):
        total, _, text = line.partition(b" ")
        if not line.endswith(b"\n") or total != b"%08x" % zlib.crc32(text[:-1]):
            return
        end += len(line)
        yield json.loads(text), end


def _generation(record: dict[str, Any]) -> Generation:
    numbers = np.frombuffer(base64.b64decode(record["values"]), "<f8").tolist()
    values: list[Value] = list(numbers)
    for member, words in record["errors"].items():
        values[int(member)] = Remembered(words)
    return Generation(record["generation"], record["batched"], values)

"""The journal: what was written before the process died is read, and no more."""

import math

import pytest

from diffevo.evaluators.host import Outcome, Remembered
from diffevo.journal import Journal, _Watched

VALUES = [1.5, math.inf, math.nan, OSError("full"), -0.1]


def written(folder):
    journal = Journal(folder, -1)
    for generation in range(3):
        journal.add(generation, False, [v if v != 1.5 else float(generation) for v in VALUES])
    outcomes = journal.watched(3, [1, 4])
    journal_began = outcomes._began
    outcomes._began = journal_began - 1.0  # as if it took so long
    outcomes[1] = Outcome(7.25, None, 1)
    outcomes[0] = Outcome(None, ValueError(), 1)
    journal.close()
    return folder / "0000000000.jsonl"


def test_values_come_back_exactly(tmp_path):
    written(tmp_path)
    journal = Journal(tmp_path, -1)
    assert [one.number for one in journal.generations] == [0, 1, 2]
    one = journal.generations[2]
    assert one.values[:2] == [2.0, math.inf]
    assert math.isnan(one.values[2])
    assert isinstance(one.values[3], Remembered)
    assert (str(one.values[3]), one.values[4], one.batched) == ("OSError: full", -0.1, False)
    assert journal.unfinished == (3, {4: 7.25})


def test_quick_evaluations_are_not_written_one_by_one(tmp_path):
    journal = Journal(tmp_path, -1)
    outcomes = journal.watched(0, list(range(100)))
    assert isinstance(outcomes, _Watched)
    for member in range(100):
        outcomes._began += 1.0  # the clock of the next stands still
        outcomes[member] = Outcome(1.0, None, 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [1, 20, -1, -30])
def test_a_line_cut_short_and_what_follows_is_left_out(tmp_path, length):
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:length])
    journal = Journal(tmp_path, -1)
    assert len(journal.generations) == (0 if length > 0 else 3)
    assert journal.unfinished[1] == {}
    # It goes on after the last line that is intact.
    number = journal.unfinished[0]
    journal.add(number, True, [5.0])
    journal.close()
    assert Journal(tmp_path, -1).generations[-1].values == [5.0]


def test_a_changed_line_ends_what_is_read(tmp_path):
    path = written(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace("OSError", "IOError")
    path.write_text("".join(lines))
    assert [one.number for one in Journal(tmp_path, -1).generations] == [0]


def test_segments_follow_each_other_and_go_when_they_are_not_needed(tmp_path):
    journal = Journal(tmp_path, -1)
    for generation in range(6):
        journal.add(generation, False, [float(generation)])
        if generation in (1, 3):
            journal.begin_segment(generation)
    journal.close()
    assert [p.name for p in sorted(tmp_path.iterdir())] == [
        f"000000000{number}.jsonl" for number in (0, 2, 4)
    ]
    assert [one.number for one in Journal(tmp_path, 1).generations] == [2, 3, 4, 5]
    # A checkpoint in between: what is older in its segment is passed over.
    assert [one.number for one in Journal(tmp_path, 3).generations] == [4, 5]
    journal.forget(1)
    (tmp_path / "0000000004.jsonl").rename(tmp_path / "0000000005.jsonl")
    assert [one.number for one in Journal(tmp_path, 1).generations] == [2, 3]
    assert [p.name for p in tmp_path.iterdir()] == ["0000000002.jsonl"]


def test_a_full_disk_is_kept_in_mind(tmp_path):
    journal = Journal(tmp_path, -1)
    tmp_path.rmdir()
    journal.add(0, False, [1.0])
    assert isinstance(journal.error, OSError)
    journal.add(1, False, [1.0])

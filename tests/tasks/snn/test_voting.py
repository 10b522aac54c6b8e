"""Votes, counted by hand and by plain loops."""

import collections

import numpy as np
import pytest

from tasks.snn import voting
from tasks.snn.connections import Fields

COUNTS = np.array([[4, 0, 1, 0], [2, 0, 1, 0], [0, 3, 2, 0], [0, 1, 0, 0]])
CLASSES = np.array([0, 0, 1, 1])


@pytest.fixture
def voters():
    return voting.assign(COUNTS, CLASSES, 3)


def test_labels(voters):
    np.testing.assert_allclose(voters.rates, [[3, 0, 0], [0, 2, 0], [1, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(voters.labels, [[0, 1, 0, -1]])
    np.testing.assert_allclose(voters.shares, [[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 0]])
    later = voting.assign(COUNTS[:2], CLASSES[:2], 3, before=voters.rates, kept=0.5)
    added = np.array([[3, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(later.rates, 0.5 * np.asarray(voters.rates) + added)


@pytest.mark.parametrize(
    ("vote", "expected"),
    [
        # class 0 has neurons 0 and 2, class 1 neuron 1, class 2 none
        ("all", [1, 0, -1, 0]),  # (4 / 2, 3), (7 / 2, 3), -, (2 / 2, 0)
        ("most_spiked", [0, 0, -1, 0]),
        ("proportion", [1, 0, -1, 0]),  # (4 / 2, 3), (4 + 3 / 2) / 2 = 2.75 against 2
        ("confidence", [0, 0, -1, 0]),
        ("patches", [0, 0, -1, 0]),
    ],
)
def test_votes(voters, vote, expected):
    counts = np.array([[4, 3, 0, 0], [4, 2, 3, 0], [0, 0, 0, 0], [0, 0, 2, 0]])
    np.testing.assert_array_equal(voting.VOTES[vote](voters, counts), expected)


def test_patches_vote_by_location():
    counts = np.array([[5, 0, 0, 2, 1, 0], [0, 4, 3, 0, 0, 2]])  # two neurons at each of three
    voters = voting.assign(counts, [0, 1], 2, num_locations=3)
    np.testing.assert_array_equal(voters.labels, [[0, 1], [1, 0], [0, 1]])
    asked = np.array([[9, 0, 2, 0, 0, 1], [0, 0, 0, 0, 3, 4]])
    np.testing.assert_array_equal(voting.patches(voters, asked), [1, 1])


def test_a_silent_neuron_has_no_say(voters):
    counts = np.array([[0, 0, 0, 9]])
    for vote in voting.VOTES.values():
        assert vote(voters, counts)[0] == -1


@pytest.mark.parametrize("length", [1, 2, 3])
def test_ngram(rng, length):
    order = rng.integers(-1, 5, (30, 8))
    order = np.where(np.cumsum(order < 0, axis=1) > 0, -1, order)  # ends are padded
    classes = rng.integers(0, 3, 30)
    asked = rng.integers(0, 6, (10, 8))  # neuron 5 was never seen
    table = collections.defaultdict(lambda: np.zeros(3))
    for row, label in zip(order, classes, strict=True):
        for start in range(8 - length + 1):
            run = tuple(row[start : start + length])
            if -1 not in run:
                table[run][label] += 1
    expected = []
    for row in asked:
        votes = np.zeros(3)
        for start in range(8 - length + 1):
            found = table.get(tuple(row[start : start + length]))
            votes += 0 if found is None else found / found.sum()
        expected.append(np.argmax(votes) if votes.max() > 0 else -1)
    np.testing.assert_array_equal(voting.ngram(order, classes, asked, length), expected)


def test_ngram_of_nothing():
    nothing = np.full((2, 4), -1)
    np.testing.assert_array_equal(voting.ngram(nothing, [0, 1], nothing), [-1, -1])
    with pytest.raises(ValueError, match="length: expected 1 to 4, the spikes kept, got 5"):
        voting.ngram(nothing, [0, 1], nothing, 5)


def test_distance(voters):
    filters = np.eye(4)[None]
    images = np.array([[0.9, 0.1, 0, 0.2], [0, 0.5, 0.1, 0.9]])  # the fourth has no label
    said = voting.distance(voters, Fields(2, 2), filters, images)
    np.testing.assert_array_equal(said, [0, 1])


def test_bad_input():
    with pytest.raises(ValueError, match=r"counts: expected shape \(m, N\) and m classes"):
        voting.assign(COUNTS, CLASSES[:3], 3)
    with pytest.raises(ValueError, match="classes: expected 0 to 1, got 0 to 2"):
        voting.assign(COUNTS, [0, 1, 2, 0], 2)

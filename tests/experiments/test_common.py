"""What experiments share: statistics, results on disk, provenance, chunks, tables."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.common import chunks, provenance, results, statistics, tables


class TestSummarize:
    def test_against_known_values(self):
        summary = statistics.summarize([1.0, 2.0, 3.0, 4.0, 10.0])
        assert summary["n"] == 5
        assert summary["mean"] == pytest.approx(4.0)
        assert summary["sd"] == pytest.approx(np.sqrt(50 / 4))
        assert summary["median"] == 3.0
        # Resampling five values hits every one of them: the interval reaches the extremes.
        assert 1.0 <= summary["low"] <= 2.0
        assert 4.0 <= summary["high"] <= 10.0

    def test_interval_of_a_large_sample(self):
        # The median of n normal values has a standard error of sqrt(pi / 2 n) = 0.0396.
        values = np.random.default_rng(0).normal(size=1000)
        summary = statistics.summarize(values)
        width = (summary["high"] - summary["low"]) / (2 * 1.96)
        assert width == pytest.approx(0.0396, rel=0.3)
        assert summary["low"] < np.median(values) < summary["high"]

    def test_is_repeatable(self):
        values = np.arange(20.0) ** 2
        assert statistics.summarize(values) == statistics.summarize(values)

    def test_constant_and_single(self):
        for values in ([2.0] * 7, [2.0]):
            summary = statistics.summarize(values)
            assert summary["low"] == summary["median"] == summary["high"] == 2.0
            assert summary["sd"] == 0.0

    def test_failed_runs_are_counted_not_averaged(self):
        summary = statistics.summarize([1.0, np.nan, 3.0, np.inf])
        assert (summary["n"], summary["num_failed"], summary["mean"]) == (2, 2, 2.0)
        assert statistics.summarize([np.nan])["mean"] is None


def test_difference():
    rng = np.random.default_rng(1)
    first, second = rng.normal(1.0, 1.0, 200), rng.normal(0.0, 1.0, 200)
    found = statistics.difference(first, second)
    assert found["difference"] == pytest.approx(first.mean() - second.mean())
    assert found["low"] < found["difference"] < found["high"]
    # The standard error of the difference is sqrt(2 / 200) = 0.1.
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * 0.1, rel=0.25)
    assert found["p"] < 1e-6
    assert statistics.difference(first, first)["p"] > 0.9


class TestResults:
    def test_plain(self):
        @dataclasses.dataclass(frozen=True)
        class Config:
            size: int
            names: tuple[str, ...]

        value = {
            "array": jnp.arange(3.0),
            "scalar": np.float32(0.1),
            "flag": np.bool_(True),
            "nan": float("nan"),
            "path": Path("a/b"),
            "config": Config(3, ("x",)),
            7: None,
        }
        assert results.plain(value) == {
            "array": [0.0, 1.0, 2.0],
            "scalar": 0.1,
            "flag": True,
            "nan": None,
            "path": "a/b",
            "config": {"size": 3, "names": ["x"]},
            "7": None,
        }

    def test_json_round_trip(self, tmp_path: Path):
        content = {"a": [1, 2.5], "b": {"c": [{"d": []}, {}]}, "e": {}}
        results.write_json(tmp_path / "deep" / "file.json", content)
        assert json.loads((tmp_path / "deep" / "file.json").read_text()) == content

    def test_a_failed_write_leaves_the_old_file(self, tmp_path: Path, monkeypatch):
        path = tmp_path / "file.json"
        results.write_text(path, "old")
        monkeypatch.setattr(results.os, "replace", _fail)
        with pytest.raises(OSError, match="no space"):
            results.write_text(path, "new")
        assert path.read_text() == "old"
        assert [file.name for file in tmp_path.iterdir()] == ["file.json"]

    def test_record_is_readable_while_it_grows(self, tmp_path: Path):
        @dataclasses.dataclass(frozen=True)
        class Config:
            repetitions: int = 2

        record = results.Record(tmp_path / "x.json", "x", Config(), seed=5)
        record.results["first"] = jnp.ones(2)
        record.save()
        half = json.loads(record.path.read_text())
        assert half["status"] == "running"
        assert half["results"] == {"first": [1.0, 1.0]}
        # Another run of the same configuration may go on from there, one of another not.
        assert results.Record(record.path, "x", Config(), seed=5).stopped() == half
        assert results.Record(record.path, "x", Config(3), seed=5).stopped() == {}
        record.results["second"] = 2
        whole = record.finish()
        assert whole == json.loads(record.path.read_text())
        assert whole["status"] == "complete"
        assert whole["provenance"]["seeds"] == {"seed": 5}
        assert whole["config"] == {"repetitions": 2}
        assert record.stopped() == {}


def _fail(*arguments: object) -> None:
    raise OSError("no space")


def test_provenance_survives_without_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    found = provenance.collect(seed=1)
    assert found["commit"] is None
    assert found["dirty"] is None
    assert found["versions"]["jax"] == jax.__version__
    assert found["device"]["count"] == jax.device_count()
    json.dumps(found)


class TestChunks:
    def test_keys_do_not_depend_on_their_number(self):
        few, many = chunks.repetition_keys(42, 3), chunks.repetition_keys(42, 7)
        np.testing.assert_array_equal(jax.random.key_data(few), jax.random.key_data(many[:3]))

    @pytest.mark.parametrize("chunk_size", [1, 3, 7, 100])
    def test_chunks_join_to_the_whole(self, chunk_size: int):
        keys = chunks.repetition_keys(0, 7)
        shapes, done = set(), []

        def function(keys: jax.Array) -> dict[str, jax.Array]:
            shapes.add(keys.shape)
            return {"u": jax.vmap(jax.random.uniform)(keys)}

        joined = chunks.over_chunks(function, keys, chunk_size, done.append)
        np.testing.assert_array_equal(joined["u"], jax.vmap(jax.random.uniform)(keys))
        assert len(shapes) == 1, "a shape more is a compilation more"
        assert sum(done) == 7


def test_markdown_table():
    text = tables.markdown(["a", "b"], [["x|y", "1"]])
    assert text == "| a | b |\n|---|---:|\n| x\\|y | 1 |\n"


def test_curve_is_of_the_runs():
    found = statistics.curve(np.arange(101.0)[:, None] * np.array([1.0, 2.0]))
    np.testing.assert_allclose(found["median"], [50.0, 100.0])
    np.testing.assert_allclose(found["low"], [5.0, 10.0])
    np.testing.assert_allclose(found["high"], [95.0, 190.0])

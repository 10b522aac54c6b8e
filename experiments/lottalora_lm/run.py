"""Trains the language model in full and on frozen random layers, and compares the losses."""

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.table import Table

from experiments.common import chunks, figures, results, statistics, tables
from experiments.common.progress import Progress
from experiments.common.tables import interval
from experiments.lottalora_lm.config import Config
from tasks.lora import LowRank, Training, Transformer, data, fit, stack

Results = dict[str, Any]
FULL = "full"
# Loss in nats a token, full and rank 8, by size of the model; arXiv 2604.08749, WikiText-103.
PAPER = {
    "3M": (5.007, 5.639),
    "30M": (3.757, 4.681),
    "300M": (3.252, 4.191),
    "600M": (3.185, 4.058),
    "900M": (3.156, 3.950),
}


def train(config: Config, text: data.Text, rank: int | None) -> Results:
    """All repetitions of a rank; None trains all parameters.

    Returns:
        ``loss`` in nats a character and ``accuracy`` in per cent on the windows to test, summaries
        with ``values``; ``curve`` of the loss after each epoch; ``betas`` by layer; ``trained``
        and its ``share`` of the full model; ``seconds`` of a repetition, its compilation too.
    """
    module = Transformer(
        len(text.characters), config.length, config.width, config.depth, config.num_heads
    )
    model = LowRank(
        module, (config.length,), rank, config.alpha, config.family, input_dtype="int32"
    )
    training = Training(config.epochs, config.batch_size, config.learning_rate, config.weight_decay)
    runs, seconds = [], []
    for number, key in enumerate(chunks.repetition_keys(config.seed, config.repetitions)):
        start = time.perf_counter()
        scaffolds = stack(model.backbone(config.seed + number))
        runs.append(jax.block_until_ready(fit(model, training, text.data, key, scaffolds)))
        seconds.append(time.perf_counter() - start)
    losses = np.array([run.test_loss[:, 0] for run in runs])
    shares = 100 * np.array([run.accuracy[-1, 0] for run in runs])
    return {
        "loss": statistics.kept(losses[:, -1]),
        "accuracy": statistics.kept(shares),
        "curve": losses.mean(axis=0),
        "train_loss": np.mean([run.train_loss for run in runs], axis=0),
        "betas": {
            name: np.mean([_layer(run.params, name)["beta"] for run in runs])
            for name in model.layers
        },
        "trained": model.num_trained,
        "share": model.num_trained / model.num_full,
        "seconds": statistics.summarize(seconds),
    }


def _layer(params: Any, name: str) -> Any:
    for part in name.split("/"):
        params = params[part]
    return params


def unigram(text: data.Text) -> float:
    """Loss of the characters' frequencies alone, in nats."""
    counts = np.bincount(text.data.train_y.ravel(), minlength=len(text.characters)) + 1.0
    return float(-np.mean(np.log(counts / counts.sum())[text.data.test_y]))


def run(config: Config, out: Path, progress: Progress) -> Results:
    """Run the study; see `experiments/README.md` for the contract.

    Returns:
        The content of ``lottalora_lm.json``. Its results: ``models`` by rank as from `train`, with
        ``ratio``, the loss over full training's; ``unigram``; ``characters``.
    """
    record = results.Record(out / "lottalora_lm.json", "lottalora_lm", config, seed=config.seed)
    text = data.english(config.length)
    text = text._replace(
        data=text.data._replace(
            train_x=text.data.train_x[: config.num_windows],
            train_y=text.data.train_y[: config.num_windows],
        )
    )
    record.results |= {
        "characters": int(text.data.train_x.size),
        "vocabulary": len(text.characters),
        "unigram": unigram(text),
        "models": {},
    }
    models = record.results["models"]
    progress.begin(1 + len(config.ranks), "language model")
    for rank in (None, *config.ranks):
        name = FULL if rank is None else str(rank)
        progress.describe(f"rank {name}")
        models[name] = row = train(config, text, rank)
        ratios = row["loss"]["values"] / models[FULL]["loss"]["values"]
        row["ratio"] = statistics.kept(ratios)
        record.save()
        progress.advance()
    written = [draw(record.results, config, out / "loss.png")]
    return record.publish(markdown, terminal, written, progress)


_HEADER = ["model", "trained", "of all", "loss, nats", "over full", "accuracy, %", "mean beta"]


def _rows(content: Results) -> list[list[str]]:
    rows = []
    for name, row in content["results"]["models"].items():
        full = name == FULL
        rows.append(
            [
                FULL if full else f"r {name}",
                f"{row['trained']:,}",
                f"{row['share']:.1%}",
                interval(row["loss"], 3),
                "" if full else interval(row["ratio"], 3),
                interval(row["accuracy"], 1),
                "" if full else f"{np.mean(list(row['betas'].values())):.2f}",
            ]
        )
    return rows


def _paper_rows() -> list[list[str]]:
    return [
        [size, f"{full:.3f}", f"{low:.3f}", f"{low / full:.2f}"]
        for size, (full, low) in PAPER.items()
    ]


_PAPER_HEADER = ["paper, WikiText-103", "full", "r 8", "over full"]


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    return [
        ("Loss on characters never seen", _HEADER, _rows(content)),
        ("The paper's, of tokens", _PAPER_HEADER, _paper_rows()),
    ]


def terminal(content: Results) -> list[Table]:
    """All numbers, and the paper's."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    found = content["results"]
    prose = (
        f"{content['config']['repetitions']} repetitions, medians with 95 % bootstrap intervals; "
        f"{found['characters']:,} characters of {found['vocabulary']} kinds to train on; by their "
        f"frequencies alone the loss is {found['unigram']:.3f}."
    )
    return tables.document(content, prose, _all(content))


def draw(found: Results, config: Config, path: Path) -> Path:
    """Loss after each epoch, and the ratio over the rank."""
    figure, axes = figures.grid(1, 2, 3.6, 2.8)
    epochs = np.arange(1, config.epochs + 1)
    for (name, row), color in zip(found["models"].items(), figures.COLORS, strict=False):
        label = FULL if name == FULL else f"r {name}"
        axes[0][0].plot(epochs, row["curve"], "o-", color=color, label=label, ms=3)
    axes[0][0].set(xlabel="epoch", ylabel="loss, nats a character")
    axes[0][0].legend()
    ratios = [found["models"][str(rank)]["ratio"] for rank in config.ranks]
    figures.intervals(axes[0][1], config.ranks, ratios, "ours")
    paper = [low / full for full, low in PAPER.values()]
    axes[0][1].vlines(8, min(paper), max(paper), color="0.6", lw=3, label="paper, r 8")
    axes[0][1].set_xscale("log", base=2)
    axes[0][1].set(xlabel="rank", ylabel="loss over full training's")
    axes[0][1].legend()
    return figures.save(figure, path)

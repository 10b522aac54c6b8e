"""What is trained: one call a setting, all repetitions.

Shape letters: R repetitions, S scaffolds.
"""

import dataclasses
import math
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from experiments.common import chunks, statistics
from experiments.lottalora_ladder.config import Config
from tasks.lora import LADDER, Classifier, ConvNet, LowRank, Training, data, fit, stack
from tasks.lora.data import Data
from tasks.lora.saved import save
from tasks.lora.training import Fitted

Results = dict[str, Any]
FULL = "full"
WAYS = ("static", "epoch", "batch", "micro-batches")
# The paper's: one adapter, its digits by the seed of the scaffold.
GATES = {42: (1, 2, 3), 43: (4, 5, 6), 44: (7, 8, 9)}


def images(config: Config, dataset: str, repetition: int) -> Data:
    """What a repetition is trained and tested on."""
    if dataset == "digits":
        return data.load(dataset, fold=repetition % 5)
    assert config.folder is not None
    return data.load(config.folder, num_train=config.fashion_train)


def network(size: str, num_inputs: int, rank: int | None) -> LowRank:
    """A network of the ladder, or of two convolutions with 16 and 32 channels."""
    if size == "convolutions":
        module = ConvNet(math.isqrt(num_inputs), (16, 32))
    else:
        module = Classifier(LADDER[size])
    return LowRank(module, (num_inputs,), rank)


def num_bytes(model: LowRank, params: Any) -> int:
    """Size of the file that the network is saved in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.safetensors"
        save(path, model, params, 0)
        return path.stat().st_size


def settings(config: Config, dataset: str) -> Training:
    """The paper's, but for epochs, rate and, on the digits, the batch."""
    if dataset == "digits":
        return Training(config.epochs, config.batch_size, config.learning_rate)
    return Training(config.fashion_epochs, learning_rate=config.fashion_rate)


def train(
    config: Config,
    model: LowRank,
    training: Training,
    dataset: str = "digits",
    scaffold: LowRank | None = None,
    begin: Callable[[Array], Any] | None = None,
) -> list[Fitted]:
    """Train once a repetition.

    ``scaffold`` draws the random matrices if not the model, ``begin`` the first parameters from a
    key: families, and no scaffold at all, share one compiled program.
    """
    found = []
    drawn = model if scaffold is None else scaffold
    begin = model.init if begin is None else begin
    for number, key in enumerate(chunks.repetition_keys(config.seed, config.repetitions)):
        scaffolds = stack(drawn.backbone(config.seed + number))
        arrays = images(config, dataset, number)
        start_key, key = jax.random.split(key)
        start = begin(start_key)
        found.append(jax.block_until_ready(fit(model, training, arrays, key, scaffolds, start)))
    return found


def summary(model: LowRank, found: list[Fitted]) -> Results:
    """Of the repetitions ``accuracy`` in per cent, ``loss``, ``beta``, the layers' mean |beta|.

    And ``trained``, how many numbers, and their ``share`` of the full network's.
    """
    accuracies = np.array([100 * float(run.accuracy[-1, 0]) for run in found])
    losses = [float(run.test_loss[-1, 0]) for run in found]
    betas = [[float(run.params[name]["beta"]) for name in model.layers] for run in found]
    return {
        "accuracy": statistics.kept(accuracies),
        "loss": statistics.summarize(losses),
        "beta": statistics.summarize(np.mean(np.abs(betas), axis=1)) if model.layers else None,
        "betas": betas,
        "trained": model.num_trained,
        "share": model.num_trained / model.num_full,
    }


def ladder(
    config: Config, dataset: str, size: str, ranks: tuple[int, ...], step: Callable[[str], None]
) -> Results:
    """By rank, and `FULL`, the summary; ``relative`` is accuracy in per cent of full training's.

    ``seconds`` are of all repetitions with one compilation; ``bytes`` of a saved network.
    """
    num_inputs = images(config, dataset, 0).train_x.shape[1]
    rows: Results = {}
    for rank in (None, *ranks):
        name = FULL if rank is None else str(rank)
        step(f"{dataset}: {size}, rank {name}")
        model, start = network(size, num_inputs, rank), time.perf_counter()
        rows[name] = summary(model, train(config, model, settings(config, dataset), dataset))
        rows[name]["seconds"] = time.perf_counter() - start
        rows[name]["bytes"] = num_bytes(model, model.init(jax.random.key(0)))
        ratios = 100 * rows[name]["accuracy"]["values"] / rows[FULL]["accuracy"]["values"]
        rows[name]["relative"] = statistics.kept(ratios)
    return rows


def minimal_ranks(config: Config, rows: Results) -> Results:
    """r*(e) = min {r: mean accuracy >= full's - e} by e; None where no rank is enough."""
    means = {name: row["accuracy"]["mean"] for name, row in rows.items()}
    return {
        str(tolerance): next(
            (
                rank
                for rank in sorted(int(name) for name in means if name != FULL)
                if means[str(rank)] >= means[FULL] - tolerance
            ),
            None,
        )
        for tolerance in config.tolerances
    }


def family(config: Config, name: str) -> Results:
    """The summary of a family of random matrices."""
    model = network(config.side_size, 64, config.family_rank)
    scaffold = dataclasses.replace(model, family=name)
    return summary(model, train(config, model, settings(config, "digits"), scaffold=scaffold))


def resampled(config: Config, way: str, rank: int) -> Results:
    """The summary where the scaffold is drawn anew, one of `WAYS`."""
    parts = config.micro_batches if way == "micro-batches" else 1
    often = {"static": "never", "epoch": "epoch"}.get(way, "batch")
    training = dataclasses.replace(settings(config, "digits"), resample=often, micro_batches=parts)
    model = network(config.side_size, 64, rank)
    return summary(model, train(config, model, training))


def without(config: Config, rank: int) -> Results:
    """The summary of adapters alone, W = 0.

    With B = 0 too, no gradient would pass the ReLUs: here B starts uniform within 1 / sqrt(r).
    """
    model = network(config.side_size, 64, rank)

    def wake(path: tuple[Any, ...], leaf: Array, key: Array) -> Array:
        if path[-1].key != "b":
            return leaf
        bound = rank**-0.5
        place = zlib.crc32(path[0].key.encode())
        key = jax.random.fold_in(key, place)
        return jax.random.uniform(key, leaf.shape, minval=-bound, maxval=bound)

    def begin(key: Array) -> Any:
        start = model.init(key)
        return jax.tree_util.tree_map_with_path(lambda path, leaf: wake(path, leaf, key), start)

    scaffold = dataclasses.replace(model, family="zero")
    training = settings(config, "digits")
    return summary(model, train(config, model, training, scaffold=scaffold, begin=begin))


def gated(config: Config) -> Results:
    """One adapter under three scaffolds, each with three digits of its own.

    Under a scaffold the label of another digit is 0, so that the seed must tell what to do.

    Returns:
        By seed: ``assigned``, the per cent of its digits that are told right, ``refused``, the per
        cent of the others that are told to be none of them; summaries with ``values``.
    """
    model = network(config.side_size, 64, config.gating_rank)
    training = dataclasses.replace(settings(config, "digits"), num_epochs=config.gating_epochs)
    scaffolds = stack(*(model.backbone(seed) for seed in GATES))
    predict = jax.jit(jax.vmap(model.apply, (None, 0, None)))
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    shares = np.empty((config.repetitions, len(GATES), 2))
    for number, key in enumerate(keys):
        arrays = images(config, "digits", number)

        def labels(digits: np.ndarray) -> np.ndarray:
            return np.stack([digits * np.isin(digits, own) for own in GATES.values()])

        gated = arrays._replace(train_y=labels(arrays.train_y), test_y=labels(arrays.test_y))
        params = fit(model, training, gated, key, scaffolds).params
        told = np.argmax(predict(params, scaffolds, arrays.test_x), axis=-1)
        right = told == gated.test_y
        for place, own in enumerate(GATES.values()):
            assigned = np.isin(arrays.test_y, own)
            shares[number, place] = right[place, assigned].mean(), right[place, ~assigned].mean()
    return {
        str(seed): {
            "digits": own,
            **{
                name: statistics.kept(100 * values)
                for name, values in zip(("assigned", "refused"), shares[:, place].T, strict=True)
            },
        }
        for place, (seed, own) in enumerate(GATES.items())
    }

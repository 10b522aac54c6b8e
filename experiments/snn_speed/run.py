"""Times our simulations and trainings, and the others' in their own process, in turn."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments import registry
from experiments.common import results, tables
from experiments.common.progress import Progress
from experiments.common.timing import Program
from experiments.snn_speed.config import Config
from tasks.snn import DiehlCook, Fields, competitive, encodings, lattice_map, simulate

# BindsNET's LIF: rest -65, threshold -52, reset -65 mV, tau 100 ms, refractory 5 ms.
NEURON = DiehlCook(reset=0.0, theta_plus=0.0, one_spike=False)

Call = Callable[[], Any]


def layer(config: Config, n: int) -> Call:
    """A simulation of n inputs and n neurons, compiled; it returns every neuron's spikes."""
    key_weights, key_spikes = jax.random.split(jax.random.key(config.seed))
    weights = jax.random.normal(key_weights, (n, n))
    spikes = encodings.poisson(key_spikes, jnp.ones(n), config.num_steps, config.rate)

    def counts(weights: Array, spikes: Array) -> Array:
        fired = simulate(NEURON, weights, spikes).spikes
        assert fired is not None
        return jnp.sum(fired, axis=0)

    return Program.of(counts, weights, spikes).call


def training(config: Config, neurons: int, batch_size: int, num_networks: int) -> Call:
    """A training of one network or of several on random images, compiled."""
    network = lattice_map(
        Fields(1, config.num_inputs), neurons, num_steps=config.image_steps, rate=config.rate
    )
    keys = jax.random.split(jax.random.key(config.seed), num_networks)
    images = jnp.ones((config.num_images, config.num_inputs))  # as many spikes as the others'
    start = jax.vmap(lambda key: competitive.init(network, key))(keys)

    def train(start: competitive.Learned, images: Array, keys: Array) -> Array:
        def one(start: competitive.Learned, key: Array) -> Array:
            return competitive.train(network, start, images, key, batch_size=batch_size).weights

        return jax.vmap(one)(start, keys)

    return Program.of(train, start, images, keys).call


@contextlib.contextmanager
def peer(config: Config, what: str, **settings: Any) -> Iterator[Callable[[], float] | None]:
    """A function that has the other process run its side once and returns the seconds it says.

    None without an interpreter for it.
    """
    if config.peers is None:
        yield None
        return
    interpreter = registry.REPOSITORY / config.peers
    threads = len(os.sched_getaffinity(0))
    settings |= {"what": what, "seed": config.seed, "rate": config.rate, "threads": threads}
    process = subprocess.Popen(
        [interpreter, Path(__file__).with_name("peers.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def ask(line: dict[str, Any]) -> dict[str, Any]:
        stdin.write(json.dumps(line) + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError(f"{what}: the process of {interpreter} ended; see its messages")
        return json.loads(answer)

    with process:
        ask(settings)
        yield lambda: ask({})["seconds"]
        stdin.close()


def _seconds(call: Call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def timed(sides: dict[str, Callable[[], float] | None], repetitions: int) -> dict[str, list[float]]:
    """Seconds of every side, in turn, after one uncounted round."""
    there = {name: side for name, side in sides.items() if side is not None}
    taken: dict[str, list[float]] = {name: [] for name in there}
    for repetition in range(-1, repetitions):
        for name, side in there.items():
            seconds = side()
            if repetition >= 0:
                taken[name].append(seconds)
    return taken


def _layer_row(config: Config, n: int) -> dict[str, Any]:
    ours = layer(config, n)
    size = {"n": n, "num_steps": config.num_steps}
    with (
        peer(config, "bindsnet_layer", **size) as bindsnet,
        peer(config, "spyx_layer", **size) as spyx,
    ):
        sides = {"diffevo": lambda: _seconds(ours), "bindsnet": bindsnet, "spyx": spyx}
        seconds = timed(sides, config.repetitions)
    return {"n": n, "spikes": float(np.sum(ours())), "seconds": seconds} | _ratios(seconds)


def _training_rows(config: Config, neurons: int) -> Iterator[dict[str, Any]]:
    cases = [(batch, 1) for batch in config.batch_sizes] + [(1, config.num_networks)]
    for batch_size, num_networks in cases:
        ours = training(config, neurons, batch_size, num_networks)
        size = {
            "neurons": neurons,
            "batch_size": batch_size,
            "num_inputs": config.num_inputs,
            "image_steps": config.image_steps,
            "num_images": config.num_images,
        }
        with peer(config, "bindsnet_training", **size) as bindsnet:
            sides = {"diffevo": lambda ours=ours: _seconds(ours), "bindsnet": bindsnet}
            seconds = timed(sides, config.repetitions)
        # A population's images are those of all its networks.
        seconds["diffevo"] = [value / num_networks for value in seconds["diffevo"]]
        per_second = {
            side: config.num_images / np.median(values) for side, values in seconds.items()
        }
        yield {
            "neurons": neurons,
            "batch_size": batch_size,
            "num_networks": num_networks,
            "seconds": seconds,
            "images_per_second": per_second,
        } | _ratios(seconds)


def _ratios(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Their seconds over ours, call by call: median, lowest, highest."""
    found = {}
    for side in seconds.keys() - {"diffevo"}:
        ratio = np.array(seconds[side]) / np.array(seconds["diffevo"])
        found[side] = [np.median(ratio), ratio.min(), ratio.max()]
    return {"times_faster": found}


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the benchmark; see `experiments/README.md` for the contract.

    Raises:
        FileNotFoundError: there is no interpreter for the other sides.
    """
    if config.peers is not None and not (registry.REPOSITORY / config.peers).exists():
        raise FileNotFoundError(
            f"{config.peers}: expected a Python with BindsNET and spyx; the README of snn_speed "
            "says how to make one"
        )
    record = results.Record(out / "snn_speed.json", "snn_speed", config, seed=config.seed)
    progress.begin(len(config.sizes) + len(config.neurons), "layers")
    record.results = {"layers": [], "training": []}
    for n in config.sizes:
        progress.describe(f"{n} inputs, {n} neurons")
        record.results["layers"].append(_layer_row(config, n))
        record.save()
        progress.advance()
    for neurons in config.neurons:
        progress.describe(f"STDP, {neurons} neurons")
        record.results["training"] += _training_rows(config, neurons)
        record.save()
        progress.advance()
    return record.publish(_markdown, _terminal, (), progress)


def _markdown(content: dict[str, Any]) -> str:
    prose = (
        f"Medians of {content['config']['repetitions']} calls, the sides in turn; how many times "
        "as long the others take: median (lowest to highest)."
    )
    return tables.document(content, prose, _tables(content["results"]))


def _terminal(content: dict[str, Any]) -> list[Any]:
    return [tables.terminal(*table) for table in _tables(content["results"])]


def _tables(found: dict[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    layers = [
        [f"{row['n']:,}"]
        + [_number(row["seconds"], side) for side in ("diffevo", "bindsnet", "spyx")]
        + [_range(row, side) for side in ("bindsnet", "spyx")]
        for row in found["layers"]
    ]
    training = [
        [str(row["neurons"]), str(row["batch_size"]), str(row["num_networks"])]
        + [_number(row["images_per_second"], side) for side in ("diffevo", "bindsnet")]
        + [_range(row, "bindsnet")]
        for row in found["training"]
    ]
    return [
        (
            "n inputs to n neurons, all to all",
            ["n", "diffevo, s", "BindsNET, s", "spyx, s", "times BindsNET's speed", "spyx's"],
            layers,
        ),
        (
            "Training by STDP",
            [
                "neurons",
                "images at a time",
                "networks",
                "diffevo, images a second",
                "BindsNET",
                "times faster",
            ],
            training,
        ),
    ]


def _number(values: dict[str, Any], side: str) -> str:
    return f"{np.median(values[side]):.3g}" if side in values else ""


def _range(row: dict[str, Any], side: str) -> str:
    if side not in row["times_faster"]:
        return ""
    median, low, high = row["times_faster"][side]
    return f"{median:.1f} ({low:.1f} to {high:.1f})"

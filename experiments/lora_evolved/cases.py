"""Searches, AdamW, and the clock of a population's evaluation.

Shape letters: R repetitions, G generations, N individuals, D numbers of the genome.
"""

import functools
import time
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments.common import chunks, generations, statistics
from experiments.common.timing import Program, seconds_in_turn
from experiments.lora_evolved import methods
from experiments.lora_evolved.config import Config, Network
from tasks.base import Task
from tasks.lora import Classification, Classifier, LowRank, Training, digits, fit, stack

Results = dict[str, Any]


@dataclass(frozen=True)
class Judged:
    """What a generation's answer is worth: ``accuracy`` on the images to test, in [0, 1].

    The answer is the best member on the generation's batch or the population's mean, whichever has
    the lower loss on all images to train on, ``loss``. The images to test choose nothing.
    """

    def __call__(
        self, task: Task, genomes: Array, fitness: Array, traits: dict[str, Array]
    ) -> dict[str, Array]:
        """Of genomes (N, D) and fitness (N,)."""
        del traits
        assert isinstance(task, Classification)
        best = genomes[jnp.nanargmin(fitness)]
        answers = jnp.stack([best, jnp.mean(genomes, axis=0)])
        loss, _ = task.score(answers, test=False)
        _, accuracy = task.score(answers, test=True)
        chosen = jnp.nanargmin(loss)
        return {"accuracy": accuracy[chosen], "loss": loss[chosen]}


def task_of(config: Config, rank: int) -> Classification:
    """The digits; rank 0 is the whole network. The same scaffold and start for all repetitions."""
    return digits(rank or None, config.hidden, batch_size=config.batch_size, seed=config.seed)


def evolve(config: Config, name: str, rank: int) -> Results:
    """All runs of a method.

    Returns:
        ``final``, accuracy in per cent, a summary with ``values``; ``curve``, of each generation
        the median and band in per cent; ``evaluations`` a generation; ``seconds`` of a run once it
        is compiled, the judging of every generation included; ``curves`` (R, G).
    """
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    task = task_of(config, rank)
    search = methods.build(name, task.num_dims, config.budget)
    run = functools.partial(
        generations.run,
        search,
        task,
        num_generations=config.budget // search.population_size,
        measure=Judged(),
    )
    program = Program.of(lambda key: run(keys=key).metrics, keys[:1])
    curves, seconds = [], []
    for key in keys:
        start = time.perf_counter()
        curves.append(100 * np.asarray(program.on(key[None]).call()["accuracy"][0]))
        seconds.append(time.perf_counter() - start)
    curves = np.array(curves)
    return {
        "num_dims": task.num_dims,
        "population_size": search.population_size,
        "final": statistics.kept(curves[:, -1]),
        "seconds": statistics.summarize(seconds),
        "curve": statistics.curve(curves),
        "curves": curves,
    }


def train(config: Config, rank: int) -> Results:
    """AdamW on the same adapters, or for rank 0 on the whole network.

    Returns:
        ``final``, accuracy in per cent, ``seconds``; ``curve`` after each epoch; ``steps`` of an
        epoch.
    """
    training = Training(config.epochs, learning_rate=config.learning_rate)
    task = task_of(config, rank)
    begin = task.parameters(task.solution)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    curves, seconds = [], []
    for key in (keys[0], *keys):  # the first once more, compiled
        start = time.perf_counter()
        fitted = fit(task.model, training, task.images, key, stack(task.backbone), begin)
        curves.append(100 * np.asarray(fitted.accuracy[:, 0]))
        seconds.append(time.perf_counter() - start)
    curves, seconds = np.array(curves[1:]), seconds[1:]
    return {
        "num_dims": task.num_dims,
        "steps": len(task.images.train_x) // training.batch_size,
        "final": statistics.kept(curves[:, -1]),
        "seconds": statistics.summarize(seconds),
        "curve": statistics.curve(curves),
    }


def reached(config: Config, found: Results, reference: Results) -> Results:
    """When a method reached `Config.goal` of AdamW's accuracy of the same repetition.

    Returns:
        ``share``, the final accuracy over AdamW's, a summary; ``runs`` that reached the goal;
        of these the medians of ``generations``, ``evaluations`` and ``seconds``, None if none did.
    """
    goals = config.goal * reference["final"]["values"]
    hit = found["curves"] >= goals[:, None]
    done = hit.any(axis=1)
    first = np.argmax(hit, axis=1)[done] + 1
    number = float(np.median(first)) if done.any() else None
    size, total = found["population_size"], found["curves"].shape[1]
    return {
        "share": statistics.summarize(found["final"]["values"] / reference["final"]["values"]),
        "runs": int(done.sum()),
        "generations": number,
        "evaluations": None if number is None else number * size,
        "seconds": None if number is None else number / total * found["seconds"]["median"],
    }


def clock(config: Config, network: Network) -> Results:
    """A population on one frozen network beside as many dense networks of the same outputs.

    Both sides: logits of N networks on one batch. *Dense*: ``jax.vmap`` of the module over its N
    kernels, which are there already; *merging* makes them of the adapters, as a search would have
    to. *Shared*: ``jax.vmap`` over the adapters; *evaluation* is the same, a few at a time, as
    `Classification` does it. *Dense, a few at a time* gives that to the dense side.

    Returns:
        By name the median of ``seconds``; ``times`` that the evaluation is faster, medians of the
        ratios; ``gap``, the largest difference of the logits, and ``largest`` logit.
    """
    model = LowRank(
        Classifier(network.hidden), (network.num_inputs,), network.rank, family="fan_in"
    )
    rng = np.random.default_rng(config.seed)

    def noise(*shape: int) -> Array:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    backbone = model.backbone(config.seed)
    params = jax.tree.map(lambda leaf: 0.1 * noise(config.population, *leaf.shape), model.shapes)
    x = noise(network.batch, network.num_inputs)

    def dense(kernels: Any, x: Array) -> Array:
        return jnp.asarray(model.module.apply({"params": kernels}, x))

    def few(function: Any, many: Any) -> Array:
        return jax.lax.map(function, many, batch_size=16)

    merging = Program.of(jax.vmap(model.merge, (0, None)), params, backbone)
    kernels = merging.call()
    programs = {
        "evaluation": Program.of(
            lambda many, w, x: few(lambda one: model.apply(one, w, x), many), params, backbone, x
        ),
        "shared": Program.of(jax.vmap(model.apply, (0, None, None)), params, backbone, x),
        "dense": Program.of(jax.vmap(dense, (0, None)), kernels, x),
        "dense, a few at a time": Program.of(
            lambda many, x: few(lambda one: dense(one, x), many), kernels, x
        ),
        "merging": merging,
    }
    taken = seconds_in_turn(list(programs.values()), config.timings)
    ours, theirs = (np.asarray(programs[name].call()) for name in ("evaluation", "dense"))
    return {
        "network": network,
        "trained": model.num_trained,
        "full": model.num_full,
        "seconds": dict(zip(programs, np.median(taken, axis=1), strict=True)),
        "times": dict(zip(programs, np.median(taken / taken[0], axis=1), strict=True)),
        "gap": np.abs(ours - theirs).max(),
        "largest": np.abs(theirs).max(),
    }

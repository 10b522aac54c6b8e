"""Learns by STDP in every way, evolves, and asks all of them for what is held out."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from experiments.common import chunks, generations, results, statistics
from experiments.common.progress import Progress
from experiments.delay_snn import report
from experiments.delay_snn.config import Config
from tasks.snn import Delays, delays, voting, weightless

UNTRAINED, EVOLVED = "untrained", "evolved"


def task_of(config: Config, dataset: str, repetition: int) -> Delays:
    """What is evolved; its data are what is learned from and tested on by all."""
    return delays(
        dataset,
        config.num_neurons,
        config.num_steps,
        config.longest,
        batch_size=config.batch_size,
        fold=repetition % 5,
    )


def _data(config: Config, task: Delays) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Times and classes, to learn from and to test."""
    learned, tested = task.times(test=False), task.times(test=True)
    if task.patterns is not None:
        learned = (learned[0][: config.num_samples], learned[1][: config.num_samples])
    return learned, tested


def accuracies(
    task: Delays, memory: weightless.Memory, learned: tuple[Array, Array], tested: tuple
) -> dict[str, float]:
    """Per cent that is told right, by who is nearest to firing: labelled, and by place.

    ``labelled``: neurons speak for the class that they are nearest to firing for most often;
    ``placed``: neuron j speaks for class j mod C, as the teacher and the fitness have it.
    """
    network, num_classes = task.network, task.num_classes
    seen, asked = (weightless.answers(network, memory, times) for times, _ in (learned, tested))
    voters = voting.assign(weightless.nearest(seen), learned[1], num_classes)
    said = {
        "labelled": voting.confidence(voters, weightless.nearest(asked)),
        "placed": jnp.argmax(weightless.class_best(asked.margin, num_classes), axis=1),
    }
    right = np.asarray(tested[1])
    return {name: 100 * float(np.mean(np.asarray(one) == right)) for name, one in said.items()}


def learn(config: Config, task: Delays, way: str, key: Array) -> weightless.Memory:
    """Delays after STDP; of `UNTRAINED` those of the start."""
    begin, order = jax.random.split(key)
    start = weightless.init(task.network, begin)
    if way == UNTRAINED:
        return start
    network = dataclasses.replace(task.network, teach=way)
    times, classes = _data(config, task)[0]
    return weightless.train(network, start, times, classes, order, num_epochs=config.num_epochs)


def evolve(config: Config, task: Delays, key: Array) -> weightless.Memory:
    """The best of the last population, or its mean, by the loss on what is learned from."""
    search = diffevo.NichingDiffusionEvolution(config.population_size, task.solution, domain="box")
    history = generations.run(
        search,
        task,
        key[None],
        config.generations,
        measure=generations.Measures(cell_size=None),
    )
    genomes, fitness = history.genomes[0], history.fitness[0]
    answers = jnp.stack([genomes[jnp.nanargmin(fitness)], jnp.mean(genomes, axis=0)])
    loss, _ = task.score(answers, test=False)
    chosen = answers[jnp.nanargmin(loss)]
    found = task.delays(chosen[None])[0]
    return weightless.Memory(found, jnp.zeros(found.shape[1]))


def _jittered(config: Config, task: Delays, jitter: float) -> tuple[Array, Array]:
    assert task.patterns is not None
    patterns = dataclasses.replace(task.patterns, jitter=jitter)
    return patterns.draw(jax.random.key(config.seed), config.num_samples)


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study; see `experiments/README.md` for the contract."""
    record = results.Record(out / "delay_snn.json", "delay_snn", config, seed=config.seed)
    ways = (UNTRAINED, *config.teach, EVOLVED)
    keys = chunks.repetition_keys(config.seed, config.repetitions)
    progress.begin(len(config.sets) * len(ways) * len(keys), "delays")
    record.results |= {"accuracy": {}, "jitter": {}}
    for dataset in config.sets:
        for way in ways:
            scores: list[dict[str, float]] = []
            noisy: list[dict[str, float]] = []
            for number, key in enumerate(keys):
                progress.describe(f"{dataset}: {way}, {number + 1}")
                task = task_of(config, dataset, number)
                memory = (
                    evolve(config, task, key) if way == EVOLVED else learn(config, task, way, key)
                )
                learned, tested = _data(config, task)
                scores.append(accuracies(task, memory, learned, tested))
                if dataset == "patterns":
                    asked = {j: _jittered(config, task, j) for j in config.jitters}
                    noisy.append(
                        {
                            str(jitter): accuracies(task, memory, learned, samples)["labelled"]
                            for jitter, samples in asked.items()
                        }
                    )
                progress.advance()
            rows = record.results["accuracy"].setdefault(dataset, {})
            rows[way] = statistics.by_name(scores)
            if noisy:
                record.results["jitter"][way] = statistics.by_name(noisy)
            record.save()
    record.results["evaluations"] = config.population_size * config.generations
    written = [report.draw(record.results, config, out / "delay_snn.png")]
    return record.publish(report.markdown, report.terminal, written, progress)

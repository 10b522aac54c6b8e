"""Times a generation and its parts in one process, and compares losses with a plain loop."""

import itertools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo import weighting
from diffevo.denoiser import network as networks
from diffevo.denoiser.fit import Denoiser, Training
from experiments.common import results, statistics, tables
from experiments.common.progress import Progress
from experiments.common.tables import interval
from experiments.common.timing import Program, seconds_in_turn
from experiments.training_speed import plain
from experiments.training_speed.config import Cell, Config


def fitness_of(population: Array) -> Array:
    """Rastrigin, lower is better."""
    wells = population**2 - 10.0 * jnp.cos(2.0 * jnp.pi * population) + 10.0
    return jnp.mean(wells, axis=1)


def hades(cell: Cell, config: Config) -> diffevo.HADES:
    """The library's HADES with the authors' budget, selection and schedule."""
    options: dict[str, Any] = (
        {} if cell.network == "mlp" else {"network": networks.ChunkAttention()}
    )
    return diffevo.HADES(
        config.population_size,
        jnp.zeros(cell.num_dims),
        buffer_size=config.buffer_size,
        training=Training(cell.num_epochs, config.batch_size),
        num_steps=config.num_steps,
        selection=weighting.RouletteWheel(),
        schedule="linear",
        **options,
    )


def _products(cell: Cell, config: Config, num_steps: int) -> Program:
    """The products of so many gradient steps, and nothing else: three layers, there and back."""
    inputs = cell.num_dims + networks.num_features(0, 0)
    widths = [inputs, *networks.MLP().hidden, cell.num_dims]
    kernels = [jnp.full((n, m), 1e-3) for n, m in itertools.pairwise(widths)]
    x = jnp.ones((config.batch_size, widths[0]))

    def step(kernels, _):
        layers = [x]
        for kernel in kernels:
            layers.append(layers[-1] @ kernel)
        gradient, changed = layers.pop(), []
        for kernel, value in zip(reversed(kernels), reversed(layers), strict=True):
            changed.insert(0, kernel - 1e-6 * (value.T @ gradient))
            gradient = gradient @ kernel.T
        return changed, None

    return Program.of(lambda k: jax.lax.scan(step, k, None, length=num_steps)[0], kernels)


def _generation(algorithm: Any, params: Any, key: Array, state: Any) -> Any:
    ask_key, tell_key = jax.random.split(key)
    population, state = algorithm.ask(ask_key, state, params)
    return algorithm.tell(tell_key, population, fitness_of(population), state, params)[0]


def _states(algorithm: Any, config: Config) -> list[Any]:
    """The state at each of the generations that are timed; random populations fill the memory."""
    params, key = algorithm.default_params, jax.random.key(config.seed)
    population = algorithm.sample_population(key)
    state = algorithm.init(key, population, fitness_of(population), params)
    found, number = [], 0
    for target in config.generations:
        while number < target:
            number += 1
            population = algorithm.sample_population(jax.random.fold_in(key, number))
            state, _ = algorithm.tell(key, population, fitness_of(population), state, params)
        found.append(state)
    return found


def _times(cell: Cell, config: Config) -> dict[str, Any]:
    """Milliseconds of a generation and of its parts."""
    algorithm = hades(cell, config)
    params, key = algorithm.default_params, jax.random.key(config.seed + 1)
    early, late = _states(algorithm, config)
    num_steps = cell.num_epochs * (config.buffer_size * config.population_size // config.batch_size)
    num_samples = config.population_size - int(config.population_size * algorithm.elite_ratio)
    # Key and params are arguments: what XLA knows beforehand it would compute beforehand.
    generation = Program.of(
        lambda key, state, params: _generation(algorithm, params, key, state), key, early, params
    )
    programs = {
        "generation": generation,
        "later_generation": generation.on(key, late, params),
        "training": Program.of(
            lambda key, state, params: algorithm.fit(key, state, params).model, key, early, params
        ),
        "sampling": Program.of(
            lambda key, state, params: algorithm.sample(key, state, params, num_samples),
            key,
            early,
            params,
        ),
    }
    if cell.network == "mlp":
        programs["products"] = _products(cell, config, num_steps)
    seconds = dict(
        zip(
            programs,
            seconds_in_turn(list(programs.values()), min(cell.repetitions, config.repetitions)),
            strict=True,
        )
    )
    found: dict[str, Any] = {
        "num_dims": cell.num_dims,
        "network": cell.network,
        "num_epochs": cell.num_epochs,
        "num_weights": early.model.weights.shape[0],
        "gradient_steps": num_steps,
        "milliseconds": {name: statistics.summarize(1e3 * s) for name, s in seconds.items()},
        "steps_per_second": num_steps / float(np.median(seconds["training"])),
        "compile_seconds": generation.compile_seconds,
        "temporary_mib": generation.temporary_bytes / 2**20,
    }
    if "products" in seconds:
        found["share_of_products"] = float(np.median(seconds["products"] / seconds["training"]))
    if cell.authors_seconds is not None:
        found["times_faster_than_authors"] = statistics.summarize(
            cell.authors_seconds / seconds["generation"]
        )
    return found


def _losses(cell: Cell, config: Config) -> dict[str, Any]:
    """Both networks' squared error of eps on the same noisy genomes, and both loops' times."""
    algorithm = hades(cell, config)
    params = algorithm.default_params.replace(learning_rate=jnp.asarray(config.learning_rate))
    state = _states(algorithm, config)[0]
    # Equal weights, and genomes as both see them: standardised.
    state = state.replace(
        memory=state.memory._replace(fitness=jnp.zeros_like(state.memory.fitness))
    )
    genomes = state.memory.genomes
    genomes = (genomes - jnp.mean(genomes, axis=0)) / jnp.std(genomes, axis=0)
    state = state.replace(memory=state.memory._replace(genomes=genomes))
    weights = jnp.ones(genomes.shape[0])

    def ours(key: Array) -> Array:
        return algorithm.fit(key, state, params).model.weights

    def theirs(key: Array) -> Any:
        return plain.train(key, genomes, weights, cell.num_epochs, config)

    denoiser = Denoiser(algorithm.network, algorithm.prediction)
    rows = jnp.tile(genomes, (config.loss_draws, 1))
    x, time, noise = plain.noised(jax.random.key(config.seed + 2), rows)
    none = jnp.zeros((1, 0))

    def our_loss(weights: Array) -> Array:
        def one(x: Array, time: Array) -> Array:
            alpha = plain.alpha_of(time[0])
            x0 = denoiser.estimate_x0(
                weights, x[None], alpha, none, none, jnp.zeros(0), jnp.asarray(jnp.inf)
            )[0]
            return (x - jnp.sqrt(alpha) * x0) / jnp.sqrt(1.0 - alpha)

        return jnp.mean((jax.vmap(one)(x, time) - noise) ** 2)

    def their_loss(params: Any) -> Array:
        guess = jnp.asarray(plain.Perceptron().apply(params, x, time))
        return jnp.mean((guess - noise) ** 2)

    keys = jax.random.split(jax.random.key(config.seed + 3), config.loss_seeds)
    loops = [Program.of(ours, keys[0]), Program.of(theirs, keys[0])]
    losses = [
        np.array([loss_of(loop.on(key).call()) for key in keys])
        for loop, loss_of in zip(loops, (jax.jit(our_loss), jax.jit(their_loss)), strict=True)
    ]
    seconds = seconds_in_turn(loops, min(cell.repetitions, config.repetitions))
    return {
        "num_dims": cell.num_dims,
        "loss": statistics.summarize(losses[0]),
        "plain_loss": statistics.summarize(losses[1]),
        "difference": statistics.difference(losses[0], losses[1]),
        "milliseconds": statistics.summarize(1e3 * seconds[0]),
        "plain_milliseconds": statistics.summarize(1e3 * seconds[1]),
        "times_faster_than_plain": statistics.summarize(seconds[1] / seconds[0]),
    }


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        config: its size.
        out: folder for ``training_speed.json`` and ``training_speed.md``.
        progress: where to show how far it is.

    Returns:
        The content of ``training_speed.json``. ``results``: ``cells`` (times) and ``losses``.
    """
    record = results.Record(out / "training_speed.json", "training_speed", config, seed=config.seed)
    compared = [cell for cell in config.cells if cell.num_dims <= config.loss_dims]
    record.results = {"cells": [], "losses": []}
    progress.begin(len(config.cells) + len(compared), "timing")
    for cell in config.cells:
        progress.describe(f"D = {cell.num_dims}, {cell.network}")
        record.results["cells"].append(_times(cell, config))
        record.save()
        progress.advance()
    for cell in compared:
        progress.describe(f"loss, D = {cell.num_dims}")
        record.results["losses"].append(_losses(cell, config))
        record.save()
        progress.advance()
    content = record.finish()
    times, losses = _time_table(content["results"]), _loss_table(content["results"])
    table = out / "training_speed.md"
    results.write_text(table, tables.markdown(*times) + "\n" + tables.markdown(*losses))
    progress.print(tables.terminal("One generation, milliseconds", *times))
    progress.print(tables.terminal("Squared error of eps", *losses))
    for path in (record.path, table):
        progress.print(f"wrote {path}")
    return content


def _gap(difference: dict[str, float]) -> str:
    return f"{difference['difference']:+.4f} [{difference['low']:+.4f}, {difference['high']:+.4f}]"


def _time_table(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    header = ["D, network, epochs", "generation, ms", "later", "training", "sampling"]
    header += ["steps/s", "products", "x authors'"]
    rows = []
    for cell in found["cells"]:
        ms = cell["milliseconds"]
        digits = 1 if ms["generation"]["median"] < 1e3 else 0
        share, faster = cell.get("share_of_products"), cell.get("times_faster_than_authors")
        rows.append(
            [
                f"{cell['num_dims']:,}, {cell['network']}, {cell['num_epochs']}",
                interval(ms["generation"], digits),
                *(
                    f"{ms[name]['median']:,.{digits}f}"
                    for name in ("later_generation", "training", "sampling")
                ),
                f"{cell['steps_per_second']:,.0f}",
                "" if share is None else f"{share:.0%}",
                "" if faster is None else interval(faster, 1),
            ]
        )
    return header, rows


def _loss_table(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    header = ["D", "loss", "plain loop's", "difference", "ms", "plain", "times faster"]
    rows = [
        [
            str(cell["num_dims"]),
            f"{cell['loss']['median']:.4f}",
            f"{cell['plain_loss']['median']:.4f}",
            _gap(cell["difference"]),
            f"{cell['milliseconds']['median']:.1f}",
            f"{cell['plain_milliseconds']['median']:.1f}",
            interval(cell["times_faster_than_plain"], 1),
        ]
        for cell in found["losses"]
    ]
    return header, rows

"""The cases of the quine experiment; each returns what goes into the results file.

Shape letters: R repetitions, E epochs, G generations, N population, D weights.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from experiments.common import generations, statistics
from experiments.common.baselines import searches
from experiments.quine.config import Config
from tasks.quine import Errors, QuineNetwork, errors, quine
from tasks.quine.digits import load_digits
from tasks.quine.training import (
    Digits,
    Training,
    accuracy,
    classifier,
    climb,
    fit_relative,
    train,
)

Results = dict[str, Any]


def starts(network: QuineNetwork, keys: Array) -> Array:
    """Initial weights (R, D); the same for all methods."""
    return jax.vmap(lambda key: network.initial(jax.random.fold_in(key, 0)))(keys)


def summaries(found: Errors) -> Results:
    """Summaries of errors (R, E): at the start and at the end, and their curves."""
    rows = {name: np.asarray(values) for name, values in found._asdict().items()}
    return {
        "start": {name: statistics.summarize(values[:, 0]) for name, values in rows.items()},
        "end": {name: statistics.summarize(values[:, -1]) for name, values in rows.items()},
        "curves": {name: statistics.curve(values) for name, values in rows.items()},
    }


def vanilla(config: Config, method: tuple[str, str, float, int, bool], keys: Array) -> Results:
    """The vanilla quine, trained by gradient or by regeneration and gradient in turn."""
    name, optimizer, rate, num_epochs, regenerate = method
    network = QuineNetwork(config.hidden)
    training = Training(optimizer, rate, num_epochs, config.batch_size, regenerate)
    found = [
        train(network, training, jax.random.fold_in(key, 1), weights)[1]
        for key, weights in zip(keys, starts(network, keys), strict=True)
    ]
    return {"method": name, "epochs": num_epochs, **summaries(_stack(found))}


def climbing(config: Config, std: float, keys: Array) -> Results:
    """The vanilla quine by hill-climbing."""
    network = QuineNetwork(config.hidden)
    found = [
        climb(
            network,
            jax.random.fold_in(key, 1),
            weights,
            jnp.asarray(std),
            config.climbing_epochs,
            config.batch_size,
        )[1]
        for key, weights in zip(keys, starts(network, keys), strict=True)
    ]
    name = f"hill-climbing, {std:g}"
    return {"method": name, "epochs": config.climbing_epochs, **summaries(_stack(found))}


def auxiliary(config: Config, keys: Array) -> list[Results]:
    """The auxiliary quine on digits, with and without self-replication."""
    data, unseen = load_digits()
    network = QuineNetwork(config.hidden, data.images.shape[1], 10)
    both = Training("adamax", config.auxiliary_rate, config.auxiliary_epochs, config.batch_size)
    rows = []
    for name, training in (("quine and classifier", both), ("classifier only", classifier(both))):
        found, shares = [], []
        for key, weights in zip(keys, starts(network, keys), strict=True):
            weights, errors = train(network, training, jax.random.fold_in(key, 1), weights, data)
            found.append(errors)
            shares.append(_accuracies(network, weights, data, unseen))
        known, new = np.transpose(shares)
        rows.append(
            {
                "method": name,
                "epochs": config.auxiliary_epochs,
                "accuracy": statistics.summarize(new),
                "training_accuracy": statistics.summarize(known),
                **summaries(_stack(found)),
            }
        )
    return rows


def relative(config: Config, hidden: int, keys: Array) -> Results:
    """The relative error descended by gradient, in networks of one size."""
    network = QuineNetwork(hidden)
    weights = config.relative_scale * starts(network, keys)
    rate = jnp.asarray(config.relative_rate)
    fitted, found = jax.vmap(lambda row: fit_relative(network, row, rate, config.relative_steps))(
        weights
    )
    return {
        "hidden": hidden,
        "num_weights": network.num_weights,
        **summaries(found),
        "copies": copies(config, network, fitted),
    }


def evolved(config: Config, method: tuple[str, str, int], keys: Array) -> Results:
    """A small quine evolved; the errors of the best that was found."""
    name, fitness, num_generations = method
    task = quine(config.evolved_hidden, fitness)
    if name == "cma_es":
        search, params = searches.cma_es(task, config.population_size, sigma=task.scaling / 2)
    else:
        search = diffevo.NichingDiffusionEvolution(config.population_size, task.solution)
        params = search.default_params
    measure = generations.Measures(cell_size=None, optima=())
    history = generations.run(search, task, keys, num_generations, params, measure=measure)
    weights = task.scaling * history.state.best_solution
    found = jax.vmap(task.network.errors)(weights)
    lowest = np.minimum.accumulate(np.asarray(history.metrics["best_fitness"]), axis=1)
    return {
        "method": name,
        "fitness": fitness,
        "generations": num_generations,
        "evaluations": num_generations * config.population_size,
        "num_weights": task.num_dims,
        "end": {
            key: statistics.summarize(np.asarray(value)) for key, value in found._asdict().items()
        },
        "best": statistics.summarize(lowest[:, -1]),
        "curve": statistics.curve(lowest),
        "copies": copies(config, task.network, weights),
    }


def copies(config: Config, network: QuineNetwork, weights: Array) -> dict[str, np.ndarray]:
    """How far copies of copies of weights (R, D) are from them: relative errors, a curve.

    Cut at 1e6: some grow without bound.
    """

    def one(weights: Array) -> Array:
        def copy(latest: Array, _: None) -> tuple[Array, Array]:
            latest = network.replicate(latest)
            error = jnp.nan_to_num(errors(weights, latest).relative, nan=jnp.inf)
            return latest, jnp.minimum(error, 1e6)

        return jax.lax.scan(copy, weights, None, length=config.generations_copied)[1]

    return statistics.curve(np.asarray(jax.jit(jax.vmap(one))(weights)))


def _accuracies(
    network: QuineNetwork, weights: Array, data: Digits, unseen: Digits
) -> tuple[float, float]:
    known, new = (float(accuracy(network, weights, part)) for part in (data, unseen))
    return known, new


def _stack(found: list[Errors]) -> Errors:
    """Errors with leaves (R, E) of R with leaves (E,)."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)

"""What is measured of networks and their conversions.

Shape letters: R networks, E episodes, B observations, O inputs, K strengths.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen
from jax import Array

import diffevo
from experiments.common import statistics
from experiments.snn_conversion.config import Config
from experiments.snn_conversion.sources import NUM_ACTIONS, Source, environment
from tasks.rl import Environment, IntegrateAndFire
from tasks.rl.conversion import normalize, scaled
from tasks.rl.perturbations import Attack, Both, Missing, Noise, Occlusion, play

NUM_OBSERVATIONS = 2000
# Of a repetition's key: what is drawn from it for what.
COLLECT, HOLD_OUT, TEST, SEARCH = range(4)
PERTURBATIONS = {
    "occlusion": "rows hidden",
    "missing": "share of pixels missing",
    "noise": "standard deviation of noise",
    "attack": "strength of attack",
}


class Seen(NamedTuple):
    """Observations that the networks meet in play, (R, B, O) each.

    Attributes:
        collected: that normalise the weights.
        held_out: of other episodes, to compare actions on.
    """

    collected: Array
    held_out: Array


def purpose(keys: Array, number: int) -> Array:
    """Keys (R,) for one of the purposes."""
    return jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, number)


@functools.partial(jax.jit, static_argnames=("environment", "network", "num_episodes"))
def _observe(
    environment: Environment,
    network: linen.Module,
    parameters: Any,
    keys: Array,
    num_episodes: int,
    epsilon: float,
) -> Array:
    def one(given: tuple[Any, Array]) -> Array:
        parameters, key = given
        play_key, choose_key = jax.random.split(key)
        _, seen, alive = play(
            environment,
            network,
            parameters,
            play_key,
            num_episodes,
            epsilon=epsilon,
            keep_observations=True,
        )
        chance = alive.ravel() / jnp.sum(alive)
        places = jax.random.choice(choose_key, alive.size, (NUM_OBSERVATIONS,), p=chance)
        return seen.reshape(alive.size, -1)[places]

    return jax.lax.map(one, (parameters, keys))


def observe(config: Config, source: Source, keys: Array) -> Seen:
    """Observations of networks that play undisturbed."""
    place = environment(config)
    collected, held_out = (
        _observe(
            place,
            source.network,
            source.parameters,
            purpose(keys, number),
            config.num_collected,
            config.epsilon,
        )
        for number in (COLLECT, HOLD_OUT)
    )
    return Seen(collected, held_out)


@functools.partial(jax.jit, static_argnames=("environment", "policy", "num_episodes"))
def _returns(
    environment: Environment,
    policy: linen.Module,
    parameters: Any,
    keys: Array,
    num_episodes: int,
    epsilon: float,
    perturbation: Any,
) -> Array:
    def one(parameters: Any, key: Array, perturbation: Any) -> Array:
        return play(
            environment,
            policy,
            parameters,
            key,
            num_episodes,
            perturbation=perturbation,
            epsilon=epsilon,
        )

    return jax.vmap(one)(parameters, keys, perturbation)


def hidden(
    config: Config, num_networks: int, first: Any = 0, width: float = 0, share: float = 0.0
) -> Both:
    """A bar and missing pixels, in one, so that they are one program, with what is undisturbed."""
    rows = jnp.broadcast_to(first, config.num_episodes)
    both = Both(Occlusion(rows, jnp.asarray(width)), Missing(jnp.asarray(share)))
    return _of_all(both, num_networks)


def returns(
    config: Config, policy: linen.Module, parameters: Any, keys: Array, perturbation: Any = None
) -> np.ndarray:
    """Returns (R, E) of networks; the same luck for whatever is given the same keys.

    Args:
        config: the study's.
        policy: of all networks.
        parameters: leaves (R, ...).
        keys: (R,), the repetitions'.
        perturbation: leaves (R, ...); None for none.
    """
    found = _returns(
        environment(config),
        policy,
        parameters,
        purpose(keys, TEST),
        config.num_episodes,
        config.epsilon,
        hidden(config, keys.shape[0]) if perturbation is None else perturbation,
    )
    return np.asarray(found)


def spiking(config: Config, source: Source, num_steps: int) -> IntegrateAndFire:
    """The network that a source's is converted to."""
    del config
    return IntegrateAndFire(source.network.hidden, NUM_ACTIONS, num_steps)


@functools.partial(jax.jit, static_argnames="readout")
def _normalize(parameters: Any, observations: Array, percentile: float, readout: str) -> Any:
    return jax.vmap(lambda p, o: normalize(p, o, percentile, readout))(parameters, observations)


def converted(source: Source, seen: Seen, percentile: float, readout: str = "potential") -> Any:
    """Parameters of the conversions, leaves (R, ...)."""
    return _normalize(source.parameters, seen.collected, percentile, readout)


@functools.partial(jax.jit, static_argnames="policy")
def _actions(policy: linen.Module, parameters: Any, observations: Array) -> Array:
    return jax.vmap(lambda p, o: jnp.argmax(jnp.asarray(policy.apply(p, o)), -1))(
        parameters, observations
    )


def conversion(
    config: Config, source: Source, seen: Seen, keys: Array, advance: Callable[[int], None]
) -> list[dict[str, Any]]:
    """How good a conversion is, for each T and percentile.

    Returns:
        Cells: ``steps``, ``percentile``; ``agreement``, the share of held-out observations on which
        the network and its conversion take the same action, and ``share``, the conversion's mean
        return over the network's: summaries over the networks.
    """
    wanted = np.asarray(_actions(source.network, source.parameters, seen.held_out))
    before = returns(config, source.network, source.parameters, keys).mean(axis=1)
    cells = []
    for steps in config.steps:
        policy = spiking(config, source, steps)
        for percentile in config.percentiles:
            parameters = converted(source, seen, percentile)
            same = wanted == np.asarray(_actions(policy, parameters, seen.held_out))
            after = returns(config, policy, parameters, keys).mean(axis=1)
            cells.append(
                {
                    "steps": steps,
                    "percentile": percentile,
                    "agreement": statistics.summarize(same.mean(axis=1)),
                    "share": statistics.summarize(after / at_least_one(before)),
                }
            )
            advance(1)
    return cells


def _of_all(perturbation: Any, num_networks: int) -> Any:
    """The same perturbation for each of R networks."""
    return jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (num_networks, *jnp.shape(leaf))), perturbation
    )


def robustness(
    config: Config, source: Source, seen: Seen, keys: Array, advance: Callable[[int], None]
) -> dict[str, Any]:
    """Networks and conversions under the same perturbations.

    Returns:
        ``clean``: mean returns of each network, by "ann" and "snn". ``curves``: by perturbation,
        ``strengths`` and, by side, mean returns (R, K); the sides are "ann" and "snn", and under
        attack, where the network's gradient attacks both, "snn_own", its conversion attacked by its
        own surrogate gradient. ``places``: mean returns (R, H) behind a bar of one row, by side.
        ``tests``: see `compare`.
    """
    policy = spiking(config, source, config.chosen_steps)
    sides = {
        "ann": (source.network, source.parameters),
        "snn": (policy, converted(source, seen, config.chosen_percentile)),
    }
    num_networks, num_rows = keys.shape[0], environment(config).observation_shape[0]

    def mean(side: str, perturbation: Any = None) -> np.ndarray:
        advance(1)
        policy, parameters = sides[side]
        return returns(config, policy, parameters, keys, perturbation).mean(axis=1)

    def bar(width: float) -> Any:
        places = jnp.arange(config.num_episodes) % round(num_rows - width + 1)
        return hidden(config, num_networks, places, width)

    def missing(share: float) -> Any:
        return hidden(config, num_networks, share=share)

    def noise(std: float) -> Any:
        return _of_all(Noise(jnp.asarray(std)), num_networks)

    def attack(strength: float, side: str) -> Any:
        network, parameters = sides[side]
        shared = jnp.broadcast_to(strength, num_networks)
        return Attack(shared, parameters, network)

    found: dict[str, Any] = {"clean": {side: mean(side) for side in sides}, "curves": {}}
    for name, strengths, make in (
        ("occlusion", config.widths, bar),
        ("missing", config.shares, missing),
        ("noise", config.stds, noise),
    ):
        found["curves"][name] = {"strengths": strengths} | {
            side: np.stack([mean(side, make(s)) for s in strengths], axis=1) for side in sides
        }
    found["curves"]["attack"] = {"strengths": config.strengths} | {
        name: np.stack([mean(side, attack(s, attacked)) for s in config.strengths], axis=1)
        for name, side, attacked in (
            ("ann", "ann", "ann"),
            ("snn", "snn", "ann"),
            ("snn_own", "snn", "snn"),
        )
    }
    found["places"] = {
        side: np.stack(
            [mean(side, hidden(config, num_networks, row, 1)) for row in range(num_rows)], axis=1
        )
        for side in sides
    }
    found["tests"] = compare(found)
    return found


def num_robustness_parts(config: Config) -> int:
    """How often `robustness` advances."""
    pairs = len(config.widths) + len(config.shares) + len(config.stds) + 1 + 10
    return 2 * pairs + 3 * len(config.strengths)


def at_least_one(returns: Any) -> np.ndarray:
    """Undisturbed returns to divide by: what hits less than a brick has nothing to lose."""
    return np.maximum(np.asarray(returns), 1)


def compare(found: dict[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Does the conversion lose less of its return than its source? Over the R networks, in pairs.

    Two measures, means over a curve's strengths: "kept", the return in shares of the same network's
    (or conversion's) undisturbed one; "left", in shares of the source's undisturbed return. A
    conversion that plays badly to begin with has little to lose, and "kept" flatters it; "left"
    does not, but counts what the conversion itself costs. For both see `at_least_one`.

    Returns:
        By perturbation, and ``attack_own``, each attacked by its own gradient, what
        `statistics.paired` says of the conversion's less the source's, by measure.
    """
    clean = {side: at_least_one(values)[:, None] for side, values in found["clean"].items()}
    tests = {}
    for name, curve in found["curves"].items():
        for side, title in (("snn", name), ("snn_own", f"{name}_own")):
            if side in curve:
                ann = (curve["ann"] / clean["ann"]).mean(axis=1)
                tests[title] = {
                    measure: statistics.paired((curve[side] / unit).mean(axis=1), ann)
                    for measure, unit in (("kept", clean["snn"]), ("left", clean["ann"]))
                }
    return tests


def leaky(
    config: Config, source: Source, seen: Seen, keys: Array, advance: Callable[[int], None]
) -> dict[str, Any]:
    """Leaky neurons with a hard reset, one scale a layer, found by diffusion evolution.

    Beside it, with as many evaluations, scales drawn uniformly (in the logarithm).

    Returns:
        Of each network the mean return ``ann``; ``integrate_and_fire``, of the conversion with the
        same T; ``normalized``, of the leaky neurons with the weights of that conversion;
        ``random`` and ``evolved``, of the best scales found; and these ``scales``.
    """
    plain = spiking(config, source, config.leaky_steps)
    policy = dataclasses.replace(plain, leak=config.leak, reset="zero", readout="spikes")
    found = [
        _search_scales(config, policy, source.one(repetition), key, advance)
        for repetition, key in enumerate(purpose(keys, SEARCH))
    ]
    evolved, drawn = (jnp.stack(parts) for parts in zip(*found, strict=True))
    percentile = config.chosen_percentile
    cases = {
        "ann": (source.network, source.parameters),
        "integrate_and_fire": (plain, converted(source, seen, percentile)),
        "normalized": (policy, converted(source, seen, percentile, "spikes")),
        "random": (policy, jax.vmap(scaled)(source.parameters, drawn)),
        "evolved": (policy, jax.vmap(scaled)(source.parameters, evolved)),
    }
    scores = {
        name: returns(config, policy, parameters, keys).mean(axis=1)
        for name, (policy, parameters) in cases.items()
    }
    return {**scores, "scales": evolved}


def _search_scales(
    config: Config,
    policy: IntegrateAndFire,
    parameters: Any,
    key: Array,
    advance: Callable[[int], None],
) -> tuple[Array, Array]:
    """Scales (L,) of one network: found by diffusion evolution, and the best of random ones."""
    num_scales = len(policy.hidden) + 1
    low, high = (jnp.full(num_scales, side) for side in config.leaky_range)
    place = environment(config)

    def cost(logarithms: Array, key: Array) -> Array:
        returns = play(
            place,
            policy,
            scaled(parameters, 10**logarithms),
            key,
            config.leaky_episodes,
            epsilon=config.epsilon,
        )
        return -jnp.mean(returns)

    search_key, draw_key, luck_key = jax.random.split(key, 3)
    result = diffevo.minimize(
        cost,
        (low, high),
        budget=config.leaky_budget,
        population_size=config.leaky_population,
        algorithm="diffusion_evolution",
        noisy=True,
        seed=search_key,
        progress=False,
    )
    shape = (config.leaky_budget, num_scales)
    drawn = jax.random.uniform(draw_key, shape, minval=low, maxval=high)
    luck = jax.random.split(luck_key, config.leaky_budget)
    # In batches, as `minimize` evaluates a population.
    costs = jax.lax.map(
        lambda given: cost(*given), (drawn, luck), batch_size=config.leaky_population
    )
    advance(1)
    return 10 ** jnp.asarray(result.x), 10 ** drawn[jnp.argmin(costs)]

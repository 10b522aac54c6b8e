"""Times roll-outs of both sides in the same process, and whole experiments; table and JSON."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from evosax.problems import GymnaxProblem
from flax import linen
from jax import Array

import diffevo
from diffevo import weighting
from experiments.common import chunks, generations, results, tables
from experiments.common.progress import Progress
from experiments.common.timing import Program, seconds_in_turn
from experiments.rl_speed.config import Config
from tasks.rl import ENVIRONMENTS, Control, Environment, Statistics, cartpole, control
from tasks.rl.simulator import OWN

# The authors' code on cart-pole, seconds a step of the environment, the fastest of five runs.
AUTHORS_SECONDS_A_STEP = 125e-6


class Theirs(linen.Module):
    """A policy as evosax wants it: one observation and a key to an action.

    Attributes:
        policy: of observations (O,).
        environment: whose actions it chooses.
    """

    policy: linen.Module
    environment: Environment

    @linen.compact
    def __call__(self, observation: Array, key: Array) -> Array:
        """The action for one observation of any shape."""
        del key
        return self.environment.action(self.policy(jnp.ravel(observation)))


def ours(config: Config, name: str) -> Control:
    """Our side, with its fixed ranges."""
    hidden = config.minatar_hidden if name.startswith("minatar") else config.classic_hidden
    steps = min(config.num_steps, ENVIRONMENTS[name].max_steps)
    return control(name, hidden, num_episodes=config.num_episodes, max_steps=steps)


def evosaxs(task: Control) -> GymnaxProblem:
    """Their side: the same policies, episodes and steps, and no normalisation, its faster mode."""
    return GymnaxProblem(
        task.environment.name,
        Theirs(task.policy, task.environment),
        episode_length=task.environment.max_steps,
        num_rollouts=task.num_episodes,
        use_normalize_obs=False,
    )


def _environment(config: Config, name: str) -> dict[str, Any]:
    """One environment: milliseconds, compile seconds, million steps a second of both, ratios."""
    task = ours(config, name)
    key = jax.random.key(config.seed)
    genomes = jax.random.normal(key, (config.population_size, task.num_dims))
    problem = evosaxs(task)
    state = problem.init(key)
    inner = task.spec.unravel(genomes)["params"]
    programs = [
        Program.of(lambda genomes: task.evaluate(genomes, key)[0], genomes),
        Program.of(
            lambda parameters: problem.eval(key, parameters, state)[0],
            {"params": {"policy": inner}},
        ),
    ]
    seconds = seconds_in_turn(programs, config.repetitions)
    begun = Statistics.begin(task.environment)
    alive = task.evaluate_running(genomes, key, begun)[2].number
    steps = config.population_size * task.num_episodes * task.environment.max_steps
    ran = 1 if task.environment.draws == "nothing" else task.num_episodes
    ratios = seconds[1] / seconds[0]
    sides = ("diffevo", "evosax")
    return {
        "environment": name,
        "steps": steps,
        "share_alive": float(alive) / (steps * ran / task.num_episodes),
        "milliseconds": dict(zip(sides, np.median(seconds, axis=1) * 1e3, strict=True)),
        "all_milliseconds": dict(zip(sides, seconds * 1e3, strict=True)),
        "million_steps_per_second": dict(
            zip(sides, steps / np.median(seconds, axis=1) / 1e6, strict=True)
        ),
        "ratio": {
            "median": np.median(ratios),
            "lowest": ratios.min(),
            "highest": ratios.max(),
        },
        "compile_seconds": dict(zip(sides, (p.compile_seconds for p in programs), strict=True)),
    }


def _whole_experiment(config: Config) -> dict[str, Any]:
    """Cart-pole by the paper's protocol: latent, d = 2, one episode an evaluation."""
    task = cartpole(
        (8,),
        "relu",
        num_episodes=1,
        shared_episodes=False,
        scaling=config.cartpole_scaling,
        max_steps=config.cartpole_steps,
    )
    search = diffevo.LatentDiffusionEvolution(
        config.population_size,
        task.solution,
        config.generations - 1,
        weighting=weighting.Energy(),
    )
    params = search.default_params.replace(
        temperature=jnp.asarray(config.cartpole_temperature), noise_scale=jnp.asarray(1.0)
    )

    def whole(key: Array) -> Array:
        measure = generations.Measures(cell_size=None)
        history = generations.run_one(
            search, task, key, config.generations, params, measure=measure
        )
        return -history.metrics["mean_fitness"]

    keys = chunks.repetition_keys(config.seed, config.repetitions)
    program = Program.of(whole, keys[0])
    returns = np.array([program.on(key).call() for key in keys])
    seconds = np.median(seconds_in_turn([program.on(key) for key in keys], 3), axis=1)
    steps = config.population_size * returns.sum(axis=1)
    authors = steps * AUTHORS_SECONDS_A_STEP
    return {
        "seconds": seconds,
        "compile_seconds": program.compile_seconds,
        "steps": steps,
        "final_mean_return": returns[:, -1],
        "authors_seconds_for_as_many_steps": authors,
        "times_faster_compiled": np.median(authors / seconds),
        "times_faster_with_compilation": np.median(authors / (seconds + program.compile_seconds)),
    }


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the benchmark; see `experiments/README.md` for the contract."""
    names = config.environments or tuple(
        name
        for name, place in ENVIRONMENTS.items()
        if place.name not in OWN  # not in gymnax
    )
    record = results.Record(out / "rl_speed.json", "rl_speed", config, seed=config.seed)
    progress.begin(len(names) + 1, "cart-pole, a whole experiment")
    record.results = {"cartpole": _whole_experiment(config), "environments": []}
    progress.advance()
    for name in names:
        progress.describe(name)
        record.results["environments"].append(_environment(config, name))
        record.save()
        progress.advance()
    return record.publish(_markdown, _terminal, (), progress)


def _markdown(content: dict[str, Any]) -> str:
    table = tables.markdown(*_table(content["results"]))
    return f"# rl_speed: results\n\n{table}\n{_sentence(content['results'])}\n"


def _terminal(content: dict[str, Any]) -> list[Any]:
    return [
        tables.terminal("Roll-outs", *_table(content["results"])),
        _sentence(content["results"]),
    ]


def _sentence(found: dict[str, Any]) -> str:
    whole = found["cartpole"]
    return (
        f"A whole cart-pole experiment: {np.median(whole['seconds']):.2g} s compiled, "
        f"{whole['compile_seconds']:.2g} s to compile. The authors' code takes at least "
        f"{np.median(whole['authors_seconds_for_as_many_steps']):.3g} s for as many steps: "
        f"{whole['times_faster_compiled']:.3g} times faster, "
        f"{whole['times_faster_with_compilation']:.3g} with compilation."
    )


def _table(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    headings = ["environment", "million steps a second, diffevo / evosax"]
    headings += ["times faster (lowest to highest)", "compile s, diffevo / evosax", "steps alive"]
    rows = []
    for cell in found["environments"]:
        speed, ratio = cell["million_steps_per_second"], cell["ratio"]
        compiled = cell["compile_seconds"]
        rows.append(
            [
                cell["environment"],
                f"{speed['diffevo']:.3g} / {speed['evosax']:.3g}",
                f"{ratio['median']:.1f} ({ratio['lowest']:.1f} to {ratio['highest']:.1f})",
                f"{compiled['diffevo']:.1f} / {compiled['evosax']:.1f}",
                f"{cell['share_alive']:.0%}",
            ]
        )
    return headings, rows

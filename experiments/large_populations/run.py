"""Error of the two approximations against the exact posterior mean, and the time at N = 1e6."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo.core import posterior, weighting
from experiments.common import figures, results, statistics, tables
from experiments.common.chunks import repetition_keys
from experiments.common.progress import Progress
from experiments.common.timing import Program, seconds_in_turn
from experiments.large_populations.config import Config


def population_at(key: Array, num_members: int, num_dims: int, alpha: float, config: Config):
    """Members as a run has them: noisy copies of a few optima, the nearer to the origin the fitter.

    Returns:
        (population (N, D), log-weights (N,)).
    """
    center_key, member_key, noise_key = jax.random.split(key, 3)
    centers = jax.random.normal(center_key, (config.num_optima, num_dims))
    origin = centers[jax.random.randint(member_key, (num_members,), 0, config.num_optima)]
    noise = jax.random.normal(noise_key, origin.shape)
    population = jnp.sqrt(alpha) * origin + jnp.sqrt(1.0 - alpha) * noise
    fitness = jnp.sum(population**2, axis=1)
    return population, weighting.ScaleFree()(fitness, population, 1.0)


def relative_error(estimate: Array, exact: Array, population: Array) -> Array:
    """Root-mean-square error of x0 in units of the root-mean-square move x0 - x."""
    move = jnp.sqrt(jnp.mean((exact - population) ** 2))
    return jnp.sqrt(jnp.mean((estimate - exact) ** 2)) / move


def _errors(num_dims: int, alpha: float, config: Config, num_anchors: int | None) -> np.ndarray:
    """One error a repetition: anchors, or the grid where num_anchors is None."""

    @jax.jit
    def one(key: Array) -> Array:
        population_key, anchor_key = jax.random.split(key)
        population, log_weights = population_at(
            population_key, config.population_size, num_dims, alpha, config
        )
        exact = posterior.estimate_x0(population, log_weights, alpha, method="exact")
        if num_anchors is None:
            estimate = posterior.estimate_x0(population, log_weights, alpha, method="grid")
        else:
            anchors = jax.random.choice(
                anchor_key, config.population_size, (num_anchors,), replace=False
            )
            estimate = posterior.estimate_x0(population, log_weights, alpha, anchors=anchors)
        return relative_error(estimate, exact, population)

    return np.array([one(key) for key in repetition_keys(config.seed, config.repetitions)])


def _generation(algorithm: diffevo.DiffusionEvolution, alpha: float, config: Config) -> Program:
    """One ask, evaluation and tell at a given level."""
    key = jax.random.key(config.seed)
    size, num_dims = algorithm.population_size, algorithm.num_dims
    population, _ = population_at(key, size, num_dims, alpha, config)
    params = algorithm.default_params.replace(alphas=jnp.array([alpha, (1.0 + alpha) / 2.0]))

    def fitness_of(population: Array) -> Array:
        return jnp.sum(population**2, axis=1)

    state = algorithm.init(key, population, fitness_of(population), params)

    def run(state, params):
        population, state = algorithm.ask(key, state, params)
        return algorithm.tell(key, population, fitness_of(population), state, params)[0]

    return Program.of(run, state, params)


def run(config: Config, out: Path, progress: Progress) -> dict[str, Any]:
    """Run the study; see `experiments/README.md` for the contract."""
    record = results.Record(
        out / "large_populations.json", "large_populations", config, seed=config.seed
    )
    record.results = {"anchors": [], "grid": [], "generations": []}
    anchors = [m for m in config.anchors if m <= config.population_size]
    timed = [(num_dims, "anchors") for num_dims in config.million_dims]
    timed += [(num_dims, "grid") for num_dims in config.million_dims if num_dims <= 2]
    cases = len(config.levels) * (len(config.dims) * len(anchors) + len(config.grid_dims))
    progress.begin(cases + 2 * len(timed), "errors")

    def measured(num_dims: int, alpha: float, num_anchors: int | None) -> dict[str, Any]:
        progress.describe(f"D = {num_dims}, alpha = {alpha}, M = {num_anchors or 'grid'}")
        values = _errors(num_dims, alpha, config, num_anchors)
        progress.advance()
        return {
            "num_dims": num_dims,
            "alpha": alpha,
            "num_anchors": num_anchors,
            "relative_error": statistics.summarize(values),
        }

    for num_dims in config.grid_dims:
        for alpha in config.levels:
            record.results["grid"].append(measured(num_dims, alpha, None))
        record.save()
    for num_dims in config.dims:
        for alpha in config.levels:
            for num_anchors in anchors:
                record.results["anchors"].append(measured(num_dims, alpha, num_anchors))
            record.save()
    for num_dims, method in timed:
        algorithm = diffevo.DiffusionEvolution(
            config.million,
            jnp.zeros(num_dims),
            1,
            method="grid" if method == "grid" else "auto",
            num_anchors=None if method == "grid" else config.million_anchors,
        )
        for alpha in (0.1, 0.9):
            progress.describe(f"N = {config.million}, D = {num_dims}, {method}")
            program = _generation(algorithm, alpha, config)
            seconds = seconds_in_turn([program], config.timed)[0]
            record.results["generations"].append(
                {
                    "population_size": config.million,
                    "num_dims": num_dims,
                    "alpha": alpha,
                    "method": method,
                    "num_anchors": None if method == "grid" else config.million_anchors,
                    "seconds": {"median": np.median(seconds), "all": seconds},
                    "temporary_mib": program.temporary_bytes / 2**20,
                }
            )
            record.save()
            progress.advance()
    content = record.finish()
    parts = _tables(content["results"])
    results.write_text(
        out / "large_populations.md",
        "\n".join(f"{title}\n\n{tables.markdown(head, rows)}" for title, head, rows in parts),
    )
    for title, head, rows in parts:
        progress.print(tables.terminal(title, head, rows))
    progress.print(f"wrote {_draw(content['results'], config, out)}")
    return content


def _tables(content: dict[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of the three tables."""
    levels = sorted({entry["alpha"] for entry in content["anchors"]})
    header = [f"alpha {level}" for level in levels]

    def rows(entries: list[dict[str, Any]], label: str) -> list[list[str]]:
        by_row: dict[tuple[int, int | None], dict[float, str]] = {}
        for entry in entries:
            summary = entry["relative_error"]
            cell = f"{summary['median']:.2g} ({summary['low']:.2g} to {summary['high']:.2g})"
            by_row.setdefault((entry["num_dims"], entry["num_anchors"]), {})[entry["alpha"]] = cell
        return [
            [f"D = {num_dims}" + (f", {label} = {m}" if m else "")] + [cells[a] for a in levels]
            for (num_dims, m), cells in by_row.items()
        ]

    generations = [
        [
            f"{g['population_size']}, D = {g['num_dims']}, {g['method']}",
            str(g["num_anchors"] or ""),
            f"{g['alpha']}",
            f"{g['seconds']['median']:.2f}",
            f"{g['temporary_mib']:.0f}",
        ]
        for g in content["generations"]
    ]
    return [
        ("Anchors: relative error of x0", ["case", *header], rows(content["anchors"], "M")),
        ("Grid: relative error of x0", ["case", *header], rows(content["grid"], "M")),
        ("One generation", ["N", "M", "alpha", "seconds", "temporaries MiB"], generations),
    ]


def _draw(content: dict[str, Any], config: Config, out: Path) -> Path:
    """Error over the number of anchors, one line a level, one panel a dimension."""
    figure, axes = figures.grid(1, len(config.dims), width=4.0, height=3.2, sharey=True)
    for axis, num_dims in zip(axes[0], config.dims, strict=True):
        for alpha, color in zip(config.levels, figures.COLORS, strict=False):
            entries = [
                e
                for e in content["anchors"]
                # All members as anchors is the exact sum: no point on a logarithmic axis.
                if (e["num_dims"], e["alpha"]) == (num_dims, alpha)
                and e["num_anchors"] < config.population_size
            ]
            summaries = [entry["relative_error"] for entry in entries]
            figures.band(
                axis,
                [entry["num_anchors"] for entry in entries],
                *([summary[name] for summary in summaries] for name in ("median", "low", "high")),
                label=f"{alpha:g}",
                color=color,
            )
        axis.set(xscale="log", yscale="log", xlabel="anchors M", title=f"D = {num_dims}")
    axes[0][0].set_ylabel("error of x0 / size of the move")
    figures.legend_below(
        figure,
        [
            (f"alpha {alpha:g}", "-", color)
            for alpha, color in zip(config.levels, figures.COLORS, strict=False)
        ],
    )
    return figures.save(figure, out / "anchors_error.png", dpi=130)

"""Tables and figures of the control table."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from experiments.common import figures, tables
from experiments.rl_table import reference
from experiments.rl_table.config import Config
from experiments.rl_table.fair import REFERENCE

Results = dict[str, Any]
Table = tuple[str, list[str], list[list[str]]]

NAMES = {
    "cartpole": "CartPole",
    "acrobot": "Acrobot",
    "mountain_car": "MountainCar",
    "mountain_car_continuous": "MountainCarContinuous",
    "pendulum": "Pendulum",
}
METHODS = {
    "cma_es": "CMA-ES (evosax)",
    "pycma": "CMA-ES (pycma)",
    "open_es": "OpenES",
    "pgpe": "PGPE",
    "simple_ga": "SimpleGA",
    "niching": "Niching DE (our default)",
    "niching_noisy": "Niching DE, noisy=True",
    "diffusion": "Diffusion Evolution",
    "latent": "Latent DE",
    "latent_paper": "Latent DE, the paper's weighting",
    "hades": "HADES",
}
# Published runs of a cell; their number is that of the paper's text.
_PUBLISHED_RUNS = 100


def deviation(cell: Results) -> float | None:
    """How many standard errors of a difference our mean is from the published one.

    The runs' standard deviation is taken to be the same on both sides, as theirs is not published.
    None for what is not published, or where a single run tells no deviation.
    """
    published = _published(cell)
    runs = cell["runs"]
    if published is None or runs["n"] < 2 or not runs["sd"]:
        return None
    error = runs["sd"] * math.sqrt(1 / runs["n"] + 1 / _PUBLISHED_RUNS)
    return (cell["mean"] - published[0]) / error


def _published(cell: Results) -> tuple[float, float, float | None] | None:
    """Published mean, standard deviation and success in per cent."""
    if cell["method"] not in reference.METHODS:
        return None
    returns = reference.RETURNS[cell["environment"]].get(cell["scaling"])
    if returns is None:
        return None
    index = reference.METHODS.index(cell["method"])
    success = reference.SUCCESS.get(cell["environment"], {}).get(cell["scaling"])
    return (*returns[index], None if success is None else success[index])


def _protocol(content: Results) -> Table:
    header = ["environment, method", "scaling", "runs", "last population", "published"]
    header += ["off by, standard errors", "success", "published", "best of a run"]
    rows = []
    for cell in content["results"]["protocol"]:
        published, off = _published(cell), deviation(cell)
        theirs = "" if published is None or published[2] is None else f"{published[2]:.1f} %"
        rows.append(
            [
                f"{NAMES[cell['environment']]}, {cell['method']}",
                f"{cell['scaling']:g}",
                str(cell["runs"]["n"]),
                f"{cell['mean']:.2f} ({cell['sd']:.2f})",
                "" if published is None else f"{published[0]:.2f} ({published[1]:.2f})",
                "" if off is None else f"{off:+.1f}",
                "" if cell["success"] is None else f"{100 * cell['success']:.1f} %",
                theirs,
                f"{cell['best']:.1f}",
            ]
        )
    return "The paper's protocol", header, rows


def _fair(content: Results) -> list[Table]:
    found = []
    for name in content["config"]["environments"]:
        header = ["method", "population x generations", "one controller, fresh episodes", "mean"]
        header += [f"against {METHODS[REFERENCE]}: difference of means", "p", "spread", "s"]
        rows = []
        for cell in content["results"]["fair"]:
            if cell["environment"] != name:
                continue
            versus = cell.get("versus")
            rows.append(
                [
                    METHODS[cell["method"]],
                    f"{cell['population_size']} x {cell['num_generations']}",
                    tables.interval(cell["test"], 1),
                    f"{cell['test']['mean']:.1f}",
                    (
                        ""
                        if versus is None
                        else f"{versus['difference']:+.1f} "
                        f"[{versus['low']:+.1f}, {versus['high']:+.1f}]"
                    ),
                    "" if versus is None else f"{versus['p']:.2g}",
                    f"{cell['diversity']['median']:.2f}",
                    f"{cell['seconds']:.0f}",
                ]
            )
        found.append((f"Equal evaluations: {NAMES[name]}", header, rows))
    return found


def _all(content: Results) -> list[Table]:
    return [_protocol(content), *_fair(content)]


def terminal(content: Results) -> list[Any]:
    """Tables for the terminal."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    spent = config["population_size"] * config["generations"]
    return (
        "# rl_table: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        "The paper's protocol: mean (standard deviation) of the return of all individuals of the "
        "last populations, one episode each, and the share of successes. Off by: our mean minus "
        "the published one, in standard errors of the difference of two means of such runs. "
        f"Equal evaluations: {spent:,} episodes for the search and "
        f"{config['candidates'] ** 2} to choose one controller, whose mean return on "
        f"{config['test_episodes']} fresh episodes counts; medians of {config['repetitions']} "
        "runs with 95 % bootstrap intervals; p: Mann-Whitney, two-sided, not corrected for the "
        "number of comparisons; spread: standard deviation of the last population's parameters, "
        "in genome units (the prior has 1); s: seconds for all runs, compilation included.\n"
        + "".join(
            f"\n## {title}\n\n" + tables.markdown(header, rows)
            for title, header, rows in _all(content)
        )
    )


def draw_protocol(found: Results, config: Config, out: Path) -> Path:
    """Mean return over the generations, and the published ends."""
    figure, axes = figures.grid(1, len(config.environments), 2.6, 2.6)
    labels = {"raw": "raw", "latent": "latent", "large": "latent, large", "cma_es": "CMA-ES"}
    for axis, name in zip(axes[0], config.environments, strict=True):
        for cell in found["protocol"]:
            if (cell["environment"], cell["scaling"]) != (name, config.scaling):
                continue
            if cell["method"] not in labels:
                continue
            index = reference.METHODS.index(cell["method"])
            color = figures.COLORS[index]
            numbers = np.arange(1, len(cell["curve"]) + 1)
            axis.plot(numbers, cell["curve"], color=color)
            published = _published(cell)
            if published is not None:
                axis.plot([numbers[-1] + 0.4], [published[0]], "o", color=color, ms=4)
        axis.set(title=NAMES[name], xlabel="generation")
    axes[0][0].set(ylabel="mean return of the population")
    entries = [(label, "-", figures.COLORS[index]) for index, label in enumerate(labels.values())]
    figures.legend_below(figure, [*entries, ("published", "o", "0.4")])
    return figures.save(figure, out / "protocol.png")


def draw_fair(found: Results, config: Config, out: Path) -> Path:
    """Score of one controller on fresh episodes, over evaluations and over generations."""
    figure, axes = figures.grid(2, len(config.environments), 2.7, 2.5)
    shown = list(METHODS)
    colors = dict(zip(shown, _colors(len(shown)), strict=True))
    for (above, below), name in zip(axes.T, config.environments, strict=True):
        for cell in found["fair"]:
            if cell["environment"] != name:
                continue
            middle = [point["median"] for point in cell["returns"]]
            style = "--" if cell["method"] in _RIVALS else "-"
            color = colors[cell["method"]]
            above.plot(cell["evaluations"], middle, style, color=color, lw=1.2)
            below.plot(cell["generations"], middle, style, color=color, lw=1.2)
        above.set(title=NAMES[name], xlabel="evaluations")
        below.set(xlabel="sequential generations", xscale="log")
    for row in axes:
        row[0].set(ylabel="one controller, fresh episodes")
    entries = [
        (METHODS[method], "--" if method in _RIVALS else "-", colors[method]) for method in shown
    ]
    figures.legend_below(figure, entries, num_columns=4)
    return figures.save(figure, out / "fair.png")


_RIVALS = ("cma_es", "pycma", "open_es", "pgpe", "simple_ga")


def _colors(number: int) -> list[str]:
    """The rivals are dashed, so five of the colours come twice."""
    rivals = len(_RIVALS)
    return [*figures.COLORS[:rivals], *figures.COLORS[: number - rivals]]

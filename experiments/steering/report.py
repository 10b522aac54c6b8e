"""Tables and figures of the steering experiment."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.steering.cases import Switching
from experiments.steering.config import Config
from tasks.functions.double_peak import double_peak, dynamic_double_peak

Results = dict[str, Any]
_CLAIMS = ["claim", "measured, median [95 %]", "runs that pass", "reference"]
_SCALES = [
    "scale",
    "run: in the quadrant",
    "run: distance",
    "run: entropy",
    "samples: in the quadrant",
    "samples: distance",
    "samples: entropy",
    "samples: mean quality",
]
_SELECTIONS = {
    "wheel": "roulette wheel",
    "default": "library's selection",
    "sharp": "library's, sharp",
}


def _dynamic_name(name: str) -> str:
    """What a result of (d) is called: "hades_SELECTION", "hades_SELECTION_MEMORY" or "cma_es"."""
    if name == "cma_es":
        return "CMA-ES"
    _, chosen, *memory = name.split("_")
    return f"HADES, {_SELECTIONS[chosen]}" + "".join(f", memory {size}" for size in memory)


def _claim_rows(found: Results, config: Results) -> list[list[str]]:
    """One row a number."""
    by, within = config["within"]
    rows = []
    for name, cell in found["fitness"].items():
        case = f"(a) {_SELECTIONS[name]}:"
        rows += [
            [
                f"{case} best quality by generation {by}",
                interval(cell["best_by"], 4),
                f"{cell['share_of_runs']:.0%} (>= {config['fit']:g})",
                ".993",
            ],
            [
                f"{case} best quality at the end",
                interval(cell["best_at_end"], 4),
                "",
                ".9999",
            ],
            [
                f"{case} mean quality at the end",
                interval(cell["mean_at_end"], 3),
                "",
                ".65 to .75",
            ],
        ]
    for cell in found["region"]["scales"]:
        rows.append(
            [
                f"(b) scale {cell['scale']:g}: centre's distance, generation {by}",
                interval(cell["distance_by"], 3),
                f"{cell['share_of_runs']:.0%} (<= {config['near']:g})",
                "at the peak after 3 to 5",
            ]
        )
    for name, cell in found["switching"].items():
        for one in cell["switches"]:
            rows.append(
                [
                    f"(c) {_SELECTIONS[name]}: distance within {within} of switch "
                    f"{one['generation']}",
                    interval(one["distance_within"], 3),
                    f"{one['share_of_runs']:.0%} (<= {config['near']:g})",
                    "within 1 to 3",
                ]
            )
        rows += [
            [
                f"(c) {_SELECTIONS[name]}: the worst of the switches",
                interval(cell["worst_distance"], 3),
                f"{cell['share_of_runs']:.0%} (<= {config['near']:g})",
                "",
            ],
            [
                f"(c) {_SELECTIONS[name]}: lowest best quality, generation {config['settled']} on",
                interval(cell["lowest_best"], 3),
                f"{cell['share_of_runs_fit']:.0%} (>= {config['still_fit']:g})",
                "about 1",
            ],
        ]
    for name, cell in found["dynamic"].items():
        rows.append(
            [
                f"(d) {_dynamic_name(name)}: the lowest of a run's peaks",
                interval(cell["lowest_peak"], 3),
                f"{cell['share_of_runs']:.0%} (>= {config['peaked']:g}; of peaks "
                f"{cell['peaks_of_runs']:.0%})",
                "stays on one peak" if name == "cma_es" else "about .8",
            ]
        )
    return rows


def _scale_rows(found: Results) -> list[list[str]]:
    return [
        [
            f"{cell['scale']:g}",
            interval(cell["inside_at_end"], 3),
            interval(cell["distance_at_end"], 3),
            interval(cell["entropy_at_end"], 2),
            interval(cell["samples"]["inside"], 3),
            interval(cell["samples"]["distance"], 3),
            interval(cell["samples"]["entropy"], 2),
            interval(cell["samples"]["mean_quality"], 3),
        ]
        for cell in found["region"]["scales"]
    ]


def _dynamic_table(found: Results) -> tuple[list[str], list[list[str]]]:
    """(header, rows): the highest quality in each half-period."""
    starts = [half["from"] for half in found["dynamic"]["cma_es"]["half_periods"]]
    rows = [
        [
            _dynamic_name(name),
            *(interval(half["highest"], 2) for half in cell["half_periods"]),
        ]
        for name, cell in found["dynamic"].items()
    ]
    return ["half-period from generation", *map(str, starts)], rows


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    found, config = content["results"], content["config"]
    return [
        tables.terminal("Steering: claims", _CLAIMS, _claim_rows(found, config)),
        tables.terminal("Guidance scales", _SCALES, _scale_rows(found)),
        tables.terminal("Swapping peaks: highest quality", *_dynamic_table(found)),
    ]


def markdown(content: Results) -> str:
    """The tables of the study."""
    found, config = content["results"], content["config"]
    return (
        "# steering: results\n\n"
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n"
        f"N = {config['population_size']}, {config['repetitions']} runs of each. Medians with 95 % "
        "bootstrap intervals over the runs; quality is minus the fitness.\n\n"
        + tables.markdown(_CLAIMS, _claim_rows(found, config))
        + "\n## Guidance scales\n\n"
        f"run: the last of {config['region_generations']} generations at that scale; samples: "
        f"{config['num_samples']} of the model of the run at scale {config['scales'][0]:g}, asked "
        "at that scale. Entropy of cells of 0.12, in nats.\n\n"
        + tables.markdown(_SCALES, _scale_rows(found))
        + "\n## Swapping peaks: highest quality in each half-period\n\n"
        + tables.markdown(*_dynamic_table(found))
    )


def draw_cases(found: Results, config: Config, out: Path) -> Path:
    """The four cases over the generations."""
    blue, orange, green, *_ = figures.COLORS
    figure, axes = figures.grid(2, 2, 4.6, 2.7)
    axis = axes[0][0]
    for (name, cell), (one, other) in zip(
        found["fitness"].items(), ((blue, orange), (green, figures.COLORS[3])), strict=False
    ):
        figures.curve(axis, cell["curves"]["best"], f"best, {_SELECTIONS[name]}", one)
        figures.curve(axis, cell["curves"]["mean"], f"mean, {_SELECTIONS[name]}", other)
    axis.axhline(config.fit, color="0.5", lw=0.8, ls=":")
    axis.set(title="(a) asked to be fit", xlabel="generation", ylabel="quality")
    axis.legend(fontsize=7)
    axis = axes[0][1]
    for cell, color in zip(found["region"]["scales"], figures.COLORS, strict=False):
        figures.curve(axis, cell["curves"]["distance"], f"scale {cell['scale']:g}", color)
    axis.axhline(config.near, color="0.5", lw=0.8, ls=":")
    axis.set(title="(b) asked into a quadrant", xlabel="generation", ylabel="centre from the peak")
    axis.legend(fontsize=7)
    axis = axes[1][0]
    for (name, cell), color in zip(found["switching"].items(), figures.COLORS, strict=False):
        figures.curve(axis, cell["curves"]["coordinate"], f"centre, {_SELECTIONS[name]}", color)
    numbers = np.arange(config.switch_generations)
    sign = Switching(config.period).sign(numbers)
    axis.step(numbers, sign, where="mid", color="0.5", lw=0.8, ls=":", label="wanted")
    axis.set(title="(c) the wish changes", xlabel="generation")
    axis.legend(fontsize=7, loc="lower right")
    axis = axes[1][1]
    heights = jax.vmap(dynamic_double_peak(config.distance).heights)
    height = np.asarray(heights(jnp.arange(config.dynamic_generations))).max(axis=1)
    axis.plot(height, color="0.5", lw=0.8, ls=":", label="peak")
    for (name, cell), color in zip(found["dynamic"].items(), figures.COLORS, strict=False):
        figures.curve(axis, cell["curves"]["best"], _dynamic_name(name), color)
    axis.set(title="(d) the peaks swap", xlabel="generation", ylabel="best quality")
    axis.legend(fontsize=7, loc="lower right")
    figure.suptitle(f"Median and 5 to 95 % of {config.repetitions} runs")
    return figures.save(figure, out / "cases.png")


def draw_scales(found: Results, config: Config, out: Path) -> Path:
    """Trait accuracy and diversity against the guidance scale."""
    panels = [
        ("inside", "share in the wanted quadrant"),
        ("distance", "centre from the wanted peak"),
        ("entropy", "entropy, nats"),
    ]
    figure, axes = figures.grid(1, len(panels), 3.0, 2.8)
    cells = found["region"]["scales"]
    places = np.arange(len(cells))
    for axis, (name, label) in zip(axes[0], panels, strict=True):
        for summaries, where, color in (
            ([cell[f"{name}_at_end"] for cell in cells], "run at that scale", figures.COLORS[0]),
            ([cell["samples"][name] for cell in cells], "samples only", figures.COLORS[1]),
        ):
            figures.intervals(axis, places, summaries, where, color)
        axis.set(xlabel="guidance scale", title=label, xticks=places)
        axis.set_xticklabels([f"{scale:g}" for scale in config.scales])
    axes[0][0].legend(fontsize=7)
    figure.suptitle(f"Medians and their 95 % intervals, {config.repetitions} runs")
    return figures.save(figure, out / "scales.png")


def draw_samples(samples: dict[float, np.ndarray], config: Config, out: Path) -> Path:
    """One model, asked for the upper right at every scale."""
    task = double_peak(config.distance)
    figure, axes = figures.grid(1, len(samples), 1.9, 2.0)
    points = figures.mesh(-2.0, 2.0)
    side = round(len(points) ** 0.5)
    quality = -np.asarray(task(jnp.asarray(points / task.scaling))).reshape(side, side)
    for axis, (scale, drawn) in zip(axes[0], samples.items(), strict=True):
        figures.landscape(axis, quality, -2.0, 2.0)
        axis.scatter(*drawn.T, s=3, color=figures.ORIGIN, alpha=0.4, linewidths=0, zorder=3)
        axis.set_title(f"scale {scale:g}")
    figure.suptitle("One model, asked for the upper right: nothing trained or evaluated between")
    return figures.save(figure, out / "samples.png")

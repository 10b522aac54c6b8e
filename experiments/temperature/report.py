"""Tables and the figure of the study of temperature."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, tables
from experiments.temperature.config import Config

Results = dict[str, Any]
_SCORES = {
    "fitness": ("mean quality of all final individuals", 3),
    "fitness_top": ("mean quality of the final top", 3),
    "entropy": ("entropy of the final top, bits", 2),
    "qd_score": ("QD score, cells rounded", 1),
    "qd_score_truncated": ("QD score, cells truncated towards zero", 1),
}
_MAPS = {"paper": "The paper's map", "default": "The library's scale-free default"}


def _label(function: str) -> str:
    return "rastrigin, target of 4-D" if function.endswith("target_4d") else function


def _rows(content: dict[str, Any], name: str, score: str) -> list[list[str]]:
    results, config = content["results"], content["config"]
    digits = _SCORES[score][1]
    rows = []
    for function in config["functions"]:
        row = [_label(function)]
        for temperature in config["temperatures"]:
            key = f"{temperature:g}"
            summary = results["cells"][name][function][key][score]
            text = f"{summary['mean']:.{digits}f}"
            known = results["reference"].get(score, {}).get(key, {}).get(function)
            if name == "paper" and known is not None:
                text += f" *({known:g})*"
            row.append(text)
        rows.append([*row, results["trends"][name][function][score]])
    return rows


def _header(content: dict[str, Any]) -> list[str]:
    return [
        "function",
        *(f"T {temperature:g}" for temperature in content["config"]["temperatures"]),
        "as T rises",
    ]


def terminal(content: dict[str, Any]) -> list[Table]:
    """Fitness and entropy of both maps."""
    shown = []
    for name, title in _MAPS.items():
        for score in ("fitness", "entropy", "qd_score"):
            rows = [[text.replace("*", "") for text in row] for row in _rows(content, name, score)]
            shown.append(tables.terminal(f"{title}: {_SCORES[score][0]}", _header(content), rows))
    return shown


def markdown(content: dict[str, Any]) -> str:
    """All tables of the study."""
    results, config = content["results"], content["config"]
    lines = [
        "# temperature: results\n\n",
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n",
        f"N = {config['population_size']}, {config['num_generations'] + 1} steps, means over "
        f"{config['repetitions']} runs; quality at T = 1 whatever the temperature of the "
        f"selection. In italics the reference: {results['reference']['source']}\n",
    ]
    for name, title in _MAPS.items():
        for score, (label, _) in _SCORES.items():
            lines.append(f"\n## {title} (noise {results['noise_scale'][name]:g}): {label}\n\n")
            lines.append(tables.markdown(_header(content), _rows(content, name, score)))
    return "".join(lines)


def draw(results: Results, config: Config, out: Path) -> Path:
    """Maps down, the three numbers across, a line for each function; crosses: the reference."""
    scores = ("fitness", "entropy", "qd_score")
    figure, axes = figures.grid(2, 3, 3.4, 2.7, sharex=True, sharey="col")
    for row, (name, title) in zip(axes, _MAPS.items(), strict=True):
        for axis, score in zip(row, scores, strict=True):
            for function, color in zip(config.functions, figures.COLORS, strict=False):
                summaries = [
                    results["cells"][name][function][f"{temperature:g}"][score]
                    for temperature in config.temperatures
                ]
                mean = [one["mean"] for one in summaries]
                figures.band(
                    axis,
                    config.temperatures,
                    mean,
                    [one["mean"] - one["sd"] for one in summaries],
                    [one["mean"] + one["sd"] for one in summaries],
                    _label(function),
                    color,
                )
                if name == "paper":
                    for key, known in results["reference"][score].items():
                        if function in known:
                            axis.plot(float(key), known[function], "x", color=color, markersize=8)
            axis.set_xscale("log")
            axis.set_xticks(
                config.temperatures, [f"{t:g}" for t in config.temperatures], fontsize=8
            )
            axis.minorticks_off()
            axis.set_ylabel(
                {"fitness": "mean quality g", "entropy": "entropy, bits", "qd_score": "QD score"}[
                    score
                ]
            )
            if name == "default":
                axis.set_xlabel("temperature")
        row[1].set_title(title)
    figures.legend_below(
        figure,
        [
            (_label(function), "-", color)
            for function, color in zip(config.functions, figures.COLORS, strict=False)
        ],
    )
    figure.suptitle("Final population, mean ± sd; crosses: read off the authors' figure")
    return figures.save(figure, out / "temperature.png")

"""Tables and the figure of the comparison of weightings."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, tables
from experiments.weighting.config import Config

Results = dict[str, Any]
VARIANTS = {"x0": "_x0", "final": ""}
# Okabe and Ito, and greys for what lost by far.
_COLORS = (*figures.COLORS, "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8")
_LABELS = {
    "paper": "the paper's map",
    "energy": "Boltzmann, tuned scale",
    "scale_free": "4 r + max(z, -4) (the default)",
    "scale_free_unbounded": "4 r + z",
    "scale_free_shared": "4 r + z, ties share weight",
    "rank": "6 r",
    "rank_shared": "6 r, ties share weight",
    "rank_in_order": "6 r, ties in order",
    "standardized": "standardised",
    "rank_power_1.5": "rank to the 1.5",
    "rank_power_law": "power law of the rank",
    "normal_scores": "normal scores",
    "median_scaled": "scaled by the median",
    "blend_5_0.5": "5 r + z / 2",
    "blend_4.5_0.75": "4.5 r + 3 z / 4",
}


def _name(cell: dict[str, Any]) -> str:
    return f"{cell['form']}, T {cell['temperature']:g}, noise {cell['noise_scale']:g}"


def _cell_rows(results: Results, variant: str) -> list[list[str]]:
    suffix = VARIANTS[variant]
    rows = []
    for cell in results["cells"]:
        margin = cell["margins"][variant]
        shown = [
            f"{one['entropy' + suffix]['mean']:.2f} ({one['fitness' + suffix]['mean']:.3f})"
            for one in cell["functions"].values()
        ]
        verdict = "yes" if margin["passes"] else "no"
        if cell is results["cells"][0]:
            verdict = "baseline"
        rows.append(
            [
                _name(cell),
                *shown,
                f"{margin['fitness']:+.3f}",
                f"{margin['entropy']:+.2f}",
                verdict,
            ]
        )
    return rows


def _header(results: Results) -> list[str]:
    functions = list(results["cells"][0]["functions"])
    return ["weighting", *functions, "worst fitness gain", "worst entropy gain", "passes"]


def _default_rows(results: Results) -> list[list[str]]:
    rows = []
    for function, scores in results["default"].items():
        for variant, suffix in VARIANTS.items():
            row = [function, variant]
            for key, digits in (("fitness", 3), ("entropy", 2)):
                one = scores[key + suffix]
                gain = one["gain"]
                row += [
                    f"{one['paper']['mean']:.{digits}f} ± {one['paper']['sd']:.{digits}f}",
                    f"{one['default']['mean']:.{digits}f} ± {one['default']['sd']:.{digits}f}",
                    f"{gain['difference']:+.{digits}f} "
                    f"[{gain['low']:+.{digits}f}, {gain['high']:+.{digits}f}]",
                ]
            rows.append(row)
    return rows


_DEFAULT_HEADER = [
    "function",
    "statistic",
    "fitness, paper",
    "fitness, default",
    "gain [95 %]",
    "entropy, paper",
    "entropy, default",
    "gain [95 %]",
]


def _invariance_rows(results: Results) -> list[list[str]]:
    """One row for each form and transformation: means over the functions."""
    grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in results["invariance"]:
        name = f"{row['form']}, T {row['temperature']:g}, noise {row['noise_scale']:g}"
        grouped.setdefault((name, row["fitness_is"]), []).append(row)
    return [
        [
            name,
            transform,
            *(f"{row['entropy_x0']:.2f} ({row['fitness_x0']:.3f})" for row in rows),
            f"{100 * sum(row['identical_runs'] for row in rows) / len(rows):.0f} %",
        ]
        for (name, transform), rows in grouped.items()
    ]


def _invariance_header(results: Results) -> list[str]:
    functions = list(dict.fromkeys(row["function"] for row in results["invariance"]))
    return ["weighting", "fitness is", *functions, "runs identical to the bit"]


def terminal(content: dict[str, Any]) -> list[Table]:
    """The default against the paper's map, all settings that pass, the invariance."""
    results = content["results"]
    passing = [
        row
        for row, cell in zip(_cell_rows(results, "x0"), results["cells"], strict=True)
        if cell["margins"]["x0"]["passes"]
    ]
    return [
        tables.terminal(
            "The default's gain over the paper's map [95 %], statistic x0",
            ["function", "fitness", "entropy, bits"],
            [[row[0], row[4], row[7]] for row in _default_rows(results) if row[1] == "x0"],
        ),
        tables.terminal(
            f"Settings that pass, of {len(results['cells'])}, statistic x0",
            ["weighting", "worst fitness gain", "worst entropy gain", "passes"],
            [[row[0], *row[-3:]] for row in passing],
        ),
        tables.terminal(
            "The same seeds on f, 1000 f, f + 10",
            ["weighting", "fitness is", "runs identical to the bit"],
            [[row[0], row[1], row[-1]] for row in _invariance_rows(results)],
        ),
    ]


def markdown(content: dict[str, Any]) -> str:
    """All tables of the study."""
    results, config = content["results"], content["config"]
    lines = [
        "# weighting: results\n\n",
        f"`{content['provenance']['command']}`, {content['provenance']['date']}, "
        f"{content['seconds']:.0f} s. Written by the run; do not edit.\n\n",
        f"Entropy in bits (mean quality g) of the top {config['top']}, means over "
        f"{config['repetitions']} runs. Statistic x0: ranked and judged by the estimated origins, "
        "as in the authors' table; final: by the final population itself. The rule: worst fitness "
        f"gain >= 0 and worst entropy gain >= -{config['max_entropy_loss']:g}.\n\n",
        "## The default against the paper's map\n\n",
        tables.markdown(_DEFAULT_HEADER, _default_rows(results)),
        "\n## The forms\n\n",
        tables.markdown(
            ["form", "log g", "knows of the function"],
            [[name, one["formula"], one["knows"]] for name, one in results["forms"].items()],
        ),
    ]
    for variant in VARIANTS:
        lines.append(f"\n## All settings, statistic {variant}\n\n")
        lines.append(tables.markdown(_header(results), _cell_rows(results, variant)))
    lines.append("\n## The same seeds on f, 1000 f, f + 10 (statistic x0)\n\n")
    lines.append(tables.markdown(_invariance_header(results), _invariance_rows(results)))
    return "".join(lines)


def draw(results: Results, config: Config, out: Path) -> Path:
    """Worst gain in entropy against worst gain in fitness; the rule is the upper right corner."""
    figure, axes = figures.grid(1, 2, 4.6, 4.0)
    forms = list(dict.fromkeys(cell["form"] for cell in results["cells"]))
    markers = "osD^vP*X<>phd"
    for axis, (variant, title) in zip(
        axes[0],
        {
            "x0": "Estimated origins (statistic of table 1)",
            "final": "Final population",
        }.items(),
        strict=True,
    ):
        for form, marker in zip(forms, markers, strict=False):
            cells = [cell for cell in results["cells"] if cell["form"] == form]
            color = _COLORS[forms.index(form) % len(_COLORS)]
            x = [cell["margins"][variant]["entropy"] for cell in cells]
            y = [cell["margins"][variant]["fitness"] for cell in cells]
            axis.plot(
                x,
                y,
                marker,
                color=color,
                markersize=6,
                alpha=0.8,
                markeredgewidth=0,
                label=_LABELS[form],
            )
        chosen = next(
            cell["margins"][variant]
            for cell in results["cells"]
            if (cell["form"], cell["temperature"], cell["noise_scale"])
            == (config.default_form, 1.0, config.default_noise_scale)
        )
        axis.plot(
            chosen["entropy"],
            chosen["fitness"],
            "o",
            markersize=13,
            markerfacecolor="none",
            markeredgecolor="black",
            label="the library's default",
        )
        # What loses by more than this is in the table.
        axis.set_xlim(max(-0.75, axis.get_xlim()[0]), max(0.1, axis.get_xlim()[1]))
        axis.set_ylim(max(-0.1, axis.get_ylim()[0]), max(0.05, axis.get_ylim()[1]))
        right, top = axis.get_xlim()[1], axis.get_ylim()[1]
        axis.fill_between(
            [-config.max_entropy_loss, right], 0, top, color="#009E73", alpha=0.12, linewidth=0
        )
        axis.set(
            title=title,
            xlabel="smallest entropy gain over the functions, bits",
            ylabel="smallest fitness gain over the functions",
        )
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    figure.suptitle("Every setting against the paper's map; in the green corner the rule holds")
    return figures.save(figure, out / "weighting.png")

"""Tables and the figure of the study."""

from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.common import figures, tables
from experiments.common.tables import interval
from experiments.lc_snn.config import Config

Results = dict[str, Any]
_TITLES = {"digits": "Digits", "fashion": "Fashion-MNIST"}
_NAMES = {"local": "locally connected", "dense": "dense"}

# MNIST, arXiv 1904.06269's code: filters to accuracy, 9 locations; deletion by tenths.
_MNIST = {25: 84.01, 50: 88.21, 100: 91.68, 250: 93.71, 500: 94.59, 1000: 95.07}
# BindsNET (0.3.4) keeps the sums of weights whether it learns or not.
_MNIST_DELETED = {
    "synapses": {
        "local": (93.38, 92.45, 91.29, 89.96, 88.41, 86.51, 83.04, 77.57, 69.74, 56.09),
        "dense": (93.46, 91.73, 89.88, 87.62, 85.47, 82.49, 78.33, 72.21, 63.17, 48.77),
    },
    "neurons": {
        "local": (93.42, 93.12, 92.92, 92.66, 92.06, 91.59, 90.61, 88.69, 85.35, 77.04),
        "dense": (93.44, 92.98, 92.43, 91.94, 91.1, 89.79, 88.08, 84.74, 79.27, 66.77),
    },
}


def _theirs(what: str) -> dict[str, tuple[float, ...]]:
    return _MNIST_DELETED[what.split(",")[0]]


def _lost(what: str) -> str:
    """Title of what is lost: "synapses lost, sums kept"."""
    first, *rest = what.split(",")
    return ",".join([f"{first} lost", *rest])


def _all(content: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, header, rows) of every table."""
    config, found = content["config"], content["results"]
    votes = [
        name
        for name in next(iter(found["ladder"]["digits"]["local"].values()))
        if name not in ("spikes", "neurons", "synapses")
    ]
    shown = []
    for dataset, kinds in found["ladder"].items():
        rows = [
            [
                f"{_NAMES[kind]}, {filters} filters",
                f"{row['neurons']:,}",
                f"{row['synapses']:,}",
                interval(row[config["vote"]], 1),
                *(f"{row[vote]['mean']:.1f} ± {row[vote]['sd']:.1f}" for vote in votes),
                f"{row['spikes']['mean']:.1f}",
            ]
            for kind, sizes in kinds.items()
            for filters, row in sizes.items()
        ]
        heading = ["network", "neurons", "synapses", f"{config['vote']}, median", *votes, "spikes"]
        shown.append((f"{_TITLES[dataset]}: accuracy, %", heading, rows))
    for dataset, whats in found["deleted"].items():
        for what, kinds in whats.items():
            rows = []
            for share in config["deleted"]:
                row = [f"{share:.0%}"]
                for kind, shares in kinds.items():
                    theirs = _theirs(what)[kind][round(10 * share)]
                    row += [interval(shares[str(share)], 1), f"{theirs:.1f}"]
                rows.append(row)
            heading = ["lost"]
            for kind in kinds:
                heading += [_NAMES[kind], "the paper's, MNIST"]
            title = f"{_TITLES[dataset]}, largest networks, {_lost(what)}: accuracy, %"
            shown.append((title, heading, rows))
    return shown


def terminal(content: Results) -> list[Table]:
    """All numbers."""
    return [tables.terminal(*table) for table in _all(content)]


def markdown(content: Results) -> str:
    """The tables of the study."""
    config = content["config"]
    prose = (
        f"Medians with 95 % bootstrap intervals, means ± standard deviations; "
        f"{config['repetitions']} seeds on the digits. Spikes: of the layer, an image."
    )
    return tables.document(content, prose, _all(content))


def draw(found: Results, config: Config, path: Path) -> Path:
    """Accuracy over neurons, and over what is deleted; a row a set of images."""
    figure, axes = figures.grid(len(found["ladder"]), 4, 3.2, 3.0)
    for row, (dataset, kinds) in zip(axes, found["ladder"].items(), strict=True):
        for (kind, sizes), color in zip(kinds.items(), figures.COLORS, strict=False):
            rows = [size[config.vote] for size in sizes.values()]
            x = [size["neurons"] for size in sizes.values()]
            figures.intervals(row[0], x, rows, _NAMES[kind], color)
        row[0].set(title=_TITLES[dataset], xlabel="neurons", ylabel="accuracy, %", xscale="log")
        for axis, (what, kinds) in zip(row[1:], found["deleted"][dataset].items(), strict=True):
            for (kind, shares), color in zip(kinds.items(), figures.COLORS, strict=False):
                x = [float(share) for share in shares]
                figures.intervals(axis, x, shares.values(), _NAMES[kind], color)
                theirs = _theirs(what)[kind]
                axis.plot([i / 10 for i in range(10)], theirs, ":", color=color)
            axis.set(title=_lost(what), xlabel="share (dotted: the paper's, MNIST)")
    axes[0][0].legend(fontsize=7)
    return figures.save(figure, path)

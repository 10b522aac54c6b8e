"""A page about a run: one HTML file with interactive plots that needs nothing else.

The one file that imports plotly. It reads what `diffevo.records` writes, also while it is written.
"""

import html
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

try:
    import plotly.graph_objects as go
    import plotly.offline
except ImportError as error:
    raise ImportError(
        "report: needs plotly and pyarrow: pip install 'diffevo-jax[report]'"
    ) from error

from diffevo import evaluations, records

# What a browser moves about with ease.
_MOST_POINTS, _MOST_GENERATIONS, _MOST_MEMBERS = 2000, 40, 400
_MOST_LINES, _MOST_AXES, _MOST_ROWS = 1000, 12, 100
_FITNESS = ("best_fitness", "best_fitness_in_generation", "mean_fitness")
_NO_PLOTS = ("generation", "nfev", "seconds", "num_failed", *_FITNESS)

_STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 66rem; padding: 0 1rem;
  color: #1b1b1b; background: #fff; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem .15rem 0; text-align: left;
  vertical-align: top; } th { border-bottom: 1px solid #999; }
td { font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
.note { color: #555; }
"""


def page(directory: Path) -> str:
    """The report of a run.

    Args:
        directory: a run directory; the run may be under way, or have been killed.

    Returns:
        HTML, complete with the program that draws the plots.

    Raises:
        ValueError: there is no run, or it has not come to its first generation.
    """
    config, metrics = records.read_config(directory), records.read_metrics(directory)
    if not metrics:
        raise ValueError(f"run_dir: expected a generation in {directory}, got none yet")
    result = records.read_result(directory)
    table = None
    if (directory / "evaluations").is_dir():
        table = evaluations.read(directory / "evaluations")
    space = config["search"]["space"]
    modes = (result or {}).get("modes")
    sections = [
        ("Convergence", _convergence(metrics)),
        ("Spread", _spread(metrics)),
        ("Population", _population(table, space, modes)),
        ("Modes", _modes(modes, result)),
        ("Parallel coordinates", _parallel(table, space, config["search"]["maximize"])),
        ("Failures", _failures(metrics, result)),
        ("Configuration", _table([], _flat(config))),
    ]
    body = "\n".join(
        f'<section id="{_id(title)}"><h2>{title}</h2>\n{content}</section>'
        for title, content in sections
    )
    name = html.escape(config["command"]["task"] if config["command"] else str(config["fun"]))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name} · diffevo</title><style>{_STYLE}</style>"
        f"<script>{plotly.offline.get_plotlyjs()}</script></head>\n<body>"
        f"<h1>{name}</h1>\n{_summary(config, metrics, result)}\n{body}\n</body></html>\n"
    )


def _flat(value: Any, name: str = "") -> list[list[str]]:
    """A configuration as rows (name, value)."""
    if isinstance(value, dict) and value:
        return [row for key, one in value.items() for row in _flat(one, f"{name}.{key}".strip("."))]
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return [row for i, one in enumerate(value) for row in _flat(one, f"{name}[{i}]")]
    return [[name, json.dumps(value)[:300]]]


def _id(title: str) -> str:
    return title.lower().replace(" ", "-")


def _summary(config: dict[str, Any], metrics: dict[str, Any], result: dict[str, Any] | None) -> str:
    seconds, nfev = metrics["seconds"][-1], int(metrics["nfev"][-1])
    search = config["search"]
    rows = {
        "best": _text(metrics["best_fitness"][-1]),
        "direction": "maximize" if search["maximize"] else "minimize",
        "algorithm": f"{search['algorithm']['name']}, population {search['population_size']}",
        "effort": f"{nfev:,} evaluations in {len(metrics['nfev']):,} generations, "
        f"{seconds:,.1f} s" + (f", {nfev / seconds:,.0f} a second" if seconds else ""),
        "end": result["message"] if result else "Under way, or killed.",
    }
    if result:
        rows["x"] = json.dumps(result["x"])[:1000]
    return _table([], [[name, text] for name, text in rows.items()])


def _table(head: list[str], rows: list[list[Any]]) -> str:
    def row(cells: list[Any], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(c))}</{tag}>" for c in cells) + "</tr>"

    lines = [row(head, "th")] if head else []
    return (
        '<div class="wide"><table>'
        + "\n".join(lines + [row(r, "td") for r in rows])
        + "</table></div>"
    )


def _text(value: Any) -> str:
    """A number as a human reads it; lists and text as they are."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return str(value)


def _plot(figure: go.Figure, name: str, **layout: Any) -> str:
    base = {"template": "plotly_white", "height": 460, "margin": {"t": 60, "r": 20}}
    figure.update_layout(base | layout)
    return figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        auto_play=False,
        div_id=f"plot-{name}",
        config={"responsive": True},
    )


def _thin(length: int, most: int) -> np.ndarray:
    """Indices of at most so many, evenly spaced, with both ends."""
    return np.unique(np.linspace(0, length - 1, min(length, most)).round().astype(int))


def _plain(values: Any) -> list[Any]:
    """Numbers as JSON has them: what is not finite is left out of a plot."""
    return [value if math.isfinite(value) else None for value in np.asarray(values).tolist()]


def _convergence(metrics: dict[str, np.ndarray]) -> str:
    kept = _thin(len(metrics["nfev"]), _MOST_POINTS)
    figure = go.Figure()
    for name in _FITNESS:
        figure.add_scatter(
            x=metrics["nfev"][kept].tolist(),
            y=_plain(metrics[name][kept]),
            name=name.replace("_", " "),
            mode="lines",
        )
    scales = [
        {"label": kind, "method": "relayout", "args": [{"yaxis.type": kind}]}
        for kind in ("linear", "log")
    ]
    menu = {"type": "buttons", "direction": "right", "x": 0, "xanchor": "left", "y": 1.14}
    return _plot(
        figure,
        "convergence",
        xaxis_title="evaluations",
        yaxis_title="fitness",
        updatemenus=[menu | {"buttons": scales}],
    )


def _spread(metrics: dict[str, np.ndarray]) -> str:
    """Diversity, and every other metric of the algorithm's at choice."""
    names = ["diversity", *sorted(metrics.keys() - {"diversity", *_NO_PLOTS})]
    names = [name for name in names if name in metrics]
    kept = _thin(len(metrics["nfev"]), _MOST_POINTS)
    figure = go.Figure()
    for name in names:
        figure.add_scatter(
            x=metrics["generation"][kept].tolist(),
            y=_plain(metrics[name][kept]),
            name=name,
            mode="lines",
            visible=name == names[0],
        )
    choices = [
        {
            "label": name.replace("_", " "),
            "method": "update",
            "args": [{"visible": [one == name for one in names]}],
        }
        for name in names
    ]
    menu = {"buttons": choices, "x": 0, "xanchor": "left", "y": 1.15}
    return _plot(
        figure, "spread", xaxis_title="generation", updatemenus=[menu] if len(names) > 1 else []
    )


def _coordinates(columns: dict[str, list[Any]], space: dict[str, Any]) -> dict[str, np.ndarray]:
    """Solutions as named columns of numbers.

    Logarithms where these are searched; 0 and 1 for whether a category is taken.
    """
    found: dict[str, np.ndarray] = {}
    for name, leaf in space.items():
        values = columns[name if name in columns else f"x.{name}"]
        rows = np.asarray(values, object).reshape(len(values), -1)
        for place in range(rows.shape[1]):
            label = f"{name}[{place}]" if leaf["shape"] else name
            if leaf["kind"] == "choice":
                for category in leaf["categories"]:
                    taken = [str(one) == str(category) for one in rows[:, place]]
                    found[f"{label} = {category}"] = np.array(taken, float)
            else:
                numbers = rows[:, place].astype(float)
                found[f"log10 {label}" if leaf["log"] else label] = (
                    np.log10(numbers) if leaf["log"] else numbers
                )
    return found


def _population(table: Any, space: dict[str, Any], modes: list[Any] | None) -> str:
    if table is None:
        return _note("No evaluations are recorded.")
    generation = table["generation"].to_numpy()
    numbers = np.unique(generation)
    shown = numbers[_thin(len(numbers), _MOST_GENERATIONS)]
    rows = np.concatenate(
        [np.flatnonzero(generation == number)[:_MOST_MEMBERS] for number in shown]
    )
    part = table.take(rows)
    columns = _coordinates(part.to_pydict(), space)
    generation, fitness = generation[rows], part["fitness"].to_numpy()
    labels, points, project = _plane(columns)
    finite = fitness[np.isfinite(fitness)]
    low, middle, high = np.percentile(finite, [2, 50, 98]) if len(finite) else (0.0, 0.5, 1.0)

    def scatter(number: Any) -> go.Scatter:
        now = generation == number
        return go.Scatter(
            x=_plain(points[now, 0]),
            y=_plain(points[now, 1]),
            mode="markers",
            name="population",
            text=[_text(float(value)) for value in fitness[now]],
            hovertemplate="%{x:.4g}, %{y:.4g}: %{text}<extra></extra>",
            marker={
                # What failed has another shape, and the colour of the middle.
                "color": np.where(np.isfinite(fitness), fitness, middle)[now].tolist(),
                "symbol": np.where(np.isnan(fitness), "circle-x-open", "circle")[now].tolist(),
                "cmin": float(low),
                "cmax": float(high),
                "colorscale": "Viridis",
                "colorbar": {"title": {"text": "fitness"}},
                "size": 7,
                "line": {"width": 0.5, "color": "#444"},
            },
        )

    data: list[Any] = [scatter(shown[0])]
    if modes:
        best = modes[:_MOST_ROWS]
        mode_columns = {name: [mode["x"][name] for mode in best] for name in space}
        places = project(_coordinates(mode_columns, space))
        data.append(
            go.Scatter(
                x=_plain(places[:, 0]),
                y=_plain(places[:, 1]),
                mode="markers",
                name="modes",
                marker={"symbol": "x-thin", "size": 11, "line": {"width": 2, "color": "#d62728"}},
            )
        )
    frames = [go.Frame(name=str(n), data=[scatter(n)], traces=[0]) for n in shown.tolist()]
    steps = [
        {
            "label": frame.name,
            "method": "animate",
            "args": [[frame.name], {"mode": "immediate", **_at_once(0)}],
        }
        for frame in frames
    ]
    play = {
        "label": "play",
        "method": "animate",
        "args": [None, {"fromcurrent": True, **_at_once(150)}],
    }
    figure = go.Figure(data=data, frames=frames)
    ranges = [[float(np.nanmin(points[:, i])), float(np.nanmax(points[:, i]))] for i in range(2)]
    margin = [0.04 * ((high - low) or 1.0) for low, high in ranges]
    plot = _plot(
        figure,
        "population",
        xaxis={"title": labels[0], "range": [ranges[0][0] - margin[0], ranges[0][1] + margin[0]]},
        yaxis={"title": labels[1], "range": [ranges[1][0] - margin[1], ranges[1][1] + margin[1]]},
        sliders=[{"currentvalue": {"prefix": "generation "}, "steps": steps, "pad": {"t": 50}}],
        updatemenus=[{"type": "buttons", "x": 0, "xanchor": "left", "y": 1.12, "buttons": [play]}],
        showlegend=False,
        height=680,
    )
    return plot + _note(
        f"{len(shown)} of {len(numbers):,} generations, at most {_MOST_MEMBERS} members of each."
    )


def _at_once(milliseconds: int) -> dict[str, Any]:
    """How long a frame stays; it comes at once, as plotly cannot morph one symbol into another."""
    return {
        "frame": {"duration": milliseconds, "redraw": True},
        "transition": {"duration": 0},
    }


def _plane(columns: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray, Any]:
    """(names of two axes, points (n, 2), how others get there).

    The axes are the two coordinates, or the two directions in which the population varies most,
    each coordinate in units of its spread.
    """
    names = list(columns)
    matrix = np.stack(list(columns.values()), axis=1)
    if len(names) == 1:
        matrix, names = np.concatenate([matrix, 0 * matrix], axis=1), [*names, ""]

        def project_one(others: dict[str, np.ndarray]) -> np.ndarray:
            column = np.stack(list(others.values()), axis=1)
            return np.concatenate([column, 0 * column], axis=1)

        return names, matrix, project_one
    if len(names) == 2:
        return names, matrix, lambda others: np.stack(list(others.values()), axis=1)
    center, spread = matrix.mean(axis=0), matrix.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    standard = (matrix - center) / spread
    _, sizes, directions = np.linalg.svd(standard, full_matrices=False)
    shares = 100 * sizes**2 / max(np.sum(sizes**2), 1e-300)
    labels = [f"principal component {i + 1} ({shares[i]:.0f} % of the variance)" for i in (0, 1)]

    def project(others: dict[str, np.ndarray]) -> np.ndarray:
        given = np.stack([others[name] for name in names], axis=1)
        return (given - center) / spread @ directions[:2].T

    return labels, standard @ directions[:2].T, project


def _modes(modes: list[Any] | None, result: dict[str, Any] | None) -> str:
    if result is None:
        return _note("Known when the run has ended by itself.")
    if modes is None:
        return _note("The algorithm keeps no account of them.")
    if not modes:
        return _note("None was found.")
    names = list(modes[0]["x"])
    rows = [
        [place + 1, _text(mode["fun"]), f"{mode['nfev']:,}"]
        + [_text(mode["x"][name])[:200] for name in names]
        for place, mode in enumerate(modes[:_MOST_ROWS])
    ]
    more = f"The first {_MOST_ROWS} of {len(modes):,}." if len(modes) > _MOST_ROWS else ""
    return _table(["", "fitness", "found after", *names], rows) + _note(more)


def _parallel(table: Any, space: dict[str, Any], maximize: bool) -> str:
    if table is None:
        return _note("No evaluations are recorded.")
    fitness = table["fitness"].to_numpy()
    finite = np.flatnonzero(np.isfinite(fitness))
    if not len(finite):
        return _note("No evaluation gave a finite number.")
    order = finite[np.argsort(fitness[finite], kind="stable")]
    order = order[::-1] if maximize else order
    half = _MOST_LINES // 2
    # The best ones, and of the others some from all over, which give the contrast.
    rest = order[half:]
    rows = np.concatenate([order[:half], rest[_thin(len(rest), half)] if len(rest) else rest])
    part = table.take(rows)
    columns = _coordinates(part.to_pydict(), space)
    names = list(columns)[:_MOST_AXES]
    values = part["fitness"].to_numpy()
    figure = go.Figure(
        go.Parcoords(
            line={
                "color": _plain(values),
                "colorscale": "Viridis",
                "cmin": float(values.min()),
                "cmax": float(np.percentile(values, 90)),
                "showscale": True,
            },
            dimensions=[{"label": name, "values": _plain(columns[name])} for name in names]
            + [{"label": "fitness", "values": _plain(values)}],
        )
    )
    more = f" {len(columns) - len(names)} more coordinates are left out." * (
        len(columns) > len(names)
    )
    return _plot(figure, "parallel") + _note(
        f"The best {min(half, len(order))} of {len(finite):,} evaluations, and others from all "
        f"over for contrast. Drag along an axis to select, drag its name to move it.{more}"
    )


def _failures(metrics: dict[str, np.ndarray], result: dict[str, Any] | None) -> str:
    failed = metrics["num_failed"]
    if not failed.sum():
        return _note("No evaluation has failed.")
    kept = _thin(len(failed), _MOST_POINTS)
    figure = go.Figure(
        go.Bar(x=metrics["generation"][kept].tolist(), y=failed[kept].astype(int).tolist())
    )
    plot = _plot(figure, "failures", xaxis_title="generation", yaxis_title="failed evaluations")
    known = (result or {}).get("failures") or []
    rows = [
        [one["generation"], one["member"], one["reason"][:300], json.dumps(one["x"])[:300]]
        for one in known[:_MOST_ROWS]
    ]
    total = _note(f"{int(failed.sum()):,} evaluations have failed.")
    return plot + total + (_table(["generation", "member", "reason", "x"], rows) if rows else "")


def _note(text: str) -> str:
    return f'<p class="note">{html.escape(text)}</p>' if text else ""

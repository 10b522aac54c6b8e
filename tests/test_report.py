"""The report: a page that parses, needs nothing else, and has the numbers of the run."""

import html.parser
import json
import math
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

import diffevo
from diffevo import Choice, Integer, Real, SearchSpace, cli, evaluations, records
from tests.evaluators import functions

pytest.importorskip("plotly")

from diffevo import report

SPACE = SearchSpace(
    {
        "rate": Real(1e-5, 1e-1, log=True),
        "layers": Integer(1, 8),
        "kind": Choice(["relu", "<tanh>"]),
        "mix": Real(0.0, 1.0, shape=(2,)),
    }
)
OPTIONS = {"budget": 160, "population_size": 16, "algorithm": "diffusion_evolution"}


def train(x):
    if x["layers"] == 8:
        raise OSError("no licence left")
    return abs(math.log10(x["rate"]) + 3) + abs(x["layers"] - 3) + (x["kind"] == "relu")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    with pytest.warns(RuntimeWarning, match="no licence left"):
        result = diffevo.minimize(train, space=SPACE, run_dir=folder, **OPTIONS)
    return folder, result


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    box = ([-4.0, -4.0], [4.0, 4.0])
    return folder, diffevo.minimize(functions.sphere, box, run_dir=folder, **OPTIONS)


class Page(html.parser.HTMLParser):
    """What is in a page: open tags, links to elsewhere, text by section."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.text, self.section = [], [], {}, "top"
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.links += [v for k, v in attributes if k in ("src", "href") and v]
        if tag == "section":
            self.section = values["id"]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "script" not in self.open and "style" not in self.open:
            self.text[self.section] = self.text.get(self.section, "") + f" {data}"


def figures(text):
    """What is drawn in each plot: its traces, as Python has them."""
    found = {}
    for match in re.finditer(r'Plotly\.newPlot\(\s*"plot-(\w+)",\s*', text):
        found[match[1]] = json.JSONDecoder().raw_decode(text, match.end())[0]
    return found


def test_it_is_a_page_that_needs_nothing_else(mixed):
    text = report.page(mixed[0])
    page = Page(text)
    assert page.open == []
    assert page.links == []
    assert "plotly.js v" in text
    assert list(page.text)[1:] == [
        "convergence",
        "spread",
        "population",
        "modes",
        "parallel-coordinates",
        "failures",
        "configuration",
    ]


def test_it_has_the_numbers_of_the_run(mixed):
    folder, result = mixed
    text = report.page(folder)
    drawn, page = figures(text), Page(text)
    best = next(trace for trace in drawn["convergence"] if trace["name"] == "best fitness")
    np.testing.assert_array_equal(best["y"], result.history["best_fitness"])
    np.testing.assert_array_equal(best["x"], 16 * np.arange(1, 11))
    np.testing.assert_array_equal(drawn["spread"][0]["y"], result.history["diversity"])
    np.testing.assert_array_equal(drawn["failures"][0]["y"], result.history["num_failed"])
    assert len(drawn["population"][0]["x"]) == 16
    axes = {axis["label"] for axis in drawn["parallel"][0]["dimensions"]}
    assert axes == {
        *("kind = relu", "kind = <tanh>", "layers", "log10 rate", "mix[0]", "mix[1]", "fitness")
    }
    assert f"{result.fun:.6g}" in page.text["top"]
    assert "OSError: no licence left" in page.text["failures"]
    assert "DiffusionEvolution" in page.text["configuration"]
    assert "keeps no account" in page.text["modes"]
    assert "<tanh>" not in text.replace('"kind = <tanh>"', "")


def test_two_coordinates_are_drawn_as_they_are_and_modes_listed(plain, tmp_path):
    folder = shutil.copytree(plain[0], tmp_path / "run")
    found = records.read_result(folder)
    found["modes"] = [{"fun": 1.5, "nfev": 7, "x": {"x": [0.25, -1.0]}}] * 101
    (folder / "result.json").write_text(json.dumps(found))
    text = report.page(folder)
    table = evaluations.read(folder / "evaluations").to_pydict()
    population, modes = figures(text)["population"]
    np.testing.assert_array_equal(
        np.stack([population["x"], population["y"]], axis=1), table["x"][:16]
    )
    assert (modes["x"][0], modes["y"][0]) == (0.25, -1.0)
    words = Page(text).text["modes"]
    assert "[0.25, -1]" in words
    assert "The first 100 of 101." in words
    assert "No evaluation has failed." in Page(text).text["failures"]


def test_of_a_run_that_was_killed_or_recorded_no_evaluations(plain, tmp_path):
    folder = shutil.copytree(plain[0], tmp_path / "run")
    (folder / "result.json").unlink()
    shutil.rmtree(folder / "evaluations")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"generation": 10, "nf')
    words = Page(report.page(folder)).text
    assert "Under way, or killed." in words["top"]
    assert "No evaluations are recorded." in words["population"]
    (folder / "metrics.jsonl").write_text("")
    with pytest.raises(ValueError, match="got none yet"):
        report.page(folder)


def test_what_is_not_finite_is_left_out(tmp_path):
    diffevo.minimize(
        lambda x: math.inf if x[0] < 0 else math.nan,
        ([-4.0], [4.0]),
        evaluator="serial",
        run_dir=tmp_path,
        **OPTIONS,
    )
    text = report.page(tmp_path)
    assert "No evaluation gave a finite number." in text
    assert set(figures(text)["convergence"][0]["y"]) == {None}


def test_the_command(plain, tmp_path, capsys):
    folder = shutil.copytree(plain[0], tmp_path / "run")
    assert cli.main(["report", str(folder)]) == 0
    assert (folder / "report.html").stat().st_size > 1e6
    assert cli.main(["report", str(folder), "--out", str(tmp_path / "no" / "page.html")]) == 2
    assert "--out" in capsys.readouterr().err


def chromium():
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.mark.slow
@pytest.mark.skipif(not chromium(), reason="needs Chromium: on PATH, or its path in CHROMIUM")
def test_a_browser_draws_every_plot(mixed, tmp_path):
    path = tmp_path / "report.html"
    # The page says into its own title what became of the plots.
    script = """<script>window.onload = () => setTimeout(() => { document.title = "drawn " +
      [...document.querySelectorAll(".plotly-graph-div")].map(
        d => d.id + ":" + d.data.length + ":" + d.querySelectorAll("svg.main-svg").length).join(" ")
      + " errors:" + errors }, 1000); let errors = 0; window.onerror = () => errors++;</script>"""
    path.write_text(report.page(mixed[0]).replace("</style>", f"</style>{script}"))
    done = subprocess.run(
        [
            *(chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
            # Nothing but the page is to be fetched.
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            f"--user-data-dir={tmp_path / 'profile'}",
            *("--virtual-time-budget=20000", "--dump-dom", path.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    title = re.search(r"<title>(drawn [^<]*)", done.stdout)
    assert title, done.stderr[-2000:]
    assert title[1].endswith("errors:0")
    plots = dict.fromkeys(("convergence", "spread", "population", "parallel", "failures"))
    for name in plots:
        assert re.search(rf"plot-{name}:\d+:[1-9]", title[1])

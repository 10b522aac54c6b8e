"""Searches in processes that are killed: a server that imports JAX once and forks for each search.

``python -m tests.killed`` reads lines "KIND FOLDER" and says "PID n" when a search is forked,
"READY" when it has begun (or goes on), and "ENDED code" when its process is over. The result is in
FOLDER/outcome.npz, and FOLDER/calls.txt has a line for every call of a plain Python function.
"""

import contextlib
import dataclasses
import importlib
import itertools
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import traceback

import numpy as np

import diffevo
from diffevo import checkpoint, evaluations, records
from diffevo.denoiser.fit import Training

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOX = ([-4.0, -4.0], [4.0, 4.0])
SIZE = 8
KINDS = ("host", "compiled", "compiled-noisy", "noisy", "batch", "hades", "niching", "mixed")
# These are compiled, so that mid-run checkpoints are all that they go on from.
COMPILED = ("compiled", "compiled-noisy", "niching", "mixed")


def _announce():
    os.write(1, b"READY\n")


def search(kind, folder):
    """One of the searches, recorded in folder/run and begun or resumed there."""
    import jax
    import jax.numpy as jnp

    announced = []

    def announce():
        if not announced:
            announced.append(_announce())

    def plain(x):
        announce()
        with (folder / "calls.txt").open("a") as file:
            file.write(f"{x.tolist()}\n")
        time.sleep(0.002)
        if abs(x[0] * 1e4) % 1.0 < 0.1:
            raise OSError("no licence left")
        return float(np.sum((x - 1.0) ** 2))

    def batch(xs):
        announce()
        time.sleep(0.01)
        return np.sum((xs - 1.0) ** 2, axis=1)

    def noisy(x, seed):
        return plain(x) + np.random.default_rng(seed).normal()

    def traced(x):
        return jnp.sum((x - 1.0) ** 2)

    def traced_mixed(x):
        return (x["x"] - 1.0) ** 2 + (x["n"] + 3) ** 2 + (x["c"] != 1)

    def traced_noisy(x, key):
        return traced(x) + jax.random.normal(key)

    def callback(info):
        # After the first generation the loop is compiled.
        if kind in COMPILED and info["generation"] > 0:
            announce()
            time.sleep(0.01)

    # Not with the module: arrays start JAX's threads, which a fork does not have.
    mixed = diffevo.SearchSpace(
        {"c": diffevo.Choice([0, 1, 2]), "n": diffevo.Integer(-9, 9), "x": diffevo.Real(-4.0, 4.0)}
    )
    options = {"budget": 24 * SIZE, "population_size": SIZE, "algorithm": "diffusion_evolution"}
    if kind in ("compiled", "compiled-noisy"):
        options["budget"] = 200 * SIZE
    if kind in ("niching", "mixed"):
        options = {"budget": 200 * SIZE, "population_size": SIZE}
    if kind == "hades":
        training = Training(num_epochs=5, batch_size=16)
        solution = np.zeros(2, np.float32)
        options["algorithm"] = diffevo.HADES(SIZE, solution, training=training, num_steps=4)
    functions = {
        "batch": batch,
        "noisy": noisy,
        "compiled": traced,
        "compiled-noisy": traced_noisy,
        "niching": traced,
        "mixed": traced_mixed,
    }
    return diffevo.minimize(
        functions.get(kind, plain),
        None if kind == "mixed" else BOX,
        space=mixed if kind == "mixed" else None,
        seed=4,
        callback=callback,
        noisy="noisy" in kind,
        evaluator="auto" if kind in COMPILED else "serial",
        run_dir=folder / "run",
        resume=True,
        **options,
    )


def _run(kind, folder):
    # So many checkpoints that many a kill hits one.
    records._LEAST_SECONDS, records._TIMES = 0.1, 0
    folder.mkdir(exist_ok=True)
    result = search(kind, folder)
    arrays = {f"history.{name}": values for name, values in result.history.items()}
    failures = [(f.generation, f.member, f.reason, f.x.tolist()) for f in result.failures]
    modes = (
        {}
        if result.modes is None
        else {"modes.x": _flat(result.modes.x), "modes.fun": result.modes.fun}
    )
    np.savez(
        folder / "outcome.npz",
        x=_flat(result.x),
        fun=result.fun,
        nfev=result.nfev,
        population=_flat(result.population),
        fitness=result.fitness,
        failures=np.array(repr(failures)),
        stop_reason=np.array(result.stop_reason),
        **arrays,
        **modes,
    )


def _flat(solutions):
    """Its leaves, one after another."""
    import jax

    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(solutions)])


def _serve():
    # Every fork has it then, and writes checkpoints before it is killed.
    importlib.import_module("orbax.checkpoint")
    for line in sys.stdin:
        kind, folder = line.split()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _run(kind, pathlib.Path(folder))
                code = 0
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(code)
        print("PID", pid, flush=True)
        print("ENDED", os.waitpid(pid, 0)[1], flush=True)


class Server:
    """The other side: starts the server, and kills what it forks.

    Args:
        cache: folder for compilations; not that of the other tests, as its writers are killed.
    """

    def __init__(self, cache):
        from tests import compilation

        environment = os.environ | compilation.environment()
        self.seconds = 0.0
        environment |= {
            "JAX_PLATFORMS": "cpu",
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "PYTHONWARNINGS": "ignore",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.killed"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def run(self, kind, folder, kill_after=None, at="READY"):
        """Run a search; kill it so many seconds after something.

        That is "PID", it was forked, "READY", it has begun (or goes on), or "SAVING", it begins to
        write a checkpoint, if it comes to that.

        Returns whether it ended by itself; `seconds` is then how long that took once it had begun.
        """
        self._process.stdin.write(f"{kind} {folder}\n")
        self._process.stdin.flush()
        pid, began = None, 0.0
        while True:
            words = self._process.stdout.readline().split()
            if not words:
                raise RuntimeError("the server is gone")
            if words[0] == "PID":
                pid = int(words[1])
            if words[0] == "READY":
                began = time.monotonic()
            now = "READY" if at == "SAVING" else at
            if words[0] == now and kill_after is not None:
                if at == "SAVING":
                    _wait_for_checkpoint(pid, folder)
                time.sleep(kill_after)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if words[0] == "ENDED":
                code = int(words[1])
                if code not in (0, signal.SIGKILL):
                    raise RuntimeError(f"{kind} in {folder}: exit status {code}")
                self.seconds = time.monotonic() - began
                return code == 0


def _is_saving(folder):
    return any((folder / "run" / "checkpoints").glob("tmp-*"))


def _wait_for_checkpoint(pid, folder):
    """Until it begins to write one, or is over."""
    with contextlib.suppress(ProcessLookupError):
        while not _is_saving(folder):
            os.kill(pid, 0)
            time.sleep(0.002)


def outcome(folder):
    """What a search that has ended left behind: its result, metrics and evaluations."""
    with np.load(folder / "outcome.npz") as file:
        found = {name: file[name] for name in file}
    metrics = records.read_metrics(folder / "run")
    del metrics["seconds"]
    table = evaluations.read(folder / "run" / "evaluations").to_pydict()
    return found, metrics, table


def assert_equal(one, other):
    """Bit for bit."""
    for left, right in zip(one[:2], other[:2], strict=True):
        assert left.keys() == right.keys()
        for name in left:
            np.testing.assert_array_equal(left[name], right[name], err_msg=name)
    assert repr(one[2]) == repr(other[2])


@dataclasses.dataclass
class Tally:
    """What became of searches that were killed.

    Attributes:
        kills: how many hit a search.
        searches: that ended, each like the undisturbed one.
        hits: kills that hit a checkpoint half written.
        extra: most evaluations too many per kill, of one search.
        lost: evaluations of a generation that had been left behind.
    """

    kills: int = 0
    searches: int = 0
    hits: int = 0
    extra: float = 0.0
    lost: int = 0


def kill_often(server, kind, folder, num_kills, seed):
    """Kill searches at random moments until there were so many kills, and compare each with one
    that nobody disturbed, in all but the time that it took.

    The moments are spread over half the time of the undisturbed search, whatever that is here (it
    is run a second time: the first compiles); a fifth of them are within 0.1 s after a checkpoint
    has begun to be written.
    """
    moments, tally = random.Random(seed), Tally()
    for name in ("compiling", "straight"):
        server.run(kind, folder / name)
    straight, longest = outcome(folder / "straight"), server.seconds / 2
    while tally.kills < num_kills:
        place = folder / f"killed-{tally.searches}"
        killed_here = 0
        while True:
            (at,) = moments.choices(("PID", "READY", "SAVING"), (1, 7, 2))
            after = moments.uniform(0.0, 0.1 if at == "SAVING" else longest)
            if tally.kills >= num_kills:
                after = None
            if server.run(kind, place, after, at):
                break
            tally.kills, killed_here = tally.kills + 1, killed_here + 1
            tally.hits += _is_saving(place)
        assert_equal(outcome(place), straight)
        tally.searches += 1
        called = _calls(place)
        if killed_here and called:
            extra = (len(called) - int(straight[0]["nfev"])) / killed_here
            tally.extra = max(tally.extra, extra)
            # Members in the order in which they were evaluated first; candidates of a noisy
            # function come again and again.
            order = {
                x: number for number, x in enumerate(dict.fromkeys(_calls(folder / "straight")))
            }
            generations = [order[x] // SIZE for x in called]
            if kind != "noisy":
                tally.lost += sum(a > b for a, b in itertools.pairwise(generations))
    assert checkpoint.numbers(folder / "straight" / "run" / "checkpoints")
    return tally


def _calls(folder):
    """The solutions that a plain function was called with; none of the others."""
    path = folder / "calls.txt"
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    _serve()

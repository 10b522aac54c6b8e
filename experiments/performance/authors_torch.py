"""Times one generation of the authors' PyTorch package, in an environment of its own.

Its import name is ours too, so it cannot live in this project's environment:

    python3.11 -m venv /tmp/authors
    /tmp/authors/bin/pip install torch==2.13.0 diffevo==1.1.0 tqdm matplotlib
    /tmp/authors/bin/python experiments/performance/authors_torch.py OUT.json

The package builds an (N, N, D) array, so only cells where that fits into 4 GiB are run.
"""

import importlib
import json
import statistics
import sys
import time
from pathlib import Path

CELLS = ((512, 2, 20), (512, 58, 10), (512, 17410, 1), (4096, 2, 3), (4096, 256, 1), (16384, 32, 1))
LIMIT_BYTES = 4 * 2**30


def main(path: Path) -> None:
    """Time every cell that fits and write the medians as JSON."""
    # Not statements: neither module exists in the environment that checks this file's types.
    torch = importlib.import_module("torch")
    authors = importlib.import_module("diffevo")
    cells = []
    for num_members, num_dims, repetitions in CELLS:
        cell = {"population_size": num_members, "num_dims": num_dims}
        if 4 * num_members**2 * num_dims > LIMIT_BYTES:
            cells.append(cell | {"milliseconds": None, "why": "(N, N, D) array beyond 4 GiB"})
            continue
        torch.manual_seed(0)
        x = torch.randn(num_members, num_dims)
        taken = []
        for repetition in range(repetitions + 1):
            for _, alpha in authors.DDIMSchedulerCosine(num_step=4):
                start = time.perf_counter()
                fitness = torch.exp(-(x**2).mean(dim=1))
                x = authors.BayesianGenerator(x, fitness, alpha, density="uniform")(noise=1.0)
                if repetition:  # the first round warms up
                    taken.append(time.perf_counter() - start)
        cells.append(cell | {"milliseconds": 1e3 * statistics.median(taken)})
        print(cells[-1], flush=True)
    versions = {"torch": torch.__version__, "diffevo": "1.1.0", "python": sys.version.split()[0]}
    path.write_text(json.dumps({"versions": versions, "cells": cells}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

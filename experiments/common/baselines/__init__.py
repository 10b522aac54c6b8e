"""Other methods to compare with, behind one call: ``baseline.run(problem, keys, num_points)``.

```python
problem = Problem.of(task)                             # the task's fitness, in evaluation space
outcome = CMAES.fair(budget=12_800).run(problem, keys, num_points=64)
outcome.points, outcome.fitness, outcome.path          # (R, 64, D), (R, 64), (R, G, 2)
```

`PROTOCOL` and `FAIR` map a method's name to its class's ready-made settings.
"""

from collections.abc import Callable

from experiments.common.baselines.host import MAPElites, PyCMA
from experiments.common.baselines.problem import Baseline, InBox, OfPoints, Outcome, Problem
from experiments.common.baselines.strategies import CMAES, OpenES, PGPEs

PROTOCOL: dict[str, Callable[[], Baseline]] = {
    "cma_es": CMAES.protocol,
    "open_es": OpenES.protocol,
    "pgpe": PGPEs.protocol,
    "map_elites": MAPElites.protocol,
    "pycma": PyCMA.protocol,
}
FAIR: dict[str, Callable[[], Baseline]] = {
    "cma_es": CMAES.fair,
    "open_es": OpenES.fair,
    "pgpe": PGPEs.fair,
    "map_elites": MAPElites.fair,
    "pycma": PyCMA.fair,
}

__all__ = [
    "CMAES",
    "FAIR",
    "PROTOCOL",
    "Baseline",
    "InBox",
    "MAPElites",
    "OfPoints",
    "OpenES",
    "Outcome",
    "PGPEs",
    "Problem",
    "PyCMA",
]

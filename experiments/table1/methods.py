"""The columns of table 1: Diffusion Evolution and its rivals, each in two settings.

* "protocol": the authors' settings.
* "fair": as many evaluations as Diffusion Evolution for everybody, each with its own sensible
  settings; Diffusion Evolution with diffevo's defaults: the scale-free weighting in place of the
  tuned map, and its noise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

import diffevo
from diffevo import weighting
from experiments.common import baselines, diffusion
from experiments.common.baselines import Baseline, Problem
from experiments.table1.config import OURS, Config
from experiments.table1.functions import Group

Setting = Literal["protocol", "fair"]
SETTINGS: tuple[Setting, ...] = ("protocol", "fair")

LABELS = {
    "diffusion_evolution": "Diffusion Evolution",
    "latent_diffusion_evolution": "Latent DE",
    "cma_es": "CMA-ES",
    "pycma": "CMA-ES (pycma)",
    "open_es": "OpenES",
    "pgpe": "PGPE",
    "map_elites": "MAP-Elites",
}
# Of the rivals that run in numpy, one repetition at a time keeps the progress bar moving.
_ONE_BY_ONE = ("pycma", "map_elites")


@dataclass(frozen=True)
class Points:
    """What a method ends with, in evaluation space, and how it got there.

    Attributes:
        points: (R, P, D), the candidates for the top.
        origins: (R, P, D), x0-hat of the last move; None for the rivals.
        path: (R, S, M, min(D, 2)): M points over S steps (M = N individuals, or 1 mean).
        origin_path: (R, S - 1, M, min(D, 2)), x0-hat of every move; None for the rivals.
    """

    points: np.ndarray
    origins: np.ndarray | None
    path: np.ndarray
    origin_path: np.ndarray | None

    def first(self) -> "Points":
        """Repetition 0 alone, as R = 1."""
        return Points(
            self.points[:1].copy(),
            None if self.origins is None else self.origins[:1].copy(),
            self.path[:1].copy(),
            None if self.origin_path is None else self.origin_path[:1].copy(),
        )


@dataclass(frozen=True)
class Method:
    """One column in one setting.

    Attributes:
        name: key of `LABELS`.
        setting: see the module's first lines.
        config: of the study.
    """

    name: str
    setting: Setting
    config: Config

    @property
    def chunk_size(self) -> int:
        """Repetitions to run at a time."""
        return 1 if self.name in _ONE_BY_ONE else self.config.chunk_size

    def describe(self, num_dims: int) -> dict[str, Any]:
        """Settings as they go into the results file."""
        if self.name in OURS:
            return {
                "evaluations": self.config.budget,
                "weighting": repr(_weighting(self.setting)),
                "fitness": "-g" if self.setting == "protocol" else "distance to the target",
                "schedule": "cosine",
                "num_generations": self.config.num_generations,
                "noise_scale": self.config.noise_scale if self.setting == "protocol" else "default",
            }
        baseline = _baseline(self.name, self.setting, self.config)
        return {
            "evaluations": baseline.num_evaluations(num_dims),
            "fitness": "-g" if self.setting == "protocol" else "distance to the target, in the box",
            "settings": repr(baseline),
        }

    def run(self, group: Group, choice: int, keys: Array, first: bool) -> Points:
        """Run on function ``choice`` of the group, once for every key; ``first`` records more."""
        if self.name in OURS:
            return self._run_ours(group, choice, keys, first)
        return self._run_rival(group, choice, keys)

    def _run_ours(self, group: Group, choice: int, keys: Array, first: bool) -> Points:
        latent = self.name == "latent_diffusion_evolution"
        kind = diffevo.LatentDiffusionEvolution if latent else diffevo.DiffusionEvolution
        algorithm = kind(
            self.config.population_size,
            jnp.zeros(group.num_dims),
            num_generations=self.config.num_generations,
            weighting=_weighting(self.setting),
        )
        params: Any = algorithm.default_params
        if self.setting == "protocol":
            params = params.replace(noise_scale=self.config.noise_scale)
        objectives = group.rewards if self.setting == "protocol" else group.tasks
        run = diffusion.run(algorithm, params, objectives, keys, choice, record_origins=first)
        scaling = group.tasks[choice].scaling
        return Points(
            points=np.asarray(run.population) * scaling,
            origins=np.asarray(run.origins) * scaling,
            path=np.asarray(run.path) * scaling,
            origin_path=np.asarray(run.origin_path) * scaling,
        )

    def _run_rival(self, group: Group, choice: int, keys: Array) -> Points:
        baseline = _baseline(self.name, self.setting, self.config)
        task = group.tasks[choice]
        if self.setting == "protocol":
            rewards = tuple(
                _RewardOfPoints(reward, task.scaling)
                for reward, task in zip(group.rewards, group.tasks, strict=True)
            )
            problem = Problem(rewards, group.num_dims, task.low, task.high)
        else:
            problem = Problem.of(*group.tasks, boxed=True)
        # An archive gives its best; a population method the points that it evaluated last.
        archive = self.name == "map_elites"
        num_points = self.config.top if archive else self.config.population_size
        outcome = baseline.run(problem, keys, num_points, choice)
        points = np.asarray(outcome.points)
        if self.setting == "fair":
            points = np.clip(points, task.low, task.high)
        return Points(points, None, np.asarray(outcome.path)[:, :, None, :], None)


@dataclass(frozen=True)
class _RewardOfPoints:
    """-g as a function of evaluation space."""

    reward: Callable[[Array], Array]
    scaling: float

    def __call__(self, points: Array) -> Array:
        return self.reward(points / self.scaling)


def _weighting(setting: Setting) -> weighting.Weighting:
    """The paper's map, or the scale-free default.

    The paper's map is NormalizedEnergy(target, scale, max_distance) of the task. Those constants
    differ between functions and a weighting is static, so that it would compile for each; the same
    weights are Identity() of -g, which a test checks.
    """
    return weighting.Identity() if setting == "protocol" else weighting.ScaleFree()


def _baseline(name: str, setting: Setting, config: Config) -> Baseline:
    size, steps = config.population_size, config.num_generations + 1
    if setting == "fair":
        fair: dict[str, Callable[[int], Baseline]] = {
            "cma_es": baselines.CMAES.fair,
            "pycma": baselines.PyCMA.fair,
            "open_es": baselines.OpenES.fair,
            "pgpe": baselines.PGPEs.fair,
            "map_elites": baselines.MAPElites.fair,
        }
        return fair[name](config.budget)
    protocol: dict[str, Callable[[], Baseline]] = {
        "cma_es": lambda: baselines.CMAES.protocol(size, steps),
        "pycma": lambda: baselines.PyCMA.protocol(size, steps),
        "open_es": lambda: baselines.OpenES.protocol(size, config.open_es_generations),
        "pgpe": lambda: baselines.PGPEs.protocol(size, steps),
        "map_elites": lambda: baselines.MAPElites.protocol(
            config.map_elites_budget, config.map_elites_initial
        ),
    }
    return protocol[name]()


def methods(config: Config) -> Iterator[Method]:
    """All columns: ours and the rivals, each in both settings."""
    for name in (*OURS, *config.rivals):
        for setting in SETTINGS:
            yield Method(name, setting, config)

"""Spiking agents as tasks: their weights evolved, or the constants of the rule they learn by.

Reference: arXiv 1910.06489. Its settings are known in part; `SETTINGS` says what is ours.

Shape letters: N individuals, L lives, D genome dimensions.
"""

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from diffevo import Real, SearchSpace
from diffevo.algorithms.base import SolutionSpec
from tasks.base import check_points
from tasks.rl.environments import ENVIRONMENTS, Environment
from tasks.rl.glm import Network
from tasks.rl.lives import Agents, Constants, Life, live


def _place(name: str, max_steps: int) -> Environment:
    return dataclasses.replace(ENVIRONMENTS[name], max_steps=max_steps)


# Of the paper: number of actors, credit, codes' sizes, time limits, orders, critic's decays, and
# the grid's discount, critic's rate and exploration. Ours: what learns reliably: the other
# constants, hidden neurons, scaled inputs, initial weights (experiments/glm_agents has both).
SETTINGS: dict[str, tuple[Agents, Constants]] = {
    "cartpole": (
        Agents(
            _place("cartpole", 200),
            Network(4, 2, (20,), num_actors=10),
            "scaled",
            ((-2.4, 2.4), (-3.0, 3.0), (-0.21, 0.21), (-3.5, 3.5)),
            order=5,
        ),
        Constants(actor_rate=1e-2, critic_rate=1e-2, discount=0.99),
    ),
    "gridworld": (
        Agents(
            _place("gridworld", 300),
            Network(3, 4, (8,), num_actors=10, taps=3),
            "binary",
            ((0.0, 9.0), (0.0, 9.0)),
            order=0,
            return_discount=0.9,
        ),
        Constants(
            actor_rate=1e-2, critic_rate=0.1, discount=0.9, critic_decay=0.7, exploration=0.01
        ),
    ),
    "mountain_car": (
        Agents(
            _place("mountain_car", 5000),
            Network(20, 3, (5,), num_actors=20),
            "windows",
            ((-1.2, 0.6), (-0.07, 0.07)),
            order=4,
        ),
        Constants(actor_rate=1e-2, critic_rate=1e-2, discount=1.0, exploration=0.1),
    ),
}

EVOLVED = ("weights", "constants")


@functools.cache
def constants_space() -> SearchSpace:
    """What evolution may choose from: wide, and around no setting.

    The first eight of `Constants`, but for the discount, whose ``horizon`` 1 / (1 - discount) in
    steps is searched.
    """
    return SearchSpace(
        {
            "actor_rate": Real(1e-4, 1.0, log=True),
            "critic_rate": Real(1e-4, 1.0, log=True),
            "horizon": Real(2.0, 1000.0, log=True),
            "critic_decay": Real(0.0, 1.0),
            "actor_decay": Real(0.0, 1.0),
            "exploration": Real(1e-3, 0.5, log=True),
            "gain": Real(0.1, 10.0, log=True),
            "spread": Real(0.01, 10.0, log=True),
        }
    )


def decode_constants(genomes: Array) -> Constants:
    """Constants (N,) of genomes (N, 8), at home in [-1, 1]^8: `constants_space`."""
    found = constants_space().decode(genomes)
    return Constants(discount=1 - 1 / found.pop("horizon"), **found)


@dataclass(frozen=True)
class SpikingAgents:
    """Evolve a network of spiking agents. Fitness = -(mean return of an episode over its lives).

    With ``evolved`` "weights" the genome holds the network's weights, layer by layer, and nothing
    is learned: a plain policy. With "constants" it holds the constants of the learning rule
    (`decode_constants`), and every individual learns from newborn weights in each of its lives:
    evolution outside, plasticity inside. All individuals meet the same luck.

    ``evaluate`` reports the traits ``episodes``, finished in a life, and ``mean_length``, of an
    episode in steps; means over the lives.

    Args:
        name: of the task.
        agents: what lives.
        constants: gain and exploration of a network that does not learn.
        evolved: "weights" or "constants".
        num_steps: of a life, >= 1; every evaluation takes L times as many environment steps.
        num_lives: L >= 1.
        seed: of the lives that ``task(genomes)`` uses.
        scaling: weights = scaling * genome / sqrt(inputs of a neuron).

    Raises:
        ValueError: for numbers below those, and another word.
    """

    name: str
    agents: Agents
    constants: Constants
    evolved: str = "weights"
    num_steps: int = 1000
    num_lives: int = 2
    seed: int = 0
    scaling: float = 1.0
    optima: None = None
    optimum_fitness: None = None

    def __post_init__(self):
        if self.evolved not in EVOLVED:
            raise ValueError(f"evolved: expected one of {EVOLVED}, got {self.evolved!r}")
        for name in ("num_steps", "num_lives"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        self.constants.check()

    @property
    def spec(self) -> SolutionSpec:
        """How the weights lie in the genome."""
        shapes = self.agents.network.shapes
        return SolutionSpec.of(tuple(jax.ShapeDtypeStruct(s, jnp.float32) for s in shapes))

    @property
    def num_dims(self) -> int:
        """D: number of weights, or of constants."""
        if self.evolved == "weights":
            return self.agents.network.num_weights
        return constants_space().num_dims

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def low(self) -> float:
        """Lower side of the box."""
        return -3.0 if self.evolved == "weights" else -1.0

    @property
    def high(self) -> float:
        """Upper side of the box."""
        return -self.low

    def __call__(self, genomes: Array) -> Array:
        """Minus the mean return in the task's own lives: (N, D) -> (N,), lower is better."""
        return self.evaluate(genomes, jax.random.key(self.seed))[0]

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,) and traits, each (N,), of genomes (N, D) in lives drawn from a key."""
        lives = self.lives(genomes, jax.random.split(key, self.num_lives), self.num_steps)
        traits = {
            "episodes": jnp.mean(lives.episodes.astype(jnp.float32), axis=1),
            "mean_length": jnp.mean(
                lives.steps / jnp.maximum(lives.episodes, 1).astype(jnp.float32), axis=1
            ),
        }
        return -jnp.mean(lives.mean_return, axis=1), traits

    def lives(self, genomes: Array, keys: Array, num_steps: int) -> Life:
        """The lives (N, L) of genomes (N, D), one for each key (L,)."""
        check_points("genomes", genomes, self.num_dims)
        if self.evolved == "constants":
            constants = decode_constants(self.scaling * genomes)
            return live(self.agents, constants, keys, num_steps=num_steps, traces=True)
        weights = tuple(
            leaf / math.sqrt(leaf.shape[-1]) for leaf in self.spec.unravel(self.scaling * genomes)
        )
        return live(
            self.agents,
            self.constants,
            keys,
            num_steps=num_steps,
            weights=weights,
            plastic=False,
        )


def spiking_agents(
    environment: str = "cartpole", evolved: str = "weights", **options: Any
) -> SpikingAgents:
    """A task with one of the known settings.

    Args:
        environment: key of `SETTINGS`.
        evolved: "weights" or "constants".
        options: further fields of `SpikingAgents`; ``agents`` replaces the setting's.

    Raises:
        ValueError: for an unknown environment, and what `SpikingAgents` refuses.
    """
    if environment not in SETTINGS:
        raise ValueError(f"environment: expected one of {', '.join(SETTINGS)}; got {environment!r}")
    agents, constants = SETTINGS[environment]
    fields = {
        "name": f"spiking_{environment}" + ("_constants" if evolved == "constants" else ""),
        "agents": agents,
        "constants": constants,
    }
    return SpikingAgents(evolved=evolved, **fields | options)

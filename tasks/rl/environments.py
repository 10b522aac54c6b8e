"""The environments: what a policy sees and does in them, and what an episode is reduced to.

Descriptions only: `tasks.rl.simulator` runs them inside jit, `tasks.rl.host` in Gymnasium.

Shape letters: O observation, A outputs of a policy.

References: names and time limits are Gymnasium's and gymnax's; ranges of the observations and their
scaling by sqrt(3) from arXiv 2410.02543; MinAtar is arXiv 1903.03176.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

Ranges = tuple[tuple[float, float], ...]
Measure = Callable[[Array, Array], Array]

DRAWS = ("nothing", "start", "steps")
OVER = ("mean", "sum", "final")


class Trait(NamedTuple):
    """A number by which an episode is described beside its return.

    Attributes:
        name: of the trait.
        measure: of one step, from the observations (..., O) that the actions led to and the actions
            (...,), or (..., A) where they are continuous.
        over: what becomes of an episode's steps: their "mean", their "sum", or "final", the mean of
            the last 25.
    """

    name: str
    measure: Measure
    over: str


@dataclass(frozen=True)
class Environment:
    """One environment, hashed by value; a measure is a function of a module, not a lambda.

    Args:
        name: id in gymnax and Gymnasium.
        observation_shape: of one observation; policies see it flat, (O,).
        num_outputs: A, of a policy: one for each discrete action, or for each component of a
            continuous one.
        max_steps: an episode is over after these, >= 1.
        ranges: (low, high) of each observation, which become -sqrt(3) and sqrt(3), so that a
            uniform one has variance 1; None leaves observations as they are.
        action_limit: a continuous action is this times tanh of the outputs; None for discrete
            actions: the largest output's.
        draws: what is random: "nothing", so that all episodes of a policy are the same one, the
            "start", or the "steps" too.
        best_reward: that no step exceeds, if a policy can collect it in every step.
        traits: reported of an episode.

    Raises:
        ValueError: for fewer than one step, and for another word than those above.
    """

    name: str
    observation_shape: tuple[int, ...]
    num_outputs: int
    max_steps: int
    ranges: Ranges | None = None
    action_limit: float | None = None
    draws: str = "start"
    best_reward: float | None = None
    traits: tuple[Trait, ...] = ()

    def __post_init__(self):
        if self.max_steps < 1:
            raise ValueError(f"max_steps: expected at least 1, got {self.max_steps}")
        if self.draws not in DRAWS:
            raise ValueError(f"draws: expected one of {DRAWS}, got {self.draws!r}")
        for trait in self.traits:
            if trait.over not in OVER:
                raise ValueError(f"{trait.name}: expected over one of {OVER}, got {trait.over!r}")

    @property
    def num_inputs(self) -> int:
        """O, the numbers of one observation."""
        return math.prod(self.observation_shape)

    def normalizer(self) -> tuple[np.ndarray, np.ndarray]:
        """(centre, gain), each (O,): a policy sees gain (observation - centre)."""
        if self.ranges is None:
            return np.zeros(self.num_inputs), np.ones(self.num_inputs)
        low, high = np.asarray(self.ranges).T
        return (high + low) / 2, math.sqrt(3) / ((high - low) / 2)

    def action(self, outputs: Array) -> Array:
        """What outputs (..., A) do: a number of an action (...,), or a continuous one (..., A)."""
        if self.action_limit is None:
            return jnp.argmax(outputs, axis=-1)
        return self.action_limit * jnp.tanh(outputs)


def _first(observation: Array, action: Array) -> Array:
    """The first observation: a cart's position, cos(angle) of a pendulum, a swimmer's heading."""
    del action
    return observation[..., 0]


def _from_start(observation: Array, action: Array) -> Array:
    """Row plus column of the gridworld's agent: cells from the start, 18 at the goal."""
    del action
    return jnp.sum(observation, axis=-1)


def _tip(observation: Array, action: Array) -> Array:
    """Height of the acrobot's tip over its pivot: -cos a - cos(a + b), in [-2, 2] links."""
    del action
    cos_a, sin_a, cos_b, sin_b = (observation[..., i] for i in range(4))
    return sin_a * sin_b - cos_a * (1 + cos_b)


def _column(observation: Array, action: Array) -> Array:
    """Column of MinAtar's player, 0 to 9."""
    del action
    return jnp.sum(_player(observation) * jnp.arange(10), axis=(-2, -1))


def _row(observation: Array, action: Array) -> Array:
    """Row of MinAtar's player, 0 at the top, 9 at the bottom."""
    del action
    return jnp.sum(_player(observation) * jnp.arange(10)[:, None], axis=(-2, -1))


def _player(observation: Array) -> Array:
    """The plane (..., 10, 10) that shows the player, the first in all games."""
    return observation.reshape(*observation.shape[:-1], 10, 10, -1)[..., 0]


def _number(observation: Array, action: Array) -> Array:
    """The action's number: 1 is a push to the right of the cart under the pole."""
    del observation
    return action


def _direction(observation: Array, action: Array) -> Array:
    """-1, 0 or 1 for the actions 0, 1, 2 of `MountainCar-v0` and `Acrobot-v1`."""
    del observation
    return action - 1


def _force(observation: Array, action: Array) -> Array:
    """The only component of a continuous action."""
    del observation
    return action[..., 0]


def _any_direction(observation: Array, action: Array) -> Array:
    """1 if one of the actions 0 and 2 is taken, which do something."""
    return _direction(observation, action) ** 2


def _squared_force(observation: Array, action: Array) -> Array:
    """Square of the only component of a continuous action."""
    return _force(observation, action) ** 2


def _mean_square(observation: Array, action: Array) -> Array:
    """Mean square of the components of a continuous action."""
    del observation
    return jnp.mean(action**2, axis=-1)


def _sideways(observation: Array, action: Array) -> Array:
    """Speed of the swimmer along y."""
    del action
    return observation[..., 4]


def _acts(observation: Array, action: Array) -> Array:
    """1 for any action but MinAtar's 0, which does nothing."""
    del observation
    return action > 0


def _traits(position: Measure, action: Measure | None, energy: Measure) -> tuple[Trait, ...]:
    """Position, action and energy under the same names in all environments."""
    means = () if action is None else (Trait("mean_action", action, "mean"),)
    return (
        Trait("mean_position", position, "mean"),
        Trait("final_position", position, "final"),
        *means,
        Trait("energy", energy, "mean"),
    )


def _minatar(
    game: str,
    num_planes: int,
    num_actions: int,
    max_steps: int = 1000,
    position: Measure = _column,
    draws: str = "start",
) -> Environment:
    """One of MinAtar's games: planes of 10 x 10 zeros and ones."""
    return Environment(
        f"{game}-MinAtar",
        (10, 10, num_planes),
        num_actions,
        max_steps,
        draws=draws,
        traits=_traits(position, None, _acts),
    )


ENVIRONMENTS: dict[str, Environment] = {
    "cartpole": Environment(
        "CartPole-v1",
        (4,),
        2,
        max_steps=500,
        # (x, x', angle, angle'): Gymnasium's observation space, +-1 where that is unbounded.
        ranges=(
            (-4.8, 4.8),
            (-1.0, 1.0),
            (-math.radians(24), math.radians(24)),
            (-1.0, 1.0),
        ),
        best_reward=1.0,
        traits=(
            Trait("mean_position", _first, "mean"),
            Trait("final_position", _first, "final"),
            Trait("pushes_right", _number, "sum"),
        ),
    ),
    "acrobot": Environment(
        "Acrobot-v1",
        (6,),
        3,
        max_steps=500,
        ranges=(
            *((-1.0, 1.0),) * 4,
            (-4 * math.pi, 4 * math.pi),
            (-9 * math.pi, 9 * math.pi),
        ),
        traits=_traits(_tip, _direction, _any_direction),
    ),
    "mountain_car": Environment(
        "MountainCar-v0",
        (2,),
        3,
        max_steps=200,
        ranges=((-1.2, 0.6), (-0.07, 0.07)),
        traits=_traits(_first, _direction, _any_direction),
    ),
    "mountain_car_continuous": Environment(
        "MountainCarContinuous-v0",
        (2,),
        1,
        max_steps=999,
        ranges=((-1.2, 0.6), (-0.07, 0.07)),
        action_limit=1.0,
        traits=_traits(_first, _force, _squared_force),
    ),
    "pendulum": Environment(
        "Pendulum-v1",
        (3,),
        1,
        max_steps=200,
        ranges=((-1.0, 1.0), (-1.0, 1.0), (-8.0, 8.0)),
        action_limit=2.0,
        traits=_traits(_first, _force, _squared_force),
    ),
    "gridworld": Environment(
        "Gridworld",
        (2,),
        4,
        max_steps=300,
        ranges=((0.0, 9.0), (0.0, 9.0)),
        draws="steps",
        traits=(Trait("final_position", _from_start, "final"),),
    ),
    # Joints go as far as their limits of 100 degrees, the rest about as far as good swimmers do.
    "swimmer": Environment(
        "Swimmer-v5",
        (8,),
        2,
        max_steps=1000,
        ranges=(*((-1.75, 1.75),) * 3, *((-1.0, 1.0),) * 2, *((-5.0, 5.0),) * 3),
        action_limit=1.0,
        traits=(
            Trait("mean_sideways", _sideways, "mean"),
            Trait("final_heading", _first, "final"),
            Trait("energy", _mean_square, "mean"),
        ),
    ),
    "minatar_breakout": _minatar("Breakout", 4, 3),
    "minatar_asterix": _minatar("Asterix", 4, 5, draws="steps"),
    "minatar_space_invaders": _minatar("SpaceInvaders", 6, 4, draws="nothing"),
    "minatar_freeway": _minatar("Freeway", 7, 3, 2500, _row, draws="steps"),
}

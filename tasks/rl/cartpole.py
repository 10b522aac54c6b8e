"""Cart-pole from gymnax: balance a pole on a cart, and tell where the cart was meanwhile.

The only file that imports gymnax. Shape letters: N individuals, E episodes, D parameters.

Reference: Barto, Sutton, Anderson, "Neuronlike adaptive elements that can solve difficult learning
control problems", 1983; gymnax 1.0, ``CartPole-v1``. Range of the observations and size of the
network: arXiv 2410.02543; episodes and traits: arXiv 2411.13420.
"""

import functools
import importlib
import math
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen
from jax import Array

from diffevo.algorithms.base import SolutionSpec
from tasks.base import check_points
from tasks.rl.policies import MLP, parameter_spec

# Half-ranges of (x, x', angle, angle'): gym's observation space, 1 where that is unbounded.
OBSERVATION_RANGES = (4.8, 1.0, math.radians(24), 1.0)
LAST_STEPS = 25  # of an episode, for `final_position`: the HADES experiments' horizon


def _gymnax() -> ModuleType:
    """Gymnax's cart-pole, or an ImportError with the install command."""
    try:
        return importlib.import_module("gymnax.environments.classic_control.cartpole")
    except ImportError as error:
        raise ImportError(
            'Cart-pole needs gymnax: pip install "diffevo-jax[experiments]"'
        ) from error


@dataclass(frozen=True)
class CartPole:
    """Balance the pole for ``max_steps`` steps of 0.02 s, pushing the cart left or right.

    A step gives the reward 1; an episode ends when |x| > 2.4 m or |angle| > 12 degrees. The policy
    sees the observation (x, x', angle, angle') divided by ``OBSERVATION_RANGES`` and times sqrt(3),
    and pushes to the side of its larger output. Fitness = -(mean return over the episodes), so
    -``max_steps`` is perfect; x, and with it where the cart is kept, does not enter.

    ``evaluate`` reports these traits beside the fitness, all means over the episodes:

    * ``mean_position``: of the cart over an episode's steps, in metres, within +-2.4 and a step;
    * ``final_position``: the same over the last 25 steps of an episode;
    * ``survival``: share of the episodes that last ``max_steps``, in [0, 1];
    * ``pushes_right``: number of pushes to the right in an episode.

    A roll-out is one compiled loop that ends when all episodes of all individuals have.

    Args:
        name: name of the task.
        policy: a Flax module, observations (4,) to outputs (2,); hashed by value.
        num_episodes: E >= 1, each from its own start, uniform in [-0.05, 0.05]^4.
        max_steps: of an episode, >= 1.
        shared_episodes: all individuals meet the same E starts, so that luck does not rank them;
            False draws N E of them.
        seed: of the episodes that ``task(genomes)`` uses.
        scaling: policy parameters = scaling * genome.

    Raises:
        ValueError: for fewer than one episode or step.
        ImportError: without gymnax, with the command that installs it.
    """

    name: str = "cartpole"
    policy: linen.Module = field(default_factory=MLP)
    num_episodes: int = 8
    max_steps: int = 500
    shared_episodes: bool = True
    seed: int = 0
    scaling: float = 1.0
    low: float = -3.0
    high: float = 3.0
    optima: None = None

    def __post_init__(self):
        for name in ("num_episodes", "max_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        _gymnax()

    @property
    def spec(self) -> SolutionSpec:
        """How the policy's parameters lie in the genome."""
        return parameter_spec(self.policy, len(OBSERVATION_RANGES))

    @property
    def num_dims(self) -> int:
        """D, the number of the policy's parameters."""
        return self.spec.num_dims

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def optimum_fitness(self) -> float:
        """No pole falls in any episode."""
        return -float(self.max_steps)

    def __call__(self, genomes: Array) -> Array:
        """Minus the mean return on the task's own episodes: (N, D) -> (N,), lower is better."""
        return self.evaluate(genomes, jax.random.key(self.seed))[0]

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,) and traits, each (N,), of genomes (N, D) on episodes drawn from a key."""
        check_points("genomes", genomes, self.num_dims)
        return _roll_out(self, genomes, key)


@functools.partial(jax.jit, static_argnames="task")
def _roll_out(task: CartPole, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
    """`CartPole.evaluate`."""
    environment = _gymnax().CartPole()
    constants = environment.default_params
    parameters = task.spec.unravel(task.scaling * genomes)
    gains = jnp.asarray([math.sqrt(3) / half for half in OBSERVATION_RANGES], genomes.dtype)
    shape = (genomes.shape[0], task.num_episodes)

    def start(key: Array) -> tuple[Array, Any]:
        return environment.reset_env(key, constants)

    def step(state: Any, action: Array) -> tuple[Array, Any, Array]:
        # The dynamics draw nothing: any key will do.
        observation, state, _, ended, _ = environment.step_env(key, state, action, constants)
        return observation, state, ended

    if task.shared_episodes:
        observations, states = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (shape[0], *jnp.shape(leaf))),
            jax.vmap(start)(jax.random.split(key, task.num_episodes)),
        )
    else:
        observations, states = jax.vmap(jax.vmap(start))(jax.random.split(key, shape))

    def advance(carry: dict[str, Any]) -> dict[str, Any]:
        outputs = jax.vmap(task.policy.apply)(parameters, carry["observations"] * gains)
        right = jnp.argmax(jnp.asarray(outputs), axis=-1)
        alive, time = carry["alive"], carry["time"]
        observations, states, ended = jax.vmap(jax.vmap(step))(carry["states"], right)
        # Kept out of the sums, not multiplied by 0: a fallen pole's state may overflow.
        position, slot = jnp.where(alive, states.x, 0.0), time % LAST_STEPS
        return {
            "observations": observations,
            "states": states,
            "alive": alive & ~ended,
            "time": time + 1,
            "length": carry["length"] + alive,
            "right": carry["right"] + alive * right,
            "sum": carry["sum"] + position,
            # An episode that is over keeps its last positions.
            "last": carry["last"].at[slot].set(jnp.where(alive, position, carry["last"][slot])),
        }

    zeros = jnp.zeros(shape, genomes.dtype)
    end = jax.lax.while_loop(
        lambda carry: (carry["time"] < task.max_steps) & jnp.any(carry["alive"]),
        advance,
        {
            "observations": observations,
            "states": states,
            "alive": jnp.ones(shape, bool),
            "time": jnp.asarray(0),
            "length": zeros,
            "right": zeros,
            "sum": zeros,
            "last": jnp.zeros((LAST_STEPS, *shape), genomes.dtype),
        },
    )
    length = end["length"]
    final = jnp.sum(end["last"], axis=0) / jnp.minimum(length, LAST_STEPS)
    traits = {
        "mean_position": end["sum"] / length,
        "final_position": final,
        "survival": end["alive"].astype(genomes.dtype),
        "pushes_right": end["right"],
    }
    return -jnp.mean(length, axis=1), {
        name: jnp.mean(trait, axis=1) for name, trait in traits.items()
    }


def cartpole(
    hidden: tuple[int, ...] = (8,), activation: str = "tanh", num_episodes: int = 8, **options: Any
) -> CartPole:
    """Cart-pole with an MLP; (8,) has 58 parameters, () 10, (128, 128) 17,410.

    Args:
        hidden: widths of the hidden layers.
        activation: "tanh" or "relu".
        num_episodes: averaged over.
        options: further fields of `CartPole`.
    """
    name = "cartpole" if hidden == (8,) else "_".join(["cartpole", *map(str, hidden or ["linear"])])
    policy = MLP(tuple(hidden), activation=activation)
    return CartPole(name, policy, num_episodes, **options)

"""Control tasks: a policy's parameters are the genome, minus its mean return is the fitness.

Shape letters: N individuals, E episodes, D parameters, O
observation, A outputs.
"""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen
from jax import Array

from diffevo.algorithms.base import SolutionSpec
from tasks.base import check_points
from tasks.rl.environments import ENVIRONMENTS, Environment
from tasks.rl.episodes import Statistics, Tally
from tasks.rl.policies import MLP, act, parameter_spec, start
from tasks.rl.simulator import require, simulator


@dataclass(frozen=True)
class Control:
    """Evolve a policy for an environment. Fitness = -(mean return over the episodes).

    The policy sees ``gain (observation - centre)``, see `Environment.normalizer`. A roll-out is one
    compiled loop over the steps of all episodes of all individuals at once, which stops when the
    last of them is over.

    ``evaluate`` reports traits beside the fitness, means over the episodes: ``survival``, the share
    of the episodes that last ``environment.max_steps``, in [0, 1], and those of the environment.

    Args:
        name: name of the task.
        environment: one of ``ENVIRONMENTS``, or one of your own.
        policy: a Flax module, see `tasks.rl.policies`; hashed by value.
        num_episodes: E >= 1; one where all are the same.
        shared_episodes: all individuals meet the same E starts, and draws where the environment
            draws, so that luck does not rank them; False draws N E of them.
        seed: of the episodes that ``task(genomes)`` uses.
        scaling: policy parameters = scaling * genome.

    Raises:
        ValueError: for fewer than one episode.
    """

    name: str
    environment: Environment
    policy: linen.Module
    num_episodes: int = 8
    shared_episodes: bool = True
    seed: int = 0
    scaling: float = 1.0
    low: float = -3.0
    high: float = 3.0
    optima: None = None

    def __post_init__(self):
        if self.num_episodes < 1:
            raise ValueError(f"num_episodes: expected at least 1, got {self.num_episodes}")

    @property
    def spec(self) -> SolutionSpec:
        """How the policy's parameters lie in the genome."""
        return parameter_spec(self.policy, self.environment.num_inputs)

    @property
    def num_dims(self) -> int:
        """D, the number of the policy's parameters."""
        return self.spec.num_dims

    @property
    def solution(self) -> Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def optimum_fitness(self) -> Any:
        """The best reward in every step, a float; None where no policy can collect that."""
        best = self.environment.best_reward
        return None if best is None else -best * self.environment.max_steps

    def __call__(self, genomes: Array) -> Array:
        """Minus the mean return on the task's own episodes: (N, D) -> (N,), lower is better."""
        return self.evaluate(genomes, jax.random.key(self.seed))[0]

    def evaluate(self, genomes: Array, key: Array) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,) and traits, each (N,), of genomes (N, D) on episodes drawn from a key."""
        check_points("genomes", genomes, self.num_dims)
        return _roll_out(self, genomes, key, None)[:2]

    def evaluate_running(
        self, genomes: Array, key: Array, statistics: Statistics
    ) -> tuple[Array, dict[str, Array], Statistics]:
        """`evaluate`, with observations normalised by what has been seen instead of by ranges.

        ```python
        statistics = Statistics.begin(task.environment)
        fitness, traits, statistics = task.evaluate_running(genomes, key, statistics)
        task = task.frozen(statistics)   # when the search is over
        ```

        Returns:
            Fitness, traits, and the statistics with what this evaluation's policies saw: all
            episodes of all individuals, as long as they lasted.
        """
        check_points("genomes", genomes, self.num_dims)
        return _roll_out(self, genomes, key, statistics)

    def frozen(self, statistics: Statistics) -> "Control":
        """The task whose fixed ranges normalise as the statistics do."""
        ranges = statistics.ranges(self.environment)
        return dataclasses.replace(
            self, environment=dataclasses.replace(self.environment, ranges=ranges)
        )


@functools.partial(jax.jit, static_argnames="task")
def _roll_out(
    task: Control, genomes: Array, key: Array, statistics: Statistics | None
) -> tuple[Array, dict[str, Array], Statistics | None]:
    """`Control.evaluate_running`; without statistics `Control.evaluate`."""
    environment, policy = task.environment, task.policy
    reset, step = simulator(environment)
    parameters = task.spec.unravel(task.scaling * genomes)
    shape = (genomes.shape[0], 1 if environment.draws == "nothing" else task.num_episodes)

    # Shared keys (E,) have no axis of individuals, so a shared draw is made once for all of them.
    shared = task.shared_episodes
    keys_shape, over_keys = (shape[1:], jax.vmap) if shared else (shape, _vmap_twice)
    steps = jax.vmap(jax.vmap(step), in_axes=(None if shared else 0, 0, 0))
    draws = environment.draws == "steps"
    start_key, step_key = jax.random.split(key) if draws else (key, key)
    observations, states = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (*shape, *leaf.shape[len(keys_shape) :])),
        over_keys(reset)(jax.random.split(start_key, keys_shape)),
    )
    step_keys = jax.random.split(step_key, keys_shape)
    if statistics is None:
        centre, gain = (jnp.asarray(part, genomes.dtype) for part in environment.normalizer())
        seen = None
    else:
        centre, gain = statistics.normalizer(environment)
        seen = (jnp.zeros_like(centre), jnp.zeros_like(centre))

    def flat(observations: Array) -> Array:
        return observations.reshape(*shape, -1)

    def advance(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        observations, states, memory, tally, seen = carry
        inputs = flat(observations)
        if statistics is not None:
            shown = jnp.where(tally.alive[..., None], inputs - statistics.mean, 0)
            seen = (seen[0] + jnp.sum(shown, (0, 1)), seen[1] + jnp.sum(shown**2, (0, 1)))
        outputs, memory = jax.vmap(functools.partial(act, policy))(
            parameters, (inputs - centre) * gain, memory
        )
        actions = environment.action(outputs)
        keys = step_keys
        if draws:
            keys = over_keys(lambda key: jax.random.fold_in(key, tally.time))(step_keys)
        observations, states, rewards, ended = steps(keys, states, actions)
        tally = tally.add(environment, flat(observations), actions, rewards, ended)
        return observations, states, memory, tally, seen

    tally = Tally.begin(environment, shape, genomes.dtype)
    *_, tally, seen = jax.lax.while_loop(
        lambda carry: carry[3].goes_on(environment),
        advance,
        (observations, states, start(policy, shape), tally, seen),
    )
    if statistics is not None:
        statistics = statistics.merge(jnp.sum(tally.length), *seen)
    return *tally.finish(environment), statistics


def _vmap_twice(function: Callable[..., Any]) -> Callable[..., Any]:
    return jax.vmap(jax.vmap(function))


def control(
    environment: str,
    hidden: tuple[int, ...] = (8,),
    activation: str = "tanh",
    num_episodes: int = 8,
    *,
    policy: linen.Module | None = None,
    max_steps: int | None = None,
    **options: Any,
) -> Control:
    """A task with one of the known environments.

    Args:
        environment: key of ``ENVIRONMENTS``; the task's name, if ``options`` has none.
        hidden: widths of the hidden layers of an MLP.
        activation: of those, key of `tasks.rl.policies.ACTIVATIONS`.
        num_episodes: averaged over.
        policy: instead of the MLP; it must have the environment's number of outputs.
        max_steps: of an episode; None is the environment's own limit.
        options: further fields of `Control`.

    Raises:
        ValueError: for an unknown environment, fewer than one episode or step.
        ImportError: without gymnax, or MJX for the swimmer, with the command that installs it.
    """
    if environment not in ENVIRONMENTS:
        raise ValueError(
            f"environment: expected one of {', '.join(ENVIRONMENTS)}; got {environment!r}"
        )
    place = ENVIRONMENTS[environment]
    require(place)
    if max_steps is not None:
        place = dataclasses.replace(place, max_steps=max_steps)
    if policy is None:
        policy = MLP(tuple(hidden), place.num_outputs, activation)
    return Control(options.pop("name", environment), place, policy, num_episodes, **options)

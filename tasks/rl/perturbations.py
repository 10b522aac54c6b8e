"""What may come between an environment and a policy, and how much return is left.

```python
returns = play(environment, policy, parameters, key, 100, perturbation=Missing(0.2))   # (100,)
```

A perturbation is a pytree of numbers, so that changing its strength compiles nothing, which maps
(key, observations) to what the policy is shown. Planes, pixels and rows are those of an
environment with observations (H, W, C), as MinAtar's.

Shape letters: E episodes, H rows, W columns, C planes, O = H W C, A outputs.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, struct
from jax import Array
from jax.typing import ArrayLike

from tasks.rl.environments import Environment
from tasks.rl.policies import Remembering
from tasks.rl.simulator import simulator

Perturbation = Callable[[Array, Array], Array]


class Occlusion(struct.PyTreeNode):
    """A horizontal bar: some rows are 0 in all planes.

    Attributes:
        first: the uppermost of these rows, 0 is the top; a number, or one an episode (E,).
        width: number of rows, the same; 0 is none.
    """

    first: ArrayLike
    width: ArrayLike

    def __call__(self, key: Array, observations: Array) -> Array:
        """What is seen of observations (E, H, W, C)."""
        del key
        rows = jnp.arange(observations.shape[1])
        first, width = (jnp.asarray(part)[..., None] for part in (self.first, self.width))
        hidden = (rows >= first) & (rows < first + width)
        return jnp.where(hidden[..., None, None], 0, observations)


class Missing(struct.PyTreeNode):
    """Pixels fail, each on its own and anew in each step: 0 in all planes.

    Attributes:
        share: the probability, in [0, 1].
    """

    share: ArrayLike

    def __call__(self, key: Array, observations: Array) -> Array:
        """What is seen of observations (E, H, W, C)."""
        missing = jax.random.uniform(key, observations.shape[:-1]) < self.share
        return jnp.where(missing[..., None], 0, observations)


class Noise(struct.PyTreeNode):
    """Gaussian noise on every number, anew in each step; nothing is cut to a range.

    Attributes:
        std: its standard deviation; the numbers themselves are 0 and 1 in MinAtar.
    """

    std: ArrayLike

    def __call__(self, key: Array, observations: Array) -> Array:
        """What is seen of observations, of any shape."""
        return observations + self.std * jax.random.normal(key, observations.shape)


class Both(struct.PyTreeNode):
    """Two perturbations, one after the other; each draws with a key of its own.

    Attributes:
        first: what comes first.
        second: what is shown of that.
    """

    first: Perturbation
    second: Perturbation

    def __call__(self, key: Array, observations: Array) -> Array:
        """What is seen of observations, as the parts say."""
        first_key, second_key = jax.random.split(key)
        return self.second(second_key, self.first(first_key, observations))


class Attack(struct.PyTreeNode):
    """The fast gradient sign method against a network's choice, with observations in [0, 1].

    x <- clip(x + strength sign(dJ/dx), 0, 1), where J is the largest output of the actions that the
    network would not take minus the output of the one it would. (With the cross-entropy of the
    softmax, the usual J, gradients are 0 where the network is sure.) The network may be another
    than the one that plays: the attack is transferred. That of an `IntegrateAndFire` is
    differentiated by its surrogate.

    Reference: Goodfellow et al., Explaining and harnessing adversarial examples
    (arXiv 1412.6572); on policies: Huang et al. (arXiv 1702.02284).

    Attributes:
        strength: >= 0.
        parameters: of the network.
        network: a Flax module without memory, observations (E, O) to outputs (E, A).
    """

    strength: ArrayLike
    parameters: Any
    network: linen.Module = struct.field(pytree_node=False)

    def __call__(self, key: Array, observations: Array) -> Array:
        """What is seen of observations (E, H, W, C)."""

        def advantage_of_others(observations: Array) -> Array:
            flat = observations.reshape(observations.shape[0], -1)
            outputs = jnp.asarray(self.network.apply(self.parameters, flat, rngs={"input": key}))
            chosen = jax.nn.one_hot(jnp.argmax(outputs, axis=-1), outputs.shape[-1], dtype=bool)
            best = jnp.max(jnp.where(chosen, outputs, -jnp.inf), axis=-1)
            other = jnp.max(jnp.where(chosen, -jnp.inf, outputs), axis=-1)
            return jnp.sum(other - best)

        gradient = jax.grad(advantage_of_others)(observations)
        return jnp.clip(observations + self.strength * jnp.sign(gradient), 0, 1)


@functools.partial(
    jax.jit, static_argnames=("environment", "policy", "num_episodes", "keep_observations")
)
def play(
    environment: Environment,
    policy: linen.Module,
    parameters: Any,
    key: Array,
    num_episodes: int,
    *,
    perturbation: Perturbation | None = None,
    epsilon: ArrayLike = 0.0,
    keep_observations: bool = False,
) -> Any:
    """Episodes of one policy, side by side, each until its end or the time limit.

    Starts, random actions and draws of the environment depend on the key alone, so policies and
    perturbations that are given the same key meet the same luck. It may be vmapped over parameters.

    Args:
        environment: with discrete actions; its ranges normalise what is seen.
        policy: a Flax module without memory; hashed by value.
        parameters: of it.
        key: of everything that is drawn.
        num_episodes: E >= 1.
        perturbation: (key, observations (E, H, W, C)) -> the same shape; None for none.
        epsilon: in [0, 1], the share of steps in which the action is drawn uniformly.
        keep_observations: return what was seen as well.

    Returns:
        Returns (E,). With ``keep_observations`` also the observations (time limit, E, O), as the
        policy saw them, and where they are of an episode that goes on, booleans (time limit, E).

    Raises:
        ValueError: for a policy with memory, continuous actions, or no episode.
    """
    if isinstance(policy, Remembering):
        raise ValueError(f"policy: expected one without memory, got {type(policy).__name__}")
    if environment.action_limit is not None:
        raise ValueError(f"environment: expected discrete actions, got {environment.name}")
    if num_episodes < 1:
        raise ValueError(f"num_episodes: expected at least 1, got {num_episodes}")
    reset, step = simulator(environment)
    start_key, step_key = jax.random.split(key)
    observations, states = jax.vmap(reset)(jax.random.split(start_key, num_episodes))
    centre, gain = (jnp.asarray(part, jnp.float32) for part in environment.normalizer())

    def advance(carry: tuple[Any, ...]) -> tuple[Any, tuple[Array, Array]]:
        time, observations, states, alive, returns = carry
        see_key, policy_key, draw_key, chance_key, world_key = jax.random.split(
            jax.random.fold_in(step_key, time), 5
        )
        seen = observations if perturbation is None else perturbation(see_key, observations)
        inputs = (seen.reshape(num_episodes, -1) - centre) * gain
        outputs = policy.apply(parameters, inputs, rngs={"input": policy_key})
        drawn = jax.random.randint(draw_key, (num_episodes,), 0, environment.num_outputs)
        chance = jax.random.uniform(chance_key, (num_episodes,)) < epsilon
        actions = jnp.where(chance, drawn, environment.action(jnp.asarray(outputs)))
        world_keys = jax.random.split(world_key, num_episodes)
        observations, states, rewards, ended = jax.vmap(step)(world_keys, states, actions)
        returns = returns + jnp.where(alive, rewards, 0)
        return (time + 1, observations, states, alive & ~ended, returns), (inputs, alive)

    first = (
        jnp.asarray(0),
        observations,
        states,
        jnp.ones(num_episodes, bool),
        jnp.zeros(num_episodes),
    )
    if keep_observations:
        (*_, returns), kept = jax.lax.scan(
            lambda carry, _: advance(carry), first, length=environment.max_steps
        )
        return returns, *kept
    *_, returns = jax.lax.while_loop(
        lambda carry: (carry[0] < environment.max_steps) & jnp.any(carry[3]),
        lambda carry: advance(carry)[0],
        first,
    )
    return returns

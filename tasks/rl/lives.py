"""Lives of spiking agents in an environment: learning while they act, or acting only.

A life is a stretch of steps, episode after episode. In every step the network fires, the action
with most votes is taken (or, with the exploration's probability, any), and one number, the TD error
of a linear critic, changes all weights at once: `tasks.rl.glm` and `tasks.rl.critics` have the
equations. Without plasticity the weights stay, and there is no critic.

Shape letters: N individuals (constants, or weights, of their own), L lives of each, E episodes.

Reference: arXiv 1910.06489.
"""

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from tasks.rl.codes import CODES
from tasks.rl.critics import Critic, FourierBasis, Table, td_error
from tasks.rl.environments import Environment, Ranges
from tasks.rl.glm import Network, Weights
from tasks.rl.simulator import simulator

NUM_RECENT = 10  # episodes whose mean return decides whether the learning has settled (paper)


class Constants(NamedTuple):
    """Constants of the learning rule, numbers or arrays (N,); traced.

    Attributes:
        actor_rate: of the network's weights, >= 0.
        critic_rate: of the critic's, >= 0.
        discount: gamma, in [0, 1].
        critic_decay: lambda of the critic's trace, in [0, 1].
        actor_decay: lambda of the network's traces, in [0, 1]; the paper has none: 0.
        exploration: probability of a random action, in [0, 1].
        gain: kappa of the firing probability, > 0.
        spread: of the initial weights, >= 0, see `Network.draw_weights`.
        settled_return: once the mean of the last 10 returns is above it,
        settled_share: the actor's rate is multiplied by this, >= 0.
    """

    actor_rate: Any = 1e-2
    critic_rate: Any = 1e-2
    discount: Any = 0.99
    critic_decay: Any = 0.5
    actor_decay: Any = 0.0
    exploration: Any = 0.0
    gain: Any = 1.0
    spread: Any = 1.0
    settled_return: Any = math.inf
    settled_share: Any = 1.0

    def check(self) -> None:
        """Raise ValueError where a number is out of its range."""
        for name in ("actor_rate", "critic_rate", "spread", "settled_share"):
            _check(name, getattr(self, name), 0, math.inf)
        for name in ("discount", "critic_decay", "actor_decay", "exploration"):
            _check(name, getattr(self, name), 0, 1)
        if not np.all(np.asarray(self.gain) > 0):
            raise ValueError(f"gain: expected more than 0, got {self.gain}")


def _check(name: str, value: Any, low: float, high: float) -> None:
    if not np.all((np.asarray(value) >= low) & (np.asarray(value) <= high)):
        raise ValueError(f"{name}: expected numbers in [{low}, {high}], got {value}")


@dataclass(frozen=True)
class Agents:
    """A network of spiking agents in an environment; hashed by value.

    Args:
        environment: with discrete actions.
        network: with as many actions, and the inputs that the code makes.
        code: key of `CODES`: how an observation becomes spikes.
        ranges: (low, high) of each observation, for the code and a Fourier critic.
        order: of the critic's Fourier basis; 0: a table of a 10 x 10 grid.
        return_discount: of the returns that are reported, in [0, 1].

    Raises:
        ValueError: for an unknown code, continuous actions, or a network that does not fit.
    """

    environment: Environment
    network: Network
    code: str
    ranges: Ranges
    order: int
    return_discount: float = 1.0

    def __post_init__(self):
        if self.code not in CODES:
            raise ValueError(f"code: expected one of {tuple(CODES)}, got {self.code!r}")
        if self.environment.action_limit is not None:
            raise ValueError(f"environment: expected discrete actions, got {self.environment.name}")
        _check("return_discount", self.return_discount, 0, 1)
        found = (self.network.num_steps, self.network.num_inputs)
        needed = jax.eval_shape(self.encode, jnp.zeros(self.environment.num_inputs)).shape
        if found != needed:
            raise ValueError(f"network: expected inputs {needed} of (steps, neurons), got {found}")
        if self.network.num_actions != self.environment.num_outputs:
            raise ValueError(
                f"network: expected {self.environment.num_outputs} actions, "
                f"got {self.network.num_actions}"
            )
        _ = self.critic

    @property
    def critic(self) -> Critic:
        """What the critic sees of a state."""
        if self.order == 0:
            return Table((10, 10))
        return FourierBasis(self.order, self.ranges)

    def encode(self, observation: Array) -> Array:
        """What the network's input neurons do for an observation (d,)."""
        return CODES[self.code](observation, self.ranges)

    def variant(self, *, order: int | None = None, code: str | None = None, **changes: Any):
        """The same with another critic's order, another code, or changes of the network."""
        return dataclasses.replace(
            self,
            network=dataclasses.replace(self.network, **changes),
            order=self.order if order is None else order,
            code=self.code if code is None else code,
        )


class Plasticity(NamedTuple):
    """What learning keeps of one life.

    Attributes:
        values: the critic's weights v, (F,).
        critic_trace: e of those.
        actor_trace: of the network's weights; None without.
        recent: the last returns, (10,), -inf where there is none yet.
    """

    values: Array
    critic_trace: Array
    actor_trace: Weights | None
    recent: Array


class Life(NamedTuple):
    """One life so far, or (N, L) of them.

    Attributes:
        weights: of the network.
        plasticity: None without.
        observation: now.
        features: the critic's, of that; None without plasticity.
        state: of the environment.
        episodes: finished.
        steps: made.
        length: of the episode so far.
        total: its discounted return so far.
        weight: the next reward's discount.
        grand_total: sum of the returns of all episodes, an unfinished one included.
        returns: of the first E finished episodes, (E,), 0 where there are fewer; None without E.
        lengths: steps of those, (E,).
    """

    weights: Weights
    plasticity: Plasticity | None
    observation: Array
    features: Array | None
    state: Any
    episodes: Array
    steps: Array
    length: Array
    total: Array
    weight: Array
    grand_total: Array
    returns: Array | None
    lengths: Array | None

    @property
    def mean_return(self) -> Array:
        """Of an episode over the life: all returns by the number of finished episodes, 1 if none.

        With a life of a multiple of the longest episode it is at most the best return of one.
        """
        return self.grand_total / jnp.maximum(self.episodes, 1)


def live(
    agents: Agents,
    constants: Constants,
    keys: Array,
    *,
    num_episodes: int | None = None,
    num_steps: int | None = None,
    weights: Weights | None = None,
    plastic: bool = True,
    traces: bool = False,
) -> Life:
    """N L lives at once, as one compiled loop over time.

    ```python
    agents, constants = SETTINGS["cartpole"]
    lives = live(agents, constants, jax.random.split(key, 20), num_episodes=2000)
    lives.returns                                            # (1, 20, 2000)
    ```

    An episode ends where the environment says so, or after ``environment.max_steps``, in which
    case the value of the state it stopped in still counts: Eq. (1) of `tasks.rl.critics`. Then the
    next one starts at once, so that no life waits for another. With ``num_steps`` alone the loop is
    a scan of that length; with ``num_episodes`` it stops when the last life has had them, and one
    that has had them earlier learns and records nothing more.

    Lives l of all individuals meet the same draws: starts, luck of the environment, of the neurons.

    Args:
        agents: what lives, and where.
        constants: numbers, or arrays (N,).
        keys: of the lives, (L,).
        num_episodes: E >= 1; None: as many as there is time for, and no `Life.returns`.
        num_steps: >= 1; None: no limit.
        weights: at birth, leaves (N, ...); None: drawn, from the life's key.
        plastic: whether weights change.
        traces: whether the network has traces; without, `Constants.actor_decay` is not used.

    Returns:
        The lives at their ends, leaves (N, L, ...).

    Raises:
        ValueError: without a limit, for constants out of range (unless they are traced), and shapes
            that do not fit.
    """
    limits = {"num_episodes": num_episodes, "num_steps": num_steps}
    if num_episodes is None and num_steps is None:
        raise ValueError("num_episodes, num_steps: expected one of them, got neither")
    for name, limit in limits.items():
        if limit is not None and limit < 1:
            raise ValueError(f"{name}: expected at least 1, got {limit}")
    if keys.ndim != 1:
        raise ValueError(f"keys: expected shape (L,), got {keys.shape}")
    if not any(isinstance(value, Tracer) for value in constants):
        constants.check()
    arrays = Constants(*(jnp.asarray(value, jnp.float32) for value in constants))
    sizes = {leaf.shape for leaf in arrays if leaf.ndim}
    if weights is not None:
        shapes = tuple(leaf.shape[1:] for leaf in weights)
        if shapes != agents.network.shapes:
            raise ValueError(f"weights: expected leaves (N, {agents.network.shapes}), got {shapes}")
        sizes |= {leaf.shape[:1] for leaf in weights}
    if len(sizes) > 1 or any(len(size) > 1 for size in sizes):
        raise ValueError(f"constants, weights: expected one number N of individuals, got {sizes}")
    size = sizes.pop() if sizes else (1,)
    arrays = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, size), arrays)
    return _live(agents, arrays, keys, weights, num_episodes, num_steps, plastic, traces)


def _birth(
    agents: Agents,
    constants: Constants,
    key: Array,
    weights: Weights | None,
    num_episodes: int | None,
    plastic: bool,
    traces: bool,
) -> Life:
    """A life before its first step."""
    weights_key, reset_key = jax.random.split(key)
    if weights is None:
        weights = agents.network.draw_weights(weights_key, constants.spread)
    observation, state = simulator(agents.environment).reset(reset_key)
    observation = observation.reshape(-1)
    zero, none = jnp.zeros(()), jnp.zeros((), int)
    plasticity = features = None
    if plastic:
        features = agents.critic(observation)
        plasticity = Plasticity(
            jnp.zeros_like(features),
            features,
            tuple(map(jnp.zeros_like, weights)) if traces else None,
            jnp.full(NUM_RECENT, -jnp.inf),
        )
    history = None if num_episodes is None else jnp.zeros(num_episodes)
    return Life(
        weights,
        plasticity,
        observation,
        features,
        state,
        episodes=none,
        steps=none,
        length=none,
        total=zero,
        weight=jnp.ones(()),
        grand_total=zero,
        returns=history,
        lengths=history,
    )


class Luck(NamedTuple):
    """What is drawn in a step of a life.

    Attributes:
        neurons: uniform, of `Network.spike_shapes`.
        ties: uniform, (A,).
        explores: uniform.
        action: a random one.
        step: key of the environment.
        reset: key of a new episode's start.
    """

    neurons: tuple[Array, ...]
    ties: Array
    explores: Array
    action: Array
    step: Array
    reset: Array


def _draw(network: Network, key: Array, time: Array) -> Luck:
    """The luck of a step. Starts come from the step's number, not from the episode's."""
    luck_key, step_key, reset_key = jax.random.split(jax.random.fold_in(key, time), 3)
    shapes = (*network.spike_shapes, (network.num_actions,), (), ())
    sizes = np.cumsum([math.prod(shape) for shape in shapes])
    pieces = jnp.split(jax.random.uniform(luck_key, (int(sizes[-1]),)), sizes[:-1].tolist())
    *neurons, ties, explores, any_action = (
        piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)
    )
    action = jnp.floor(any_action * network.num_actions).astype(int)
    return Luck(tuple(neurons), ties, explores, action, step_key, reset_key)


def _learn(
    agents: Agents,
    constants: Constants,
    life: Life,
    error_scale: Array,
    change: Weights,
    reward: Array,
    after: Array,
    ended: Array,
) -> tuple[Weights, Plasticity]:
    """Weights and critic after a step; `error_scale` is 0 for a life that is over, else 1."""
    plasticity, features = cast("Plasticity", life.plasticity), cast("Array", life.features)
    error = td_error(plasticity.values, features, reward, after, ended, constants.discount)
    scales = jnp.asarray(agents.critic.scales, features.dtype)
    step = error_scale * constants.critic_rate * error
    values = plasticity.values + step * scales * plasticity.critic_trace
    trace = plasticity.actor_trace
    if trace is not None:
        decay = constants.discount * constants.actor_decay
        change = trace = jax.tree.map(lambda old, new: decay * old + new, trace, change)
    settled = jnp.mean(plasticity.recent) > constants.settled_return
    rate = constants.actor_rate * jnp.where(settled, constants.settled_share, 1.0)
    weights = jax.tree.map(
        lambda weight, slope: weight + error_scale * rate * error * slope, life.weights, change
    )
    return weights, plasticity._replace(values=values, actor_trace=trace)


def _step(agents: Agents, goes_on: Array, constants: Constants, luck: Luck, life: Life) -> Life:
    """One step of one life; one that does not go on keeps its weights and its records."""
    environment, network = agents.environment, agents.network
    reset, step = simulator(environment)
    layers = network.fire(
        life.weights, agents.encode(life.observation), luck.neurons, constants.gain
    )
    best = jnp.argmax(network.votes(layers) + 0.5 * luck.ties)  # ties: votes are whole numbers
    action = jnp.where(luck.explores < constants.exploration, luck.action, best)
    observation, state, reward, ended = step(luck.step, life.state, action)
    observation, reward = observation.reshape(-1), jnp.asarray(reward, jnp.float32)
    over = ended | (life.length + 1 >= environment.max_steps)
    total = life.total + life.weight * reward
    finished = over & goes_on

    weights, plasticity, features = life.weights, life.plasticity, life.features
    fresh_observation, fresh_state = reset(luck.reset)
    fresh_observation = fresh_observation.reshape(-1)
    if plasticity is not None:
        after = agents.critic(observation)
        change = network.eligibilities(layers, action, constants.gain)
        weights, plasticity = _learn(
            agents, constants, life, goes_on.astype(reward.dtype), change, reward, after, ended
        )
        features = jnp.where(over, agents.critic(fresh_observation), after)
        slot = life.episodes % NUM_RECENT
        kept = constants.discount * constants.critic_decay * plasticity.critic_trace
        plasticity = plasticity._replace(
            critic_trace=jnp.where(over, 0, kept) + features,
            actor_trace=jax.tree.map(
                lambda trace: jnp.where(over, 0, trace), plasticity.actor_trace
            ),
            recent=jnp.where(finished, plasticity.recent.at[slot].set(total), plasticity.recent),
        )

    def write(history: Array | None, number: Array) -> Array | None:
        if history is None:
            return None
        place = jnp.where(finished, life.episodes, history.size)  # out of bounds is not written
        return history.at[place].set(number.astype(history.dtype), mode="drop")

    return Life(
        weights,
        plasticity,
        jnp.where(over, fresh_observation, observation),
        features,
        jax.tree.map(lambda new, old: jnp.where(over, new, old), fresh_state, state),
        episodes=life.episodes + finished,
        steps=life.steps + goes_on,
        length=jnp.where(over, 0, life.length + 1),
        total=jnp.where(over, 0.0, total),
        weight=jnp.where(over, 1.0, life.weight * agents.return_discount),
        grand_total=life.grand_total + goes_on * life.weight * reward,
        returns=write(life.returns, total),
        lengths=write(life.lengths, life.length + 1),
    )


@functools.partial(
    jax.jit, static_argnames=("agents", "num_episodes", "num_steps", "plastic", "traces")
)
def _live(
    agents: Agents,
    constants: Constants,
    keys: Array,
    weights: Weights | None,
    num_episodes: int | None,
    num_steps: int | None,
    plastic: bool,
    traces: bool,
) -> Life:
    """`live`, of constants (N,)."""

    def begin(constants: Constants, weights: Weights | None) -> Life:
        return jax.vmap(
            lambda key: _birth(agents, constants, key, weights, num_episodes, plastic, traces)
        )(keys)

    lives = jax.vmap(begin)(constants, weights)

    def goes_on(lives: Life) -> Array:
        if num_episodes is None:
            return jnp.ones(lives.episodes.shape, bool)
        return lives.episodes < num_episodes

    def advance(lives: Life, time: Array) -> Life:
        luck = jax.vmap(lambda key: _draw(agents.network, key, time))(keys)
        step = functools.partial(_step, agents)
        over_lives = jax.vmap(step, in_axes=(0, None, 0, 0))
        return jax.vmap(over_lives, in_axes=(0, 0, None, 0))(goes_on(lives), constants, luck, lives)

    # From 1 on: birth used the life's key itself.
    if num_episodes is None:
        times = jnp.arange(1, cast("int", num_steps) + 1)
        return jax.lax.scan(lambda lives, time: (advance(lives, time), None), lives, times)[0]

    def unfinished(carry: tuple[Array, Life]) -> Array:
        time, lives = carry
        limit = True if num_steps is None else time <= num_steps
        return limit & jnp.any(goes_on(lives))

    return jax.lax.while_loop(
        unfinished,
        lambda carry: (carry[0] + 1, advance(carry[1], carry[0])),
        (jnp.asarray(1), lives),
    )[1]

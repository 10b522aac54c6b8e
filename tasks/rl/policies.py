"""Policies as Flax modules, and the flat genome that holds their parameters.

Any module that maps observations (..., O) to outputs (..., A) is a policy. One that remembers has
``start`` as well, see `Remembering`.

Shape letters: O observation, A outputs, D parameters, W width of a hidden layer.
"""

import functools
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import linen
from jax import Array

from diffevo.algorithms.base import SolutionSpec

Memory = Any

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": linen.relu,
    "elu": linen.elu,
    "gelu": linen.gelu,
    "sigmoid": linen.sigmoid,
    "silu": linen.silu,
    "sin": jnp.sin,
}


@runtime_checkable
class Remembering(Protocol):
    """A policy with a memory that lasts an episode."""

    def start(self, shape: tuple[int, ...]) -> Memory:
        """The memory at the start of episodes of any batch shape, which its leaves begin with."""
        ...

    def __call__(self, observation: Array, memory: Memory) -> tuple[Array, Memory]:
        """Outputs (..., A) for observations (..., O), and the memory for the next ones."""
        ...


class MLP(linen.Module):
    """Layers with biases: observations (..., O) to outputs (..., A).

    Attributes:
        hidden: widths of the hidden layers; () is a linear policy.
        num_outputs: A.
        activation: key of ``ACTIVATIONS``, after every hidden layer.
    """

    hidden: tuple[int, ...] = (8,)
    num_outputs: int = 2
    activation: str = "tanh"

    @linen.compact
    def __call__(self, observation: Array) -> Array:
        """Outputs (..., A) for observations (..., O)."""
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation: expected one of {tuple(ACTIVATIONS)}, got {self.activation!r}"
            )
        for width in self.hidden:
            observation = ACTIVATIONS[self.activation](linen.Dense(width)(observation))
        return linen.Dense(self.num_outputs)(observation)


CELLS: dict[str, Callable[..., linen.Module]] = {"elman": linen.SimpleCell, "gru": linen.GRUCell}


class Pooled(linen.Module):
    """An MLP of the row and column sums of planes: a smaller genome where single pixels say little.

    Attributes:
        shape: (H, W, C) of an observation, which comes flat, (..., H W C).
        hidden: widths of the hidden layers; () is linear.
        num_outputs: A.
        activation: key of ``ACTIVATIONS``.
    """

    shape: tuple[int, int, int] = (10, 10, 4)
    hidden: tuple[int, ...] = (8,)
    num_outputs: int = 2
    activation: str = "relu"

    @linen.compact
    def __call__(self, observation: Array) -> Array:
        """Outputs (..., A) for observations (..., H W C)."""
        batch = observation.shape[:-1]
        planes = observation.reshape(*batch, *self.shape)
        sums = [jnp.sum(planes, axis).reshape(*batch, -1) for axis in (-2, -3)]
        inputs = jnp.concatenate(sums, axis=-1)
        return MLP(self.hidden, self.num_outputs, self.activation)(inputs)


class Recurrent(linen.Module):
    """One recurrent layer and a linear readout; its state starts at zero.

    "elman" is h <- tanh(W x + U h + b) (Elman 1990), "gru" the gated recurrent unit
    (arXiv 1406.1078).

    Attributes:
        cell: key of ``CELLS``.
        width: W, of the state.
        num_outputs: A.
    """

    cell: str = "elman"
    width: int = 8
    num_outputs: int = 2

    def start(self, shape: tuple[int, ...]) -> Array:
        """States (..., W), zero."""
        return jnp.zeros((*shape, self.width))

    @linen.compact
    def __call__(self, observation: Array, memory: Array) -> tuple[Array, Array]:
        """Outputs (..., A) and states (..., W) for observations (..., O)."""
        if self.cell not in CELLS:
            raise ValueError(f"cell: expected one of {tuple(CELLS)}, got {self.cell!r}")
        memory, state = CELLS[self.cell](self.width)(memory, observation)
        return linen.Dense(self.num_outputs)(state), memory


class Spiking(linen.Module):
    """Layers of leaky integrate-and-fire neurons, the observation a constant current.

    ``num_steps`` times an observation, in every layer, with s the spikes of the layer before:

        v <- sigmoid(leak) v + W s + b        the first layer has W observation + b
        s = [v > 1],   v <- v - s             a spike takes the threshold off

    The outputs are a linear readout of the last layer's spike rates. Potentials last an episode.
    The threshold has no slope, and needs none: nothing is differentiated. It is 1 without loss of
    generality, as weights and biases have any scale.

    Attributes:
        hidden: W, neurons of each layer, at least one layer.
        num_outputs: A.
        num_steps: simulated for each observation, >= 1.

    Raises:
        ValueError: without a layer or a step, when it is used.
    """

    hidden: tuple[int, ...] = (16,)
    num_outputs: int = 2
    num_steps: int = 4

    def start(self, shape: tuple[int, ...]) -> tuple[Array, ...]:
        """Potentials of each layer (..., W), zero."""
        return tuple(jnp.zeros((*shape, width)) for width in self.hidden)

    @linen.compact
    def __call__(
        self, observation: Array, memory: tuple[Array, ...]
    ) -> tuple[Array, tuple[Array, ...]]:
        """Outputs (..., A) and potentials for observations (..., O)."""
        if not self.hidden or self.num_steps < 1:
            raise ValueError(
                "hidden, num_steps: expected at least one layer and one step, "
                f"got {self.hidden} and {self.num_steps}"
            )
        layers = [linen.Dense(width) for width in self.hidden]
        keeps = [
            linen.sigmoid(self.param(f"leak_{i}", linen.initializers.zeros, (width,)))
            for i, width in enumerate(self.hidden)
        ]
        current = layers[0](observation)
        potentials, rates = list(memory), jnp.zeros((*current.shape[:-1], self.hidden[-1]))
        for _ in range(self.num_steps):
            spikes = observation
            for i, (layer, keep) in enumerate(zip(layers, keeps, strict=True)):
                potential = keep * potentials[i] + (current if i == 0 else layer(spikes))
                spikes = jnp.where(potential > 1, 1.0, 0.0)
                potentials[i] = potential - spikes
            rates = rates + spikes / self.num_steps
        return linen.Dense(self.num_outputs)(rates), tuple(potentials)


@jax.custom_jvp
def spike(potential: Array) -> Array:
    """1 where a potential has reached the threshold 1, else 0; differentiable by a surrogate.

    The derivative of a step is 0 almost everywhere. Instead, that of a fast sigmoid is taken,
    1 / (1 + 10 |v - 1|)^2 (Zenke, Ganguli, SuperSpike, 2018), for whoever asks for a gradient.
    """
    return jnp.where(potential >= 1, 1.0, 0.0).astype(potential.dtype)


@spike.defjvp
def _spike_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (potential,), (tangent,) = primals, tangents
    return spike(potential), tangent / (1 + 10 * jnp.abs(potential - 1)) ** 2


RESETS = ("subtract", "zero")
READOUTS = ("potential", "spikes")
INPUTS = ("current", "poisson")


class IntegrateAndFire(linen.Module):
    """An MLP's neurons as integrate-and-fire ones: a ReLU is the rate of its spikes.

    It has the parameters of an `MLP` of the same shape; `tasks.rl.conversion` makes them fit.
    Potentials v start at 0 for every observation. ``num_steps`` times, in every layer, with s the
    spikes of the layer before:

        v <- (1 - leak) v + W s + b           the first layer has W x + b
        s = [v >= 1],   v <- v - s            with the reset "zero": v <- 0 where s = 1

    With leak 0 and the reset "subtract" a constant current z gives spikes at the rate
    min(max(z, 0), 1) within 1 / num_steps: nothing but the rest v / num_steps is lost.

    The outputs, (..., A), are of the last layer: the mean current of neurons that only add up
    ("potential"), which with leak 0 is their potential over ``num_steps``; or the rate of their
    spikes ("spikes"), which knows nothing below 0.

    Reference: Patel et al., Improved robustness of reinforcement learning policies upon conversion
    to spiking neuronal network platforms applied to Atari Breakout game (arXiv 1903.11012);
    subtractive reset: Rueckauer et al., Conversion of continuous-valued deep networks to efficient
    event-driven networks for image classification (2017).

    Attributes:
        hidden: W, neurons of each hidden layer, at least one layer.
        num_outputs: A.
        num_steps: T, simulated for each observation, >= 1.
        leak: share of a potential that is lost in a step, in [0, 1].
        reset: one of ``RESETS``.
        readout: one of ``READOUTS``.
        input: "current", the observation is a constant current; "poisson", every number of it is a
            spike train, a Bernoulli draw in each step with this probability, cut to [0, 1]. The
            draws need a key: ``apply(parameters, observation, rngs={"input": key})``.

    Raises:
        ValueError: an attribute is out of its range, when it is used; the message names it.
    """

    hidden: tuple[int, ...] = (16,)
    num_outputs: int = 2
    num_steps: int = 100
    leak: float = 0.0
    reset: str = "subtract"
    readout: str = "potential"
    input: str = "current"

    @linen.compact
    def __call__(self, observation: Array) -> Array:
        """Outputs (..., A) for observations (..., O)."""
        self._check()
        sizes = (*self.hidden, self.num_outputs)
        layers = [linen.Dense(width) for width in sizes]
        batch = observation.shape[:-1]
        # The same in all steps, and the first layer's is the largest product.
        current = layers[0](observation)
        for before, layer in zip(sizes[:-1], layers[1:], strict=True):
            if self.is_initializing():
                layer(jnp.zeros((*batch, before)))
        if self.is_initializing():
            return jnp.zeros((*batch, self.num_outputs))
        weights = [
            (layer.variables["params"]["kernel"], layer.variables["params"]["bias"])
            for layer in layers
        ]
        keys = None
        if self.input == "poisson":
            keys = jax.random.split(self.make_rng("input"), self.num_steps)

        def step(carry: tuple[list[Array], Array], key: Array | None) -> tuple[Any, None]:
            potentials, total = carry
            arriving = current
            if key is not None:
                drawn = jax.random.uniform(key, observation.shape, observation.dtype) < observation
                arriving = drawn.astype(observation.dtype) @ weights[0][0] + weights[0][1]
            after = []
            for i, potential in enumerate(potentials):
                potential = (1 - self.leak) * potential + arriving
                spikes = spike(potential)
                after.append(potential - spikes * (potential if self.reset == "zero" else 1))
                if i + 1 < len(weights):
                    arriving = spikes @ weights[i + 1][0] + weights[i + 1][1]
                else:
                    arriving = spikes
            return (after, total + arriving), None

        spiking = self.hidden if self.readout == "potential" else sizes
        potentials = [jnp.zeros((*batch, width), current.dtype) for width in spiking]
        total = jnp.zeros((*batch, self.num_outputs), current.dtype)
        (_, total), _ = jax.lax.scan(step, (potentials, total), keys, length=self.num_steps)
        return total / self.num_steps

    def _check(self) -> None:
        if not self.hidden or self.num_steps < 1:
            raise ValueError(
                "hidden, num_steps: expected at least one layer and one step, "
                f"got {self.hidden} and {self.num_steps}"
            )
        if not 0 <= self.leak <= 1:
            raise ValueError(f"leak: expected a share in [0, 1], got {self.leak}")
        for name, known in (("reset", RESETS), ("readout", READOUTS), ("input", INPUTS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {known}, got {getattr(self, name)!r}")


def start(policy: linen.Module, shape: tuple[int, ...]) -> Memory:
    """The memory that episodes of a batch shape start with; () for a policy that has none."""
    return policy.start(shape) if isinstance(policy, Remembering) else ()


def act(
    policy: linen.Module, parameters: Any, observation: Array, memory: Memory
) -> tuple[Array, Memory]:
    """Outputs (..., A) for observations (..., O) and the next memory, whatever the policy."""
    if isinstance(policy, Remembering):
        outputs, memory = policy.apply(parameters, observation, memory)
        return outputs, memory
    return jnp.asarray(policy.apply(parameters, observation)), memory


@functools.lru_cache(maxsize=64)
def parameter_spec(policy: linen.Module, num_inputs: int) -> SolutionSpec:
    """How a policy's parameters lie in the genome: in the order of their sorted names.

    Args:
        policy: any policy of observations (O,); hashed by value.
        num_inputs: O.

    Returns:
        The structure: ``num_dims`` is D, ``unravel`` turns genomes (N, D) into parameters.
    """
    memory = () if not isinstance(policy, Remembering) else (policy.start(()),)
    shapes = jax.eval_shape(policy.init, jax.random.key(0), jnp.zeros(num_inputs), *memory)
    return SolutionSpec.of(shapes)


POLICIES: dict[str, type[linen.Module]] = {
    policy.__name__: policy for policy in (MLP, Pooled, Recurrent, Spiking, IntegrateAndFire)
}

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
    policy.__name__: policy for policy in (MLP, Recurrent, Spiking)
}

"""Policies as Flax modules, and the flat genome that holds their parameters.

Shape letters: O observation, A outputs, D parameters.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen

from diffevo.algorithms.base import SolutionSpec

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "tanh": jnp.tanh,
    "relu": linen.relu,
}


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
    def __call__(self, observation: jax.Array) -> jax.Array:
        """Outputs (..., A) for observations (..., O)."""
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation: expected one of {tuple(ACTIVATIONS)}, got {self.activation!r}"
            )
        for width in self.hidden:
            observation = ACTIVATIONS[self.activation](linen.Dense(width)(observation))
        return linen.Dense(self.num_outputs)(observation)


@functools.lru_cache(maxsize=64)
def parameter_spec(policy: linen.Module, num_inputs: int) -> SolutionSpec:
    """How a policy's parameters lie in the genome: in the order of their sorted names.

    Args:
        policy: any module of observations (O,); hashed by value.
        num_inputs: O.

    Returns:
        The structure: ``num_dims`` is D, ``unravel`` turns genomes (N, D) into parameters.
    """
    shapes = jax.eval_shape(policy.init, jax.random.key(0), jnp.zeros(num_inputs))
    return SolutionSpec.of(shapes)

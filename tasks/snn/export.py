"""Networks for other simulators and chips: NIR, through spyx, and spyx's own modules.

The one file that imports spyx and nir: ``pip install 'diffevo-jax[spyx]'``, Python 3.11 or 3.12.

What NIR, as spyx writes it, can express is a chain of dense layers of `LIF` neurons with the reset
"subtract", without refractory period, inhibition or plasticity: what a network has learned, not
how. spyx's neurons fire one step later than ours, and at v > threshold, not v >= threshold.
"""

import importlib
import itertools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import ArrayLike

from tasks.snn.neurons import LIF, AdaptiveLIF, leak

try:
    nir, spyx_nir, spyx_nn = map(importlib.import_module, ("nir", "spyx.nir", "spyx.nn"))
except ImportError as error:
    raise ImportError(
        "spyx and NIR: need spyx, which is for Python below 3.13: pip install 'diffevo-jax[spyx]'"
    ) from error


def spyx_neuron(neuron: LIF | AdaptiveLIF, number: int) -> Any:
    """The module of spyx that does what our neuron does, a step later.

    Args:
        neuron: `LIF` with reset "subtract", or `AdaptiveLIF` with scale 1.
        number: of neurons.

    Raises:
        ValueError: for a neuron that spyx does not have.
    """
    shape, rngs = (number,), nnx.Rngs(0)
    if isinstance(neuron, AdaptiveLIF):
        if neuron.scale != 1:
            raise ValueError(f"scale: spyx has 1 only, got {neuron.scale}")
        beta, gamma = (float(leak(t, neuron.dt)) for t in (neuron.tau, neuron.tau_adaptation))
        return spyx_nn.ALIF(shape, beta, gamma, neuron.threshold, rngs=rngs)
    if not isinstance(neuron, LIF) or neuron.reset != "subtract":
        raise ValueError(f"neuron: expected LIF with reset 'subtract', got {neuron}")
    if np.isinf(neuron.tau):
        return spyx_nn.IF(shape, neuron.threshold)
    return spyx_nn.LIF(shape, float(leak(neuron.tau, neuron.dt)), neuron.threshold, rngs=rngs)


def chain(neurons: Sequence[LIF], weights: Sequence[ArrayLike]) -> Any:
    """A chain of dense layers as one of spyx's modules.

    Args:
        neurons: of each layer.
        weights: into each layer, (I, N).

    Raises:
        ValueError: for layers that do not fit together, and what spyx does not have.
    """
    layers, rngs = [], nnx.Rngs(0)
    for neuron, matrix in zip(neurons, weights, strict=True):
        matrix = jnp.asarray(matrix)
        linear = nnx.Linear(*matrix.shape, use_bias=False, rngs=rngs)
        linear.kernel[...] = matrix
        layers += [linear, spyx_neuron(neuron, matrix.shape[1])]
    for before, after in itertools.pairwise(weights):
        if np.shape(before)[1] != np.shape(after)[0]:
            raise ValueError(
                f"weights: expected layers that fit, got {np.shape(before)}, {np.shape(after)}"
            )
    return spyx_nn.Sequential(*layers)


def to_nir(neurons: Sequence[LIF], weights: Sequence[ArrayLike]) -> Any:
    """A chain of dense layers as a NIR graph; ``nir.write`` writes it.

    Args:
        neurons: of each layer: `LIF` with reset "subtract".
        weights: into each layer, (I, N).

    Raises:
        ValueError: as `chain`.
    """
    shapes = [np.shape(matrix) for matrix in weights]
    ends = {"input": np.array([shapes[0][0]])}, {"output": np.array([shapes[-1][1]])}
    return spyx_nir.to_nir(chain(neurons, weights), *ends, dt=float(np.asarray(neurons[0].dt)))

"""A ReLU network as integrate-and-fire neurons: the parameters that `IntegrateAndFire` needs.

```python
mlp = MLP((64,), 3, "relu")                            # trained or evolved, with its parameters
spiking = IntegrateAndFire((64,), 3, num_steps=100)
converted = normalize(parameters, observations, percentile=99)
outputs = spiking.apply(converted, observation)        # -> mlp.apply(parameters, observation)
```

Spikes come at a rate of 1 a step at most. So every layer's parameters are divided by how large its
activations become, which changes nothing else, as a ReLU knows no scale.

Shape letters: B observations, O inputs, L layers.

References: Diehl et al., Fast-classifying, high-accuracy spiking deep networks through weight and
threshold balancing (2015); the percentile: Rueckauer et al., Conversion of continuous-valued deep
networks to efficient event-driven networks for image classification (2017); for a Q-network:
Patel et al. (arXiv 1903.11012).
"""

from typing import Any

import jax.numpy as jnp
from flax import linen
from jax import Array
from jax.typing import ArrayLike

Parameters = Any


def activations(parameters: Parameters, observations: Array) -> list[Array]:
    """What the layers of a ReLU network say.

    Args:
        parameters: of an `MLP`.
        observations: shape (B, O).

    Returns:
        max(W x + b, 0) of each hidden layer, (B, width), and the outputs (B, A), L in all.

    Raises:
        ValueError: parameters of something else, or observations of another shape.
    """
    layers = _layers(parameters)
    width = layers[0]["kernel"].shape[0]
    if observations.ndim != 2 or observations.shape[1] != width:
        raise ValueError(f"observations: expected shape (B, {width}), got {observations.shape}")
    values, found = observations, []
    for i, layer in enumerate(layers):
        values = values @ layer["kernel"] + layer["bias"]
        values = linen.relu(values) if i + 1 < len(layers) else values
        found.append(values)
    return found


def normalize(
    parameters: Parameters,
    observations: Array,
    percentile: ArrayLike = 99.0,
    readout: str = "potential",
) -> Parameters:
    r"""Weights W_l \lambda_{l-1} / \lambda_l and biases b_l / \lambda_l.

    \lambda_l is a percentile of the activations of layer l, all of its neurons' over all
    observations, and \lambda_0 = 1: inputs stay as they are. What is beyond the percentile
    saturates; what is far below it takes many steps to be told apart. With the readout "potential"
    \lambda_L = 1, and the outputs are those of the network.

    Args:
        parameters: of an `MLP` with activation "relu".
        observations: shape (B, O), that the network meets in use.
        percentile: in (0, 100]; may be traced, then it is not checked.
        readout: of the `IntegrateAndFire` that the parameters are for.

    Returns:
        Parameters of the same structure. A layer whose percentile is 0 stays as it is.

    Raises:
        ValueError: as `activations`, and for another percentile or readout.
    """
    if isinstance(percentile, int | float) and not 0 < percentile <= 100:
        raise ValueError(f"percentile: expected a number in (0, 100], got {percentile}")
    if readout not in ("potential", "spikes"):
        raise ValueError(f"readout: expected 'potential' or 'spikes', got {readout!r}")
    seen = activations(parameters, observations)
    scales = [jnp.percentile(linen.relu(values), percentile) for values in seen]
    scales = [jnp.where(scale > 0, scale, 1.0) for scale in scales]
    if readout == "potential":
        scales[-1] = jnp.ones_like(scales[-1])
    before = [jnp.ones_like(scales[0]), *scales[:-1]]
    return _with_layers(
        {"kernel": layer["kernel"] * old / new, "bias": layer["bias"] / new}
        for layer, old, new in zip(_layers(parameters), before, scales, strict=True)
    )


def scaled(parameters: Parameters, scales: ArrayLike) -> Parameters:
    """Weights and biases of layer l times scale l: conversion with as many numbers as layers.

    For `IntegrateAndFire` with a leak and the reset "zero", whose rates are no linear function of
    currents, so that normalisation does not tell the scales; they are searched for. In the
    reference, arXiv 1903.11012, potentials are in mV, with the threshold 13 mV above rest: a scale
    there is 13 times one here.

    Args:
        parameters: of an `MLP`.
        scales: shape (L,).

    Raises:
        ValueError: for another number of scales.
    """
    layers, scales = _layers(parameters), jnp.asarray(scales)
    if scales.shape != (len(layers),):
        raise ValueError(f"scales: expected shape ({len(layers)},), got {scales.shape}")
    return _with_layers(
        {name: leaf * scale for name, leaf in layer.items()}
        for layer, scale in zip(layers, scales, strict=True)
    )


def _layers(parameters: Parameters) -> list[dict[str, Array]]:
    """Kernel and bias of each layer, the first first."""
    named = parameters.get("params", {}) if isinstance(parameters, dict) else {}
    names = [f"Dense_{i}" for i in range(len(named))]
    if not names or set(names) != set(named):
        raise ValueError(
            f"parameters: expected those of an MLP, {{'params': {{'Dense_0': ...}}}}, got {named!r}"
        )
    return [named[name] for name in names]


def _with_layers(layers: Any) -> Parameters:
    return {"params": {f"Dense_{i}": layer for i, layer in enumerate(layers)}}

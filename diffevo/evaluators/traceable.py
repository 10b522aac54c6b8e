"""Fitness functions that JAX can trace: of one solution, or of a whole population at once."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

PyTree = Any
FitnessFunction = Callable[[PyTree], Array]


def _shape_of(fun: FitnessFunction, argument: PyTree) -> Any:
    """The shape of fun's result, or the exception that tracing it raised."""
    try:
        out = jax.eval_shape(fun, argument)
        return jnp.shape(out) if hasattr(out, "shape") else f"a {type(out).__name__}"
    except Exception as error:  # whatever the user's code raises is part of the message
        return error


def batch_function(
    fun: FitnessFunction, solution: PyTree, population_size: int, batched: bool | None = None
) -> Callable[[PyTree], Array]:
    """Make fun take a population, whichever of the two forms it has.

    A function that maps one solution to a scalar is vmapped. Otherwise it must map a population,
    leaves with a leading axis N, to N numbers.

    Args:
        fun: traceable by JAX.
        solution: template of one solution (arrays or `jax.ShapeDtypeStruct`s).
        population_size: N.
        batched: False: one solution; True: a population; None: tried in this order.

    Returns:
        A function from a population to fitness of shape (N,).

    Raises:
        ValueError: neither form fits, with what came instead; the cause is the user's exception
            if there was one.
    """
    template = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), solution)
    stacked = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((population_size, *leaf.shape), leaf.dtype), template
    )
    tried: dict[str, Any] = {}
    if batched is not True:
        shape = _shape_of(fun, template)
        if shape == ():
            return jax.vmap(fun)
        tried["of one solution (expected a scalar)"] = shape
    if batched is not False:
        shape = _shape_of(fun, stacked)
        if shape == (population_size,):
            return fun
        tried[f"of a population (expected shape ({population_size},))"] = shape
    report = "; ".join(
        f"{form} it gave {type(got).__name__}: {got}"
        if isinstance(got, Exception)
        else f"{form} it gave {got}"
        for form, got in tried.items()
    )
    cause = next((got for got in tried.values() if isinstance(got, Exception)), None)
    raise ValueError(
        f"fun: expected a JAX-traceable function to real numbers; {report}. Set batched=True or "
        "batched=False to say which form it has."
    ) from cause

"""Fitness functions that JAX can trace: of one solution, or of a whole population at once."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import Tracer

PyTree = Any
FitnessFunction = Callable[[PyTree], Array]


@dataclasses.dataclass(frozen=True)
class _Untraced:
    """The result did not depend on the argument, as far as JAX can see."""

    kind: str


def _shape_of(fun: FitnessFunction, argument: PyTree) -> Any:
    """The shape of fun's result, the exception that tracing it raised, or that it is not traced."""
    shape: Any = None

    def traced(argument: PyTree) -> Array:
        nonlocal shape
        out = fun(argument)
        # A function that gets along with a tracer and returns a number of Python has swallowed an
        # exception, say, or has sent the tracer's name to a simulator.
        is_traced = isinstance(out, Tracer)
        shape = jnp.shape(out) if is_traced else _Untraced(type(out).__name__)
        return jnp.zeros(())

    try:
        jax.eval_shape(traced, argument)
    except Exception as error:  # whatever the user's code raises is part of the message
        return error
    return shape


def batch_function(
    fun: FitnessFunction,
    solution: PyTree,
    population_size: int,
    batched: bool | None = None,
    required: bool = True,
) -> Callable[[PyTree], Array] | None:
    """Make fun take a population, whichever of the two forms it has.

    A function that maps one solution to a scalar is vmapped. Otherwise it must map a population,
    leaves with a leading axis N, to N numbers. It is not traceable if tracing it raises, or if what
    it returns does not depend on what it is given as far as JAX can see.

    Args:
        fun: the function.
        solution: template of one solution (arrays or `jax.ShapeDtypeStruct`s).
        population_size: N.
        batched: False: one solution; True: a population; None: tried in this order.
        required: whether it must be traceable.

    Returns:
        A function from a population to fitness of shape (N,); None if it is not traceable and need
        not be.

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
    # A traced result of another shape is a mistake in a JAX function, not another kind of function.
    if not required and not any(isinstance(got, tuple) for got in tried.values()):
        return None
    report = "; ".join(f"{form} it gave {_describe(got)}" for form, got in tried.items())
    cause = next((got for got in tried.values() if isinstance(got, Exception)), None)
    raise ValueError(
        f"fun: expected a JAX-traceable function to real numbers; {report}. Set batched=True or "
        "batched=False to say which form it has."
    ) from cause


def _describe(got: Any) -> str:
    if isinstance(got, Exception):
        return f"{type(got).__name__}: {got}"
    return f"a {got.kind} that JAX did not trace" if isinstance(got, _Untraced) else str(got)

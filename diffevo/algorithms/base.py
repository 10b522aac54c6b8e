"""What every algorithm shares: solutions as pytrees, evaluated populations, metrics.

Shape letters: N population, D dimensions of the flat genome.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from diffevo.core import archive, metrics

PyTree = Any
Metrics = dict[str, Array]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class SolutionSpec:
    """Structure of one solution: a hashable stand-in for the template that the user gave.

    Attributes:
        treedef: the pytree's structure.
        shapes: shape of each leaf.
        dtypes: floating dtype name of each leaf.
    """

    treedef: Any
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]

    @classmethod
    def of(cls, solution: PyTree) -> "SolutionSpec":
        """Read the structure of a template (arrays, numbers or `jax.ShapeDtypeStruct`s)."""
        if isinstance(solution, SolutionSpec):
            return solution
        leaves, treedef = jax.tree.flatten(solution)
        if not leaves:
            raise ValueError("solution: expected a pytree with at least one array, got none")
        avals = []
        for leaf in leaves:
            if not hasattr(leaf, "shape") or not hasattr(leaf, "dtype"):
                leaf = jnp.asarray(leaf)
            if not jnp.issubdtype(leaf.dtype, jnp.floating):
                raise ValueError(f"solution: expected floating-point leaves, got {leaf.dtype}")
            # numpy's float64 is float32 here unless 64-bit types are switched on.
            avals.append((tuple(leaf.shape), jax.dtypes.canonicalize_dtype(leaf.dtype).name))
        spec = cls(treedef, tuple(shape for shape, _ in avals), tuple(dtype for _, dtype in avals))
        if spec.num_dims == 0:
            raise ValueError("solution: expected at least one number, got only empty arrays")
        return spec

    @property
    def num_dims(self) -> int:
        """D, the length of the flat genome."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def dtype(self) -> jnp.dtype:
        """The genome's dtype: the widest leaf, at least float32 (bfloat16 would lose the noise)."""
        return jnp.dtype("float64" if "float64" in self.dtypes else "float32")

    def ravel(self, population: PyTree, population_size: int) -> Array:
        """Flatten a population, leaves (N, ...), into genomes (N, D)."""
        leaves, treedef = jax.tree.flatten(population)
        if treedef != self.treedef:
            raise ValueError(f"population: expected the structure {self.treedef}, got {treedef}")
        for leaf, shape in zip(leaves, self.shapes, strict=True):
            expected = (population_size, *shape)
            if jnp.shape(leaf) != expected:
                raise ValueError(
                    f"population: expected a leaf of shape {expected}, got {jnp.shape(leaf)}"
                )
        columns = [
            jnp.reshape(jnp.asarray(leaf), (population_size, math.prod(shape))).astype(self.dtype)
            for leaf, shape in zip(leaves, self.shapes, strict=True)
        ]
        return columns[0] if len(columns) == 1 else jnp.concatenate(columns, axis=1)

    def unravel(self, genomes: Array) -> PyTree:
        """Inverse of `ravel`, for any leading axes: (..., D) to leaves (..., *shape)."""
        leaves, start = [], 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            size = math.prod(shape)
            leaf = genomes[..., start : start + size]
            leaves.append(leaf.reshape(*genomes.shape[:-1], *shape).astype(dtype))
            start += size
        return jax.tree.unflatten(self.treedef, leaves)


def check_int(name: str, value: Any) -> None:
    """Raise ValueError unless it is an integer >= 1, numpy's included."""
    is_int = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_int or value < 1:
        raise ValueError(f"{name}: expected an int >= 1, got {value!r}")


def check_fitness(fitness: Any, population_size: int, dtype: jnp.dtype) -> Array:
    """Fitness as an array (N,) of the genome's dtype, or a ValueError that says what came."""
    if fitness is None:
        raise ValueError(f"fitness: expected {population_size} numbers, got None")
    fitness = jnp.asarray(fitness)
    if fitness.shape != (population_size,):
        raise ValueError(f"fitness: expected shape ({population_size},), got {fitness.shape}")
    if jnp.issubdtype(fitness.dtype, jnp.complexfloating):
        raise ValueError(f"fitness: expected real numbers, got {fitness.dtype}")
    return fitness.astype(dtype)


def compiled(method: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """`jax.jit` of an algorithm's `init` or `tell`, whatever kind of numbers fitness comes in.

    A list would be a program with an argument for every number, slow to compile and to call;
    integers would be another program.
    """
    jitted = jax.jit(method, static_argnames="self")
    place = 3  # self, key, population, fitness

    @functools.wraps(method)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if len(args) > place:
            fitness = one_array("fitness", args[place])
            return jitted(*args[:place], fitness, *args[place + 1 :], **_with_traits(kwargs))
        if "fitness" in kwargs:
            kwargs["fitness"] = one_array("fitness", kwargs["fitness"])
        return jitted(*args, **_with_traits(kwargs))

    return call


def _with_traits(named: dict[str, Any]) -> dict[str, Any]:
    traits = named.get("traits")
    if not isinstance(traits, dict):
        return named
    found = {name: one_array(f"traits[{name!r}]", values) for name, values in traits.items()}
    return named | {"traits": found}


def one_array(name: str, values: Any) -> Any:
    """A list of numbers as one array, integers as floats; everything else as it is.

    Raises:
        ValueError: a list holds something else than numbers.
    """
    if isinstance(values, list | tuple):
        try:
            traced = any(isinstance(value, Tracer) for value in values)
            values = jnp.asarray(values) if traced else np.asarray(values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: expected numbers, got {values!r}") from error
        if not (jnp.issubdtype(values.dtype, jnp.number) or _is_integer(values.dtype)):
            raise ValueError(f"{name}: expected numbers, got {values.tolist()!r}")
    if hasattr(values, "dtype") and _is_integer(values.dtype):
        values = values.astype(jnp.result_type(float))
    return values


def _is_integer(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.integer) or jnp.issubdtype(dtype, jnp.bool_)


def sample_population(key: Array, population_size: int, solution: SolutionSpec) -> PyTree:
    """Solutions from N(0, I), with a leading axis N."""
    shape = (population_size, solution.num_dims)
    return solution.unravel(jax.random.normal(key, shape, solution.dtype))


def take_in(
    population: PyTree,
    fitness: Any,
    population_size: int,
    solution: SolutionSpec,
    fallback: Array | None = None,
    admit: Callable[[Array], Array] | None = None,
) -> tuple[Array, Array]:
    """Genomes (N, D) and fitness (N,) of an evaluated population: checked, and all finite.

    Args:
        population: leaves (N, ...).
        fitness: shape (N,), NaN is failed.
        population_size: N.
        solution: structure of one solution.
        fallback: genomes (N, D) that replace rows which are not finite; None is zero.
        admit: turns values outside the search's domain into NaN; None admits all.

    Raises:
        ValueError: a shape or structure does not fit.
    """
    genomes = solution.ravel(population, population_size)
    fitness = check_fitness(fitness, population_size, genomes.dtype)
    if admit is not None:
        genomes = admit(genomes)
    return contain(genomes, fitness, jnp.zeros_like(genomes) if fallback is None else fallback)


def contain(genomes: Array, fitness: Array, fallback: Array) -> tuple[Array, Array]:
    """A genome that is not finite is a failed member: its row falls back, its fitness is NaN."""
    intact = jnp.all(jnp.isfinite(genomes), axis=1)
    return (
        jnp.where(intact[:, None], genomes, fallback),
        jnp.where(intact, fitness, jnp.nan),
    )


def first_best(genomes: Array, fitness: Array) -> tuple[Array, Array]:
    """Best of the initial population; its first member at +inf if all failed."""
    start = jnp.full((), jnp.inf, fitness.dtype)
    return archive.update_best(genomes[0], start, genomes, fitness)


def told(state: Any, genomes: Array, fitness: Array) -> Any:
    """A state that has taken in an evaluated generation: what all algorithms' states share."""
    best_solution, best_fitness = archive.update_best(
        state.best_solution, state.best_fitness, genomes, fitness
    )
    return state.replace(
        population=genomes,
        fitness=fitness,
        generation=state.generation + 1,
        best_solution=best_solution,
        best_fitness=best_fitness,
    )


class Modes(NamedTuple):
    """Distinct good solutions, best first.

    Attributes:
        solutions: leaves (M, ...).
        fitness: shape (M,).
        found: the generation of each, int32.
        valid: booleans; the rest are padding.
    """

    solutions: PyTree
    fitness: Array
    found: Array
    valid: Array

    @classmethod
    def of(
        cls, solution: SolutionSpec, genomes: Array, fitness: Array, found: Array, valid: Array
    ) -> "Modes":
        """Genomes (M, D), in any order, as modes."""
        order = jnp.argsort(jnp.where(valid, fitness, jnp.inf), stable=True)
        return cls(solution.unravel(genomes[order]), fitness[order], found[order], valid[order])


def summarize(genomes: Array, fitness: Array, best_fitness: Array, generation: Array) -> Metrics:
    """What a human wants to see of one evaluated generation; all scalars.

    ``mean_fitness`` is over the finite ones (NaN if there are none); ``diversity`` is the
    root-mean-square distance to the centroid per dimension, in genome units.
    """
    finite = jnp.isfinite(fitness)
    total = jnp.sum(jnp.where(finite, fitness, 0.0))
    return {
        "generation": generation,
        "best_fitness": best_fitness,
        "best_fitness_in_generation": jnp.min(jnp.where(jnp.isnan(fitness), jnp.inf, fitness)),
        "mean_fitness": total / jnp.sum(finite).astype(fitness.dtype),  # 0 / 0 is NaN
        "num_failed": jnp.sum(jnp.isnan(fitness)),
        "diversity": metrics.diversity(genomes),
    }

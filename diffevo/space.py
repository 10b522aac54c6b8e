r"""Between the user's solutions and the unit-Gaussian genome that diffusion works on.

A solution is any pytree; every leaf is real numbers, integers, or choices. Its genome is one row of
D numbers, N(0, I) before anything is known. How values leave and enter:

* real, bounded: x = center + half_width r(u), where r folds the genome u into [-1, 1] by reflection
  at the bounds, r(u) = 1 - |((u + 1) mod 4) - 2|; the unit Gaussian then covers the box nearly
  evenly. Back: u = (x - center) / half_width.
* real, unbounded: x = center + scale u, and back.
* ``log=True``: the same for the logarithm of x, so x is positive.
* integers: the same for a real number in [low - 1/2, high + 1/2], which is then rounded: each value
  has an equal share. Back: the middle of its share.
* a choice of K: K numbers, the position of the greatest is chosen. Back: 1 for the chosen, -1 for
  the others.

So encode followed by decode gives a solution back: integers and choices exactly, real numbers up to
rounding. Decode followed by encode gives the genome back where that is possible: for real numbers
that are not reflected.
"""

import dataclasses
import functools
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from diffevo.algorithms.base import SolutionSpec
from diffevo.algorithms.mixed import Variables

PyTree = Any

# float32 counts up to 2^24; a quarter of that leaves room to tell an integer from its neighbours.
# A logarithm has the same digits for all magnitudes, so that fewer are told apart.
_GREATEST_INTEGER = 2**22
_GREATEST_LOG_INTEGER = 2**17
# Solutions are the same mode if their genomes are closer than this in every coordinate.
_SAME_MODE = 1e-3
# Structure of a solution that is one array.
_LEAF = jax.tree.structure(0)
_DTYPES = ["bfloat16", "float16", "float32", "float64"]


class Box(struct.PyTreeNode):
    """An axis-parallel box, or all of space; traced, so other bounds compile nothing.

    Attributes:
        center: shape (D,).
        scale: half the width of the box, or the prior spread where unbounded, shape (D,).
        bounded: shape (D,), booleans.
    """

    center: Array
    scale: Array
    bounded: Array

    def decode(self, genomes: Array) -> Array:
        """Genomes (..., D) to solutions within the bounds."""
        folded = 1.0 - jnp.abs(jnp.mod(genomes + 1.0, 4.0) - 2.0)
        return self.center + self.scale * jnp.where(self.bounded, folded, genomes)

    def encode(self, solutions: np.ndarray) -> np.ndarray:
        """Solutions (..., D) to the genomes that decode to them, within [-1, 1] where bounded.

        In numpy: solutions come one at a time, from the host.
        """
        center, scale = np.asarray(self.center), np.asarray(self.scale)
        genomes = (solutions - center) / scale
        return np.where(np.asarray(self.bounded), np.clip(genomes, -1.0, 1.0), genomes)


class Limits(struct.PyTreeNode):
    """The numbers of a search space, traced: other ones compile nothing.

    Attributes:
        box: of the genome's coordinates, before logarithms and rounding are undone.
        low: least value, shape (D,); -inf where unbounded.
        high: greatest value, shape (D,).
    """

    box: Box
    low: Array
    high: Array


@dataclasses.dataclass(frozen=True, eq=False)
class _Numbers:
    """What `Real` and `Integer` have in common."""

    low: Any = None
    high: Any = None
    _: dataclasses.KW_ONLY
    log: bool = False
    center: Any = None
    scale: Any = None
    shape: tuple[int, ...] | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Real(_Numbers):
    """Real numbers.

    Attributes:
        low: least value, a number or an array; None, as high then: unbounded.
        high: greatest value.
        log: search the logarithm: for positive numbers that span orders of magnitude.
        center: where an unbounded search starts; None: 0, or 1 with log.
        scale: spread of an unbounded search's first population, with log that of the natural
            logarithm; None: 1.
        shape: of the leaf; None: that of the numbers given.
        dtype: "bfloat16", "float16", "float32" or "float64"; None: JAX's default.

    Raises:
        ValueError: by `SearchSpace`, which names the leaf.
    """

    dtype: str | None = dataclasses.field(default=None, kw_only=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Integer(_Numbers):
    """Integers, both ends included; the attributes are those of `Real`, without dtype.

    Bounds lie within 2^22 of zero, with log between 1 and 2^17: float32 could not tell more apart.
    """


@dataclasses.dataclass(frozen=True, eq=False)
class Choice:
    """One of some categories without an order.

    Attributes:
        categories: at least two distinct ones. Numbers reach a JAX function as numbers; others
            (names, functions) can be told only to a plain Python function.
        shape: of an array of choices, each its own; (): one.
    """

    categories: Any
    _: dataclasses.KW_ONLY
    shape: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Leaf:
    """What is static of one leaf.

    Attributes:
        kind: which of the three.
        log: whether its logarithm is searched.
        shape: shape of its values.
        dtype: dtype name of its values.
        num_categories: K; 1 where there are none.
        values: the categories if they are numbers.
    """

    kind: Literal["real", "integer", "choice"]
    log: bool
    shape: tuple[int, ...]
    dtype: str
    num_categories: int = 1
    values: tuple[Any, ...] | None = None

    @property
    def num_dims(self) -> int:
        """How many coordinates of the genome it takes."""
        return math.prod(self.shape) * self.num_categories


@dataclasses.dataclass(frozen=True)
class Layout:
    """What is static of a search space; hashable, so that equal ones share a compilation.

    Attributes:
        treedef: structure of a solution.
        leaves: one entry a leaf.
    """

    treedef: Any
    leaves: tuple[Leaf, ...]

    @property
    def spec(self) -> SolutionSpec:
        """Structure of a genome: that of a solution if all leaves are real, else an array (D,)."""
        if all(leaf.kind == "real" for leaf in self.leaves):
            shapes = tuple(leaf.shape for leaf in self.leaves)
            return SolutionSpec(self.treedef, shapes, tuple(leaf.dtype for leaf in self.leaves))
        dtypes = {leaf.dtype for leaf in self.leaves} | {_real_dtype()}
        wide = "float64" if "float64" in dtypes else "float32"
        return SolutionSpec(_LEAF, ((sum(leaf.num_dims for leaf in self.leaves),),), (wide,))

    @property
    def is_traceable(self) -> bool:
        """Whether JAX functions can be given the solutions: no category is other than a number."""
        return all(leaf.kind != "choice" or leaf.values is not None for leaf in self.leaves)

    @property
    def template(self) -> PyTree:
        """One decoded solution as `jax.ShapeDtypeStruct`s."""
        return self.treedef.unflatten(
            [jax.ShapeDtypeStruct(leaf.shape, jnp.dtype(leaf.dtype)) for leaf in self.leaves]
        )

    def columns(self) -> list[slice]:
        """Where each leaf's coordinates are in the genome."""
        ends = np.cumsum([leaf.num_dims for leaf in self.leaves]).tolist()
        return [
            slice(end - leaf.num_dims, end) for leaf, end in zip(self.leaves, ends, strict=True)
        ]

    def decode(self, limits: Limits, genomes: Array, as_index: bool = False) -> PyTree:
        """Genomes (..., D) to solutions, leaves (..., *shape); see `SearchSpace.decode`.

        With as_index every category is its index, numbers too.
        """
        numbers = limits.box.decode(genomes)
        decoded = []
        for leaf, where in zip(self.leaves, self.columns(), strict=True):
            part = numbers[..., where]
            if leaf.kind == "choice":
                shape = (*genomes.shape[:-1], *leaf.shape, leaf.num_categories)
                index = jnp.argmax(part.reshape(shape), axis=-1)
                if as_index or leaf.values is None:
                    decoded.append(index)
                    continue
                values = jnp.asarray(leaf.values)[index]
            else:
                values = jnp.exp(part) if leaf.log else part
                values = jnp.round(values) if leaf.kind == "integer" else values
                # Rounding may end an ulp outside.
                values = jnp.clip(values, limits.low[where], limits.high[where])
                values = values.reshape(*genomes.shape[:-1], *leaf.shape)
            decoded.append(values.astype(leaf.dtype))
        return self.treedef.unflatten(decoded)


_decode = functools.partial(jax.jit, static_argnums=(0, 3))(Layout.decode)


def _list_as_array(value: Any) -> Any:
    """A list of numbers is meant as an array, where it cannot be the structure of a solution."""
    is_list = isinstance(value, (list, tuple)) and len(value) > 0
    return np.asarray(value, float) if is_list and all(map(_is_number, value)) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating))


def _real_dtype() -> str:
    return jax.dtypes.canonicalize_dtype(float).name


class SearchSpace:
    """What is searched: any pytree whose leaves say which values they may take.

    A leaf is `Real`, `Integer`, `Choice`, or an array of floating-point numbers, which is where an
    unbounded search with a spread of 1 starts (so the parameters of a network are a search space).

    Args:
        variables: the pytree; None in it is an empty subtree, as everywhere in JAX.

    Attributes:
        layout: what is static.
        limits: what is traced.
        categories: for each leaf the categories, None where there are none.

    Raises:
        ValueError: a leaf does not describe values; the message names it.

    Example:
        >>> import diffevo
        >>> space = diffevo.SearchSpace({
        ...     "rate": diffevo.Real(1e-5, 1e-1, log=True),
        ...     "layers": diffevo.Integer(1, 4),
        ...     "activation": diffevo.Choice(["relu", "tanh"]),
        ... })
        >>> genome = space.encode({"rate": 0.001, "layers": 3, "activation": "tanh"})
        >>> genome.shape, space.solutions(genome[None])[0]["layers"]
        ((4,), 3)
    """

    layout: Layout
    limits: Limits
    categories: tuple[Any, ...]

    def __init__(self, variables: PyTree):
        try:
            named, treedef = jax.tree_util.tree_flatten_with_path(variables)
        except (TypeError, ValueError) as error:  # keys of a dict that cannot be sorted, say
            raise ValueError(f"space: expected a pytree, got none, {error}") from error
        if not named:
            raise ValueError(f"space: expected at least one leaf, got {variables!r}")
        read = [_read(f"space{jax.tree_util.keystr(path)}", leaf) for path, leaf in named]
        self.layout = Layout(treedef, tuple(leaf for leaf, _, _ in read))
        self.categories = tuple(categories for _, _, categories in read)
        if self.num_dims == 0:
            raise ValueError("space: expected at least one number, got only empty arrays")
        center, scale, bounded, low, high = (
            np.concatenate(columns) for columns in zip(*(c for _, c, _ in read), strict=True)
        )
        dtype = self.spec.dtype
        least, greatest = _inward(low, dtype, np.inf), _inward(high, dtype, -np.inf)
        for (path, leaf), where in zip(named, self.layout.columns(), strict=True):
            if np.any(least[where] > greatest[where]):
                raise ValueError(
                    f"space{jax.tree_util.keystr(path)}: expected bounds with a {dtype} number "
                    f"between them, got low={leaf.low!r}, high={leaf.high!r}"
                )
        self.limits = Limits(
            box=Box(
                jnp.asarray(center, dtype), jnp.asarray(scale, dtype), jnp.asarray(bounded, bool)
            ),
            low=jnp.asarray(least),
            high=jnp.asarray(greatest),
        )

    @classmethod
    def from_bounds(cls, bounds: Any, x0: PyTree | None = None, scale: Any = 1.0) -> "SearchSpace":
        """Real numbers within bounds, or about a start.

        Args:
            bounds: (low, high), each a number, an array, a list of numbers, or a pytree like a
                solution; None: unbounded.
            x0: a solution, also the template; None: bounds give the shape.
            scale: prior spread of unbounded coordinates: a number or a pytree like a solution, > 0.

        Returns:
            The search space.

        Raises:
            ValueError: the shape cannot be known, or low < high does not hold, or a value is not
                finite.
        """
        if bounds is not None and (not isinstance(bounds, (tuple, list)) or len(bounds) != 2):
            raise ValueError(f"bounds: expected a pair (low, high), got {bounds!r}")
        if x0 is None and bounds is None:
            raise ValueError("bounds, x0: expected at least one of them, got neither")
        if bounds is not None and _structure(x0) in (_LEAF, _structure(None)):
            bounds = tuple(_list_as_array(side) for side in bounds)
        template = _template(bounds) if x0 is None else _as_arrays("x0", x0)
        if not sum(np.size(leaf) for leaf in jax.tree.leaves(template)):
            raise ValueError(f"x0: expected at least one number, got {x0!r:.80}")
        spec = SolutionSpec.of(template)
        start = np.zeros(spec.num_dims) if x0 is None else _flat("x0", x0, template, spec)
        if not np.all(np.isfinite(start)):
            raise ValueError("x0: expected finite numbers, got some that are not")
        if bounds is None:
            spread = _flat("scale", scale, template, spec)
            if not (np.all(spread > 0) and np.all(np.isfinite(spread))):
                raise ValueError(f"scale: expected finite numbers > 0, got {scale!r}")
            columns = start, spread
        else:
            low, high = (
                _flat(f"bounds[{i}]", side, template, spec) for i, side in enumerate(bounds)
            )
            if not (np.all(low < high) and np.all(np.isfinite(high - low))):
                raise ValueError(
                    "bounds: expected finite (low, high) with low < high in every coordinate, "
                    f"got {bounds!r}"
                )
            if x0 is not None and not (np.all(start >= low) and np.all(start <= high)):
                raise ValueError(f"x0: expected a solution within the bounds, got {x0!r}")
            columns = low, high
        leaves, begin = [], 0
        for shape, dtype in zip(spec.shapes, spec.dtypes, strict=True):
            end = begin + math.prod(shape)
            one, other = (column[begin:end].reshape(shape) for column in columns)
            if bounds is None:
                leaves.append(Real(center=one, scale=other, shape=shape, dtype=dtype))
            else:
                leaves.append(Real(one, other, shape=shape, dtype=dtype))
            begin = end
        return cls(spec.treedef.unflatten(leaves))

    @property
    def spec(self) -> SolutionSpec:
        """Structure of a genome: that of a solution if all leaves are real, else an array (D,).

        An algorithm for this space is made with it: ``DiffusionEvolution(64, space.spec)``.
        """
        return self.layout.spec

    @property
    def num_dims(self) -> int:
        """D, the length of the flat genome."""
        return sum(leaf.num_dims for leaf in self.layout.leaves)

    @property
    def domain(self) -> Literal["box", "unbounded"]:
        """Is "box" if all genomes worth trying lie in [-1, 1]^D: all is bounded, or a choice."""
        free = any(not one.bounded and one.kind != "choice" for one in self.variables)
        return "unbounded" if free else "box"

    @property
    def is_real(self) -> bool:
        """Whether there are neither integers nor categories."""
        return all(leaf.kind == "real" for leaf in self.layout.leaves)

    @property
    def num_variables(self) -> int:
        """How many numbers and choices a solution has."""
        return sum(one.count for one in self.variables)

    @property
    def variables(self) -> tuple[Variables, ...]:
        """What the genome's coordinates are, for `diffevo.MixedDiffusionEvolution`."""
        bounded = np.asarray(self.limits.box.bounded)
        return tuple(
            Variables(
                leaf.kind,
                math.prod(leaf.shape),
                leaf.num_categories,
                leaf.log,
                bool(bounded[where].all()) and leaf.kind != "choice",
            )
            for leaf, where in zip(self.layout.leaves, self.layout.columns(), strict=True)
        )

    def decode(self, genomes: Array | np.ndarray) -> PyTree:
        """Genomes to solutions as JAX arrays; traceable.

        Args:
            genomes: shape (..., D).

        Returns:
            The structure of a solution, leaves (..., *shape); a category that is not a number is
            its index.
        """
        return self.layout.decode(self.limits, jnp.asarray(genomes))

    def batch(self, genomes: Array | np.ndarray) -> PyTree:
        """Genomes (N, D) to one solution of numpy arrays with a leading axis N."""
        return self.layout.treedef.unflatten(self.host_leaves(self._decoded(genomes)))

    def solutions(self, genomes: Array | np.ndarray) -> list[PyTree]:
        """Genomes (N, D) to N solutions as a plain Python function likes them.

        Leaves of shape () are Python numbers or the category itself, others are numpy arrays.
        """
        columns = [
            leaf.tolist() if leaf.ndim == 1 else list(leaf)
            for leaf in self.host_leaves(self._decoded(genomes))
        ]
        return [self.layout.treedef.unflatten(row) for row in zip(*columns, strict=True)]

    def _decoded(self, genomes: Array | np.ndarray) -> PyTree:
        return _decode(self.layout, self.limits, genomes, True)

    def host_leaves(self, decoded: PyTree) -> list[np.ndarray]:
        """What `Layout.decode` gives with ``as_index`` as `batch` gives it, leaf by leaf."""
        return [
            # Writable: the user's function may well change what it is given.
            np.array(values) if categories is None else categories[np.asarray(values)]
            for values, categories in zip(jax.tree.leaves(decoded), self.categories, strict=True)
        ]

    def encode(self, solution: PyTree, name: str = "solution") -> np.ndarray:
        """The genome that decodes to a solution.

        Args:
            solution: one solution, of arrays or of what `solutions` gives.
            name: what errors call it.

        Returns:
            Shape (D,).

        Raises:
            ValueError: structure, shape or a value does not fit; the message names the leaf.
        """
        treedef = self.layout.treedef
        try:
            # Up to the leaves of the space: a category may itself be a pytree.
            leaves = treedef.flatten_up_to(solution)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{name}: expected the structure {treedef}, got {_structure(solution)}"
            ) from error
        paths = jax.tree_util.tree_flatten_with_path(treedef.unflatten([0] * treedef.num_leaves))[0]
        coordinates = [
            self._coordinates(f"{name}{jax.tree_util.keystr(path)}", number, value)
            for number, ((path, _), value) in enumerate(zip(paths, leaves, strict=True))
        ]
        return self.limits.box.encode(np.concatenate(coordinates).astype(self.spec.dtype))

    def _coordinates(self, name: str, number: int, value: Any) -> np.ndarray:
        """A leaf's coordinates in the box, float64 (d,)."""
        leaf, where = self.layout.leaves[number], self.layout.columns()[number]
        if leaf.kind == "choice":
            index = _category_index(name, leaf, self.categories[number], value)
            return (2 * np.eye(leaf.num_categories)[index.ravel()] - 1).ravel()
        given = _numbers(name, value, leaf.shape)
        low, high = (np.asarray(side[where], float) for side in (self.limits.low, self.limits.high))
        if leaf.kind == "integer" and np.any(given != np.round(given)):
            raise ValueError(f"{name}: expected integers, got {value!r}")
        # The bounds as numbers of the leaf's dtype may lie an ulp off the user's.
        eps = float(jnp.finfo(leaf.dtype).eps) if leaf.kind == "real" else 0.0
        with np.errstate(invalid="ignore"):
            outside = (given < low - 2 * eps * np.abs(low)) | (
                given > high + 2 * eps * np.abs(high)
            )
        if np.any(outside) or (leaf.log and np.any(given <= 0)):
            raise ValueError(
                f"{name}: expected values within [{low.min():g}, {high.max():g}], got {value!r}"
            )
        return np.log(given) if leaf.log else given

    def distinct(self, solutions: list[PyTree]) -> list[int]:
        """Which of the solutions, each different from all before it, to within the genome's noise.

        Many genomes stand for one solution: by reflection, rounding, and arg-max.
        """
        kept: list[int] = []
        genomes = np.array([self.encode(solution) for solution in solutions])
        for row, genome in enumerate(genomes):
            if not kept or np.abs(genomes[kept] - genome).max(axis=1).min() > _SAME_MODE:
                kept.append(row)
        return kept


def _inward(values: np.ndarray, dtype: Any, towards: float) -> np.ndarray:
    """Values in a narrower dtype, rounded towards the inside of the bounds."""
    near = values.astype(dtype)
    outside = near < values if towards > 0 else near > values
    return np.where(outside, np.nextafter(near, near.dtype.type(towards)), near)


def _template(bounds: Any) -> PyTree:
    low, high = bounds
    for side in bounds:
        if isinstance(_structure(side), str):
            raise ValueError(f"bounds: expected pytrees of numbers, got {side!r:.80}")
    leaves = jax.tree.leaves(high)
    wider = high if leaves and np.size(leaves[0]) > 1 else low
    template = jax.tree.map(lambda leaf: np.zeros(np.shape(leaf), _real_dtype()), wider)
    if all(np.ndim(leaf) == 0 for leaf in jax.tree.leaves(template)):
        raise ValueError(
            "bounds: expected arrays (one number per coordinate) unless x0 gives the shape, "
            f"got {bounds!r}"
        )
    return template


def _as_arrays(name: str, solution: PyTree) -> PyTree:
    """A pytree of floating-point numbers as JAX arrays."""

    def as_array(leaf: Any) -> Array:
        # Text would become an array before it is refused, with a warning about its dtype.
        given = leaf if isinstance(leaf, jax.Array) else np.asarray(leaf)
        if given.dtype.kind in "SUOMm":
            raise ValueError(f"{name}: expected numbers, got {leaf!r:.80}")
        if not jnp.issubdtype(given.dtype, jnp.floating):
            raise ValueError(f"{name}: expected floating-point numbers, got {given.dtype}")
        _check_size(name, np.asarray(given, float))
        return jnp.asarray(given)

    try:
        leaves, treedef = jax.tree.flatten(solution)
    except (TypeError, ValueError) as error:  # keys of a dict that cannot be sorted, say
        raise ValueError(f"{name}: expected a pytree of numbers, got {solution!r:.80}") from error
    return treedef.unflatten([as_array(leaf) for leaf in leaves])


def _check_size(name: str, values: np.ndarray) -> None:
    """Refuse finite numbers that overflow in the genome's precision, or whose differences do."""
    greatest = float(jnp.finfo(_real_dtype()).max) / 4
    size = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    if size > greatest:
        raise ValueError(f"{name}: expected numbers within {greatest:.3g} of zero, got {size:.3g}")


def _structure(value: Any) -> Any:
    """Its structure, or the value itself in words if it is no pytree."""
    try:
        return jax.tree.structure(value)
    except (TypeError, ValueError):  # keys of a dict that cannot be sorted, say
        return f"{value!r:.80}"


def _flat(name: str, value: Any, template: PyTree, spec: SolutionSpec) -> np.ndarray:
    """A scalar, or a pytree that broadcasts against the template, as float64 (D,)."""
    leaves, treedef = jax.tree.flatten(template)
    if _structure(value) == treedef:
        parts = jax.tree.leaves(value)
    elif not isinstance(value, (dict, list, tuple)) and np.ndim(value) == 0:
        parts = [value] * len(leaves)
    else:
        raise ValueError(
            f"{name}: expected a number or the structure of a solution, {treedef}, "
            f"got {_structure(value)}"
        )
    return np.concatenate(
        [
            np.ravel(_numbers(name, part, shape, finite=False))
            for part, shape in zip(parts, spec.shapes, strict=True)
        ]
    )


def _numbers(name: str, value: Any, shape: tuple[int, ...], finite: bool = True) -> np.ndarray:
    """Values as float64 (prod(shape),), broadcast to a leaf's shape if it has fewer dimensions."""
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name}: expected real numbers, got {value!r:.80}") from error
    if array.dtype.kind not in "fiub" and not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(f"{name}: expected real numbers, got {value!r:.80}")
    array = array.astype(float)
    _check_size(name, array)
    if finite and not np.all(np.isfinite(array)):
        raise ValueError(f"{name}: expected finite numbers, got {value!r}")
    if finite and array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    try:
        return np.broadcast_to(array, shape).ravel()
    except ValueError as error:
        raise ValueError(
            f"{name}: expected a shape that broadcasts to {shape}, got {array.shape}"
        ) from error


def _category_index(name: str, leaf: Leaf, categories: np.ndarray, value: Any) -> np.ndarray:
    """Positions of the categories, shape (*shape,)."""
    values = np.empty(leaf.shape, object)
    if leaf.shape == ():
        values[()] = value
    elif np.shape(value) == leaf.shape:
        values[...] = np.asarray(value, object)
    else:
        raise ValueError(f"{name}: expected shape {leaf.shape}, got {np.shape(value)}")

    def position(one: Any) -> int:
        if isinstance(one, (np.ndarray, np.generic, jax.Array)) and np.ndim(one) == 0:
            one = np.asarray(one).item()
        for index, category in enumerate(categories.tolist()):
            if _is_same(category, one):
                return index
        raise ValueError(f"{name}: expected one of {categories.tolist()}, got {one!r:.80}")

    return np.array([position(one) for one in values.ravel()], int).reshape(leaf.shape)


def _is_same(one: Any, other: Any) -> bool:
    """Whether two categories are the same, whatever they are."""
    if one is other:
        return True
    try:
        if isinstance(one, float) and isinstance(other, float):
            return bool(np.float32(one) == np.float32(other))  # as a JAX function is given it
        return bool(one == other)
    except Exception:  # arrays, or what an object of the user's does when it is compared
        return False


def _read(name: str, variable: Any) -> tuple[Leaf, tuple[np.ndarray, ...], Any]:
    """(what is static, (center, scale, bounded, low, high) each (d,), categories)."""
    if isinstance(variable, Choice):
        return _read_choice(name, variable)
    if isinstance(variable, (str, bytes, type)) or callable(variable):
        raise ValueError(f"{name}: expected Real, Integer, Choice or an array, got {variable!r}")
    if not isinstance(variable, _Numbers):
        array = _as_arrays(name, variable)
        variable = Real(center=np.asarray(array, float), shape=array.shape, dtype=array.dtype.name)
    return _read_numbers(name, variable)


def _read_choice(name: str, variable: Choice) -> tuple[Leaf, tuple[np.ndarray, ...], Any]:
    given = variable.categories
    if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
        raise ValueError(f"{name}: expected categories in a list, got {given!r}")
    # A numpy array's items as Python's, so that they compare and print as such.
    items = given.tolist() if isinstance(given, (np.ndarray, jax.Array)) else list(given)
    if len(items) < 2:
        raise ValueError(f"{name}: expected at least two categories, got {given!r}")
    for index, one in enumerate(items):
        if any(_is_same(one, other) for other in items[:index]):
            raise ValueError(f"{name}: expected distinct categories, got {one!r:.80} twice")
    categories = np.empty(len(items), object)
    for index, one in enumerate(items):
        categories[index] = one
    values, dtype = None, "int32"
    if all(isinstance(one, (bool, int, float, np.number, np.bool_)) for one in items):
        numbers = _numbers(name, items, (len(items),))
        categories = np.asarray(items)
        dtype = jax.dtypes.canonicalize_dtype(categories.dtype).name
        if categories.dtype.kind not in "iu" or np.abs(numbers).max() < 2**31:
            values = tuple(categories.tolist())
    leaf = Leaf("choice", False, _shape(name, variable.shape), dtype, len(items), values)
    d = leaf.num_dims
    infinite = np.full(d, np.inf)
    return leaf, (np.zeros(d), np.ones(d), np.zeros(d, bool), -infinite, infinite), categories


def _read_numbers(name: str, variable: _Numbers) -> tuple[Leaf, tuple[np.ndarray, ...], None]:
    integer = isinstance(variable, Integer)
    if not isinstance(variable.log, bool):
        raise ValueError(f"{name}.log: expected True or False, got {variable.log!r}")
    dtype = "int32"
    if isinstance(variable, Real):
        is_name = isinstance(variable.dtype, str) and variable.dtype in _DTYPES
        if variable.dtype is not None and not is_name:
            raise ValueError(f"{name}.dtype: expected one of {_DTYPES}, got {variable.dtype!r:.80}")
        dtype = jax.dtypes.canonicalize_dtype(variable.dtype or float).name
    fields = {n: getattr(variable, n) for n in ("low", "high", "center", "scale")}
    given = {n: value for n, value in fields.items() if value is not None}
    if ("low" in given) != ("high" in given):
        raise ValueError(
            f"{name}: expected both bounds or none, got low={variable.low!r}, "
            f"high={variable.high!r}; log=True makes numbers positive"
        )
    bounded = "low" in given
    if bounded and len(given) > 2:
        raise ValueError(
            f"{name}: expected no center and no scale beside bounds, which give both, "
            f"got {sorted(given)}"
        )
    shape = variable.shape
    if shape is None:
        try:
            shape = np.broadcast_shapes(*(np.shape(value) for value in given.values()))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{name}: expected numbers whose shapes broadcast, got {list(given.values())!r:.80}"
            ) from error
    leaf = Leaf("integer" if integer else "real", variable.log, _shape(name, shape), dtype)
    values = {
        n: _numbers(f"{name}.{n}", value, leaf.shape, finite=False) for n, value in given.items()
    }
    for n, column in values.items():
        if not np.all(np.isfinite(column)):
            raise ValueError(f"{name}.{n}: expected finite numbers, got {given[n]!r}")
        positive = n == "scale" or (variable.log and n in ("low", "center"))
        if positive and not np.all(column > 0):
            raise ValueError(f"{name}.{n}: expected numbers > 0, got {given[n]!r}")
        if integer and n in ("low", "high") and np.any(column != np.round(column)):
            raise ValueError(f"{name}.{n}: expected integers, got {given[n]!r}")
    greatest = _GREATEST_LOG_INTEGER if variable.log else _GREATEST_INTEGER
    if not bounded:
        center = values.get("center", np.full(leaf.num_dims, 1.0 if variable.log else 0.0))
        scale = values.get("scale", np.ones(leaf.num_dims))
        center = np.log(center) if variable.log else center
        ends = (-np.inf, np.inf)
        if integer:  # beyond, float32 leaves out some
            ends = (1.0 if variable.log else float(-greatest), float(greatest))
        low, high = (np.full(leaf.num_dims, end) for end in ends)
        return leaf, (center, scale, np.zeros(leaf.num_dims, bool), low, high), None
    low, high = values["low"], values["high"]
    if not (np.all(low < high) and np.all(np.isfinite(high - low))):
        raise ValueError(
            f"{name}: expected low < high, got low={variable.low!r}, high={variable.high!r}"
        )
    if integer and max(np.abs(low).max(initial=0), np.abs(high).max(initial=0)) > greatest:
        raise ValueError(
            f"{name}: expected bounds within {greatest} of zero (float32 cannot tell more integers "
            f"apart; round a Real yourself), got low={variable.low!r}, high={variable.high!r}"
        )
    begin, end = (low - 0.5, high + 0.5) if integer else (low, high)
    begin, end = (np.log(begin), np.log(end)) if variable.log else (begin, end)
    columns = ((begin + end) / 2.0, (end - begin) / 2.0, np.ones(leaf.num_dims, bool), low, high)
    return leaf, columns, None


def _shape(name: str, shape: Any) -> tuple[int, ...]:
    try:
        sizes = tuple(shape)
    except TypeError as error:
        raise ValueError(f"{name}.shape: expected a tuple of ints, got {shape!r}") from error
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 0:
            raise ValueError(f"{name}.shape: expected a tuple of ints >= 0, got {shape!r}")
    return tuple(int(size) for size in sizes)

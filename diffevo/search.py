"""What `minimize` and `Optimizer` share: their arguments, read, and one generation.

Generation 0 is the initial population; generation g of a run uses `fold_in(key, g)`. So a compiled
loop, an `Optimizer` and a search with any evaluator make the same search of the same seed.

Shape letters: N population, D dimensions of the genome, n starting points.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from diffevo.algorithms.base import Metrics, SolutionSpec, check_int
from diffevo.algorithms.foreign import Foreign, is_foreign
from diffevo.algorithms.mixed import MixedDiffusionEvolution
from diffevo.algorithms.niching import default_chain_size
from diffevo.algorithms.reevaluation import Reevaluation, num_candidates
from diffevo.algorithms.registry import ALGORITHMS
from diffevo.evaluators.host import are_floats, as_number, why_no_number
from diffevo.space import SearchSpace
from diffevo.stopping import StopRules, check_number

PyTree = Any

# Structure of a solution that is one array.
_LEAF = jax.tree.structure(0)
_IN_USERS_SIGN = ("best_fitness", "best_fitness_in_generation", "mean_fitness")
# In fewer generations than this hardly a noise level adapts: a schedule over them keeps more
# optima; but not in more dimensions than this, where its selection weakens. There distances in a
# projection select, as long as a chain has not got going.
_FEW_GENERATIONS, _FEW_DIMENSIONS, _VERY_FEW_GENERATIONS = 50, 16, 20
# Generations that a schedule is made for if nothing says how many there will be.
_SOME_GENERATIONS = 100


@dataclasses.dataclass(frozen=True)
class Start:
    """Solutions to start from.

    Attributes:
        genomes: shape (n, D).
        fitness: in the sign in which lower is better, NaN where it is not known, shape (n,).
        known: where it is known, booleans (n,): a known failure is NaN too.
    """

    genomes: np.ndarray
    fitness: np.ndarray
    known: np.ndarray

    def arranged(self, population_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(genomes to evaluate, genomes of known fitness, their fitness), at most N in all.

        Of those that are known, the best are taken.

        Raises:
            ValueError: there are more than N to evaluate.
        """
        new = self.genomes[~self.known]
        if len(new) > population_size:
            raise ValueError(
                f"population: expected at most population_size, {population_size}, solutions "
                f"without known fitness, got {len(new)}"
            )
        order = np.argsort(self.fitness[self.known], kind="stable")[: population_size - len(new)]
        return new, self.genomes[self.known][order], self.fitness[self.known][order]


@dataclasses.dataclass(frozen=True)
class Costs:
    """Evaluations that generations take, of a population size.

    Attributes:
        noisy: whether candidates are evaluated again beside the members.
        num_repeats: evaluations of each solution.
    """

    noisy: bool
    num_repeats: int

    def first(self, size: int) -> int:
        """Of the initial population."""
        return self.num_repeats * size

    def each(self, size: int) -> int:
        """Of a generation after it."""
        return self.num_repeats * (size + (num_candidates(size) if self.noisy else 0))

    def num_generations(self, budget: int, size: int) -> int:
        """How many generations after the initial population a budget is enough for.

        Raises:
            ValueError: it is not enough for one.
        """
        first, each = self.first(size), self.each(size)
        if budget < first + each:
            both = f"2 * {each}" if first == each else f"{first} + {each}"
            raise ValueError(
                f"budget: expected at least two generations, {both} evaluations, got {budget}"
            )
        return (budget - first) // each


@dataclasses.dataclass(frozen=True)
class Setup:
    """A search, ready to begin."""

    space: SearchSpace
    algorithm: Any
    params: Any
    key: Array
    start: Start
    rules: StopRules
    num_generations: int | None
    costs: Costs

    def nfev(self, generation: Any) -> Any:
        """Evaluations until a generation has been told; a number or an array of them."""
        size = self.algorithm.population_size
        num_known = len(self.start.arranged(size)[1])
        first, each = self.costs.first(size - num_known), self.costs.each(size)
        return first + each * generation


def read(
    *,
    bounds: Any,
    space: Any,
    x0: Any,
    population: Any,
    population_fitness: Any,
    scale: Any,
    budget: Any,
    max_generations: Any,
    population_size: Any,
    algorithm: Any,
    params: Any,
    seed: Any,
    ftarget: Any,
    timeout: Any,
    tol_stagnation: Any,
    noisy: Any,
    num_repeats: Any,
    sign: float,
) -> Setup:
    """Check the arguments of `minimize` or `Optimizer`; what they mean is said there.

    Raises:
        ValueError: an argument does not fit; the message names it.
    """
    space = _read_space(bounds, space, x0, scale)
    start = _read_start(space, x0, population, population_fitness, sign)
    if budget is not None and (
        isinstance(budget, bool) or not isinstance(budget, (int, np.integer)) or budget < 2
    ):
        raise ValueError(f"budget: expected an int >= 2, got {budget!r}")
    for name, value in (("max_generations", max_generations), ("tol_stagnation", tol_stagnation)):
        if value is not None:
            check_int(name, value)
    if not isinstance(noisy, (bool, np.bool_)):
        raise ValueError(f"noisy: expected True or False, got {noisy!r}")
    check_int("num_repeats", num_repeats)
    if num_repeats > 1 and not noisy:
        raise ValueError(f"num_repeats: expected 1 without noisy=True, got {num_repeats}")
    costs = Costs(bool(noisy), int(num_repeats))
    algorithm = _algorithm(algorithm, space, population_size, budget, max_generations, costs)
    size = algorithm.population_size
    num_known = len(start.arranged(size)[1])
    num_generations = None
    if budget is not None:
        free = costs.first(num_known)
        num_generations = costs.num_generations(int(budget) + free, size)
    last, reason = num_generations, "budget"
    if max_generations is not None and (last is None or max_generations < last):
        last, reason = int(max_generations), "max_generations"
    params = _read_params(algorithm, params, space)
    if getattr(algorithm, "after_schedule", None) == "stop":
        length = params.alphas.shape[0] - 1
        if last is None or length < last:
            last, reason = length, "schedule"
    target = check_number("ftarget", ftarget)
    return Setup(
        space=space,
        algorithm=Reevaluation(algorithm) if noisy else algorithm,
        params=params,
        key=_as_key(seed),
        start=start,
        rules=StopRules(
            last=last,
            last_reason=reason,
            target=None if target is None else sign * target,
            timeout=check_number("timeout", timeout, 0.0),
            tol_stagnation=None if tol_stagnation is None else int(tol_stagnation),
        ),
        num_generations=last,
        costs=costs,
    )


def first_genomes(algorithm: Any, key: Array) -> Array:
    """The algorithm's own initial population, shape (N, D)."""
    population_key, _ = jax.random.split(jax.random.fold_in(key, 0))
    return algorithm.solution.ravel(
        algorithm.sample_population(population_key), algorithm.population_size
    )


def init(algorithm: Any, key: Array, genomes: Array, fitness: Array, params: Any) -> Any:
    """State after the evaluated initial population, genomes (N, D).

    Its metrics are those of `tell` as generation 0, whose state is then forgotten.
    """
    _, init_key = jax.random.split(jax.random.fold_in(key, 0))
    return algorithm.init(init_key, algorithm.solution.unravel(genomes), fitness, params)


def ask(algorithm: Any, key: Array, generation: Any, state: Any, params: Any) -> tuple[Array, Any]:
    """(genomes (M, D), state) of generation >= 1."""
    ask_key, _ = jax.random.split(jax.random.fold_in(key, generation))
    population, state = algorithm.ask(ask_key, state, params)
    return algorithm.solution.ravel(population, num_asked(algorithm)), state


def num_asked(algorithm: Any) -> int:
    """M, what `ask` gives: N, and more with `Reevaluation`."""
    return getattr(algorithm, "num_asked", algorithm.population_size)


def noise_key(key: Array, generation: Any) -> Array:
    """Key for the noise of a generation's evaluations: a third beside those of ask and tell."""
    return jax.random.fold_in(jax.random.fold_in(key, generation), 2)


def tell(
    algorithm: Any,
    key: Array,
    generation: Any,
    genomes: Array,
    fitness: Array,
    state: Any,
    params: Any,
) -> tuple[Any, Metrics]:
    """(state, metrics) after a generation, genomes (N, D)."""
    _, tell_key = jax.random.split(jax.random.fold_in(key, generation))
    population = algorithm.solution.unravel(genomes)
    state, metrics = algorithm.tell(tell_key, population, fitness, state, params)
    # Our count: the state's own goes astray when the initial population is told for its metrics.
    return state, metrics | {"generation": jnp.asarray(generation, jnp.int32)}


def in_users_sign(metrics: dict[str, Any], sign: float) -> dict[str, Any]:
    """Metrics, of one generation or of many, with fitness values in the user's sign."""
    return metrics | {name: sign * metrics[name] for name in _IN_USERS_SIGN}


def read_values(name: str, values: Any, num: int) -> tuple[np.ndarray, list[BaseException | None]]:
    """Values that a user tells, as float64 (n,), and exceptions in the place of some.

    NaN stands for exceptions and None.

    Raises:
        ValueError: there are not n, or one is something else.
    """
    if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__len__"):
        raise ValueError(f"{name}: expected {num} numbers, got {values!r:.80}")
    shape = np.shape(values) if hasattr(values, "shape") else (len(values),)
    if shape != (num,):
        raise ValueError(f"{name}: expected {num} numbers, one a solution, got shape {shape}")
    numbers = np.full(num, np.nan)
    errors: list[BaseException | None] = [None] * num
    if are_floats(values):
        return np.array(values), errors
    for index, value in enumerate(values):
        if isinstance(value, BaseException):
            errors[index] = value
        elif value is not None:
            number = as_number(value)
            if number is None:
                raise ValueError(f"{name}[{index}]: {why_no_number(value)}")
            numbers[index] = number
    return numbers, errors


def leaves_of(space: SearchSpace, name: str, population: Any) -> list[list[Any]]:
    """A list of n solutions, or one with a leading axis n, as n values for each leaf.

    Raises:
        ValueError: it is neither.
    """
    treedef = space.layout.treedef
    if treedef == _LEAF and isinstance(population, list):  # any object is a leaf
        return [list(population)]
    if isinstance(population, list) and not _is_batch(space, population):
        rows = []
        for index, solution in enumerate(population):
            try:
                rows.append(treedef.flatten_up_to(solution))
            except (ValueError, TypeError) as error:
                raise ValueError(
                    f"{name}[{index}]: expected the structure {treedef}, got {solution!r:.80}"
                ) from error
        return [list(column) for column in zip(*rows, strict=True)] or [[]]
    try:
        columns = [list(leaf) for leaf in treedef.flatten_up_to(population)]
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name}: expected a list of solutions, or one of structure {treedef} with a leading "
            f"axis, got {population!r:.80}"
        ) from error
    if len({len(column) for column in columns}) != 1:
        raise ValueError(
            f"{name}: expected one leading axis in all leaves, got lengths "
            f"{[len(column) for column in columns]}"
        )
    return columns


def _is_batch(space: SearchSpace, population: list[Any]) -> bool:
    """Whether a list is one solution with a leading axis, not a list of solutions."""
    treedef = space.layout.treedef
    if treedef == _LEAF:
        return False
    try:
        leaves = treedef.flatten_up_to(population)
    except (ValueError, TypeError):
        return False
    return all(
        np.ndim(leaf) == len(kind.shape) + 1
        for leaf, kind in zip(leaves, space.layout.leaves, strict=True)
    )


def _read_population(space: SearchSpace, name: str, population: Any) -> np.ndarray:
    """Genomes (n, D) of a list of solutions, or of one with a leading axis."""
    rows = list(zip(*leaves_of(space, name, population), strict=True))
    if not rows:
        raise ValueError(f"{name}: expected at least one solution, got none")
    unflatten = space.layout.treedef.unflatten
    return np.stack([space.encode(unflatten(row), f"{name}[{i}]") for i, row in enumerate(rows)])


def _read_space(bounds: Any, space: Any, x0: Any, scale: Any) -> SearchSpace:
    if space is None:
        return SearchSpace.from_bounds(bounds, x0, scale)
    if not isinstance(space, SearchSpace):
        raise ValueError(f"space: expected a diffevo.SearchSpace, got {space!r:.80}")
    if bounds is not None:
        raise ValueError(f"bounds: expected None beside space, which has its own, got {bounds!r}")
    if not (isinstance(scale, (int, float)) and scale == 1.0):
        raise ValueError(f"scale: expected none beside space, which has its own, got {scale!r}")
    return space


def _read_start(
    space: SearchSpace, x0: Any, population: Any, population_fitness: Any, sign: float
) -> Start:
    genomes = np.zeros((0, space.num_dims), space.spec.dtype)
    if x0 is not None:
        genomes = space.encode(x0, "x0")[None]
    fitness, known = np.full(len(genomes), np.nan), np.zeros(len(genomes), bool)
    if population is None:
        if population_fitness is not None:
            raise ValueError("population_fitness: expected None without population, got values")
        return Start(genomes, fitness, known)
    more = _read_population(space, "population", population)
    values = np.full(len(more), np.nan)
    if population_fitness is not None:
        values, _ = read_values("population_fitness", population_fitness, len(more))
    return Start(
        np.concatenate([genomes, more]),
        np.concatenate([fitness, sign * values]),
        np.concatenate([known, np.full(len(more), population_fitness is not None)]),
    )


def _algorithm(
    algorithm: Any,
    space: SearchSpace,
    population_size: Any,
    budget: Any,
    max_generations: Any,
    costs: Costs,
) -> Any:
    spec = space.spec
    if not isinstance(algorithm, str):
        if is_foreign(algorithm):
            algorithm = Foreign(algorithm)
        missing = [n for n in ("init", "ask", "tell", "solution") if not hasattr(algorithm, n)]
        if isinstance(algorithm, type) or missing:
            raise ValueError(
                f"algorithm: expected a name, an instance or an algorithm of evosax, "
                f"got {algorithm!r:.80}"
            )
        is_size = isinstance(population_size, (int, np.integer))
        if population_size is not None and not (
            is_size and population_size == algorithm.population_size
        ):
            raise ValueError(
                f"population_size: expected None or the algorithm's {algorithm.population_size}, "
                f"got {population_size!r:.80}"
            )
        flat = SolutionSpec(_LEAF, ((spec.num_dims,),), (spec.dtype.name,))
        if algorithm.solution not in (spec, flat):
            raise ValueError(
                f"algorithm: expected one for solutions like {spec}, got one for "
                f"{algorithm.solution}"
            )
        return algorithm
    if algorithm != "auto" and algorithm not in ALGORITHMS:
        raise ValueError(
            f"algorithm: expected 'auto' or one of {sorted(ALGORITHMS)}, got {algorithm!r}"
        )
    niching, mixed = "niching_diffusion_evolution", "mixed_diffusion_evolution"
    if algorithm == "auto" and not space.is_real:
        algorithm = mixed
    size = population_size
    if size is None:
        num = space.num_variables if algorithm == mixed else spec.num_dims
        size = default_chain_size(num)
        if algorithm not in ("auto", niching, mixed):
            size = 512 if budget is None else min(max(budget // costs.first(40), 16), 512)
        if budget is not None:
            while size > 1 and costs.first(size) + costs.each(size) > budget:
                size -= 1
    elif isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f"population_size: expected an int >= 1, got {size!r}")
    limits = [] if max_generations is None else [int(max_generations)]
    if budget is not None:
        limits.append(costs.num_generations(int(budget), int(size)))
    if algorithm == "auto":
        last = math.inf if population_size is None else min(limits, default=math.inf)
        algorithm = niching
        if spec.num_dims <= _FEW_DIMENSIONS and last <= _FEW_GENERATIONS:
            algorithm = "diffusion_evolution"
        elif last <= _VERY_FEW_GENERATIONS:
            algorithm = "latent_diffusion_evolution"
    kind = ALGORITHMS[algorithm]
    # Only a search with a schedule over its generations needs to know how many there will be, only
    # one that looks for optima where the genomes end, or what the coordinates stand for.
    options = {
        "num_generations": min(limits, default=_SOME_GENERATIONS),
        "domain": space.domain,
        "variables": space.variables,
    }
    known = {name: value for name, value in options.items() if name in kind.__dataclass_fields__}
    return kind(int(size), spec, **known)


def _read_params(algorithm: Any, params: Any, space: SearchSpace) -> Any:
    default = algorithm.default_params
    params = default if params is None else params
    try:
        is_like = jax.tree.structure(params) == jax.tree.structure(default)
    except ValueError:  # a dict whose keys cannot be sorted
        is_like = False
    if not is_like:
        raise ValueError(
            f"params: expected the algorithm's, like {type(default).__name__}, got {params!r:.80}"
        )
    if isinstance(algorithm, MixedDiffusionEvolution):  # the space knows where its integers are
        box = space.limits.box
        params = params.replace(center=box.center, scale=box.scale)
    return params


def _as_key(seed: Any) -> Array:
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        try:
            return jax.random.key(int(seed))
        except OverflowError as error:
            raise ValueError(f"seed: expected an int of at most 64 bits, got {seed}") from error
    if isinstance(seed, jax.Array) and jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        return seed
    raise ValueError(f"seed: expected an int or a key from jax.random.key, got {seed!r}")

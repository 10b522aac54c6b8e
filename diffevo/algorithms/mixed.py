r"""Mixed Diffusion Evolution: one denoising chain over real numbers, integers and categories.

The forward process adds Gaussian noise to the ordered coordinates, real numbers and integers, and
replaces categories by random ones. So a noisy member's origin is described by a Gaussian
(`diffevo.core.chain`) and by a probability for each category (`diffevo.core.discrete`); both follow
the ranks of the same samples, and neither is let become so narrow that other integers and other
categories are no longer tried.

A chain starts from the prior: at the weighted mean of N samples of it. It ends when its real
numbers have converged, when its samples have been equally good for long, or when it has not
improved for long; then its best solution is archived and a new one is started.

All decisions depend on ranks, or on differences of fitness relative to its size.

Shape letters: N population, D genome dimensions, n ordered coordinates, C categorical variables, K
categories of the one that has most.

References: Zhang et al., arXiv 2410.02543 (denoising); Hamano et al., arXiv 2205.13482 and
2405.09962 (margins; a Gaussian beside categorical distributions).
"""

import dataclasses
import functools
from typing import Literal, final

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from diffevo.algorithms import base
from diffevo.algorithms.base import Metrics, Modes, PyTree, SolutionSpec
from diffevo.algorithms.niching import default_chain_size
from diffevo.core import archive, chain, discrete, optima, ranks
from diffevo.core.chain import Chain
from diffevo.core.noise import standard_normal
from diffevo.core.optima import Optima


@dataclasses.dataclass(frozen=True)
class Variables:
    """Some variables of one kind, consecutive in the genome.

    Attributes:
        kind: "real" and "integer" take one coordinate each; a "choice" of K takes K, of which the
            greatest is chosen.
        count: how many variables, >= 0.
        num_categories: K of a choice, >= 2; 1 otherwise.
        log: whether an integer's logarithm is searched.
        bounded: whether the coordinates lie in [-1, 1].

    Raises:
        ValueError: an attribute is out of its range; the message names it.
    """

    kind: Literal["real", "integer", "choice"]
    count: int
    num_categories: int = 1
    log: bool = False
    bounded: bool = False

    def __post_init__(self) -> None:
        """Check the attributes."""
        if self.kind not in ("real", "integer", "choice"):
            raise ValueError(f"kind: expected 'real', 'integer' or 'choice', got {self.kind!r}")
        if self.count != 0:
            base.check_int("count", self.count)
        base.check_int("num_categories", self.num_categories)
        if (self.num_categories > 1) != (self.kind == "choice"):
            raise ValueError(
                "num_categories: expected at least 2 for a choice, 1 for others, "
                f"got {self.num_categories} for {self.kind!r}"
            )

    @property
    def num_dims(self) -> int:
        """Coordinates of the genome."""
        return self.count * self.num_categories


class State(struct.PyTreeNode):
    """What the next generation needs."""

    population: Array  # (N, D), the genomes told last
    fitness: Array  # (N,)
    noise: Array  # (N, n), z of the samples asked for
    steps: Array  # (N, n), M z
    excess: Array  # (N,), by how much they were moved back into the box, see `core.chain`
    chain: Chain
    stretch: Array  # (n,), what the margin has multiplied the deviations with
    probabilities: Array  # (C, K)
    age: Array  # int32, reverse steps of the chain; 0 is: its samples were drawn from the prior
    flat: Array  # int32, generations in which fitness could not be told apart
    idle: Array  # int32, generations without a better solution of this chain
    chain_solution: Array  # (D,), the chain's best
    chain_fitness: Array
    optima: Optima
    generation: Array  # int32
    best_solution: Array  # (D,)
    best_fitness: Array


class Params(struct.PyTreeNode):
    """Traced numbers: changing one compiles nothing.

    Attributes:
        initial_scale: noise level that a chain starts from, in genome units, > 0.
        margin: probability with which each integer of a sample is another one than the mean's, at
            least, in (0, 1/2).
        learning_rate: r of the probabilities, in (0, 1].
        patience: multiplies the number of generations without progress that end a chain.
        center: shape (D,): an integer i, or its logarithm, has the genome (i - center) / scale.
        scale: shape (D,), see center.
    """

    initial_scale: Array
    margin: Array
    learning_rate: Array
    patience: Array
    center: Array
    scale: Array


@final
@dataclasses.dataclass(frozen=True)
class MixedDiffusionEvolution:
    """Mixed Diffusion Evolution: see the module's first lines for what it computes.

    Attributes:
        population_size: N >= 1; 4 + 3 ln(number of variables) spends the fewest evaluations.
        solution: template of one solution, any pytree of floating-point arrays.
        variables: what the coordinates of the flat genome are, in their order; (): real numbers.
        archive_size: how many ends of chains are remembered.

    Raises:
        ValueError: an argument is out of its range; the message names it.

    Example:
        >>> import diffevo
        >>> space = diffevo.SearchSpace(
        ...     {"n": diffevo.Integer(1, 9), "c": diffevo.Choice(["a", "b"])}
        ... )
        >>> algorithm = diffevo.MixedDiffusionEvolution(8, space.spec, variables=space.variables)
    """

    population_size: int
    solution: PyTree  # as given; kept as a SolutionSpec, so that equal configurations are equal
    _: dataclasses.KW_ONLY
    variables: tuple[Variables, ...] = ()
    archive_size: int = 64

    def __post_init__(self) -> None:
        """Check the configuration and replace the template by its structure."""
        for name in ("population_size", "archive_size"):
            base.check_int(name, getattr(self, name))
            object.__setattr__(self, name, int(getattr(self, name)))
        object.__setattr__(self, "solution", SolutionSpec.of(self.solution))
        variables = tuple(self.variables) or (Variables("real", self.num_dims),)
        for one in variables:
            if not isinstance(one, Variables):
                raise ValueError(f"variables: expected Variables, got {one!r}")
        total = sum(one.num_dims for one in variables)
        if total != self.num_dims:
            raise ValueError(
                f"variables: expected {self.num_dims} coordinates as in solution, got {total}"
            )
        object.__setattr__(self, "variables", variables)

    @property
    def num_dims(self) -> int:
        """D, the length of the flat genome."""
        return self.solution.num_dims

    @functools.cached_property
    def _layout(self) -> "_Layout":
        return _lay_out(self.variables)

    @property
    def default_params(self) -> Params:
        """The numbers that this configuration starts from; integers have the genome themselves."""

        def number(value: float) -> Array:
            return jnp.asarray(value, self.solution.dtype)

        layout = self._layout
        rate = discrete.learning_rate(
            chain.num_effective(self.population_size), layout.num_categories
        )
        return Params(
            initial_scale=number(0.3),
            margin=number(1.0 / (max(self.population_size, 3) * layout.num_variables)),
            learning_rate=number(rate),
            patience=number(1.0),
            center=jnp.zeros(self.num_dims, self.solution.dtype),
            scale=jnp.ones(self.num_dims, self.solution.dtype),
        )

    @functools.partial(jax.jit, static_argnames="self")
    def sample_population(self, key: Array) -> PyTree:
        """Draw the initial population from the prior.

        Uniform where the genome is bounded and for categories, N(0, 1) elsewhere.

        Args:
            key: random key, consumed.

        Returns:
            A population: the template's structure with a leading axis N.
        """
        return self.solution.unravel(self._sample_prior(key))

    @base.compiled
    def init(self, key: Array, population: PyTree, fitness: Array, params: Params) -> State:
        """Start from an evaluated population: the chain at its weighted mean.

        Args:
            key: unused; what the other algorithms need.
            population: leaves (N, ...), samples of the prior.
            fitness: shape (N,), lower is better, NaN is failed.
            params: see `Params`.

        Returns:
            The state before generation 0.

        Raises:
            ValueError: a shape or structure does not fit.
        """
        del key
        genomes, fitness = base.take_in(population, fitness, self.population_size, self.solution)
        best_solution, best_fitness = base.first_best(genomes, fitness)
        layout, dtype = self._layout, genomes.dtype
        size, num_ordered = self.population_size, layout.num_ordered
        state = State(
            population=genomes,
            fitness=fitness,
            noise=jnp.zeros((size, num_ordered), dtype),
            steps=jnp.zeros((size, num_ordered), dtype),
            excess=jnp.zeros(size, dtype),
            chain=self._new_chain(jnp.zeros(num_ordered, dtype), params),
            stretch=jnp.ones(num_ordered, dtype),
            probabilities=jnp.asarray(layout.even, dtype),
            age=jnp.zeros((), jnp.int32),
            flat=jnp.zeros((), jnp.int32),
            idle=jnp.zeros((), jnp.int32),
            chain_solution=genomes[0],
            chain_fitness=jnp.full((), jnp.inf, dtype),
            optima=optima.empty(self.archive_size, self.num_dims, dtype),
            generation=jnp.zeros((), jnp.int32),
            best_solution=best_solution,
            best_fitness=best_fitness,
        )
        return self._live(state, params)

    @functools.partial(jax.jit, static_argnames="self")
    def estimate_x0(self, key: Array, state: State, params: Params) -> PyTree:
        """The noise-free origin of every member of the next `ask`: the mean of the chain.

        Args:
            key: unused; what the other algorithms need.
            state: an evaluated population.
            params: unused likewise.

        Returns:
            A population of estimates: leaves (N, ...), all the same; the coordinates of a choice
            are 2 P - 1.
        """
        del key, params
        mean = state.chain.mean
        ordered = jnp.where(self._layout.bounded, jnp.clip(mean, -1.0, 1.0), mean)
        genome = self._assemble(ordered[None, :], state.probabilities[None, :, :])
        return self.solution.unravel(jnp.repeat(genome, self.population_size, axis=0))

    @functools.partial(jax.jit, static_argnames="self")
    def ask(self, key: Array, state: State, params: Params) -> tuple[PyTree, State]:
        """Sample the chain, or the prior if a new one is to be started.

        Args:
            key: random key, consumed.
            state: from `init` or `tell`.
            params: see `Params`.

        Returns:
            (population to evaluate, state).
        """
        noise_key, category_key, prior_key = jax.random.split(key, 3)
        layout, size = self._layout, self.population_size
        noise = standard_normal(noise_key, state.noise.shape, state.noise.dtype)
        steps = chain.shape_noise(state.chain, noise)
        log_scales = state.chain.log_scale + jnp.log(state.stretch)
        samples = state.chain.mean[None, :] + jnp.exp(log_scales)[None, :] * steps
        inside, excess = chain.into_box(samples, log_scales[None, :], layout.bounded[None, :])
        categories = discrete.draw_categories(category_key, state.probabilities, size)
        genomes = jax.lax.cond(
            state.age > 0,
            lambda: self._assemble(
                jax.vmap(self._on_integers, in_axes=(0, None))(inside, params), categories
            ),
            lambda: self._sample_prior(prior_key),
        )
        return self.solution.unravel(genomes), state.replace(
            noise=noise, steps=steps, excess=excess
        )

    @base.compiled
    def tell(
        self, key: Array, population: PyTree, fitness: Array, state: State, params: Params
    ) -> tuple[State, Metrics]:
        """Take in the evaluated generation: one reverse step, or the end of the chain.

        Args:
            key: unused; what the other algorithms need.
            population: what was evaluated, from `ask`. A member that was repaired counts where it
                is for the best solution, and with the noise it was asked with for the step.
            fitness: shape (N,), lower is better, NaN is failed.
            state: from `ask`.
            params: see `Params`.

        Returns:
            (state, metrics): `diffevo.algorithms.base.summarize`.

        Raises:
            ValueError: a shape or structure does not fit.
        """
        del key
        genomes, fitness = base.take_in(
            population, fitness, self.population_size, self.solution, state.population
        )
        state = base.told(state, genomes, fitness)
        state = self._live(state, params)
        return state, base.summarize(genomes, fitness, state.best_fitness, state.generation)

    @functools.partial(jax.jit, static_argnames="self")
    def modes(self, state: State) -> Modes:
        """The distinct solutions at which chains have ended, and the best of the present one.

        Args:
            state: from `init` or `tell`.

        Returns:
            See `diffevo.algorithms.base.Modes`, M = archive_size.
        """
        known, _ = optima.insert(
            state.optima,
            state.chain_solution,
            state.chain_fitness,
            self._width(state),
            state.generation,
        )
        return Modes.of(self.solution, known.solutions, known.fitness, known.found, known.filled)

    def _sample_prior(self, key: Array) -> Array:
        layout, dtype, size = self._layout, self.solution.dtype, self.population_size
        uniform_key, normal_key, category_key = jax.random.split(key, 3)
        shape = (size, layout.num_ordered)
        ordered = jnp.where(
            layout.bounded[None, :],
            jax.random.uniform(uniform_key, shape, dtype, -1.0, 1.0),
            standard_normal(normal_key, shape, dtype),
        )
        even = jnp.asarray(layout.even, dtype)
        return self._assemble(ordered, discrete.draw_categories(category_key, even, size))

    def _assemble(self, ordered: Array, shares: Array) -> Array:
        """Genomes (N, D) of ordered coordinates (N, n) and shares of categories (N, C, K)."""
        parts = [ordered, (2 * shares - 1).reshape(shares.shape[0], -1)]
        return jnp.concatenate(parts, axis=1)[:, self._layout.sources]

    def _new_chain(self, mean: Array, params: Params) -> Chain:
        num_ordered = self._layout.num_ordered
        rank = None if num_ordered <= 256 else default_chain_size(num_ordered)
        return chain.start(mean, jnp.log(params.initial_scale).astype(mean.dtype), rank)

    def _grid(self, params: Params) -> discrete.Grid:
        layout = self._layout
        center, scale = (side[layout.ordered] for side in (params.center, params.scale))
        return discrete.Grid(center, scale, layout.log, layout.bounded)

    def _on_integers(self, ordered: Array, params: Params) -> Array:
        """Coordinates (n,), those of integers at the middle of their cells."""
        integers, grid = self._layout.integer, self._grid(params)
        if not np.any(integers):
            return ordered
        return jnp.where(integers, grid.coordinates(grid.integers(ordered)), ordered)

    def _deviation(self, state: State) -> Array:
        """Standard deviation of the samples in each ordered coordinate, shape (n,)."""
        scale = jnp.exp(state.chain.log_scale) * state.stretch
        if not chain.is_full(state.chain):  # its maps are few, most directions are the identity's
            return scale
        return scale * jnp.sqrt(jnp.sum(state.chain.metric**2, axis=1))

    def _width(self, state: State) -> Array:
        """Root-mean-square distance of samples from the mean in the real coordinates."""
        return jnp.sqrt(jnp.sum(jnp.where(self._layout.real, self._deviation(state), 0.0) ** 2))

    def _live(self, state: State, params: Params) -> State:
        """One generation in the life of the chain, from its evaluated samples."""
        fresh = state.age == 0
        weights = chain.weigh(state.fitness, excess=jnp.where(fresh, 0.0, state.excess))
        alive = weights.alive > 0
        ordered = state.population[:, self._layout.ordered]
        begun = self._new_chain(weights.good @ ordered, params)
        present, probabilities = begun, state.probabilities
        if self._layout.num_ordered:
            # The mean moves by the stretched step; the rest of a step knows nothing of the stretch.
            sums = chain.moments(state.chain, state.noise, weights, state.steps)
            moved = chain.move(state.chain._replace(mean=jnp.zeros_like(begun.mean)), sums, weights)
            moved = moved._replace(mean=state.chain.mean + state.stretch * moved.mean)
            present = jax.tree.map(lambda a, b: jnp.where(fresh, a, b), begun, moved)
        if self._layout.num_choices:
            probabilities = discrete.step_probabilities(
                probabilities,
                self._layout.indicators(state.population),
                weights.good,
                params.learning_rate,
                jnp.asarray(self._layout.floors, ordered.dtype),
            )
        chain_solution, chain_fitness = archive.update_best(
            state.chain_solution, state.chain_fitness, state.population, state.fitness
        )
        better = chain_fitness < state.chain_fitness
        values = jnp.where(jnp.isnan(state.fitness), jnp.inf, state.fitness)
        least, middle = jnp.min(values), ranks.nth(values, (self.population_size - 1) // 2)
        resolution = 4 * float(jnp.finfo(values.dtype).eps) * jnp.abs(least)
        level = alive & ~fresh & (middle - least <= resolution)  # not if they are infinite
        state = state.replace(
            chain=present,
            stretch=jnp.where(fresh, 1.0, state.stretch),
            probabilities=probabilities,
            age=state.age + alive.astype(jnp.int32),
            flat=jnp.where(level, state.flat + 1, 0),
            idle=jnp.where(better | fresh, 0, state.idle + 1),
            chain_solution=chain_solution,
            chain_fitness=chain_fitness,
        )
        if np.any(self._layout.integer):
            state = self._keep_margin(state, params)
        return self._end(state, params)

    def _keep_margin(self, state: State, params: Params) -> State:
        layout, mean = self._layout, state.chain.mean
        old, cells = self._deviation(state), self._grid(params).cells(mean)
        new_mean, new = discrete.keep_margin(mean, old, cells, params.margin)
        return state.replace(
            chain=state.chain._replace(mean=jnp.where(layout.integer, new_mean, mean)),
            stretch=jnp.where(layout.integer, state.stretch * new / old, state.stretch),
        )

    def _end(self, state: State, params: Params) -> State:
        """Archive the chain's best and make place for a new chain, if it is over."""
        layout, dtype = self._layout, state.population.dtype
        num, size = layout.num_variables, self.population_size
        flat, idle = state.flat.astype(dtype), state.idle.astype(dtype)
        narrowest = max(1e-12, 4 * float(jnp.finfo(dtype).eps))
        extent = jnp.max(jnp.abs(state.chain.mean), initial=1.0)
        width = self._width(state)
        narrow = bool(np.any(layout.real)) & (width < narrowest * extent)
        ended = (state.age > 1) & (
            narrow
            | (flat > params.patience * (10 + 30 * num / size))
            | (idle > params.patience * (50 + 50 * num**1.5 / size))
        )
        known, _ = optima.insert(
            state.optima,
            state.chain_solution,
            jnp.where(ended, state.chain_fitness, jnp.nan),
            width,
            state.generation,
        )
        even = jnp.asarray(layout.even, dtype)
        return state.replace(
            optima=known,
            age=jnp.where(ended, 0, state.age),
            flat=jnp.where(ended, 0, state.flat),
            probabilities=jnp.where(ended, even, state.probabilities),
            chain_fitness=jnp.where(ended, jnp.inf, state.chain_fitness),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class _Layout:
    """Where things are in a genome; numpy arrays, constants of the compiled functions."""

    ordered: np.ndarray  # (n,), the coordinates of real numbers and integers
    real: np.ndarray  # (n,), booleans, as the next three
    integer: np.ndarray
    log: np.ndarray
    bounded: np.ndarray
    choices: np.ndarray  # (C, K), the coordinates of categories; of the padding that of the first
    num_categories: np.ndarray  # (C,)
    sources: np.ndarray  # (D,), where each coordinate is in n ordered ones and C K categories
    num_variables: int

    @property
    def num_ordered(self) -> int:
        return len(self.ordered)

    @property
    def num_choices(self) -> int:
        return len(self.num_categories)

    @property
    def is_category(self) -> np.ndarray:
        return np.arange(self.choices.shape[1])[None, :] < self.num_categories[:, None]

    @property
    def even(self) -> np.ndarray:
        """Equal probabilities (C, K), 0 in the padding."""
        return self.is_category / self.num_categories[:, None]

    @property
    def floors(self) -> np.ndarray:
        return discrete.floors(self.num_categories)

    def indicators(self, genomes: Array) -> Array:
        """1 where a category is chosen, (N, C, K)."""
        values = jnp.where(self.is_category[None], genomes[:, self.choices], -jnp.inf)
        chosen = jnp.argmax(values, axis=-1)
        return jax.nn.one_hot(chosen, self.choices.shape[1], dtype=genomes.dtype)


def _lay_out(variables: tuple[Variables, ...]) -> _Layout:
    ordered: list[int] = []
    flags: list[tuple[bool, bool, bool, bool]] = []
    choices: list[range] = []
    begin = 0
    for one in variables:
        columns = range(begin, begin + one.num_dims)
        if one.kind == "choice":
            size = one.num_categories
            choices += [columns[i * size : (i + 1) * size] for i in range(one.count)]
        else:
            ordered += columns
            flags += [(one.kind == "real", one.kind == "integer", one.log, one.bounded)] * one.count
        begin = columns.stop
    most = max((len(one) for one in choices), default=1)
    padded = np.array(
        [[*one, *[one[0]] * (most - len(one))] for one in choices], dtype=int
    ).reshape(-1, most)
    sources = np.zeros(begin, int)
    sources[ordered] = np.arange(len(ordered))
    for i, one in enumerate(choices):
        sources[list(one)] = len(ordered) + i * most + np.arange(len(one))
    real, integer, log, bounded = np.array(flags, bool).reshape(-1, 4).T
    return _Layout(
        ordered=np.array(ordered, int),
        real=real,
        integer=integer,
        log=log & integer,
        bounded=bounded,
        choices=padded,
        num_categories=np.array([len(one) for one in choices], int),
        sources=sources,
        num_variables=max(1, len(ordered) + len(choices)),
    )

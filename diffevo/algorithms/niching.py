r"""Niching Diffusion Evolution: many denoising chains, an archive of optima, and re-noising.

The population is split into chains (`diffevo.core.chain`), each a small population that is denoised
to one optimum: its noise level and its metric follow from the ranks of its own samples, no schedule
is needed. A chain ends when it has converged, when it comes to where the archive or a better chain
already is, or when what it can still reach is no better than the best optimum known. Its place is
re-noised at once, by one of four proposals:

* *scout*: samples of the prior; the best of them is where the next chain starts.
* *ray*: samples along a ray from a known optimum, at growing distance; beyond the first ridge,
  where fitness improves again, lies another basin, and the best sample there is the next start.
* *combine*: samples a + b - c of known optima a, b, c, for landscapes that repeat themselves.
* *slow*: a scout whose chain takes s = 2, 4, 8, ... times smaller reverse steps, which averages the
  landscape's small scales as a population s times as large would.

Before a scout or a combination becomes a chain, samples between it and the nearest known optimum
tell whether a ridge separates them (the hill-valley test). The proposal with the best (optimistic)
rate of discoveries per evaluation is chosen, so all are tried while nothing is discovered.

With one chain this is a restarted evolution strategy of the CMA-ES kind; with many it is a niching
method. All decisions depend on ranks, on differences of fitness relative to the landscape's, and on
distances relative to a chain's width: so f and a f + b are searched alike, for a > 0.

Shape letters: N population, K chains, L samples of a chain, D genome dimensions, A archive.

References: Zhang et al., arXiv 2410.02543 (denoising); Ursem, Multinational Evolutionary Algorithms
(CEC 1999), and Maree et al., Niching an Archive-based Gaussian EDA via adaptive clustering (the
hill-valley test and local searches from an archive); Hansen, Benchmarking a BI-Population CMA-ES
(GECCO 2009) (two regimes of restarts with balanced budgets).
"""

import dataclasses
import functools
import math
from typing import Literal, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jax.typing import DTypeLike

from diffevo.algorithms import base
from diffevo.algorithms.base import Metrics, PyTree, SolutionSpec
from diffevo.core import archive, chain, optima
from diffevo.core.chain import Chain
from diffevo.core.distances import squared_distances
from diffevo.core.noise import standard_normal
from diffevo.core.optima import Optima

# What a chain's samples are for.
SCOUT, RAY, COMBINE, BRIDGE, DENOISE, GAVE_UP = range(6)
# Where a chain came from: the first three as above.
SLOW = 3
_NUM_PROPOSALS = 4
# A ray's samples lie at these shares of its length, geometrically spaced.
_NEAREST_ON_RAY = 0.05


class Chains(struct.PyTreeNode):
    """K chains and where each is in its life; leading axis K everywhere."""

    chain: Chain
    slowness: Array  # s >= 1
    activity: Array  # int32
    proposal: Array  # int32
    line: Array  # (K, D), from the mean along a ray or to the other end of a bridge
    line_fitness: Array  # at the mean, where the line starts
    best_solution: Array  # (K, D)
    best_fitness: Array
    age: Array  # generations
    median: Array  # of fitness, smoothed over generations
    spread: Array  # median minus best of a generation, smoothed
    lowest_median: Array
    idle: Array  # generations without progress of the median
    flat: Array  # int32, generations in which fitness could not be told apart
    doomed_width: Array  # width since when it has had no prospect; 0 is: it has one


class Proposals(NamedTuple):
    """What scouts, rays, combinations and slow chains have cost and found; each shape (4,).

    Old generations count less, see `Params.discovery_memory`.
    """

    evaluations: Array
    discoveries: Array
    endings: Array


class State(struct.PyTreeNode):
    """What the next generation needs."""

    population: Array  # (N, D), the genomes told last
    fitness: Array  # (N,)
    noise: Array  # (K, L, D), z of the samples asked for
    steps: Array  # (K, L, D), M z
    chains: Chains
    optima: Optima
    proposals: Proposals
    num_slow: Array  # slow chains that have ended
    scale: Array  # median minus best fitness of the first population
    generation: Array  # int32
    best_solution: Array  # (D,)
    best_fitness: Array


class Params(struct.PyTreeNode):
    """Traced numbers: changing one compiles nothing.

    Attributes:
        initial_scale: noise level that a chain starts from, in units of the prior, > 0.
        scout_share: discoveries that scouts are credited with before they make any, where rays and
            combinations have 1: while nothing is discovered, evaluations are divided like this.
        slow_share: the same of slow chains; 0 forbids them.
        discovery_memory: how fast old discoveries are forgotten, >= 0: counts are multiplied by
            (1 - 1/g)^memory in generation g.
        shrinkage: a chain without prospect ends when it has become so many times narrower, > 1.
        tolerance: a chain that does not beat the best optimum ends when the spread of its fitness
            falls below this share of the first population's.
        mode_tolerance: optima within this share of it from the best are equally good.
        patience: multiplies the number of generations without progress that end a chain.
    """

    initial_scale: Array
    scout_share: Array
    slow_share: Array
    discovery_memory: Array
    shrinkage: Array
    tolerance: Array
    mode_tolerance: Array
    patience: Array


class Modes(NamedTuple):
    """Distinct good solutions, best first.

    Attributes:
        solutions: leaves (A + K, ...).
        fitness: shape (A + K,).
        found: the generation of each, int32.
        valid: booleans; the rest are padding.
    """

    solutions: PyTree
    fitness: Array
    found: Array
    valid: Array


@final
@dataclasses.dataclass(frozen=True)
class NichingDiffusionEvolution:
    """Niching Diffusion Evolution: see the module's first lines for what it computes.

    Attributes:
        population_size: N >= 1. One chain's worth, 4 + 3 ln D, spends the fewest evaluations; more
            run more chains side by side.
        solution: template of one solution, any pytree of floating-point arrays.
        chain_size: L, samples of a chain in a generation; None: at least max(4 + 3 ln D, D / 2),
            such that it divides N as well as can be, or N if that is less.
        archive_size: A, how many optima are remembered.
        domain: "unbounded", with the prior N(0, I); or "box", the genomes lie in [-1, 1]^D, where a
            step beyond is reflected, and the prior is uniform.
        metric: "full" is a D x D matrix a chain; "low_rank" takes O(D log D); "auto" is full up to
            256 dimensions.

    Raises:
        ValueError: an argument is out of its range; the message names it.
    """

    population_size: int
    solution: PyTree  # as given; kept as a SolutionSpec, so that equal configurations are equal
    _: dataclasses.KW_ONLY
    chain_size: int | None = None
    archive_size: int = 256
    domain: Literal["unbounded", "box"] = "unbounded"
    metric: Literal["auto", "full", "low_rank"] = "auto"

    def __post_init__(self) -> None:
        """Check the configuration and replace the template by its structure."""
        for name in ("population_size", "archive_size"):
            base.check_int(name, getattr(self, name))
            object.__setattr__(self, name, int(getattr(self, name)))
        if self.chain_size is not None:
            base.check_int("chain_size", self.chain_size)
            if self.chain_size > self.population_size:
                raise ValueError(
                    f"chain_size: expected at most population_size, {self.population_size}, "
                    f"got {self.chain_size}"
                )
        object.__setattr__(self, "solution", SolutionSpec.of(self.solution))
        for name, choices in (
            ("domain", ("unbounded", "box")),
            ("metric", ("auto", "full", "low_rank")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {choices}, got {getattr(self, name)!r}")

    @property
    def num_dims(self) -> int:
        """D, the length of the flat genome."""
        return self.solution.num_dims

    @property
    def num_samples(self) -> int:
        """L, samples of a chain in a generation."""
        if self.chain_size is not None:
            return self.chain_size
        smallest = max(default_chain_size(self.num_dims), self.num_dims // 2)
        if smallest >= self.population_size:
            return self.population_size
        largest = min(2 * smallest, self.population_size + 1)
        return min(range(smallest, largest), key=lambda size: self.population_size % size)

    @property
    def num_chains(self) -> int:
        """K; the members that are left over, N - K L, are samples of the prior."""
        return self.population_size // self.num_samples

    @property
    def _rank(self) -> int | None:
        full = self.metric == "full" or (self.metric == "auto" and self.num_dims <= 256)
        return None if full else default_chain_size(self.num_dims)

    @property
    def default_params(self) -> Params:
        """The numbers that this configuration starts from."""

        def number(value: float) -> Array:
            return jnp.asarray(value, self.solution.dtype)

        return Params(
            initial_scale=number(0.4),
            scout_share=number(2.0),
            slow_share=number(4.0),
            discovery_memory=number(1.0),
            shrinkage=number(4.0),
            tolerance=number(1e-10),
            mode_tolerance=number(1e-6),
            patience=number(1.0),
        )

    @functools.partial(jax.jit, static_argnames="self")
    def sample_population(self, key: Array) -> PyTree:
        """Draw the initial population from the prior: N(0, I), or uniform in the box.

        Args:
            key: random key, consumed.

        Returns:
            A population: the template's structure with a leading axis N.
        """
        return self.solution.unravel(self._sample_prior(key, (self.population_size,)))

    @functools.partial(jax.jit, static_argnames="self")
    def init(self, key: Array, population: PyTree, fitness: Array, params: Params) -> State:
        """Start from an evaluated population: every chain at the best of its share of it.

        With a metric of low rank the population itself is a chain's first generation, drawn from
        the prior: in thousands of dimensions its weighted mean is a better start than its best.

        Args:
            key: random key, consumed.
            population: leaves (N, ...), samples of the prior.
            fitness: shape (N,), lower is better, NaN is failed.
            params: see `Params`.

        Returns:
            The state before generation 0.

        Raises:
            ValueError: a shape or structure does not fit.
        """
        genomes, fitness = base.take_in(population, fitness, self.population_size, self.solution)
        best_solution, best_fitness = base.first_best(genomes, fitness)
        num_chains, num_dims, dtype = self.num_chains, self.num_dims, genomes.dtype
        values = jnp.where(jnp.isfinite(fitness), fitness, jnp.nan)
        scale = jnp.nan_to_num(jnp.nanmedian(values) - jnp.nanmin(values))
        zeros, none = jnp.zeros(num_chains, dtype), _none(dtype)
        prior_scale = 1 / math.sqrt(3) if self.domain == "box" else 1.0
        samples = genomes[: num_chains * self.num_samples].reshape(
            num_chains, self.num_samples, num_dims
        )
        state = State(
            population=genomes,
            fitness=fitness,
            noise=samples / prior_scale,
            steps=samples / prior_scale,
            chains=Chains(
                chain=jax.vmap(lambda mean: chain.start(mean, math.log(prior_scale), self._rank))(
                    jnp.zeros((num_chains, num_dims), dtype)
                ),
                slowness=zeros + 1,
                activity=jnp.full(num_chains, SCOUT if self._rank is None else DENOISE, jnp.int32),
                proposal=jnp.full(num_chains, SCOUT, jnp.int32),
                line=jnp.zeros((num_chains, num_dims), dtype),
                line_fitness=zeros,
                best_solution=jnp.zeros((num_chains, num_dims), dtype),
                best_fitness=zeros + none,
                age=zeros,
                median=zeros,
                spread=zeros,
                lowest_median=zeros + none,
                idle=zeros,
                flat=jnp.zeros(num_chains, jnp.int32),
                doomed_width=zeros,
            ),
            optima=optima.empty(self.archive_size, num_dims, dtype),
            proposals=Proposals(*(jnp.zeros(_NUM_PROPOSALS, dtype) for _ in range(3))),
            num_slow=jnp.zeros((), dtype),
            scale=scale.astype(dtype),
            generation=jnp.zeros((), jnp.int32),
            best_solution=best_solution,
            best_fitness=best_fitness,
        )
        return self._live(key, state, params)

    @functools.partial(jax.jit, static_argnames="self")
    def estimate_x0(self, key: Array, state: State, params: Params) -> PyTree:
        """The noise-free origin of every member of the next `ask`: the mean of its chain.

        Args:
            key: unused; what the other algorithms need.
            state: an evaluated population.
            params: see `Params`.

        Returns:
            A population of estimates: leaves (N, ...); samples of the prior have the origin 0.
        """
        del key, params
        means = jnp.repeat(state.chains.chain.mean, self.num_samples, axis=0)
        rest = self.population_size - means.shape[0]
        return self.solution.unravel(jnp.pad(means, ((0, rest), (0, 0))))

    @functools.partial(jax.jit, static_argnames="self")
    def ask(self, key: Array, state: State, params: Params) -> tuple[PyTree, State]:
        """Sample every chain, or what its next start is chosen from.

        Args:
            key: random key, consumed.
            state: from `init` or `tell`.
            params: see `Params`.

        Returns:
            (population to evaluate, state).
        """
        noise_key, prior_key, combine_key = jax.random.split(key, 3)
        chains, size = state.chains, self.num_samples
        noise = standard_normal(noise_key, state.noise.shape, state.noise.dtype)
        steps = jax.vmap(chain.shape_noise)(chains.chain, noise)
        mean = chains.chain.mean[:, None, :]
        activity = chains.activity[:, None, None]
        line = chains.line[:, None, :]
        genomes = mean + jnp.exp(chains.chain.log_scale)[:, None, None] * steps
        along = jnp.where(
            activity == RAY, _ray_shares(size)[None, :, None], _bridge_shares(size)[None, :, None]
        ).astype(genomes.dtype)
        on_line = (activity == RAY) | (activity == BRIDGE)
        genomes = jnp.where(on_line, mean + along * line, genomes)
        # With the members that do not make up a chain.
        prior = self._sample_prior(prior_key, (self.population_size,))
        used = self.num_chains * size
        genomes = jnp.where(activity == SCOUT, prior[:used].reshape(genomes.shape), genomes)
        combined = jax.lax.cond(
            jnp.any(chains.activity == COMBINE),
            lambda: self._combine(combine_key, state, params),
            lambda: jnp.zeros_like(genomes),
        )
        genomes = jnp.where(activity == COMBINE, combined, genomes)
        genomes = jnp.concatenate([genomes.reshape(used, -1), prior[used:]])
        if self.domain == "box":
            genomes = 1.0 - jnp.abs(jnp.mod(genomes + 1.0, 4.0) - 2.0)
        return self.solution.unravel(genomes), state.replace(noise=noise, steps=steps)

    @functools.partial(jax.jit, static_argnames="self")
    def tell(
        self, key: Array, population: PyTree, fitness: Array, state: State, params: Params
    ) -> tuple[State, Metrics]:
        """Take in the evaluated generation: denoise, end what has ended, re-noise its place.

        Args:
            key: random key, consumed.
            population: what was evaluated, from `ask`. A member that was repaired counts where it
                is for the optima, and with the noise it was asked with for the step of its chain.
            fitness: shape (N,), lower is better, NaN is failed.
            state: from `ask`.
            params: see `Params`.

        Returns:
            (state, metrics): `diffevo.algorithms.base.summarize` and ``num_modes``, how many
            optima are known that are as good as the best.

        Raises:
            ValueError: a shape or structure does not fit.
        """
        genomes, fitness = base.take_in(
            population, fitness, self.population_size, self.solution, state.population
        )
        best_solution, best_fitness = archive.update_best(
            state.best_solution, state.best_fitness, genomes, fitness
        )
        state = state.replace(
            population=genomes,
            fitness=fitness,
            generation=state.generation + 1,
            best_solution=best_solution,
            best_fitness=best_fitness,
        )
        state = self._live(key, state, params)
        metrics = base.summarize(genomes, fitness, best_fitness, state.generation)
        good = _good(state, params)
        return state, metrics | {"num_modes": jnp.sum(good).astype(jnp.int32)}

    @functools.partial(jax.jit, static_argnames="self")
    def modes(self, state: State) -> Modes:
        """The distinct optima found so far: those that are archived, and live chains' best.

        Args:
            state: from `init` or `tell`.

        Returns:
            See `Modes`. Local optima are among them, after the better ones.
        """
        chains, known = state.chains, state.optima
        width = self._width(state)
        reach = self._reach * width
        near = jnp.any(
            (optima.distances(chains.chain.mean, known) < reach[:, None])
            & (known.fitness[None, :] <= chains.best_fitness[:, None]),
            axis=1,
        )
        alive = (chains.activity == DENOISE) & (chains.best_fitness < _none(width.dtype))
        fresh = alive & ~near & ~self._led(chains, width, alive)
        solutions = jnp.concatenate([known.solutions, chains.best_solution])
        fitness = jnp.concatenate([known.fitness, chains.best_fitness])
        found = jnp.concatenate([known.found, jnp.full(self.num_chains, state.generation)])
        valid = jnp.concatenate([known.filled, fresh])
        order = jnp.argsort(jnp.where(valid, fitness, jnp.inf), stable=True)
        return Modes(
            self.solution.unravel(solutions[order]), fitness[order], found[order], valid[order]
        )

    def _sample_prior(self, key: Array, shape: tuple[int, ...]) -> Array:
        shape, dtype = (*shape, self.num_dims), self.solution.dtype
        if self.domain == "box":
            return jax.random.uniform(key, shape, dtype, -1.0, 1.0)
        return standard_normal(key, shape, dtype)

    def _combine(self, key: Array, state: State, params: Params) -> Array:
        """Sums a + b - c of good optima drawn at random, shape (K, L, D)."""
        shape = (3, self.num_chains, self.num_samples)
        a, b, c = state.optima.solutions[_draw_good(key, shape, state, params)]
        return a + b - c

    @property
    def _reach(self) -> float:
        """Distance, in widths, within which an optimum may be where a chain is heading.

        A chain in equilibrium is about sqrt(D) / 2.5 of its widths from its optimum.
        """
        return 1.0 + 0.6 * math.sqrt(self.num_dims)

    def _width(self, state: State) -> Array:
        """Root-mean-square distance of a chain's samples from its mean, shape (K,)."""
        if self._rank is None:  # the metric's mean square is that of the identity
            return jnp.exp(state.chains.chain.log_scale) * math.sqrt(self.num_dims)
        squares = jnp.mean(jnp.sum(state.steps**2, axis=2), axis=1)
        return jnp.exp(state.chains.chain.log_scale) * jnp.sqrt(squares)

    def _led(self, chains: Chains, width: Array, alive: Array) -> Array:
        """Whether a better chain, not much wider, is where this one is heading, shape (K,)."""
        gaps = jnp.sqrt(squared_distances(chains.chain.mean, chains.chain.mean))
        leads = (
            (chains.best_fitness[None, :] < chains.best_fitness[:, None])
            & alive[None, :]
            & (gaps < self._reach * width[:, None])
            & (width[None, :] <= 2.0 * width[:, None])
        )
        return jnp.any(leads, axis=1)

    def _live(self, key: Array, state: State, params: Params) -> State:
        """One generation in the life of every chain, from its evaluated samples."""
        begin_key, propose_key = jax.random.split(key)
        chains = state.chains
        used = self.num_chains * self.num_samples
        genomes = state.population[:used].reshape(state.noise.shape)
        fitness = state.fitness[:used].reshape(state.noise.shape[:2])
        none = _none(fitness.dtype)
        ordered = jnp.clip(jnp.where(jnp.isnan(fitness), none, fitness), -none, none)

        denoising = chains.activity == DENOISE
        # In thousands of dimensions fitness is almost linear over the first steps, for about as
        # long as the evolution path takes to tell anything.
        push = 0.0 * chains.age
        if self._rank is not None:
            push = jnp.exp(-chains.age * (self.num_samples / (4 * self.num_dims)))
        moved = jax.vmap(chain.reverse_step)(
            chains.chain, state.noise, state.steps, fitness, chains.slowness, push
        )
        if self.domain == "box":
            moved = jax.vmap(chain.fold)(moved)
        begun = self._begin(begin_key, genomes, ordered, state, params)
        fresh = jax.vmap(lambda mean, scale: chain.start(mean, scale, self._rank))(
            begun.mean, begun.log_scale
        )
        best = jnp.argmin(ordered, axis=1)
        best_fitness = _pick(ordered, best)
        better = denoising & (best_fitness < chains.best_fitness)
        chains = chains.replace(
            chain=_where(denoising, moved, fresh),
            activity=jnp.where(denoising, DENOISE, begun.activity),
            line=_where(denoising, chains.line, begun.line),
            line_fitness=jnp.where(denoising, chains.line_fitness, begun.fitness),
            best_solution=_where(
                denoising,
                _where(better, _pick(genomes, best), chains.best_solution),
                begun.mean,
            ),
            best_fitness=jnp.where(
                denoising,
                jnp.where(better, best_fitness, chains.best_fitness),
                begun.fitness,
            ),
        )
        state = state.replace(chains=chains)
        state, converged, hopeless, known = self._judge(ordered, denoising, state, params)
        ended = converged | hopeless | known | (chains.activity == GAVE_UP)
        # A chain that was heading for what is known has nothing to report.
        state, discovered = self._report(converged | (hopeless & ~known), state, params)
        return self._renoise(propose_key, ended, discovered, state, params)

    def _begin(
        self, key: Array, genomes: Array, fitness: Array, state: State, params: Params
    ) -> "_Beginning":
        """What follows from the samples of the chains that look for a start."""
        chains, size = state.chains, self.num_samples
        any_known = jnp.any(state.optima.filled)

        # scout: the best sample. First and slow chains start wide, and half of the others: a narrow
        # one comes to where it is, a wide one passes over small scales.
        best = jnp.argmin(fitness, axis=1)
        scale_key, wide_key = jax.random.split(key)
        exponent = jax.random.uniform(scale_key, chains.slowness.shape, fitness.dtype) ** 2
        wide = (chains.slowness > 1) | (state.generation == 0)
        wide = wide | jax.random.bernoulli(wide_key, 0.5, wide.shape)
        scale = params.initial_scale * jnp.where(wide, 1.0, 10.0 ** (-2.0 * exponent))
        mean, value = _pick(genomes, best), _pick(fitness, best)
        bridged = any_known & (chains.slowness == 1)
        activity = jnp.where(bridged, BRIDGE, DENOISE)

        # ray: the best sample beyond a ridge, as wide as the samples are apart there.
        before = jnp.concatenate([chains.line_fitness[:, None], fitness[:, :-1]], axis=1)
        beyond = fitness < jax.lax.cummax(before, axis=1)
        place = jnp.argmin(jnp.where(beyond, fitness, jnp.inf), axis=1)
        gap = jnp.asarray(np.diff(_ray_shares(size), prepend=0.0), fitness.dtype)[place]
        length = jnp.sqrt(jnp.sum(chains.line**2, axis=1)) / math.sqrt(self.num_dims)
        is_ray = chains.activity == RAY
        mean = _where(is_ray, _pick(genomes, place), mean)
        value = jnp.where(is_ray, _pick(fitness, place), value)
        scale = jnp.where(is_ray, 0.5 * gap * length, scale)
        activity = jnp.where(is_ray, jnp.where(jnp.any(beyond, axis=1), DENOISE, GAVE_UP), activity)

        # combine: the best sample that is not at a known optimum.
        is_combine = chains.activity == COMBINE

        def combined() -> tuple[Array, Array, Array]:
            gaps = optima.distances(genomes.reshape(-1, self.num_dims), state.optima)
            nearest = jnp.argmin(gaps, axis=1)
            gap = _pick(gaps, nearest)
            new = (gap > 0.1 * state.optima.spacing[nearest]).reshape(fitness.shape)
            place = jnp.argmin(jnp.where(new, fitness, jnp.inf), axis=1)
            return place, _pick(gap.reshape(fitness.shape), place), jnp.any(new, axis=1)

        zeros = jnp.zeros_like(scale)
        place, gap, any_new = jax.lax.cond(
            jnp.any(is_combine),
            combined,
            lambda: (jnp.zeros_like(best), zeros, zeros > 1),
        )
        mean = _where(is_combine, _pick(genomes, place), mean)
        value = jnp.where(is_combine, _pick(fitness, place), value)
        scale = jnp.where(is_combine, 0.2 * gap / math.sqrt(self.num_dims), scale)
        activity = jnp.where(is_combine, jnp.where(any_new, BRIDGE, GAVE_UP), activity)

        # A bridge leads from the start to the nearest known optimum.
        nearest = jnp.argmin(optima.distances(mean, state.optima), axis=1)
        line = state.optima.solutions[nearest] - mean

        # bridge: start if there is a ridge, not wider than half the way to it.
        is_bridge = chains.activity == BRIDGE
        ridge = jnp.argmax(fitness, axis=1)
        away = jnp.asarray(_bridge_shares(size), fitness.dtype)[ridge] * length
        separated = _pick(fitness, ridge) > chains.line_fitness
        mean = _where(is_bridge, chains.chain.mean, mean)
        value = jnp.where(is_bridge, chains.line_fitness, value)
        own = jnp.exp(chains.chain.log_scale)
        scale = jnp.where(is_bridge, jnp.minimum(own, 0.5 * away), scale)
        activity = jnp.where(is_bridge, jnp.where(separated, DENOISE, GAVE_UP), activity)
        tiny = jnp.finfo(scale.dtype).tiny
        return _Beginning(
            activity.astype(jnp.int32),
            mean,
            jnp.log(jnp.maximum(scale, tiny)),
            line,
            value,
        )

    def _judge(
        self, fitness: Array, denoising: Array, state: State, params: Params
    ) -> tuple[State, Array, Array, Array]:
        """(state, which chains have converged, which are hopeless, which head for the known).

        Having no prospect counts only if it lasts while the chain becomes `shrinkage` times
        narrower: a wide chain has many optima within its reach.
        """
        chains, size, num_dims = state.chains, self.num_samples, self.num_dims
        dtype = fitness.dtype
        width = self._width(state)
        ranked = jnp.sort(fitness, axis=1)
        best, median = ranked[:, 0], ranked[:, size // 2]
        spread = jnp.minimum(median - best, _none(dtype))
        record = jnp.min(state.optima.fitness)

        heading = jnp.any(
            (optima.distances(chains.chain.mean, state.optima) < self._reach * width[:, None])
            & (state.optima.fitness[None, :] <= chains.best_fitness[:, None]),
            axis=1,
        )
        heading = heading | self._led(chains, width, denoising)
        # On a quadratic, the way down that is left is less than D times the samples' spread; more
        # while the metric has not been learned.
        behind = best - 5.0 * num_dims * spread > record + params.mode_tolerance * state.scale
        # A slow chain passes over optima: what it is near to does not tell where it will end.
        doomed = denoising & ((heading & (chains.slowness == 1)) | behind)
        since = jnp.where(doomed, jnp.maximum(chains.doomed_width, width), 0.0)
        given_up = doomed & (width * params.shrinkage < since)

        share = 1.0 / (5.0 * chains.slowness)
        first = chains.age == 0
        smooth = jnp.where(first, median, chains.median + share * (median - chains.median))
        smooth_spread = jnp.where(first, spread, chains.spread + share * (spread - chains.spread))
        progress = smooth < chains.lowest_median - 0.2 * smooth_spread
        idle = jnp.where(progress | first, 0.0, chains.idle + 1.0)
        resolution = 4 * jnp.finfo(dtype).eps
        flat = jnp.where(spread <= resolution * jnp.abs(best), chains.flat + 1, 0)
        age = chains.age + 1.0
        # Generations of a population that is `slowness` times as large, in our smaller ones.
        samples = size * chains.slowness
        patience = params.patience * chains.slowness
        narrowest = max(1e-12, 4 * float(jnp.finfo(dtype).eps))
        extent = jnp.maximum(1.0, jnp.max(jnp.abs(chains.chain.mean), axis=1))
        converged = denoising & (
            (width < narrowest * extent)
            | (flat > 5)
            | ((chains.best_fitness >= record) & (spread < params.tolerance * state.scale))
            | (idle > patience * (50 + 50 * num_dims**1.5 / samples))
            | (age > patience * (100 + 150.0 * (num_dims + 3) ** 2 / jnp.sqrt(samples)))
        )

        def kept(new: Array, start: float) -> Array:
            return jnp.where(denoising, new, jnp.asarray(start, new.dtype))

        none = _none(dtype)
        state = state.replace(
            chains=chains.replace(
                age=kept(age, 0),
                median=kept(smooth, 0),
                spread=kept(smooth_spread, 0),
                lowest_median=kept(jnp.where(progress, smooth, chains.lowest_median), none),
                idle=kept(idle, 0),
                flat=kept(flat, 0),
                doomed_width=kept(since, 0),
            )
        )
        return state, converged, given_up, given_up & heading

    def _report(self, found: Array, state: State, params: Params) -> tuple[State, Array]:
        """Archive where chains have ended; (state, which of them discovered a good optimum).

        A discovery is an optimum as good as the best that was known: what counts is their number.
        An optimum that is better makes all that was found before worth nothing.
        """
        chains, width = state.chains, self._width(state)
        tolerance = params.mode_tolerance * state.scale
        (order,) = jnp.nonzero(found, size=self.num_chains)

        def one(number: Array, carry: tuple[Optima, Array, Array]) -> tuple[Optima, Array, Array]:
            known, discovered, improved = carry
            k = order[number]
            record, fitness = jnp.min(known.fitness), chains.best_fitness[k]
            known, new = optima.insert(
                known, chains.best_solution[k], fitness, width[k], state.generation
            )
            equal = jnp.abs(fitness - record) <= tolerance
            return (
                known,
                discovered.at[k].set(new & equal),
                improved | (fitness < record - tolerance),
            )

        known, discovered, improved = jax.lax.fori_loop(
            0,
            jnp.sum(found),
            one,
            (state.optima, jnp.zeros_like(found), jnp.zeros((), bool)),
        )
        proposals = state.proposals
        discoveries = jnp.where(improved, 0.0, proposals.discoveries)
        return state.replace(
            optima=known, proposals=proposals._replace(discoveries=discoveries)
        ), discovered

    def _renoise(
        self, key: Array, ended: Array, discovered: Array, state: State, params: Params
    ) -> State:
        """Count what the proposals have cost and found; give free places to new ones."""
        chains, size = state.chains, self.num_samples
        dtype = state.scale.dtype
        index = chains.proposal
        # Generations are weighted by a power of their number, so that no time scale is built in.
        kept = (1.0 - 1.0 / (state.generation + 1).astype(dtype)) ** params.discovery_memory
        evaluations, discoveries, endings = (
            kept * old.at[index].add(new.astype(dtype))
            for old, new in zip(
                state.proposals, (jnp.full(index.shape, size), discovered, ended), strict=True
            )
        )
        num_slow = state.num_slow + jnp.sum(ended & (index == SLOW)).astype(dtype)
        # Slow chains that run side by side take turns at a level before it is doubled.
        level = jnp.minimum(1.0 + jnp.floor(num_slow / max(1, self.num_chains // 2)), 12.0)
        cost = (evaluations + size) / (endings + 1.0)
        quick = (jnp.sum(evaluations[:SLOW]) + size) / (jnp.sum(endings[:SLOW]) + 1.0)
        # A slow chain is due when slow chains have had less than the others, whatever it will cost.
        cost = cost.at[SLOW].set(quick)
        price = cost.at[SLOW].set(2.0**level * quick)

        good = _good(state, params)
        num_good = jnp.sum(good)
        shares = jnp.stack(
            [
                params.scout_share.astype(dtype),
                (num_good >= 1).astype(dtype),
                (num_good >= 3).astype(dtype),
                params.slow_share.astype(dtype),
            ]
        )

        def choose(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            proposal, spent = carry
            rate = jnp.where(shares > 0, (shares + discoveries) / (spent + cost), -1.0)
            choice = jnp.argmax(rate).astype(jnp.int32)
            return proposal.at[order[k]].set(choice), spent.at[choice].add(price[choice])

        (order,) = jnp.nonzero(ended, size=self.num_chains)
        proposal, _ = jax.lax.fori_loop(0, jnp.sum(ended), choose, (index, evaluations))
        slow = ended & (proposal == SLOW)
        activity = jnp.where(slow, SCOUT, proposal)

        # Rays start at a good optimum; how far they go is a random multiple of its spacing.
        origin_key, direction_key, length_key = jax.random.split(key, 3)
        origin = _draw_good(origin_key, ended.shape, state, params)
        direction = jax.random.normal(direction_key, chains.line.shape, dtype)
        direction = direction / jnp.sqrt(jnp.sum(direction**2, axis=1, keepdims=True))
        widest = 2.0 * math.sqrt(self.num_dims)
        spacing = state.optima.spacing[origin]
        spacing = jnp.where(spacing > 0, jnp.minimum(spacing, widest), widest)
        factor = 2.0 ** jax.random.uniform(length_key, ended.shape, dtype, -0.5, 1.5)
        ray = ended & (activity == RAY)

        def reset(values: Array, start: float) -> Array:
            return jnp.where(ended, jnp.asarray(start, values.dtype), values)

        return state.replace(
            chains=chains.replace(
                chain=chains.chain._replace(
                    mean=_where(ray, state.optima.solutions[origin], chains.chain.mean)
                ),
                slowness=jnp.where(ended, jnp.where(slow, 2.0**level, 1.0), chains.slowness),
                activity=jnp.where(ended, activity, chains.activity),
                proposal=proposal,
                line=_where(ray, (factor * spacing)[:, None] * direction, chains.line),
                line_fitness=jnp.where(ray, state.optima.fitness[origin], chains.line_fitness),
                age=reset(chains.age, 0),
                idle=reset(chains.idle, 0),
                flat=reset(chains.flat, 0),
                doomed_width=reset(chains.doomed_width, 0),
                lowest_median=reset(chains.lowest_median, _none(dtype)),
                best_fitness=reset(chains.best_fitness, _none(dtype)),
            ),
            proposals=Proposals(evaluations, discoveries, endings),
            num_slow=num_slow,
        )


class _Beginning(NamedTuple):
    """What chains do next that look for a start; leading axis K."""

    activity: Array
    mean: Array
    log_scale: Array
    line: Array
    fitness: Array  # at the mean


def default_chain_size(num_dims: int) -> int:
    """4 + 3 ln D samples: the population size of CMA-ES, which spends the fewest evaluations."""
    return 4 + int(3 * math.log(num_dims))


def _none(dtype: DTypeLike) -> float:
    """Fitness of what does not exist yet: finite, so that the state is."""
    return float(jnp.finfo(dtype).max)


def _ray_shares(num_samples: int) -> np.ndarray:
    return np.geomspace(_NEAREST_ON_RAY, 1.0, num_samples)


def _bridge_shares(num_samples: int) -> np.ndarray:
    return (np.arange(num_samples) + 1.0) / (num_samples + 1.0)


def _pick(values: Array, index: Array) -> Array:
    """values[k, index[k]] for every k."""
    return values[jnp.arange(index.shape[0]), index]


def _where(condition: Array, one: PyTree, other: PyTree) -> PyTree:
    """Leaf by leaf, by a condition on the leading axis."""

    def choose(a: Array, b: Array) -> Array:
        return jnp.where(condition.reshape(condition.shape + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, one, other)


def _good(state: State, params: Params) -> Array:
    """Which optima are as good as the best, booleans (A,)."""
    known = state.optima
    tolerance = params.mode_tolerance * state.scale
    return known.filled & (known.fitness <= jnp.min(known.fitness) + tolerance)


def _draw_good(key: Array, shape: tuple[int, ...], state: State, params: Params) -> Array:
    """Indices of good optima, drawn at random; 0 if there is none."""
    number = jnp.cumsum(_good(state, params).astype(jnp.int32))
    drawn = jax.random.randint(key, shape, 0, jnp.maximum(number[-1], 1))
    place = jnp.searchsorted(number, drawn.ravel(), side="right", method="compare_all")
    return place.reshape(shape) % number.shape[0]

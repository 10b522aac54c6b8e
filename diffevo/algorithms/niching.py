r"""Niching Diffusion Evolution: many denoising chains, an archive of optima, and re-noising.

The population is split into chains (`diffevo.core.chain`), each a small population that is denoised
to one optimum: its noise level and its metric follow from the ranks of its own samples, no schedule
is needed. A chain ends when it has converged, when it comes to where the archive or a better chain
already is, or when what it can still reach is no better than the best optimum known. Its place is
re-noised at once, by one of five proposals:

* *scout*: samples of the prior; the best of them, or a random one, is where the next chain starts.
* *ray*: samples along a ray from a known optimum, at growing distance; beyond the first ridge,
  where fitness improves again, lies another basin, and the best sample there is the next start.
* *combine*: samples a + b - c of known optima a, b, c, for landscapes that repeat themselves.
* *large*: a scout whose chain takes 2, 4, 8, ... generations of samples for each of its reverse
  steps, which averages out the landscape's small scales.
* *deepen*: a large chain that starts at a known optimum that is not one of the best: of these the
  one that is farthest from any better, and so the best known of a region that may have a better.

Before a scout, a combination or a deepening becomes a chain, samples between it and the nearest
better optimum tell whether a ridge separates them (the hill-valley test); whenever a chain has
become four times narrower, it looks again, now towards several of the nearest. The proposal with
the best (optimistic) rate of discoveries per evaluation is chosen, so all are tried while nothing
is discovered.

With one chain this is a restarted evolution strategy of the CMA-ES kind; with many it is a niching
method. All decisions depend on ranks, on differences of fitness relative to the landscape's, and on
distances relative to a chain's width: so f and a f + b are searched alike, for a > 0.

Shape letters: N population, K chains, L samples of a chain, D genome dimensions, A archive, B
generations that large chains look back on.

References: Zhang et al., arXiv 2410.02543 (denoising); Ursem, Multinational Evolutionary Algorithms
(CEC 1999), and Maree et al., Niching an Archive-based Gaussian EDA via adaptive clustering (the
hill-valley test and local searches from an archive); Preuss, Niching the CMA-ES via
Nearest-Better Clustering (GECCO 2010, workshops) (the distance to the nearest better one); Hansen,
Benchmarking a BI-Population CMA-ES (GECCO 2009) (two regimes of restarts with balanced budgets).
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
from diffevo.algorithms.base import Metrics, Modes, PyTree, SolutionSpec
from diffevo.core import chain, optima, ranks
from diffevo.core.chain import Chain, Moments
from diffevo.core.distances import squared_distances
from diffevo.core.noise import standard_normal
from diffevo.core.optima import Optima

# What a chain's samples are for.
SCOUT, RAY, COMBINE, LOOK, DENOISE, GAVE_UP = range(6)
# Where a chain came from: the first three as above.
LARGE, DEEPEN = 3, 4
_NUM_PROPOSALS = 5
# A ray's samples lie at these shares of its length, geometrically spaced.
_NEAREST_ON_RAY = 0.05
# A large chain takes at most so many generations of samples for a step.
_MOST_PARTS = 64
_FEW_PARTS = 8
# Large chains with so many samples together make their steps side by side.
_TOGETHER = 128
# So many times narrower, it is looked at whether a large chain still needs to be large, and whether
# another is on its way to a known optimum; so many times smaller a large one becomes if not.
_LOOK = 4
# Generations of samples of the first, second, ... chain that is denoised from a lesser optimum.
_DEEPEN_PARTS = (4, 16)
# At least so many samples between a chain and each of the optima that it may be heading for, at
# most so many of these.
_SAMPLES_BETWEEN = 3
_MOST_TARGETS = 8


class Chains(struct.PyTreeNode):
    """K chains and where each is in its life; leading axis K everywhere."""

    chain: Chain
    parts: Array  # int32, generations of samples in each of its own
    part: Array  # int32, how many of them it has
    activity: Array  # int32
    proposal: Array  # int32
    line: Array  # (K, D), from the mean along a ray
    best_solution: Array  # (K, D), of the samples near to where it is now
    best_fitness: Array
    age: Array  # generations
    median: Array  # of fitness, smoothed over generations
    spread: Array  # median minus best of a generation, smoothed
    lowest_median: Array
    idle: Array  # generations without progress of the median
    flat: Array  # int32, generations in which fitness could not be told apart
    doomed_width: Array  # width since when it has had no prospect; 0 is: it has one
    # When it was last looked at whether it is in a single basin, or on its way to a known one.
    marked_width: Array
    marked_spread: Array


class Proposals(NamedTuple):
    """What each of the five proposals has cost and found; shapes (5,).

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
    # Of the last B generations, a ring; what noise they had is drawn again when it is needed.
    seeds: Array  # (B, 2) uint32
    chain_fitness: Array  # (B, K, L), finite, of what failed the greatest number
    excess: Array  # (B, K, L), by how much samples were moved back into the box, see `core.chain`
    chains: Chains
    optima: Optima
    proposals: Proposals
    num_large: Array  # large chains that have ended
    scale: Array  # median minus best fitness of the first population
    generation: Array  # int32
    best_solution: Array  # (D,)
    best_fitness: Array


class Params(struct.PyTreeNode):
    """Traced numbers: changing one compiles nothing.

    Attributes:
        initial_scale: noise level that a chain starts from, in units of the prior, > 0.
        scout_share: discoveries that scouts are credited with before they make any, where rays,
            combinations and deepening have 1: while nothing is discovered, evaluations are divided
            like this.
        large_share: the same of large chains, divided by the square of the number of equally good
            optima that are known: where there are several, small chains find them. 0 forbids
            large chains, and deepening.
        discovery_memory: how fast old discoveries are forgotten, >= 0: counts are multiplied by
            (1 - 1/g)^memory in generation g.
        shrinkage: a chain without prospect ends when it has become so many times narrower, > 1.
        tolerance: a chain that does not beat the best optimum by more than this share of the
            spread of the first population's fitness ends when its own is less.
        mode_tolerance: optima within this share of it from the best are equally good.
        patience: multiplies the number of generations without progress that end a chain.
    """

    initial_scale: Array
    scout_share: Array
    large_share: Array
    discovery_memory: Array
    shrinkage: Array
    tolerance: Array
    mode_tolerance: Array
    patience: Array


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
            step beyond ends at the nearest point of the box, and the prior is uniform.
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
            large_share=number(11.0),
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

    @base.compiled
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
        used = num_chains * self.num_samples
        samples = genomes[:used].reshape(num_chains, self.num_samples, num_dims)
        ordered = _ordered(fitness[:used].reshape(samples.shape[:2]))
        history = jnp.zeros((_MOST_PARTS, *samples.shape[:2]), dtype)
        if self._rank is None:
            best = jnp.argmin(ordered, axis=1)
            mean, value = _pick(samples, best), _pick(ordered, best)
            log_scale = jnp.log(params.initial_scale)
        else:
            mean, value = jnp.zeros((num_chains, num_dims), dtype), zeros + none
            log_scale = math.log(prior_scale)
        state = State(
            population=genomes,
            fitness=fitness,
            noise=samples / prior_scale,
            steps=samples / prior_scale,
            seeds=jnp.zeros((_MOST_PARTS, 2), jnp.uint32),
            chain_fitness=history.at[0].set(ordered),
            excess=history,
            chains=Chains(
                chain=jax.vmap(lambda mean: chain.start(mean, log_scale, self._rank))(mean),
                parts=jnp.ones(num_chains, jnp.int32),
                part=jnp.zeros(num_chains, jnp.int32),
                activity=jnp.full(num_chains, DENOISE, jnp.int32),
                proposal=jnp.full(num_chains, SCOUT, jnp.int32),
                line=jnp.zeros((num_chains, num_dims), dtype),
                best_solution=mean,
                best_fitness=value,
                age=zeros,
                median=zeros,
                spread=zeros,
                lowest_median=zeros + none,
                idle=zeros,
                flat=jnp.zeros(num_chains, jnp.int32),
                doomed_width=zeros,
                marked_width=zeros,
                marked_spread=zeros,
            ),
            optima=optima.empty(self.archive_size, num_dims, dtype),
            proposals=Proposals(*(jnp.zeros(_NUM_PROPOSALS, dtype) for _ in range(3))),
            num_large=jnp.zeros((), dtype),
            scale=scale.astype(dtype),
            generation=jnp.zeros((), jnp.int32),
            best_solution=best_solution,
            best_fitness=best_fitness,
        )
        return state if self._rank is None else self._live(key, state, params)

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
        if self.domain == "box":  # one whose optimum is on a face may be beyond it
            means = jnp.clip(means, -1.0, 1.0)
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
        seeds = jax.random.key_data(noise_key)[:2]
        noise = jax.vmap(functools.partial(self._draw_noise, seeds))(jnp.arange(self.num_chains))
        steps = jax.vmap(chain.shape_noise)(chains.chain, noise)
        mean = chains.chain.mean[:, None, :]
        activity = chains.activity[:, None, None]
        line = chains.line[:, None, :]
        genomes = mean + jnp.exp(chains.chain.log_scale)[:, None, None] * steps
        along = jnp.asarray(_ray_shares(size)[None, :, None], genomes.dtype)
        genomes = jnp.where(activity == RAY, mean + along * line, genomes)
        between = jax.lax.cond(
            jnp.any(chains.activity == LOOK),
            lambda: self._between(state),
            lambda: jnp.zeros_like(genomes),
        )
        genomes = jnp.where(activity == LOOK, between, genomes)
        # With the members that do not make up a chain.
        prior = jax.lax.cond(
            jnp.any(chains.activity == SCOUT) | (self.population_size > self.num_chains * size),
            lambda: self._sample_prior(prior_key, (self.population_size,)),
            lambda: jnp.zeros((self.population_size, self.num_dims), genomes.dtype),
        )
        used = self.num_chains * size
        genomes = jnp.where(activity == SCOUT, prior[:used].reshape(genomes.shape), genomes)
        combined = jax.lax.cond(
            jnp.any(chains.activity == COMBINE),
            lambda: self._combine(combine_key, state, params),
            lambda: jnp.zeros_like(genomes),
        )
        genomes = jnp.where(activity == COMBINE, combined, genomes)
        place = (state.generation + 1) % _MOST_PARTS
        if self.domain == "box":
            genomes, excess = jax.vmap(chain.into_box)(genomes, chains.chain.log_scale)
            state = state.replace(excess=state.excess.at[place].set(excess))
        genomes = jnp.concatenate([genomes.reshape(used, -1), prior[used:]])
        return self.solution.unravel(genomes), state.replace(
            noise=noise, steps=steps, seeds=state.seeds.at[place].set(seeds)
        )

    @base.compiled
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
            optima as good as the best of them were known when the generation was asked for.

        Raises:
            ValueError: a shape or structure does not fit.
        """
        genomes, fitness = base.take_in(
            population, fitness, self.population_size, self.solution, state.population
        )
        state = base.told(state, genomes, fitness)
        # Before the chains move on: of what a search starts with only the metrics are needed, and
        # so they need no second compilation of all that follows.
        metrics = base.summarize(genomes, fitness, state.best_fitness, state.generation)
        metrics["num_modes"] = jnp.sum(_good(state, params)).astype(jnp.int32)
        return self._live(key, state, params), metrics

    @functools.partial(jax.jit, static_argnames="self")
    def modes(self, state: State) -> Modes:
        """The distinct optima found so far: those that are archived, and live chains' best.

        Args:
            state: from `init` or `tell`.

        Returns:
            See `diffevo.algorithms.base.Modes`, M = A + K. Local optima are among them, after the
            better ones.
        """
        chains, known = state.chains, state.optima
        width = self._width(state)
        # Near to an optimum by a chain's width while it is wide, and by the archive's rule once it
        # is narrower than the optimum's position is known.
        gaps = jax.lax.map(lambda mean: optima.gaps(mean, known), chains.chain.mean)
        widths = width[:, None] + known.width[None, :]
        reach = jnp.maximum(self._reach * width[:, None], optima.WIDTHS_APART * widths)
        near = jnp.any(
            (gaps < reach) & (known.fitness[None, :] <= chains.best_fitness[:, None]),
            axis=1,
        )
        alive = (chains.activity == DENOISE) & (chains.best_fitness < _none(width.dtype))
        fresh = alive & ~near & ~self._led(chains, width, alive)
        solutions = jnp.concatenate([known.solutions, chains.best_solution])
        fitness = jnp.concatenate([known.fitness, chains.best_fitness])
        found = jnp.concatenate([known.found, jnp.full(self.num_chains, state.generation)])
        valid = jnp.concatenate([known.filled, fresh])
        return Modes.of(self.solution, solutions, fitness, found, valid)

    def _sample_prior(self, key: Array, shape: tuple[int, ...]) -> Array:
        shape, dtype = (*shape, self.num_dims), self.solution.dtype
        if self.domain == "box":
            return jax.random.uniform(key, shape, dtype, -1.0, 1.0)
        return standard_normal(key, shape, dtype)

    def _draw_noise(self, seeds: Array, k: Array) -> Array:
        """Noise z of chain k's samples in the generation of these seeds, shape (L, D)."""
        key = jax.random.wrap_key_data(seeds, impl="threefry2x32")
        return standard_normal(key, (self.num_samples, self.num_dims), self.solution.dtype, k)

    def _combine(self, key: Array, state: State, params: Params) -> Array:
        """Sums a + b - c of good optima drawn at random, shape (K, L, D)."""
        shape = (3, self.num_chains, self.num_samples)
        a, b, c = state.optima.solutions[_draw_good(key, shape, state, params)]
        return a + b - c

    def _targets(self, state: State) -> tuple[Array, Array, Array]:
        """The known optima that a chain may be heading for: the nearest of the better ones.

        Returns:
            (their indices (K, T), nearest first; how many of these there are (K,), at least 1;
            distance to the nearest (K,), infinite if none is better).
        """
        chains = state.chains
        most = max(1, min(self.num_samples // _SAMPLES_BETWEEN, _MOST_TARGETS, self.archive_size))

        def nearest(known: Optima) -> tuple[Array, Array]:
            gaps = optima.distances(chains.best_solution, known)
            better = known.fitness[None, :] < chains.best_fitness[:, None]
            nearness, index = jax.lax.top_k(-jnp.where(better, gaps, jnp.inf), most)
            return -nearness, index

        gaps, index = optima.of_filled(nearest, state.optima)
        count = jnp.maximum(jnp.sum(jnp.isfinite(gaps), axis=1), 1)
        count = jnp.where(chains.age > 0, count, 1)
        return index, count, gaps[:, 0]

    def _between_shares(self, count: Array) -> tuple[Array, Array]:
        """For which target each sample is, (K, L), and its share of the way there."""
        number, count = jnp.arange(self.num_samples)[None, :], count[:, None]
        step = number // count + 1
        return number % count, step / (-(-self.num_samples // count) + 1)

    def _between(self, state: State) -> Array:
        """Samples on the straight ways from chains to their targets, (K, L, D)."""
        index, count, _ = self._targets(state)
        target, share = self._between_shares(count)
        ends = state.optima.solutions[jnp.take_along_axis(index, target, axis=1)]
        start = state.chains.best_solution[:, None, :]
        return start + share[:, :, None].astype(start.dtype) * (ends - start)

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
        chains = state.chains
        used = self.num_chains * self.num_samples
        genomes = state.population[:used].reshape(state.steps.shape)
        fitness = state.fitness[:used].reshape(state.steps.shape[:2])
        ordered = _ordered(fitness)

        denoising = chains.activity == DENOISE
        chains = chains.replace(part=jnp.where(denoising, chains.part + 1, 0))
        place = state.generation % _MOST_PARTS
        state = state.replace(chain_fitness=state.chain_fitness.at[place].set(ordered))
        moved, ranked = self._step(ordered, state.replace(chains=chains))
        due = denoising & (chains.part == chains.parts)
        chains = chains.replace(part=jnp.where(due, 0, chains.part))
        begun = jax.lax.cond(
            jnp.all(denoising),
            lambda: _Beginning(
                chains.activity,
                chains.chain.mean,
                chains.chain.log_scale,
                chains.best_fitness,
            ),
            lambda: self._begin(jax.random.fold_in(key, 0), genomes, ordered, state, params),
        )
        fresh = jax.vmap(lambda mean, scale: chain.start(mean, scale, self._rank))(
            begun.mean, begun.log_scale
        )
        best = jnp.argmin(ordered, axis=1)
        best_fitness = _pick(ordered, best)
        # What a chain has come across elsewhere is not where it ends: in the archive it would pass
        # for an optimum that later chains need not look for.
        gap = jnp.sqrt(jnp.sum((chains.best_solution - chains.chain.mean) ** 2, axis=1))
        left = gap > optima.WIDTHS_APART * self._width(state)
        better = left | (best_fitness < chains.best_fitness)
        # One that has looked on its way goes on as it was.
        same = denoising | ((chains.activity == LOOK) & (chains.age > 0))
        chains = chains.replace(
            chain=_where(same, _where(due, moved, chains.chain), fresh),
            activity=jnp.where(denoising, DENOISE, begun.activity),
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
        state, converged, hopeless, known = self._judge(*ranked, due, state, params)
        ended = converged | hopeless | known | (chains.activity == GAVE_UP)
        # A chain that was heading for what is known has nothing to report.
        state, discovered = self._report(converged | (hopeless & ~known), state, params)
        return self._renoise(key, ended, discovered, state, params)

    def _step(self, fitness: Array, state: State) -> tuple[Chain, tuple[Array, Array]]:
        """(chains after a reverse step, (best, median) fitness of the samples it was made from).

        Of chains that do not have all their samples yet, it means nothing.
        """
        chains, size = state.chains, self.num_samples
        slot = state.generation % _MOST_PARTS
        told = state.fitness[: fitness.size].reshape(fitness.shape)
        # In thousands of dimensions fitness is almost linear over the first steps, for about as
        # long as the evolution path takes to tell anything.
        push = jnp.zeros_like(chains.age)
        if self._rank is not None:
            push = jnp.exp(-chains.age * (size / (4 * self.num_dims)))

        in_box = self.domain == "box"
        moved = jax.vmap(
            lambda one, noise, steps, fitness, excess, push: chain.reverse_step(
                one, noise, steps, fitness, excess=excess if in_box else None, push=push
            )
        )(
            chains.chain,
            state.noise,
            state.steps,
            told,
            state.excess[slot],
            push,
        )
        best = jnp.min(fitness, axis=1)
        # Of the same values as the weights, whose ranks the compiler takes for both.
        median = _ordered(jax.vmap(lambda one: ranks.nth(one, size // 2))(told))

        made = moved, best, median
        large = (chains.part == chains.parts) & (chains.parts > 1)
        # A branch, as the compiler would take what all rounds of a loop share out of it, and
        # compute that every time.
        moved, best, median = jax.lax.cond(
            jnp.any(large), lambda: self._large_steps(large, made, state, push), lambda: made
        )
        return moved, (best, median)

    def _large_steps(
        self, large: Array, made: tuple[Chain, Array, Array], state: State, push: Array
    ) -> tuple[Chain, Array, Array]:
        """What was made of all chains, (chain, best, median), with that of these large ones."""
        (order,) = jnp.nonzero(large, size=self.num_chains)
        count = jnp.sum(large)
        together = min(self.num_chains, max(1, _TOGETHER // self.num_samples))

        def some(number: Array, made: tuple[Chain, Array, Array]) -> tuple[Chain, Array, Array]:
            # What is left of the last round repeats a chain.
            rows = order[jnp.minimum(number * together + jnp.arange(together), count - 1)]
            most = jnp.max(state.chains.parts[rows])

            def stepped(capacity: int) -> tuple[Chain, Array, Array]:
                step = functools.partial(self._large_step, most, capacity, state)
                return jax.vmap(step)(rows, push[rows])

            # Ranking takes much of the time, so the smaller ones of the large have fewer rows.
            new = jax.lax.cond(
                most <= _FEW_PARTS, lambda: stepped(_FEW_PARTS), lambda: stepped(_MOST_PARTS)
            )
            return jax.tree.map(lambda leaf, new: leaf.at[rows].set(new), made, new)

        return jax.lax.fori_loop(0, -(-count // together), some, made)

    def _large_step(
        self, most: Array, capacity: int, state: State, k: Array, push: Array
    ) -> tuple[Chain, Array, Array]:
        """(chain k, best, median) after a step from its last generations.

        They are at most `most`, a traced number, and not more than the capacity, a static one.
        """
        this = jax.tree.map(lambda leaf: leaf[k], state.chains.chain)
        parts = state.chains.parts[k]
        slots = (state.generation - jnp.arange(capacity)) % _MOST_PARTS
        fitness = state.chain_fitness[slots, k]
        failed = fitness >= _none(fitness.dtype)
        taken = jnp.broadcast_to(jnp.arange(capacity)[:, None] < parts, fitness.shape).ravel()
        excess = state.excess[slots, k].ravel() if self.domain == "box" else None
        values = jnp.where(failed, jnp.nan, fitness).ravel()
        weights = chain.weigh(values, taken=taken, excess=excess, push=push)
        # Two generations at a time, as there are 2, 4, 8, ... of them.
        pairs = slots.reshape(-1, 2)
        good, bad = (one.reshape(pairs.shape[0], -1) for one in (weights.good, weights.bad))

        def add(pair: Array, sums: Moments) -> Moments:
            seeds = state.seeds[pairs[pair]]
            noise = jax.vmap(lambda seeds: self._draw_noise(seeds, k))(seeds)
            own = weights._replace(good=good[pair], bad=bad[pair])
            return jax.tree.map(
                jnp.add, sums, chain.moments(this, noise.reshape(-1, self.num_dims), own)
            )

        zeros = jnp.zeros_like(this.mean)
        spread = jnp.zeros_like(this.metric) if chain.is_full(this) else this.metric[:0]
        # Samples beyond its own parts have no weight.
        sums = jax.lax.fori_loop(0, most // 2, add, Moments(zeros, zeros, spread))
        sums = chain.shape_moments(this, sums)
        best = jnp.min(jnp.where(taken, fitness.ravel(), jnp.inf))
        median = ranks.nth(jnp.where(taken, values, jnp.nan), parts * self.num_samples // 2)
        return chain.move(this, sums, weights), best, _ordered(median)

    def _begin(
        self, key: Array, genomes: Array, fitness: Array, state: State, params: Params
    ) -> "_Beginning":
        """What follows from the samples of the chains that look for a start."""
        chains, size = state.chains, self.num_samples
        any_known = jnp.any(state.optima.filled)

        # scout: the best sample. Large chains start wide, and half of the others: a narrow one
        # comes to where it is, a wide one passes over small scales. Where several optima are
        # equally good, a narrow one starts at a random sample: others like them are sought, and the
        # best sample is hardly ever in a basin that is high on average.
        best = jnp.argmin(fitness, axis=1)
        scale_key, wide_key = jax.random.split(key)
        exponent = jax.random.uniform(scale_key, chains.parts.shape, fitness.dtype) ** 2
        wide = (chains.parts > 1) | jax.random.bernoulli(wide_key, 0.5, exponent.shape)
        scale = params.initial_scale * jnp.where(wide, 1.0, 10.0 ** (-2.0 * exponent))
        several = jnp.sum(_good(state, params)) > 1
        chosen = jnp.where(wide | ~several, best, 0)
        mean, value = _pick(genomes, chosen), _pick(fitness, chosen)
        look = any_known & (chains.parts == 1)
        activity = jnp.where(look, LOOK, DENOISE)

        # ray: the best sample beyond a ridge, as wide as the samples are apart there.
        before = jnp.concatenate([chains.best_fitness[:, None], fitness[:, :-1]], axis=1)
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
        activity = jnp.where(is_combine, jnp.where(any_new, LOOK, GAVE_UP), activity)

        # look: go on if there are ridges before all optima that it may be heading for. At the
        # start it is not wider than half the way to the nearest one.
        is_look = chains.activity == LOOK

        def looked() -> tuple[Array, Array]:
            _, count, gap = self._targets(state)
            target, share = self._between_shares(count)
            higher = fitness > chains.best_fitness[:, None]
            towards = jnp.arange(size)[None, :, None] == target[:, None, :]
            unseparated = (jnp.arange(size)[None] < count[:, None]) & ~jnp.any(
                towards & higher[:, None, :], axis=2
            )
            ridge = jnp.argmax(jnp.where(target == 0, fitness, -jnp.inf), axis=1)
            away = _pick(share, ridge).astype(fitness.dtype) * gap / math.sqrt(self.num_dims)
            return jnp.any(unseparated, axis=1) & jnp.isfinite(gap), away

        hidden, away = jax.lax.cond(
            jnp.any(is_look), looked, lambda: (jnp.zeros_like(is_look), zeros)
        )
        mean = _where(is_look, chains.best_solution, mean)
        value = jnp.where(is_look, chains.best_fitness, value)
        own = jnp.exp(chains.chain.log_scale)
        scale = jnp.where(is_look, jnp.minimum(own, 0.5 * away), scale)
        activity = jnp.where(is_look, jnp.where(hidden, GAVE_UP, DENOISE), activity)
        tiny = jnp.finfo(scale.dtype).tiny
        return _Beginning(
            activity.astype(jnp.int32),
            mean,
            jnp.log(jnp.maximum(scale, tiny)),
            value,
        )

    def _judge(
        self, best: Array, median: Array, due: Array, state: State, params: Params
    ) -> tuple[State, Array, Array, Array]:
        """(state, which chains have converged, which are hopeless, which head for the known).

        Only chains that have just made a step are judged. Having no prospect counts only if it
        lasts while the chain becomes `shrinkage` times narrower: a wide chain has many optima
        within its reach.
        """
        chains, num_dims = state.chains, self.num_dims
        denoising = chains.activity == DENOISE
        dtype = best.dtype
        width = self._width(state)
        spread = jnp.minimum(median - best, _none(dtype))
        record = jnp.min(state.optima.fitness)

        heading = optima.of_filled(
            lambda known: jnp.any(
                (optima.distances(chains.chain.mean, known) < self._reach * width[:, None])
                & (known.fitness[None, :] <= chains.best_fitness[:, None]),
                axis=1,
            ),
            state.optima,
        )
        heading = heading | self._led(chains, width, denoising)
        # On a quadratic, the way down that is left is less than D times the samples' spread; more
        # while the metric has not been learned.
        behind = best - 5.0 * num_dims * spread > record + params.mode_tolerance * state.scale
        # A large chain passes over optima: what it is near to does not tell where it will end.
        doomed = due & ((heading & (chains.parts == 1)) | behind)
        since = jnp.where(doomed, jnp.maximum(chains.doomed_width, width), 0.0)
        given_up = doomed & (width * params.shrinkage < since)

        first = chains.age == 0
        smooth = jnp.where(first, median, chains.median + 0.2 * (median - chains.median))
        smooth_spread = jnp.where(first, spread, chains.spread + 0.2 * (spread - chains.spread))
        progress = smooth < chains.lowest_median - 0.2 * smooth_spread
        idle = jnp.where(progress | first, 0.0, chains.idle + 1.0)
        # At a face half of the samples may be the same point, which says nothing of the landscape.
        excess = state.excess[state.generation % _MOST_PARTS]
        at_face = 2 * jnp.sum(excess > 0, axis=1) >= self.num_samples
        resolution = 4 * jnp.finfo(dtype).eps
        level = ~at_face & (spread <= resolution * jnp.abs(best))
        flat = jnp.where(level, chains.flat + 1, 0)
        age = chains.age + 1.0
        samples = (self.num_samples * chains.parts).astype(dtype)
        narrowest = max(1e-12, 4 * float(jnp.finfo(dtype).eps))
        extent = jnp.maximum(1.0, jnp.max(jnp.abs(chains.chain.mean), axis=1))
        tolerance = params.tolerance * state.scale
        converged = due & (
            (width < narrowest * extent)
            | (flat > 5)
            | ((chains.best_fitness >= record - tolerance) & (spread < tolerance) & ~at_face)
            | (idle > params.patience * (50 + 50 * num_dims**1.5 / samples))
            | (age > params.patience * (100 + 150.0 * (num_dims + 3) ** 2 / jnp.sqrt(samples)))
        )

        # In a basin that is about quadratic the spread goes with the square of the width, on a
        # rough landscape with less: there is nothing left to average out, a quarter will do.
        narrow = first | (width * _LOOK < chains.marked_width)
        wider = narrow | (width > chains.marked_width)
        single = narrow & ~first & (smooth_spread * _LOOK**1.5 < chains.marked_spread)
        parts = jnp.where(due & single, jnp.maximum(chains.parts // _LOOK, 1), chains.parts)

        # Is it on its way to a known optimum? High in a funnel no ridge shows before a lesser one,
        # so this is not for chains that began large.
        small = chains.proposal < LARGE
        look = due & narrow & ~first & small & (record < chains.best_fitness)

        def kept(new: Array, old: Array, start: float) -> Array:
            new = jnp.where(due, new, old)
            return jnp.where(denoising, new, jnp.asarray(start, new.dtype))

        lowest = jnp.where(progress, smooth, chains.lowest_median)
        state = state.replace(
            chains=chains.replace(
                parts=parts,
                activity=jnp.where(look, LOOK, chains.activity),
                age=kept(age, chains.age, 0),
                median=kept(smooth, chains.median, 0),
                spread=kept(smooth_spread, chains.spread, 0),
                lowest_median=kept(lowest, chains.lowest_median, _none(dtype)),
                idle=kept(idle, chains.idle, 0),
                flat=kept(flat, chains.flat, 0),
                doomed_width=kept(since, chains.doomed_width, 0),
                marked_width=kept(
                    jnp.where(wider, width, chains.marked_width), chains.marked_width, 0
                ),
                marked_spread=kept(
                    jnp.where(wider, smooth_spread, chains.marked_spread), chains.marked_spread, 0
                ),
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
        num_large = state.num_large + jnp.sum(ended & (index == LARGE)).astype(dtype)
        # Large chains that run side by side take turns at a size before it is doubled.
        level = 1.0 + jnp.floor(num_large / max(1, self.num_chains // 2))
        parts = 2.0 ** jnp.minimum(level, math.log2(_MOST_PARTS))
        cost = (evaluations + size) / (endings + 1.0)
        quick = (jnp.sum(evaluations[:LARGE]) + size) / (jnp.sum(endings[:LARGE]) + 1.0)
        # One is due when large chains have had less than the others, whatever it will cost.
        cost = cost.at[LARGE:].set(quick)
        price = cost.at[LARGE].set(parts * quick).at[DEEPEN].set(_DEEPEN_PARTS[0] * quick)

        state = state.replace(
            proposals=Proposals(evaluations, discoveries, endings), num_large=num_large
        )
        proposed, tries = jax.lax.cond(
            jnp.any(ended),
            lambda: self._propose(
                jax.random.fold_in(key, 1), ended, cost, price, parts, state, params
            ),
            lambda: (
                _Proposed(
                    chains.proposal,
                    chains.activity,
                    chains.parts,
                    chains.chain.mean,
                    chains.line,
                    chains.best_fitness,
                ),
                state.optima.tries,
            ),
        )

        def reset(values: Array, start: float) -> Array:
            return jnp.where(ended, jnp.asarray(start, values.dtype), values)

        return state.replace(
            optima=state.optima._replace(tries=tries),
            chains=chains.replace(
                chain=chains.chain._replace(
                    mean=proposed.mean,
                    log_scale=jnp.where(
                        ended, jnp.log(params.initial_scale), chains.chain.log_scale
                    ),
                ),
                parts=proposed.parts,
                part=jnp.where(ended, 0, chains.part),
                activity=proposed.activity,
                proposal=proposed.proposal,
                line=proposed.line,
                best_solution=_where(ended, proposed.mean, chains.best_solution),
                best_fitness=jnp.where(ended, proposed.fitness, chains.best_fitness),
                age=reset(chains.age, 0),
                idle=reset(chains.idle, 0),
                flat=reset(chains.flat, 0),
                doomed_width=reset(chains.doomed_width, 0),
                lowest_median=reset(chains.lowest_median, _none(dtype)),
            ),
        )

    def _propose(
        self,
        key: Array,
        ended: Array,
        cost: Array,
        price: Array,
        parts: Array,
        state: State,
        params: Params,
    ) -> tuple["_Proposed", Array]:
        """Choose a proposal for every chain that has ended, in turn, and where it starts.

        Returns:
            (what chains are for, how often each of the optima has been deepened).
        """
        chains, dtype = state.chains, state.scale.dtype
        good = _good(state, params)
        num_good = jnp.sum(good)
        shares = jnp.stack(
            [
                params.scout_share.astype(dtype),
                (num_good >= 1).astype(dtype),
                (num_good >= 3).astype(dtype),
                params.large_share.astype(dtype) / jnp.maximum(num_good, 1).astype(dtype) ** 2,
                (jnp.any(_lesser(state, good)) & (params.large_share > 0)).astype(dtype),
            ]
        )

        def choose(k: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            proposal, spent = carry
            rate = jnp.where(
                shares > 0, (shares + state.proposals.discoveries) / (spent + cost), -1.0
            )
            choice = jnp.argmax(rate).astype(jnp.int32)
            return proposal.at[order[k]].set(choice), spent.at[choice].add(price[choice])

        (order,) = jnp.nonzero(ended, size=self.num_chains)
        proposal, _ = jax.lax.fori_loop(
            0, jnp.sum(ended), choose, (chains.proposal, state.proposals.evaluations)
        )
        large = ended & (proposal == LARGE)
        activity = jnp.where(large, SCOUT, proposal)

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

        deepen = ended & (proposal == DEEPEN)
        known = state.optima
        lesser = jax.lax.cond(
            jnp.any(deepen),
            lambda: _isolated(deepen, good, state),
            lambda: jnp.zeros(deepen.shape, jnp.int32),
        )
        activity = jnp.where(deepen, LOOK, activity)
        most = len(_DEEPEN_PARTS) - 1
        deep = jnp.asarray(_DEEPEN_PARTS, jnp.int32)[jnp.minimum(known.tries[lesser], most)]
        new_parts = jnp.where(large, parts.astype(jnp.int32), jnp.where(deepen, deep, 1))
        origin = jnp.where(deepen, lesser, origin)
        there = ray | deepen
        return _Proposed(
            proposal,
            jnp.where(ended, activity, chains.activity),
            jnp.where(ended, new_parts, chains.parts),
            _where(there, known.solutions[origin], chains.chain.mean),
            _where(ray, (factor * spacing)[:, None] * direction, chains.line),
            jnp.where(there, known.fitness[origin], _none(dtype)),
        ), known.tries.at[lesser].add(deepen.astype(jnp.int32))


class _Proposed(NamedTuple):
    """What chains are for from now on; leading axis K."""

    proposal: Array
    activity: Array
    parts: Array
    mean: Array
    line: Array
    fitness: Array  # at the mean, if it is a known optimum


class _Beginning(NamedTuple):
    """What chains do next that look for a start; leading axis K."""

    activity: Array
    mean: Array
    log_scale: Array
    fitness: Array  # at the mean


def default_chain_size(num_dims: int) -> int:
    """4 + 3 ln D samples: the population size of CMA-ES, which spends the fewest evaluations."""
    return 4 + int(3 * math.log(num_dims))


def _none(dtype: DTypeLike) -> float:
    """Fitness of what does not exist yet: finite, so that the state is."""
    return float(jnp.finfo(dtype).max)


def _ordered(fitness: Array) -> Array:
    """Finite values in the same order, the failed last."""
    none = _none(fitness.dtype)
    return jnp.clip(jnp.where(jnp.isnan(fitness), none, fitness), -none, none)


def _ray_shares(num_samples: int) -> np.ndarray:
    return np.geomspace(_NEAREST_ON_RAY, 1.0, num_samples)


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


def _lesser(state: State, good: Array) -> Array:
    """Which optima are not as good as the best and may be deepened, booleans (A,)."""
    return state.optima.filled & ~good & (state.optima.tries < len(_DEEPEN_PARTS))


def _isolated(deepen: Array, good: Array, state: State) -> Array:
    """The lesser optima to deepen, an index (K,) for each of these chains.

    First those that are the farthest from any better optimum, which are the lowest known of a
    region of their own; half as far after each attempt.
    """
    known = state.optima
    gaps = optima.gaps_to_better(known)
    score = jnp.where(_lesser(state, good), gaps * 0.5 ** known.tries.astype(gaps.dtype), -1.0)
    count = min(deepen.shape[0], score.shape[0])
    _, best = jax.lax.top_k(score, count)
    return best[jnp.clip(jnp.cumsum(deepen) - 1, 0, count - 1)]


def _draw_good(key: Array, shape: tuple[int, ...], state: State, params: Params) -> Array:
    """Indices of good optima, drawn at random; 0 if there is none."""
    number = jnp.cumsum(_good(state, params).astype(jnp.int32))
    drawn = jax.random.randint(key, shape, 0, jnp.maximum(number[-1], 1))
    place = jnp.searchsorted(number, drawn.ravel(), side="right", method="compare_all")
    return place.reshape(shape) % number.shape[0]

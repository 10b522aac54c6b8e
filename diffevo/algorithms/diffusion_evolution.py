r"""Diffusion Evolution: every generation is one reverse-diffusion step of the population.

Each member x_t is read as a noisy copy sqrt(alpha_t) x_0 + sqrt(1 - alpha_t) eps of an origin x_0
whose density is a function g of its fitness. The origin is estimated by the posterior mean over
the evaluated population (`diffevo.core.posterior`, eq. 8 and 9), and the population takes one
reverse step towards it (`diffevo.core.ddim`, eq. 5 and 10). Other kinds of noise, for positive
numbers and for categories, are other processes (`diffevo.core.processes`) of the same algorithm.

Shape letters: N population, D genome dimensions, d latent dimensions, T generations.

Reference: Zhang, Hartl, Hazan, Levin. Diffusion Models are Evolutionary Algorithms.
arXiv 2410.02543 (ICLR 2025), algorithm 1; algorithm 2 for the latent variant.
"""

import abc
import dataclasses
import functools
from typing import Literal, final

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from diffevo.algorithms import base
from diffevo.algorithms.base import Metrics, PyTree, SolutionSpec
from diffevo.core import posterior, projection, schedules
from diffevo.core.processes import Gaussian, Process
from diffevo.core.weighting import ScaleFree, Weighting


class State(struct.PyTreeNode):
    """What the next generation needs: an evaluated population and where the schedule stands."""

    population: Array  # (N, D), the genomes
    fitness: Array  # (N,)
    generation: Array  # int32, the number of moves made since `init`
    best_solution: Array  # (D,)
    best_fitness: Array
    projection: Array | None  # (d, D); None measures neighbourhoods in the genome itself


class Params(struct.PyTreeNode):
    """Traced numbers: changing one compiles nothing.

    Attributes:
        alphas: signal levels at the T + 1 boundaries, increasing, in (0, 1], shape (T + 1,).
        noise_scale: fresh noise of a reverse step: 0 is DDIM, 1 is DDPM.
        temperature: of the weighting, > 0; higher selects less.
        renoise_fraction: in (0, 1]: how much of the schedule is repeated, again and again, after
            its end (with ``after_schedule="renoise"``).
    """

    alphas: Array
    noise_scale: Array
    temperature: Array
    renoise_fraction: Array


@dataclasses.dataclass(frozen=True)
class _AnalyticDenoising(abc.ABC):
    """Both algorithms; they differ in where neighbourhoods are measured."""

    population_size: int
    solution: PyTree  # as given; kept as a SolutionSpec, so that equal configurations are equal
    num_generations: int = 100
    _: dataclasses.KW_ONLY
    schedule: str | schedules.Schedule = "cosine"
    num_schedule_steps: int | None = None
    weighting: Weighting = dataclasses.field(default_factory=ScaleFree)
    after_schedule: Literal["renoise", "stop"] = "renoise"
    process: Process = dataclasses.field(default_factory=Gaussian)
    method: posterior.Method = "auto"
    num_anchors: int | None = None
    block_size: int | None = None

    def __post_init__(self) -> None:
        """Check the configuration and replace the template by its structure."""
        for name in ("population_size", "num_generations"):
            base.check_int(name, getattr(self, name))
            object.__setattr__(self, name, int(getattr(self, name)))
        object.__setattr__(self, "solution", SolutionSpec.of(self.solution))
        if self.after_schedule not in ("renoise", "stop"):
            raise ValueError(
                f"after_schedule: expected 'renoise' or 'stop', got {self.after_schedule!r}"
            )
        if not callable(self.weighting):
            raise ValueError(f"weighting: expected a Weighting, got {self.weighting!r}")
        if not isinstance(self.process, Process) or isinstance(self.process, type):
            raise ValueError(f"process: expected a Process, got {self.process!r}")
        self.process.check(self.num_dims)
        posterior.check_options(
            self.population_size,
            self._num_kernel_dims,
            self.method,
            self.num_anchors,
            self.block_size,
        )
        schedules.build(self.schedule, self.num_generations, self.num_schedule_steps)

    @abc.abstractmethod
    def _draw_projection(self, key: Array) -> Array | None: ...

    @property
    @abc.abstractmethod
    def _num_kernel_dims(self) -> int: ...

    @property
    def num_dims(self) -> int:
        """D, the length of the flat genome."""
        return self.solution.num_dims

    @property
    def default_params(self) -> Params:
        """The schedule and numbers that this configuration starts from."""
        dtype = self.solution.dtype
        alphas = schedules.build(self.schedule, self.num_generations, self.num_schedule_steps)
        return Params(
            alphas=alphas.astype(dtype),
            # Chosen with the default weighting, see experiments/weighting.
            noise_scale=jnp.asarray(0.5, dtype),
            temperature=jnp.asarray(1.0, dtype),
            renoise_fraction=jnp.asarray(0.5, dtype),
        )

    @functools.partial(jax.jit, static_argnames="self")
    def sample_population(self, key: Array) -> PyTree:
        """Draw the initial population: the process's prior, by default N(0, I).

        Args:
            key: random key, consumed.

        Returns:
            A population: the template's structure with a leading axis N.
        """
        shape = (self.population_size, self.num_dims)
        return self.solution.unravel(self.process.sample_prior(key, shape, self.solution.dtype))

    @base.compiled
    def init(self, key: Array, population: PyTree, fitness: Array, params: Params) -> State:
        """Start from an evaluated population.

        Args:
            key: random key, consumed (the latent variant draws its projection).
            population: leaves (N, ...), about the process's prior (by default a unit Gaussian):
                the noise that the schedule removes.
            fitness: shape (N,), lower is better, NaN is failed.
            params: see `Params`.

        Returns:
            The state before generation 0.

        Raises:
            ValueError: a shape or structure does not fit.
        """
        del params
        shape = (self.population_size, self.process.num_coordinates(self.num_dims))
        genomes, fitness = base.take_in(
            population,
            fitness,
            self.population_size,
            self.solution,
            self.process.origin(jnp.zeros(shape, self.solution.dtype)),
            self.process.admit,
        )
        best_solution, best_fitness = base.first_best(genomes, fitness)
        return State(
            population=genomes,
            fitness=fitness,
            generation=jnp.zeros((), jnp.int32),
            best_solution=best_solution,
            best_fitness=best_fitness,
            projection=self._draw_projection(key),
        )

    @functools.partial(jax.jit, static_argnames="self")
    def estimate_x0(self, key: Array, state: State, params: Params) -> PyTree:
        """The noise-free origin that every member is estimated to come from.

        Args:
            key: the key that the next `ask` gets, to see the estimate that it will use.
            state: an evaluated population.
            params: see `Params`.

        Returns:
            A population of estimates: leaves (N, ...); of categories, the most probable ones.
        """
        level, _, _ = self._plan(state, params)
        estimate = self._denoise(key, state, params, level)
        return self.solution.unravel(self.process.origin(estimate))

    @functools.partial(jax.jit, static_argnames="self")
    def ask(self, key: Array, state: State, params: Params) -> tuple[PyTree, State]:
        """Move the population one generation on.

        Generation g < T takes the reverse step from alphas[g] to alphas[g + 1]. After that, with
        ``after_schedule="stop"`` the population stays as it is; with ``"renoise"`` cycles of
        R + 1 generations follow, R = renoise_fraction T: one forward move back to alphas[T - R],
        then R reverse steps.

        Args:
            key: random key, consumed.
            state: from `init` or `tell`.
            params: see `Params`.

        Returns:
            (population to evaluate, state).
        """
        level, next_level, renoise = self._plan(state, params)
        genomes = state.population
        estimate = self._denoise(key, state, params, level)
        noise_key, _ = jax.random.split(key)
        noise = self.process.draw(noise_key, genomes.shape, genomes.dtype)
        moved = self.process.reverse_step(
            genomes, estimate, level, next_level, noise, params.noise_scale
        )
        if self.after_schedule == "renoise":
            noisier = self.process.forward(genomes, params.alphas[-1], next_level, noise)
            moved = jnp.where(renoise, noisier, moved)
        else:
            moved = jnp.where(
                state.generation < params.alphas.shape[0] - 1, moved, state.population
            )
        # The moved genomes take the place of the parents when they are told.
        return self.solution.unravel(moved), state

    @base.compiled
    def tell(
        self, key: Array, population: PyTree, fitness: Array, state: State, params: Params
    ) -> tuple[State, Metrics]:
        """Take in the evaluated generation.

        Args:
            key: unused; evosax's signature.
            population: what was evaluated: from `ask`, repaired if need be.
            fitness: shape (N,), lower is better, NaN is failed.
            state: from `ask`.
            params: see `Params`.

        Returns:
            (state, metrics): `diffevo.algorithms.base.summarize`, with the diversity in the
            process's coordinates, and ``alpha``, the signal level of the told population.

        Raises:
            ValueError: a shape or structure does not fit.
        """
        del key
        genomes, fitness = base.take_in(
            population,
            fitness,
            self.population_size,
            self.solution,
            state.population,
            self.process.admit,
        )
        state = base.told(state, genomes, fitness)
        coordinates = self.process.coordinates(genomes)
        metrics = base.summarize(coordinates, fitness, state.best_fitness, state.generation)
        level, _, _ = self._plan(state, params)
        return state, metrics | {"alpha": level}

    def _plan(self, state: State, params: Params) -> tuple[Array, Array, Array]:
        """(alpha now, alpha after the next move, whether that move adds noise)."""
        last = params.alphas.shape[0] - 1
        if self.after_schedule == "stop":
            now = jnp.minimum(state.generation, last)
            then = jnp.minimum(now + 1, last)
            return params.alphas[now], params.alphas[then], jnp.asarray(False)
        repeated = jnp.clip(jnp.round(params.renoise_fraction * last), 1, last).astype(jnp.int32)
        past = state.generation >= last
        cycle = (state.generation - last) % (repeated + 1)
        renoise = past & (cycle == 0)
        start = last - repeated
        now = jnp.where(past, jnp.where(renoise, last, start + cycle - 1), state.generation)
        then = jnp.where(renoise, start, now + 1)
        return params.alphas[now], params.alphas[jnp.minimum(then, last)], renoise

    def _denoise(self, key: Array, state: State, params: Params, alpha: Array) -> Array:
        """The process's estimate (N, C) of the evaluated population's origins at level alpha."""
        _, anchor_key = jax.random.split(key)
        coordinates = self.process.coordinates(state.population)
        log_weights = self.weighting(state.fitness, coordinates, params.temperature)
        latent = None
        if state.projection is not None:
            latent = projection.project(state.projection, coordinates)
        anchors = None
        if self.num_anchors is not None:
            anchors = jax.random.choice(
                anchor_key, self.population_size, (self.num_anchors,), replace=False
            )
        return self.process.estimate(
            state.population,
            log_weights,
            alpha,
            latent=latent,
            anchors=anchors,
            method=self.method,
            block_size=self.block_size,
        )


@final
@dataclasses.dataclass(frozen=True)
class DiffusionEvolution(_AnalyticDenoising):
    """Diffusion Evolution: see the module's first lines for what it computes.

    Attributes:
        population_size: N >= 1; a few hundred is usual, much more than an evolution strategy's.
        solution: template of one solution, any pytree of floating-point arrays.
        num_generations: T >= 1, the length of the schedule: T asks make T moves.
        schedule: a name in `diffevo.schedules.SCHEDULES` or a hashable function of T.
        num_schedule_steps: accelerated sampling: build this many steps, keep T of them.
        weighting: how fitness becomes weight; scale-free by default (`diffevo.weighting`).
        after_schedule: what `ask` does past generation T: "renoise" and go on, or "stop" moving.
        process: what noise is: `Gaussian`, `LogNormal` for positive numbers, `Categorical` for bits
            and categories (`diffevo.processes`).
        method: how the posterior mean is summed: "auto", "exact" or "grid"
            (`diffevo.core.posterior.estimate_x0`).
        num_anchors: sum over this many members, drawn anew each generation, instead of all.
        block_size: rows of the population handled at a time; None chooses.

    Raises:
        ValueError: an argument is out of its range; the message names it.

    Reference: arXiv 2410.02543, algorithm 1.
    """

    def _draw_projection(self, key: Array) -> None:
        del key

    @property
    def _num_kernel_dims(self) -> int:
        return self.process.num_coordinates(self.num_dims)

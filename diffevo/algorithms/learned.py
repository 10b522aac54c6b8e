"""What HADES and CHARLES-D share: a generation with a learned denoiser.

Every generation a denoising network is trained on a memory of evaluated genomes, each weighted by
its fitness, and sampled; with the elite, its crossovers and mutation by the forward process that is
the next population. In genomes standardised by the weighted mean and standard deviation of the
memory, an untrained network samples the Gaussian with those two moments: where there is too little
to learn from, or the training failed, this is an estimation-of-distribution algorithm.

Training is a part of `ask`: the offspring are the first who need the model, `tell` stays cheap for
those who evaluate elsewhere, and there is one place to train, not two (`init` and `tell`). After
the last `tell` the newest generation is thus remembered but not learned; `fit` learns it.

Shape letters: N population, D genome dimensions, R rows of the memory, W network weights, C
condition values, K conditions.
"""

import abc
import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Literal, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from diffevo import conditions as condition_rules
from diffevo.algorithms import base
from diffevo.algorithms.base import Metrics, PyTree, SolutionSpec
from diffevo.conditions import Condition
from diffevo.core import archive, draws, schedules, variation
from diffevo.core.weighting import DensityCorrected, Weighting, weighted_moments
from diffevo.denoiser import fit as fitting
from diffevo.denoiser import process
from diffevo.denoiser.fit import Denoiser, Training
from diffevo.denoiser.network import MLP

Traits = Mapping[str, Array]


class Model(struct.PyTreeNode):
    """What was learned, standardisation included."""

    weights: Array  # (W,), the network's, flat
    optimizer: Any  # optax state, for continued training
    fresh: Array  # (W,), where a cold fit begins
    mean: Array  # (D,)
    std: Array  # (D,), > 0
    standard: condition_rules.Standard
    loss: Array  # of the last fit; NaN before the first
    num_restarts: Array  # int32, how often training diverged in this run


class State(struct.PyTreeNode):
    """What the next generation needs."""

    population: Array  # (N, D), the genomes
    fitness: Array  # (N,)
    generation: Array  # int32, the number of generations told since `init`
    best_solution: Array  # (D,)
    best_fitness: Array
    memory: archive.Memory
    model: Model


class Params(struct.PyTreeNode):
    """Traced numbers: changing one compiles nothing.

    Attributes:
        alphas: signal levels of the diffusion, increasing, in (0, 1], any length >= 3.
        noise_scale: fresh noise while sampling: 0 is DDIM, 1 is DDPM.
        temperature: of the selection, > 0; higher selects less.
        mutation_rate: in [0, 1]: how far offspring are noised by the forward process.
        unbiased_mutation_ratio: in [0, 1]: above 0 this share of the offspring gets unit-Gaussian
            noise on a mutation_rate of its genes, and nobody is noised by the forward process.
        random_mutation_ratio: in [0, 1]: share of the offspring that is moved at random besides.
        random_mutation_scale: half the width of that move, in genome units.
        learning_rate: at the start of a fit; it falls to zero by a cosine.
        weight_decay: of the network, decoupled (AdamW), >= 0.
        condition_dropout: in [0, 1]: share of training rows that are shown no condition.
        x0_limit: estimated origins are cut off at this many standard deviations, > 0.
        scales: guidance scale of each condition, shape (K,): 0 ignores it, 1 follows what was
            learned, more overstates it.
        targets: one array for each condition, see `diffevo.conditions`.
    """

    alphas: Array
    noise_scale: Array
    temperature: Array
    mutation_rate: Array
    unbiased_mutation_ratio: Array
    random_mutation_ratio: Array
    random_mutation_scale: Array
    learning_rate: Array
    weight_decay: Array
    condition_dropout: Array
    x0_limit: Array
    scales: Array
    targets: tuple[Array, ...]


@dataclasses.dataclass(frozen=True)
class LearnedDenoising(abc.ABC):
    """Both algorithms; they differ in what is asked of the offspring (`_conditions`)."""

    population_size: int
    solution: PyTree  # as given; kept as a SolutionSpec, so that equal configurations are equal
    _: dataclasses.KW_ONLY
    network: nn.Module = dataclasses.field(default_factory=MLP)
    prediction: process.Prediction = "eps"
    training: Training = dataclasses.field(default_factory=Training)
    training_data: Literal["weighted", "resampled"] = "weighted"
    training_interval: int = 1
    selection: Weighting = dataclasses.field(default_factory=DensityCorrected)
    buffer_size: int = 4
    retention: archive.Retention = "quality"
    elite_ratio: float = 0.15
    crossover_ratio: float = 0.125
    forget_best: bool = True
    schedule: str | schedules.Schedule = "cosine"
    num_levels: int = 1000
    num_steps: int = 50
    sampler: process.Sampler = "ddim"
    readaptation_steps: int = 0

    def __post_init__(self) -> None:
        """Check the configuration and replace the template by its structure."""
        for name in (
            "population_size",
            "training_interval",
            "buffer_size",
            "num_levels",
            "num_steps",
        ):
            base.check_int(name, getattr(self, name))
            object.__setattr__(self, name, int(getattr(self, name)))
        if self.num_levels < 2:
            raise ValueError(f"num_levels: expected an int >= 2, got {self.num_levels}")
        object.__setattr__(self, "solution", SolutionSpec.of(self.solution))
        for name, allowed in (
            ("prediction", get_args(process.Prediction)),
            ("training_data", ("weighted", "resampled")),
            ("retention", get_args(archive.Retention)),
            ("sampler", get_args(process.Sampler)),
            ("forget_best", (False, True)),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name}: expected one of {allowed}, got {getattr(self, name)!r}")
        for name in ("elite_ratio", "crossover_ratio"):
            ratio = getattr(self, name)
            if not isinstance(ratio, int | float) or not 0 <= ratio <= 1:
                raise ValueError(f"{name}: expected a number in [0, 1], got {ratio!r}")
        steps = self.readaptation_steps
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
            raise ValueError(f"readaptation_steps: expected an int >= 0, got {steps!r}")
        if not isinstance(self.network, nn.Module):
            raise ValueError(f"network: expected a flax.linen Module, got {self.network!r}")
        if not isinstance(self.training, Training):
            raise ValueError(f"training: expected a Training, got {self.training!r}")
        if not callable(self.selection):
            raise ValueError(f"selection: expected a Weighting, got {self.selection!r}")
        schedules.build(self.schedule, self.num_levels)

    @property
    @abc.abstractmethod
    def _conditions(self) -> tuple[Condition, ...]: ...

    @property
    def num_dims(self) -> int:
        """D, the length of the flat genome."""
        return self.solution.num_dims

    @property
    def default_params(self) -> Params:
        """The numbers that this configuration starts from."""
        dtype = self.solution.dtype
        numbers = {
            "noise_scale": 1.0,
            "temperature": 1.0,
            "mutation_rate": 0.05,
            "unbiased_mutation_ratio": 0.0,
            "random_mutation_ratio": 1 / 16,
            "random_mutation_scale": 1.5,
            "learning_rate": 1e-2,
            "weight_decay": 1e-5,
            "condition_dropout": 0.2,
            "x0_limit": 4.0,
        }
        return Params(
            alphas=schedules.build(self.schedule, self.num_levels).astype(dtype),
            scales=jnp.ones(len(self._conditions), dtype),
            targets=tuple(jnp.asarray(c.default_target, dtype) for c in self._conditions),
            **{name: jnp.asarray(number, dtype) for name, number in numbers.items()},
        )

    @functools.partial(jax.jit, static_argnames="self")
    def sample_population(self, key: Array) -> PyTree:
        """Draw the initial population from N(0, I).

        Args:
            key: random key, consumed.

        Returns:
            A population: the template's structure with a leading axis N.
        """
        return base.sample_population(key, self.population_size, self.solution)

    @base.compiled
    def init(
        self,
        key: Array,
        population: PyTree,
        fitness: Array,
        params: Params,
        *,
        traits: Traits | None = None,
    ) -> State:
        """Start from an evaluated population.

        Args:
            key: random key, consumed (the network's first weights).
            population: leaves (N, ...).
            fitness: shape (N,), lower is better, NaN is failed.
            params: see `Params`.
            traits: what the evaluation reported beside the fitness, shape (N, ...) each, if a
                condition asks for it.

        Returns:
            The state before generation 0; nothing has been learned yet.

        Raises:
            ValueError: a shape or structure does not fit, or a trait is missing.
        """
        genomes, fitness = base.take_in(population, fitness, self.population_size, self.solution)
        reported = self._reported(traits, genomes.dtype)
        best_solution, best_fitness = base.first_best(genomes, fitness)
        memory = archive.empty(self.buffer_size * self.population_size, genomes, reported)
        dtype = genomes.dtype
        weights = self._denoiser.init_weights(key, self.num_dims, dtype)
        optimizer = fitting.make_optimizer(self.training, params.weight_decay)
        model = Model(
            weights=weights,
            optimizer=optimizer.init(weights),
            fresh=weights,
            mean=jnp.zeros(self.num_dims, dtype),
            std=jnp.ones(self.num_dims, dtype),
            standard=condition_rules.unknown(self._conditions, dtype),
            loss=jnp.asarray(jnp.nan, dtype),
            num_restarts=jnp.zeros((), jnp.int32),
        )
        return State(
            population=genomes,
            fitness=fitness,
            generation=jnp.zeros((), jnp.int32),
            best_solution=best_solution,
            best_fitness=best_fitness,
            memory=archive.remember(memory, genomes, fitness, reported, self.retention),
            model=model,
        )

    @functools.partial(jax.jit, static_argnames="self")
    def ask(self, key: Array, state: State, params: Params) -> tuple[PyTree, State]:
        """Learn from the memory, every `training_interval` generations, and make offspring.

        In this order: the elite, crossovers of the elite, samples of the model. Then all of them
        are mutated, the elite only if the best may be forgotten. What would have come from a
        failed member is a sample of the model.

        Args:
            key: random key, consumed.
            state: from `init` or `tell`.
            params: see `Params`.

        Returns:
            (population to evaluate, state with what was learned).
        """
        fit_key, offspring_key = jax.random.split(key)
        if self.training_interval == 1:
            model = self._learn(fit_key, state, params)
        else:
            model = jax.lax.cond(
                state.generation % self.training_interval == 0,
                lambda: self._learn(fit_key, state, params),
                lambda: state.model,
            )
        state = state.replace(model=model)
        size, dims, elites = self.population_size, self.num_dims, self._num_elites
        num_children = int((size - elites) * self.crossover_ratio)
        targets, start, steps, cross, mutation, moves, readaptation = draws.draw(
            offspring_key,
            (len(self._conditions), 4),
            (size, dims),
            (self.num_steps, 4),
            (num_children, dims + 2),
            (size, dims),
            (2, size, dims + 1),
            (self.readaptation_steps, 4),
        )
        estimate = self._estimator(draws.keys(targets, key), state, params, params.targets, size)
        genomes = self._draw(start, draws.keys(steps, key), state, params, estimate)
        genomes = self._breed(cross, state, params, genomes)
        mutated = self._mutate(mutation, moves, state, params, genomes)
        if self.readaptation_steps:
            keys = draws.keys(readaptation, key)
            mutated = self._readapt(keys, state, params, estimate, mutated)
        mutated = self._move(moves[1], params, mutated)
        if not self.forget_best:
            mutated = mutated.at[:elites].set(genomes[:elites])
        return self.solution.unravel(mutated), state

    @base.compiled
    def tell(
        self,
        key: Array,
        population: PyTree,
        fitness: Array,
        state: State,
        params: Params,
        *,
        traits: Traits | None = None,
    ) -> tuple[State, Metrics]:
        """Take in the evaluated generation.

        Args:
            key: unused; evosax's signature.
            population: what was evaluated: from `ask`, repaired if need be.
            fitness: shape (N,), lower is better, NaN is failed.
            state: from `ask`.
            params: unused; evosax's signature.
            traits: as in `init`. NaN is a trait that is not known.

        Returns:
            (state, metrics): `diffevo.algorithms.base.summarize`, ``loss`` of the last fit,
            ``num_restarts``, how often training has diverged so far, and ``num_remembered``.

        Raises:
            ValueError: a shape or structure does not fit, or a trait is missing.
        """
        del key, params
        genomes, fitness = base.take_in(
            population, fitness, self.population_size, self.solution, state.population
        )
        reported = self._reported(traits, genomes.dtype)
        memory = state.memory
        if not self.forget_best and self._num_elites:
            memory = archive.forget(memory, genomes[: self._num_elites])
        memory = archive.remember(memory, genomes, fitness, reported, self.retention)
        state = base.told(state, genomes, fitness).replace(memory=memory)
        metrics = base.summarize(genomes, fitness, state.best_fitness, state.generation)
        return state, metrics | {
            "loss": state.model.loss,
            "num_restarts": state.model.num_restarts,
            "num_remembered": memory.num_filled,
        }

    @functools.partial(jax.jit, static_argnames="self")
    def fit(self, key: Array, state: State, params: Params) -> State:
        """Learn from the memory now; `ask` does it by itself."""
        return state.replace(model=self._learn(key, state, params))

    @functools.partial(jax.jit, static_argnames=("self", "num"))
    def sample(
        self,
        key: Array,
        state: State,
        params: Params,
        num: int,
        *,
        targets: tuple[Array, ...] | None = None,
    ) -> PyTree:
        """Samples of the model as it stands: no training, no evaluation, no mutation.

        Args:
            key: random key, consumed.
            state: with a model, from `ask`, `tell` or `fit`.
            params: see `Params`; scales may be changed here too.
            num: how many.
            targets: other targets than `params.targets`, one for each condition.

        Returns:
            Solutions with a leading axis num.
        """
        words, start, steps = draws.draw(
            key, (len(self._conditions), 4), (num, self.num_dims), (self.num_steps, 4)
        )
        chosen = params.targets
        if targets is not None:
            dtype = self.solution.dtype
            chosen = tuple(
                jnp.broadcast_to(jnp.asarray(new, dtype), old.shape)
                for new, old in zip(targets, params.targets, strict=True)
            )
        estimate = self._estimator(draws.keys(words, key), state, params, chosen, num)
        keys = draws.keys(steps, key)
        return self.solution.unravel(self._draw(start, keys, state, params, estimate))

    @functools.partial(jax.jit, static_argnames="self")
    def estimate_x0(self, key: Array, state: State, params: Params) -> PyTree:
        """Where the model sees every member's origin: the member read as noised by mutation.

        Args:
            key: random key, consumed (conditions choose with it).
            state: an evaluated population and a model.
            params: see `Params`.

        Returns:
            A population of estimates: leaves (N, ...).
        """
        (words,) = draws.draw(key, (len(self._conditions), 4))
        keys = draws.keys(words, key)
        estimate = self._estimator(keys, state, params, params.targets, self.population_size)
        alpha = process.level(params.alphas, params.mutation_rate)
        origins = estimate(self._standardized(state, state.population), alpha)
        return self.solution.unravel(self._restored(state, origins))

    @functools.partial(jax.jit, static_argnames="self")
    def warm_start(self, state: State, earlier: State) -> State:
        """Take over what an earlier run learned: network, optimizer state and standardisation.

        It lasts with `Training(continued=True)`, or until the next fit without.

        Args:
            state: from `init` of the new run.
            earlier: a state of a run with the same network and number of dimensions.

        Returns:
            The new run's state with the earlier model.

        Raises:
            ValueError: the models differ in shape.
        """

        def adopt(new: Array, old: Array) -> Array:
            if new.shape != old.shape:
                raise ValueError(
                    f"earlier: expected a model with arrays of {new.shape}, got {old.shape}"
                )
            return old.astype(new.dtype)

        model = jax.tree.map(adopt, state.model, earlier.model)
        return state.replace(model=model.replace(num_restarts=state.model.num_restarts))

    @property
    def _denoiser(self) -> Denoiser:
        widths = tuple(condition.num_values for condition in self._conditions)
        return Denoiser(self.network, self.prediction, widths)

    @property
    def _num_elites(self) -> int:
        return int(self.population_size * self.elite_ratio)

    def _reported(self, traits: Traits | None, dtype: Any) -> dict[str, Array]:
        """The traits that the conditions ask for, checked."""
        reported = {}
        for name in (name for condition in self._conditions for name in condition.reported):
            if traits is None or name not in traits:
                got = "none" if traits is None else sorted(traits)
                raise ValueError(f"traits: expected one named {name!r}, got {got}")
            values = jnp.asarray(traits[name])
            if values.shape[:1] != (self.population_size,):
                raise ValueError(
                    f"traits: expected {name!r} with a leading axis of {self.population_size}, "
                    f"got shape {values.shape}"
                )
            reported[name] = values.astype(dtype)
        return reported

    def _standardized(self, state: State, genomes: Array) -> Array:
        return (genomes - state.model.mean[None]) / state.model.std[None]

    def _restored(self, state: State, standardized: Array) -> Array:
        return state.model.mean[None] + state.model.std[None] * standardized

    def _learn(self, key: Array, state: State, params: Params) -> Model:
        """Fit the denoiser to the memory."""
        memory, dtype = state.memory, state.memory.genomes.dtype
        fitness = jnp.where(memory.filled, memory.fitness, jnp.nan)
        weights = jnp.exp(self.selection(fitness, memory.genomes, params.temperature))
        weights = jnp.where(memory.filled, weights, 0.0)
        shares = weights / jnp.maximum(jnp.sum(weights), jnp.finfo(dtype).tiny)
        mean, std = weighted_moments(shares, memory.genomes)
        # A coordinate in which nothing differs is explored anew, at the scale of the start.
        std = jnp.where(std > 1e-6 * (1e-30 + jnp.abs(mean)), std, 1.0)
        standardized = (memory.genomes - mean[None]) / std[None]
        values = condition_rules.measure(self._conditions, memory, params.targets)
        standard = condition_rules.standardize(self._conditions, values, dtype)
        num_rows = memory.fitness.shape[0]
        condition, present = condition_rules.encode(self._conditions, values, standard, num_rows)
        data = fitting.Data(
            genomes=jnp.clip(standardized, -params.x0_limit, params.x0_limit),
            weights=weights,
            condition=condition,
            present=present,
            num_filled=memory.num_filled,
        )
        fit_key = key
        if self.training_data == "resampled":
            fit_key, draw_key = jax.random.split(key)
            (words,) = draws.draw(draw_key, (num_rows,))
            rows = draws.pick(words, shares, dtype)
            data = data._replace(
                genomes=data.genomes[rows],
                weights=memory.filled[rows].astype(dtype),
                condition=condition[rows],
                present=present[rows],
                num_filled=jnp.asarray(num_rows, jnp.int32),
            )
        fitted = fitting.fit(
            self._denoiser,
            self.training,
            fit_key,
            data,
            fitting.Start(state.model.weights, state.model.optimizer, state.model.fresh),
            fitting.Hyperparameters(
                params.alphas, params.learning_rate, params.weight_decay, params.condition_dropout
            ),
        )
        return Model(
            weights=fitted.weights,
            optimizer=fitted.optimizer,
            fresh=state.model.fresh,
            mean=mean,
            std=std,
            standard=standard,
            loss=fitted.loss,
            num_restarts=state.model.num_restarts + fitted.num_restarts,
        )

    def _estimator(
        self, keys: Array, state: State, params: Params, targets: tuple[Array, ...], num: int
    ) -> process.Estimate:
        """The denoiser for `num` rows, with what is asked of each of them."""
        values = condition_rules.measure(self._conditions, state.memory, targets)
        chosen = condition_rules.choose(self._conditions, keys, values, state.memory, targets, num)
        model, denoiser = state.model, self._denoiser
        condition, present = condition_rules.encode(self._conditions, chosen, model.standard, num)

        def estimate(x: Array, alpha: Array) -> Array:
            return denoiser.estimate_x0(
                model.weights, x, alpha, condition, present, params.scales, params.x0_limit
            )

        return estimate

    def _draw(
        self,
        words: Array,
        keys: Array,
        state: State,
        params: Params,
        estimate: process.Estimate,
    ) -> Array:
        """Genomes from noise, as many as words (num, D)."""
        start = draws.normal(words, state.model.mean.dtype)
        alphas = process.boundaries(params.alphas, self.num_steps)
        drawn = process.sample(estimate, keys, start, alphas, self.sampler, params.noise_scale)
        return self._restored(state, drawn)

    def _breed(self, words: Array, state: State, params: Params, samples: Array) -> Array:
        """Put the elite and its crossovers in the place of the first samples."""
        elites, children = self._num_elites, words.shape[0]
        order = jnp.argsort(state.fitness)[: elites or self.population_size]
        elite, fitness = state.population[order], state.fitness[order]
        intact = ~jnp.isnan(fitness)
        if children:
            weights = jnp.exp(self.selection(fitness, elite, params.temperature))
            parents = draws.pick(words[:, :2], weights, fitness.dtype)
            genes = words[:, 2:] >> 31 == 0
            crossed = variation.crossover(elite[parents[:, 0]], elite[parents[:, 1]], genes)
            place = slice(elites, elites + children)
            crossed = jnp.where(jnp.any(intact), crossed, samples[place])
            samples = samples.at[place].set(crossed)
        if elites:
            survivors = jnp.where(intact[:, None], elite, samples[:elites])
            samples = samples.at[:elites].set(survivors)
        return samples

    def _mutate(
        self, words: Array, more: Array, state: State, params: Params, genomes: Array
    ) -> Array:
        """Noise by the forward process, or gene by gene."""
        dtype = genomes.dtype
        eps = draws.normal(words, dtype)
        standardized = self._standardized(state, genomes)
        noised = process.mutate(standardized, params.alphas, params.mutation_rate, eps)
        who, where = draws.uniform(more[0, :, :1], dtype), draws.uniform(more[0, :, 1:], dtype)
        ratio = params.unbiased_mutation_ratio
        unbiased = variation.mutate_genes(genomes, who, where, eps, ratio, params.mutation_rate)
        return jnp.where(ratio > 0, unbiased, self._restored(state, noised))

    def _readapt(
        self,
        keys: Array,
        state: State,
        params: Params,
        estimate: process.Estimate,
        genomes: Array,
    ) -> Array:
        """Take back by the model what mutation did: denoise from where it went."""
        alphas = process.boundaries(params.alphas, self.readaptation_steps, params.mutation_rate)
        noisy = self._standardized(state, genomes)
        clean = process.sample(estimate, keys, noisy, alphas, self.sampler, params.noise_scale)
        return self._restored(state, clean)

    def _move(self, words: Array, params: Params, genomes: Array) -> Array:
        """Random moves of some, whatever the model thinks of them."""
        uniform = draws.uniform(words, genomes.dtype)
        return variation.move_some(
            genomes,
            uniform[:, :1],
            uniform[:, 1:],
            params.random_mutation_ratio,
            params.random_mutation_scale,
        )

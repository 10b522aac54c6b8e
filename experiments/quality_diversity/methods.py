r"""Our searches around an archive, each ask and tell, and the loop that runs them.

A search sees the archive when it is asked, and how much its last points gained when it is told.

Shape letters: R repetitions, N population, D dimensions, C cells, L looks.
"""

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import jax
import jax.numpy as jnp
from jax import Array

import diffevo
from diffevo.algorithms.niching import default_chain_size
from diffevo.core import ddim, posterior
from experiments.quality_diversity import archive as grid
from experiments.quality_diversity.archive import Archive, Gains
from tasks.functions.linear_projection import LinearProjection


class Search(Protocol):
    """What `run` asks for; genomes are flat, a point is ``scale`` times its genome."""

    @property
    def population_size(self) -> int:
        """N."""
        ...

    @property
    def scale(self) -> float:
        """From genomes to points."""
        ...

    @property
    def reads_genomes(self) -> bool:
        """Whether the archive has to keep the elites' genomes."""
        ...

    def first(self, key: Array) -> Array:
        """The first population (N, D)."""
        ...

    def init(self, key: Array, genomes: Array, fitness: Array, gains: Gains) -> Any:
        """The state after the first population."""
        ...

    def ask(self, key: Array, state: Any, archive: Archive) -> tuple[Array, Any]:
        """The next population (N, D)."""
        ...

    def tell(self, key: Array, genomes: Array, fitness: Array, gains: Gains, state: Any) -> Any:
        """The state after it."""
        ...


@dataclass(frozen=True)
class Random:
    """Uniform in the box [-1, 1]^D of genomes, every time anew.

    Attributes:
        population_size: N.
        num_dims: D.
        scale: half the width of the box.
    """

    population_size: int
    num_dims: int
    scale: float
    reads_genomes: bool = False

    def first(self, key: Array) -> Array:
        """Shape (N, D)."""
        return jax.random.uniform(key, (self.population_size, self.num_dims), minval=-1.0)

    def init(self, key: Array, genomes: Array, fitness: Array, gains: Gains) -> Array:
        """Nothing to remember."""
        del key, genomes, fitness, gains
        return jnp.zeros(())

    def ask(self, key: Array, state: Array, archive: Archive) -> tuple[Array, Array]:
        """Shape (N, D)."""
        del archive
        return self.first(key), state

    def tell(self, key: Array, genomes: Array, fitness: Array, gains: Gains, state: Array) -> Array:
        """Nothing learned."""
        del key, genomes, fitness, gains
        return state


@dataclass(frozen=True)
class Told:
    """One of the library's algorithms, which never sees the archive but for what it is told.

    Attributes:
        algorithm: init, ask and tell.
        scale: from its genomes to points.
        value: "fitness"; "improvement", minus the gain over the archive's elite, new cells 100
            ahead (CMA-ME's two stages as one number).
        measures_as_latent: a latent algorithm's neighbourhoods are in the measures' linear part
            instead of a random projection.
    """

    algorithm: Any
    scale: float
    value: Literal["fitness", "improvement"] = "fitness"
    measures_as_latent: bool = False
    reads_genomes: bool = False

    @property
    def population_size(self) -> int:
        """N."""
        return self.algorithm.population_size

    def _told(self, fitness: Array, gains: Gains) -> Array:
        if self.value == "fitness":
            return fitness
        return -(gains.improvement + 100.0 * gains.new)

    def first(self, key: Array) -> Array:
        """From the algorithm's prior."""
        return self.algorithm.sample_population(key)

    def init(self, key: Array, genomes: Array, fitness: Array, gains: Gains) -> Any:
        """The algorithm's state."""
        params = self.algorithm.default_params
        state = self.algorithm.init(key, genomes, self._told(fitness, gains), params)
        if self.measures_as_latent:
            half = genomes.shape[1] // 2
            state = state.replace(projection=jnp.repeat(jnp.eye(2), half, axis=1) / math.sqrt(half))
        return state

    def ask(self, key: Array, state: Any, archive: Archive) -> tuple[Array, Any]:
        """As the algorithm does."""
        del archive
        return self.algorithm.ask(key, state, self.algorithm.default_params)

    def tell(self, key: Array, genomes: Array, fitness: Array, gains: Gains, state: Any) -> Any:
        """As the algorithm does, with the value in place of the fitness."""
        params = self.algorithm.default_params
        return self.algorithm.tell(key, genomes, self._told(fitness, gains), state, params)[0]


@dataclass(frozen=True)
class DenoisedElites:
    r"""Diffusion Evolution with the archive as its population and kernels in measure space.

    A generation: N elites x_i are drawn from the archive and read as noisy at level alpha,
    1 - alpha = (sigma / scale)^2. With the latent coordinates z_i, their measures in such units
    that the kernel is `kernel_cells` cells wide, the origin of each is estimated by the posterior
    mean over the drawn ones (`diffevo.core.posterior`, eq. 12, all weights equal: an elite is the
    best of its cell, and cells are as good as each other), and the forward process brings it back
    to alpha, with a step along the line to another elite added:

        x_i' = sqrt(alpha) x0_i + sqrt(1 - alpha) eps_i + line u_i (x_k - x_i),   u_i ~ N(0, 1).

    So what solutions of like measures do not share is averaged away, and noise that spreads as the
    archive does is added. Elites are drawn with weights (1 + v)^-rare, v how often their cell was
    drawn before: the new cells at the rim are the first.

    Attributes:
        population_size: N.
        num_dims: D.
        scale: from genomes to points.
        limit: measures lie in [-limit, limit].
        side: cells of the archive in a measure.
        sigma: of the noise, in points.
        line: standard deviation of the step along the line, as a share of its length.
        kernel_cells: standard deviation of the kernel, in cells; 0 leaves the denoising out.
        rare: exponent; 0 draws elites evenly.
    """

    population_size: int
    num_dims: int
    scale: float
    limit: float
    side: int
    sigma: float = 0.6
    line: float = 0.15
    kernel_cells: float = 2.0
    rare: float = 2.0
    reads_genomes: bool = True

    def first(self, key: Array) -> Array:
        """The prior N(0, I), shape (N, D)."""
        return jax.random.normal(key, (self.population_size, self.num_dims))

    def init(self, key: Array, genomes: Array, fitness: Array, gains: Gains) -> Array:
        """How often each cell was drawn, (C,): never."""
        del key, genomes, fitness, gains
        return jnp.zeros(self.side**2)

    def ask(self, key: Array, state: Array, archive: Archive) -> tuple[Array, Array]:
        """Draw elites, denoise, add noise."""
        place_key, other_key, noise_key, line_key = jax.random.split(key, 4)
        size = self.population_size
        weights = jnp.where(archive.filled, (1.0 + state) ** -self.rare, 0.0)
        cells = _systematic(place_key, weights, size)
        others = grid.draw_elites(other_key, archive, size)
        elites, far = archive.genomes[cells], archive.genomes[others]

        noise_std = self.sigma / self.scale
        alpha = 1.0 - noise_std**2
        origin = elites
        if self.kernel_cells:
            cell_size = 2.0 * self.limit / self.side
            latent = archive.measures[cells] * (noise_std / (self.kernel_cells * cell_size))
            origin = posterior.estimate_x0(elites, jnp.zeros(size), alpha, latent=latent)
        noise = jax.random.normal(noise_key, elites.shape)
        noisy = ddim.forward(origin, 1.0, alpha, noise)
        if not self.kernel_cells:
            # The posterior mean is taken at z / sqrt(alpha), further out: it undoes the shrinking.
            noisy = origin + noise_std * noise
        along = self.line * jax.random.normal(line_key, (size, 1))
        return noisy + along * (far - elites), state.at[cells].add(1.0)

    def tell(self, key: Array, genomes: Array, fitness: Array, gains: Gains, state: Array) -> Array:
        """The archive remembers."""
        del key, genomes, fitness, gains
        return state


def _systematic(key: Array, weights: Array, num: int) -> Array:
    """Indices (num,), evenly spaced in the cumulative weights (C,): the least uneven draw."""
    ends = jnp.cumsum(weights)
    wanted = ends[-1] * (jnp.arange(num) + jax.random.uniform(key)) / num
    # Rounding may put the last one beyond the end, and an index there has no weight.
    last = jnp.searchsorted(ends, ends[-1])
    return jnp.minimum(jnp.searchsorted(ends, wanted, side="right"), last).astype(jnp.int32)


def build(
    name: str, task: LinearProjection, side: int, population_size: int, budget: int
) -> Search:
    """One of ours by its name in `config.METHODS`.

    Args:
        name: of the method.
        task: the domain.
        side: cells of the archive in a measure.
        population_size: N of those that have no size of their own.
        budget: evaluations, for the length of a schedule.

    Returns:
        The search.

    Raises:
        ValueError: for an unknown name.
    """
    dims, size = task.num_dims, population_size
    if name == "random":
        return Random(size, dims, task.high)
    if name.startswith("elites"):
        ours = DenoisedElites(size, dims, task.scaling, task.measure_limit, side)
        changes = {
            "elites denoised": {},
            "elites denoised, drawn evenly": {"rare": 0.0},
            "elites not denoised": {"kernel_cells": 0.0},
        }
        if name in changes:
            return dataclasses.replace(ours, **changes[name])
    solution, chain_size = jnp.zeros(dims), default_chain_size(dims)
    if name in ("niching", "niching, improvement"):
        # What `diffevo.minimize` chooses for a box; its genomes are the box [-1, 1]^D.
        chosen = diffevo.NichingDiffusionEvolution(chain_size, solution, domain="box")
        return Told(chosen, task.high, "fitness" if name == "niching" else "improvement")
    if name == "niching, improvement, no box":
        chosen = diffevo.NichingDiffusionEvolution(chain_size, solution)
        return Told(chosen, task.scaling, "improvement")
    if name == "latent, re-noised":
        num_generations = max(budget // size // 10, 1)
        latent = diffevo.LatentDiffusionEvolution(size, solution, num_generations)
        return Told(latent, task.scaling, measures_as_latent=True)
    raise ValueError(f"name: expected one of ours, got {name!r}")


@functools.partial(jax.jit, static_argnames=("search", "tasks", "side", "num_looks", "per_look"))
def run(
    search: Search,
    tasks: tuple[LinearProjection, ...],
    choice: Array,
    keys: Array,
    *,
    side: int,
    num_looks: int,
    per_look: int,
) -> tuple[dict[str, Array], Array]:
    """Run once for every key: the first population, then num_looks x per_look generations.

    Args:
        search: any of ours.
        tasks: domains of the same dimensions, so with the same measures: one program for all.
        choice: which of them, int32.
        keys: shape (R,).
        side: the archive has side x side cells.
        num_looks: L.
        per_look: generations between two looks.

    Returns:
        ``qd_score``, ``coverage`` and ``best`` at every look, each (R, L), and the scores of the
        cells, (R, C), -inf where empty.
    """
    domain = tasks[0]

    def evaluate(archive: Archive, genomes: Array) -> tuple[Archive, Array, Gains]:
        points = search.scale * genomes
        fitness = jax.lax.switch(choice, [task.fitness for task in tasks], points)
        measures = domain.measures(points)
        cells = grid.cell_index(measures, domain.measure_limit, side)
        kept = genomes if search.reads_genomes else genomes[:, :0]
        archive, gains = grid.add(archive, kept, measures, 100.0 - fitness, cells)
        return archive, fitness, gains

    def generation(carry: Any, number: Array) -> tuple[Any, None]:
        key, state, archive = carry
        ask_key, tell_key = jax.random.split(jax.random.fold_in(key, number))
        genomes, state = search.ask(ask_key, state, archive)
        archive, fitness, gains = evaluate(archive, genomes)
        return (key, search.tell(tell_key, genomes, fitness, gains, state), archive), None

    def look(carry: Any, numbers: Array) -> tuple[Any, dict[str, Array]]:
        carry, _ = jax.lax.scan(generation, carry, numbers)
        return carry, grid.summarize(carry[2])

    def one(key: Array) -> tuple[dict[str, Array], Array]:
        first_key, init_key = jax.random.split(jax.random.fold_in(key, 0))
        genomes = search.first(first_key)
        archive = grid.empty(side, genomes.shape[1] if search.reads_genomes else 0)
        archive, fitness, gains = evaluate(archive, genomes)
        state = search.init(init_key, genomes, fitness, gains)
        numbers = 1 + jnp.arange(num_looks * per_look).reshape(num_looks, per_look)
        carry, looks = jax.lax.scan(look, (key, state, archive), numbers)
        return looks, carry[2].scores

    return jax.vmap(one)(keys)

"""Test functions of bits and categories: OneMax, LeadingOnes, NK landscapes, Ising models.

A genome holds the values 0, 1, .., as numbers: what `diffevo.processes.Categorical` moves. Any
other number counts as the nearest value, so that these are tasks for every algorithm: a real genome
is thresholded at 1/2. The known textbook functions are turned so that lower is better.

Shape letters: N population, D loci, E bonds, K neighbours.
"""

import functools
import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from tasks.base import check_num_dims, check_points


@dataclass(frozen=True)
class _Discrete:
    """What all of them share: D loci with values 0, .., num_categories - 1."""

    num_dims: int
    name: str
    num_categories: int = 2
    scaling: float = 1.0
    low: float = 0.0

    def __post_init__(self) -> None:
        """Check the size."""
        check_num_dims(self.num_dims)
        if self.num_categories < 2:
            raise ValueError(f"num_categories: expected at least 2, got {self.num_categories}")

    @property
    def high(self) -> float:
        """The last value."""
        return self.num_categories - 1.0

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    def values(self, genomes: jax.Array) -> jax.Array:
        """Genomes (N, D) as values 0, .., num_categories - 1, int32: the nearest ones."""
        check_points("genomes", genomes, self.num_dims)
        return jnp.round(jnp.clip(self.scaling * genomes, self.low, self.high)).astype(jnp.int32)


@dataclass(frozen=True)
class OneMax(_Discrete):
    """Loci that are not right: f = sum_i 1[x_i != last value]; of bits, the zeros.

    No locus cares for another one: the easiest function of its kind. A (1+1)-EA needs about
    e D log D evaluations of bits (Droste, Jansen, Wegener, Theor. Comput. Sci. 276, 2002).
    """

    optimum_fitness: float = 0.0

    @property
    def optima(self) -> jax.Array:
        """All loci at the last value, (1, D)."""
        return jnp.full((1, self.num_dims), self.high)

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Number of wrong loci: (N, D) -> (N,)."""
        return jnp.sum(self.values(genomes) != self.num_categories - 1, axis=1).astype(jnp.float32)


@dataclass(frozen=True)
class LeadingOnes(_Discrete):
    """Loci after the leading ones: f = D - sum_i prod_{j <= i} x_j. The order of the loci matters.

    Until all before it are right, a locus means nothing. A (1+1)-EA needs about 0.86 D^2
    evaluations (Boettcher, Doerr, Neumann, PPSN 2010).
    """

    optimum_fitness: float = 0.0

    @property
    def optima(self) -> jax.Array:
        """All ones, (1, D)."""
        return jnp.ones((1, self.num_dims))

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """D minus the number of leading ones: (N, D) -> (N,)."""
        leading = jnp.sum(jnp.cumprod(self.values(genomes), axis=1), axis=1)
        return (self.num_dims - leading).astype(jnp.float32)


@dataclass(frozen=True)
class NK(_Discrete):
    """Kauffman's NK landscape: f = mean_i c_i(x_i, its K neighbours), c_i ~ U(0, 1) independent.

    Costs instead of contributions, which have the same distribution. K = 0 has no interactions;
    with K = D - 1 all values of f are independent.

    Attributes:
        num_neighbours: K, in [0, D - 1].
        adjacent: the neighbours are the next K loci of a ring; False: drawn at random.
        seed: of costs and neighbours.

    Reference: Kauffman, Weinberger, J. Theor. Biol. 141 (1989); the optimum of adjacent
    neighbourhoods by dynamic programming: Wright, Thompson, Zhang, IEEE Trans. Evol. Comput. 4
    (2000).
    """

    num_neighbours: int = 3
    adjacent: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Check size and neighbourhood."""
        super().__post_init__()
        if not 0 <= self.num_neighbours < self.num_dims:
            raise ValueError(
                f"num_neighbours: expected an int in [0, num_dims - 1 = {self.num_dims - 1}], "
                f"got {self.num_neighbours}"
            )

    @property
    def optima(self) -> jax.Array:
        """The one best genome, (1, D)."""
        return jnp.asarray(_nk_optimum(*self._key)[1], jnp.float32)[None, :]

    @property
    def optimum_fitness(self) -> float:
        """Its cost."""
        return _nk_optimum(*self._key)[0]

    @property
    def _key(self) -> tuple[int, int, bool, int]:
        return self.num_dims, self.num_neighbours, self.adjacent, self.seed

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Mean cost: (N, D) -> (N,)."""
        loci, costs = _nk_landscape(*self._key)
        bits = self.values(genomes)[:, loci]  # (N, D, K + 1)
        rows = jnp.sum(bits << jnp.arange(self.num_neighbours + 1), axis=-1)
        table = jnp.asarray(costs, jnp.float32)
        return jnp.mean(table[jnp.arange(self.num_dims), rows], axis=1)


@functools.cache
def _nk_landscape(
    num_dims: int, num_neighbours: int, adjacent: bool, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Loci (D, K + 1) that each locus' cost depends on, itself first, and costs (D, 2^(K + 1))."""
    rng = np.random.default_rng(seed)
    costs = rng.random((num_dims, 2 ** (num_neighbours + 1)))
    offsets = np.tile(np.arange(num_neighbours + 1), (num_dims, 1))
    if not adjacent:
        others = [1 + rng.permutation(num_dims - 1)[:num_neighbours] for _ in range(num_dims)]
        offsets[:, 1:] = np.reshape(others, (num_dims, num_neighbours))
    return (np.arange(num_dims)[:, None] + offsets) % num_dims, costs


def _nk_costs(bits: np.ndarray, loci: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Mean costs (n,) of genomes (n, D) in float64."""
    rows = bits[:, loci] @ (1 << np.arange(loci.shape[1]))
    return costs[np.arange(len(loci)), rows].mean(axis=1)


@functools.cache
def _nk_optimum(
    num_dims: int, num_neighbours: int, adjacent: bool, seed: int
) -> tuple[float, tuple[int, ...]]:
    """Lowest cost and its genome: by dynamic programming around the ring, or by trying all."""
    loci, costs = _nk_landscape(num_dims, num_neighbours, adjacent, seed)
    if not adjacent:
        if num_dims > 20:
            raise ValueError(
                "num_dims: expected at most 20 for the optimum of random neighbourhoods, "
                f"got {num_dims}"
            )
        every = (np.arange(2**num_dims)[:, None] >> np.arange(num_dims)) & 1
        best = every[np.argmin(_nk_costs(every, loci, costs))]
    else:
        best = _best_of_ring(costs, num_neighbours)
    return float(_nk_costs(best[None], loci, costs)[0]), tuple(best.tolist())


def _best_of_ring(costs: np.ndarray, window: int) -> np.ndarray:
    """Bits (D,) of lowest sum_i costs[i, x_i + 2 x_(i+1) + .. + 2^K x_(i+K)] around a ring.

    States are the K bits before the next one; for every choice of the first K bits, the best way
    through the rest is found forwards and closed at the end.
    """
    num_dims, num_states = len(costs), 2**window
    best_cost, best_bits = np.inf, np.zeros(num_dims, int)
    state = np.arange(num_states)
    for first in range(num_states):
        # reach[s]: lowest cost so far with the bits x_i .. x_(i+K-1) = s.
        reach = np.where(state == first, 0.0, np.inf)
        came_from = []
        for i in range(num_dims):
            # The next bit is the highest of the window; the lowest drops out.
            total = reach[None, :] + costs[i].reshape(2, num_states)  # (next bit, state)
            then = (state[None, :] + num_states * np.arange(2)[:, None]) >> 1
            reach, window_bits = np.full(num_states, np.inf), np.zeros(num_states, int)
            for bit, s in itertools.product(range(2), range(num_states)):
                if total[bit, s] < reach[then[bit, s]]:
                    reach[then[bit, s]] = total[bit, s]
                    window_bits[then[bit, s]] = s + num_states * bit
            came_from.append(window_bits)
        if reach[first] < best_cost:
            best_cost, s = reach[first], first
            for i in reversed(range(num_dims)):
                best_bits[i] = came_from[i][s] & 1
                s = came_from[i][s] & (num_states - 1)
    return best_bits


@dataclass(frozen=True)
class Ising(_Discrete):
    """Spins on a ring or a torus: f = number of bonds that are not satisfied, (E + H) / 2.

    H = -sum_(i, j) J_ij s_i s_j over the bonds, s = 2 x - 1 = +-1. A ferromagnet (J = 1) has two
    optima, all ones and all zeros, and domains between; a glass (J = +-1, drawn) has many
    bonds that cannot all be satisfied.

    Attributes:
        torus: the spins form a square of side sqrt(D) >= 3, closed in both directions; False: a
            ring of D >= 3.
        glass: draw the signs of J; False: J = 1.
        seed: of the signs.
    """

    torus: bool = False
    glass: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the size."""
        super().__post_init__()
        side = round(self.num_dims**0.5) if self.torus else self.num_dims
        if side < 3 or (self.torus and side**2 != self.num_dims):
            wanted = "the square of an int >= 3" if self.torus else "at least 3"
            raise ValueError(f"num_dims: expected {wanted}, got {self.num_dims}")

    @property
    def optima(self) -> jax.Array | None:
        """All zeros and all ones, (2, D); None for a glass."""
        if self.glass:
            return None
        return jnp.tile(jnp.asarray([[0.0], [1.0]]), (1, self.num_dims))

    @property
    def optimum_fitness(self) -> float | None:
        """Bonds that no state satisfies; None for a glass on a torus of side above 8."""
        if not self.glass:
            return 0.0
        _, signs = self.bonds
        if not self.torus:
            return float(np.prod(signs) < 0)  # an odd number of negative bonds frustrates one
        side = round(self.num_dims**0.5)
        return _torus_ground_state(side, self.seed) if side <= 8 else None

    @property
    def bonds(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of spins (E, 2) and the signs of their J (E,)."""
        return _bonds(self.num_dims, self.torus, self.glass, self.seed)

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Number of bonds that are not satisfied: (N, D) -> (N,)."""
        pairs, signs = self.bonds
        spins = 2 * self.values(genomes) - 1
        products = spins[:, pairs[:, 0]] * spins[:, pairs[:, 1]] * jnp.asarray(signs, jnp.int32)
        return jnp.sum(products < 0, axis=1).astype(jnp.float32)


@functools.cache
def _bonds(num_dims: int, torus: bool, glass: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Every spin with the next one; on a torus to the right first, then downwards."""
    spins = np.arange(num_dims)
    pairs = np.stack([spins, (spins + 1) % num_dims], axis=1)
    if torus:
        square = spins.reshape(round(num_dims**0.5), -1)
        right, down = np.roll(square, -1, axis=1), np.roll(square, -1, axis=0)
        pairs = np.concatenate([np.stack([spins, o.ravel()], axis=1) for o in (right, down)])
    signs = np.ones(len(pairs), int)
    if glass:
        signs = np.random.default_rng(seed).choice([-1, 1], size=len(pairs))
    return pairs, signs


@functools.cache
def _torus_ground_state(side: int, seed: int) -> float:
    """Fewest unsatisfied bonds of the glass: row by row, for every choice of the first row."""
    _, signs = _bonds(side**2, True, True, seed)
    right, down = signs.reshape(2, side, side)
    rows = 2 * ((np.arange(2**side)[:, None] >> np.arange(side)) & 1) - 1
    within = np.stack([np.sum(rows * np.roll(rows, -1, axis=1) * j < 0, axis=1) for j in right])
    # between[i][a, b]: bonds from row i in state a down to row i + 1 in state b.
    between = [(side - (rows * j) @ rows.T) // 2 for j in down]
    reach = np.where(np.eye(len(rows), dtype=bool), within[0][None, :], 4 * side**2)
    for i in range(1, side):
        step = between[i - 1] + within[i][None, :]
        # All first rows at once, in slices of previous rows: (first, next).
        reach = functools.reduce(
            np.minimum, (reach[:, a, None] + step[a][None, :] for a in range(len(rows)))
        )
    return float(np.min(reach + between[-1].T))


def onemax(num_dims: int = 64, num_categories: int = 2) -> OneMax:
    """OneMax; with more categories every locus has one right value."""
    name = "onemax" if num_categories == 2 else f"onemax_{num_categories}"
    return OneMax(num_dims, name, num_categories)


def leading_ones(num_dims: int = 32) -> LeadingOnes:
    """LeadingOnes of bits."""
    return LeadingOnes(num_dims, "leading_ones")


def nk(num_dims: int = 48, num_neighbours: int = 3, adjacent: bool = True, seed: int = 0) -> NK:
    """An NK landscape."""
    name = "nk" if adjacent else "nk_random"
    return NK(num_dims, name, num_neighbours=num_neighbours, adjacent=adjacent, seed=seed)


def ising(num_dims: int = 36, torus: bool = False, glass: bool = False, seed: int = 0) -> Ising:
    """An Ising model: a ring or a torus, ferromagnet or glass."""
    name = f"ising_{'torus' if torus else 'ring'}{'_glass' if glass else ''}"
    return Ising(num_dims, name, torus=torus, glass=glass, seed=seed)

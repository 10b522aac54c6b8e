"""Rate constants from concentrations: positive parameters over several decades.

Shape letters: N population, M reaction chains, D = 2 M rates, S times.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from tasks.base import check_num_dims, check_points


@dataclass(frozen=True)
class Rates:
    """M consecutive reactions A -> B -> C, first order, each with two unknown rates.

    With A = 1 at the start, k1 and k2 the rates (Bateman's solution),

        A = exp(-k1 t),   B = k1 (exp(-k1 t) - exp(-k2 t)) / (k2 - k1),   C = 1 - A - B,

    also where k1 = k2. The fitness is the mean squared error of the observed concentrations, at
    times spaced evenly in the logarithm, against those of the true rates. The data have no noise,
    so the true rates are an optimum, with fitness 0. The true rates are spread evenly over the
    logarithm of [slowest, fastest], the faster half of them k1: a B that vanishes faster than it is
    made is hardly seen.

    A negative rate counts as 0. The genome is the rates themselves: give it to
    `diffevo.processes.LogNormal`; a unit Gaussian covers only one of the decades.

    Attributes:
        num_dims: D = 2 M, even.
        slowest: least true rate, in 1 / time.
        fastest: greatest true rate.
        product_only: only C is observed, which is the same with k1 and k2 exchanged ("flip-flop"
            kinetics): every chain has two answers, 2^M optima. False: A, B and C are.
        num_times: S, from 0.03 / fastest to 30 / slowest.
    """

    num_dims: int = 4
    slowest: float = 1e-2
    fastest: float = 1e2
    product_only: bool = False
    num_times: int = 48
    name: str = "rates"
    scaling: float = 1.0
    low: float = 0.0
    high: float = 1e4
    optimum_fitness: float = 0.0

    def __post_init__(self) -> None:
        """Check the size and the range of the rates."""
        check_num_dims(self.num_dims, 2)
        if self.num_dims % 2:
            raise ValueError(f"num_dims: expected an even number, got {self.num_dims}")
        if not 0 < self.slowest < self.fastest < self.high:
            raise ValueError(
                f"slowest, fastest: expected 0 < slowest < fastest < {self.high:g}, "
                f"got {self.slowest}, {self.fastest}"
            )

    @property
    def true_rates(self) -> np.ndarray:
        """The rates behind the data, (D,): k1 and k2 of the first chain, of the second, .."""
        rates = np.geomspace(self.fastest, self.slowest, self.num_dims)
        return rates.reshape(2, -1).T.ravel()

    @property
    def times(self) -> np.ndarray:
        """When it is observed, (S,)."""
        return np.geomspace(0.03 / self.fastest, 30.0 / self.slowest, self.num_times)

    @property
    def solution(self) -> jax.Array:
        """Template of one solution, zeros (D,)."""
        return jnp.zeros(self.num_dims)

    @property
    def optima(self) -> jax.Array:
        """The true rates, (1, D); with ``product_only`` with all exchanges, (2^M, D)."""
        rates = self.true_rates.reshape(-1, 2)
        if not self.product_only:
            return jnp.asarray(rates.reshape(1, -1), jnp.float32)
        flips = (np.arange(2 ** len(rates))[:, None] >> np.arange(len(rates))) & 1
        every = np.where(flips[:, :, None] == 1, rates[:, ::-1], rates)
        return jnp.asarray(every.reshape(len(flips), -1), jnp.float32)

    def concentrations(self, rates: jax.Array) -> jax.Array:
        """What is observed, (N, M, 1 or 3, S), of rates (N, D) >= 0."""
        pairs = rates.reshape(rates.shape[0], -1, 2, 1)
        first, second = pairs[:, :, 0], pairs[:, :, 1]
        times = jnp.asarray(self.times, rates.dtype)[None, None, :]
        slow, gap = jnp.minimum(first, second) * times, jnp.abs(first - second) * times
        a = jnp.exp(-first * times)
        # (exp(-slow t) - exp(-fast t)) / ((fast - slow) t), 1 at the end of the gap.
        mean = jnp.exp(-slow) * jnp.where(gap > 0, -jnp.expm1(-gap) / jnp.where(gap > 0, gap, 1), 1)
        b = jnp.clip(first * times * mean, 0.0, 1.0)
        c = 1.0 - a - b
        return jnp.stack([c] if self.product_only else [a, b, c], axis=2)

    def __call__(self, genomes: jax.Array) -> jax.Array:
        """Mean squared error of the concentrations: (N, D) -> (N,), lower is better."""
        check_points("genomes", genomes, self.num_dims)
        seen = self.concentrations(jnp.maximum(self.scaling * genomes, 0.0))
        true = self.concentrations(jnp.asarray(self.true_rates, genomes.dtype)[None, :])
        return jnp.mean((seen - true) ** 2, axis=(1, 2, 3))


def rates(num_dims: int = 4, product_only: bool = False) -> Rates:
    """Chains A -> B -> C with rates from 0.01 to 100."""
    name = "rates_product_only" if product_only else "rates"
    return Rates(num_dims, product_only=product_only, name=name)

"""What is kept of episodes while they run: returns and traits; and of the observations in them.

Shape letters: N individuals, E episodes, O observation.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from tasks.rl.environments import Environment, Ranges

LAST_STEPS = 25  # of an episode, for traits over its "final" steps: the HADES experiments' horizon
# An observation's running scale may fall to this share of the one that its range gives: what never
# changes would otherwise be divided by 0 when it does.
LEAST_SCALE = 0.01


class Tally(NamedTuple):
    """Episodes (N, E) so far.

    Attributes:
        time: steps made.
        alive: whether an episode goes on.
        length: of the episodes.
        returns: sums of their rewards.
        sums: of each trait's measure over the steps.
        last: the measures of its last steps (25, N, E), for a trait over "final" steps; else ().
    """

    time: Array
    alive: Array
    length: Array
    returns: Array
    sums: tuple[Array, ...]
    last: tuple[Any, ...]

    @classmethod
    def begin(cls, environment: Environment, shape: tuple[int, int], dtype: Any) -> "Tally":
        """No step yet."""
        zeros = jnp.zeros(shape, dtype)
        window = jnp.zeros((LAST_STEPS, *shape), dtype)
        traits = environment.traits
        return cls(
            jnp.asarray(0),
            jnp.ones(shape, bool),
            zeros,
            zeros,
            tuple(zeros for _ in traits),
            tuple(window if trait.over == "final" else () for trait in traits),
        )

    def add(
        self,
        environment: Environment,
        observations: Array,
        actions: Array,
        rewards: Array,
        ended: Array,
    ) -> "Tally":
        """One step more: the observations (N, E, O) it led to, and whether it was an end."""
        alive, slot = self.alive, self.time % LAST_STEPS
        # Kept out of the sums, not multiplied by 0: where an episode is over, states may overflow.
        values = [
            jnp.where(alive, trait.measure(observations, actions), 0).astype(self.returns.dtype)
            for trait in environment.traits
        ]
        return Tally(
            self.time + 1,
            alive & ~ended,
            self.length + alive,
            self.returns + jnp.where(alive, rewards, 0),
            tuple(total + value for total, value in zip(self.sums, values, strict=True)),
            tuple(
                # An episode that is over keeps its last values.
                ()
                if trait.over != "final"
                else window.at[slot].set(jnp.where(alive, value, window[slot]))
                for trait, value, window in zip(environment.traits, values, self.last, strict=True)
            ),
        )

    def goes_on(self, environment: Environment) -> Array:
        """Whether there is anything left to run, a scalar."""
        return (self.time < environment.max_steps) & jnp.any(self.alive)

    def finish(self, environment: Environment) -> tuple[Array, dict[str, Array]]:
        """Fitness (N,), minus the mean return, +inf for NaN; and the traits, each (N,)."""
        fitness = -jnp.mean(self.returns, axis=1)
        traits = {"survival": self.alive.astype(fitness.dtype)}
        for trait, total, window in zip(environment.traits, self.sums, self.last, strict=True):
            traits[trait.name] = self._episodes(trait.over, total, window)
        return jnp.where(jnp.isnan(fitness), jnp.inf, fitness), {
            name: jnp.mean(values, axis=1) for name, values in traits.items()
        }

    def _episodes(self, over: str, total: Array, window: Array) -> Array:
        """A trait of each episode (N, E)."""
        if over == "sum":
            return total
        if over == "mean":
            return total / self.length
        return jnp.sum(window, axis=0) / jnp.minimum(self.length, LAST_STEPS)


class Statistics(NamedTuple):
    """Number, mean and sum of squared deviations of observations.

    Attributes:
        number: of observations that policies have been shown.
        mean: of each, shape (O,).
        squares: sums of squared deviations from the mean, shape (O,).
    """

    number: Array
    mean: Array
    squares: Array

    @classmethod
    def begin(cls, environment: Environment) -> "Statistics":
        """Nothing seen yet."""
        zeros = jnp.zeros(environment.num_inputs)
        return cls(jnp.zeros(()), zeros, zeros)

    def normalizer(self, environment: Environment) -> tuple[Array, Array]:
        """(centre, gain), each (O,): mean and 1 / standard deviation; by ranges at the start."""
        centre, gain = map(jnp.asarray, environment.normalizer())
        std = jnp.sqrt(self.squares / jnp.maximum(self.number, 1))
        seen = self.number > 0
        return (
            jnp.where(seen, self.mean, centre),
            jnp.where(seen, 1 / jnp.maximum(std, LEAST_SCALE / gain), gain),
        )

    def merge(self, number: Array, total: Array, squares: Array) -> "Statistics":
        """With further observations: how many, their sum, and that of their squares.

        Both are of deviations from the mean (from 0 if nothing was seen), so that little is lost
        in float32. Chan, Golub, LeVeque 1983.
        """
        added = jnp.maximum(number, 1)
        shift = total / added
        total_number = self.number + number
        share = number / jnp.maximum(total_number, 1)
        return Statistics(
            total_number,
            self.mean + shift * share,
            self.squares + jnp.maximum(squares - shift * total, 0) + self.number * share * shift**2,
        )

    def ranges(self, environment: Environment) -> Ranges:
        """The same normalisation as fixed ranges of an environment: mean +- sqrt(3) / gain."""
        centre, gain = (np.asarray(part, np.float64) for part in self.normalizer(environment))
        half = np.sqrt(3) / gain
        return tuple(zip((centre - half).tolist(), (centre + half).tolist(), strict=True))

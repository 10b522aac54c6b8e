"""Spatio-temporal patterns: classes that differ in when inputs fire, and in nothing else.

A class is a prototype, one spike an input at a step drawn uniformly from [0, T). A sample is its
prototype with every spike moved by a normal number of steps, kept within [0, T), and some lost. All
classes have the same inputs and the same number of spikes on average: only times tell them apart.

Shape letters: n samples, C classes, I inputs, T steps.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array


@dataclass(frozen=True)
class Patterns:
    """A set of classes.

    Attributes:
        num_classes: C.
        num_inputs: I.
        num_steps: T.
        jitter: standard deviation of a spike's time, steps, >= 0.
        lost: share of spikes that are left out, in [0, 1].
        seed: of the prototypes.

    Raises:
        ValueError: for numbers out of their ranges.
    """

    num_classes: int = 10
    num_inputs: int = 40
    num_steps: int = 32
    jitter: float = 2.0
    lost: float = 0.1
    seed: int = 0

    def __post_init__(self):
        for name in ("num_classes", "num_inputs", "num_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.jitter < 0:
            raise ValueError(f"jitter: expected at least 0, got {self.jitter}")
        if not 0 <= self.lost <= 1:
            raise ValueError(f"lost: expected a share in [0, 1], got {self.lost}")

    @property
    def prototypes(self) -> Array:
        """Steps (C, I), int32."""
        shape = (self.num_classes, self.num_inputs)
        return jax.random.randint(jax.random.key(self.seed), shape, 0, self.num_steps)

    def draw(self, key: Array, number: int) -> tuple[Array, Array]:
        """Samples: steps (n, I) int32, T for a lost spike, and classes (n,) int32.

        Classes come in turn, so that they are equally many.
        """
        key_jitter, key_lost = jax.random.split(key)
        labels = jnp.arange(number, dtype=jnp.int32) % self.num_classes
        shape = (number, self.num_inputs)
        moved = self.prototypes[labels] + self.jitter * jax.random.normal(key_jitter, shape)
        times = jnp.clip(jnp.round(moved), 0, self.num_steps - 1).astype(jnp.int32)
        return jnp.where(
            jax.random.uniform(key_lost, shape) < self.lost, self.num_steps, times
        ), labels

r"""Networks of spiking agents: every neuron learns from itself and one global error.

A neuron fires, y = 1, or not, y = -1, with a probability that is a generalised linear model (GLM)
of the spikes x it received:

    z = kappa w . x,      P(y = 1) = 1 / (1 + exp(-2 z)),      P(y) = 1 / (1 + exp(-2 z y))

Neurons are stacked in layers; the last has one for each action. Each neuron treats its own firing
as an action, so the gradient of its own log-probability is all it needs to know about itself:

    d log P(y) / dw = kappa 2 y / (1 + exp(2 z y)) x = kappa (y - tanh z) x          (1)

The weights change by the rate times the temporal-difference error delta, the same number for all
(`tasks.rl.critics`), times (1), or times its trace e <- gamma lambda e + (1).

**Credit.** With `credit` "own", each neuron's (1) is taken as it is: as the network's draws are all
the randomness behind the action, the sum over neurons is REINFORCE's gradient without bias
(Williams 1992), whatever reads the spikes. With "action", the paper's, neurons that speak for an
action that was *not* chosen take it with the opposite sign if they spiked, and as it is if not: a
good outcome makes them fall silent. Where an action has a module of its own the module's hidden
neurons take its output neuron's sign (ours; the paper's code is known for output neurons only).

**Population coding.** N actors, the same networks with weights of their own, see the same input;
the action is the one with most spikes among all (ties, ours: one at random).

**Modules.** One network for all actions, or one for each.

**Temporal kernels.** With K taps a neuron weighs the last K steps of what it receives, and has no
output before it has seen K of them, so that each layer shortens a spike train by K - 1; the input
is as long as leaves one step at the end (paper: 3 taps, 5 steps, one hidden layer).

Reference: arXiv 1910.06489, "Reinforcement learning with a network of spiking agents", as far as
its abstract and its authors' published code tell. No biases, as there.

Shape letters: N actors, M modules, S steps of a spike train, I inputs of a neuron, O neurons of a
layer in one module, A actions.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from diffevo.core import draws

Weights = tuple[Array, ...]
CREDITS = ("own", "action")


class Layer(NamedTuple):
    """What one layer received and did.

    Attributes:
        inputs: (N or 1, M or 1, S, I); 1 where all actors or modules receive the same.
        drive: z, (N, M, S, O).
        spikes: y, -1 or 1, (N, M, S, O).
    """

    inputs: Array
    drive: Array
    spikes: Array


@dataclass(frozen=True)
class Network:
    """The shape of a network of GLM neurons; hashed by value.

    Args:
        num_inputs: input neurons, >= 1.
        num_actions: A >= 2.
        hidden: O of each hidden layer, of each module; () is none.
        num_actors: N >= 1.
        modular: a module for each action, M = A, else M = 1.
        taps: K >= 1.
        credit: "own" or "action".

    Raises:
        ValueError: for a number below those, and another word.
    """

    num_inputs: int
    num_actions: int
    hidden: tuple[int, ...] = (20,)
    num_actors: int = 10
    modular: bool = False
    taps: int = 1
    credit: str = "action"

    def __post_init__(self):
        least = {"num_inputs": 1, "num_actions": 2, "num_actors": 1, "taps": 1}
        for name, number in least.items():
            if getattr(self, name) < number:
                raise ValueError(f"{name}: expected at least {number}, got {getattr(self, name)}")
        if any(width < 1 for width in self.hidden):
            raise ValueError(f"hidden: expected widths of at least 1, got {self.hidden}")
        if self.credit not in CREDITS:
            raise ValueError(f"credit: expected one of {CREDITS}, got {self.credit!r}")

    @property
    def num_modules(self) -> int:
        """M."""
        return self.num_actions if self.modular else 1

    @property
    def num_steps(self) -> int:
        """Steps of the input: 1 + (layers of weights) (K - 1)."""
        return 1 + (len(self.hidden) + 1) * (self.taps - 1)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each layer's weights, (N, M, O, K * neurons before)."""
        widths = (self.num_inputs, *self.hidden, self.num_actions // self.num_modules)
        return tuple(
            (self.num_actors, self.num_modules, after, self.taps * before)
            for before, after in itertools.pairwise(widths)
        )

    @property
    def spike_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each layer's spikes, (N, M, S, O)."""
        return tuple(
            (actors, modules, self.num_steps - (number + 1) * (self.taps - 1), width)
            for number, (actors, modules, width, _) in enumerate(self.shapes)
        )

    @property
    def num_weights(self) -> int:
        """Weights in all."""
        return sum(map(math.prod, self.shapes))

    def draw_weights(self, key: Array, spread: Array | float) -> Weights:
        """Weights N(0, spread^2 / I), I inputs of a neuron."""
        words = draws.draw(key, *self.shapes)
        return tuple(
            spread / math.sqrt(word.shape[-1]) * draws.normal(word, jnp.dtype(jnp.float32))
            for word in words
        )

    def fire(
        self, weights: Weights, inputs: Array, luck: Sequence[Array], gain: Array | float
    ) -> tuple[Layer, ...]:
        """Let all layers fire once.

        Args:
            weights: of `shapes`.
            inputs: spike trains or numbers, (`num_steps`, `num_inputs`).
            luck: uniform in [0, 1), of `spike_shapes`: a neuron fires where it is below P(y = 1).
            gain: kappa.

        Raises:
            ValueError: for inputs of another shape.
        """
        if inputs.shape != (self.num_steps, self.num_inputs):
            raise ValueError(
                f"inputs: expected shape ({self.num_steps}, {self.num_inputs}), got {inputs.shape}"
            )
        spikes, layers = inputs[None, None], []
        for matrix, uniform in zip(weights, luck, strict=True):
            length = uniform.shape[2]
            seen = jnp.concatenate(
                [spikes[..., tap : tap + length, :] for tap in range(self.taps)], axis=-1
            )
            everywhere = jnp.broadcast_to(seen, (*matrix.shape[:2], *seen.shape[2:]))
            drive = gain * jnp.einsum("nmoi,nmsi->nmso", matrix, everywhere)
            spikes = jnp.where(uniform < jax.nn.sigmoid(2 * drive), 1.0, -1.0)
            layers.append(Layer(seen, drive, spikes))
        return tuple(layers)

    def votes(self, layers: tuple[Layer, ...]) -> Array:
        """How many output neurons fired for each action, (A,), in [0, N]."""
        return jnp.sum((layers[-1].spikes + 1) / 2, axis=(0, 2)).reshape(self.num_actions)

    def eligibilities(
        self, layers: tuple[Layer, ...], action: Array, gain: Array | float
    ) -> Weights:
        """What each weight is changed by for a TD error of 1 at a rate of 1: (1), by `credit`.

        Args:
            layers: from `fire`.
            action: that was chosen, an integer in [0, A).
            gain: kappa.
        """
        if self.credit == "action":
            chosen = jax.nn.one_hot(action, self.num_actions)
            chosen = chosen.reshape(self.num_modules, 1, -1)  # (M, 1, O) of the output layer
            outputs = jnp.where(chosen == 1, 1.0, -layers[-1].spikes)
            hidden = outputs if self.modular else jnp.ones(())
            signs = [hidden] * len(self.hidden) + [outputs]
        else:
            signs = [jnp.ones(())] * len(layers)
        changes = []
        for (inputs, drive, spikes), sign in zip(layers, signs, strict=True):
            score = gain * sign * (spikes - jnp.tanh(drive))  # (1), without the inputs
            everywhere = jnp.broadcast_to(inputs, (*score.shape[:2], *inputs.shape[2:]))
            changes.append(jnp.einsum("nmso,nmsi->nmoi", score, everywhere))
        return tuple(changes)

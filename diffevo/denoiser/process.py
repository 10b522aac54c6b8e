r"""The diffusion that a network learns to reverse: pairs to train on, and samplers.

With a = sqrt(alpha), s = sqrt(1 - alpha) a clean genome x0 and noise eps make x = a x0 + s eps and
the velocity v = a eps - s x0, from which x0 = a x - s v and eps = s x + a v. For unit-Gaussian data
the best guess of v is zero, so every prediction is learned as a correction to that guess, and is
then v times a factor of the level alone:

| prediction | the network's output F approximates | F / v |
|---|---|---|
| "eps" | eps - s x | a |
| "x0" | a x - x0 | s |
| "v" | v | 1 |
| "flow" | (eps - x0) - (s - a) x, rectified flow's velocity | a + s |

So they differ in how the loss |F - target|^2 weighs the levels, and a straight path
y_t = (1 - t) x0 + t eps is x / (a + s) at t = s / (a + s): an Euler step of the flow is a DDIM step
without noise, and one sampler serves both.

References:
    Song, Meng, Ermon. Denoising Diffusion Implicit Models. arXiv 2010.02502.
    Salimans, Ho. Progressive Distillation (v-prediction). arXiv 2202.00512.
    Liu, Gong, Liu. Flow Straight and Fast (rectified flow). arXiv 2209.03003.
    Karras et al. Elucidating the Design Space (Heun's method). arXiv 2206.00364.

Shape letters: n rows, D dimensions, S steps.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from diffevo.core import ddim
from diffevo.core.noise import standard_normal

Prediction = Literal["eps", "x0", "v", "flow"]
Sampler = Literal["ddim", "heun"]
# From noisy genomes (n, D) and their level () to estimated origins (n, D).
Estimate = Callable[[Array, Array], Array]


def level(alphas: Array, time: ArrayLike) -> Array:
    """Alpha at any time in [0, 1], 1 noise and 0 clean: linear between a schedule's boundaries."""
    num_steps = alphas.shape[0] - 1
    place = (1.0 - jnp.clip(jnp.asarray(time, alphas.dtype), 0.0, 1.0)) * num_steps
    below = jnp.minimum(place.astype(jnp.int32), num_steps - 1)
    share = place - below.astype(alphas.dtype)
    return (1.0 - share) * alphas[below] + share * alphas[below + 1]


def boundaries(alphas: Array, num_steps: int, start: ArrayLike = 1.0) -> Array:
    """Levels of S evenly spaced steps from time `start` to the clean end, shape (S + 1,).

    The last one is 1: the sample that is handed out is the last estimated origin, without the
    residual noise at a schedule's end.
    """
    start = jnp.asarray(start, alphas.dtype)
    times = start * jnp.linspace(1.0, 0.0, num_steps + 1, dtype=alphas.dtype)
    return level(alphas, times).at[-1].set(1.0)


def _factor(prediction: Prediction, alpha: Array) -> Array:
    signal, noise = jnp.sqrt(alpha), jnp.sqrt(1.0 - alpha)
    match prediction:
        case "eps":
            return signal
        case "x0":
            return noise
        case "v":
            return jnp.ones_like(alpha)
        case "flow":
            return signal + noise
    raise ValueError(f"prediction: expected 'eps', 'x0', 'v' or 'flow', got {prediction!r}")


def training_pair(
    prediction: Prediction, x0: Array, noise: Array, alpha: Array
) -> tuple[Array, Array]:
    """What the network sees and what it shall say.

    Args:
        prediction: what is learned, see the module's table.
        x0: clean standardised genomes, shape (n, D).
        noise: standard normal draws, shape (n, D).
        alpha: level of every row, shape (n,), in (0, 1).

    Returns:
        (x, target), each (n, D); the target of an output of zero is the unit-Gaussian guess.
    """
    signal, rest = jnp.sqrt(alpha)[:, None], jnp.sqrt(1.0 - alpha)[:, None]
    velocity = signal * noise - rest * x0
    return signal * x0 + rest * noise, _factor(prediction, alpha)[:, None] * velocity


def estimate_x0(
    prediction: Prediction, output: Array, x: Array, alpha: Array, limit: Array | float
) -> Array:
    """The origin that a network's output stands for, clamped to [-limit, limit].

    Args:
        prediction: what the network was trained for.
        output: shape (n, D).
        x: what it saw, shape (n, D).
        alpha: its level, a scalar in (0, 1).
        limit: > 0, in standard deviations of the data.

    Returns:
        Estimated origins, shape (n, D).
    """
    share = jnp.sqrt(1.0 - alpha) / _factor(prediction, alpha)
    return jnp.clip(jnp.sqrt(alpha) * x - share * output, -limit, limit)


def denoise(
    estimate: Estimate, keys: Array, x: Array, alphas: Array, noise_scale: ArrayLike
) -> Array:
    """Sample by DDIM (noise_scale 0; for a flow: Euler) to DDPM (1), one scan over the levels.

    Args:
        estimate: from (x, alpha) to the origin.
        keys: a random key for each step, (S,), consumed.
        x: noisy genomes at alphas[0], shape (n, D).
        alphas: levels, increasing, shape (S + 1,); any subsequence of a schedule.
        noise_scale: see `diffevo.core.ddim.reverse_step`.

    Returns:
        Genomes at level alphas[S], shape (n, D).
    """

    def step(x: Array, inputs: tuple[Array, Array, Array]) -> tuple[Array, None]:
        alpha, alpha_next, key = inputs
        noise = standard_normal(key, x.shape, x.dtype)
        x0 = estimate(x, alpha)
        return ddim.reverse_step(x, x0, alpha, alpha_next, noise, noise_scale), None

    return jax.lax.scan(step, x, (alphas[:-1], alphas[1:], keys))[0]


def heun(estimate: Estimate, x: Array, alphas: Array) -> Array:
    r"""Sample without noise by Heun's second-order steps along the straight path, in one scan.

    With y = x / (a + s) and t = s / (a + s), dy/dt = (y - x0(y, t)) / t; the slope of a step is the
    mean of those at its two ends. Two network calls a step.

    Args:
        estimate: from (x, alpha) to the origin.
        x: noisy genomes at alphas[0], shape (n, D).
        alphas: levels, increasing, shape (S + 1,).

    Returns:
        Genomes at level alphas[S], shape (n, D).
    """
    scales = jnp.sqrt(alphas) + jnp.sqrt(1.0 - alphas)
    times = jnp.sqrt(1.0 - alphas) / scales

    def slope(y: Array, time: Array, scale: Array, alpha: Array) -> Array:
        # At the clean end the path has arrived: 0 / 0 becomes 0.
        origin = estimate(scale * y, alpha)
        return jnp.where(time > 0, (y - origin) / jnp.where(time > 0, time, 1.0), 0.0)

    def step(y: Array, inputs: tuple[tuple[Array, ...], tuple[Array, ...]]) -> tuple[Array, None]:
        (time, scale, alpha), (time_next, scale_next, alpha_next) = inputs
        first = slope(y, time, scale, alpha)
        euler = y + (time_next - time) * first
        second = slope(euler, time_next, scale_next, alpha_next)
        both = jnp.where(time_next > 0, (first + second) / 2.0, first)
        return y + (time_next - time) * both, None

    rows = (times, scales, alphas)
    pairs = tuple(row[:-1] for row in rows), tuple(row[1:] for row in rows)
    y, _ = jax.lax.scan(step, x / scales[0], pairs)
    return y * scales[-1]


def sample(
    estimate: Estimate,
    keys: Array,
    x: Array,
    alphas: Array,
    sampler: Sampler,
    noise_scale: ArrayLike,
) -> Array:
    """`denoise` or `heun`, by name."""
    if sampler == "heun":
        return heun(estimate, x, alphas)
    return denoise(estimate, keys, x, alphas, noise_scale)


def mutate(x0: Array, alphas: Array, time: ArrayLike, noise: Array) -> Array:
    """The forward process as mutation: clean genomes noised to `time`; time 0 changes nothing.

    Args:
        x0: standardised genomes, shape (n, D).
        alphas: a schedule.
        time: in [0, 1]; any fraction counts, however small.
        noise: standard normal draws, shape (n, D).

    Returns:
        Noisy genomes, shape (n, D).
    """
    return ddim.forward(x0, alphas[-1], level(alphas, time), noise)

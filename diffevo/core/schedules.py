r"""Noise schedules: the signal level alpha at the T + 1 boundaries of T generations.

The forward process is x_t = sqrt(alpha_t) x_0 + sqrt(1 - alpha_t) eps. Every schedule is in
generation order: ``alphas[0]`` is close to 0 (noise), ``alphas[T]`` close to 1 (clean), and
generation g moves from ``alphas[g]`` to ``alphas[g + 1]``; so T generations make T moves. They
increase; of many thousands, neighbours at either end may round to the same number.

The papers index the same values the other way round, t = T .. 0.

References:
    Zhang, Hartl, Hazan, Levin. Diffusion Models are Evolutionary Algorithms. arXiv 2410.02543.
    Song, Meng, Ermon. Denoising Diffusion Implicit Models. arXiv 2010.02502 (subsequences).
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

Schedule = Callable[[int], Array]


def _check_num_generations(num_generations: int, name: str = "num_generations") -> None:
    is_int = isinstance(num_generations, int | np.integer) and not isinstance(num_generations, bool)
    if not is_int or num_generations < 1:
        raise ValueError(f"{name}: expected an int >= 1, got {num_generations!r}")


def cosine(num_generations: int) -> Array:
    r"""Half a cosine wave from noise to clean: alpha = (1 - cos(pi g / T)) / 2, kept off 0 and 1.

    The published schedule: with a = (1 - cos(pi g / T)) / 2 and e = 1e-3,
    alpha = (a + e) (1 - e) / (1 + e), which runs from about 0.001 to 0.999. It is the best of
    the three published ones at 25 generations or fewer, and the default.

    Args:
        num_generations: T >= 1.

    Returns:
        alphas, shape (T + 1,), increasing.

    Raises:
        ValueError: num_generations is not an int >= 1.

    Reference: arXiv 2410.02543, section 4 and the authors' cosine schedule.
    """
    _check_num_generations(num_generations)
    margin = 1e-3
    wave = (1.0 - np.cos(np.linspace(0.0, np.pi, num_generations + 1))) / 2.0
    return jnp.asarray((wave + margin) * (1.0 - margin) / (1.0 + margin), dtype=float)


def linear(num_generations: int) -> Array:
    r"""Alpha grows linearly from 1e-8 to 1 - 1e-4.

    Args:
        num_generations: T >= 1.

    Returns:
        alphas, shape (T + 1,), increasing.

    Raises:
        ValueError: num_generations is not an int >= 1.

    Reference: arXiv 2410.02543, the authors' "DDIM" schedule.
    """
    _check_num_generations(num_generations)
    margin = 1e-4
    return jnp.asarray(np.linspace(margin**2, 1.0 - margin, num_generations + 1), dtype=float)


def ddpm(num_generations: int) -> Array:
    r"""DDPM's linear-beta schedule in closed form: log alpha is quadratic in time.

    alpha(t) = exp(-b t - c t^2) for n = T + 1 times t = 1/n .. 1, with b and c such that
    alpha(1/n) = 1 - 1e-4 and alpha(1) = 1e-4. From T = 92,103 on c = 0, and alpha(1/n) is closer to
    1: with more steps the betas would have to fall, and in the end be negative.

    Args:
        num_generations: T >= 1.

    Returns:
        alphas, shape (T + 1,), increasing.

    Raises:
        ValueError: num_generations is not an int >= 1.

    Reference: Ho, Jain, Abbeel, arXiv 2006.11239; arXiv 2410.02543 for the closed form.
    """
    _check_num_generations(num_generations)
    margin = 1e-4
    n = num_generations + 1
    first, last = np.log1p(-margin), np.log(margin)  # log alpha at t = 1/n and at t = 1
    c = max(n * (n * first - last) / (n - 1), 0.0)
    b = -last - c
    t = np.linspace(1.0, 1.0 / n, n)
    return jnp.asarray(np.exp(-b * t - c * t**2), dtype=float)


def geometric(num_generations: int, sigma_max: float = 30.0, sigma_min: float = 0.03) -> Array:
    r"""Noise-to-signal ratio sigma = sqrt((1 - alpha) / alpha) falls by a constant factor.

    sigma_g = sigma_max (sigma_min / sigma_max)^(g / T), alpha = 1 / (1 + sigma^2): equal time is
    spent on every scale of the landscape.

    Args:
        num_generations: T >= 1.
        sigma_max: ratio at generation 0, > sigma_min.
        sigma_min: ratio at the end, > 0.

    Returns:
        alphas, shape (T + 1,), increasing.

    Raises:
        ValueError: num_generations is not an int >= 1, or not 0 < sigma_min < sigma_max.

    Reference: Song, Ermon, arXiv 1907.05600 (geometric noise levels).
    """
    _check_num_generations(num_generations)
    if not 0.0 < sigma_min < sigma_max < np.inf:
        raise ValueError(
            "sigma_min, sigma_max: expected 0 < sigma_min < sigma_max, "
            f"got sigma_min={sigma_min}, sigma_max={sigma_max}"
        )
    sigmas = np.geomspace(sigma_max, sigma_min, num_generations + 1)
    return jnp.asarray(1.0 / (1.0 + sigmas**2), dtype=float)


def subsequence(
    alphas: Array, num_generations: int | None = None, *, indices: Sequence[int] | None = None
) -> Array:
    """Accelerated sampling: keep some boundaries of a longer schedule, in their order.

    DDIM's update needs nothing but the two alphas between which it moves, so any increasing
    sub-sequence of a schedule is a schedule.

    Args:
        alphas: schedule of S generations, shape (S + 1,).
        num_generations: T <= S: T + 1 evenly spaced boundaries, both ends kept.
        indices: instead of num_generations: which boundaries to keep, strictly increasing.

    Returns:
        The shorter schedule.

    Raises:
        ValueError: neither or both of num_generations and indices are given, or they do not fit.

    Reference: arXiv 2010.02502, section 4.2.
    """
    num_steps = alphas.shape[0] - 1
    if (num_generations is None) == (indices is None):
        raise ValueError("subsequence: expected exactly one of num_generations and indices")
    if num_generations is not None:
        _check_num_generations(num_generations)
        if num_generations > num_steps:
            raise ValueError(
                f"num_generations: expected at most the schedule's {num_steps} steps, "
                f"got {num_generations}"
            )
        chosen = np.round(np.linspace(0, num_steps, num_generations + 1)).astype(int)
    else:
        chosen = np.asarray(indices)
        whole = chosen.ndim == 1 and len(chosen) >= 2 and np.issubdtype(chosen.dtype, np.integer)
        increasing = whole and bool(np.all(np.diff(chosen) > 0))
        if not increasing or chosen[0] < 0 or chosen[-1] > num_steps:
            raise ValueError(
                "indices: expected at least two strictly increasing integers in "
                f"[0, {num_steps}], got {indices!r}"
            )
    return alphas[chosen]


SCHEDULES: dict[str, Schedule] = {
    "cosine": cosine,
    "linear": linear,
    "ddpm": ddpm,
    "geometric": geometric,
}


def build(
    schedule: str | Schedule, num_generations: int, num_schedule_steps: int | None = None
) -> Array:
    """Build a schedule from its name or function, thinned to num_generations if it is longer.

    Args:
        schedule: a name in ``SCHEDULES`` or a function of the number of generations.
        num_generations: T >= 1.
        num_schedule_steps: S >= T: build S steps, keep T of them (`subsequence`). None: S = T.

    Returns:
        alphas, shape (T + 1,).

    Raises:
        ValueError: unknown name, or a schedule that is not T + 1 numbers in (0, 1].
    """
    if isinstance(schedule, str):
        if schedule not in SCHEDULES:
            raise ValueError(f"schedule: expected one of {sorted(SCHEDULES)}, got {schedule!r}")
        schedule = SCHEDULES[schedule]
    if not callable(schedule):
        raise ValueError(f"schedule: expected a name or a function of T, got {schedule!r}")
    _check_num_generations(num_generations)
    steps = num_generations
    if num_schedule_steps is not None:
        steps = num_schedule_steps
        _check_num_generations(steps, "num_schedule_steps")
        if steps < num_generations:
            raise ValueError(
                f"num_schedule_steps: expected at least num_generations={num_generations}, "
                f"got {steps}"
            )
    # A schedule is made of static numbers only: evaluate it now even inside somebody's jit.
    with jax.ensure_compile_time_eval():
        alphas = schedule(steps)
        if alphas.shape != (steps + 1,):
            raise ValueError(
                f"schedule: expected alphas of shape ({steps + 1},), got {alphas.shape}"
            )
        values = np.asarray(alphas)
        # Neighbours may be equal: float32 does not tell those of a very long schedule apart, and a
        # step between them moves nothing.
        increasing = np.all(np.diff(values) >= 0) and values[0] < values[-1]
        if not (np.all(values > 0) and np.all(values <= 1) and increasing):
            raise ValueError(f"schedule: expected alphas increasing within (0, 1], got {values}")
        return alphas if steps == num_generations else subsequence(alphas, num_generations)

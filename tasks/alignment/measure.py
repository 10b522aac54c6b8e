r"""How much the goals of a population conflict: counted by goal, not by pair.

In a problem area agent i has a goal g_i in 0, ..., k, of which 0 is "no goal", and a weight w_i in
[0, 1]; C[a, b] in [0, 1] says how much two goals conflict: symmetric, 0 on the diagonal and in the
row of "no goal". With m a mean of two weights,

    M = 2 / (n (n - 1)) sum_{i<j} C[g_i, g_j] m(w_i, w_j),

and the misalignment over several areas is the mean of theirs. M is also the mean over the agents of
their *strain*, the conflict of one agent with all others,

    S_i = 1 / (n - 1) sum_{j != i} C[g_i, g_j] m(w_i, w_j),

which is what is computed here, in O(n k), as for each of the means the sum over j only needs sums
over the agents of a goal (of those before and after i in the order of the weights for min and max).

Shape letters: n agents, P problem areas, k goals beside "no goal", Q nodes.

Reference: Kierans, Ghosh, Hazan, Dori-Hacohen. Quantifying Misalignment Between Agents: Towards a
Sociotechnical Understanding of Alignment. arXiv 2406.04231 (AAAI 2025). Strain and the sums by goal
are ours.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

MEANS = ("geometric", "arithmetic", "harmonic", "min", "max", "none")

# 1 / z = integral of exp(s - z e^s) ds over all s, by the trapezoidal rule, whose error falls as
# exp(-pi^2 / step): 1e-8. What lies beyond these ends is below 1e-7 for weights in [0, 1].
_STEP = 0.5
_NODES = np.exp(np.arange(-17.0, 19.5, _STEP))


def strain(goals: Array, weights: Array, conflict: Array, mean: str = "geometric") -> Array:
    """The conflict of each agent with all others in one problem area, traceable.

    Args:
        goals: integers in [0, k], 0 is "no goal", shape (n,).
        weights: in [0, 1], shape (n,).
        conflict: in [0, 1], symmetric, zero in the diagonal, the first row and column, shape
            (k + 1, k + 1).
        mean: of two weights: one of ``MEANS``; "none" takes 1 for it.

    Returns:
        S, shape (n,), in [0, 1]; 0 for an agent who is alone. Of the harmonic mean exact to 1e-7.

    Raises:
        ValueError: for another mean, or shapes that do not fit.
    """
    _check_shapes(goals, weights, conflict, num_axes=1)
    if mean not in MEANS:
        raise ValueError(f"mean: expected one of {MEANS}, got {mean!r}")
    held = jax.nn.one_hot(goals, conflict.shape[0], dtype=weights.dtype)
    faced = held @ conflict  # (n, k + 1), C[g_i]
    if mean == "none":
        sums = faced @ jnp.sum(held, axis=0)
    elif mean == "geometric":
        roots = jnp.sqrt(weights)
        sums = roots * (faced @ (roots @ held))
    elif mean == "harmonic":
        sums = _harmonic(weights, held, faced)
    else:
        twice = weights * (faced @ jnp.sum(held, axis=0)) + faced @ (weights @ held)
        if mean == "arithmetic":
            sums = twice / 2
        else:
            smaller = _smaller(weights, held, faced)
            sums = smaller if mean == "min" else twice - smaller
    return sums / max(goals.shape[0] - 1, 1)


def _harmonic(weights: Array, held: Array, faced: Array) -> Array:
    """Sums (n,) over j of C[g_i, g_j] 2 w_i w_j / (w_i + w_j)."""

    def node(total: Array, rate: Array) -> tuple[Array, None]:
        decayed = weights * jnp.exp(-rate * weights)
        return total + rate * decayed * (faced @ (decayed @ held)), None

    rates = jnp.asarray(_NODES, weights.dtype)
    total, _ = jax.lax.scan(node, jnp.zeros_like(weights), rates)
    return 2 * _STEP * total


def _smaller(weights: Array, held: Array, faced: Array) -> Array:
    """Sums (n,) over j of C[g_i, g_j] min(w_i, w_j)."""
    order = jnp.argsort(weights)
    weights, held, faced = weights[order], held[order], faced[order]
    after = jnp.sum(held, axis=0) - jnp.cumsum(held, axis=0)
    before = jnp.cumsum(weights[:, None] * held, axis=0)
    # Agent i itself is in `before`, where its goal does not conflict with itself.
    sums = jnp.sum(faced * (weights[:, None] * after + before), axis=1)
    return jnp.zeros_like(sums).at[order].set(sums)


@functools.partial(jax.jit, static_argnames=("mean", "rescaled"))
def misalignment_of(
    goals: Array, weights: Array, conflict: Array, mean: str = "geometric", rescaled: bool = False
) -> Array:
    """`misalignment` without checks of the values: traceable, so it vmaps and scans."""
    per_agent = functools.partial(strain, mean=mean)
    value = jnp.mean(jax.vmap(per_agent)(goals, weights, conflict))
    num_goals = conflict.shape[-1] - 1
    return value * num_goals / (num_goals - 1) if rescaled else value


def misalignment(
    goals: ArrayLike,
    weights: ArrayLike | None = None,
    conflict: ArrayLike | None = None,
    *,
    mean: str = "geometric",
    rescaled: bool = False,
) -> Array:
    """The misalignment of a population, over one or several problem areas.

    Args:
        goals: integers, 0 is "no goal", shape (n,), or (P, n) for P areas.
        weights: in [0, 1], of the same shape; None is 1 for all.
        conflict: shape (k + 1, k + 1), or (P, k + 1, k + 1) where areas differ; None is 1 between
            any two of as many goals as occur (`full_conflict`).
        mean: of two weights: one of ``MEANS``.
        rescaled: multiply by k / (k - 1), so that k goals held by equally many are at 1.

    Returns:
        M in [0, 1], a scalar; 0 for a single agent.

    Raises:
        ValueError: a shape does not fit, a value is out of its range, or ``rescaled`` with k < 2.

    Example:
        >>> float(misalignment([1, 1, 2]))
        0.6666666865348816
    """
    goals = np.atleast_2d(np.asarray(goals))
    if not np.issubdtype(goals.dtype, np.integer) or goals.size == 0:
        raise ValueError(
            f"goals: expected at least one integer, got shape {goals.shape} of {goals.dtype}"
        )
    weights = np.ones(goals.shape) if weights is None else np.atleast_2d(np.asarray(weights))
    conflict = full_conflict(int(goals.max())) if conflict is None else np.asarray(conflict)
    check_conflict(conflict)
    conflict = np.broadcast_to(conflict, (goals.shape[0], *conflict.shape[-2:]))
    _check_shapes(goals, weights, conflict, num_axes=2)
    num_goals = conflict.shape[-1] - 1
    if goals.min() < 0 or goals.max() > num_goals:
        raise ValueError(
            f"goals: expected integers in [0, {num_goals}], the size of conflict, got "
            f"{goals.min()} to {goals.max()}"
        )
    if not np.all((weights >= 0) & (weights <= 1)):
        raise ValueError(
            f"weights: expected numbers in [0, 1], got {weights.min()} to {weights.max()}"
        )
    if rescaled and num_goals < 2:
        raise ValueError(f"rescaled: expected at least 2 goals, got {num_goals}")
    if mean not in MEANS:
        raise ValueError(f"mean: expected one of {MEANS}, got {mean!r}")
    dtype = jnp.result_type(float)
    return misalignment_of(
        jnp.asarray(goals),
        jnp.asarray(weights, dtype),
        jnp.asarray(conflict, dtype),
        mean,
        rescaled,
    )


def full_conflict(num_goals: int) -> np.ndarray:
    """1 between any two goals, 0 with "no goal": shape (k + 1, k + 1)."""
    conflict = 1.0 - np.eye(num_goals + 1)
    conflict[0] = conflict[:, 0] = 0.0
    return conflict


def check_conflict(conflict: np.ndarray) -> None:
    """Raise ValueError unless it is a conflict matrix (..., k + 1, k + 1) with "no goal" first."""
    if conflict.ndim < 2 or conflict.shape[-1] != conflict.shape[-2]:
        raise ValueError(f"conflict: expected square matrices, got shape {conflict.shape}")
    if not np.all((conflict >= 0) & (conflict <= 1)):
        raise ValueError(
            f"conflict: expected numbers in [0, 1], got {conflict.min()} to {conflict.max()}"
        )
    if np.any(conflict != np.swapaxes(conflict, -1, -2)):
        raise ValueError("conflict: expected symmetric matrices, got one that is not")
    if np.any(np.diagonal(conflict, axis1=-2, axis2=-1)):
        raise ValueError("conflict: expected 0 on the diagonal, got a goal against itself")
    if np.any(conflict[..., 0, :]):
        raise ValueError('conflict: expected 0 in row 0, which is "no goal", got another number')


def _check_shapes(
    goals: Array | np.ndarray,
    weights: Array | np.ndarray,
    conflict: Array | np.ndarray,
    num_axes: int,
) -> None:
    if goals.ndim != num_axes:
        raise ValueError(f"goals: expected {num_axes} axes, got shape {goals.shape}")
    if weights.shape != goals.shape:
        raise ValueError(f"weights: expected shape {goals.shape} as goals, got {weights.shape}")
    if conflict.ndim != num_axes + 1 or conflict.shape[-1] != conflict.shape[-2]:
        raise ValueError(f"conflict: expected a square matrix an area, got {conflict.shape}")

r"""The posterior mean x0: where every member's noise-free origin lies. The project's hot spot.

    x0_i = sum_j w_ij x_j,   w_ij proportional to g_j N(x_i; sqrt(alpha) x_j, (1 - alpha) I)

(arXiv 2410.02543, eq. 8 and 9; eq. 12 with the kernel in latent coordinates z = E x), which is
attention: queries, keys and values are the population, and the weights are a softmax. Completing
the square splits the logit into a symmetric part and parts of j and of i alone,

    log w_ij = l_j - s |z_i - z_j|^2 - (terms of i alone, which cancel),
    s = sqrt(alpha) / (2 (1 - alpha)),
    l_j = log g_j + sqrt(alpha) / (2 (1 + sqrt(alpha))) |z_j|^2,

so that nothing of size 1 / (1 - alpha) is subtracted, distances may be taken about the centroid,
and the kernel between two blocks of members serves both. Three ways to sum, all O(N D) in memory
plus one block:

* by rows: a softmax over the keys for a block of queries at a time. Always applies.
* under one global shift of the exponents, which the symmetric form allows, since a member's kernel
  with itself is 1: no pass for the maxima (d <= 3), or every pair of blocks once, with half the
  distances and exponentials, and tiles without influence skipped (d <= 512). Rows whose sum is then
  too thin to trust are summed again by rows.
* by grid (d <= 3; by itself only for large populations with d <= 2): O(N + cells), an
  approximation; see `_sum_by_grid`.

Shape letters: N population, D genome dimensions, d kernel dimensions (D, or latent), M anchors.
"""

import math
from collections.abc import Callable
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

Method = Literal["auto", "exact", "grid"]

# Below this many kernel dimensions differences cost less than a matrix product, and lose nothing
# to cancellation.
_DIRECT_DIMS = 3
# Beyond this many, l_j spreads so widely (std sqrt(d / 8)) that the global shift serves few rows.
_TILE_DIMS = 512
_TILE = 512  # a float32 tile of this edge fits the 1 MiB of cache that a core has to itself
_ROW_BLOCK_ELEMENTS = 2**20
_LOG2_E = 1.0 / math.log(2.0)
# A row whose sum falls below this, relative to the largest possible term, is summed again: its
# lost terms (each below 1e-38) might count.
_THIN = 1e-25
# A tile is skipped if its terms together stay below this share of every row's own term.
_NEGLIGIBLE = 2.0**-26

_GRID_CELLS = {1: 4096, 2: 768, 3: 128}
_GRID_MIN_MEMBERS, _GRID_AUTO_DIMS, _GRID_AUTO_VALUES = 16384, 2, 8
_GRID_MAX_SPACING = 0.354  # in units where the kernel is exp(-r^2): half a standard deviation


def _is_int(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_options(
    population_size: int,
    num_kernel_dims: int,
    method: str,
    num_anchors: int | None,
    block_size: int | None,
) -> None:
    """Raise ValueError unless the options of `estimate_x0` make sense together."""
    if method not in get_args(Method):
        raise ValueError(f"method: expected one of {get_args(Method)}, got {method!r}")
    if method == "grid" and num_kernel_dims not in _GRID_CELLS:
        raise ValueError(
            f"method: expected 'auto' or 'exact' beyond {max(_GRID_CELLS)} kernel dimensions, "
            f"got 'grid' with {num_kernel_dims}"
        )
    if num_anchors is not None and not (
        _is_int(num_anchors) and 1 <= num_anchors <= population_size
    ):
        raise ValueError(
            f"num_anchors: expected an int in [1, population_size={population_size}] or None, "
            f"got {num_anchors!r}"
        )
    if num_anchors is not None and method == "grid":
        raise ValueError(f"num_anchors: expected None with method='grid', got {num_anchors}")
    if block_size is not None and not (_is_int(block_size) and block_size >= 1):
        raise ValueError(f"block_size: expected an int >= 1 or None, got {block_size!r}")


def estimate_x0(
    population: Array,
    log_weights: Array,
    alpha: ArrayLike,
    *,
    latent: Array | None = None,
    anchors: Array | None = None,
    method: Method = "auto",
    block_size: int | None = None,
) -> Array:
    r"""Fitness-weighted posterior mean of every member's origin.

    Args:
        population: x, shape (N, D), finite.
        log_weights: log g, shape (N,), maximum 0 (`diffevo.core.weighting.settle`); -inf never
            attracts.
        alpha: signal level of the population, in (0, 1).
        latent: z, shape (N, d): where distances are measured. None: z = x.
        anchors: indices, shape (M,), distinct: sum over these members instead of all, each
            standing for (N - 1) / M others, and over the member itself. Unbiased for numerator
            and denominator if the anchors are a uniform sample. None: all.
        method: "exact"; "grid": approximate, d <= 3, sub-quadratic; "auto": the grid where it is
            a hundred times faster, N >= 16384 with d <= 2 and D <= 8, else exact.
        block_size: rows handled at a time; None chooses.

    Returns:
        x0, shape (N, D): convex combinations of the population. In float32 the weights carry a
        relative error of about 1e-7 |z - centroid|^2 / (1 - alpha) beyond 3 kernel dimensions,
        where distances come from a product: nothing for a population that is as wide as its noise,
        but within tight clusters far apart late in a schedule it can reach a per cent.

    Reference: arXiv 2410.02543, eq. 8, 9 and 12.
    """
    num_anchors = None if anchors is None else anchors.shape[0]
    num_kernel_dims = (population if latent is None else latent).shape[1]
    check_options(population.shape[0], num_kernel_dims, method, num_anchors, block_size)
    alpha = jnp.asarray(alpha, population.dtype)
    coordinates = population if latent is None else latent
    root = jnp.sqrt(alpha)
    # Coordinates in which the kernel is 2^(-|y_i - y_j|^2), about the centroid: late in a run the
    # clusters are small and far from the origin.
    scale = jnp.sqrt(_LOG2_E * root / (2.0 * (1.0 - alpha)))
    y = (coordinates - jnp.mean(coordinates, axis=0, keepdims=True)) * scale
    log2_weights = _LOG2_E * (
        log_weights + root / (2.0 * (1.0 + root)) * jnp.sum(coordinates**2, axis=1)
    )
    log2_weights = log2_weights - jnp.max(log2_weights)

    if anchors is not None:
        return _sum_by_rows(y, population, log2_weights, anchors=anchors, block_size=block_size)
    worth_a_grid = (
        population.shape[0] >= _GRID_MIN_MEMBERS
        and num_kernel_dims <= _GRID_AUTO_DIMS
        and population.shape[1] <= _GRID_AUTO_VALUES
    )
    if method == "grid" or (method == "auto" and worth_a_grid):
        return _sum_by_grid(y, population, log2_weights, block_size=block_size)
    if num_kernel_dims <= _DIRECT_DIMS:
        return _sum_by_shifted_rows(y, population, log2_weights, block_size=block_size)
    if num_kernel_dims <= _TILE_DIMS:
        return _sum_by_tiles(y, population, log2_weights, block_size=block_size)
    return _sum_by_rows(y, population, log2_weights, block_size=block_size)


def _exp2(exponent: Array) -> Array:
    """2^exponent for exponents <= 0; below 2^-126 it stays there: 1e-38 instead of 0.

    XLA's exp spends half of its time on cases that do not occur here; in place on a CPU this one is
    1.4 to 2 times faster. The fraction's power is a polynomial, relative error below 1e-7; the
    integer part is added to the exponent bits. Sums are about 1 or checked not to be thin, so that
    1e-38 for a failed member means nothing.
    """
    if exponent.dtype != jnp.float32 or jax.default_backend() != "cpu":
        return jnp.exp2(exponent)
    clipped = jnp.maximum(exponent, -126.0)
    floor = jnp.floor(clipped)
    fraction = clipped - floor
    power = jnp.full_like(fraction, _EXP2_COEFFICIENTS[0])
    for coefficient in _EXP2_COEFFICIENTS[1:]:
        power = power * fraction + jnp.float32(coefficient)
    bits = lax.bitcast_convert_type(power, jnp.int32) + (floor.astype(jnp.int32) << 23)
    return lax.bitcast_convert_type(bits, jnp.float32)


# 2^f on [0, 1], highest power first: interpolated at the Chebyshev nodes, rounded to float32.
_EXP2_COEFFICIENTS = (
    0.00021865784947294742,
    0.0012391331838443875,
    0.009684186428785324,
    0.055480629205703735,
    0.24023045599460602,
    0.6931469440460205,
    1.0,
)


def _kernel_exponent(y_query: Array, y_key: Array) -> Array:
    """-|y_i - y_j|^2 for all pairs, shape (queries, keys), at most 0."""
    num_dims = y_query.shape[1]
    if num_dims <= _DIRECT_DIMS:
        squares = [
            jnp.square(y_query[:, d][:, None] - y_key[:, d][None, :]) for d in range(num_dims)
        ]
        return -sum(squares[1:], squares[0])
    product = jnp.matmul(2.0 * y_query, y_key.T, precision=lax.Precision.HIGHEST)
    norms = jnp.sum(y_query**2, axis=1)[:, None] + jnp.sum(y_key**2, axis=1)[None, :]
    return jnp.minimum(product - norms, 0.0)


def _blocks(num_rows: int, largest: int) -> tuple[int, int]:
    """(number of blocks, rows in each): as few as the largest block allows, evenly filled."""
    num_blocks = -(-num_rows // largest)
    return num_blocks, -(-num_rows // num_blocks)


def _pad_rows(array: Array, num_rows: int, value: float = 0.0) -> Array:
    missing = num_rows - array.shape[0]
    if missing == 0:
        return array
    return jnp.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1), constant_values=value)


def _weighted(values: Array, log2_weights: Array) -> Array:
    """[g x, g]: one product with the kernel gives numerator and denominator, shape (N, D + 1)."""
    weights = _exp2(log2_weights)[:, None]
    return jnp.concatenate([weights * values, weights], axis=1)


def _sum_by_rows(
    y: Array,
    values: Array,
    log2_weights: Array,
    *,
    anchors: Array | None = None,
    block_size: int | None = None,
) -> Array:
    """Softmax over all keys (or the anchors), a block of rows at a time."""
    num_members, num_dims = values.shape
    keys = jnp.arange(num_members) if anchors is None else anchors
    if anchors is None:
        row_inputs = (y,)
        key_inputs = (y, values, log2_weights)
    else:
        # The anchors other than the member itself stand for the N - 1 others.
        is_anchor = jnp.zeros(num_members, y.dtype).at[anchors].set(1.0)
        others = jnp.maximum(anchors.shape[0] - is_anchor, 1.0)
        own_logit = log2_weights - jnp.log2(jnp.maximum(num_members - 1, 1) / others)
        row_inputs = (y, values, own_logit, jnp.arange(num_members))
        key_inputs = (y[anchors], values[anchors], log2_weights[anchors])
    y_key, values_key, log2_weights_key = key_inputs
    extended = jnp.concatenate([values_key, jnp.ones_like(values_key[:, :1])], axis=1)

    def block(inputs):
        logits = _kernel_exponent(inputs[0], y_key) + log2_weights_key[None, :]
        if anchors is None:
            top = jnp.max(logits, axis=1, keepdims=True)
            # Only failed members have no finite logit, and `settle` never leaves all failed.
            sums = jnp.matmul(_exp2(logits - top), extended, precision=lax.Precision.HIGHEST)
        else:
            _, own_values, own, index = inputs
            logits = jnp.where(index[:, None] == keys[None, :], -jnp.inf, logits)
            top = jnp.maximum(jnp.max(logits, axis=1), own)[:, None]
            # A failed member among failed anchors keeps itself.
            top = jnp.where(jnp.isfinite(top), top, 0.0)
            own_weight = jnp.where(
                jnp.all(jnp.isneginf(logits), axis=1) & jnp.isneginf(own),
                1.0,
                _exp2(own - top[:, 0]),
            )[:, None]
            sums = jnp.matmul(_exp2(logits - top), extended, precision=lax.Precision.HIGHEST)
            sums = sums + own_weight * jnp.concatenate(
                [own_values, jnp.ones_like(own_weight)], axis=1
            )
        return sums[:, :num_dims] / sums[:, num_dims:]

    return _map_rows(block, row_inputs, y_key.shape[0], block_size)


def _map_rows(
    block: Callable[[tuple[Array, ...]], Array],
    row_inputs: tuple[Array, ...],
    num_keys: int,
    block_size: int | None,
) -> Array:
    """Apply a function of a block of rows to all rows, block by block."""
    num_rows = row_inputs[0].shape[0]
    num_blocks, edge = _blocks(num_rows, block_size or max(64, _ROW_BLOCK_ELEMENTS // num_keys))
    if num_blocks == 1:
        return block(row_inputs)
    padded = [_pad_rows(a, num_blocks * edge) for a in row_inputs]
    results = lax.map(block, tuple(a.reshape(num_blocks, edge, *a.shape[1:]) for a in padded))
    return results.reshape(num_blocks * edge, -1)[:num_rows]


def _sum_by_shifted_rows(
    y: Array, values: Array, log2_weights: Array, *, block_size: int | None = None
) -> Array:
    """All keys for a block of rows at a time, under one global shift: one pass over the kernel."""
    extended = jnp.concatenate([values, jnp.ones_like(values[:, :1])], axis=1)

    def block(inputs):
        # The largest logit is the largest log-weight, 0: a kernel is at most 1.
        kernel = _exp2(_kernel_exponent(inputs[0], y) + log2_weights[None, :])
        return jnp.matmul(kernel, extended, precision=lax.Precision.HIGHEST)

    sums = _map_rows(block, (y,), y.shape[0], block_size)
    return _resum_thin(sums, y, values, log2_weights)


def _resum_thin(sums: Array, y: Array, values: Array, log2_weights: Array) -> Array:
    """x0 from [numerator, denominator]; rows whose sum is too thin to trust again, by rows."""
    num_members, num_dims = values.shape
    rows = min(64, num_members)

    def again(carry):
        x0, thin = carry
        (index,) = jnp.nonzero(thin, size=rows, fill_value=num_members)
        logits = _kernel_exponent(y.at[index].get(mode="clip"), y) + log2_weights[None, :]
        weights = _exp2(logits - jnp.max(logits, axis=1, keepdims=True))
        means = jnp.matmul(weights, values, precision=lax.Precision.HIGHEST)
        means = means / jnp.sum(weights, axis=1, keepdims=True)
        return x0.at[index].set(means, mode="drop"), thin.at[index].set(False, mode="drop")

    thin = ~(sums[:, num_dims] >= _THIN)
    x0 = sums[:, :num_dims] / sums[:, num_dims:]
    x0, _ = lax.while_loop(lambda carry: jnp.any(carry[1]), again, (x0, thin))
    return x0


def _sum_by_tiles(
    y: Array, values: Array, log2_weights: Array, *, block_size: int | None = None
) -> Array:
    """Every unordered pair of blocks once; tiles that cannot matter in float32 are skipped."""
    num_members = values.shape[0]
    num_blocks, edge = _blocks(num_members, block_size or _TILE)
    total = num_blocks * edge

    def blocks(array, padding=0.0):
        return _pad_rows(array, total, padding).reshape(num_blocks, edge, *array.shape[1:])

    y_blocks, extended = blocks(y), blocks(_weighted(values, log2_weights))
    # Column sums keep the transposed layout: K^T V is three times slower here than V^T K.
    transposed = jnp.swapaxes(extended, 1, 2)
    # Padding neither attracts (as a key) nor asks for anything (as a query).
    as_key, as_query = blocks(log2_weights, -jnp.inf), blocks(log2_weights, jnp.inf)
    negligible = math.log2(_NEGLIGIBLE / num_members)

    def multiply(left, right):
        return jnp.matmul(left, right, precision=lax.Precision.HIGHEST)

    def own_tile(i):
        diagonal = jnp.eye(edge, dtype=bool)
        exponent = _kernel_exponent(y_blocks[i], y_blocks[i])
        influence = exponent + as_key[i][None, :] - as_query[i][:, None]
        return lax.cond(
            jnp.max(jnp.where(diagonal, -jnp.inf, influence)) < negligible,
            lambda: extended[i],
            lambda: multiply(_exp2(jnp.where(diagonal, 0.0, exponent)), extended[i]),
        )

    def outer(i, carry):
        def inner(j, carry):
            row_sums, column_sums, own = carry
            exponent = _kernel_exponent(y_blocks[i], y_blocks[j])
            influence = exponent + jnp.maximum(
                as_key[j][None, :] - as_query[i][:, None],
                as_key[i][:, None] - as_query[j][None, :],
            )

            def both_sums():
                kernel = _exp2(exponent)
                return multiply(transposed[i], kernel), multiply(kernel, extended[j])

            def nothing():
                return jnp.zeros_like(transposed[i]), jnp.zeros_like(extended[j])

            # Two failed members make a NaN here, and NaN is not below: nothing is skipped.
            columns, more = lax.cond(jnp.max(influence) < negligible, nothing, both_sums)
            return row_sums, column_sums.at[j].add(columns), own + more

        row_sums, column_sums = carry
        row_sums, column_sums, own = lax.fori_loop(
            i + 1, num_blocks, inner, (row_sums, column_sums, own_tile(i))
        )
        return row_sums.at[i].set(own), column_sums

    if num_blocks == 1:
        sums = own_tile(0)[None]
    else:
        row_sums, column_sums = lax.fori_loop(
            0, num_blocks, outer, (jnp.zeros_like(extended), jnp.zeros_like(transposed))
        )
        sums = row_sums + jnp.swapaxes(column_sums, 1, 2)
    return _resum_thin(sums.reshape(total, -1)[:num_members], y, values, log2_weights)


def _cubic_spline(offset: Array) -> Array:
    """Cubic B-spline at the four nodes around a point, offset in [0, 1) past the second."""
    t = offset
    return (
        jnp.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 3 * (t + t**2 - t**3) + 1, t**3], axis=-1)
        / 6.0
    )


def _sum_by_grid(
    y: Array, values: Array, log2_weights: Array, *, block_size: int | None = None
) -> Array:
    r"""Sub-quadratic for d <= 3: spread to a grid, convolve along each axis, interpolate.

    Members are spread to the nodes of a regular grid by cubic B-splines, the grid is convolved
    with a Gaussian by one small matrix per axis, and the sums are interpolated by B-splines again.
    The splines widen the kernel by a variance of 1/3 spacing^2 each, which the Gaussian gives up,
    so the kernel is exact to the third moment: relative error spacing^4 / 90 He4 in units where it
    is exp(-r^2), at most 5e-4 for near neighbours at the coarsest spacing allowed. All terms are
    positive, so the error of x0 is that share of the neighbourhood's width. Where even the finest
    grid is too coarse for the kernel (outliers, or the very end of a schedule), and for rows that
    the global shift serves badly, the sum is exact.
    """
    num_members, num_axes = y.shape
    cells = _GRID_CELLS[num_axes]
    y = y / math.sqrt(_LOG2_E)  # the kernel is exp(-|y_i - y_j|^2) in this function
    low, high = jnp.min(y, axis=0, keepdims=True), jnp.max(y, axis=0, keepdims=True)
    # Splines reach one node beyond the points' cell on the left and two on the right.
    spacing = jnp.max(high - low) / (cells - 4)

    def on_grid():
        position = (y - low) / jnp.where(spacing > 0, spacing, 1.0) + 1.0
        corner = jnp.clip(jnp.floor(position), 1, cells - 3)
        splines = _cubic_spline(position - corner)  # (N, axes, 4)
        index = jnp.zeros((num_members, 1), jnp.int32)
        weight = jnp.ones((num_members, 1), y.dtype)
        for axis in range(num_axes):
            nodes = corner[:, axis].astype(jnp.int32)[:, None] + jnp.arange(-1, 3)[None, :]
            index = (index[:, :, None] * cells + nodes[:, None, :]).reshape(num_members, -1)
            weight = (weight[:, :, None] * splines[:, axis][:, None, :]).reshape(num_members, -1)

        def spread_channel(channel):
            flat = jnp.zeros(cells**num_axes, y.dtype)
            return flat.at[index].add(weight * channel[:, None])

        grid = jax.vmap(spread_channel)(_weighted(values, log2_weights).T)
        grid = grid.reshape(-1, *[cells] * num_axes)
        # Positive wherever this branch counts; under vmap it is computed beyond that too.
        variance = jnp.maximum(0.5 - 2.0 / 3.0 * spacing**2, 0.25)
        node = jnp.arange(cells, dtype=y.dtype) * spacing
        gaussian = jnp.exp(-jnp.square(node[:, None] - node[None, :]) / (2.0 * variance))
        for _ in range(num_axes):  # each product moves the next axis to the front
            grid = jnp.tensordot(grid, gaussian, axes=(1, 0), precision=lax.Precision.HIGHEST)
        flat = grid.reshape(grid.shape[0], -1)
        return jax.vmap(lambda channel: jnp.sum(channel[index] * weight, axis=1))(flat).T

    def on_grid_or_rows():
        return _resum_thin(on_grid(), y * math.sqrt(_LOG2_E), values, log2_weights)

    def exact():
        return _sum_by_shifted_rows(
            y * math.sqrt(_LOG2_E), values, log2_weights, block_size=block_size
        )

    return lax.cond(spacing <= _GRID_MAX_SPACING, on_grid_or_rows, exact)

"""The papers' equations in float64 numpy: what diffevo's core is compared with.

Written from the equations of arXiv 2410.02543 (numbers as there) and from the formulas of the
authors' schedules and fitness maps; it shares no code with `diffevo` and does not know JAX.
Everything is the plain formula in double precision. Only the memory is looked after: no array is
larger than N x N or N x D.

Shape letters: N population, D dimensions, d latent dimensions, T generations.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# --- The estimated origin ------------------------------------------------------------------------


def squared_distances(queries: ArrayLike, keys: ArrayLike) -> Array:
    """|q_i - k_j|^2, shape (n, m): by differences, or by the scalar product where that is large."""
    queries, keys = np.asarray(queries, np.float64), np.asarray(keys, np.float64)
    if queries.shape[0] * keys.size <= 2e7:
        return np.stack([np.sum((query - keys) ** 2, axis=1) for query in queries])
    # A relative error of 1e-15, of squared norms below 1e6: nothing next to the 1e-5 tested for.
    lengths = np.sum(queries**2, axis=1)[:, None] + np.sum(keys**2, axis=1)[None, :]
    return lengths - 2.0 * queries @ keys.T


def posterior_weights(queries: ArrayLike, keys: ArrayLike, log_weights: ArrayLike, alpha: float):
    """g_j N(q_i; sqrt(alpha) k_j, 1 - alpha) / Z, shape (n, m); the densities in log space."""
    log_weights = np.asarray(log_weights, np.float64)
    kernel = squared_distances(queries, np.sqrt(alpha) * np.asarray(keys, np.float64))
    exponents = log_weights[None, :] - kernel / (2.0 * (1.0 - alpha))
    weights = np.exp(exponents - np.max(exponents, axis=1, keepdims=True))
    return weights / np.sum(weights, axis=1, keepdims=True)  # Eq. (9)


def estimate_x0(
    population: ArrayLike, log_weights: ArrayLike, alpha: float, latent: ArrayLike | None = None
) -> Array:
    """x0_i = sum_j g_j N(z_i; sqrt(alpha) z_j, 1 - alpha) x_j / Z: eq. (8); with z = E x (12)."""
    population = np.asarray(population, np.float64)
    coordinates = population if latent is None else latent
    weights = posterior_weights(coordinates, coordinates, log_weights, float(alpha))
    return weights @ population  # Eq. (8), (12)


def x0_uncertainty(
    population: ArrayLike,
    log_weights: ArrayLike,
    alpha: float,
    latent: ArrayLike | None = None,
    *,
    by_product: bool = False,
    unit_roundoff: float = 2.0**-24,
) -> Array:
    r"""How far rounding in float32 may move x0_i, shape (N,).

    The last bit of the inputs alone, a relative u, moves the exponent e_ij by at most
    de_ij = u (|z_i - s z_j| (|z_i| + s |z_j|) / (1 - alpha) + |log g_j|), s = sqrt(alpha): no
    method can undercut that. Where distances come from a matrix product about the centroid c
    (``by_product``), cancellation adds sqrt(d) u s (|z_i - c| + |z_j - c|)^2 / (2 (1 - alpha)):
    the terms of the square, and rounding d times on the way (sqrt(d): the signs are random).
    Weights then change by factors within exp(+-2 de), and x0_i by at most
    sum_j w_ij |x_j - x0_i| (exp(2 de_ij) - 1). Tiny unless members compete that are many kernel
    widths apart, or clusters are that far from each other.
    """
    population = np.asarray(population, np.float64)
    alpha, root = float(alpha), np.sqrt(float(alpha))
    coordinates = population if latent is None else np.asarray(latent, np.float64)
    weights = posterior_weights(coordinates, coordinates, log_weights, alpha)
    lengths = np.linalg.norm(coordinates, axis=1)
    distances = np.sqrt(np.maximum(squared_distances(coordinates, root * coordinates), 0.0))
    finite = np.where(np.isfinite(log_weights), np.asarray(log_weights, np.float64), 0.0)
    errors = distances * (lengths[:, None] + root * lengths[None, :]) / (1.0 - alpha)
    errors += np.abs(finite)[None, :]
    if by_product:
        radii = np.linalg.norm(coordinates - coordinates.mean(axis=0), axis=1)
        growth = np.sqrt(coordinates.shape[1]) * root / (2.0 * (1.0 - alpha))
        errors += growth * (radii[:, None] + radii[None, :]) ** 2
    reach = np.sqrt(np.maximum(squared_distances(weights @ population, population), 0.0))
    factors = np.expm1(np.minimum(2.0 * unit_roundoff * errors, 50.0))
    return np.sum(weights * reach * factors, axis=1)


# --- The reverse step ----------------------------------------------------------------------------


def sigma(alpha: float, alpha_next: float, noise_scale: float) -> float:
    """The authors' sigma_t = noise sqrt((1 - a') / (1 - a) (1 - a / a')), a' the cleaner level."""
    alpha, alpha_next = float(alpha), float(alpha_next)
    return noise_scale * np.sqrt((1 - alpha_next) / (1 - alpha) * (1 - alpha / alpha_next))


def reverse_step(
    population: ArrayLike,
    x0: ArrayLike,
    alpha: float,
    alpha_next: float,
    noise: ArrayLike,
    noise_scale: float,
) -> Array:
    """Eq. (10), then eq. (5)."""
    alpha, alpha_next = float(alpha), float(alpha_next)
    population, x0 = np.asarray(population, np.float64), np.asarray(x0, np.float64)
    fresh = sigma(alpha, alpha_next, noise_scale)
    epsilon = (population - np.sqrt(alpha) * x0) / np.sqrt(1 - alpha)  # Eq. (10)
    kept = np.sqrt(1 - alpha_next - fresh**2)
    return np.sqrt(alpha_next) * x0 + kept * epsilon + fresh * np.asarray(noise, np.float64)


# --- Schedules, in the authors' order: index 0 is clean, the last is noise ------------------------


def authors_cosine(num_steps: int) -> Array:
    """Half a cosine wave, squeezed off 0 and 1 by 1e-3."""
    alphas = (np.cos(np.linspace(0, np.pi, num_steps)) + 1) / 2
    return (alphas + 1e-3) * (1 - 1e-3) / (1 + 1e-3)


def authors_linear(num_steps: int) -> Array:
    """Called DDIM by the authors."""
    return np.linspace(1 - 1e-4, 1e-4**2, num_steps)


def authors_ddpm(num_steps: int) -> Array:
    """exp(-beta t - gamma t^2)."""
    epsilon, t = 1e-4, np.linspace(1 / num_steps, 1, num_steps)
    first = np.log(1 / (1 - epsilon))
    beta = (num_steps**2 * first + np.log(epsilon)) / (num_steps - 1)
    gamma = -num_steps * (num_steps * first + np.log(epsilon)) / (num_steps - 1)
    return np.exp(-beta * t - gamma * t**2)


AUTHORS_SCHEDULES = {"cosine": authors_cosine, "linear": authors_linear, "ddpm": authors_ddpm}


# --- Fitness maps: the papers' g, of a quality (higher is better) or a cost (lower is better) -----


def identity(quality: ArrayLike) -> Array:
    """g = quality, which the papers require to be >= 0."""
    return np.maximum(np.asarray(quality, np.float64), 0.0)


def energy(cost: ArrayLike, temperature: float) -> Array:
    """g = exp(u - max u + 5), u = -cost / T."""
    u = -np.asarray(cost, np.float64) / temperature
    return np.exp(u - np.max(u) + 5.0)


def power(quality: ArrayLike, temperature: float, exponent: float) -> Array:
    """g = (quality / T)^p."""
    return (identity(quality) / temperature) ** exponent


def normalized_energy(
    value: ArrayLike, target: float, scale: float, max_distance: float, temperature: float
) -> Array:
    """The benchmark's g = (p - p_min) / (1 - p_min), p = exp(-|f - target| / (T s))."""
    unit = temperature * scale
    p = np.exp(-np.abs(np.asarray(value, np.float64) - target) / unit)
    p_min = np.exp(-max_distance / unit)
    return (p - p_min) / (1 - p_min)


def l2_prior(genomes: ArrayLike, strength: float) -> Array:
    """The factor exp(-lambda |x|^2)."""
    return np.exp(-strength * np.sum(np.asarray(genomes, np.float64) ** 2, axis=1))


def mean_ranks(cost: ArrayLike) -> Array:
    """0 for the lowest; members with equal cost share the mean of their ranks."""
    cost = np.asarray(cost, np.float64)
    below = np.sum(cost[None, :] < cost[:, None], axis=1)
    equal = np.sum(cost[None, :] == cost[:, None], axis=1)
    return below + (equal - 1) / 2.0


def relative_ranks(cost: ArrayLike) -> Array:
    """0 for the best to 1 for the worst."""
    return mean_ranks(cost) / max(len(np.asarray(cost)) - 1, 1)


def standard_scores(cost: ArrayLike) -> Array:
    """(f - mean f) / std f."""
    cost = np.asarray(cost, np.float64)
    return (cost - np.mean(cost)) / np.std(cost)


def rank_based(cost: ArrayLike, temperature: float) -> Array:
    """Ours, not the papers': g = exp(-6 rank / T)."""
    return np.exp(-6.0 * relative_ranks(cost) / temperature)


def standardized(cost: ArrayLike, temperature: float) -> Array:
    """Ours, not the papers': g = exp(-z / T)."""
    return np.exp(-standard_scores(cost) / temperature)


def scale_free(cost: ArrayLike, temperature: float) -> Array:
    """Ours, the default: g = exp(-(4 rank + max(z, -4)) / T)."""
    scores = np.maximum(standard_scores(cost), -4.0)
    return np.exp(-(4.0 * relative_ranks(cost) + scores) / temperature)


def roulette_wheel(cost: ArrayLike, pressure: float) -> Array:
    """HADES's selection: every member weighs the sum over distinct qualities up to its own."""
    cost = np.asarray(cost, np.float64)
    quality = (cost.max() - cost) / np.ptp(cost)
    distinct = np.unique(quality)
    return np.array([np.exp(pressure * distinct[distinct <= q]).sum() for q in quality])


def adaptive_pressure(cost: ArrayLike, elite_ratio: float) -> float:
    """The pressure, 0.01 to 100, at which the elite's share of the weight is 1 - elite_ratio."""
    elite = relative_ranks(cost) <= elite_ratio
    low, high = np.log(0.01), np.log(100.0)
    for _ in range(60):
        middle = (low + high) / 2
        g = roulette_wheel(cost, np.exp(middle))
        enough = g[elite].sum() / g.sum() > 1 - elite_ratio
        low, high = (low, middle) if enough else (middle, high)
    return float(np.exp(low))


def relative_density(genomes: ArrayLike, bandwidth: float) -> Array:
    """Ours: a Gaussian kernel's sum over all members, its width relative to their spread."""
    x = np.asarray(genomes, np.float64)
    squares = np.sum((x[:, None] - x[None]) ** 2, axis=2)
    return np.exp(-squares / (2 * bandwidth**2 * np.sum(np.var(x, axis=0)))).sum(axis=1)

"""Summaries of repetitions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike


def summarize(
    values: ArrayLike, confidence: float = 0.95, num_resamples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Mean, spread and median of one number over repetitions.

    Args:
        values: shape (n,), n >= 1; those that are not finite are left out and counted.
        confidence: level of the interval, in (0, 1).
        num_resamples: bootstrap samples, >= 1.
        seed: of the bootstrap: the same values give the same interval.

    Returns:
        ``n`` (finite values), ``num_failed``, ``mean``, ``sd`` (n - 1 in the denominator; 0 for a
        single value), ``median``, and ``low``, ``high``: the percentile bootstrap interval of the
        median (scipy.stats.bootstrap). All None where no value is finite.
    """
    values = np.asarray(values, np.float64).ravel()
    finite = values[np.isfinite(values)]
    summary: dict[str, Any] = {"n": int(finite.size), "num_failed": int(values.size - finite.size)}
    if finite.size == 0:
        return summary | dict.fromkeys(("mean", "sd", "median", "low", "high"))
    median = float(np.median(finite))
    low = high = median
    # A constant sample has a constant bootstrap distribution; scipy would warn about it.
    if np.ptp(finite) > 0:
        interval = scipy.stats.bootstrap(
            (finite,),
            np.median,
            n_resamples=num_resamples,
            confidence_level=confidence,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    return summary | {
        "mean": float(np.mean(finite)),
        "sd": float(np.std(finite, ddof=1)) if finite.size > 1 else 0.0,
        "median": median,
        "low": low,
        "high": high,
    }


def kept(values: ArrayLike) -> dict[str, Any]:
    """`summarize`, and the ``values`` themselves."""
    values = np.asarray(values)
    return summarize(values) | {"values": values}


def by_name(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """`kept` of every number that the repetitions, a mapping each, have."""
    return {name: kept([row[name] for row in rows]) for name in rows[0]}


def curve(values: ArrayLike) -> dict[str, np.ndarray]:
    """``median`` and ``low`` to ``high``, 5 to 95 % of the runs, each (G,), of values (R, G)."""
    low, median, high = np.percentile(np.asarray(values), [5, 50, 95], axis=0)
    return {"median": median, "low": low, "high": high}


def difference(first: ArrayLike, second: ArrayLike, seed: int = 0) -> dict[str, float]:
    """How much two independent samples differ in the mean, and how sure that is.

    Args:
        first: shape (n,), n >= 2.
        second: shape (m,), m >= 2.
        seed: of the bootstrap.

    Returns:
        ``difference`` (mean of first minus mean of second) with its 95 % percentile bootstrap
        interval ``low``, ``high``, and ``p``, the two-sided Mann-Whitney probability.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    gap = float(first.mean() - second.mean())
    low = high = gap
    if np.ptp(first) > 0 or np.ptp(second) > 0:
        interval = scipy.stats.bootstrap(
            (first, second),
            lambda a, b, axis=-1: np.mean(a, axis=axis) - np.mean(b, axis=axis),
            n_resamples=2000,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    # As an array: scipy's versions differ in the type that a checker sees.
    p = np.asarray(scipy.stats.mannwhitneyu(first, second))[1]
    return {"difference": gap, "low": low, "high": high, "p": float(p)}


def wilcoxon(differences: ArrayLike) -> float:
    """Two-sided probability of Wilcoxon's signed-rank test of paired differences (n,).

    1 where all are 0.
    """
    if not np.any(differences):
        return 1.0
    # As an array: scipy's versions differ in the type that a checker sees.
    return float(np.asarray(scipy.stats.wilcoxon(differences))[1])


def paired(first: ArrayLike, second: ArrayLike, seed: int = 0) -> dict[str, float]:
    """How much two samples differ run by run: of the same keys, or the same instances.

    Args:
        first: shape (n,), n >= 2.
        second: shape (n,).
        seed: of the bootstrap.

    Returns:
        ``difference``, the mean of first minus second, with its 95 % percentile bootstrap interval
        ``low``, ``high``; ``p``, the two-sided probability of Wilcoxon's signed-rank test (1 where
        all pairs are equal); and the shares of the pairs ``higher`` and ``lower``.
    """
    gaps = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    low = high = gap = float(gaps.mean())
    if np.ptp(gaps) > 0:
        interval = scipy.stats.bootstrap(
            (gaps,),
            np.mean,
            n_resamples=2000,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    return {
        "difference": gap,
        "low": low,
        "high": high,
        "p": wilcoxon(gaps),
        "higher": float(np.mean(gaps > 0)),
        "lower": float(np.mean(gaps < 0)),
    }

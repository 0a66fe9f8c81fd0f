"""Confidence intervals that respect that several cases may come from one patient.

Resampling and variances work on patients, never on cases, because cases of one patient are not independent.
Where a method has no width by construction (a share of 0 or 1, an AUC of 0 or 1) a score method is used
instead: an interval without width would claim certainty that small numbers cannot give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, rankdata, t

Array = NDArray[np.float64]
Clusters = NDArray[np.intp]
Statistic = Callable[[Array], Array]
"""From case weights, shape (resamples, cases), to one estimate per resample, shape (resamples,)."""

LEVEL = 0.95
RESAMPLES = 2000
_BLOCK = 4_000_000  # weights held at once: 32 MB


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; bounds are None where the data give none."""

    estimate: float
    lower: float | None
    upper: float | None
    level: float
    method: str


def cluster_codes(patients: Sequence[str]) -> Clusters:
    """Number patients 0, 1, ... in the order of their sorted ids; shape (cases,)."""
    return np.unique(np.asarray(patients, dtype=object).astype(str), return_inverse=True)[1].astype(np.intp)


def bootstrap_draws(statistic: Statistic, clusters: Clusters, seed: int, resamples: int = RESAMPLES) -> Array:
    """Estimates on resamples of whole patients, shape (resamples,).

    The draws depend on the seed and the number of patients only, so two statistics on the same cases see the
    same resamples (which makes differences paired).

    Args:
        statistic: vectorised over resamples.
        clusters: patient number of each case, 0 to the number of patients - 1, shape (cases,).
        seed: of ``numpy.random.default_rng``.
        resamples: how many.
    """
    patients = int(clusters.max()) + 1
    rng = np.random.default_rng(seed)
    size = max(1, _BLOCK // max(patients, len(clusters)))
    parts = []
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        drawn = rng.integers(0, patients, (rows, patients)) + patients * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * patients).reshape(rows, patients)
        parts.append(statistic(counts[:, clusters].astype(np.float64)))
    return np.concatenate(parts)


def cluster_bootstrap(
    statistic: Statistic, clusters: Clusters, seed: int, *, level: float = LEVEL, resamples: int = RESAMPLES
) -> Interval:
    """Percentile bootstrap over patients (Efron and Tibshirani 1993; clusters: Field and Welsh 2007).

    One patient gives no interval. See ``bootstrap_draws`` for the arguments.
    """
    estimate = float(statistic(np.ones((1, len(clusters))))[0])
    if clusters.max() == 0:
        return Interval(estimate, None, None, level, "none")
    draws = bootstrap_draws(statistic, clusters, seed, resamples)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), level, "patient-cluster bootstrap")


def mean_of(values: Array) -> Statistic:
    """Weighted mean of per-case values, shape (cases,), as a statistic."""

    def statistic(weights: Array) -> Array:
        return np.asarray(weights @ values / weights.sum(axis=1), dtype=np.float64)

    return statistic


def root_mean_of(values: Array) -> Statistic:
    """Square root of the weighted mean of per-case values, as a statistic."""
    mean = mean_of(values)
    return lambda weights: np.sqrt(mean(weights))


def wilson(successes: float, n: float, *, level: float = LEVEL) -> Interval:
    """Wilson (1927) score interval of a share; ``n`` may be an effective, fractional number.

    Raises:
        ValueError: ``n`` not positive, or more successes than ``n``.
    """
    if not (n > 0 and 0 <= successes <= n):
        msg = f"{successes} of {n} is no share"
        raise ValueError(msg)
    z2 = float(norm.ppf((1 + level) / 2)) ** 2
    p = successes / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * (p * (1 - p) / n + z2 / (4 * n * n))) ** 0.5 / (1 + z2 / n)
    # At 0 and 1 the bound is the estimate exactly; rounding must not push it past.
    lower = 0.0 if p == 0 else max(0.0, centre - half)
    upper = 1.0 if p == 1 else min(1.0, centre + half)
    return Interval(p, lower, upper, level, "Wilson")


def clustered_wilson(correct: Array, clusters: Clusters, *, level: float = LEVEL) -> Interval:
    """Wilson interval of a share of cases; with several cases of a patient, on the effective number of cases.

    The effective number is the number of cases over the design effect (Rao and Scott 1992), at least 1. Where
    the share is 0 or 1 that cannot be estimated, and the number of patients is used: the cautious end.

    Args:
        correct: 0 or 1 per case, shape (cases,).
        clusters: patient number of each case.
        level: of the interval.
    """
    n, p = len(correct), float(correct.mean())
    sizes = np.bincount(clusters).astype(np.float64)
    patients = int((sizes > 0).sum())
    if patients == n:
        return wilson(float(correct.sum()), n, level=level)
    effective = float(patients)
    if 0 < p < 1 and patients > 1:
        residual = np.bincount(clusters, correct) - p * sizes
        variance = patients / (patients - 1) * float(residual @ residual) / n**2
        effective = n / max(1.0, variance / (p * (1 - p) / n))
    found = wilson(p * effective, effective, level=level)
    return Interval(p, found.lower, found.upper, level, "Wilson, Rao-Scott")


def delong(positive: NDArray[np.bool_], scores: Sequence[Array], clusters: Clusters) -> tuple[Array, Array]:
    """AUCs of several scores on the same cases and their covariance.

    DeLong, DeLong and Clarke-Pearson (1988), in the form for clustered data of Obuchowski (1997), which
    equals it where every patient has one case.

    Args:
        positive: truth, shape (cases,); both classes must occur.
        scores: one array per arm, shape (cases,); infinities are allowed.
        clusters: patient number of each case.

    Returns:
        AUCs, shape (arms,), and covariance, shape (arms, arms); NaN where one class has a single patient.
    """
    m, n = int(positive.sum()), int((~positive).sum())
    placed_pos, placed_neg = [], []
    for score in scores:
        overall = rankdata(score)
        placed_pos.append((overall[positive] - rankdata(score[positive])) / n)
        placed_neg.append(1 - (overall[~positive] - rankdata(score[~positive])) / m)
    aucs = np.array([placed.mean() for placed in placed_pos])

    total = int(clusters.max()) + 1
    of_pos, of_neg = clusters[positive], clusters[~positive]

    def residuals(placed: Sequence[Array], of: Clusters) -> Array:
        sums = [np.bincount(of, p - auc, minlength=total) for p, auc in zip(placed, aucs, strict=True)]
        return np.array(sums)

    r_pos, r_neg = residuals(placed_pos, of_pos), residuals(placed_neg, of_neg)
    i_pos, i_neg, i_all = (len(np.unique(of)) for of in (of_pos, of_neg, clusters))
    if min(i_pos, i_neg) < 2:
        return aucs, np.full((len(scores), len(scores)), np.nan)
    cross = i_all / (i_all - 1) * r_pos @ r_neg.T
    covariance = (
        i_pos / (i_pos - 1) * r_pos @ r_pos.T / m**2
        + i_neg / (i_neg - 1) * r_neg @ r_neg.T / n**2
        + (cross + cross.T) / (m * n)
    )
    return aucs, covariance


def auc_interval(
    positive: NDArray[np.bool_], score: Array, clusters: Clusters, *, level: float = LEVEL
) -> Interval:
    """AUC with DeLong's interval, cut at 0 and 1; Newcombe's where DeLong's has no width.

    Raises:
        ValueError: only one class occurs.
    """
    if positive.all() or not positive.any():
        msg = "an AUC needs positive and negative cases"
        raise ValueError(msg)
    aucs, covariance = delong(positive, [score], clusters)
    auc, variance = float(aucs[0]), float(covariance[0, 0])
    if not variance > 0:
        patients = [len(np.unique(clusters[side])) for side in (positive, ~positive)]
        return newcombe_auc(auc, patients[0], patients[1], level=level)
    half = float(norm.ppf((1 + level) / 2)) * variance**0.5
    clustered = len(np.unique(clusters)) < len(clusters)
    method = "DeLong, clustered" if clustered else "DeLong"
    return Interval(auc, max(0.0, auc - half), min(1.0, auc + half), level, method)


def newcombe_auc(auc: float, positives: int, negatives: int, *, level: float = LEVEL) -> Interval:
    """Score interval of an AUC, method 5 of Newcombe (Statistics in Medicine 2006, 25:559).

    Has width also at an AUC of 0 or 1. With one positive and one negative case it is Wilson's interval.
    """
    z2 = float(norm.ppf((1 + level) / 2)) ** 2
    star = (positives + negatives) / 2 - 1

    def excess(theta: float) -> float:
        inner = 1 + star * (1 - theta) / (2 - theta) + star * theta / (1 + theta)
        return (auc - theta) ** 2 - z2 * theta * (1 - theta) * inner / (positives * negatives)

    lower = 0.0 if auc == 0 else float(brentq(excess, 0.0, auc if auc < 1 else 1 - 1e-12))
    upper = 1.0 if auc == 1 else float(brentq(excess, auc if auc > 0 else 1e-12, 1.0))
    return Interval(auc, lower, upper, level, "Newcombe")


@dataclass(frozen=True)
class LimitsOfAgreement:
    """Bland-Altman: where 95 % of differences are expected, with the intervals of the limits themselves."""

    bias: float
    sd: float
    lower: float
    upper: float
    lower_interval: tuple[float, float]
    upper_interval: tuple[float, float]


def limits_of_agreement(differences: Array, *, level: float = LEVEL) -> LimitsOfAgreement:
    """Limits of agreement, bias -/+ 1.96 SD, of differences in their own unit, shape (cases,).

    Bland and Altman (Lancet 1986; 1:307): the standard error of a limit is about sqrt(3 SD^2 / n), t with
    n - 1 degrees of freedom. Takes cases as independent.

    Raises:
        ValueError: fewer than two differences.
    """
    n = len(differences)
    if n < 2:
        msg = "limits of agreement need two differences"
        raise ValueError(msg)
    bias, sd = float(differences.mean()), float(differences.std(ddof=1))
    reach = 1.96 * sd
    half = float(t.ppf((1 + level) / 2, n - 1)) * sd * (3 / n) ** 0.5
    low, high = bias - reach, bias + reach
    return LimitsOfAgreement(bias, sd, low, high, (low - half, low + half), (high - half, high + half))

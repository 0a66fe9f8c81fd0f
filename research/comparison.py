"""Arms against each other on the same cases: paired differences with intervals and adjusted p-values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm, rankdata

from research.intervals import LEVEL, Array, Clusters, Statistic, bootstrap_draws, delong, newcombe_auc
from research.metrics.evaluate import Predictions, Truths
from research.metrics.scores import SHARES, Scores, score_cases, statistic_for, subset
from research.metrics.table import MetricSpec

Found: TypeAlias = tuple[float, float | None, float | None, float | None]
"""Difference, lower bound, upper bound, p-value."""

_NO_VARIANCE = 1e-15
_ALIKE = "Both arms score every case alike, so the interval has no width."


@dataclass(frozen=True)
class ArmDifference:
    """Arm a minus arm b on one metric.

    Attributes:
        arm_a: key.
        arm_b: key.
        metric: the metric's name.
        n: cases that the difference rests on.
        difference: estimate of a minus estimate of b on these cases; None where undefined.
        lower: bound of its interval; None where there is none.
        upper: likewise.
        level: of the interval.
        p_value: two-sided, of no difference; None where there is none.
        p_adjusted: after Holm (1979) over all pairs of the experiment.
        method: how interval and p-value were made.
        note: what a reader must know; empty where there is nothing.
    """

    arm_a: str
    arm_b: str
    metric: str
    n: int
    difference: float | None
    lower: float | None
    upper: float | None
    level: float
    p_value: float | None
    p_adjusted: float | None
    method: str
    note: str = ""

    @property
    def distinguishable(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.lower is not None and self.upper is not None and not self.lower <= 0 <= self.upper

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)


def compare_arms(
    metric: MetricSpec,
    predictions: Predictions,
    truths: Truths,
    patients: Mapping[str, str],
    seed: int,
    *,
    level: float = LEVEL,
) -> list[ArmDifference]:
    """Compare every pair of arms on one metric (the primary one), on the cases that both can be judged on.

    Missing predictions count as the metric's table row says; where that is "left out", the case is left out
    for both arms of the pair. Arguments as for ``research.metrics.evaluate``.
    """
    truth = truths[metric.truth]
    scores = {
        arm: score_cases(metric, found.get(metric.prediction, {}), truth, patients)
        for arm, found in predictions.items()
    }
    rows = [_compare(metric, a, b, scores[a], scores[b], seed, level) for a, b in combinations(scores, 2)]
    adjusted = holm([row.p_value for row in rows])
    return [ArmDifference(**{**asdict(row), "p_adjusted": p}) for row, p in zip(rows, adjusted, strict=True)]


def mcnemar_exact(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Two-sided exact p-value that two arms are right equally often (McNemar 1947), on independent cases.

    Args:
        a: whether arm a is right, shape (cases,).
        b: likewise.
    """
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(only_a, only_a + only_b, 0.5).pvalue)


def paired_delong(
    positive: NDArray[np.bool_], a: Array, b: Array, clusters: Clusters, *, level: float = LEVEL
) -> Found:
    """AUC of ``a`` minus AUC of ``b``, its interval and two-sided p-value (DeLong 1988; Obuchowski 1997).

    Args:
        positive: truth, shape (cases,); both classes must occur.
        a: scores of arm a, shape (cases,).
        b: likewise.
        clusters: patient number of each case.
        level: of the interval.

    Returns:
        difference, lower, upper, p. Where no variance can be estimated (one class has a single patient, or
        each arm orders all pairs alike) the interval is Newcombe's of the two AUCs combined by squares, which
        ignores their correlation and so errs wide, and p is None.
    """
    aucs, covariance = delong(positive, [a, b], clusters)
    difference = float(aucs[0] - aucs[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance > _NO_VARIANCE:
        half = float(norm.ppf((1 + level) / 2)) * variance**0.5
        p_value = float(2 * norm.sf(abs(difference) / variance**0.5))
        return difference, difference - half, difference + half, p_value
    if np.array_equal(rankdata(a), rankdata(b)):
        return 0.0, 0.0, 0.0, 1.0
    positives, negatives = (len(np.unique(clusters[side])) for side in (positive, ~positive))
    low_a, high_a = _newcombe_bounds(float(aucs[0]), positives, negatives, level)
    low_b, high_b = _newcombe_bounds(float(aucs[1]), positives, negatives, level)
    below = float(np.hypot(aucs[0] - low_a, high_b - aucs[1]))
    above = float(np.hypot(high_a - aucs[0], aucs[1] - low_b))
    return difference, difference - below, difference + above, None


def _newcombe_bounds(auc: float, positives: int, negatives: int, level: float) -> tuple[float, float]:
    found = newcombe_auc(auc, positives, negatives, level=level)
    return found.lower or 0.0, found.upper or 0.0


def bootstrap_difference(
    a: Statistic, b: Statistic, clusters: Clusters, seed: int, *, level: float = LEVEL
) -> Found:
    """Paired percentile bootstrap over patients of the difference of two statistics on the same cases.

    Returns:
        difference, lower, upper and the two-sided p-value that belongs to the interval; the last three None
        with one patient.
    """

    def difference(weights: Array) -> Array:
        return a(weights) - b(weights)

    estimate = float(difference(np.ones((1, len(clusters))))[0])
    if clusters.max() == 0:
        return estimate, None, None, None
    draws = bootstrap_draws(difference, clusters, seed)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    tail = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return estimate, float(low), float(high), min(1.0, 2 * (tail + 1) / (len(draws) + 1))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's (1979) step-down adjustment; None stays None and does not count."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(order) - rank)))
        adjusted[i] = highest
    return adjusted


def _compare(
    metric: MetricSpec, arm_a: str, arm_b: str, a: Scores, b: Scores, seed: int, level: float
) -> ArmDifference:
    def row(n: int, found: Found | None, method: str, note: str = "") -> ArmDifference:
        difference, lower, upper, p_value = found or (None, None, None, None)
        return ArmDifference(
            arm_a, arm_b, metric.name, n, difference, lower, upper, level, p_value, None, method, note
        )

    if metric.kind == "auc":
        if a.positive.all() or not a.positive.any():
            return row(len(a.cases), None, "none", "Undefined: the truth has one class only.")
        pair = paired_delong(a.positive, a.values, b.values, a.clusters, level=level)
        alike = np.array_equal(rankdata(a.values), rankdata(b.values))
        return row(len(a.cases), pair, "paired DeLong", _ALIKE if alike else "")
    keep = np.isfinite(a.values) & np.isfinite(b.values)
    n = int(keep.sum())
    if n == 0:
        return row(0, None, "none", "Undefined: no case that both arms can be judged on.")
    left_out = len(a.cases) - n
    notes = [f"{left_out} cases left out for both arms."] if left_out else []
    values_a, values_b, clusters = a.values[keep], b.values[keep], subset(a.clusters, keep)
    statistics = [statistic_for(metric, values) for values in (values_a, values_b)]
    found = bootstrap_difference(statistics[0], statistics[1], clusters, seed, level=level)
    method = "paired patient-cluster bootstrap"
    if metric.kind in SHARES and len(np.unique(clusters)) == n:
        found = (*found[:3], mcnemar_exact(values_a > 0, values_b > 0))
        method += ", exact McNemar"
    if bool((values_a == values_b).all()):
        notes.append(_ALIKE)
    return row(n, found, method, " ".join(notes))

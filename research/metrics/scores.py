"""From predictions and truths to one value per case, with missing predictions treated as the table says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from research.intervals import Array, Clusters, Statistic, cluster_codes, mean_of, root_mean_of
from research.metrics.masks import Mask, dice, hausdorff_95, surface_dice, volume_ml
from research.metrics.table import MetricSpec

Value: TypeAlias = float | int | Mask | None

SHARES = ("sensitivity", "specificity", "accuracy")


@dataclass(frozen=True, eq=False)
class Scores:
    """One metric of one arm, case by case; all arrays have shape (cases,), cases sorted.

    Attributes:
        cases: those the metric is about (with truth; the positive ones for a sensitivity; ...).
        values: what the estimate is made of: an error, 0/1 for wrong/right, an AUC's score; NaN: left out.
        positive: truth at or above ``positive_at``; all false where that means nothing.
        ok: whether the case has a usable prediction.
        clusters: patient number of each case.
        without_truth: cases that could not be scored.
        undefined: cases whose value is undefined although both are there (both masks empty).
    """

    cases: tuple[str, ...]
    values: Array
    positive: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ok: np.ndarray[tuple[int], np.dtype[np.bool_]]
    clusters: Clusters
    without_truth: tuple[str, ...]
    undefined: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Cases without a usable prediction."""
        return tuple(case for case, ok in zip(self.cases, self.ok, strict=True) if not ok)


def score_cases(
    metric: MetricSpec,
    predictions: Mapping[str, Value],
    truths: Mapping[str, Value],
    patients: Mapping[str, str],
) -> Scores:
    """Score every case of ``patients``.

    A prediction that is absent, None, not a finite number, or a mask on another grid than the truth
    is missing.

    Args:
        metric: what to score.
        predictions: per case; cases may be absent.
        truths: per case; cases may be absent.
        patients: patient id of every case; its keys are the cases.

    Raises:
        TypeError: a truth of the wrong sort (a mask where a number belongs, or the reverse).
    """
    cases, values, positive, ok, without, undefined = [], [], [], [], [], []
    for case in sorted(patients):
        truth, given = truths.get(case), predictions.get(case)
        if truth is None or (not isinstance(truth, Mask) and not math.isfinite(truth)):
            without.append(case)
            continue
        if isinstance(truth, Mask) != (metric.metric.inputs == "mask"):
            msg = f"the truth {metric.truth} of a {metric.kind} metric is a {type(truth).__name__}"
            raise TypeError(msg)
        at = metric.positive_at
        is_positive = not isinstance(truth, Mask) and at is not None and truth >= at
        if metric.kind == ("specificity" if is_positive else "sensitivity"):
            continue  # the other class's metric
        usable = _usable(given, truth)
        value = _value(metric, given if usable else None, truth, is_positive=is_positive)
        if usable and math.isnan(value):
            undefined.append(case)
        cases.append(case)
        values.append(value)
        positive.append(is_positive)
        ok.append(usable and not math.isinf(value))
    return Scores(
        tuple(cases),
        np.array(values, dtype=np.float64),
        np.array(positive, dtype=np.bool_),
        np.array(ok, dtype=np.bool_),
        cluster_codes([patients[case] for case in cases]),
        tuple(without),
        tuple(undefined),
    )


def statistic_for(metric: MetricSpec, values: Array) -> Statistic:
    """How per-case values become the estimate (not for AUC)."""
    return root_mean_of(values) if metric.kind == "squared_error" else mean_of(values)


def subset(clusters: Clusters, keep: Sequence[bool] | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Clusters:
    """Patient numbers of the kept cases, renumbered without gaps."""
    return np.unique(clusters[np.asarray(keep)], return_inverse=True)[1].astype(np.intp)


def _usable(given: Value, truth: Value) -> bool:
    if isinstance(truth, Mask):
        return isinstance(given, Mask) and given.same_grid(truth)
    return given is not None and not isinstance(given, Mask) and math.isfinite(given)


def _value(metric: MetricSpec, given: Value, truth: Value, *, is_positive: bool) -> float:
    if isinstance(truth, Mask):
        return _mask_value(metric, given if isinstance(given, Mask) else None, truth)
    number = None if given is None or isinstance(given, Mask) else float(given)
    wanted = float(truth or 0.0)
    match metric.kind:
        case "auc":
            worst = -math.inf if is_positive else math.inf
            return worst if number is None else number
        case "sensitivity" | "specificity" | "accuracy":
            return float(number is not None and (number >= (metric.threshold or 0.0)) == is_positive)
        case "bias":
            return math.nan if number is None else number - wanted
        case _:
            if number is not None:
                error = abs(number - wanted)
            elif metric.range is not None:
                error = max(abs(wanted - bound) for bound in metric.range)
            else:
                error = math.nan
            return error**2 if metric.kind == "squared_error" else error


def _mask_value(metric: MetricSpec, given: Mask | None, truth: Mask) -> float:
    match metric.kind:
        case "dice":
            return 0.0 if given is None else dice(given, truth)
        case "nsd":
            return 0.0 if given is None else surface_dice(given, truth, metric.tolerance_mm or 0.0)
        case "volume_error":
            return math.nan if given is None else abs(volume_ml(given) - volume_ml(truth))
        case _:
            return math.nan if given is None else hausdorff_95(given, truth)

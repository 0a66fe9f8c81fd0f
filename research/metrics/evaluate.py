"""Every metric of an experiment for every arm, each with its interval and the count of what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from research.intervals import (
    LEVEL,
    Interval,
    auc_interval,
    cluster_bootstrap,
    clustered_wilson,
    limits_of_agreement,
)
from research.metrics.scores import SHARES, Scores, Value, score_cases, statistic_for, subset
from research.metrics.table import MetricSpec

FEW_PATIENTS = 10

Predictions = Mapping[str, Mapping[str, Mapping[str, Value]]]
"""Arm -> ``<step>.<socket slug>`` -> case -> value; absent or None where there is none."""
Truths = Mapping[str, Mapping[str, Value]]
"""Truth name -> case -> value."""


@dataclass(frozen=True)
class MetricRow:
    """One metric of one arm.

    Attributes:
        arm: the arm's key.
        name: the metric's name in the specification.
        kind: a key of ``METRICS``.
        label: for tables.
        is_primary: whether arms are compared on it.
        better: lower, higher or zero.
        unit: of estimate and bounds.
        estimate: None where the data do not define it.
        lower: bound of the interval; None where there is none.
        upper: likewise.
        level: of the interval.
        interval_method: ``none`` where there is no interval.
        n_total: cases the metric is about (with truth).
        n_ok: those of them with a usable prediction.
        n_patients: patients these cases come from.
        missing: the cases without one.
        note: what a reader must know, one or more sentences; empty where there is nothing.
        details: further numbers (limits of agreement, counts of undefined and infinite cases).
    """

    arm: str
    name: str
    kind: str
    label: str
    is_primary: bool
    better: str
    unit: str
    estimate: float | None
    lower: float | None
    upper: float | None
    level: float
    interval_method: str
    n_total: int
    n_ok: int
    n_patients: int
    missing: tuple[str, ...] = ()
    note: str = ""
    details: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self) | {"missing": list(self.missing), "details": dict(self.details)}


def evaluate(
    metrics: Sequence[MetricSpec],
    predictions: Predictions,
    truths: Truths,
    patients: Mapping[str, str],
    seed: int,
    *,
    level: float = LEVEL,
) -> list[MetricRow]:
    """Evaluate every metric for every arm.

    Args:
        metrics: from a specification.
        predictions: arm -> prediction -> case -> value.
        truths: truth name -> case -> value.
        patients: patient id of every case of the cohort; its keys are the cases, whatever predictions exist.
        seed: of the bootstrap.
        level: of all intervals.

    Returns:
        One row per metric and arm, metrics outermost.

    Raises:
        TypeError: a truth of the wrong sort.
    """
    rows = []
    for metric in metrics:
        truth = truths[metric.truth]
        for arm, found in predictions.items():
            scores = score_cases(metric, found.get(metric.prediction, {}), truth, patients)
            rows.append(_row(metric, arm, scores, seed, level))
    return rows


def _row(metric: MetricSpec, arm: str, scores: Scores, seed: int, level: float) -> MetricRow:
    keep = np.isfinite(scores.values) | (metric.kind == "auc")
    details: dict[str, float] = {}
    notes: list[str] = []
    interval: Interval | None = None
    if metric.kind == "auc" and (scores.positive.all() or not scores.positive.any()):
        side = "negative" if scores.positive.any() else "positive"
        notes.append(f"Undefined: no {side} case.")
    elif not keep.any():
        notes.append("Undefined: no case to estimate it from.")
    else:
        interval = _interval(metric, scores, keep, seed, level)
    if metric.kind == "bias" and keep.sum() > 1:
        limits = limits_of_agreement(scores.values[keep], level=level)
        details |= {"sd": limits.sd, "limit_lower": limits.lower, "limit_upper": limits.upper}
        for name, (low, high) in (("lower", limits.lower_interval), ("upper", limits.upper_interval)):
            details |= {f"limit_{name}_low": low, f"limit_{name}_high": high}
    if metric.metric.inputs == "mask":
        details |= {"n_both_empty": len(scores.undefined), "n_infinite": int(np.isinf(scores.values).sum())}
    n_patients = len(np.unique(scores.clusters))
    notes += _notes(metric, scores, n_patients)
    return MetricRow(
        arm=arm,
        name=metric.name,
        kind=metric.kind,
        label=metric.metric.label,
        is_primary=metric.primary,
        better=metric.metric.better,
        unit=metric.unit,
        estimate=None if interval is None else interval.estimate,
        lower=None if interval is None else interval.lower,
        upper=None if interval is None else interval.upper,
        level=level,
        interval_method="none" if interval is None else interval.method,
        n_total=len(scores.cases),
        n_ok=int(scores.ok.sum()),
        n_patients=n_patients,
        missing=scores.missing,
        note=" ".join(notes),
        details=details,
    )


def _interval(
    metric: MetricSpec, scores: Scores, keep: np.ndarray[Any, np.dtype[np.bool_]], seed: int, level: float
) -> Interval:
    values, clusters = scores.values[keep], subset(scores.clusters, keep)
    if metric.kind == "auc":
        return auc_interval(scores.positive, values, clusters, level=level)
    if metric.kind in SHARES:
        return clustered_wilson(values, clusters, level=level)
    return cluster_bootstrap(statistic_for(metric, values), clusters, seed, level=level)


def _notes(metric: MetricSpec, scores: Scores, n_patients: int) -> list[str]:
    notes = []
    if scores.missing:
        kind = metric.metric
        penalised = (
            kind.missing
            if "range" not in kind.takes
            else (
                "takes the largest error possible" if metric.range is not None else "left out of the estimate"
            )
        )
        noun = "case" if len(scores.missing) == 1 else "cases"
        notes.append(f"{len(scores.missing)} {noun} without a usable prediction ({penalised}).")
    if scores.without_truth:
        notes.append(f"{len(scores.without_truth)} without truth, not counted.")
    if scores.undefined:
        notes.append(f"{len(scores.undefined)} with both masks empty, left out.")
    if 0 < n_patients < FEW_PATIENTS:
        noun = "patient" if n_patients == 1 else "patients"
        notes.append(f"Only {n_patients} {noun}: read the interval with care.")
    return notes

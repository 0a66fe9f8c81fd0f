"""The table of metrics: what each kind means, what it needs and how to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher", "zero"]
Inputs = Literal["number", "mask"]


@dataclass(frozen=True)
class Metric:
    """One kind of metric.

    Attributes:
        kind: what a specification calls it.
        label: for tables.
        unit: unit of the estimate; ``truth`` means the unit of the truth values, empty means none.
        better: which way is better.
        inputs: whether predictions and truths are numbers or masks.
        needs: parameters that must be given.
        takes: parameters that may be given.
        missing: what a missing prediction does, in words.
        interval: the interval's method, in words.
        about: definition, one or two sentences.
    """

    kind: str
    label: str
    unit: str
    better: Better
    inputs: Inputs
    needs: tuple[str, ...]
    takes: tuple[str, ...]
    missing: str
    interval: str
    about: str


_WORST = "takes the largest error possible within range; without range it is left out and n_ok < n_total"
_OUT = "left out of the estimate; n_ok < n_total"
_WRONG = "counts as wrong"
_MEAN = "patient-cluster percentile bootstrap"
_SHARE = "Wilson; with several cases of a patient, Wilson with the Rao-Scott design effect"


def _number(kind: str, label: str, about: str, better: Better = "lower", missing: str = _WORST) -> Metric:
    takes = ("range",) if missing is _WORST else ()
    return Metric(kind, label, "truth", better, "number", (), takes, missing, _MEAN, about)


def _share(kind: str, label: str, about: str) -> Metric:
    needs = ("threshold", "positive_at")
    return Metric(kind, label, "", "higher", "number", needs, (), _WRONG, _SHARE, about)


def _mask(kind: str, label: str, unit: str, better: Better, missing: str, about: str) -> Metric:
    needs = ("tolerance_mm",) if kind == "nsd" else ()
    return Metric(kind, label, unit, better, "mask", needs, (), missing, _MEAN, about)


_ROWS = (
    _number("absolute_error", "Mean absolute error", "Mean of |prediction - truth| over cases."),
    _number("squared_error", "Root mean square error", "Square root of the mean of (prediction - truth)^2."),
    _number(
        "bias",
        "Bias",
        "Mean of prediction - truth, with the 95 % limits of agreement of Bland and Altman (1986): "
        "bias -/+ 1.96 standard deviations of the differences.",
        better="zero",
        missing=_OUT,
    ),
    Metric(
        "auc",
        "AUC",
        "",
        "higher",
        "number",
        ("positive_at",),
        (),
        "ranks as wrongly as possible: a positive below all others, a negative above all others",
        "DeLong (1988), clustered by patient after Obuchowski (1997); Newcombe's score interval where "
        "every or no pair is ordered rightly",
        "Probability that a positive case (truth >= positive_at) has a higher prediction than a negative "
        "one; ties count half.",
    ),
    _share(
        "sensitivity",
        "Sensitivity",
        "Share of positive cases (truth >= positive_at) called positive (prediction >= threshold).",
    ),
    _share(
        "specificity",
        "Specificity",
        "Share of negative cases (truth < positive_at) called negative (prediction < threshold).",
    ),
    _share("accuracy", "Accuracy", "Share of cases called rightly; misleads where one class is rare."),
    _mask(
        "dice",
        "Dice",
        "",
        "higher",
        "counts as 0",
        "2 |A and B| / (|A| + |B|) per case, then the mean. "
        "One mask empty: 0. Both empty: undefined, counted apart.",
    ),
    _mask(
        "volume_error",
        "Mean absolute volume error",
        "ml",
        "lower",
        _OUT,
        "Mean of |predicted volume - true volume|.",
    ),
    _mask(
        "hd95",
        "95 % Hausdorff distance",
        "mm",
        "lower",
        _OUT,
        "The larger of the two 95th percentiles of "
        "distances between the surfaces, per case, then the mean over finite ones. One mask empty: "
        "infinite, counted apart and not ok. Both empty: undefined, counted apart.",
    ),
    _mask(
        "nsd",
        "Normalised surface dice",
        "",
        "higher",
        "counts as 0",
        "Share of both surfaces that lies "
        "within tolerance_mm of the other (Nikolov 2018), per case, then the mean. One mask empty: 0. Both "
        "empty: undefined, counted apart.",
    ),
)

METRICS: Mapping[str, Metric] = {metric.kind: metric for metric in _ROWS}
"""Every kind of metric, in the order of the reference page."""


@dataclass(frozen=True)
class MetricSpec:
    """One metric of an experiment, checked.

    Attributes:
        name: unique within the experiment.
        kind: a key of ``METRICS``.
        prediction: ``<step>.<socket slug>``.
        truth: a truth's name.
        primary: whether arms are compared and ranked on it.
        unit: unit of the estimate.
        threshold: predictions at or above it are calls of "positive".
        positive_at: truths at or above it are positive.
        range: lowest and highest possible value, for the penalty of missing predictions.
        tolerance_mm: of the normalised surface dice.
    """

    name: str
    kind: str
    prediction: str
    truth: str
    primary: bool = False
    unit: str = ""
    threshold: float | None = None
    positive_at: float | None = None
    range: tuple[float, float] | None = None
    tolerance_mm: float | None = None

    @property
    def metric(self) -> Metric:
        """The row of ``METRICS``."""
        return METRICS[self.kind]

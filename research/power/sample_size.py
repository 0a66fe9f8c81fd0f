"""How many cases a declared precision needs. Every formula names its paper; the tests hold it to published values.

- Buderer NM. Acad Emerg Med 1996;3:895-900: sensitivity and specificity with prevalence.
- Wilson EB. J Am Stat Assoc 1927;22:209-212: the score interval.
- Hanley JA, McNeil BJ. Radiology 1982;143:29-36: standard error of the area under the ROC curve.
- Obuchowski NA. Acad Radiol 1998;5:561-571 (review): the binormal variance of the area.
- Riley RD et al. BMJ 2020;368:m441: four criteria for developing a prediction model with a binary outcome.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from research.intervals import wilson

_LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """What is expected of a model, and how precisely it is to be shown; all are fractions.

    Attributes:
        sensitivity, specificity, auc: expected values.
        half_width: half of the interval's width that is wanted.
        level: of the interval.
    """

    sensitivity: float = 0.9
    specificity: float = 0.9
    auc: float = 0.85
    half_width: float = 0.05
    level: float = _LEVEL


def _z(level: float) -> float:
    if not 0 < level < 1:
        msg = f"level {level} is no fraction between 0 and 1"
        raise ValueError(msg)
    return NormalDist().inv_cdf(0.5 + level / 2)


def _fraction(value: float, what: str, *, ends: bool = False) -> float:
    if not (0 <= value <= 1 if ends else 0 < value < 1):
        msg = f"{what} {value} is no fraction between 0 and 1"
        raise ValueError(msg)
    return value


def cases_for_proportion(expected: float, half_width: float, level: float = _LEVEL) -> int:
    """Cases of one kind for a proportion with a normal interval of this half width (Buderer 1996, step 1)."""
    p, width = _fraction(expected, "expected"), _fraction(half_width, "half_width")
    return _up(_z(level) ** 2 * p * (1 - p) / width**2)


def cases_for_sensitivity(
    sensitivity: float, half_width: float, prevalence: float, level: float = _LEVEL
) -> int:
    """All cases, positive and negative, for an estimate of sensitivity (Buderer 1996, equation 3)."""
    p, width = _fraction(sensitivity, "sensitivity"), _fraction(half_width, "half_width")
    return _up(_z(level) ** 2 * p * (1 - p) / width**2 / _fraction(prevalence, "prevalence"))


def cases_for_specificity(
    specificity: float, half_width: float, prevalence: float, level: float = _LEVEL
) -> int:
    """All cases, positive and negative, for an estimate of specificity (Buderer 1996, equation 4)."""
    return cases_for_sensitivity(specificity, half_width, 1 - prevalence, level)


def wilson_half_width(successes: float, n: int, level: float = _LEVEL) -> float:
    """Half of the width of the score interval (Wilson 1927) of ``successes`` in ``n``."""
    found = wilson(successes, n, level=level)
    assert found.lower is not None  # noqa: S101 - a Wilson interval has both ends
    assert found.upper is not None  # noqa: S101
    return (found.upper - found.lower) / 2


def auc_standard_error(auc: float, positives: int, negatives: int) -> float:
    """Standard error of an area under the ROC curve (Hanley and McNeil 1982, equations 1 and 2)."""
    a = _fraction(auc, "auc", ends=True)
    if positives < 1 or negatives < 1:
        msg = "both kinds of cases are needed"
        raise ValueError(msg)
    q1, q2 = a / (2 - a), 2 * a**2 / (1 + a)
    variance = a * (1 - a) + (positives - 1) * (q1 - a**2) + (negatives - 1) * (q2 - a**2)
    return math.sqrt(variance / (positives * negatives))


def binormal_variance(auc: float, ratio: float) -> float:
    """Variance of the area times the number of positives; ``ratio`` negatives a positive (Obuchowski 1998).

    V = 0.0099 exp(-A^2/2) ((5 A^2 + 8) + (A^2 + 8) / ratio) with A = 1.414 times the normal quantile of the area.
    """
    a = 1.414 * NormalDist().inv_cdf(_fraction(auc, "auc"))
    return 0.0099 * math.exp(-(a**2) / 2) * ((5 * a**2 + 8) + (a**2 + 8) / ratio)


def cases_for_auc(
    auc: float, half_width: float, negatives_per_positive: float = 1.0, level: float = _LEVEL
) -> tuple[int, int]:
    """Positives and negatives for an area with an interval of this half width (Hanley and McNeil's error)."""
    width, z = _fraction(half_width, "half_width"), _z(level)
    if not negatives_per_positive > 0:
        msg = "negatives_per_positive must be above 0"
        raise ValueError(msg)

    def wide(n: int) -> bool:
        return z * auc_standard_error(auc, n, max(1, round(n * negatives_per_positive))) > width

    low, high = 1, 2
    while wide(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high, max(1, round(high * negatives_per_positive))


@dataclass(frozen=True)
class PredictionModelSize:
    """Cases that each criterion of Riley et al. 2020 asks for; ``cases`` is their greatest, ``events`` of them."""

    overall_risk: int
    mean_error: int
    shrinkage: int
    optimism: int
    cases: int
    events: int


def prediction_model_size(
    parameters: int,
    prevalence: float,
    cox_snell_r2: float | None = None,
    *,
    shrinkage: float = 0.9,
    mean_error: float = 0.05,
    optimism: float = 0.05,
    risk_half_width: float = 0.05,
) -> PredictionModelSize:
    """Least size for developing a model of a binary outcome (Riley et al. 2020, figure 1, criteria B1 to B4).

    Args:
        parameters: candidate predictor parameters.
        prevalence: expected proportion of positives.
        cox_snell_r2: anticipated R2 (Cox and Snell); 15 % of its greatest possible value where left out.
        shrinkage: wanted of predictor effects.
        mean_error: mean absolute error of predicted probabilities.
        optimism: difference of apparent and adjusted Nagelkerke R2.
        risk_half_width: half of the interval of the overall risk.
    """
    p = _fraction(prevalence, "prevalence")
    if parameters < 1:
        msg = "a model has at least one parameter"
        raise ValueError(msg)
    null = p * math.log(p) + (1 - p) * math.log(1 - p)
    greatest = 1 - math.exp(2 * null)
    r2 = 0.15 * greatest if cox_snell_r2 is None else cox_snell_r2
    if not 0 < r2 < greatest:
        msg = f"R2 {r2} is not between 0 and {greatest:.3f}, its greatest possible value"
        raise ValueError(msg)
    overall = (1.96 / risk_half_width) ** 2 * p * (1 - p)
    error = math.exp(
        (-0.508 + 0.259 * math.log(p) + 0.504 * math.log(parameters) - math.log(mean_error)) / 0.544
    )
    shrunk = parameters / ((shrinkage - 1) * math.log(1 - r2 / shrinkage))
    wanted = r2 / (r2 + optimism * greatest)
    optimistic = parameters / ((wanted - 1) * math.log(1 - r2 / wanted))
    cases = _up(max(overall, error, shrunk, optimistic))
    return PredictionModelSize(
        _up(overall), _up(error), _up(shrunk), _up(optimistic), cases=cases, events=_up(cases * p)
    )


def _up(value: float) -> int:
    return math.ceil(value - 1e-9)

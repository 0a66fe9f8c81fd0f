"""Formulas against the values that their papers print."""

from __future__ import annotations

import pytest

from research.power import (
    auc_standard_error,
    cases_for_auc,
    cases_for_proportion,
    cases_for_sensitivity,
    cases_for_specificity,
    prediction_model_size,
    wilson_half_width,
)
from research.power.sample_size import binormal_variance


@pytest.mark.parametrize(
    ("expected", "half_width", "n"), [(0.90, 0.05, 139), (0.95, 0.03, 203), (0.80, 0.1, 62)]
)
def test_buderer_positives(expected: float, half_width: float, n: int) -> None:
    """z^2 p (1-p) / w^2, the first step of Buderer 1996, by hand."""
    assert cases_for_proportion(expected, half_width) == n


def test_buderer_with_prevalence() -> None:
    assert cases_for_sensitivity(0.90, 0.10, 0.20) == 173  # 34.57 positives at one in five
    assert cases_for_specificity(0.85, 0.10, 0.20) == 62  # 48.98 negatives at four in five
    assert cases_for_specificity(0.9, 0.05, 0.3) == cases_for_sensitivity(0.9, 0.05, 0.7)


def test_hanley_and_mcneil() -> None:
    """The worked example of the paper: 51 abnormal and 58 normal CT, area 0.893, error 0.032."""
    assert auc_standard_error(0.893, 51, 58) == pytest.approx(0.032, abs=6e-4)


def test_cases_for_auc_is_the_least() -> None:
    positives, negatives = cases_for_auc(0.85, 0.05, 2.0)
    assert negatives == 2 * positives
    assert 1.96 * auc_standard_error(0.85, positives, negatives) <= 0.05
    assert 1.9599 * auc_standard_error(0.85, positives - 1, negatives - 2) > 0.05


def test_binormal_variance() -> None:
    """At an area of 0.5 all of A is 0: 0.0099 * (8 + 8 / ratio); near Hanley and McNeil's elsewhere."""
    assert binormal_variance(0.5, 1) == pytest.approx(0.0099 * 16)
    assert binormal_variance(0.8, 1) / 200 == pytest.approx(auc_standard_error(0.8, 200, 200) ** 2, rel=0.25)


def test_wilson_published() -> None:
    """81 of 263: 0.2553 to 0.3662 (Newcombe, Stat Med 1998;17:857-872, table I)."""
    assert wilson_half_width(81, 263) == pytest.approx((0.3662 - 0.2553) / 2, abs=1e-4)


def test_riley_diagnostic_example() -> None:
    """BMJ 2020;368:m441, pre-eclampsia: 30 parameters, 5 % of women, R2 0.05 and a shrinkage of 0.9 need 5249."""
    size = prediction_model_size(30, 0.05, 0.05)
    assert size.shrinkage == 5249
    assert size.cases == max(size.overall_risk, size.mean_error, size.shrinkage, size.optimism)
    assert size.overall_risk == 73
    assert size.events == 263


def test_riley_example_of_2018() -> None:
    """Stat Med 2019;38:1276-1296: 24 parameters, 17.4 %, R2 0.288: 623 by shrinkage, 662 by optimism, 221 by risk."""
    size = prediction_model_size(24, 0.174, 0.288)
    assert (size.shrinkage, size.optimism, size.overall_risk) == (623, 662, 221)


@pytest.mark.parametrize(
    "call",
    [
        lambda: cases_for_proportion(1.0, 0.05), lambda: cases_for_sensitivity(0.9, 0.05, 0.0),
        lambda: wilson_half_width(3, 2), lambda: auc_standard_error(0.9, 0, 5), lambda: cases_for_auc(0.9, 0.05, 0),
        lambda: prediction_model_size(0, 0.1), lambda: prediction_model_size(5, 0.1, 0.99),
        lambda: cases_for_proportion(0.5, 0.1, 1.0),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        call()  # type: ignore[operator]

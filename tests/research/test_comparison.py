"""Arms are compared on the same cases, with the same resamples, never with more certainty than there is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from research.comparison import ArmDifference, compare_arms, holm, mcnemar_exact, paired_delong
from research.metrics import MetricSpec, evaluate

CASES = [f"c{i:02d}" for i in range(40)]
RNG = np.random.default_rng(11)
TRUTH = dict(zip(CASES, RNG.uniform(0, 0.4, 40), strict=True))
GOOD = {case: value + RNG.normal(0, 0.01) for case, value in TRUTH.items()}
POOR = {case: value + RNG.normal(0, 0.05) for case, value in TRUTH.items()}
PATIENTS = {case: case for case in CASES}


def compare(
    kind: str, arms: dict[str, dict[str, Any]], patients: Any = PATIENTS, **params: Any
) -> list[ArmDifference]:
    metric = MetricSpec("m", kind, "s.v", "t", primary=True, **params)
    return compare_arms(metric, {arm: {"s.v": v} for arm, v in arms.items()}, {"t": TRUTH}, patients, 3)


def test_mcnemar_against_statsmodels() -> None:
    # statsmodels 0.15 mcnemar([[30, 12], [5, 53]], exact=True): p .1435
    a = np.repeat([True, True, False, False], [30, 12, 5, 53])
    b = np.repeat([True, False, True, False], [30, 12, 5, 53])
    assert mcnemar_exact(a, b) == pytest.approx(0.1435, abs=5e-5)
    assert mcnemar_exact(a, a) == 1


def test_paired_delong_against_mlstatkit() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    first = y * 0.8 + rng.normal(size=500)
    second = y * 1.1 + rng.normal(size=500)
    difference, lower, upper, p = paired_delong(y.astype(bool), first, second, np.arange(500))
    assert p == pytest.approx(0.00024096, abs=5e-8)
    assert lower is not None
    assert upper is not None
    assert difference / ((upper - lower) / 2 / 1.959964) == pytest.approx(-3.6717, abs=5e-5)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_better_arm_is_told_apart() -> None:
    (found,) = compare("absolute_error", {"good": GOOD, "poor": POOR})
    assert (found.arm_a, found.arm_b, found.n) == ("good", "poor", 40)
    assert found.distinguishable
    assert found.difference is not None
    assert found.difference < 0
    assert found.p_value == pytest.approx(2 / 2001)
    rows = evaluate(
        [MetricSpec("m", "absolute_error", "s.v", "t")],
        {"good": {"s.v": GOOD}, "poor": {"s.v": POOR}},
        {"t": TRUTH},
        PATIENTS,
        3,
    )
    assert found.difference == pytest.approx(rows[0].estimate - rows[1].estimate)


def test_order_turns_the_sign_only() -> None:
    for kind, params in (("absolute_error", {}), ("auc", {"positive_at": 0.2}), ("bias", {})):
        (ab,) = compare(kind, {"a": GOOD, "b": POOR}, **params)
        (ba,) = compare(kind, {"b": POOR, "a": GOOD}, **params)
        assert ab.difference == pytest.approx(-ba.difference)
        assert ab.lower == pytest.approx(-ba.upper)
        assert ab.p_value == pytest.approx(ba.p_value)


def test_the_same_arm_twice() -> None:
    for kind, params in (
        ("absolute_error", {}),
        ("auc", {"positive_at": 0.2}),
        ("accuracy", {"positive_at": 0.2, "threshold": 0.2}),
    ):
        (found,) = compare(kind, {"a": GOOD, "b": dict(GOOD)}, **params)
        assert (found.difference, found.lower, found.upper, found.p_value) == (0, 0, 0, 1)
        assert "alike" in found.note
        assert not found.distinguishable


def test_pairing_beats_two_separate_intervals() -> None:
    shifted = {case: value + 0.002 for case, value in POOR.items()}
    (found,) = compare("bias", {"a": POOR, "b": shifted})
    assert found.lower == pytest.approx(-0.002)
    assert found.upper == pytest.approx(-0.002)


def test_missing_predictions_leave_both_arms_out_or_cost() -> None:
    fewer = {case: value for case, value in GOOD.items() if case not in CASES[:5]}
    (out,) = compare("absolute_error", {"a": fewer, "b": POOR})
    assert out.n == 35
    assert "5 cases left out" in out.note
    (cost,) = compare("absolute_error", {"a": fewer, "b": POOR}, range=(0.0, 1.0))
    assert cost.n == 40
    assert cost.difference is not None
    assert out.difference is not None
    assert cost.difference > out.difference
    (nothing,) = compare("absolute_error", {"a": {}, "b": POOR})
    assert (nothing.difference, nothing.n, nothing.method) == (None, 0, "none")


def test_shares_use_mcnemar_only_on_independent_cases() -> None:
    binary = {"positive_at": 0.2, "threshold": 0.2}
    (found,) = compare("accuracy", {"a": GOOD, "b": POOR}, **binary)
    right = [np.array([(arm[c] >= 0.2) == (TRUTH[c] >= 0.2) for c in CASES]) for arm in (GOOD, POOR)]
    assert found.p_value == mcnemar_exact(*right)
    assert found.method.endswith("exact McNemar")
    (shared,) = compare("accuracy", {"a": GOOD, "b": POOR}, {case: case[:2] for case in CASES}, **binary)
    assert shared.method == "paired patient-cluster bootstrap"


def test_perfect_against_useless_is_not_certain() -> None:
    y = np.array([True] * 3 + [False] * 3)
    perfect, useless = np.array([6.0, 5, 4, 3, 2, 1]), np.zeros(6)
    difference, lower, upper, p = paired_delong(y, perfect, useless, np.arange(6))
    assert difference == 0.5
    assert lower is not None
    assert upper is not None
    assert upper - lower > 0.3
    assert p is None


def test_three_arms_are_three_pairs_with_adjusted_p() -> None:
    middle = {case: (GOOD[case] + POOR[case]) / 2 for case in CASES}
    rows = compare("absolute_error", {"a": GOOD, "b": middle, "c": POOR})
    assert [(r.arm_a, r.arm_b) for r in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [r.p_adjusted for r in rows] == pytest.approx(holm([r.p_value for r in rows]))
    assert all(r.p_adjusted >= r.p_value for r in rows)
    assert json.loads(json.dumps(rows[0].to_dict()))["metric"] == "m"


def test_one_patient_gives_no_interval() -> None:
    (found,) = compare("absolute_error", {"a": GOOD, "b": POOR}, dict.fromkeys(CASES, "P"))
    assert found.difference is not None
    assert (found.lower, found.upper, found.p_value) == (None, None, None)
    assert not found.distinguishable

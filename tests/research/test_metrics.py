"""Estimates are right, missing predictions cost what the table says, and nothing is dropped in silence."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from research.intervals import wilson
from research.metrics import (
    METRICS,
    Mask,
    MetricRow,
    MetricSpec,
    dice,
    evaluate,
    hausdorff_95,
    surface_dice,
    volume_ml,
)

TRUTH = {"a": 0.0, "b": 0.02, "c": 0.10, "d": 0.20, "e": 0.40}
GUESS = {"a": 0.01, "b": 0.06, "c": 0.08, "d": 0.20, "e": 0.30}
PATIENTS = {case: case.upper() for case in TRUTH}
BINARY = {"positive_at": 0.05, "threshold": 0.05}


def row(
    kind: str, guess: dict[str, Any], truth: Any = TRUTH, patients: Any = PATIENTS, **params: Any
) -> MetricRow:
    metric = MetricSpec("m", kind, "s.v", "t", **params)
    (found,) = evaluate([metric], {"arm": {"s.v": guess}}, {"t": truth}, patients, 1)
    return found


@pytest.mark.parametrize(
    ("kind", "params", "estimate", "n_total"),
    [
        ("absolute_error", {}, (0.01 + 0.04 + 0.02 + 0 + 0.1) / 5, 5),
        ("squared_error", {}, math.sqrt((0.0001 + 0.0016 + 0.0004 + 0.01) / 5), 5),
        ("bias", {}, (0.01 + 0.04 - 0.02 - 0.1) / 5, 5),
        ("auc", {"positive_at": 0.05}, 1.0, 5),
        ("auc", {"positive_at": 0.01}, 1.0, 5),
        ("auc", {"positive_at": 0.15}, 1.0, 5),
        ("sensitivity", BINARY, 1.0, 3),
        ("specificity", BINARY, 0.5, 2),
        ("accuracy", BINARY, 0.8, 5),
    ],
)
def test_estimates(kind: str, params: dict[str, float], estimate: float, n_total: int) -> None:
    found = row(kind, GUESS, **params)
    assert found.estimate == pytest.approx(estimate)
    assert (found.n_total, found.n_ok, found.missing) == (n_total, n_total, ())
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower <= found.estimate <= found.upper
    assert "patients: read the interval with care" in found.note


MISSING = {case: value for case, value in GUESS.items() if case not in "ce"} | {"e": None}


@pytest.mark.parametrize(
    ("kind", "params", "estimate"),
    [
        ("absolute_error", {"range": (0.0, 1.0)}, (0.01 + 0.04 + 0.9 + 0 + 0.6) / 5),
        ("absolute_error", {}, (0.01 + 0.04 + 0) / 3),
        ("squared_error", {"range": (0.0, 1.0)}, math.sqrt((0.0001 + 0.0016 + 0.81 + 0.36) / 5)),
        ("bias", {}, (0.01 + 0.04) / 3),
        ("auc", {"positive_at": 0.05}, 1 / 3),
        ("sensitivity", BINARY, 1 / 3),
        ("accuracy", BINARY, 2 / 5),
    ],
)
def test_missing_predictions_count_as_failures(kind: str, params: dict[str, Any], estimate: float) -> None:
    found = row(kind, MISSING, **params)
    assert found.estimate == pytest.approx(estimate)
    assert found.missing == ("c", "e")
    assert found.n_total - found.n_ok == 2
    assert "2 cases without a usable prediction" in found.note


@pytest.mark.parametrize("junk", [float("nan"), float("inf"), Mask(np.ones((2, 2), bool), (1.0, 1.0))])
def test_junk_is_a_missing_prediction(junk: Any) -> None:
    assert row("accuracy", GUESS | {"d": junk}, **BINARY).missing == ("d",)


def test_an_arm_without_any_prediction_still_has_a_row() -> None:
    found = row("absolute_error", {})
    assert (found.estimate, found.interval_method, found.n_ok, found.n_total) == (None, "none", 0, 5)
    assert row("sensitivity", {}, **BINARY).estimate == 0
    assert row("auc", {}, positive_at=0.05).estimate == 0


def test_cases_without_truth_are_said_and_not_counted() -> None:
    found = row("absolute_error", GUESS, truth={"a": 0.0, "b": 0.02, "c": None})
    assert found.n_total == 2
    assert "3 without truth" in found.note


def test_one_class_only_is_undefined_not_wrong() -> None:
    found = row("auc", GUESS, positive_at=0.9)
    assert found.estimate is None
    assert "no positive case" in found.note
    assert row("sensitivity", GUESS, positive_at=0.9, threshold=0.5).estimate is None


def test_intervals_are_by_patient() -> None:
    guess = {f"{i}": 0.1 if i % 3 else 0.0 for i in range(30)}
    truth = dict.fromkeys(guess, 0.1)
    alone = row("sensitivity", guess, truth, {case: case for case in guess}, **BINARY)
    assert alone.interval_method == "Wilson"
    assert alone.lower == pytest.approx(wilson(20, 30).lower)
    shared = row("sensitivity", guess, truth, {case: str(int(case) % 3) for case in guess}, **BINARY)
    assert shared.n_patients == 3
    assert shared.interval_method == "Wilson, Rao-Scott"
    assert shared.lower < alone.lower
    one = row("absolute_error", guess, truth, dict.fromkeys(guess, "P"))
    assert (one.lower, one.upper, one.interval_method) == (None, None, "none")


def test_bias_carries_limits_of_agreement() -> None:
    details = row("bias", GUESS).details
    differences = np.array([GUESS[case] - TRUTH[case] for case in TRUTH])
    assert details["limit_upper"] == pytest.approx(differences.mean() + 1.96 * differences.std(ddof=1))


def test_the_seed_decides_and_order_does_not() -> None:
    backwards = dict(reversed(GUESS.items()))
    assert row("absolute_error", GUESS) == row("absolute_error", backwards)
    metric = MetricSpec("m", "absolute_error", "s.v", "t")
    arms = {"x": {"s.v": GUESS}, "y": {"s.v": GUESS}}
    one, two = evaluate([metric], arms, {"t": TRUTH}, PATIENTS, 1)
    assert (one.lower, one.upper) == (two.lower, two.upper)
    (other, _) = evaluate([metric], arms, {"t": TRUTH}, PATIENTS, 2)
    assert (one.lower, one.upper) != (other.lower, other.upper)


def test_rows_are_json() -> None:
    assert json.loads(json.dumps(row("bias", MISSING).to_dict()))["missing"] == ["c", "e"]


def test_truth_of_the_wrong_sort() -> None:
    with pytest.raises(TypeError, match="truth t"):
        row("dice", GUESS)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_missing_prediction_never_helps(data: st.DataObject) -> None:
    """Whatever an arm predicts, not answering is never better on any metric that counts failures."""
    cases = [str(i) for i in range(data.draw(st.integers(2, 8)))]
    number = st.floats(0, 1)
    truth = {case: data.draw(number) for case in cases}
    guess = {case: data.draw(number) for case in cases}
    dropped = data.draw(st.sampled_from(cases))
    patients = {case: case for case in cases}
    for kind, params in (
        ("absolute_error", {"range": (0.0, 1.0)}),
        ("squared_error", {"range": (0.0, 1.0)}),
        ("auc", {"positive_at": 0.5}),
        ("sensitivity", {"positive_at": 0.5, "threshold": 0.5}),
        ("specificity", {"positive_at": 0.5, "threshold": 0.5}),
        ("accuracy", {"positive_at": 0.5, "threshold": 0.5}),
    ):
        whole = row(kind, guess, truth, patients, **params).estimate
        less = row(kind, {c: v for c, v in guess.items() if c != dropped}, truth, patients, **params).estimate
        if whole is not None and less is not None:
            worse = less >= whole - 1e-12 if METRICS[kind].better == "lower" else less <= whole + 1e-12
            assert worse, kind


# Masks


def cube(
    start: int, size: int, shape: tuple[int, ...] = (20, 20, 20), spacing: Any = (3.0, 1.0, 0.5)
) -> Mask:
    voxels = np.zeros(shape, bool)
    voxels[(slice(start, start + size),) * len(shape)] = True
    return Mask(voxels, spacing)


def test_masks_by_hand() -> None:
    a, b = cube(5, 4), cube(5, 4)
    assert (dice(a, b), hausdorff_95(a, b), surface_dice(a, b, 0.1)) == (1, 0, 1)
    assert volume_ml(a) == pytest.approx(64 * 1.5 / 1000)
    shifted = Mask(np.roll(a.voxels, 2, axis=0), a.spacing_mm)
    assert dice(a, shifted) == pytest.approx(0.5)
    assert hausdorff_95(a, shifted) == pytest.approx(6.0)


def test_empty_masks_follow_the_policy() -> None:
    none, some = cube(0, 0), cube(5, 4)
    assert dice(none, some) == 0
    assert surface_dice(some, none, 1) == 0
    assert hausdorff_95(none, some) == math.inf
    assert all(
        math.isnan(x) for x in (dice(none, none), hausdorff_95(none, none), surface_dice(none, none, 1))
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.9), st.floats(0.2, 4))
def test_surfaces_against_brute_force(seed: int, density: float, tolerance: float) -> None:
    rng = np.random.default_rng(seed)
    spacing = tuple(rng.uniform(0.4, 3, 3))
    a, b = (Mask(rng.random((5, 6, 7)) < density, spacing) for _ in range(2))
    if not (a.voxels.any() and b.voxels.any()):
        return

    def surface(mask: Mask) -> np.ndarray:
        padded = np.pad(mask.voxels, 1)
        inside = np.ones_like(padded)
        for axis in range(3):
            for step in (-1, 1):
                inside &= np.roll(padded, step, axis)
        return (np.argwhere(padded & ~inside) - 1) * np.array(spacing)

    distances = cdist(surface(a), surface(b))
    to_b, to_a = distances.min(1), distances.min(0)
    assert hausdorff_95(a, b) == pytest.approx(max(np.percentile(to_b, 95), np.percentile(to_a, 95)))
    near = (np.concatenate([to_a, to_b]) <= tolerance).mean()
    assert surface_dice(a, b, tolerance) == pytest.approx(near)
    assert surface_dice(a, b, tolerance) == surface_dice(b, a, tolerance)
    assert dice(a, b) == pytest.approx(2 * (a.voxels & b.voxels).sum() / (a.voxels.sum() + b.voxels.sum()))


def test_a_mask_has_spacing_and_grids_must_match() -> None:
    with pytest.raises(ValueError, match="spacing"):
        Mask(np.ones((2, 2), bool), (1.0,))
    with pytest.raises(ValueError, match="differ"):
        dice(cube(1, 2), cube(1, 2, spacing=(1.0, 1.0, 1.0)))


def test_evaluating_masks() -> None:
    empty, some, moved = cube(0, 0), cube(5, 4), cube(7, 4)
    truth = {"a": some, "b": some, "c": empty, "d": some, "e": some}
    guess = {"a": some, "b": moved, "c": empty, "d": empty, "e": cube(5, 4, spacing=(1.0, 1.0, 1.0))}
    found = row("dice", guess, truth)
    assert found.estimate == pytest.approx((1 + dice(some, moved) + 0 + 0) / 4)
    assert found.details["n_both_empty"] == 1
    assert found.missing == ("e",)
    assert "both masks empty" in found.note
    distance = row("hd95", guess, truth)
    assert distance.estimate == pytest.approx(hausdorff_95(some, moved) / 2)
    assert distance.details["n_infinite"] == 1
    assert distance.missing == ("d", "e")
    assert row("nsd", guess, truth, tolerance_mm=1.0).n_ok == 4
    assert row("volume_error", guess, truth, unit="ml").estimate == pytest.approx(volume_ml(some) / 4)


def test_the_table_is_complete() -> None:
    for kind, metric in METRICS.items():
        assert metric.kind == kind
        assert metric.about.endswith(".")
        assert metric.better in ("lower", "higher", "zero")


def test_the_reference_names_every_metric() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    for metric in METRICS.values():
        assert f"| `{metric.kind}` | {metric.label} |" in text
        assert metric.about.replace("|", "&#124;") in text
        assert f"| `{metric.kind}` | {metric.missing} | {metric.interval} |" in text
        assert all(f"`{name}`" in text for name in (*metric.needs, *metric.takes))

"""Intervals against published numbers, and the properties that keep them honest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, norm

from research.intervals import (
    auc_interval,
    bootstrap_draws,
    cluster_bootstrap,
    cluster_codes,
    clustered_wilson,
    delong,
    limits_of_agreement,
    mean_of,
    newcombe_auc,
    wilson,
)


def singles(n: int) -> np.ndarray:
    return np.arange(n)


def test_wilson_against_statsmodels() -> None:
    # statsmodels 0.15 proportion_confint(45, 50, method="wilson")
    found = wilson(45, 50)
    assert (found.lower, found.upper) == pytest.approx((0.786397, 0.956524), abs=1e-6)
    assert wilson(0, 10).lower == 0
    # Newcombe 1998, table I: 0 of 20 gives an upper bound of 0.1611, 1 of 29 gives 0.0061 to 0.1718.
    assert wilson(0, 20).upper == pytest.approx(0.1611, abs=5e-5)
    assert (wilson(1, 29).lower, wilson(1, 29).upper) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    for bad in ((1, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="no share"):
            wilson(*bad)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_its_estimate_and_has_width(pair: tuple[int, int]) -> None:
    found = wilson(*pair)
    assert found.lower is not None
    assert found.upper is not None
    assert 0 <= found.lower <= found.estimate <= found.upper <= 1
    assert found.upper - found.lower > 0


def test_clustered_wilson() -> None:
    correct = np.array([1.0] * 8 + [0.0] * 2)
    assert clustered_wilson(correct, singles(10)) == wilson(8, 10)
    # Every patient five times the same: nothing is learnt from the copies.
    copies = clustered_wilson(np.repeat(correct, 5), np.repeat(singles(10), 5))
    assert copies.estimate == pytest.approx(0.8)
    assert copies.method == "Wilson, Rao-Scott"
    plain = wilson(8, 10)
    # Design effect of copies is 5 * m / (m - 1): slightly wider than one case per patient.
    assert copies.lower == pytest.approx(wilson(0.8 * 9, 9).lower)
    assert copies.lower < plain.lower
    # All right in 3 patients with 30 cases: as sure as 3 of 3, not 30 of 30.
    assert clustered_wilson(np.ones(30), np.repeat(singles(3), 10)).lower == pytest.approx(wilson(3, 3).lower)


def stats_check_sample() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    first = y * 0.8 + rng.normal(size=500)
    return y.astype(bool), first, y * 1.1 + rng.normal(size=500)


def test_delong_against_mlstatkit() -> None:
    # MLstatkit 0.1.91 on this sample: |z| 3.6717, p 0.00024096.
    y, first, second = stats_check_sample()
    aucs, covariance = delong(y, [first, second], singles(500))
    z = (aucs[0] - aucs[1]) / np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert abs(z) == pytest.approx(3.6717, abs=5e-5)
    assert 2 * norm.sf(abs(z)) == pytest.approx(0.00024096, abs=5e-8)


def test_delong_by_its_definition() -> None:
    # Placements and covariances written out from the paper, ties included.
    y = np.array([1, 1, 1, 0, 0, 0, 0], bool)
    scores = np.array([3.0, 2.0, 1.0, 2.0, 1.0, 0.0, 0.0])
    kernel = (scores[y][:, None] > scores[~y]) + 0.5 * (scores[y][:, None] == scores[~y])
    aucs, covariance = delong(y, [scores], singles(7))
    assert aucs[0] == pytest.approx(kernel.mean())
    expected = kernel.mean(1).var(ddof=1) / 3 + kernel.mean(0).var(ddof=1) / 4
    assert covariance[0, 0] == pytest.approx(expected)


def test_clustered_delong_follows_the_bootstrap() -> None:
    rng = np.random.default_rng(5)
    patients = np.repeat(singles(60), 4)
    positive = rng.random(240) < 0.4
    score = positive + rng.normal(size=60)[patients] * 1.5 + rng.normal(size=240) * 0.5
    _, covariance = delong(positive, [score], patients)
    _, naive = delong(positive, [score], singles(240))

    def auc_of(weights: np.ndarray) -> np.ndarray:
        kernel = (score[positive][:, None] > score[~positive]).astype(float)
        above = ((weights[:, positive] @ kernel) * weights[:, ~positive]).sum(1)
        return above / weights[:, positive].sum(1) / weights[:, ~positive].sum(1)

    spread = bootstrap_draws(auc_of, patients, 1).std(ddof=1)
    assert np.sqrt(covariance[0, 0]) == pytest.approx(spread, rel=0.1)
    assert not np.isclose(np.sqrt(naive[0, 0]), spread, rtol=0.1)


def test_an_auc_of_one_still_has_width() -> None:
    y = np.array([True] * 3 + [False] * 5)
    found = auc_interval(y, np.array([9.0, 8, 7, 1, 2, 3, 4, 5]), singles(8))
    assert (found.estimate, found.upper, found.method) == (1, 1, "Newcombe")
    assert found.lower is not None
    assert 0.4 < found.lower < 0.9
    mirrored = newcombe_auc(0.0, 3, 5)
    assert mirrored.upper == pytest.approx(1 - found.lower)
    # One of each class: a single pair, which is Wilson's interval of one trial.
    assert newcombe_auc(1.0, 1, 1).lower == pytest.approx(wilson(1, 1).lower)
    assert newcombe_auc(0.7, 20, 30).lower < 0.7 < newcombe_auc(0.7, 20, 30).upper
    with pytest.raises(ValueError, match="positive and negative"):
        auc_interval(np.array([True, True]), np.array([1.0, 2.0]), singles(2))


def test_auc_with_one_positive_patient_is_wide_not_absent() -> None:
    y = np.array([True, False, False, False])
    found = auc_interval(y, np.array([2.0, 1.0, 3.0, 0.0]), singles(4))
    assert found.method == "Newcombe"
    assert found.lower < 0.3
    assert found.upper > 0.9


def test_bootstrap_is_seeded_and_blind_to_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    values, patients = np.random.default_rng(1).normal(size=50), np.repeat(singles(25), 2)
    once = bootstrap_draws(mean_of(values), patients, 7)
    assert len(once) == 2000
    assert np.array_equal(once, bootstrap_draws(mean_of(values), patients, 7))
    assert not np.array_equal(once, bootstrap_draws(mean_of(values), patients, 8))
    monkeypatch.setattr("research.intervals._BLOCK", 1000)
    assert np.allclose(once, bootstrap_draws(mean_of(values), patients, 7))


def test_bootstrap_of_a_mean_agrees_with_theory() -> None:
    values = np.random.default_rng(2).normal(size=400)
    found = cluster_bootstrap(mean_of(values), singles(400), 3)
    half = 1.96 * values.std(ddof=1) / 20
    assert found.estimate == pytest.approx(values.mean())
    assert (found.lower, found.upper) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=0.012
    )


def test_bootstrap_resamples_patients_not_cases() -> None:
    values = np.random.default_rng(3).normal(size=30)
    one = cluster_bootstrap(mean_of(values), singles(30), 4)
    copies = cluster_bootstrap(mean_of(np.repeat(values, 20)), np.repeat(singles(30), 20), 4)
    assert (copies.lower, copies.upper) == pytest.approx((one.lower, one.upper))


def test_one_patient_has_no_interval() -> None:
    found = cluster_bootstrap(mean_of(np.array([1.0, 2.0])), np.array([0, 0]), 0)
    assert (found.estimate, found.lower, found.upper, found.method) == (1.5, None, None, "none")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(-5, 5)), min_size=2, max_size=20))
def test_bootstrap_stays_within_the_data(cases: list[tuple[str, float]]) -> None:
    values = np.array([value for _, value in cases])
    found = cluster_bootstrap(mean_of(values), cluster_codes([p for p, _ in cases]), 0, resamples=50)
    if found.lower is not None and found.upper is not None:
        assert values.min() - 1e-9 <= found.lower <= found.upper <= values.max() + 1e-9


def test_cluster_codes_depend_on_ids_only() -> None:
    assert cluster_codes(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]


# Bland and Altman 1986, table 1: peak expiratory flow rate, l/min, first readings.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_limits_of_agreement_against_bland_and_altman() -> None:
    found = limits_of_agreement(np.array(WRIGHT, float) - np.array(MINI, float))
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    # The paper multiplies by 2 and gives -79.7 and 75.5; its lower limit's interval is -114.3 to -45.1.
    assert found.lower == pytest.approx(-79.7, abs=1.8)
    assert found.upper == pytest.approx(75.5, abs=1.8)
    width = found.lower_interval[1] - found.lower_interval[0]
    assert width == pytest.approx(-45.1 + 114.3, abs=0.5)
    with pytest.raises(ValueError, match="two differences"):
        limits_of_agreement(np.array([1.0]))


def test_wilson_covers_like_an_interval_should() -> None:
    # Against the exact Clopper-Pearson interval, which is never narrower in expectation.
    n = 30
    for k in range(n + 1):
        exact = (beta.ppf(0.025, k, n - k + 1) if k else 0, beta.ppf(0.975, k + 1, n - k) if k < n else 1)
        found = wilson(k, n)
        assert found.upper - found.lower < exact[1] - exact[0]

"""Runs, results, pictures and the leaderboard through the API."""

from __future__ import annotations

import csv
import io
from typing import Any

import portal_world
import pytest


def test_runs_are_listed_newest_first_with_counts(world: Any, get: Any) -> None:
    page = get("alice", "/api/v1/runs").json()
    assert [r["id"] for r in page["items"]] == [world.ids[k] for k in ("run_team", "run_live", "run")]
    assert page["total"] == 3
    whole = page["items"][-1]
    assert (whole["experiment"], whole["state"]) == ("emphysema", "partial")
    assert (whole["case_count"], whole["complete_count"], whole["failed_count"]) == (6, 5, 1)


def test_runs_are_filtered(world: Any, get: Any) -> None:
    live = get("alice", "/api/v1/runs", experiment="emphysema", state="running").json()
    assert [r["id"] for r in live["items"]] == [world.ids["run_live"]]
    assert get("alice", "/api/v1/runs", state="sleeping").status_code == 422


def test_a_run_is_found_by_its_dag_run(world: Any, get: Any) -> None:
    found = get("erin", "/api/v1/runs/by-dag-run", dag_id="exp_emphysema", run_id="manual__emphysema+1")
    assert found.json()["id"] == world.ids["run"]
    assert found.json()["pictures"] == ["bland_altman", "overlay", "scatter"]


def test_progress_follows_the_specification(world: Any, get: Any) -> None:
    progress = get("erin", f"/api/v1/runs/{world.ids['run_live']}").json()["progress"]
    assert [(p["step"], p["arm"], p["ok_count"]) for p in progress] == [
        ("denoise", "", 4),
        ("lungs", "", 2),
        ("quantify", "laa950", 0),
        ("quantify", "mrf", 0),
    ]


def test_metrics_have_intervals_and_missing_cases(world: Any, get: Any) -> None:
    metrics = get("erin", f"/api/v1/runs/{world.ids['run']}/metrics").json()
    assert metrics[0]["is_primary"]
    mrf = next(m for m in metrics if (m["name"], m["arm"]) == ("absolute_error", "mrf"))
    assert (mrf["n_ok"], mrf["n_total"]) == (5, 6)
    assert mrf["lower"] < mrf["estimate"] < mrf["upper"]


def test_every_case_appears_in_every_arm(world: Any, get: Any) -> None:
    page = get("erin", f"/api/v1/runs/{world.ids['run']}/cases").json()
    assert page["total"] == 12
    failed = [c for c in page["items"] if c["status"] == "failed"]
    assert [(c["arm"], c["failed_step"], c["reason_code"]) for c in failed] == [
        ("mrf", "quantify", "out-of-memory")
    ]
    ok = next(c for c in page["items"] if c["status"] == "ok")
    assert ok["error"] == pytest.approx(ok["value"] - ok["truth"])
    assert {s["step"] for s in ok["steps"]} == {"denoise", "lungs", "quantify"}
    assert {s["arm"] for s in ok["steps"]} == {"", ok["arm"]}


def test_a_running_run_lists_cases_that_wait(world: Any, get: Any) -> None:
    cases = get("erin", f"/api/v1/runs/{world.ids['run_live']}/cases").json()["items"]
    assert len(cases) == 12
    assert {c["status"] for c in cases} == {"pending"}


def test_steps_by_status(world: Any, get: Any) -> None:
    path = f"/api/v1/runs/{world.ids['run']}/steps"
    assert get("erin", path).json()["total"] == 24
    failed = get("erin", path, status="failed").json()
    assert failed["total"] == 1
    assert failed["items"][0]["exit_code"] == 137


def test_comparison(world: Any, get: Any) -> None:
    (row,) = get("erin", f"/api/v1/runs/{world.ids['run']}/comparisons").json()
    assert (row["arm_a"], row["arm_b"], row["n"]) == ("laa950", "mrf", 6)


@pytest.mark.parametrize(("name", "lines"), [("metrics", 6), ("cases", 12)])
def test_csv(world: Any, get: Any, name: str, lines: int) -> None:
    answer = get("erin", f"/api/v1/runs/{world.ids['run']}/{name}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert len(list(csv.DictReader(io.StringIO(answer.text)))) == lines


def _metric(world: Any, **changed: Any) -> None:
    values = {
        "run_id": world.ids["run_team"], "arm": "a", "name": "m", "kind": "bias", "is_primary": False,
        "estimate": 1, "lower": 0, "upper": 2, "level": 0.95, "interval_method": "x", "n_total": 1, "n_ok": 1,
        "unit": "", "better": "zero",
    }  # fmt: skip
    with world.cursor() as cursor:
        portal_world.insert(cursor, "experiment.metric", **(values | changed))


def test_text_in_csv_is_no_formula(world: Any, get: Any) -> None:
    _metric(world, arm="=HYPERLINK(1)")
    text = get("alice", f"/api/v1/runs/{world.ids['run_team']}/metrics.csv").text
    assert "'=HYPERLINK" in text
    assert "\n=HYPERLINK" not in text


def test_not_a_number_is_null(world: Any, get: Any) -> None:
    _metric(world, name="nan", estimate=float("nan"), lower=float("-inf"), upper=float("inf"))
    rows = get("alice", f"/api/v1/runs/{world.ids['run_team']}/metrics").json()
    row = next(r for r in rows if r["name"] == "nan")
    assert (row["estimate"], row["lower"], row["upper"]) == (None, None, None)


def test_leaderboard_ranks_within_a_cohort(get: Any) -> None:
    rows = get("erin", "/api/v1/leaderboard", cohort="emphysema").json()["items"]
    assert [(r["place"], r["arm"]) for r in rows] == [(1, "laa950"), (2, "mrf")]
    assert [r["ties_with_first"] for r in rows] == [True, True]
    assert get("erin", "/api/v1/leaderboard", cohort="no-such").json()["total"] == 0


def test_picture(world: Any, get: Any) -> None:
    answer = get("erin", f"/api/v1/runs/{world.ids['run']}/pictures/overlay")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["metrics", "cases", "steps", "comparisons", "metrics.csv", "cases.csv", ""])
def test_no_such_run(get: Any, path: str) -> None:
    answer = get("erin", f"/api/v1/runs/999999/{path}".rstrip("/"))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail", "instruction"}

"""The pages say what they should, for every state of a run."""

from __future__ import annotations

import re
from typing import Any

import pytest

HTML = {"Accept": "text/html"}


def test_results_of_a_run(world: Any, get: Any) -> None:
    page = get("erin", "/runs/by-dag-run", headers=HTML, dag_id="exp_emphysema", run_id="manual__emphysema+1")
    assert page.status_code == 200
    for piece in (
        "partly complete",
        "<b>5</b> of 6 complete",
        "No container engine answers",
        "CT of the chest, tagged",
        "[0.0243, 0.0358]",
        "95&nbsp;%, patient bootstrap",
        "5 of 6",
        "p = 0.44",
        "read the interval with care",
        "cannot be told apart",
        "more than its limit of 3072 MB",
        "pictures/overlay",
        "metrics.csv",
        "/dags/exp_emphysema/runs/manual__emphysema%2B1",
    ):
        assert piece in page.text, piece
    assert page.text.count('class="mark derived"') >= 9
    assert "data-refresh" not in page.text


def test_a_running_run_shows_progress_and_renews_itself(world: Any, get: Any) -> None:
    page = get("erin", f"/runs/{world.ids['run_live']}", headers=HTML).text
    assert 'data-refresh="4"' in page
    assert "4 of 6" in page
    assert "2 of 6" in page


@pytest.mark.parametrize(
    ("dag_id", "words"),
    [("exp_new", "looks again every few seconds"), ("fetch_tcia", "Only experiments have results")],
)
def test_no_run(get: Any, dag_id: str, words: str) -> None:
    page = get("erin", "/runs/by-dag-run", headers=HTML, dag_id=dag_id, run_id="x")
    assert page.status_code == 404
    assert words in page.text


def test_leaderboard(get: Any) -> None:
    page = get("erin", "/leaderboard", headers=HTML).text
    assert page.index(">laa950 <") < page.index(">mrf <")
    assert page.count("not distinguishable from the first") == 1
    assert page.count('<svg class="interval"') == 2


def test_runs(world: Any, get: Any) -> None:
    page = get("erin", "/runs", headers=HTML).text
    assert "Emphysema by threshold" in page
    assert f"/radflow/runs/{world.ids['run']}" in page
    assert "Bob" not in page


def test_errors_are_pages_for_people_and_documents_for_programs(get: Any) -> None:
    page = get(None, "/runs", headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (401, "text/html; charset=utf-8")
    assert "Sign in" in page.text
    assert get(None, "/api/v1/runs", headers=HTML).headers["content-type"] == "application/problem+json"
    assert "Not found" in get("erin", "/runs/999999", headers=HTML).text


def test_pages_need_nothing_from_elsewhere(get: Any, world: Any) -> None:
    for path in ("/runs", "/leaderboard", "/docs", f"/runs/{world.ids['run']}"):
        text = get("erin", path, headers=HTML).text
        assert not re.search(r"""(src|href)=["'](https?:)?//""", text), path
        for asset in set(re.findall(r"""(?:src|href)="/radflow(/static/[^"]+)""", text)):
            assert get(None, asset).status_code == 200, asset


def test_the_api_page_lists_every_operation(get: Any) -> None:
    paths = get(None, "/openapi.json").json()["paths"]
    page = get(None, "/docs", headers=HTML).text
    for path in paths:
        assert f"/radflow{path}<" in page


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "0.00"),
        (3.0, "3"),
        (0.03034, "0.0303"),
        (-0.0115, "\N{MINUS SIGN}0.0115"),
        (0.5, "0.500"),
        (12.345, "12.3"),
        (1234.5, "1234"),
        (0.00001234, "1.23e\N{MINUS SIGN}05"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    from radflow_portal.pages.render import number

    assert number(value) == text


def test_estimate_and_interval_have_the_same_decimals() -> None:
    from radflow_portal.pages.render import estimate

    assert estimate({"estimate": 0.0418, "lower": 0.0027, "upper": 0.124}) == {
        "estimate": "0.042",
        "lower": "0.003",
        "upper": "0.124",
    }
    assert estimate({"estimate": 1.0, "lower": None, "upper": 1.0})["lower"] == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "\N{EN DASH}"),
        (3.21, "3.2 s"),
        (42, "42 s"),
        (59.7, "60 s"),
        (130, "2 min 10 s"),
        (7300, "2 h 1 min"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    from radflow_portal.pages.render import duration

    assert duration(seconds) == text

"""Fetches in the portal: what came, from where, under which licence; each for those who may see the series."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest

from tests.support.fetch_rows import DOI, UID, FetchRows, fill_fetch

API = "/api/v1/fetched"
HTML = {"Accept": "text/html"}
ENGINEER = "fetch-engineer"
SEES = {
    "pipeline": {"open", "released", "moving"},
    "bob": {"open", "released", "moving", "bobs", "bobs-bad"},
    "alice": {"open", "released", "moving", "teams"},
    "erin": {"open", "released", "moving", "teams"},  # in the team
    "mallory": {"open", "released", "moving"},
    ENGINEER: {"open", "released", "moving", "bobs-bad", "teams"},  # what failed is an engineer's work
}
RUNS = {"bob": {"open", "bobs"}, "erin": {"open", "dry"}, "mallory": {"open"}, ENGINEER: {"open"}}


@pytest.fixture(scope="module")
def rows(world: Any) -> FetchRows:
    """Fetches in the portal's world; stored once."""
    if "fetch" not in world.ids:
        with world.cursor() as cursor:
            cursor.execute("insert into access.account (name, display_name) values (%s, 'E')", (ENGINEER,))
            cursor.execute("insert into access.account_role values (%s, 'data_engineer')", (ENGINEER,))
        world.ids["fetch"] = fill_fetch(world.cursor)
    return world.ids["fetch"]


def items(get: Any, who: str, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = get(who, f"{API}{path}", **query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


@pytest.mark.parametrize("who", SEES)
def test_a_person_sees_the_own_series(get: Any, rows: FetchRows, who: str) -> None:
    names = {number: name for name, number in rows.series.items()}
    found = items(get, who, "/series", source="idc_x")
    assert {names[one["number"]] for one in found} == SEES[who]
    (collection,) = items(get, who, "", collection="FETCHED")
    assert collection["series_count"] == len(SEES[who])
    assert collection["here_count"] == len(SEES[who] & {"open", "released", "bobs"})
    page = get(who, "/fetched", headers=HTML)
    assert page.status_code == 200
    assert "FETCHED" in page.text


@pytest.mark.parametrize("who", RUNS)
def test_a_person_sees_the_own_fetches(get: Any, rows: FetchRows, who: str) -> None:
    found = {one["id"] for one in items(get, who, "/runs")}
    assert {name for name, number in rows.run.items() if number in found} == RUNS[who]
    for name, number in rows.run.items():
        status = 200 if name in RUNS[who] else 404
        assert get(who, f"{API}/runs/{number}").status_code == status
        assert get(who, f"/fetched/runs/{number}", headers=HTML).status_code == status


def test_nobody_without_a_name(get: Any, rows: FetchRows) -> None:
    for path in (API, f"{API}/runs", f"{API}/series", "/fetched", "/fetched/runs", "/fetched/series"):
        assert get(None, path).status_code == 401


def test_licences_and_dois_are_told_and_only_web_addresses_are_links(get: Any, rows: FetchRows) -> None:
    (collection,) = items(get, "mallory", "", collection="FETCHED")
    assert [(one["name"], one["series_count"]) for one in collection["licences"]] == [
        ("CC BY 4.0", 2),
        ("CC BY-NC 3.0", 1),
    ]
    assert collection["licences"][1]["uri"] is None  # javascript: is no address of a licence
    assert collection["citations"] == [DOI]
    assert collection["given_by"] == ["idc_y"]
    for path in ("/fetched", "/fetched/series", f"/fetched/runs/{rows.run['open']}"):
        page = get("mallory", path, headers=HTML).text
        assert "javascript:" not in page
        assert "doi:10.7937/fetched" in page
        assert f'href="{DOI}"' in page


def test_progress_of_a_running_fetch(get: Any, rows: FetchRows) -> None:
    run = get("mallory", f"{API}/runs/{rows.run['open']}").json()
    assert (run["state"], run["series_count"], run["here_count"]) == ("running", 3, 2)
    assert (run["byte_count"], run["bytes_done"]) == (3_000_000, 2_250_000)
    for path in ("/fetched", "/fetched/runs", f"/fetched/runs/{rows.run['open']}"):
        page = get("mallory", path, headers=HTML).text
        assert "data-refresh" in page
        assert "2 of 3 series" in page
        assert "2.2 MB of 3.0 MB" in page


def test_states_of_fetches(get: Any, rows: FetchRows) -> None:
    states = {one["id"]: one["state"] for one in items(get, "bob", "/runs")}
    assert states[rows.run["bobs"]] == "partial"
    dry = get("erin", f"/fetched/runs/{rows.run['dry']}", headers=HTML).text
    assert "A dry run: nothing was fetched." in dry
    assert "1.5 GB" in dry
    assert "3.0 GB" in dry  # both modalities together
    assert "data-refresh" not in dry


def test_series_by_state_and_page(get: Any, rows: FetchRows) -> None:
    found = items(get, ENGINEER, "/series", state="failed", source="idc_x")
    assert [(one["number"], one["reason_code"]) for one in found] == [(rows.series["teams"], "http-500")]
    assert get(ENGINEER, f"{API}/series", state="gone").status_code == 422
    page = get("mallory", "/fetched/series", headers=HTML, collection="FETCHED", limit=1).text
    assert "offset=1&amp;collection=FETCHED" in page or "offset=1&collection=FETCHED" in page
    assert items(get, "mallory", "/series", collection="' or true --") == []


def test_nothing_original_is_in_any_answer(get: Any, rows: FetchRows, world: Any) -> None:
    texts = [
        get("bob", f"{API}{path}").text for path in ("", "/runs", "/series", f"/runs/{rows.run['bobs']}")
    ]
    texts += [
        get("bob", path, headers=HTML).text for path in ("/fetched", "/fetched/runs", "/fetched/series")
    ]
    for text in texts:
        assert UID not in text
        assert "secret-place" not in text
    with (
        world.cursor("radflow_portal", "mallory") as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        cursor.execute("select * from landing.received_series")


@pytest.mark.parametrize("table", ["fetch_run", "fetched_series"])
def test_the_portal_only_reads(world: Any, rows: FetchRows, table: str) -> None:
    for text in (f"delete from catalog.{table}", f"update catalog.{table} set owner = 'mallory'"):
        with pytest.raises(psycopg2.errors.Error), world.cursor("radflow_portal", "mallory") as cursor:
            cursor.execute(text)


def test_pages_hold_to_their_security_policy(get: Any, rows: FetchRows) -> None:
    for path in ("", "/runs", "/series", f"/runs/{rows.run['open']}"):
        page = get("bob", f"/fetched{path}", headers=HTML).text
        assert " style=" not in page
        assert "onclick" not in page


@pytest.mark.parametrize(
    ("count", "told"), [(None, "\u2013"), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_456, "123 kB"),
                        (1_500_000_000, "1.5 GB"), (99_940_000_000_000, "99.9 TB"), (5e15, "5000 TB")],
)  # fmt: skip
def test_sizes(count: float | None, told: str) -> None:
    from radflow_portal.pages.render import size

    assert size(count) == told

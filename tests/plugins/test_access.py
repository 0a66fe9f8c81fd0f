"""Attacks: what one may not see is not there, whichever way one asks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import portal_world
import psycopg2
import pytest
import requests

API = "/api/v1"


def portal(world: Any, account: str | None) -> Any:
    return world.cursor("radflow_portal", account)


def rows(world: Any, account: str | None, query: str) -> list[Any]:
    with portal(world, account) as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def test_every_route_with_data_needs_a_user(world: Any, get: Any) -> None:
    paths = requests.get(f"{world.base}/radflow/openapi.json", timeout=20).json()["paths"]
    assert len(paths) >= 18
    for path, methods in paths.items():
        address = path.replace("{", "").replace("}", "").replace("run_id", "1").replace("cohort_id", "1")
        for method in methods:
            sent = {"Content-Type": "application/yaml"} if method not in ("get", "head") else {}
            answer = requests.request(
                method,
                f"{world.base}/radflow{address}",
                headers=sent,
                timeout=20,
                data="a: 1" if sent else None,
            )
            assert answer.status_code == 401, (method, path)
    for page in ("/", "/runs", "/leaderboard", "/runs/1", "/runs/by-dag-run?dag_id=a&run_id=b"):
        assert get(None, page).status_code == 401


def test_airflows_own_check_refuses_strangers(world: Any) -> None:
    answer = requests.get(f"{world.base}/real/radflow{API}/runs", timeout=20)
    assert answer.status_code == 401
    assert answer.json()["instruction"]


def test_private_runs_are_not_there_for_others(world: Any, get: Any) -> None:
    secret = world.ids["run_bob"]
    assert get("bob", f"{API}/runs/{secret}").status_code == 200
    for path in (
        "",
        "/metrics",
        "/cases",
        "/steps",
        "/comparisons",
        "/metrics.csv",
        "/cases.csv",
        "/pictures/scatter",
    ):
        hidden, absent = (get("mallory", f"{API}/runs/{n}{path}") for n in (secret, 999_999))
        assert hidden.status_code == 404
        assert hidden.content == absent.content
    asked = {"dag_id": "exp_bobs_secret", "run_id": "manual__bobs_secret+1"}
    assert get("mallory", f"{API}/runs/by-dag-run", **asked).status_code == 404
    page = get("mallory", "/runs/by-dag-run", **asked)
    assert page.status_code == 404
    assert "Bob" not in page.text


def test_enumerating_ids_finds_only_what_is_public(world: Any, get: Any) -> None:
    seen = {n for n in range(1, 40) if get("mallory", f"{API}/runs/{n}").status_code == 200}
    assert seen == {world.ids["run"], world.ids["run_live"]}
    cohorts = {n for n in range(1, 10) if get("mallory", f"{API}/cohorts/{n}").status_code == 200}
    assert cohorts == {world.ids["cohort"]}


def test_totals_do_not_count_what_is_hidden(get: Any) -> None:
    for path, mallory, bob in (("runs", 2, 3), ("cohorts", 1, 2), ("leaderboard", 2, 4)):
        assert get("mallory", f"{API}/{path}").json()["total"] == mallory, path
        assert get("bob", f"{API}/{path}").json()["total"] == bob, path
    for account, series in (("mallory", 6), ("bob", 7)):
        assert get(account, f"{API}/facets").json()["series_count"] == series
        assert len(get(account, f"{API}/series").json()["items"]) == series
    assert get("mallory", f"{API}/runs", offset=50).json() == {
        "items": [],
        "total": 2,
        "limit": 50,
        "offset": 50,
    }


def test_the_team_sees_what_is_the_teams(world: Any, get: Any) -> None:
    path = f"{API}/runs/{world.ids['run_team']}"
    assert [get(who, path).status_code for who in ("alice", "erin", "bob", "mallory", "ada")] == [
        200,
        200,
        404,
        404,
        404,
    ]
    assert get("erin", f"{API}/cohorts/{world.ids['cohort_team']}/members").json()["total"] == 1
    assert get("bob", f"{API}/cohorts/{world.ids['cohort_team']}/members").status_code == 404


def test_held_series_are_for_curators_only(world: Any, get: Any) -> None:
    held = world.ids["series"]["held"]
    assert get("mallory", f"{API}/series/{held}").status_code == 404
    assert get("alice", f"{API}/series/{held}").status_code == 404
    assert get("cora", f"{API}/series/{held}").json()["state"] == "held"


def test_the_name_is_set_for_one_transaction_only(world: Any) -> None:
    from radflow_portal.db import as_account

    with as_account("bob") as session:
        assert session.one("portal_health") is not None
        session._cursor.execute("select count(*) as n from experiment.run")
        assert session._cursor.fetchone()["n"] == 3
    with as_account("mallory") as session:
        session._cursor.execute("select count(*) as n from experiment.run")
        assert session._cursor.fetchone()["n"] == 2
    assert rows(world, None, "select count(*) from experiment.run") == [(0,)]
    assert rows(world, "", "select count(*) from catalog.series") == [(0,)]


def test_reading_requests_cannot_write() -> None:
    from radflow_portal.db import as_account

    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction), as_account("alice") as session:
        session._cursor.execute("create temporary table t (i integer)")


def test_sign_offs_are_blind(world: Any) -> None:
    held = world.ids["series"]["held"]
    with world.cursor() as cursor:
        portal_world.insert(
            cursor, "curation.sign_off", series_uid=held, role="first", account="cora", decision="accept"
        )
    query = f"select account from curation.sign_off where series_uid = '{held}'"
    assert rows(world, "cora", query) == [("cora",)]
    assert rows(world, "curt", query) == []
    assert rows(world, "mallory", query) == []
    assert rows(world, "judy", query) == [("cora",)]


@pytest.mark.parametrize(
    "query",
    [
        "select * from landing.received_series",
        "select * from landing.truth",
        "select * from phi.patient",
        "select * from phi.uid",
        "insert into curation.sign_off (series_uid, role, account) values ('x', 'first', 'mallory')",
        "update catalog.series set state = 'released'",
        "update experiment.run set visibility = 'public'",
        "update experiment.run set owner = 'mallory'",
        "delete from experiment.metric",
        "delete from experiment.spec",
        "insert into access.membership values ('lungs', 'mallory')",
        "insert into access.account_role values ('mallory', 'admin')",
        "delete from audit.event",
        "set role radflow_pipeline",
        "set role radflow_owner",
        "alter table experiment.run disable row level security",
    ],
)
def test_the_portal_role_may_not(world: Any, query: str) -> None:
    with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.RaiseException)):
        rows(world, "mallory", query)


def test_nobody_registers_in_the_name_of_another(world: Any) -> None:
    spec = {"name": "x", "title": "x", "spec": "{}", "spec_sha256": "x", "owner": "alice"}
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), portal(world, "mallory") as cursor:
        portal_world.insert(cursor, "experiment.spec", **spec)


def test_audit_is_the_admins_to_read(world: Any) -> None:
    event = {"action": "a", "object_kind": "b", "object_id": "c"}
    with portal(world, "mallory") as cursor:
        portal_world.insert(cursor, "audit.event", account="mallory", **event)
    assert rows(world, "mallory", "select * from audit.event") == []
    assert rows(world, "ada", "select count(*) > 0 from audit.event") == [(True,)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), portal(world, "mallory") as cursor:
        portal_world.insert(cursor, "audit.event", account="ada", **event)


@pytest.mark.parametrize(
    "text",
    [
        "' or true --",
        "emphysema'; drop table experiment.run; --",
        "%",
        "%(id)s",
        "\\",
        "\u0000",
        "\N{TEST TUBE}",
    ],
)
def test_filters_are_values_not_sql(world: Any, get: Any, text: str) -> None:
    for path, key in (
        ("runs", "experiment"),
        ("cohorts", "name"),
        ("leaderboard", "cohort"),
        ("series", "collection"),
    ):
        answer = get("mallory", f"{API}/{path}", **{key: text})
        assert answer.status_code in (200, 422)
        assert answer.json().get("items", []) == []
    assert get("mallory", f"{API}/runs").json()["total"] == 2


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 501}, {"offset": -1}, {"limit": "x"}, {"offset": 10**30}]
)
def test_paging_has_bounds(get: Any, query: dict[str, Any]) -> None:
    answer = get("alice", f"{API}/runs", **query)
    assert answer.status_code == 422
    assert answer.json()["instruction"]


def test_pages_cover_everything_once(get: Any, world: Any) -> None:
    path = f"{API}/runs/{world.ids['run']}/cases"
    whole = get("erin", path).json()["items"]
    parts = [c for start in range(0, 15, 5) for c in get("erin", path, limit=5, offset=start).json()["items"]]
    assert parts == whole


def _picture(
    world: Any, name: str, uri: str, media_type: str = "image/svg+xml", body: bytes | None = None
) -> None:
    with world.cursor() as cursor:
        cursor.execute(
            "insert into experiment.picture values (%s, %s, 't', %s, %s, %s, null)",
            (world.ids["run_team"], name, media_type, uri, portal_world.sha(body or b"")),
        )


def test_pictures_come_from_the_artifacts_zone_only(world: Any, get: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.svg"
    secret.write_bytes(b"<svg/>")
    link = world.artifacts / "link.svg"
    link.symlink_to(secret)
    inside = world.artifacts / "notes.html"
    inside.write_bytes(b"<script/>")
    big = world.artifacts / "folder.svg"
    big.mkdir()
    artifacts = world.artifacts.as_uri()
    _picture(world, "outside", secret.as_uri(), body=b"<svg/>")
    _picture(world, "dots", f"{artifacts}/../../..{secret}", body=b"<svg/>")
    _picture(world, "coded", f"{artifacts}/%2e%2e/%2e%2e/%2e%2e{secret}", body=b"<svg/>")
    _picture(world, "link", link.as_uri(), body=b"<svg/>")
    _picture(world, "html", inside.as_uri(), "text/html", b"<script/>")
    _picture(world, "folder", big.as_uri())
    _picture(world, "gone", f"{artifacts}/gone.svg")
    _picture(world, "http", "http://127.0.0.1:1/x.svg")
    _picture(world, "host", f"file://elsewhere{world.artifacts}/bobs.svg", body=portal_world.SVG.encode())
    _picture(world, "nul", f"{artifacts}/a%00.svg")
    for name in ("outside", "dots", "coded", "link", "html", "folder", "gone", "http", "host", "nul"):
        answer = get("alice", f"{API}/runs/{world.ids['run_team']}/pictures/{name}")
        assert answer.status_code == 404, name
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_changed_picture_is_not_served(world: Any, get: Any) -> None:
    path = world.artifacts / "changed.svg"
    path.write_text(portal_world.SVG)
    _picture(world, "changed", path.as_uri(), body=portal_world.SVG.encode())
    address = f"{API}/runs/{world.ids['run_team']}/pictures/changed"
    assert get("alice", address).text == portal_world.SVG
    path.write_text("<svg>other</svg>")
    assert get("alice", address).status_code == 409


@pytest.mark.parametrize(
    "name", ["..%2f..%2fbobs.svg", "%2e%2e%2fbobs.svg", "..%5cbobs.svg", "/etc/passwd", "a%00b"]
)
def test_picture_names_are_no_paths(world: Any, get: Any, name: str) -> None:
    assert get("alice", f"{API}/runs/{world.ids['run']}/pictures/{name}").status_code in (404, 422)


def test_errors_tell_nothing_of_the_inside(world: Any, get: Any) -> None:
    for answer in (
        get("erin", f"{API}/runs/x"),
        get("erin", f"{API}/nothing"),
        get("erin", "/static/../app.py"),
    ):
        assert answer.status_code in (404, 422)
        assert not re.search(r"Traceback|psycopg|/work|/usr|select ", answer.text)


def test_pages_cannot_be_framed_or_scripted_from_elsewhere(get: Any) -> None:
    headers = get("erin", "/runs").headers
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


def test_what_people_write_is_text_in_pages(world: Any, get: Any) -> None:
    with world.cursor() as cursor:
        cursor.execute(
            "update experiment.run set reason = '<script>alert(1)</script>' where id = %s",
            (world.ids["run_team"],),
        )
    page = get("alice", f"/runs/{world.ids['run_team']}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page

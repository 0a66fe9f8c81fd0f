"""Reports of de-identification: append-only, sealed, seen like their series, quarantine by those whose work it is."""

from __future__ import annotations

import json
from typing import Any

import psycopg2
import pytest
from psycopg2.errors import CheckViolation, InsufficientPrivilege, NotNullViolation, RestrictViolation

from tests.support import rows
from tests.support.cluster import Database
from tests.support.place import TEAM

PORTAL = "radflow_portal"
TABLES = ("catalog.deid_batch", "catalog.deid_item", "catalog.deid_report", "catalog.deid_picture")
ROLES = ("radflow_pipeline", PORTAL, "radflow_broker")
BROKER = "bea"


def report(kind: str = "series", name: str = "one", **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": kind, "sha256": rows.sha(name), "content_sha256": rows.sha(f"c{name}"),
                            "modalities": {"CT": 2}}  # fmt: skip
    if kind == "series":
        told |= {"series_uid": rows.uid("series", name), "patient_alias": "RF-1", "objects": 2, "findings": [],
                 "verified": True, "actions": {"keep": 1}, "outcomes": {"kept": 1}, "cuts": {}}  # fmt: skip
    else:
        told |= {"code": "truncated", "files": 3}
    return told | more


def received(database: Database, name: str, owner: str, team: str | None, visibility: str) -> int:
    return rows.insert(
        database, "landing.received_series", "id", source="s", collection="c", series_uid=name, owner=owner, team=team,
        visibility=visibility,
    )  # fmt: skip


def batch(database: Database, name: str = "b") -> int:
    database.rows(
        "insert into catalog.policy (sha256, name, english, engine_version) values (%s, 'research', '{N.}', '1') "
        "on conflict do nothing", rows.sha("policy")
    )  # fmt: skip
    return rows.insert(database, "catalog.deid_batch", "id", name=name, policy_sha256=rows.sha("policy"))


def store(database: Database, number: int, told: dict[str, Any], owner: str = "alice", team: str | None = None,
          visibility: str = "public", into: int | None = None) -> int:  # fmt: skip
    """A report, in a batch of its own where none is given."""
    who = {"owner": owner, "team": team, "visibility": visibility}
    key = {"batch_id": into or batch(database, f"b{number}-{told['sha256'][:8]}"), "received_id": number}
    database.rows(
        "insert into catalog.deid_item values (%s, %s, %s, %s, %s) on conflict do nothing",
        *key.values(),
        *who.values(),
    )
    return rows.insert(database, "catalog.deid_report", "id", report=json.dumps(told), **key, **who)


@pytest.fixture
def stored(database: Database) -> dict[str, int]:
    """Number of a report per level and kind, owned by alice, each in a batch of its own."""
    rows.insert(database, "access.account", name=BROKER, display_name=BROKER)
    database.rows("insert into access.account_role values (%s, 'broker')", BROKER)
    found = {}
    for level in ("private", "team", "public"):
        team = TEAM if level == "team" else None
        for kind in ("series", "quarantine"):
            name = f"{level} {kind}"
            number = received(database, name, "alice", team, level)
            told = report(kind, name)
            found[name] = store(database, number, told, "alice", team, level)
            if kind == "series":
                database.rows(
                    "insert into catalog.deid_picture values (%s, 'after', encode(sha256('PNG'), 'hex'), 'PNG')",
                    found[name],
                )
    return found


SERIES = {"private series", "team series", "public series"}
QUARANTINE = {"private quarantine", "team quarantine", "public quarantine"}
SEES = {
    "alice": SERIES | QUARANTINE,
    "dora": set(),
    "cora": set(),
    "mallory": set(),
    "engineer": {"team series", "public series"} | QUARANTINE,  # a data engineer of the team
    BROKER: {"public series"} | QUARANTINE,
    "never-seen": set(),
    None: set(),
    "": set(),
}


def seen(database: Database, text: str, reader: str | None) -> set[Any]:
    return {row[0] for row in database.rows(text, role=PORTAL, account=reader)}


@pytest.mark.parametrize("reader", SEES)
def test_before_the_catalog_has_the_series(
    database: Database, stored: dict[str, int], reader: str | None
) -> None:
    names = {number: name for name, number in stored.items()}
    expected = SEES[reader]
    assert {names[n] for n in seen(database, "select id from catalog.deid_report", reader)} == expected
    pictures = {names[n] for n in seen(database, "select report_id from catalog.deid_picture", reader)}
    assert pictures == expected & SERIES
    assert len(seen(database, "select batch_id from catalog.deid_item", reader)) == len(expected)
    assert len(seen(database, "select id from catalog.deid_batch", reader)) == len(expected)
    assert seen(database, "select name from catalog.policy", reader) == ({"research"} if expected else set())


@pytest.mark.parametrize(
    ("reader", "held", "released"),
    [
        ("dora", set(), {"team series", "public series"}),
        ("mallory", set(), {"public series"}),
        ("cora", {"team series", "public series"}, {"team series", "public series"}),
        ("judy", {"team series", "public series"}, {"team series", "public series"}),
        ("otto", {"public series"}, {"public series"}),
        ("alice", SERIES, SERIES),
    ],
)
def test_once_the_catalog_has_the_series(
    database: Database, stored: dict[str, int], reader: str, held: set[str], released: set[str]
) -> None:
    names = {number: name for name, number in stored.items()}
    text = "select id from catalog.deid_report where kind = 'series'"
    made = {}
    for level in ("private", "team", "public"):
        team = TEAM if level == "team" else None
        made[level] = rows.series(database, f"{level} series", owner="alice", team=team, visibility=level)
    assert {names[n] for n in seen(database, text, reader)} == held
    for one in made.values():
        rows.release(database, one)
    assert {names[n] for n in seen(database, text, reader)} == released


def test_a_batch_shows_its_owner_what_is_still_to_come(database: Database, stored: dict[str, int]) -> None:
    into = batch(database, "to come")
    mine = received(database, "mine", "alice", None, "private")
    database.rows("insert into catalog.deid_item values (%s, %s, 'alice', null, 'private')", into, mine)
    text = f"select received_id from catalog.deid_item where batch_id = {into}"
    assert seen(database, text, "alice") == {mine}
    assert seen(database, text, "engineer") == seen(database, text, "mallory") == set()


def test_what_counts_is_the_last_and_is_the_same_for_everybody(
    database: Database, stored: dict[str, int]
) -> None:
    number, into = received(database, "again", "alice", None, "private"), batch(database, "again")
    refused = store(database, number, report("quarantine", "q"), visibility="private", into=into)
    text = f"select catalog.deid_last({into}, {number})"
    waits = f"select catalog.deid_waits({number}, {refused})"
    assert seen(database, waits, "engineer") == {True}
    done = store(database, number, report("series", "s"), visibility="private", into=into)
    for reader in ("alice", "engineer", "mallory"):
        assert seen(database, text, reader) == {done}
        assert seen(database, waits, reader) == {False}
    item = f"select received_id from catalog.deid_item where batch_id = {into}"
    assert seen(database, item, "alice") == {number}
    assert seen(database, item, "engineer") == set()  # the report that counts is private


@pytest.mark.parametrize("table", TABLES)
def test_what_was_reported_stays(database: Database, stored: dict[str, int], table: str) -> None:
    column = {"catalog.deid_batch": "name", "catalog.deid_picture": "name"}.get(table, "owner")
    before = database.value(f"select count(*) from {table}", role="radflow_owner")
    assert before > 0
    for text in (
        f"update {table} set {column} = {column}",
        f"delete from {table}",
        f"truncate {table} cascade",
    ):
        for role in ("radflow_owner", "postgres"):
            with pytest.raises(RestrictViolation, match="append-only"):
                database.rows(text, role=role)
        for role in ROLES:
            with pytest.raises(InsufficientPrivilege):
                database.rows(text, role=role, account="admin")
    assert database.value(f"select count(*) from {table}", role="radflow_owner") == before


@pytest.mark.parametrize("table", TABLES)
def test_the_brokers_own_role_reads_no_report(database: Database, table: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        database.rows(f"select * from {table}", role="radflow_broker", account=BROKER)


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (report(sha256="not a hash"), CheckViolation),
        (report(sha256=None), NotNullViolation),
        (report(kind="batch"), CheckViolation),
        (report("quarantine", code=None), CheckViolation),
        (report(series_uid=None), CheckViolation),
        (report("quarantine", series_uid="2.25.1"), CheckViolation),
        (report(objects=None), NotNullViolation),
    ],
)
def test_a_report_is_a_sealed_one(database: Database, told: dict[str, Any], error: type) -> None:
    number = received(database, "one", "alice", None, "public")
    with pytest.raises(error):
        store(database, number, told | {"sha256": told["sha256"]}, into=batch(database))


def test_what_columns_say_is_what_the_report_says(database: Database) -> None:
    number = received(database, "one", "alice", None, "public")
    store(database, number, report(findings=[{"code": "name"}], verified=None))
    columns = "kind, series_uid, object_count, finding_count, verified, outcomes, reason_code"
    text = f"select {columns} from catalog.deid_report"
    assert database.rows(text) == [("series", rows.uid("series", "one"), 2, 1, False, {"kept": 1}, None)]
    with pytest.raises(psycopg2.errors.Error, match="finding_count"):
        database.rows(
            "insert into catalog.deid_report (batch_id, received_id, report, owner, visibility, finding_count) "
            "select batch_id, received_id, report, owner, visibility, 0 from catalog.deid_report"
        )


def outcome(database: Database, number: int) -> list[tuple[Any, ...]]:
    return database.rows(
        "select kind, waits, report_id from catalog.deid_outcome where received_id = %s order by batch_id",
        number,
    )


def test_the_outcome_is_the_last_report(database: Database) -> None:
    """One row per series and batch from the beginning; it waits until something comes after its quarantine."""
    number = received(database, "one", "alice", None, "public")
    first = batch(database, "first")
    database.rows("insert into catalog.deid_item values (%s, %s, 'alice', null, 'public')", first, number)
    assert outcome(database, number) == [(None, False, None)]
    refused = store(database, number, report("quarantine", "r1"), into=first)
    assert outcome(database, number) == [("quarantine", True, refused)]
    database.rows(
        "insert into landing.quarantine (series_id, stage, reason_code, reason) "
        "values (%s, 'deidentify', 'truncated', 'R')",
        number,
    )
    assert outcome(database, number) == [("quarantine", True, refused)]
    database.rows(
        "update landing.quarantine set decided_at = now() + interval '1 second' where series_id = %s", number
    )
    assert outcome(database, number) == [("quarantine", False, refused)]
    database.rows(
        "update landing.quarantine set decided_at = now() - interval '1 day' where series_id = %s", number
    )
    assert outcome(database, number) == [("quarantine", True, refused)]
    second = batch(database, "second")
    through = store(database, number, report("series", "s1"), into=second)
    assert outcome(database, number) == [("quarantine", False, refused), ("series", False, through)]
    again = store(database, number, report("quarantine", "r2"), into=second)
    waits = database.value("select catalog.deid_waits(%s, %s)", number, again)
    assert outcome(database, number) == [("quarantine", False, refused), ("quarantine", waits, again)]


def test_nobody_writes_an_outcome(database: Database) -> None:
    store(database, received(database, "one", "alice", None, "public"), report())
    for role in ROLES:
        with pytest.raises(InsufficientPrivilege), database.cursor(role, "alice") as cursor:
            cursor.execute("update catalog.deid_outcome set waits = true")
    with pytest.raises(InsufficientPrivilege), database.cursor("radflow_broker", BROKER) as cursor:
        cursor.execute("select * from catalog.fetch_refused()")

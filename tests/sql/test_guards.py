"""What the database refuses whoever asks: sign-offs, release, cohorts, runs, and changes to what was recorded."""

from __future__ import annotations

import pytest
from psycopg2.errors import (
    CheckViolation,
    InsufficientPrivilege,
    NotNullViolation,
    RestrictViolation,
    UniqueViolation,
)

from tests.support import rows
from tests.support.cluster import Database
from tests.support.place import TEAM

PORTAL = "radflow_portal"
APPEND_ONLY = (
    "audit.event",
    "broker.request",
    "broker.decision",
    "broker.disclosure",
    "phi.project_key",
    "curation.sign_off",
    "registry.algorithm_version",
    "experiment.revision",
    "experiment.cohort",
    "experiment.cohort_member",
    "experiment.cohort_attrition",
    "experiment.spec",
)


def outcome(database: Database, series: str, **who: str) -> tuple:
    found = database.rows(
        "select outcome, decision, tags from curation.outcome where series_uid = %s", series, **who
    )
    return found[0]


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_was_recorded_stays(world, table: str) -> None:
    rows.insert(
        world.database, "audit.event", account="x", action="y", object_kind="z", object_id="1",
        previous_hash="", hash="",
    )  # fmt: skip
    column = world.database.rows(
        "select column_name from information_schema.columns where table_schema || '.' || table_name = %s "
        "and is_identity = 'NO' order by ordinal_position limit 1", table, role="radflow_owner"
    )[0][0]  # fmt: skip
    before = world.database.value(f"select count(*) from {table}", role="radflow_owner")
    assert before > 0
    for text in (
        f"update {table} set {column} = {column}",
        f"delete from {table}",
        f"truncate {table} cascade",
    ):
        for role in ("radflow_owner", "postgres"):
            with pytest.raises(RestrictViolation, match="append-only"):
                world.database.rows(text, role=role)
        for role in ("radflow_pipeline", PORTAL, "radflow_broker"):
            with pytest.raises(InsufficientPrivilege):
                world.database.rows(text, role=role, account="admin")
    assert world.database.value(f"select count(*) from {table}", role="radflow_owner") == before


def test_a_series_enters_held(database) -> None:
    for state in ("released", "rejected"):
        with pytest.raises(RestrictViolation, match="enters the catalog held"):
            rows.series(database, state, state=state, settled_at="2026-01-01")


def test_nobody_signs_the_same_series_twice_and_no_role_twice(database) -> None:
    one, two = rows.series(database, "one"), rows.series(database, "two")
    rows.sign(database, one, "first", "cora")
    for role, account in (("second", "cora"), ("first", "cora"), ("first", "curt")):
        with pytest.raises(UniqueViolation):
            rows.sign(database, one, role, account)
    rows.sign(database, one, "second", "curt")
    rows.sign(database, two, "first", "cora")


def test_sign_offs_come_in_their_order(database) -> None:
    one = rows.series(database, "one")
    for role, account in (("second", "curt"), ("adjudicator", "judy")):
        with pytest.raises(RestrictViolation):
            rows.sign(database, one, role, account)
    rows.sign(database, one, "first", "cora")
    with pytest.raises(RestrictViolation, match="nothing to adjudicate"):
        rows.sign(database, one, "adjudicator", "judy")
    rows.sign(database, one, "second", "curt")
    with pytest.raises(RestrictViolation, match="nothing to adjudicate"):
        rows.sign(database, one, "adjudicator", "judy")


@pytest.mark.parametrize(("role", "decision"), [("third", "accept"), ("first", "maybe"), ("first", None)])
def test_roles_and_decisions_are_words_of_ours(database, role: str, decision: str) -> None:
    with pytest.raises((CheckViolation, NotNullViolation)):
        rows.sign(database, rows.series(database, "one"), role, "cora", decision=decision)


@pytest.mark.parametrize("account", ["alice", "judy", "admin"])
def test_a_sign_off_needs_the_role(database, account: str) -> None:
    one = rows.series(database, "one")
    with pytest.raises(InsufficientPrivilege, match=f"{account} has not the role"):
        rows.sign(database, one, "first", account)
    rows.sign(database, one, "first", "cora")
    for settling in ("curt", "alice"):
        with pytest.raises(InsufficientPrivilege, match="has not the role"):
            rows.sign(database, one, "adjudicator", settling)


def test_an_adjudicator_who_read_already_does_not_settle(database) -> None:
    database.rows("insert into access.account_role values ('judy', 'curator')")
    one = rows.series(database, "one")
    rows.sign(database, one, "first", "judy")
    rows.sign(database, one, "second", "curt", "reject")
    with pytest.raises(UniqueViolation):
        rows.sign(database, one, "adjudicator", "judy")


SIGNED = {
    "nothing": ((), "open", None),
    "one": ((("first", "cora", "accept", "a"),), "first read", None),
    "both accept": ((("first", "cora", "accept", "ab"), ("second", "curt", "accept", "ba")), "agreed", "accept"),
    "both reject": ((("first", "cora", "reject", "a"), ("second", "curt", "reject", "")), "agreed", "reject"),
    "other tags": ((("first", "cora", "accept", "a"), ("second", "curt", "accept", "b")), "disputed", None),
    "other decision": ((("first", "cora", "accept", "a"), ("second", "curt", "reject", "a")), "disputed", None),
    "settled": (
        (("first", "cora", "accept", "a"), ("second", "curt", "reject", "a"), ("adjudicator", "judy", "accept", "b")),
        "adjudicated", "accept",
    ),
    "settled against": (
        (("first", "cora", "accept", "a"), ("second", "curt", "accept", "b"), ("adjudicator", "judy", "reject", "")),
        "adjudicated", "reject",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("by", ["radflow_pipeline", "radflow_owner"])
def test_only_what_the_sign_offs_say_can_become_of_a_series(database, name: str, by: str) -> None:
    signed, told, decision = SIGNED[name]
    one = rows.series(database, "one")
    for role, account, choice, tags in signed:
        rows.sign(database, one, role, account, choice, [f"T:{tag}" for tag in tags])
    assert outcome(database, one)[:2] == (told, decision)
    allowed = {"accept": "released", "reject": "rejected", None: None}[decision]
    settle = "update catalog.series set state = %s, settled_at = now() where series_uid = %s"
    for state in {"released", "rejected"} - {allowed}:
        with pytest.raises(RestrictViolation, match="cannot become"):
            database.rows(settle, state, one, role=by)
    if allowed:
        database.rows(settle, allowed, one, role=by)
        assert database.rows("select series_uid, change from catalog.revision") == [(one, allowed)]
        with pytest.raises(RestrictViolation):
            database.rows("update catalog.series set state = 'held', settled_at = null", role=by)


def test_tags_agreed_on_are_those_of_both_or_of_the_adjudicator(database) -> None:
    one, two = rows.series(database, "one"), rows.series(database, "two")
    for role, account, tags in (("first", "cora", ["T:b", "T:a", "T:a"]), ("second", "curt", ["T:a", "T:b"])):
        rows.sign(database, one, role, account, tags=tags)
    assert outcome(database, one) == ("agreed", "accept", ["T:a", "T:b"])
    for role, account, tags in (
        ("first", "cora", ["T:a"]),
        ("second", "curt", []),
        ("adjudicator", "judy", ["T:c"]),
    ):
        rows.sign(database, two, role, account, tags=tags)
    assert outcome(database, two) == ("adjudicated", "accept", ["T:c"])


def test_the_second_read_is_blind_until_the_series_is_settled(database) -> None:
    one = rows.series(database, "one")
    rows.sign(database, one, "first", "cora")

    def seen(reader: str) -> set[str]:
        found = database.rows("select account from curation.sign_off", role=PORTAL, account=reader)
        return {row[0] for row in found}

    as_curt = {"role": PORTAL, "account": "curt"}
    assert seen("curt") == seen("alice") == set()
    assert outcome(database, one, **as_curt) == ("open", None, None)
    assert seen("cora") == {"cora"}
    assert seen("judy") == {"cora"}
    rows.sign(database, one, "second", "curt")
    assert seen("curt") == {"curt"}
    rows.settle(database, one)
    assert seen("curt") == seen("cora") == {"cora", "curt"}


def test_a_cohort_takes_released_series_that_are_as_visible(database) -> None:
    database.rows("insert into access.team values ('hearts')")
    mine = rows.release(database, rows.series(database, "mine", owner="alice", visibility="private"))
    ours = rows.release(database, rows.series(database, "ours", team=TEAM, visibility="team"))
    everybodys = rows.release(database, rows.series(database, "everybodys"))
    held = rows.series(database, "held")
    refused = [
        (held, "private", None, "is not released"),
        (mine, "team", TEAM, "cannot be team"),
        (mine, "public", None, "cannot be public"),
        (ours, "public", None, "cannot be public"),
        (ours, "team", "hearts", "cannot be team"),
    ]
    for number, (member, visibility, team, told) in enumerate(refused):
        with pytest.raises(RestrictViolation, match=told):
            rows.cohort(database, f"c{number}", [member], owner="alice", visibility=visibility, team=team)
    for number, (member, visibility, team) in enumerate(
        [(mine, "private", None), (ours, "private", None), (ours, "team", TEAM), (everybodys, "public", None)]
    ):
        assert rows.cohort(database, f"d{number}", [member], owner="alice", visibility=visibility, team=team)


@pytest.mark.parametrize("table", ["cohort", "spec"])
def test_what_is_for_a_team_names_it(database, table: str) -> None:
    with pytest.raises((CheckViolation, InsufficientPrivilege)):
        getattr(rows, table)(
            database, "x", *([()] if table == "cohort" else []), owner="alice", visibility="team"
        )


def run(database: Database, cohort: int, spec: int, visibility: str, team: str | None, key: str = "k") -> int:
    return rows.insert(
        database, "experiment.run", "id", spec_id=spec, cohort_id=cohort, dag_id="d", dag_run_id=key, owner="alice",
        team=team, visibility=visibility, runtime="process", runtime_reason="Test.", code_version="1", case_count=1,
    )  # fmt: skip


@pytest.mark.parametrize("cohort", ["private", "team", "public"])
@pytest.mark.parametrize("spec", ["private", "team", "public"])
@pytest.mark.parametrize("wanted", ["private", "team", "public"])
def test_a_run_is_never_more_visible_than_its_inputs(database, cohort: str, spec: str, wanted: str) -> None:
    levels = ["private", "team", "public"]
    one = rows.cohort(
        database, "c", [], owner="alice", visibility=cohort, team=TEAM if cohort == "team" else None
    )
    two = rows.spec(database, "s", owner="alice", visibility=spec, team=TEAM if spec == "team" else None)
    allowed = levels.index(wanted) <= min(levels.index(cohort), levels.index(spec))
    if not allowed:
        with pytest.raises(RestrictViolation, match="a run cannot be"):
            run(database, one, two, wanted, TEAM)
        number = run(database, one, two, "private", None)
        with pytest.raises(RestrictViolation):
            database.rows(
                "update experiment.run set visibility = %s, team = %s where id = %s", wanted, TEAM, number
            )
    else:
        assert run(database, one, two, wanted, TEAM if wanted == "team" else None)


def test_a_team_run_belongs_to_the_team_of_its_inputs(database) -> None:
    database.rows("insert into access.team values ('hearts')")
    one = rows.cohort(database, "c", [], owner="alice", visibility="team", team=TEAM)
    two = rows.spec(database, "s", owner="alice", visibility="public")
    for team in ("hearts", None):
        with pytest.raises(RestrictViolation, match="inputs of another team"):
            run(database, one, two, "team", team)


def test_a_run_that_ended_says_when_and_one_that_runs_does_not(database) -> None:
    one = rows.cohort(database, "c", [], owner="alice")
    number = run(database, one, rows.spec(database, "s", owner="alice"), "private", None)
    for change in ("state = 'success'", "ended_at = now()", "state = 'stopped', ended_at = now()"):
        with pytest.raises(CheckViolation):
            database.rows(f"update experiment.run set {change} where id = %s", number)


def test_a_failed_step_has_a_reason_code_and_an_ok_one_has_none(world) -> None:
    key = {"run_id": world.run["public"], "arm": "z", "step": "s", "series_uid": world.series["public"]}
    for values in (
        {"status": "failed"},
        {"status": "ok", "reason_code": "x"},
        {"status": "odd", "reason_code": "x"},
    ):
        with pytest.raises(CheckViolation):
            rows.insert(world.database, "experiment.step_run", **key, **values)


def test_revisions_count_cohorts_and_specifications_in_one_row(database) -> None:
    rows.cohort(database, "c", [], owner="alice")
    rows.spec(database, "s", owner="alice")
    rows.cohort(database, "c", [], owner="alice", version=2)
    assert database.rows("select id, change, name from experiment.revision order by id") == [
        (1, "cohort", "c"), (2, "spec", "s"), (3, "cohort", "c"),
    ]  # fmt: skip
    assert database.rows("select version, revision from experiment.cohort order by 1") == [(1, 1), (2, 3)]


def event(database: Database, account: str, *, by: str = "radflow_pipeline", seen_as: str | None = None,
          hash_: str = "") -> None:  # fmt: skip
    rows.insert(
        database, "audit.event", by=by, seen_as=seen_as, account=account, action="read", object_kind="series",
        object_id="1", detail='{"a": "ä"}', previous_hash="forged", hash=hash_,
    )  # fmt: skip


def test_the_audit_chain_is_made_by_the_database(database) -> None:
    for account in ("alice", "cora", "alice"):
        event(database, account, hash_="forged")
    found = database.rows("select previous_hash, hash from audit.event order by id")
    assert found[0][0] == ""
    assert [row[0] for row in found[1:]] == [row[1] for row in found[:-1]]
    assert all(len(row[1]) == 64 for row in found)
    assert database.value("select audit.first_broken()") is None


_REMADE = (
    "update audit.event e set account = 'nobody', hash = audit.digest(row(e.id, e.at, 'nobody', e.action, "
    "e.object_kind, e.object_id, e.reason, e.detail, e.previous_hash, '')::audit.event) where id = 3"
)
TAMPERED = {
    "account": ("update audit.event set account = 'nobody' where id = 3", 3),
    "time": ("update audit.event set at = at + interval '1 microsecond' where id = 3", 3),
    "detail": ("update audit.event set detail = '{}' where id = 3", 3),
    "reason": ("update audit.event set reason = 'because' where id = 3", 3),
    "hash": ("update audit.event set hash = previous_hash where id = 3", 3),
    "row and hash made to fit": (_REMADE, 4),
    "a row that is gone": ("delete from audit.event where id = 3", 4),
    "two that changed places": ("update audit.event set id = 100 - id where id in (3, 4)", 5),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_a_superuser_who_changes_the_past_is_found(database, name: str) -> None:
    for account in ("alice", "cora", "curt", "judy", "alice"):
        event(database, account)
    text, broken = TAMPERED[name]
    with database.cursor("postgres") as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("alter table audit.event alter column id set generated by default")
        cursor.execute(text)
        cursor.execute("alter table audit.event alter column id set generated always")
    assert database.value("select audit.first_broken()") == broken
    event(database, "alice")  # what comes later does not heal it
    assert database.value("select audit.first_broken()") == broken


def test_events_are_written_in_ones_own_name(database) -> None:
    event(database, "alice", by=PORTAL, seen_as="alice")
    for seen_as in ("mallory", None):
        with pytest.raises(InsufficientPrivilege):
            event(database, "alice", by=PORTAL, seen_as=seen_as)
    text = "select count(*) from audit.event"
    assert database.value(text, role=PORTAL, account="admin") == 1
    assert database.value(text, role=PORTAL, account="alice") == 0


def test_a_received_series_has_its_bytes_or_is_not_received(database) -> None:
    values = {"source": "s", "collection": "c", "series_uid": "1.2", "owner": "admin"}
    with pytest.raises(CheckViolation):
        rows.insert(database, "landing.received_series", **values, state="received")
    rows.insert(database, "landing.received_series", **values)
    with pytest.raises(UniqueViolation):
        rows.insert(database, "landing.received_series", **values)
    with pytest.raises(CheckViolation):
        database.rows("update landing.received_series set image_count = 0")


def test_a_frozen_cohort_never_grows(world) -> None:
    first = rows.release(world.database, rows.series(world.database, "frozen-one"))
    later = rows.release(world.database, rows.series(world.database, "frozen-two"))
    made = rows.cohort(world.database, "frozen", [first], owner="alice")
    with pytest.raises(RestrictViolation, match="is frozen"):
        world.database.rows(
            "insert into experiment.cohort_member select %s, series_uid, study_uid, patient_alias, manifest_sha256"
            " from catalog.series where series_uid = %s",
            made,
            later,
        )
    with pytest.raises(RestrictViolation, match="is frozen"):
        world.database.rows("insert into experiment.cohort_attrition values (%s, 9, 'late', 1, 1)", made)


@pytest.mark.parametrize(
    "change",
    [
        "update catalog.series set visibility = 'public'",
        "update catalog.series set owner = 'mallory'",
        "update catalog.series set manifest_sha256 = 'x'",
        "update catalog.instance set sha256 = repeat('0', 64)",
        "update catalog.policy set english = '{}'",
        "update catalog.revision set change = 'rejected'",
        "delete from catalog.tag",
    ],
)
def test_what_was_catalogued_stays(world, change: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        world.database.rows(change)

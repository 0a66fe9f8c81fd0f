"""Attacks on re-identification as each role of the database: what two people have not agreed on is not disclosed."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg2.errors import (
    CheckViolation,
    GeneratedAlways,
    InsufficientPrivilege,
    NotNullViolation,
    RestrictViolation,
    UniqueViolation,
)

from tests.support import rows
from tests.support.cluster import Database

ALIAS, OTHER = "RF-0123456789", "RF-ZZZZZZZZZZ"
PORTAL, PIPELINE, BROKER = "radflow_portal", "radflow_pipeline", "radflow_broker"
READ_THE_LATEST = "select * from broker.identities((select max(id) from broker.disclosure))"
TABLES = ("broker.request", "broker.decision", "broker.disclosure", "broker.status")


@pytest.fixture
def held(database: Database) -> Database:
    """Brokers, and two patients in the crosswalk."""
    rows.brokers(database)
    rows.crosswalk(database, {ALIAS: "MRN 77 41", OTHER: "MRN 88"})
    return database


def together(database: Database, role: str, account: str | None, *texts: str) -> None:
    """Statements in one transaction."""
    with database.cursor(role, account) as cursor:
        for text in texts:
            cursor.execute(text)


def identities(database: Database, disclosure: int, account: str = "bea") -> list[tuple[Any, ...]]:
    return database.rows(
        "select subject, patient_id, patient_name from broker.identities(%s)", disclosure, role=BROKER, account=account
    )  # fmt: skip


def events(database: Database) -> list[tuple[Any, ...]]:
    return database.rows(
        "select account, action, object_id, reason, detail from audit.event where object_kind = 'reidentify' order by id"
    )


def test_one_asks_another_approves_and_the_first_reads(held: Database) -> None:
    number = rows.approve(held, rows.ask(held, [ALIAS, rows.uid("new study", OTHER)]))
    disclosure = rows.disclose(held, number)
    assert identities(held, disclosure) == [
        (rows.uid("new study", OTHER), "MRN 88", "Name^MRN 88"),
        (ALIAS, "MRN 77 41", "Name^MRN 77 41"),
    ]
    whole = held.rows(
        "select * from broker.identities(%s) where level = 'study'", disclosure, role=BROKER, account="bea"
    )
    assert whole[0][1:5] == ("p", "study", "1.2.13.1000", OTHER)
    told = events(held)
    assert [(who, what, which) for who, what, which, _, _ in told] == [
        ("bea", "reidentify.request", str(number)),
        ("ben", "reidentify.approve", str(number)),
        ("bea", "reidentify.disclose", str(number)),
    ]
    assert [reason for _, _, _, reason, _ in told] == [rows.REASON, "As agreed.", rows.REASON]
    assert {detail["count"] for *_, detail in told} == {2}
    assert not {"MRN", "Name", ALIAS} & {word for word in str(told).replace("^", " ").split()}
    assert held.value("select audit.first_broken()") is None


def test_every_disclosure_is_recorded(held: Database) -> None:
    number = rows.approve(held, rows.ask(held, [ALIAS]))
    for _ in range(3):
        assert len(identities(held, rows.disclose(held, number))) == 1
    assert [what for _, what, *_ in events(held)].count("reidentify.disclose") == 3


def test_nothing_is_read_in_the_transaction_that_records_the_disclosure(held: Database) -> None:
    """Otherwise a reader could roll the record back and keep what was read."""
    number = rows.approve(held, rows.ask(held, [ALIAS]))
    record = f"insert into broker.disclosure (request_id, account) values ({number}, 'bea')"
    for between in ("select 1", "savepoint s"):
        with pytest.raises(InsufficientPrivilege, match="no disclosure"):
            together(held, BROKER, "bea", record, between, READ_THE_LATEST)
    assert held.value("select count(*) from broker.disclosure", role="radflow_owner") == 0


def test_a_disclosure_is_open_for_a_minute_and_for_its_reader(held: Database) -> None:
    disclosure = rows.disclose(held, rows.approve(held, rows.ask(held, [ALIAS])))
    for stranger in ("ben", "bo", "alice", "", None):
        with pytest.raises(InsufficientPrivilege):
            identities(held, disclosure, stranger)
    with held.cursor("postgres") as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update broker.disclosure set opened_at = opened_at - interval '2 minutes'")
    with pytest.raises(InsufficientPrivilege, match="no disclosure"):
        identities(held, disclosure)
    for made_up in (0, disclosure + 1, -1, 2**62, None):
        with pytest.raises(InsufficientPrivilege):
            identities(held, made_up)


def test_the_requester_never_approves(held: Database) -> None:
    number = rows.ask(held, [ALIAS])
    with pytest.raises(CheckViolation, match="two_people"):
        rows.approve(held, number, "bea")
    with pytest.raises(CheckViolation, match="two_people"):
        rows.approve(held, number, "bea", "refuse")
    for forged in ("ben", "alice"):  # the requester of the row is the database's to say
        with pytest.raises((CheckViolation, InsufficientPrivilege)):
            rows.insert(
                held, "broker.decision", by="radflow_owner", seen_as="bea", request_id=number, requester=forged,
                account="bea", decision="approve",
            )  # fmt: skip


def test_a_decision_is_one_final_and_by_somebody_with_the_role(held: Database) -> None:
    number = rows.ask(held, [ALIAS])
    for nobody in ("alice", "nobody", ""):
        with pytest.raises(InsufficientPrivilege):
            rows.approve(held, number, nobody)
    rows.approve(held, number, "ben", "refuse")
    for later in ("ben", "bo"):
        with pytest.raises(UniqueViolation):
            rows.approve(held, number, later)
    with pytest.raises(InsufficientPrivilege, match="not approved"):
        rows.disclose(held, number)


def test_nobody_acts_in_the_name_of_another(held: Database) -> None:
    number = rows.ask(held, [ALIAS])
    row = {"request_id": number, "account": "ben", "decision": "approve"}
    for by, acting in (
        (BROKER, "bea"),
        (BROKER, "bo"),
        (BROKER, None),
        ("radflow_owner", "bea"),
        ("radflow_owner", None),
    ):
        with pytest.raises(InsufficientPrivilege):
            rows.insert(held, "broker.decision", by=by, seen_as=acting, **row)
    asked = {"kind": "identity", "subjects": [ALIAS], "reason": rows.REASON, "requester": "ben"}
    with pytest.raises(InsufficientPrivilege):
        rows.insert(held, "broker.request", by=BROKER, seen_as="bea", **asked)
    rows.approve(held, number)
    for acting in ("ben", "bo"):
        with pytest.raises(InsufficientPrivilege):
            rows.insert(
                held, "broker.disclosure", by=BROKER, seen_as=acting, request_id=number, account="bea"
            )


def test_the_answer_is_for_the_requester(held: Database) -> None:
    number = rows.approve(held, rows.ask(held, [ALIAS]))
    for other in ("ben", "bo"):
        with pytest.raises(InsufficientPrivilege, match="for its requester"):
            rows.disclose(held, number, other)


def test_nothing_happens_after_the_time_is_over(held: Database) -> None:
    late = rows.ask(held, [ALIAS])
    rows.lapse(held, late)
    with pytest.raises(RestrictViolation, match="expired"):
        rows.approve(held, late)
    number = rows.approve(held, rows.ask(held, [ALIAS]))
    rows.lapse(held, number)
    with pytest.raises(RestrictViolation, match="expired"):
        rows.disclose(held, number)
    states = held.rows("select state from broker.status order by id", role=BROKER, account="bo")
    assert states == [("expired",), ("expired",)]


def test_who_loses_the_role_loses_everything(held: Database) -> None:
    number = rows.approve(held, rows.ask(held, [ALIAS]))
    disclosure = rows.disclose(held, number)
    waiting = rows.ask(held, [ALIAS])
    held.rows("delete from access.account_role where account = 'bea'")
    with pytest.raises(InsufficientPrivilege, match="has not the role broker"):
        identities(held, disclosure)
    with pytest.raises(InsufficientPrivilege):
        rows.disclose(held, number)
    with pytest.raises(InsufficientPrivilege, match="bea has not the role"):
        rows.approve(held, waiting)
    assert held.rows("select * from broker.status", role=BROKER, account="bea") == []


@pytest.mark.parametrize("account", ["alice", "nobody", "", None])
def test_who_is_no_broker_asks_for_nothing_and_sees_no_request(held: Database, account: str | None) -> None:
    rows.ask(held, [ALIAS])
    for table in TABLES:
        assert held.rows(f"select * from {table}", role=BROKER, account=account) == []
    row = {"kind": "identity", "subjects": [ALIAS], "reason": rows.REASON, "requester": account}
    with pytest.raises((InsufficientPrivilege, NotNullViolation)):
        rows.insert(held, "broker.request", by=BROKER, seen_as=account, **row)
    with pytest.raises((InsufficientPrivilege, NotNullViolation)):  # nor does a task for them
        rows.insert(held, "broker.request", **row)


@pytest.mark.parametrize("table", [*TABLES, "phi.patient", "phi.uid", "phi.project_key"])
def test_the_portal_role_reaches_nothing_of_it(held: Database, table: str) -> None:
    for text in (f"select * from {table}", f"select count(*) from {table}", f"delete from {table}"):
        with pytest.raises(InsufficientPrivilege):
            held.rows(text, role=PORTAL, account="bea")


CALLS = (
    "select * from broker.identities(1)",
    "select * from broker.linkage(1)",
    "select broker.disclosed(1, 'identity')",
    "insert into broker.decision (request_id, account, decision) values (1, 'ben', 'approve')",
    "insert into broker.disclosure (request_id, account) values (1, 'bea')",
    "insert into phi.project_key (project, epoch, key_id) values ('p', 2, 'fedcba9876543210')",
)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("account", ["bea", "ben"])
def test_neither_portal_nor_tasks_decide_or_read(held: Database, call: str, account: str) -> None:
    rows.disclose(held, rows.approve(held, rows.ask(held, [ALIAS])))
    rows.ask(held, [ALIAS])
    for role in (PORTAL, PIPELINE):
        with pytest.raises(InsufficientPrivilege):
            held.rows(call, role=role, account=account)
    with pytest.raises(InsufficientPrivilege):  # what a task may become
        together(held, PIPELINE, account, "set local role radflow_portal", call)


def test_a_task_cannot_become_the_broker(held: Database) -> None:
    with pytest.raises(InsufficientPrivilege):
        held.rows("set role radflow_broker")


@pytest.mark.parametrize("role", [PORTAL, PIPELINE, BROKER])
@pytest.mark.parametrize(
    "action", ["reidentify.approve", "reidentify.disclose", "key.record", "broker.grant"]
)
def test_nobody_writes_these_events_by_hand(held: Database, role: str, action: str) -> None:
    event = {"account": "bea", "action": action, "object_kind": "reidentify", "object_id": "1", "previous_hash": "",
             "hash": ""}  # fmt: skip
    with pytest.raises(InsufficientPrivilege):
        rows.insert(held, "audit.event", by=role, seen_as="bea", **event)


def test_who_becomes_a_broker_is_in_the_audit(held: Database) -> None:
    held.rows("delete from access.account_role where account = 'bo'")
    found = held.rows(
        "select action, object_id, detail from audit.event where object_kind = 'account' order by id"
    )
    assert [row[:2] for row in found] == [("broker.grant", name) for name in rows.BROKERS] + [
        ("broker.revoke", "bo")
    ]
    assert {row[2]["by"] for row in found} == {"radflow_pipeline"}


@pytest.mark.parametrize(
    "subject",
    ["MRN-1", "Doe^John", "' or true --", "RF-0123456789'; drop table phi.patient; --", "RF-012345678", "RF-012345678I",
     "1.2.840.10008.1.2", "2.25.", "2.25.0", "rf-0123456789", "", " RF-0123456789", "RF-0123456789\n", None],
)  # fmt: skip
def test_only_aliases_and_new_uids_are_asked_for(held: Database, subject: str | None) -> None:
    with pytest.raises(CheckViolation, match="aliases_and_new_uids_only"):
        rows.ask(held, [ALIAS, subject])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"reason": ""}, "a_reason_is_given"),
        ({"reason": "  because \n  it  "[:9]}, "a_reason_is_given"),
        ({"reason": " \n\t" * 20}, "a_reason_is_given"),
        ({"reason": "x" * 2001}, "a_reason_is_given"),
        ({"subjects": []}, "identity_of_somebody"),
        ({"subjects": [f"2.25.{n}" for n in range(1, 5002)]}, "not_everybody_at_once"),
        ({"project": "p"}, "keys_of_a_project"),
        ({"kind": "everything"}, "request"),
        ({"valid_days": 31}, "valid_days"),
        ({"valid_days": 0}, "valid_days"),
    ],
)
def test_a_request_says_what_and_why(held: Database, change: dict[str, Any], constraint: str) -> None:
    with pytest.raises(CheckViolation, match=constraint):
        rows.ask(held, **({"subjects": [ALIAS]} | change))
    with pytest.raises((CheckViolation, NotNullViolation)):
        rows.ask(held, [ALIAS], reason=None)


def test_times_are_the_databases(held: Database) -> None:
    for column in ("id", "requested_at", "expires_at"):
        with pytest.raises((InsufficientPrivilege, GeneratedAlways)):
            rows.ask(held, [ALIAS], **{column: 7 if column == "id" else "2099-01-01"})
    number = rows.insert(
        held, "broker.request", "id", by="radflow_owner", kind="identity", subjects=[ALIAS], reason=rows.REASON,
        requester="bea", expires_at="2099-01-01", valid_days=1,
    )  # fmt: skip
    lasts = held.value("select expires_at - requested_at from broker.status where id = %s", number)
    assert lasts.days == 1


def test_ids_that_are_not_there_say_nothing(held: Database) -> None:
    for absent in (0, 99, 2**62):
        with pytest.raises(RestrictViolation, match="there is no request"):
            rows.approve(held, absent)
        with pytest.raises(RestrictViolation, match="nothing to disclose"):
            rows.disclose(held, absent)


# -- keys ------------------------------------------------------------------------------------------------

NEW = "fedcba9876543210"


def use(database: Database, project: str, key_id: str) -> str:
    return str(database.value("select phi.use_key(%s, %s)", project, key_id))


def rotation(database: Database, key_id: str = NEW, **more: Any) -> int:
    return rows.ask(database, [], kind="rotation", project="p", key_id=key_id, **more)


def test_the_first_key_is_recorded_and_rows_from_before_are_of_it(database: Database) -> None:
    rows.brokers(database)
    rows.insert(database, "phi.patient", project="p", patient_alias=ALIAS, patient_id="1", days_offset=-5)
    rows.insert(database, "phi.patient", project="q", patient_alias=ALIAS, patient_id="1", days_offset=-5)
    assert use(database, "p", rows.KEY_ID) == rows.KEY_ID
    assert use(database, "p", NEW) == rows.KEY_ID
    found = database.rows("select project, key_id from phi.patient order by 1", role="radflow_owner")
    assert found == [("p", rows.KEY_ID), ("q", None)]
    assert database.rows("select action, object_id from audit.event where object_kind = 'project'") == [
        ("key.record", "p")
    ]


def test_the_crosswalk_takes_no_row_made_under_another_key(held: Database) -> None:
    row = "insert into phi.patient (project, patient_alias, patient_id, days_offset) values ('p', 'RF-1', '1', -5)"
    with pytest.raises(RestrictViolation, match="under another key"):
        held.rows(row)
    for wanted in (("p", NEW), ("q", rows.KEY_ID)):
        with pytest.raises(RestrictViolation, match="under another key"):
            together(held, PIPELINE, None, f"select phi.use_key{wanted}", row)
    together(held, PIPELINE, None, f"select phi.use_key('p', '{rows.KEY_ID}')", row)
    with pytest.raises(RestrictViolation, match="under another key"):  # it lasts for one transaction
        held.rows(row.replace("RF-1", "RF-2"))


def test_a_rotation_needs_two_people(held: Database) -> None:
    number = rotation(held)
    assert use(held, "p", NEW) == rows.KEY_ID
    with pytest.raises(CheckViolation, match="two_people"):
        rows.approve(held, number, "bea")
    rows.approve(held, number)
    assert use(held, "p", NEW) == NEW
    found = held.rows(
        "select epoch, key_id, request_id from phi.project_key order by 1", role="radflow_owner"
    )
    assert found == [(1, rows.KEY_ID, None), (2, NEW, number)]
    with pytest.raises(RestrictViolation, match="nothing to disclose"):
        rows.disclose(held, number)


def test_no_key_gets_in_without_an_approved_rotation_to_it(held: Database) -> None:
    refused, waiting, other = rotation(held), rotation(held), rotation(held, "00000000000000ff")
    rows.approve(held, refused, decision="refuse")
    for request in (refused, waiting, other):
        with pytest.raises(RestrictViolation, match="no approved rotation"):
            rows.insert(
                held,
                "phi.project_key",
                by="radflow_owner",
                project="p",
                epoch=2,
                key_id=NEW,
                request_id=request,
            )
    for epoch, request in ((1, None), (2, None), (3, waiting)):
        with pytest.raises((RestrictViolation, CheckViolation, UniqueViolation)):
            rows.insert(
                held,
                "phi.project_key",
                by="radflow_owner",
                project="p",
                epoch=epoch,
                key_id=NEW,
                request_id=request,
            )
    assert held.value("select count(*) from phi.project_key", role="radflow_owner") == 1


def test_a_rotation_is_of_a_known_project_to_another_key(held: Database) -> None:
    with pytest.raises(RestrictViolation, match="no recorded key"):
        rows.ask(held, [], kind="rotation", project="unknown", key_id=NEW)
    with pytest.raises(RestrictViolation, match="under this key already"):
        rotation(held, rows.KEY_ID)
    for wrong in ("", "xyz", NEW.upper(), NEW + "0"):
        with pytest.raises(CheckViolation):
            rotation(held, wrong)


def linkage(database: Database) -> list[tuple[Any, ...]]:
    number = rows.approve(database, rows.ask(database, [], kind="linkage", project="p"))
    disclosure = rows.disclose(database, number)
    with pytest.raises(InsufficientPrivilege):
        identities(database, disclosure)  # a linkage discloses aliases only
    return database.rows("select * from broker.linkage(%s)", disclosure, role=BROKER, account="bea")


def test_old_and_new_aliases_are_linked_by_the_crosswalk_without_any_key(held: Database) -> None:
    assert linkage(held) == []
    rows.approve(held, rotation(held))
    rows.crosswalk(
        held, {"RF-AAAAAAAAAA": " mrn  77\u00a041", "RF-BBBBBBBBBB": "MRN 9"}, key_id=NEW, days=-400
    )
    rows.crosswalk(held, {"RF-CCCCCCCCCC": "MRN 88"}, key_id=NEW, issuer="ELSEWHERE")
    rows.crosswalk(held, {"RF-DDDDDDDDDD": "MRN 88"}, project="q")
    assert linkage(held) == [(ALIAS, rows.KEY_ID, "RF-AAAAAAAAAA", NEW, -600)]
    rows.approve(held, rotation(held, "00000000000000ff"))
    rows.crosswalk(held, {"RF-EEEEEEEEEE": "MRN 77 41"}, key_id="00000000000000ff", days=-700)
    assert [(old, new, days) for old, _, new, _, days in linkage(held)] == [
        (ALIAS, "RF-AAAAAAAAAA", -600), (ALIAS, "RF-EEEEEEEEEE", -300), ("RF-AAAAAAAAAA", "RF-EEEEEEEEEE", 300),
    ]  # fmt: skip

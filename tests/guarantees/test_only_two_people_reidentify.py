"""No identity leaves the crosswalk unless two different brokers agreed in time, and then only to who asked.

Guarantee: whoever asks, decides and reads, in whatever role of the database and at whatever time, a patient's
identity comes out exactly if a broker asked with a reason, another broker approved before the request lapsed, and
the first one reads before it lapses; and every time it comes out, the audit says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from tests.support import rows
from tests.support.cluster import Cluster, Database

ALIAS, IDENTITY = "RF-0123456789", "MRN-7741"
PEOPLE = ("bea", "ben", "alice")  # two brokers, and somebody who is none
LAPSES = ("never", "before the decision", "before reading")
SERVED_BY = ("radflow_broker", "radflow_pipeline", "radflow_portal")
REFUSALS = (psycopg2.errors.IntegrityError, psycopg2.errors.InsufficientPrivilege)
ASK = "insert into broker.request (kind, subjects, reason, requester) values ('identity', %s, %s, %s) returning id"
DECIDE = (
    "insert into broker.decision (request_id, account, decision) values (%s, %s, %s) returning request_id"
)
DISCLOSE = "insert into broker.disclosure (request_id, account) values (%s, %s) returning id"


class Attacker:
    """One connection per role; each attempt is one transaction on behalf of one person."""

    def __init__(self, database: Database) -> None:
        self.roles = {role: psycopg2.connect(database.dsn(role)) for role in (*SERVED_BY, "postgres")}

    def attempt(self, role: str, person: str, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement; none where the database refuses it."""
        try:
            with self.roles[role] as connection, connection.cursor() as cursor:
                cursor.execute("select set_config('radflow.account', %s, true)", (person,))
                cursor.execute(text, values)
                return list(cursor.fetchall())
        except REFUSALS:
            return []

    def lapse(self, request: int) -> None:
        with self.roles["postgres"] as connection, connection.cursor() as cursor:
            cursor.execute("set local session_replication_role = replica")
            cursor.execute("update broker.request set expires_at = now() where id = %s", (request,))

    def close(self) -> None:
        for connection in self.roles.values():
            connection.close()


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Database:
    made = cluster.new()
    rows.brokers(made)
    rows.crosswalk(made, {ALIAS: IDENTITY})
    return made


@pytest.fixture
def attacker(database: Database) -> Iterator[Attacker]:
    made = Attacker(database)
    yield made
    made.close()


def way(
    attacker: Attacker, asker: str, decider: str, word: str, reader: str, lapses: str, by: str
) -> list[Any]:
    """Everything that somebody with one role of the database can try, in order; what was read at the end."""
    asked = attacker.attempt(by, asker, ASK, [ALIAS], rows.REASON, asker)
    # Where that is refused, another broker's request lies there, so that the later steps are tried nevertheless.
    ((number,),) = asked or attacker.attempt("radflow_broker", "bo", ASK, [ALIAS], rows.REASON, "bo")
    if lapses == "before the decision":
        attacker.lapse(number)
    for claimed in PEOPLE:  # the own name, and forged ones
        attacker.attempt(by, decider, DECIDE, number, claimed, word)
    if lapses == "before reading":
        attacker.lapse(number)
    opened = attacker.attempt(by, reader, DISCLOSE, number, reader)
    answer = "select patient_id from broker.identities(%s)"
    found = attacker.attempt(by, reader, answer, opened[0][0] if opened else number)
    return found + attacker.attempt(by, reader, "select patient_id from phi.patient")


def test_only_the_way_of_two_people_leads_to_an_identity(database: Database, attacker: Attacker) -> None:
    told = 0
    for asker, decider, word, reader, lapses, by in itertools.product(
        PEOPLE, PEOPLE, ("approve", "refuse"), PEOPLE, LAPSES, SERVED_BY
    ):
        allowed = (
            by == "radflow_broker" and "alice" not in (asker, decider) and asker != decider and word == "approve"
            and reader == asker and lapses == "never"
        )  # fmt: skip
        found = way(attacker, asker, decider, word, reader, lapses, by)
        assert found == ([(IDENTITY,)] if allowed else []), (asker, decider, word, reader, lapses, by)
        told += allowed
    assert told == 2
    recorded = "select account from audit.event where action = 'reidentify.disclose' order by id"
    assert database.rows(recorded) == [("bea",), ("ben",)]
    assert database.value("select audit.first_broken()") is None
    everything = database.rows("select account, action, object_id, reason, detail from audit.event")
    assert IDENTITY not in str(everything)
    assert ALIAS not in str(everything)

"""Rows by hand, for tests that need the database and not the operators that fill it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from tests.support.cluster import Database

ACCEPT = {"decision": "accept", "tags": ["RADLEX:RID12"]}


def sha(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def uid(*parts: object) -> str:
    """A made-up UID that always comes out the same."""
    return f"2.25.{int(sha(repr(parts))[:28], 16)}"


def insert(database: Database, table: str, returning: str = "", *, by: str = "radflow_pipeline",
           seen_as: str | None = None, **values: Any) -> Any:  # fmt: skip
    """One row; answers the value of the column ``returning``."""
    columns, places = ", ".join(values), ", ".join(["%s"] * len(values))
    tail = f" returning {returning}" if returning else ""
    text = f"insert into {table} ({columns}) values ({places}){tail}"
    found = database.rows(text, *values.values(), role=by, account=seen_as)
    return found[0][0] if found else None


def series(database: Database, name: str, *, owner: str = "admin", team: str | None = None,
           visibility: str = "public", patient: str | None = None, truth: float | None = None,
           **more: Any) -> str:  # fmt: skip
    """A held chest CT; answers its UID."""
    alias = f"RF-{sha(patient or name)[:10].upper()}"
    study, made = uid("study", name), uid("series", name)
    database.rows(
        "insert into catalog.policy (sha256, name, english, engine_version) values (%s, 'research', "
        "'{Names go.}', '1') on conflict do nothing", sha("policy")
    )  # fmt: skip
    database.rows(
        "insert into catalog.collection (name, source) values ('chest', 'test') on conflict do nothing"
    )
    database.rows(
        "insert into catalog.patient (collection, patient_alias) values ('chest', %s) on conflict do nothing",
        alias,
    )
    place = {"collection": "chest", "patient_alias": alias}
    insert(database, "catalog.study", study_uid=study, **place)
    insert(
        database, "catalog.series", series_uid=made, study_uid=study, modality="CT", body_part="CHEST",
        image_count=2, uri="file:///nowhere", manifest_sha256=sha(name), policy_sha256=sha("policy"),
        owner=owner, team=team, visibility=visibility, **place, **more,
    )  # fmt: skip
    for number in (1, 2):
        insert(
            database,
            "catalog.instance",
            sop_uid=uid("sop", name, number),
            series_uid=made,
            sha256=sha(f"{name}{number}"),
        )
    if truth is not None:
        row = {"series_uid": made, "name": "emphysema_fraction", "value": truth, "origin": "by hand"}
        insert(database, "catalog.truth", **row)
    return made


def sign(database: Database, series_uid: str, role: str, account: str, decision: str = "accept",
         tags: Sequence[str] = ("RADLEX:RID12",)) -> None:  # fmt: skip
    """One sign-off."""
    insert(
        database, "curation.sign_off", series_uid=series_uid, role=role, account=account, decision=decision,
        tags=list(tags), comment="read",
    )  # fmt: skip


def settle(database: Database, series_uid: str, state: str = "released") -> None:
    """What the release task does after the sign-offs."""
    database.rows(
        "update catalog.series set state = %s, settled_at = now() where series_uid = %s", state, series_uid
    )


def release(database: Database, series_uid: str) -> str:
    """Both curators accept, and the series is released."""
    sign(database, series_uid, "first", "cora")
    sign(database, series_uid, "second", "curt")
    settle(database, series_uid)
    return series_uid


def cohort(database: Database, name: str, members: Sequence[str], *, owner: str, visibility: str = "private",
           team: str | None = None, version: int = 1) -> int:  # fmt: skip
    """A frozen cohort, all in one transaction as the database demands; answers its number."""
    with database.cursor() as cursor:
        cursor.execute(
            "insert into experiment.cohort (name, version, english, criteria, criteria_sha256, catalog_version,"
            " cohort_sha256, owner, team, visibility) values (%s, %s, 'CT.', '{}', %s, 1, %s, %s, %s, %s) returning id",
            (name, version, sha("{}"), sha(f"{name}{version}"), owner, team, visibility),
        )
        made = int(cursor.fetchone()[0])
        for member in members:
            cursor.execute(
                "insert into experiment.cohort_member select %s, series_uid, study_uid, patient_alias, "
                "manifest_sha256 from catalog.series where series_uid = %s",
                (made, member),
            )
        cursor.execute(
            "insert into experiment.cohort_attrition values (%s, 0, 'all', %s, %s)",
            (made, len(members), len(members)),
        )
    return made


def spec(database: Database, name: str, *, owner: str, visibility: str = "private", team: str | None = None,
         text: dict[str, Any] | None = None) -> int:  # fmt: skip
    """A registered specification; answers its number."""
    body = json.dumps(text or {"name": name, "metrics": [], "truth": {}}, sort_keys=True)
    return int(
        insert(
            database, "experiment.spec", "id", by="radflow_portal", seen_as=owner, name=name,
            title=name.capitalize(), spec=body, spec_sha256=sha(body), owner=owner, team=team, visibility=visibility,
        )
    )  # fmt: skip


BROKERS = ("bea", "ben", "bo")
REASON = "An incidental finding must reach the treating physician."
BROKER = "radflow_broker"
KEY_ID = "0123456789abcdef"


def brokers(database: Database) -> None:
    """Three honest brokers, and alice, who is none."""
    for name in (*BROKERS, "alice"):
        database.rows(
            "insert into access.account (name, display_name) values (%s, %s) on conflict do nothing",
            name,
            name,
        )
    for name in BROKERS:
        insert(database, "access.account_role", account=name, role="broker")


def crosswalk(database: Database, people: dict[str, str], *, project: str = "p", key_id: str = KEY_ID,
              issuer: str = "", days: int = -1000) -> None:  # fmt: skip
    """Aliases with their patients, and one study of each, added as the de-identify task does."""
    with database.cursor() as cursor:
        cursor.execute("select phi.use_key(%s, %s)", (project, key_id))
        for alias, patient in people.items():
            cursor.execute(
                "insert into phi.patient (project, patient_alias, patient_id, issuer_of_patient_id, patient_name, "
                "patient_birth_date, days_offset) values (%s, %s, %s, %s, %s, '19510203', %s) on conflict do nothing",
                (project, alias, patient, issuer, f"Name^{patient}", days),
            )
            cursor.execute(
                "insert into phi.uid (project, level, new_uid, original_uid, patient_alias) "
                "values (%s, 'study', %s, %s, %s) on conflict do nothing",
                (project, uid("new study", alias), f"1.2.{len(alias)}.{abs(days)}", alias),
            )


def ask(database: Database, subjects: Sequence[str], account: str = "bea", **more: Any) -> int:
    """A request, as the web server makes it."""
    row = {"kind": "identity", "subjects": list(subjects), "reason": REASON, "requester": account} | more
    return int(insert(database, "broker.request", "id", by=BROKER, seen_as=account, **row))


def approve(database: Database, request: int, account: str = "ben", decision: str = "approve") -> int:
    """The second person's word; answers the request's number."""
    insert(
        database, "broker.decision", by=BROKER, seen_as=account, request_id=request, account=account,
        decision=decision, reason="As agreed.",
    )  # fmt: skip
    return request


def disclose(database: Database, request: int, account: str = "bea") -> int:
    """A recorded disclosure; the answer can be read for a minute."""
    row = {"request_id": request, "account": account}
    return int(insert(database, "broker.disclosure", "id", by=BROKER, seen_as=account, **row))


def lapse(database: Database, request: int) -> None:
    """Let the time of a request be over."""
    with database.cursor("postgres") as cursor:
        cursor.execute("set local session_replication_role = replica")
        cursor.execute("update broker.request set expires_at = now() where id = %s", (request,))

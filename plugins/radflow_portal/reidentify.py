"""reidentify: who is behind an alias. One broker asks, another approves, the first reads; each step is audited.

Everything here runs as the database role ``radflow_broker`` on behalf of the signed-in person. The database decides
(constraints and triggers of migration 0009); this module asks it, and says in words what it answered.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

import psycopg2
import psycopg2.errors
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from radflow_portal.auth import Account
from radflow_portal.db import Row, Session, as_account, as_broker
from radflow_portal.models import Page
from radflow_portal.paging import Id, Part
from radflow_portal.problems import Problem, not_found
from research.reidentify import (
    DAYS,
    IDENTITY_COLUMNS,
    LINKAGE_COLUMNS,
    MOST_DAYS,
    ReidentifyError,
    cohort_of,
    reason_of,
    subjects_of,
    without_answer,
)

_REQUEST = "request of this number"
router = APIRouter(prefix="/reidentify", tags=["reidentify"])

State = Literal["waiting", "approved", "refused", "expired"]


class Wanted(BaseModel, extra="forbid"):
    """What is asked for, and why."""

    kind: Literal["identity", "linkage"] = Field(
        default="identity",
        description="identity: who these aliases are. linkage: which aliases of a project are one patient.",
    )
    subjects: list[str] | str = Field(
        default_factory=list, description="Aliases and new UIDs, as a list or a text."
    )
    cohort: str | None = Field(default=None, description="Or all aliases of a frozen cohort, name@version.")
    project: str | None = Field(default=None, description="Whose aliases to link; for linkage only.")
    reason: str = Field(description="The purpose. It goes into the audit; it names no patient.")
    valid_days: int = Field(default=DAYS, ge=1, le=MOST_DAYS)


class Judged(BaseModel, extra="forbid"):
    """The second person's word."""

    reason: str | None = Field(default=None, max_length=2000, description="Needed for a refusal.")


class RequestRow(BaseModel):
    """A request: what for, by whom, and what became of it."""

    id: int
    kind: str = Field(description="identity, linkage or rotation")
    subject_count: int
    cohort: str | None
    project: str | None
    key_id: str | None = Field(description="Of a rotation: the new key's id.")
    reason: str
    requester: str
    requested_at: datetime
    expires_at: datetime
    dag_run: str | None
    state: str = Field(description="waiting, approved, refused or expired")
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    disclosure_count: int = Field(description="How often the answer was read.")
    last_disclosed_at: datetime | None
    may_decide: bool = Field(description="Whether you are the second person.")
    may_read: bool = Field(description="Whether the answer is there, and for you.")


class RequestDetail(RequestRow):
    """One request with what it asks for."""

    subjects: list[str]


class Answer(BaseModel):
    """The answer to an approved request. Holds identities where its kind is identity."""

    request: int
    kind: str
    rows: list[dict[str, Any]]
    missing: list[str] = Field(description="What was asked for and is in no crosswalk.")


def as_requests(session: Session) -> Session:
    """The session, if its person is a broker.

    Raises:
        Problem: 403 for everybody else, whatever the number asked for.
    """
    row = session.one("reidentify_broker")
    if not (row and row["is_broker"]):
        raise Problem(
            403,
            "Re-identification is for honest brokers.",
            "Ask a broker of your institution; they act on a reason that a second broker approves.",
            "not-a-broker",
        )
    return session


@contextmanager
def _told(account: str, number: int | str, attempt: str) -> Iterator[None]:
    """Say in words what the database or the rules refused; an attempt at what is not theirs is audited."""
    try:
        yield
    except Problem as error:
        if error.status == 403:
            _denied(account, number, attempt)
        raise
    except psycopg2.errors.CheckViolation as error:
        if error.diag.constraint_name != "two_people":
            raise
        _denied(account, number, attempt)
        raise Problem(
            403, "Nobody decides about the own request.", "Another broker decides.", "two-people"
        ) from None
    except psycopg2.errors.UniqueViolation:
        raise Problem(
            409, f"Request {number} was decided already.", "A decision is never changed; ask anew.", "decided"
        ) from None
    except psycopg2.errors.InsufficientPrivilege as error:
        _denied(account, number, attempt)
        raise Problem(403, _sentence(error), error.diag.message_hint or "", "not-granted") from None
    except psycopg2.errors.RestrictViolation as error:
        raise Problem(409, _sentence(error), error.diag.message_hint or "", "not-now") from None


def _sentence(error: psycopg2.Error) -> str:
    """The message of one of our own triggers; it names numbers and accounts only."""
    text = error.diag.message_primary or "The database refused it"
    return f"{text[:1].upper()}{text[1:]}."


def _denied(account: str, number: int | str, attempt: str) -> None:
    with as_broker(account, write=True) as session:
        session.run("reidentify_denied", object_id=str(number), attempt=attempt)


def find_request(session: Session, number: int) -> Row:
    """The request of this number, for a broker.

    Raises:
        Problem: 403 for who is no broker, 404 where there is none.
    """
    row = as_requests(session).one("reidentify_requests", id=number, state=None)
    if row is None:
        raise not_found(_REQUEST)
    return row


@router.get("", response_model=Page[RequestRow])
def list_requests(account: Account, part: Part, state: State | None = None) -> dict[str, Any]:
    """Requests of all brokers: those that wait for a second person first, then the newest."""
    with as_broker(account) as session:
        return part.of(as_requests(session), "reidentify_requests", id=None, state=state)


@router.post("", response_model=RequestDetail, status_code=201)
def request_identity(account: Account, wanted: Wanted) -> Row:
    """Ask for the identity behind aliases (or for the linkage of a project's aliases). For brokers.

    Nothing is disclosed until another broker approves. The request lapses after `valid_days`.
    """
    with _told(account, "new", "request"), as_broker(account) as session:
        as_requests(session)
    subjects = subjects_of(wanted.subjects)
    if wanted.cohort:
        subjects = subjects_of([*subjects, *_aliases(account, wanted.cohort)])
    if wanted.kind == "identity" and (wanted.project is not None or not subjects):
        msg = "An identity request names aliases, new UIDs or a cohort, and no project."
        raise ReidentifyError(msg, "Send subjects or cohort.")
    if wanted.kind == "linkage" and (subjects or not wanted.project):
        msg = "A linkage request names a project and nothing else."
        raise ReidentifyError(msg, "Send project.")
    with _told(account, "new", "request"), as_broker(account, write=True) as session:
        made = session.one(
            "reidentify_request", kind=wanted.kind, subjects=subjects, cohort=wanted.cohort,
            project=wanted.project, key_id=None, reason=reason_of(wanted.reason), requester=account,
            valid_days=wanted.valid_days, dag_run=None,
        )  # fmt: skip
        if made is None:
            raise Problem(500, "The database gave no row back.")
        return find_request(session, made["id"])


def _aliases(account: str, cohort: str) -> list[str]:
    name, version = cohort_of(cohort)
    with as_account(account) as session:
        rows = session.all("reidentify_cohort", name=name, version=version)
    if not rows:
        msg = f"There is no frozen cohort {name}@{version} that you can see."
        raise ReidentifyError(msg, "Ask its owner to share it, or for the aliases.")
    return [str(row["patient_alias"]) for row in rows]


@router.get("/{request_id}", response_model=RequestDetail)
def get_request(account: Account, request_id: Id) -> Row:
    """One request with what it asks for (aliases, never identities)."""
    with as_broker(account) as session:
        return find_request(session, request_id)


def _decide(account: str, number: int, decision: str, reason: str | None) -> Row:
    reason = (reason or "").replace("\0", "").strip() or None
    if decision == "refuse" and reason is None:
        msg = "A refusal says why."
        raise ReidentifyError(msg, "Send reason; the requester reads it.")
    with _told(account, number, decision), as_broker(account, write=True) as session:
        find_request(session, number)
        session.run("reidentify_decide", id=number, decision=decision, reason=reason)
        return find_request(session, number)


@router.post("/{request_id}/approve", response_model=RequestDetail)
def approve_request(account: Account, request_id: Id, judged: Judged) -> Row:
    """Approve somebody else's request, as a broker. Final; a rotation takes effect at once."""
    return _decide(account, request_id, "approve", judged.reason)


@router.post("/{request_id}/refuse", response_model=RequestDetail)
def refuse_request(account: Account, request_id: Id, judged: Judged) -> Row:
    """Refuse somebody else's request, as a broker, with a reason. Final."""
    return _decide(account, request_id, "refuse", judged.reason)


def _same_site(request: Request) -> None:
    """No page of another site makes a browser disclose anything, even unread."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Problem(403, "Another site's page asked for this.", "Open it from the portal.", "cross-site")


def _answer(account: str, number: int) -> tuple[Row, list[Row]]:
    """Record the disclosure, commit that, then read the answer in a transaction of its own."""
    with _told(account, number, "read"):
        with as_broker(account, write=True) as session:
            request = find_request(session, number)
            opened = session.one("reidentify_disclose", id=number)
        if opened is None:
            raise Problem(500, "The database gave no row back.")
        with as_broker(account) as session:
            name = "reidentify_linkage" if request["kind"] == "linkage" else "reidentify_identities"
            return request, session.all(name, disclosure=opened["id"])


@router.get("/{request_id}/result", response_model=Answer, dependencies=[Depends(_same_site)])
def get_result(account: Account, request_id: Id) -> dict[str, Any]:
    """The answer to your approved request. Each call is recorded in the audit before it is answered."""
    request, rows = _answer(account, request_id)
    missing = without_answer(request["subjects"], rows) if request["kind"] == "identity" else []
    return {"request": request_id, "kind": request["kind"], "rows": rows, "missing": missing}


@router.get("/{request_id}/result.csv", response_class=StreamingResponse, dependencies=[Depends(_same_site)])
def get_result_csv(account: Account, request_id: Id) -> StreamingResponse:
    """The same as CSV, as it is made. Text that a spreadsheet would run gets an apostrophe; JSON has it exact."""
    request, rows = _answer(account, request_id)
    columns = LINKAGE_COLUMNS if request["kind"] == "linkage" else IDENTITY_COLUMNS
    missing = without_answer(request["subjects"], rows) if request["kind"] == "identity" else []
    headers = {"Content-Disposition": f'attachment; filename="request-{request_id}.csv"'}
    lines = _lines(columns, [*rows, *({"subject": subject} for subject in missing)])
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _lines(columns: tuple[str, ...], rows: list[Row]) -> Iterator[str]:
    for row in [dict(zip(columns, columns, strict=True)), *rows]:
        line = io.StringIO()
        csv.writer(line).writerow(_cell(row.get(name)) for name in columns)
        yield line.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value

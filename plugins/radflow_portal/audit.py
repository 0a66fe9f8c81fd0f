"""audit: who did what, when and why, in a chain of hashes. For admins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from radflow_portal.auth import Account
from radflow_portal.db import Row, Session, as_account
from radflow_portal.models import Page
from radflow_portal.paging import Part
from radflow_portal.problems import Problem

router = APIRouter(prefix="/audit", tags=["audit"])
Filter = Annotated[str | None, Query(max_length=200)]


class Event(BaseModel):
    """One entry of the audit."""

    id: int
    at: datetime
    account: str
    action: str
    object_kind: str
    object_id: str
    reason: str | None
    detail: dict[str, Any]
    hash: str = Field(description="SHA-256 over this entry and the hash of the one before.")


class Verdict(BaseModel):
    """What recomputing every hash showed."""

    first_broken: int | None = Field(
        description="The first entry whose hash or link is wrong; null: none is."
    )
    event_count: int
    head_id: int | None = Field(description="Note it with its hash: later checks then see a cut end, too.")
    head_hash: str | None
    noted_holds: bool | None = Field(description="Whether the entry that you noted is still in the chain.")


def for_admins(session: Session) -> Session:
    """The session, if its person is an admin.

    Raises:
        Problem: 403 for everybody else.
    """
    row = session.one("portal_access_admin")
    if not (row and row["is_admin"]):
        raise Problem(
            403, "The audit is for admins.", "Ask one of them what you need to know.", "not-an-admin"
        )
    return session


def filters(
    who: Annotated[str | None, Query(max_length=200, description="The account that acted.")] = None,
    action: Annotated[
        str | None, Query(max_length=200, description="As `cohort.freeze`, or `cohort` for all of it.")
    ] = None,
    object_kind: Filter = None,
    object_id: Filter = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    """What narrows the list."""
    return {
        "account": who or None, "action": action or None, "object_kind": object_kind or None,
        "object_id": object_id or None, "since": since, "until": until,
    }  # fmt: skip


Narrowed = Annotated[dict[str, Any], Depends(filters)]


@router.get("", response_model=Page[Event])
def list_events(account: Account, part: Part, narrowed: Narrowed) -> dict[str, Any]:
    """Entries of the audit, newest first."""
    with as_account(account) as session:
        return part.of(for_admins(session), "portal_audit_events", **narrowed)


@router.get("/verify", response_model=Verdict)
def verify(
    account: Account,
    id: Annotated[int | None, Query(ge=1, description="An entry noted earlier.")] = None,
    hash: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")] = None,
) -> Row:
    """Recompute the whole chain, and look for the entry that you noted."""
    with as_account(account) as session:
        found = for_admins(session).one("audit_verify", id=id, hash=hash)
    if found is None:
        raise Problem(500, "The database gave no row back.")
    return found

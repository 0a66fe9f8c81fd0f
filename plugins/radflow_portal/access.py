"""access: who may see what, how one asks for more, and who lets one in.

The database decides (functions, constraints and triggers of migration 0016) and audits; this module asks it, and says
in words what it answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Literal

import psycopg2
import psycopg2.errors
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from radflow_portal.auth import Account
from radflow_portal.db import Row, Session, as_account
from radflow_portal.models import Page
from radflow_portal.paging import Id, Part
from radflow_portal.problems import Problem, not_found

router = APIRouter(prefix="/access", tags=["access"])

Role = Literal["researcher", "curator", "adjudicator", "data_engineer", "broker", "admin"]
Name = Annotated[str, Path(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Offer(BaseModel):
    """What a team has, and where you stand with it."""

    team: str
    title: str
    summary: str
    most_days: int = Field(description="For how many days one is let in at most.")
    open: bool = Field(description="Whether requests are taken.")
    agreement_id: int | None
    agreement: str | None
    agreement_version: int | None
    agreed: bool = Field(description="Whether you accepted the agreement as it is now (or there is none).")
    member: bool
    may_decide: bool = Field(description="Whether you answer requests to this team.")
    expires_at: datetime | None = Field(description="When your membership ends; null is without end.")
    waiting_request: int | None


class Wanted(BaseModel, extra="forbid"):
    """A request to be let in."""

    team: str = Field(max_length=200)
    purpose: str = Field(max_length=2000, description="What the images are for. It goes into the audit.")
    days: int = Field(default=365, ge=1, le=3650)


class RequestRow(BaseModel):
    """A request and what became of it."""

    id: int
    account: str
    team: str
    purpose: str
    days: int
    requested_at: datetime
    state: str = Field(description="waiting, approved, refused or withdrawn")
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    decided_days: int | None
    may_decide: bool
    may_withdraw: bool


class Judged(BaseModel, extra="forbid"):
    """A steward's word."""

    reason: str | None = Field(default=None, max_length=2000, description="Needed for a refusal.")
    days: int | None = Field(
        default=None, ge=1, le=3650, description="For how long; as asked where left out."
    )


class Agreement(BaseModel):
    """A data-use agreement."""

    id: int
    name: str
    version: int
    title: str
    body: str
    sha256: str
    published_by: str
    published_at: datetime
    accepted_at: datetime | None = Field(description="When you accepted it.")


class Published(BaseModel, extra="forbid"):
    """A text to agree to; the same name again makes the next version."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    title: str = Field(min_length=1, max_length=200)
    body: str = Field(min_length=20, max_length=100_000)


class Accepted(BaseModel, extra="forbid"):
    """The hash of the text that was read, so that nobody accepts another one."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Offered(BaseModel, extra="forbid"):
    """What a steward says of the team."""

    title: str = Field(min_length=1, max_length=200)
    summary: str = Field(min_length=1, max_length=4000)
    agreement_id: int | None = Field(default=None, ge=1)
    most_days: int = Field(default=365, ge=1, le=3650)
    open: bool = True


class Team(BaseModel):
    """A team that you are in, or see as an admin."""

    name: str
    title: str | None
    member_count: int
    may_decide: bool


class Member(BaseModel):
    """Somebody in a team."""

    account: str
    steward: bool
    expires_at: datetime | None
    active: bool
    agreed: bool = Field(description="False: sees nothing of the team before the agreement is accepted.")


class Joining(BaseModel, extra="forbid"):
    """Somebody to take into a team, or to change there."""

    account: str = Field(min_length=1, max_length=200)
    steward: bool = False
    days: int | None = Field(default=None, ge=1, le=3650, description="Without end where left out.")
    reason: Text


class Reason(BaseModel, extra="forbid"):
    """Why."""

    reason: Text


class NewTeam(Reason):
    """A team to make."""

    team: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,62}$")


class Person(BaseModel):
    """Somebody whom Radflow knows."""

    account: str
    roles: list[str]
    teams: list[str]
    created_at: datetime


class RoleChange(Reason):
    """A role to give or to take."""

    account: str = Field(min_length=1, max_length=200)
    role: Role
    given: bool = Field(description="true gives the role, false takes it.")


@contextmanager
def told(what: str = "thing") -> Iterator[None]:
    """Say in words what the database refused. Messages of our triggers name teams, accounts and numbers only."""
    try:
        yield
    except psycopg2.errors.InsufficientPrivilege as error:
        raise Problem(403, _sentence(error), error.diag.message_hint or "", "not-yours") from None
    except psycopg2.errors.RestrictViolation as error:
        raise Problem(409, _sentence(error), error.diag.message_hint or "", "not-now") from None
    except psycopg2.errors.UniqueViolation:
        raise Problem(
            409, f"This {what} is there already.", "Reload the page to see it.", "there-already"
        ) from None
    except psycopg2.errors.ForeignKeyViolation:
        raise Problem(422, f"The {what} names something that does not exist.", code="unknown-name") from None
    except psycopg2.errors.CheckViolation as error:
        raise Problem(
            422, _CHECKS.get(error.diag.constraint_name or "", "A field is out of range.")
        ) from None


_CHECKS = {
    "a_purpose_is_given": "The purpose needs ten letters or more, and 2,000 characters at most.",
    "a_refusal_says_why": "A refusal says why.",
    "two_people": "Nobody decides about the own request; another steward does.",
}


def _sentence(error: psycopg2.Error) -> str:
    text = error.diag.message_primary or "the database refused it"
    return f"{text[:1].upper()}{text[1:]}."


def _one(session: Session, name: str, what: str, /, **values: Any) -> Row:
    row = session.one(name, **values)
    if row is None:
        raise not_found(what)
    return row


@router.get("/offers", response_model=list[Offer])
def list_offers(account: Account) -> list[Row]:
    """What teams have to give, for everybody who is signed in."""
    with as_account(account) as session:
        return session.all("portal_access_offers", team=None)


@router.post("/offers/{team}", response_model=Offer)
def set_offer(account: Account, team: Name, offered: Offered) -> Row:
    """Say what a team has and what its members agree to. For its stewards and admins."""
    with told("offer"), as_account(account, write=True) as session:
        session.run("portal_access_set_offer", team=team, **offered.model_dump())
        return _one(session, "portal_access_offers", "offer of this team", team=team)


@router.get("/agreements", response_model=list[Agreement])
def list_agreements(account: Account) -> list[Row]:
    """Every data-use agreement, newest version first."""
    with as_account(account) as session:
        return session.all("portal_access_agreements", id=None)


@router.post("/agreements", response_model=Agreement, status_code=201)
def publish_agreement(account: Account, published: Published) -> Row:
    """Publish an agreement, or the next version of one. For stewards and admins; an offer points to it after that."""
    with told("agreement"), as_account(account, write=True) as session:
        made = _one(session, "portal_access_publish", "agreement", **published.model_dump())
        return _one(session, "portal_access_agreements", "agreement", id=made["id"])


@router.get("/agreements/{agreement_id}", response_model=Agreement)
def get_agreement(account: Account, agreement_id: Id) -> Row:
    """One agreement in full."""
    with as_account(account) as session:
        return _one(session, "portal_access_agreements", "agreement of this number", id=agreement_id)


@router.post("/agreements/{agreement_id}/accept", response_model=Agreement)
def accept_agreement(account: Account, agreement_id: Id, accepted: Accepted) -> Row:
    """Accept the text with this hash. Recorded for good, with the time."""
    with told("agreement"), as_account(account, write=True) as session:
        _one(session, "portal_access_agreements", "agreement of this number", id=agreement_id)
        session.run("portal_access_accept", id=agreement_id, sha256=accepted.sha256)
        return _one(session, "portal_access_agreements", "agreement of this number", id=agreement_id)


@router.get("/requests", response_model=Page[RequestRow])
def list_requests(account: Account, part: Part, *, waiting: bool | None = None) -> dict[str, Any]:
    """Your requests, and those that you answer as a steward or admin."""
    with as_account(account) as session:
        return part.of(session, "portal_access_requests", id=None, waiting=waiting)


@router.post("/requests", response_model=RequestRow, status_code=201)
def request_access(account: Account, wanted: Wanted) -> Row:
    """Ask to be let into a team; its agreement is accepted before that."""
    with told("request"), as_account(account, write=True) as session:
        made = _one(session, "portal_access_request_add", "request", **wanted.model_dump())
        return _one(session, "portal_access_requests", "request", id=made["id"], waiting=None)


@router.get("/requests/{request_id}", response_model=RequestRow)
def get_request(account: Account, request_id: Id) -> Row:
    """One request that is yours or that you answer."""
    with as_account(account) as session:
        return _one(session, "portal_access_requests", "request of this number", id=request_id, waiting=None)


@router.post("/requests/{request_id}/{decision}", response_model=RequestRow)
def decide(
    account: Account, request_id: Id, decision: Literal["approve", "refuse", "withdraw"], judged: Judged
) -> Row:
    """Approve or refuse somebody's request, or withdraw the own one. Final; an approval lets in at once."""
    with told("decision"), as_account(account, write=True) as session:
        _one(session, "portal_access_requests", "request of this number", id=request_id, waiting=None)
        session.run(
            "portal_access_decide", id=request_id, decision=decision, reason=judged.reason, days=judged.days
        )
        return _one(session, "portal_access_requests", "request", id=request_id, waiting=None)


@router.get("/teams", response_model=list[Team])
def list_teams(account: Account) -> list[Row]:
    """Your teams; every team for an admin."""
    with as_account(account) as session:
        return session.all("portal_access_teams", team=None)


@router.post("/teams", response_model=Team, status_code=201)
def make_team(account: Account, wanted: NewTeam) -> Row:
    """Make a team. For admins."""
    with told("team"), as_account(account, write=True) as session:
        session.run("portal_access_make_team", **wanted.model_dump())
        return _one(session, "portal_access_teams", "team", team=wanted.team)


@router.get("/teams/{team}/members", response_model=list[Member])
def list_members(account: Account, team: Name) -> list[Row]:
    """Who is in a team of yours, and who was."""
    with as_account(account) as session:
        _one(session, "portal_access_teams", "team of this name", team=team)
        return session.all("portal_access_members", team=team)


@router.post("/teams/{team}/members", response_model=list[Member])
def set_member(account: Account, team: Name, joining: Joining) -> list[Row]:
    """Take somebody into a team or change the membership. For stewards; a steward is appointed by an admin."""
    with told("membership"), as_account(account, write=True) as session:
        session.run("portal_access_set_member", team=team, **joining.model_dump())
        return session.all("portal_access_members", team=team)


@router.post("/teams/{team}/members/{member}/end", response_model=list[Member])
def end_member(account: Account, team: Name, member: Name, reason: Reason) -> list[Row]:
    """End a membership: the own one, or as a steward anybody's. What was recorded stays."""
    with told("membership"), as_account(account, write=True) as session:
        session.run("portal_access_end_member", team=team, account=member, reason=reason.reason)
        return session.all("portal_access_members", team=team)


@router.get("/people", response_model=Page[Person])
def list_people(
    account: Account, part: Part, name: Annotated[str | None, Query(max_length=200)] = None
) -> dict[str, Any]:
    """Everybody whom Radflow knows, for admins; yourself, for others."""
    with as_account(account) as session:
        return part.of(session, "portal_access_people", account=name)


@router.post("/roles", response_model=Person)
def change_role(account: Account, change: RoleChange) -> Row:
    """Give a role to somebody else, or take it. For admins; nobody changes the own rights."""
    with told("role"), as_account(account, write=True) as session:
        session.run("portal_access_set_role", **change.model_dump())
        return _one(session, "portal_access_people", "account of this name", account=change.account)

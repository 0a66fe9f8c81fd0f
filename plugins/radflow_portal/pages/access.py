"""Pages of access: offers and requests, an agreement, a team, the people, and the audit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from radflow_portal.access import Name, Role
from radflow_portal.audit import Narrowed, for_admins
from radflow_portal.auth import Account
from radflow_portal.db import as_account
from radflow_portal.pages.render import render
from radflow_portal.paging import MOST, Id, Part
from radflow_portal.problems import not_found

_AGREEMENT, _TEAM = "agreement of this number", "team of this name"
router = APIRouter(include_in_schema=False)


@router.get("/access", response_class=HTMLResponse)
def access(request: Request, account: Account, part: Part) -> HTMLResponse:
    """What one may see, what one can ask for, and what waits for an answer."""
    with as_account(account) as session:
        me = session.one("portal_health") or {}
        return render(
            request, "access.html", account=account, me=me,
            offers=session.all("portal_access_offers", team=None),
            requests=part.of(session, "portal_access_requests", id=None, waiting=None),
            teams=session.all("portal_access_teams", team=None),
            rights=session.one("portal_access_admin") or {},
        )  # fmt: skip


@router.get("/access/agreements/{agreement_id}", response_class=HTMLResponse)
def agreement(
    request: Request, account: Account, agreement_id: Id, team: Annotated[str, Query(max_length=200)] = ""
) -> HTMLResponse:
    """One agreement, to read and to accept."""
    with as_account(account) as session:
        found = session.one("portal_access_agreements", id=agreement_id)
    if found is None:
        raise not_found(_AGREEMENT)
    return render(request, "access_agreement.html", agreement=found, team=team)


@router.get("/access/teams/{team}", response_class=HTMLResponse)
def one_team(request: Request, account: Account, team: Name) -> HTMLResponse:
    """A team: its members, and for its stewards what it offers."""
    with as_account(account) as session:
        found = session.one("portal_access_teams", team=team)
        if found is None:
            raise not_found(_TEAM)
        return render(
            request, "access_team.html", team=found, account=account,
            members=session.all("portal_access_members", team=team),
            offer=session.one("portal_access_offers", team=team),
            agreements=session.all("portal_access_agreements", id=None),
            rights=session.one("portal_access_admin") or {},
        )  # fmt: skip


@router.get("/access/people", response_class=HTMLResponse)
def people(request: Request, account: Account) -> HTMLResponse:
    """Everybody with roles and teams, for admins."""
    with as_account(account) as session:
        rows, total = for_admins(session).page("portal_access_people", MOST, 0, account=None)
    return render(
        request, "access_people.html", people=rows, total=total, account=account, roles=Role.__args__
    )


@router.get("/audit", response_class=HTMLResponse)
def audit(
    request: Request, account: Account, part: Part, narrowed: Narrowed, *, check: bool = False
) -> HTMLResponse:
    """The audit with its filters; with ``check`` also the verdict on its chain."""
    with as_account(account) as session:
        events = part.of(for_admins(session), "portal_audit_events", **narrowed)
        choices = session.one("portal_audit_choices") or {}
        verdict = session.one("audit_verify", id=None, hash=None) if check else None
    return render(request, "audit.html", events=events, choices=choices, narrowed=narrowed, verdict=verdict)

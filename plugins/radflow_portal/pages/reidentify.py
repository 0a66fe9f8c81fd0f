"""Pages of re-identification: the list with its form, and one request with the second person's buttons."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from radflow_portal.auth import Account
from radflow_portal.db import as_broker
from radflow_portal.pages.render import render
from radflow_portal.paging import Id, Part
from radflow_portal.reidentify import State, as_requests, find_request
from research.reidentify import DAYS, LONGEST_REASON, MOST_DAYS, SHORTEST_REASON

router = APIRouter(include_in_schema=False)


@router.get("/reidentify", response_class=HTMLResponse)
def requests(request: Request, account: Account, part: Part, state: State | None = None) -> HTMLResponse:
    """Requests and the form for a new one; for brokers."""
    with as_broker(account) as session:
        found = part.of(as_requests(session), "reidentify_requests", id=None, state=state)
    return render(
        request, "reidentify.html", requests=found, state=state, account=account, days=DAYS, most_days=MOST_DAYS,
        shortest=SHORTEST_REASON, longest=LONGEST_REASON,
    )  # fmt: skip


@router.get("/reidentify/{request_id}", response_class=HTMLResponse)
def one_request(request: Request, account: Account, request_id: Id) -> HTMLResponse:
    """One request: what it asks for, why, and what may be done with it; for brokers."""
    with as_broker(account) as session:
        found = find_request(session, request_id)
    return render(request, "reidentify_request.html", asked=found, account=account)

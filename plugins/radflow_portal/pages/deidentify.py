"""Addresses of the pages about de-identification."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from radflow_portal.auth import Account
from radflow_portal.db import Row, Session, as_account
from radflow_portal.deidentify import Kind, find_batch, find_report, reports_filter
from radflow_portal.pages.render import render
from radflow_portal.paging import Id, Part

router = APIRouter(prefix="/deidentification", include_in_schema=False)

#: The words of deid.report in their order; a test compares them, since the portal does not import deid.
ACTIONS = {
    "remove": ("removed", "The attribute is no longer in the object."),
    "empty": ("emptied", "The attribute is still there, without a value."),
    "dummy": ("fixed value", "The value is a constant that says nothing about the patient."),
    "alias": ("alias", "Name or patient ID is the patient's alias, made with the project's secret key."),
    "uid": (
        "UID replaced",
        "The UID is another one, made with the key; references still lead to their object.",
    ),
    "shift": (
        "date moved",
        "The date moved to the past by a secret number of days, the same for this patient.",
    ),
    "time": ("time kept", "The time of day stays, checked to be nothing but a time."),
    "hash": ("hashed", "The identifier is a code made with the key."),
    "age": ("age", "The age stays; great ages are one class."),
    "code-meaning": ("local wording", "The wording of a local code, which is free text, is a fixed text."),
    "clean": ("text cleaned", "Identity was cut out of the text; the clinical words stay."),
    "search": ("text searched", "The text stays as it was where no identity was found in it."),
    "keep": ("kept", "The value is as it was: by standard and policy it identifies nobody."),
}
CUTS = {
    "name": "names",
    "id": "identifiers",
    "date": "dates",
    "shift": "dates moved",
    "age": "ages",
    "uid": "UIDs",
    "address": "addresses",
    "place": "places",
    "phone": "phone numbers",
    "email": "e-mail addresses",
    "url": "web addresses",
    "other": "other",
    "content item": "whole content items",
    "document": "whole documents",
    "overlay text": "text in overlays",
}
OUTCOMES = ("removed", "emptied", "replaced", "kept")


def _page(request: Request, session: Session, template: str, **values: Any) -> HTMLResponse:
    waiting = session.page("portal_deid_quarantine", 1, 0, code=None)[1]
    words = {"action_words": ACTIONS, "cut_words": CUTS, "outcomes": OUTCOMES}
    return render(request, template, waiting=waiting, **words, **values)


@router.get("", response_class=HTMLResponse)
def batches(request: Request, account: Account, part: Part) -> HTMLResponse:
    """Batches, newest first."""
    with as_account(account) as session:
        found = part.of(session, "portal_deid_batches", id=None)
        return _page(request, session, "deid_batches.html", batches=found)


@router.get("/batches/{batch_id}", response_class=HTMLResponse)
def batch(
    request: Request, account: Account, part: Part, batch_id: Id, kind: Kind | None = None
) -> HTMLResponse:
    """One batch with its series."""
    with as_account(account) as session:
        row = find_batch(session, batch_id)
        row["actions"].sort(key=_by_action)
        reports = part.of(session, "portal_deid_reports", **reports_filter(batch=batch_id, kind=kind))
        return _page(request, session, "deid_batch.html", batch=row, reports=reports, kind=kind)


@router.get("/reports/{report_id}", response_class=HTMLResponse)
def report(request: Request, account: Account, report_id: Id) -> HTMLResponse:
    """The report of one series."""
    with as_account(account) as session:
        row = find_report(session, report_id)
        return _page(request, session, "deid_report.html", row=row, report=row["report"])


@router.get("/quarantine", response_class=HTMLResponse)
def quarantine(request: Request, account: Account, part: Part, code: str | None = None) -> HTMLResponse:
    """What waits for a person, and what to do about it."""
    with as_account(account) as session:
        found = part.of(session, "portal_deid_quarantine", code=code)
        return _page(request, session, "deid_quarantine.html", found=found, code=code)


def _by_action(row: Row) -> int:
    return list(ACTIONS).index(row["name"]) if row["name"] in ACTIONS else len(ACTIONS)

"""fetch: what came, from where, under which licence; how far running fetches are; what a dry run counted."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter

from radflow_portal.auth import Account
from radflow_portal.db import Row, Session, as_account
from radflow_portal.fetch_models import FetchedCollection, FetchedSeries, FetchRun
from radflow_portal.models import Page
from radflow_portal.paging import Id, Part
from radflow_portal.problems import not_found

_FETCH = "fetch of this number"
router = APIRouter(prefix="/fetched", tags=["fetch"])

State = Literal["wanted", "received", "deidentified", "quarantined", "failed"]


def find_fetch(session: Session, run_id: int) -> Row:
    """One fetch with its progress.

    Raises:
        Problem: 404 when there is none that this person may see.
    """
    row = session.one("portal_fetch_runs", id=run_id)
    if row is None:
        raise not_found(_FETCH)
    return row


def series_filter(**wanted: Any) -> dict[str, Any]:
    """Parameters of ``portal_fetched_series``: any series where nothing is asked for."""
    return {**dict.fromkeys(("run", "source", "collection", "state")), **wanted}


@router.get("", response_model=Page[FetchedCollection])
def list_fetched(
    account: Account, part: Part, source: str | None = None, collection: str | None = None
) -> dict[str, Any]:
    """What came, per source and collection: series, images, bytes, modalities, licences, DOIs."""
    with as_account(account) as session:
        return part.of(session, "portal_fetched_collections", source=source, collection=collection)


@router.get("/runs", response_model=Page[FetchRun])
def list_fetches(account: Account, part: Part) -> dict[str, Any]:
    """Fetches and dry runs, newest first, with their progress."""
    with as_account(account) as session:
        return part.of(session, "portal_fetch_runs", id=None)


@router.get("/runs/{run_id}", response_model=FetchRun)
def get_fetch(account: Account, run_id: Id) -> Row:
    """One fetch: what was asked, what the source offers and what of it was new, and how far it is."""
    with as_account(account) as session:
        return find_fetch(session, run_id)


@router.get("/series", response_model=Page[FetchedSeries])
def list_fetched_series(
    account: Account,
    part: Part,
    run: int | None = None,
    source: str | None = None,
    collection: str | None = None,
    state: State | None = None,
) -> dict[str, Any]:
    """Series that were asked for, by their number, each with its licence and what became of it."""
    wanted = series_filter(run=run, source=source, collection=collection, state=state)
    with as_account(account) as session:
        return part.of(session, "portal_fetched_series", **wanted)

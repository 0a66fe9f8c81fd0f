"""catalog: released, de-identified image series."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from radflow_portal.auth import Account
from radflow_portal.db import Row, as_account
from radflow_portal.models import Page, Series
from radflow_portal.paging import Part
from radflow_portal.problems import not_found

_SERIES = "series of this UID"
router = APIRouter(prefix="/series", tags=["catalog"])


@router.get("", response_model=Page[Series])
def list_series(account: Account, part: Part, collection: str | None = None) -> dict[str, Any]:
    """Image series that you may see."""
    with as_account(account) as session:
        return part.of(session, "portal_series", series_uid=None, collection=collection)


@router.get("/{series_uid}", response_model=Series)
def get_series(account: Account, series_uid: str) -> Row:
    """One image series."""
    with as_account(account) as session:
        row = session.one("portal_series", series_uid=series_uid, collection=None)
    if row is None:
        raise not_found(_SERIES)
    return row

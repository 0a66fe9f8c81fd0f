"""deidentify: batches with their progress, the report of each series, and what waits in quarantine."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from fastapi.responses import Response

from radflow_portal.auth import Account
from radflow_portal.db import Row, Session, as_account
from radflow_portal.models import DeidBatch, DeidBatchDetail, DeidReport, DeidReportDetail, Page, Quarantined
from radflow_portal.paging import Id, Part
from radflow_portal.problems import not_found

_BATCH, _REPORT, _PICTURE = "batch of this number", "report of this number", "picture of this hash"
router = APIRouter(prefix="/deidentification", tags=["deidentify"])

Kind = Literal["series", "quarantine"]
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


def find_batch(session: Session, batch_id: int) -> Row:
    """A batch with its totals.

    Raises:
        Problem: 404 when there is none in which this person may see a series.
    """
    row = session.one("portal_deid_batches", id=batch_id)
    if row is None:
        raise not_found(_BATCH)
    totals = session.all("portal_deid_totals", id=batch_id)
    return {
        **row,
        **{
            f"{what}s": [one for one in totals if one["what"] == what] for what in ("action", "cut", "reason")
        },
    }


def find_report(session: Session, report_id: int) -> Row:
    """A report as it was sealed.

    Raises:
        Problem: 404 when there is none that this person may see.
    """
    row = session.one("portal_deid_report", id=report_id)
    if row is None:
        raise not_found(_REPORT)
    return row


def reports_filter(**wanted: Any) -> dict[str, Any]:
    """Parameters of ``portal_deid_reports``: any report where nothing is asked for."""
    return {**dict.fromkeys(("batch", "kind", "series_uid")), **wanted}


@router.get("/batches", response_model=Page[DeidBatch])
def list_batches(account: Account, part: Part) -> dict[str, Any]:
    """Batches of de-identification, newest first; every count is over the series that you may see."""
    with as_account(account) as session:
        return part.of(session, "portal_deid_batches", id=None)


@router.get("/batches/{batch_id}", response_model=DeidBatchDetail)
def get_batch(account: Account, batch_id: Id) -> Row:
    """One batch: its policy in English, what was done and cut, why series are in quarantine."""
    with as_account(account) as session:
        return find_batch(session, batch_id)


@router.get("/reports", response_model=Page[DeidReport])
def list_reports(
    account: Account,
    part: Part,
    batch: int | None = None,
    kind: Kind | None = None,
    series_uid: str | None = None,
) -> dict[str, Any]:
    """What became of each series: the report that counts, of one batch or series where asked for."""
    with as_account(account) as session:
        return part.of(
            session, "portal_deid_reports", **reports_filter(batch=batch, kind=kind, series_uid=series_uid)
        )


@router.get("/reports/{report_id}", response_model=DeidReportDetail)
def get_report(account: Account, report_id: Id) -> Row:
    """One report: per attribute what was done, what was cut, a sample of new values, pixels, hashes."""
    with as_account(account) as session:
        return find_report(session, report_id)


@router.get("/reports/{report_id}/report.json", response_class=Response)
def download_report(account: Account, report_id: Id) -> Response:
    """The report alone, to be archived; its sha256 is over this content."""
    with as_account(account) as session:
        row = find_report(session, report_id)
    text = json.dumps(row["report"], indent=1, sort_keys=True) + "\n"
    headers = {"Content-Disposition": f'attachment; filename="deid-report-{report_id}.json"'}
    return Response(text, media_type="application/json", headers=headers)


@router.get("/reports/{report_id}/pictures/{sha256}", response_class=Response)
def get_deid_picture(account: Account, report_id: Id, sha256: Sha256) -> Response:
    """Pixels after de-identification, as PNG; those from before are the honest broker's."""
    with as_account(account) as session:
        find_report(session, report_id)
        picture = session.one("portal_deid_picture", id=report_id, sha256=sha256)
    if picture is None:
        raise not_found(_PICTURE)
    headers = {
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=60",
        "ETag": f'"{sha256}"',
    }
    return Response(bytes(picture["png"]), media_type="image/png", headers=headers)


@router.get("/quarantine", response_model=Page[Quarantined])
def list_quarantine(account: Account, part: Part, code: str | None = None) -> dict[str, Any]:
    """Series in quarantine that wait for a person, oldest first, each with what to do."""
    with as_account(account) as session:
        return part.of(session, "portal_deid_quarantine", code=code)

"""Pages of uploads: the list with its form, and one upload with what is sent, sorted and held."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from radflow_portal.auth import Account
from radflow_portal.db import as_account
from radflow_portal.pages.render import render
from radflow_portal.paging import Id, Part
from radflow_portal.upload import find_upload, quota_of, with_sentences
from research.uploads import VERDICTS, collection_of

router = APIRouter(prefix="/uploads", include_in_schema=False)
_MOST_SERIES = 200


@router.get("", response_class=HTMLResponse)
def uploads(request: Request, account: Account, part: Part) -> HTMLResponse:
    """Your uploads, the form for a new one, and for curators what came in."""
    with as_account(account) as session:
        found = part.of(session, "portal_uploads", owner=account, id=None)
        quota = quota_of(session)
        teams = [row["name"] for row in session.all("portal_upload_teams")]
        notices = session.all("portal_upload_notices")
    return render(
        request, "uploads.html", found=found, quota=quota, teams=teams, notices=notices,
        collection=collection_of(account),
    )  # fmt: skip


@router.get("/{upload_id}", response_class=HTMLResponse)
def upload(
    request: Request, account: Account, part: Part, upload_id: Id, code: str | None = None
) -> HTMLResponse:
    """One upload: where its series are, and what became of each file; the sender while it is open."""
    code = code if code in VERDICTS else None
    with as_account(account) as session:
        row = find_upload(session, account, upload_id)
        series, _ = session.page("portal_upload_series", _MOST_SERIES, 0, id=upload_id)
        verdicts = with_sentences(part.of(session, "portal_upload_verdicts", id=upload_id, code=code))
        codes = session.all("portal_upload_codes", id=upload_id)
        quota = quota_of(session)
    return render(
        request, "upload.html", upload=row, series=series, verdicts=verdicts, codes=codes, code=code, quota=quota,
        sentences=VERDICTS, stages=_stages(row), moving=_moving(row),
    )  # fmt: skip


def _stages(row: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The way of an upload: name, what is there, and whether it is behind, now or ahead."""
    state, total = row["state"], row["series_count"]
    settled = row["released_count"] + row["rejected_count"]
    past = settled + row["held_count"] + row["quarantined_count"]
    done = state == "done"
    sent = "" if state == "open" else f"{row['received_count']} of {row['file_count']} files"
    steps = [
        ("Sent", sent, state not in ("open", "expired")),
        ("Received", f"{total} series" if done else "", done),
        ("De-identified, held", f"{row['held_count'] + settled} series" if done else "", done and past >= total),
        ("Released", f"{row['released_count']} series" if done else "",
         done and settled + row["quarantined_count"] >= total),
    ]  # fmt: skip
    found, reached = [], state not in ("cancelled", "expired", "failed")
    for name, told, behind in steps:
        found.append((name, told, "behind" if behind else "now" if reached else "ahead"))
        reached = reached and behind
    return found


def _moving(row: dict[str, Any]) -> bool:
    """Whether something changes by itself within minutes."""
    settled = sum(row[f"{name}_count"] for name in ("held", "released", "rejected", "quarantined"))
    return row["state"] == "received" or (row["state"] == "done" and settled < row["series_count"])

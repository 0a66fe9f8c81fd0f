"""Addresses of the pages about fetching."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from radflow_portal.auth import Account
from radflow_portal.db import Row, as_account
from radflow_portal.fetch import State, find_fetch, series_filter
from radflow_portal.pages.render import render
from radflow_portal.paging import Id, Part

router = APIRouter(prefix="/fetched", include_in_schema=False)

#: Name of an archive for each connection type; an upload is no connection and has its own name.
KINDS = {
    "nbia": "NBIA",
    "idc": "IDC",
    "dicomweb": "DICOMweb",
    "dimse": "DICOM network",
    "fhir": "FHIR",
    "upload": "Upload",
}


@router.get("", response_class=HTMLResponse)
def fetched(request: Request, account: Account, part: Part) -> HTMLResponse:
    """What came, from where, under which licence; running fetches on top."""
    with as_account(account) as session:
        found = part.of(session, "portal_fetched_collections", source=None, collection=None)
        runs, _ = session.page("portal_fetch_runs", 20, 0, id=None)
    running = [run for run in runs if run["state"] == "running"]
    return render(request, "fetched.html", found=found, running=running, kinds=KINDS)


@router.get("/runs", response_class=HTMLResponse)
def fetches(request: Request, account: Account, part: Part) -> HTMLResponse:
    """Fetches and dry runs, newest first."""
    with as_account(account) as session:
        runs = part.of(session, "portal_fetch_runs", id=None)
    return render(request, "fetch_runs.html", runs=runs, kinds=KINDS)


@router.get("/runs/{run_id}", response_class=HTMLResponse)
def fetch(request: Request, account: Account, part: Part, run_id: Id) -> HTMLResponse:
    """One fetch: counts per modality, progress, its series."""
    with as_account(account) as session:
        run = find_fetch(session, run_id)
        series = part.of(session, "portal_fetched_series", **series_filter(run=run_id))
    return render(request, "fetch_run.html", run=run, series=series, counts=_counts(run), kinds=KINDS)


@router.get("/series", response_class=HTMLResponse)
def fetched_series(
    request: Request,
    account: Account,
    part: Part,
    source: str | None = None,
    collection: str | None = None,
    state: State | None = None,
) -> HTMLResponse:
    """Series of a source, a collection or a state."""
    wanted = {"source": source, "collection": collection, "state": state}
    with as_account(account) as session:
        series = part.of(session, "portal_fetched_series", **series_filter(**wanted))
    kept = urlencode({name: value for name, value in wanted.items() if value})
    return render(request, "fetched_series.html", series=series, kept=f"&{kept}" if kept else "", **wanted)


def _counts(run: Row) -> list[dict[str, Any]]:
    """A line per modality, and the sum of several."""
    none = {"series": 0, "images": 0, "bytes": 0, "unsized": 0}
    rows = [
        {"modality": name, "offered": one, "wanted": run["wanted"].get(name, none)}
        for name, one in run["offered"].items()
    ]
    rows.sort(key=lambda row: (-row["offered"]["series"], row["modality"]))
    if len(rows) > 1:
        sums = {
            kind: {key: sum(row[kind][key] for row in rows) for key in none} for kind in ("offered", "wanted")
        }
        rows.append({"modality": "all", **sums})
    return rows

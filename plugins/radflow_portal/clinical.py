"""clinical: fetches of reports, values and diagnoses; reports, their search, and their release by a curator."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from radflow_portal.auth import Account
from radflow_portal.clinical_models import ClinicalRun, FullReport, Report
from radflow_portal.db import Row, Session, as_account
from radflow_portal.models import Page
from radflow_portal.paging import Part
from radflow_portal.problems import Problem, not_found

router = APIRouter(prefix="/clinical", tags=["clinical"])
ReportId = Annotated[str, Path(pattern=r"^H[0-9A-HJKMNP-TV-Z]{12}$")]
_REPORT = "report of this id"


@router.get("/runs", response_model=Page[ClinicalRun])
def list_clinical_runs(account: Account, part: Part) -> dict[str, Any]:
    """Fetches of clinical resources, newest first, with their licence and what became of them."""
    with as_account(account) as session:
        return part.of(session, "portal_clinical_runs")


@router.get("/reports", response_model=Page[Report])
def list_reports(
    account: Account,
    part: Part,
    words: Annotated[str | None, Query(max_length=200, description="As in a search engine.")] = None,
    collection: str | None = None,
    patient_alias: str | None = None,
    study_uid: str | None = None,
    state: Literal["held", "released"] | None = None,
) -> dict[str, Any]:
    """Reports that you may see; held ones only for curators."""
    wanted = {
        "collection": collection,
        "patient_alias": patient_alias,
        "study_uid": study_uid,
        "state": state,
    }
    with as_account(account) as session:
        if words:
            return part.of(session, "portal_clinical_search", words=words, **wanted)
        return part.of(session, "portal_clinical_reports", **wanted)


@router.get("/reports/{report_id}", response_model=FullReport)
def get_report(account: Account, report_id: ReportId) -> Row:
    """One report with its text and findings."""
    with as_account(account) as session:
        return _report(session, report_id)


@router.post("/reports/{report_id}/release", response_model=FullReport)
def release_report(account: Account, report_id: ReportId) -> Row:
    """Let everybody see the text who may see the report; for curators who have read it. It is in the audit."""
    with as_account(account, write=True) as session:
        before = _report(session, report_id)
        if session.one("portal_clinical_release", report_id=report_id) is None and before["state"] == "held":
            raise Problem(403, "Only curators release reports.", "Ask a curator.", "not-a-curator")
        return _report(session, report_id)


def _report(session: Session, report_id: str) -> Row:
    row = session.one("portal_clinical_report", report_id=report_id)
    if row is None:
        raise not_found(_REPORT)
    return row

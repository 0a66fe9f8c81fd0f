"""The answers of ``clinical``, as the API's description shows them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from radflow_portal.models import Owned


class ClinicalRun(Owned):
    """A fetch of clinical resources: what came, and what became of it."""

    id: int
    source: str = Field(description="Airflow connection, or folder.")
    source_kind: str = Field(description="fhir, hl7 or csv.")
    collection: str
    selection: str
    licence: str | None
    received: dict[str, int] = Field(description="Resources by kind.")
    catalogued: dict[str, int] = Field(description="Of them in the catalog, by kind.")
    quarantined: dict[str, int] = Field(description="Of them in quarantine, by reason.")
    started_at: datetime


class Report(Owned):
    """A report without its text."""

    report_id: str
    collection: str
    patient_alias: str
    study_uid: str | None
    report_date: date | None = Field(description="Shifted, as the dates of the patient's images.")
    kind: str
    meaning: str | None
    state: str = Field(description="held or released.")
    present: list[str] = Field(description="Findings that are present.")


class Mention(BaseModel):
    """A finding, and where the text says it."""

    finding: str
    scheme: str
    code: str
    meaning: str
    match_quality: str
    status: str
    certainty: str | None
    start_offset: int | None
    end_offset: int | None
    rule_id: str | None
    origin: str


class FullReport(Report):
    """A report with its de-identified text and what was found in it."""

    text: str
    sections: list[dict[str, Any]]
    findings: list[Mention]

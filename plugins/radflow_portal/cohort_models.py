"""What the API of cohorts takes and answers, as its OpenAPI description shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from radflow_portal.models import Attrition, Cohort, Owned

Visibility = Literal["private", "team", "public"]


class Asked(BaseModel, extra="forbid"):
    """Criteria to try."""

    criteria: dict[str, Any] = Field(description="As docs/reference/criteria.md has them.")


class Freezing(Asked):
    """A cohort to freeze. You own it, and it holds what you may see."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="A changed result is the next version of a name."
    )
    grouping: dict[str, Any] | None = Field(
        default=None, description="Rule for time points; none where left out."
    )
    visibility: Visibility = "private"
    team: str | None = Field(default=None, description="Needed where visibility is team.")


class Preview(BaseModel):
    """What criteria would find now."""

    english: str
    criteria: dict[str, Any] = Field(description="The same with every default written out.")
    series_count: int
    study_count: int
    patient_count: int
    attrition: list[Attrition]


class Frozen(Owned):
    """A cohort as it was frozen, now or before."""

    id: int
    name: str
    version: int
    cohort_sha256: str
    series_count: int
    patient_count: int
    created: bool = Field(description="False: the very same cohort was there already.")


class TimepointCount(BaseModel):
    """One time point of a cohort."""

    timepoint: int = Field(description="0 is the baseline, 1 and on are follow-ups, below 0 is before.")
    label: str
    series_count: int
    patient_count: int
    least_days: int
    most_days: int


class Terms(BaseModel):
    """Licence and citation of some series of a cohort."""

    collection: str | None
    licence: str | None
    licence_uri: str | None
    citation_uri: str | None
    series_count: int


class CohortDetail(Cohort):
    """A frozen cohort with what each rule left over, its time points and the terms of its series."""

    grouping: dict[str, Any] | None
    attrition: list[Attrition]
    timepoints: list[TimepointCount]
    collections: list[Terms]


class CohortMember(BaseModel):
    """One case of a cohort; catalog fields are null where you may not see the images."""

    series_uid: str
    study_uid: str
    patient_alias: str
    manifest_sha256: str
    state: str = Field(description="released, or listed: its images are not here.")
    collection: str | None
    modality: str | None
    derived: bool | None
    image_count: int | None
    timepoint: int | None
    timepoint_label: str | None
    days_from_baseline: int | None
    lesions: list[str] = Field(description="Tracking UIDs of lesions that it speaks of.")


class Flow(BaseModel):
    """The attrition as a flow: what there was, what each rule took away, what is left."""

    title: str
    start: dict[str, Any]
    rules: list[dict[str, Any]]
    included_series: int
    included_patients: int


class Difference(BaseModel):
    """What differs between two cohorts, or between one and its criteria asked now; lists hold at most 1,000."""

    cohort: str
    compared_with: str
    added: list[str]
    removed: list[str]
    changed: list[str] = Field(description="The same series with other files, or another entry in the index.")
    added_count: int
    removed_count: int
    changed_count: int
    kept_count: int
    at: datetime

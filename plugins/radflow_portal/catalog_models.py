"""The API's answers about the catalog."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel, Field

from radflow_portal.models import Owned


class Series(Owned):
    """An image series: de-identified here, or listed by a public index; UIDs and dates are not the original ones."""

    series_uid: str
    study_uid: str
    collection: str
    patient_alias: str
    modality: str
    body_part: str | None = Field(description="As found in the images.")
    body_part_code: str | None = Field(description="scheme:code, where the text could be mapped.")
    derived: bool = Field(description="Made from another image, not acquired as such.")
    manufacturer: str | None
    manufacturer_model: str | None
    series_description: str | None
    image_count: int
    byte_count: int | None
    slice_thickness_mm: float | None
    kvp: float | None
    exposure_mas: float | None
    convolution_kernel: str | None
    patient_sex: str | None
    patient_age_years: float | None
    analysis_result: str | None = Field(description="The published analysis that it belongs to.")
    sop_class: str | None
    state: str = Field(description="released: the images are here; listed: a public index has them.")
    licence: str | None
    licence_uri: str | None
    citation_uri: str | None
    study_date: date | None = Field(description="Shifted by a secret number of days per patient.")
    manifest_sha256: str | None = Field(description="Null where the images are not here.")
    attributes: dict[str, Any] = Field(description="Further attributes, by DICOM keyword.")
    remote_uri: str | None = Field(description="Where the images of a listed series are.")
    tags: list[str]


class Study(BaseModel):
    """A study with a summary of all its series."""

    study_uid: str
    collection: str
    patient_alias: str
    patient_sex: str | None
    patient_age_years: float | None
    study_date: date | None = Field(description="Shifted by a secret number of days per patient.")
    study_description: str | None
    modalities: list[str]
    body_parts: list[str]
    manufacturers: list[str]
    analysis_results: list[str]
    series_count: int
    image_count: int
    byte_count: int


class StudyDetail(Study):
    """A study with the series that you may see."""

    series: list[Series]


class FacetValue(BaseModel):
    """A value to filter by."""

    value: str = Field(description="Empty text means unknown.")
    series_count: int


class Facets(BaseModel):
    """What the filters choose, and what else could be chosen."""

    series_count: int
    study_count: int
    patient_count: int
    image_count: int
    byte_count: int
    facets: dict[str, list[FacetValue]]


class Collection(BaseModel):
    """A collection; the counts are of what you may see."""

    name: str
    title: str | None
    description: str | None
    source: str
    group_name: str | None = Field(description="The public index that lists it.")
    source_version: str | None
    doi: str | None
    licence: str | None
    licences: list[str]
    cancer_types: str | None
    tumor_locations: str | None
    species: str | None
    subject_count: int | None = Field(description="As its source says.")
    series_count: int
    study_count: int
    patient_count: int
    image_count: int
    byte_count: int
    modalities: list[str]


class FacetCriteria(BaseModel):
    """Filters as cohort criteria."""

    criteria: dict[str, Any]
    english: str


class Finding(BaseModel):
    """What was said of a study, by concept."""

    finding: str = Field(description="Radflow's own word.")
    scheme: str
    code: str
    meaning: str
    match_quality: str = Field(description="How well the code fits: exact, approximate or none")
    status: str = Field(description="present, absent, uncertain, historical or family")
    certainty: str | None
    found_on: date | None = Field(description="Shifted like the study date.")
    origin: str = Field(description="report, curator, sr or fhir")
    series_uid: str | None
    rule_id: str | None


class View(BaseModel):
    """A series' volume as viewers get it; slices, rows, columns."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float] = Field(description="mm")
    every: tuple[int, int, int] = Field(description="Each such slice, row and column was kept.")
    planes: tuple[str, str, str] = Field(
        description="What planes across slices, rows and columns are called."
    )
    upside_down: bool = Field(description="Later slices lie nearer the head.")
    low: float
    high: float
    window: tuple[float, float] = Field(description="Centre and width to begin with.")
    modality: str
    oriented: bool = Field(description="Whether it is known where in the patient it lies.")
    uneven: bool = Field(description="Slices are missing, or not one distance apart.")
    left_out: int = Field(description="Images of another size or orientation.")
    colour: bool = Field(description="The grey stands for colours.")

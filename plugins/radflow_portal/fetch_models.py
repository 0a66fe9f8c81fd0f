"""The answers of ``fetch``, as the API's description shows them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from radflow_portal.models import Owned


class Licence(BaseModel):
    """A licence, and how many series of a collection are under it."""

    name: str = Field(description="As the source writes it; empty where it says none.")
    uri: str | None
    series_count: int


class FetchedCollection(BaseModel):
    """What came of one collection from one source, counted over the series that you may see."""

    source: str = Field(description="Airflow connection that was asked.")
    source_kind: str | None = Field(description="nbia, idc, dicomweb, dimse, fhir, upload, ...")
    given_by: list[str] = Field(description="Connections that delivered instead of it.")
    collection: str
    series_count: int = Field(description="Series asked for.")
    here_count: int
    wanted_count: int
    failed_count: int
    quarantined_count: int
    image_count: int = Field(description="Images of the series that are here.")
    byte_count: int
    modalities: list[str]
    licences: list[Licence]
    citations: list[str] = Field(description="DOIs and pages that the source names, as addresses.")
    last_at: datetime | None


class Counted(BaseModel):
    """How much there is of one modality."""

    series: int
    images: int
    bytes: int
    unsized: int = Field(description="Series whose size the source does not tell.")


class FetchRun(Owned):
    """One question to a source, and how far its series are."""

    id: int
    dag_id: str
    run_id: str
    source: str
    source_kind: str
    found_at: str = Field(description="The connection that had the series: source, or its fallback.")
    collection: str
    selection: str = Field(description="What was asked for, in English, without identities.")
    dry_run: bool
    offered: dict[str, Counted] = Field(description="What the source has, per modality.")
    wanted: dict[str, Counted] = Field(description="What of it was new, per modality.")
    state: str = Field(
        description="dry run, nothing new, complete, partial, running, or stopped (still for 10 min)"
    )
    series_count: int
    here_count: int
    failed_count: int
    quarantined_count: int
    byte_count: int
    bytes_done: int
    started_at: datetime
    last_at: datetime | None


class FetchedSeries(Owned):
    """A series that was asked for; nothing of it identifies a person."""

    number: int = Field(description="As tasks and logs name it.")
    run: int | None
    source: str
    source_kind: str | None
    given_by: str
    collection: str
    modality: str | None
    body_part: str | None
    state: str = Field(description="wanted, received, deidentified, quarantined or failed")
    image_count: int | None
    byte_count: int | None
    bytes_done: int | None = Field(description="Bytes of a running download.")
    licence: str | None
    licence_uri: str | None
    citation_uri: str | None
    reason_code: str | None
    reason: str | None
    wanted_at: datetime
    received_at: datetime | None
    changed_at: datetime

"""What the API of uploads takes and tells."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

MOST_FILES = 1000
Collection = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$")]
Licence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=2000)]
Address = Annotated[str, StringConstraints(pattern=r"^https?://\S{1,1000}$")]


class Wanted(BaseModel, extra="forbid"):
    """For whom the images are, and under which licence."""

    collection: Collection | None = Field(
        default=None, description="Yours or your team's; `uploads-<account>` where left out."
    )
    team: str | None = Field(default=None, max_length=200, description="A team that you are in.")
    visibility: Literal["private", "team", "public"] = Field(
        default="private", description="Who sees the images once curators have released them."
    )
    licence: Licence = Field(description="Name or text of the licence, such as CC BY 4.0.")
    licence_uri: Address | None = None
    attested: bool = Field(description="true: you may share these images under this licence. It is audited.")


class Announced(BaseModel, extra="forbid"):
    """A file that will be sent."""

    name: str = Field(max_length=1000, description="For your own list of verdicts; nobody else reads it.")
    byte_count: int = Field(ge=0, le=1 << 50)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$", description="Checked at the end.")
    mark: str | None = Field(
        default=None, max_length=100, description="Yours, to know the file again when you go on."
    )


class Announcement(BaseModel, extra="forbid"):
    """Files to send, in one request: the quota is looked at before a byte moves."""

    files: list[Announced] = Field(min_length=1, max_length=MOST_FILES)


class Finish(BaseModel, extra="forbid"):
    """The end of an upload."""

    without_missing: bool = Field(default=False, description="true: leave out what is not here yet.")


class SentFile(BaseModel):
    """A file and how much of it is here."""

    number: int
    name: str | None = Field(description="null once it is forgotten.")
    mark: str | None
    byte_count: int
    done_bytes: int
    state: Literal["open", "received", "left"]
    sha256: str | None


class Upload(BaseModel):
    """An upload and how far it is."""

    id: int
    owner: str
    team: str | None
    visibility: str
    collection: str
    licence: str
    licence_uri: str | None
    state: str = Field(description="open, received, done, cancelled, expired or failed")
    reason_code: str | None
    reason: str | None
    opened_at: datetime
    received_at: datetime | None
    done_at: datetime | None
    changed_at: datetime
    forgotten: bool = Field(description="Whether file names are deleted.")
    file_count: int
    received_count: int
    byte_count: int
    done_bytes: int
    series_count: int
    patient_count: int
    held_count: int
    released_count: int
    rejected_count: int
    quarantined_count: int
    accepted_count: int
    duplicate_count: int
    refused_count: int


class Finished(Upload):
    """A finished upload."""

    started: bool = Field(
        description="Whether the DAG upload was told at once; otherwise it finds the upload within the hour."
    )


class FileVerdict(BaseModel):
    """What became of one file, or of one entry of a zip."""

    file_number: int
    name: str | None
    container: str | None = Field(description="The zip that it came in.")
    code: str
    sentence: str
    series_number: int | None


class UploadSeries(BaseModel):
    """A series of an upload and its stage."""

    number: int = Field(description="Within the upload.")
    patient_number: int = Field(description="Within the upload; no identity.")
    modality: str | None
    image_count: int
    byte_count: int
    stage: Literal["received", "held", "released", "rejected", "quarantined"]
    reason_code: str | None
    reason: str | None
    changed_at: datetime
    received_id: int = Field(description="The number that tasks, logs and reports use.")


class Quota(BaseModel):
    """What you may upload."""

    used_bytes: int = Field(description="On its way, or sent within thirty days.")
    allowed_bytes: int
    file_bytes: int = Field(description="The largest file that is taken.")


class NewQuota(BaseModel, extra="forbid"):
    """Another quota for somebody."""

    account: str = Field(min_length=1, max_length=200)
    gigabytes: float = Field(ge=0, le=1e6)
    reason: str = Field(min_length=1, max_length=2000)


class Notice(BaseModel):
    """Uploaded series that are held for curators."""

    upload_id: int
    owner: str
    collection: str
    series_count: int
    new_count: int = Field(description="How many of them you were not told of before.")
    changed_at: datetime

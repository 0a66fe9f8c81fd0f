"""fetch: ask a hospital's own archive (DICOMweb or DIMSE), without naming anybody where a person may read it.

Parameters of a DAG, XCom and logs are shown in Airflow's pages. So who is wanted is written into a file of the
landing zone; what may be a parameter (day, modality, body part, a word of the description) identifies nobody.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context

from operators import settings
from operators.fetching import Question, plan
from operators.hooks.research_db import ResearchDbHook, chunked
from operators.sources import kind_of
from operators.stores import join, local_copy
from research.errors import FetchError, SettingsError
from research.sources import Selection

KINDS = ("dicomweb", "dimse")
FOLDER = "requests"
_COLUMNS = {
    "studies": ("studyinstanceuid", "study_uid", "study uid"),
    "accessions": ("accessionnumber", "accession_number", "accession number", "accession"),
    "patients": ("patientid", "patient_id", "patient id", "mrn"),
}
_SERIES = ("seriesinstanceuid", "series_uid", "series uid")
_UID = re.compile(r"[0-9.]{1,64}")
_IDENTIFYING = re.compile(r"\d{5}|\^|\d+\.\d+\.\d+|\d[./-]\d+[./-]\d")
"""What looks like a number of a person, a name in DICOM's form, a UID or a date."""
_FORM = "docs/how-to/fetch.md has the form: one column StudyInstanceUID, AccessionNumber or PatientID."


class FetchArchivePlanOperator(BaseOperator):
    """Ask a hospital's archive what it has, and note what we do not have yet.

    Args:
        conn_id: Airflow connection of type ``dicomweb`` or ``dimse``.
        collection: name under which the images are kept here; archives know no collections.
        request: name of a CSV file in ``requests/`` of the landing zone that names studies, accessions or patients.
        studied_from: first day of study (YYYY-MM-DD); required without a request.
        studied_to: last day of study; may be empty.
        modality: only this modality; several between commas.
        body_part: only this body part.
        description: only where the study's or the series' description has this in it; nothing that names a person.
        limit: take at most so many new series (0 = all).
        only_count: a dry run: count per modality what is there and what is new, and take nothing.
        account: who will own the images.
        team: team that may see them.
        visibility: ``private``, ``team`` or ``public``.

    Returns:
        List of lists of series numbers, one list per mapped fetch task.
    """

    template_fields = (
        "conn_id", "collection", "request", "studied_from", "studied_to", "modality", "body_part", "description",
        "limit", "only_count", "account", "team", "visibility",
    )  # fmt: skip

    def __init__(
        self,
        *,
        conn_id: str,
        collection: str,
        request: str | None = "",
        studied_from: str | None = "",
        studied_to: str | None = "",
        modality: str | None = "",
        body_part: str | None = "",
        description: str | None = "",
        limit: int | str = 0,
        only_count: bool | str = False,
        account: str = "admin",
        team: str | None = "",
        visibility: str = "private",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.collection = collection
        self.request = request
        self.studied_from = studied_from
        self.studied_to = studied_to
        self.modality = modality
        self.body_part = body_part
        self.description = description
        self.limit = limit
        self.only_count = only_count
        self.account = account
        self.team = team
        self.visibility = visibility

    def execute(self, context: Context) -> list[list[int]]:
        """Ask, compare, note; one transaction."""
        kind = kind_of(self.conn_id)
        if kind not in KINDS:
            reason = f"The connection {self.conn_id} of type {kind} is no hospital's archive."
            raise SettingsError(reason, "Use fetch_tcia or fetch_idc for it.")
        question = Question(
            conn_id=self.conn_id,
            fallback=None,
            wanted=self._selection(),
            limit=int(self.limit),
            dry_run=str(self.only_count).lower() == "true",
            owned={"account": self.account, "team": self.team or None, "visibility": self.visibility},
        )
        ti = context["ti"]
        run = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "part": ti.map_index}
        with ResearchDbHook().transaction() as work:
            ids = plan(question, work, run, None)
        return chunked(ids, settings.chunk_tasks())

    def _selection(self) -> Selection:
        for name in ("collection", "modality", "body_part", "description"):
            if _IDENTIFYING.search(getattr(self, name) or ""):
                reason = f"The parameter {name} looks like a person's number, name or date."
                told = "It would be shown in Airflow's pages. Name persons and studies in a request file."
                raise FetchError(reason, told, code="identifying")
        if not self.collection:
            reason = "There is no collection: the images need a name under which they are kept."
            raise FetchError(reason, "Give any name that says what they are for.", code="no-collection")
        wanted = Selection()
        if self.request:
            with local_copy(join(settings.landing_uri(), FOLDER)) as folder:
                wanted = read_request(folder / Path(self.request).name)
        return replace(
            wanted,
            collection=self.collection,
            modalities=tuple(one.strip().upper() for one in (self.modality or "").split(",") if one.strip()),
            body_part=self.body_part or None,
            studied=(_day("studied_from", self.studied_from), _day("studied_to", self.studied_to)),
            description=self.description or None,
        )


def _day(name: str, text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        reason = f"The parameter {name} is no day."
        raise FetchError(reason, "Write it as YYYY-MM-DD.", code="bad-day") from None


def read_request(path: Path) -> Selection:
    """The studies, accessions or patients that a request file names; the narrowest column decides.

    Raises:
        FetchError: no such file, or a line lacks a value; names file and line, and quotes nothing.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        reason = f"There is no request {path.name} in the landing zone."
        raise FetchError(
            reason, f"Put it into the folder {FOLDER}/ of landing_uri.", code="no-request"
        ) from None
    except UnicodeDecodeError:
        raise _bad(path.name, 0, "is not a text in UTF-8") from None
    reader = csv.DictReader(lines, skipinitialspace=True)
    heads = {(head or "").strip().casefold(): head for head in reader.fieldnames or ()}
    field, column = next(
        ((field, heads[name]) for field, names in _COLUMNS.items() for name in names if name in heads),
        (None, None),
    )
    if field is None or column is None:
        raise _bad(path.name, 1, "names no column of studies, accessions or patients")
    narrower = next((heads[name] for name in _SERIES if name in heads), None) if field == "studies" else None
    found: dict[str, None] = {}
    series: dict[str, None] = {}
    for row in reader:
        value = (row[column] or "").strip()
        if not value or (field == "studies" and not _UID.fullmatch(value)):
            raise _bad(
                path.name, reader.line_num, "has no value in the column that decides, or one that is no UID"
            )
        found[value] = None
        if narrower is not None:
            one = (row[narrower] or "").strip()
            if not _UID.fullmatch(one):
                raise _bad(path.name, reader.line_num, "has no series UID")
            series[one] = None
    if not found:
        raise _bad(path.name, 0, "has no line below its first one")
    return replace(Selection(series=tuple(series)), **{field: tuple(found)})  # type: ignore[arg-type]


def _bad(name: str, line: int, what: str) -> FetchError:
    where = f"{name} line {line}" if line else name
    return FetchError(f"The request {where} {what}.", _FORM, code="bad-request-file")

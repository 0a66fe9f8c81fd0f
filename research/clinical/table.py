"""CSV with documented columns: one row a report, an observation or a condition, with the patient in the same row."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
from collections.abc import Iterator
from typing import BinaryIO

from research.clinical.attachments import decoded, plain
from research.clinical.codes import coding
from research.clinical.model import (
    ClinicalError,
    Condition,
    Identifier,
    Observation,
    Parsed,
    PassedOverError,
    Person,
    Record,
    Report,
)

#: Column -> what it holds. ``docs/how-to/clinical.md`` says the same.
COLUMNS: dict[str, str] = {
    "kind": "report (where empty), observation or condition",
    "record_id": "how the source names the row; a later row of that name takes its place",
    "patient_id": "the patient's identifier",
    "issuer": "who issued it; rules for identifiers go by it",
    "patient_name": "Family^Given, or Family, Given",
    "birth_date": "YYYY-MM-DD or YYYYMMDD",
    "sex": "M, F or O",
    "known": "further names, numbers and places that the text may say, between semicolons",
    "accession": "accession number of the study",
    "study_uid": "Study Instance UID",
    "date": "of the report, the observation, or the condition's onset",
    "end_date": "when a condition was over",
    "scheme": "coding scheme, for example LN, SCT or I10C",
    "code": "in that scheme",
    "meaning": "what the code means",
    "value": "number or text of an observation",
    "unit": "of a number, in UCUM",
    "status": "clinical status of a condition; entered-in-error takes a row back",
    "text": "of the report",
}
_REQUIRED = ("record_id", "patient_id", "patient_name")
_STATUS = ("active", "recurrence", "relapse", "inactive", "remission", "resolved")


def spans(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Where each row begins, and its bytes; the first is the head. A line end inside quotes ends no row."""
    start, held = 0, b""
    for line in file:
        held += line
        if held.count(b'"') % 2 == 0:
            if held.strip():
                yield start, held
            start, held = start + len(held), b""
    if held.strip():
        yield start, held


def head(raw: bytes) -> list[str]:
    """Names of the columns.

    Raises:
        ClinicalError: ``unreadable``: a column is missing or unknown.
    """
    names = [name.strip().lower() for name in next(csv.reader(io.StringIO(decoded(raw))))]
    wrong = [
        *(name for name in _REQUIRED if name not in names),
        *(name for name in names if name not in COLUMNS),
    ]
    if wrong or len(set(names)) < len(names):
        code = "unreadable"
        raise ClinicalError(code, f"columns missing, unknown or doubled: {', '.join(wrong) or 'doubled'}")
    return names


def row(raw: bytes, names: list[str]) -> dict[str, str]:
    """Cells of a row by column.

    Raises:
        ClinicalError: ``unreadable`` or ``charset``.
    """
    csv.field_size_limit(1 << 24)
    try:
        rows = list(csv.reader(io.StringIO(decoded(raw), newline=""), strict=True))
    except csv.Error:
        rows = []
    if len(rows) != 1 or len(rows[0]) != len(names):
        code = "unreadable"
        raise ClinicalError(code)
    return {name: cell.strip() for name, cell in zip(names, rows[0], strict=True)}


def parse(raw: bytes, names: list[str]) -> Parsed:
    """What a row says.

    Raises:
        ClinicalError: a cell cannot be used; the code says why.
        PassedOverError: it is not for the catalog.
    """
    cells = dict.fromkeys(COLUMNS, "") | row(raw, names)
    if not cells["patient_id"]:
        code = "no-patient"
        raise ClinicalError(code)
    if cells["status"] == "entered-in-error":
        code = "withdrawn"
        raise PassedOverError(code)
    known = [("other", one.strip()) for one in cells["known"].split(";") if one.strip()]
    known += [("name", one) for kind, one in known if not any(map(str.isdigit, one))]
    known += [("id", cells["accession"])] if cells["accession"] else []
    name = cells["patient_name"].replace(", ", "^").replace(",", "^")
    person = Person(
        identifiers=(Identifier(cells["patient_id"], cells["issuer"], "MR"),),
        names=(name,) if name.strip("^ ") else (),
        birth_date=cells["birth_date"],
        sex=cells["sex"].upper() if cells["sex"].upper() in ("M", "F", "O") else None,
        known=tuple(known),
    )
    return Parsed(person=person, records=(_record(cells),))


def _record(cells: dict[str, str]) -> Record:
    concept = coding(cells["scheme"], cells["code"], cells["meaning"])
    kind = cells["kind"].lower() or "report"
    if kind == "report":
        text = plain(cells["text"])
        if not text:
            code = "no-text"
            raise PassedOverError(code)
        accessions = (cells["accession"],) if cells["accession"] else ()
        return Report(
            text,
            _day(cells["date"]),
            "radiology",
            concept,
            study_uid=cells["study_uid"],
            accessions=accessions,
        )
    if kind not in ("observation", "condition"):
        code = "bad-value"
        raise ClinicalError(code, "kind")
    if concept is None:
        code = "no-code"
        raise PassedOverError(code)
    if kind == "condition":
        status = cells["status"].lower()
        return Condition(
            concept, _day(cells["date"]), _day(cells["end_date"]), status if status in _STATUS else "unknown"
        )
    if not cells["value"]:
        code = "no-value"
        raise PassedOverError(code)
    number = _number(cells["value"])
    return Observation(
        concept, _day(cells["date"]), number, cells["unit"], "" if number is not None else cells["value"]
    )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _day(text: str) -> dt.date | None:
    """The day; None where nothing is said, or not to the day.

    Raises:
        ClinicalError: ``bad-value``.
    """
    text = text.split("T")[0].split(" ")[0]
    if len(text) in (0, 4, 7):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        code = "bad-value"
        raise ClinicalError(code, "date is not YYYY-MM-DD") from None

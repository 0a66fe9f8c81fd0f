"""What NBIA says about a series; keys that are missing from an answer are None here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SeriesRow:
    """One row of getSeries or getUpdatedSeries. ``repr`` hides what may identify a person.

    ``image_count`` and ``file_size`` (bytes) are the server's own statement, which a download is checked
    against. ``raw`` is the row as received.
    """

    series_uid: str = field(repr=False)
    study_uid: str | None = field(repr=False)
    patient_id: str | None = field(repr=False)
    collection: str | None
    modality: str | None
    body_part: str | None
    description: str | None = field(repr=False)
    image_count: int | None
    file_size: int | None
    licence_name: str | None
    licence_uri: str | None
    description_uri: str | None
    released: dt.date | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> SeriesRow:
        """Read a row of JSON or CSV of any version: v1 and v2 name and write some things differently than v4.

        Raises:
            KeyError: the row has no SeriesInstanceUID.
            ValueError: a number is not one.
        """
        return cls(
            series_uid=_needed(row),
            study_uid=_text(row, "StudyInstanceUID"),
            patient_id=_text(row, "PatientID"),
            collection=_text(row, "Collection"),
            modality=_text(row, "Modality"),
            body_part=_text(row, "BodyPartExamined"),
            description=_text(row, "SeriesDescription"),
            image_count=_number(row, "ImageCount"),
            file_size=_number(row, "FileSize"),
            licence_name=_text(row, "LicenseName"),
            licence_uri=_text(row, "LicenseURI"),
            description_uri=_text(row, "DataDescriptionURI"),
            released=_date(row, "DateReleased"),
            raw=dict(row),
        )


@dataclass(frozen=True)
class SeriesSize:
    """The answer of getSeriesSize: bytes and number of objects."""

    total_bytes: int
    object_count: int


_OTHER_NAMES = {
    "SeriesInstanceUID": ("Series UID", "SeriesUID"),
    "StudyInstanceUID": ("Study UID", "StudyUID"),
    "PatientID": ("Subject ID", "PatientId"),
    "BodyPartExamined": ("Body Part Examined",),
    "SeriesDescription": ("Series Description",),
    "ImageCount": ("Number of Images", "Number of images"),
    "FileSize": ("File Size",),
    "LicenseName": ("License Name",),
    "LicenseURI": ("License URL", "License URI"),
    "DataDescriptionURI": ("CollectionURI", "Data Description URI"),
    "DateReleased": ("Date Released",),
}
"""What v1's getSeries and getSeriesMetaData call the same."""

_DATES = (("%m-%d-%Y", 10), ("%Y-%m-%d", 10), ("%d/%m/%Y", 10))
"""v4; v1 and v2, which append a time; what v1 takes as a parameter."""


def _value(row: Mapping[str, Any], name: str) -> Any:
    for one in (name, *_OTHER_NAMES.get(name, ())):
        if row.get(one) not in (None, ""):
            return row[one]
    return None


def _needed(row: Mapping[str, Any]) -> str:
    value = _value(row, "SeriesInstanceUID")
    if value is None:
        raise KeyError
    return str(value)


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = _value(row, name)
    return None if value is None else str(value)


def _number(row: Mapping[str, Any], name: str) -> int | None:
    value = _value(row, name)
    return None if value is None else int(float(str(value)))


def _date(row: Mapping[str, Any], name: str) -> dt.date | None:
    """A date in any version's form, or None where it is absent or in another form: a date alone fails no fetch."""
    text = str(_value(row, name))
    for form, length in _DATES:
        try:
            return dt.datetime.strptime(text[:length], form).replace(tzinfo=dt.UTC).date()
        except ValueError:
            continue
    return None

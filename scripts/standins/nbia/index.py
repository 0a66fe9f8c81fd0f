"""Reads the headers below a folder once, and knows which series of which collections it holds."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.errors import InvalidDicomError

COLLECTION_FILE = "collection.json"

_HEADER = [
    "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID", "PatientName", "PatientSex",
    "PatientAge", "EthnicGroup", "Modality", "ProtocolName", "SeriesDate", "SeriesDescription",
    "SeriesNumber",
    "BodyPartExamined", "Manufacturer", "ManufacturerModelName", "SoftwareVersions", "StudyDate", "StudyID",
    "StudyDescription", "AdmittingDiagnosesDescription", "PixelSpacing", "SliceThickness",
]  # fmt: skip


@dataclass(frozen=True)
class Collection:
    """What the archive says about a collection; read from the nearest ``collection.json`` above the files."""

    name: str
    licence_name: str | None = None
    licence_uri: str | None = None
    licence_text: str = "No licence text was given with this collection.\n"
    description_uri: str | None = None
    site: str | None = None
    released: dt.date = dt.date(2026, 1, 1)


@dataclass(frozen=True)
class Series:
    """One series: its collection, its first header as text, its files by SOP Instance UID."""

    uid: str
    collection: Collection
    released: dt.date
    header: Mapping[str, str]
    files: Mapping[str, Path]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files.values())


@dataclass(frozen=True)
class Index:
    """Every series below a folder."""

    series: Mapping[str, Series]

    @classmethod
    def of(cls, root: Path) -> Index:
        """Read the headers of every DICOM file below ``root``; other files are passed over.

        A file whose series begins elsewhere joins that series, whatever folder it lies in.
        """
        found: dict[str, tuple[Path, dict[str, str], dict[str, Path]]] = {}
        for path, header in _headers(root):
            uid, sop = header.get("SeriesInstanceUID"), header.get("SOPInstanceUID")
            if uid and sop:
                found.setdefault(uid, (path, header, {}))[2][sop] = path
        series = {}
        for uid, (path, header, files) in found.items():
            collection, overrides = _collection(root, path)
            released = overrides.get(uid, {}).get("DateReleased")
            series[uid] = Series(
                uid, collection, _date(released) if released else collection.released, header, files
            )
        return cls(series)


def _headers(root: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.suffix not in (".json", ".csv")):
        try:
            data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_HEADER))
        except (InvalidDicomError, EOFError):
            continue
        yield path, {name: _text(data.get(name)) for name in _HEADER if data.get(name) not in (None, "")}


def _text(value: Any) -> str:
    if isinstance(value, pydicom.multival.MultiValue):
        return "\\".join(str(item) for item in value)
    return str(value)


def _date(text: str) -> dt.date:
    return dt.datetime.strptime(text, "%m-%d-%Y").replace(tzinfo=dt.UTC).date()


def _collection(root: Path, path: Path) -> tuple[Collection, dict[str, Any]]:
    for folder in path.parents:
        described = folder / COLLECTION_FILE
        if described.is_file():
            data = json.loads(described.read_text("utf-8"))
            released = data.get("DateReleased")
            collection = Collection(
                name=data["Collection"],
                licence_name=data.get("LicenseName"),
                licence_uri=data.get("LicenseURI"),
                licence_text=data.get("LicenseText", Collection.licence_text),
                description_uri=data.get("DataDescriptionURI"),
                site=data.get("Site"),
                released=_date(released) if released else Collection.released,
            )
            return collection, data.get("Series", {})
        if folder == root:
            break
    return Collection(root.name), {}

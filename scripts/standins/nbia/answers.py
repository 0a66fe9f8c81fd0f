"""The rows of the query endpoints, with the field names and the order of NBIA v4."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.standins.nbia.index import Index, Series

Row = dict[str, Any]
Query = Mapping[str, str]


class BadRequest(Exception):
    """HTTP 400 with this text."""


def _american(text: str | None) -> str | None:
    """YYYYMMDD as MM-DD-YYYY, the form of v4."""
    return f"{text[4:6]}-{text[6:8]}-{text[:4]}" if text and len(text) == 8 else None


def parse_date(text: str) -> dt.date:
    """Read MM-DD-YYYY; anything else is the ValueError that the server answers with HTTP 500."""
    return dt.datetime.strptime(text, "%m-%d-%Y").replace(tzinfo=dt.UTC).date()


def series_row(series: Series) -> Row:
    """One row of getSeries."""
    head = series.header
    return {
        "SeriesInstanceUID": series.uid,
        "StudyInstanceUID": head.get("StudyInstanceUID"),
        "Modality": head.get("Modality"),
        "ProtocolName": head.get("ProtocolName"),
        "SeriesDate": _american(head.get("SeriesDate")),
        "SeriesDescription": head.get("SeriesDescription"),
        "BodyPartExamined": head.get("BodyPartExamined"),
        "SeriesNumber": int(head["SeriesNumber"]) if "SeriesNumber" in head else None,
        "AnnotationsFlag": False,
        "Collection": series.collection.name,
        "Site": series.collection.site,
        "PatientID": head.get("PatientID"),
        "PatientSex": head.get("PatientSex"),
        "PatientAge": head.get("PatientAge"),
        "AdmittingDiagnosisDescription": head.get("AdmittingDiagnosesDescription"),
        "Manufacturer": head.get("Manufacturer"),
        "ManufacturerModelName": head.get("ManufacturerModelName"),
        "SoftwareVersions": head.get("SoftwareVersions"),
        "ImageCount": len(series.files),
        "MaxSubmissionTimestamp": f"{series.released:%m-%d-%Y}",
        "LicenseName": series.collection.licence_name,
        "LicenseURI": series.collection.licence_uri,
        "DataDescriptionURI": series.collection.description_uri,
        "FileSize": series.size,
        "ReleasedStatus": "Yes",
        "DateReleased": f"{series.released:%m-%d-%Y}",
        "StudyDesc": head.get("StudyDescription"),
        "StudyDate": _american(head.get("StudyDate")),
        "ThirdPartyAnalysis": "NO",
        "Authorized": 1,
    }


def _patient_row(series: Series) -> Row:
    head = series.header
    return {
        "PatientId": head.get("PatientID"),
        "PatientName": head.get("PatientName"),
        "PatientSex": head.get("PatientSex"),
        "EthnicGroup": head.get("EthnicGroup"),
        "Collection": series.collection.name,
        "Phantom": "NO",
        "SpeciesCode": "337915000",
        "SpeciesDescription": "Homo sapiens",
        "Authorized": 1,
    }


def _study_row(series: Series, count: int) -> Row:
    head = series.header
    return {
        "StudyInstanceUID": head.get("StudyInstanceUID"),
        "StudyDate": _american(head.get("StudyDate")),
        "StudyDescription": head.get("StudyDescription"),
        "AdmittingDiagnosesDescription": head.get("AdmittingDiagnosesDescription"),
        "StudyID": head.get("StudyID"),
        "PatientAge": head.get("PatientAge"),
        "PatientID": head.get("PatientID"),
        "PatientName": head.get("PatientName"),
        "PatientSex": head.get("PatientSex"),
        "EthnicGroup": head.get("EthnicGroup"),
        "Collection": series.collection.name,
        "SeriesCount": count,
        "Authorized": 1,
    }


def metadata_row(series: Series) -> Row:
    """One row of getSeriesMetadata: the series row with the patient's and geometry columns, all as text."""
    head, row = series.header, series_row(series)
    patient = _patient_row(series)
    spacing = head.get("PixelSpacing", "").split("\\")[0]
    first = {
        **{"PatientID": head.get("PatientID")},
        **{k: patient[k] for k in ("PatientName", "PatientSex", "EthnicGroup", "Phantom", "SpeciesCode")},
        "SpeciesDescription": patient["SpeciesDescription"],
        "StudyInstanceUID": row["StudyInstanceUID"],
        "StudyDate": row["StudyDate"],
        "StudyDesc": row["StudyDesc"],
        "AdmittingDiagnosisDescription": row["AdmittingDiagnosisDescription"],
        "StudyID": head.get("StudyID"),
        "PatientAge": row["PatientAge"],
        "LongitudinalTemporalEventType": None,
        "LongitudinalTemporalOffsetFromEvent": None,
    }
    middle = ("SeriesInstanceUID", "Collection", "Site", "Modality", "ProtocolName", "SeriesDate")
    middle += ("SeriesDescription", "BodyPartExamined", "SeriesNumber", "AnnotationsFlag", "Manufacturer")
    last = ("SoftwareVersions", "ImageCount", "MaxSubmissionTimestamp", "LicenseName", "LicenseURI")
    last += ("DataDescriptionURI", "FileSize", "ReleasedStatus", "DateReleased", "ThirdPartyAnalysis")
    return {
        **first,
        **{name: row[name] for name in (*middle, "ManufacturerModelName")},
        "PixelSpacing(mm)-Row": spacing or None,
        "SliceThickness(mm)": head.get("SliceThickness"),
        **{name: row[name] for name in (*last, "Authorized")},
    }


@dataclass(frozen=True)
class Endpoint:
    """A query endpoint: the parameters it allows, those it needs, and the rows it answers."""

    allowed: tuple[str, ...]
    rows: Callable[[Index, Query], Iterable[Row]]
    required: tuple[str, ...] = ()

    def answer(self, index: Index, query: Query) -> list[Row]:
        """Return the rows, or raise BadRequest as the server does."""
        allowed = (*self.allowed, "format")
        for name in query:
            if name not in allowed:
                msg = f"Invalid query parameter: '{name}'. Allowed parameters are: [{', '.join(allowed)}]"
                raise BadRequest(msg)
        for name in self.required:
            if not query.get(name):
                msg = f"A parameter, {name}, is required for this API call."
                raise BadRequest(msg)
        return list(self.rows(index, query))


# Parameter -> field of the series row. UIDs match exactly, everything else without regard to case.
_FILTERS = {
    "Collection": "Collection", "PatientID": "PatientID", "PatientId": "PatientID", "Modality": "Modality",
    "BodyPartExamined": "BodyPartExamined", "Manufacturer": "Manufacturer",
    "ManufacturerModelName": "ManufacturerModelName", "StudyInstanceUID": "StudyInstanceUID",
    "SeriesInstanceUID": "SeriesInstanceUID",
}  # fmt: skip


def _matching(index: Index, query: Query) -> list[Series]:
    def fits(row: Row, name: str, wanted: str) -> bool:
        value = row.get(_FILTERS[name]) or ""
        return value == wanted if name.endswith("UID") else value.casefold() == wanted.casefold()

    return [
        series
        for series in index.series.values()
        if all(fits(series_row(series), n, v) for n, v in query.items() if n in _FILTERS and v)
    ]


def _values(field: str) -> Callable[[Index, Query], Iterable[Row]]:
    def rows(index: Index, query: Query) -> Iterable[Row]:
        values = {series_row(series)[field] for series in _matching(index, query)}
        return ({field: value} for value in sorted(v for v in values if v))

    return rows


def _patients(index: Index, query: Query) -> Iterable[Row]:
    after = parse_date(query["fromDate"]) if "fromDate" in query else dt.date.min
    found: dict[tuple[str, str], Row] = {}
    for series in _matching(index, query):
        if series.released > after:
            row = _patient_row(series)
            found.setdefault((row["Collection"], row["PatientId"]), row)
    return found.values()


def _studies(index: Index, query: Query) -> Iterable[Row]:
    after = parse_date(query["fromDate"]) if "fromDate" in query else dt.date.min
    found: dict[str, list[Series]] = {}
    for series in _matching(index, query):
        if series.released > after:
            found.setdefault(series.header.get("StudyInstanceUID", ""), []).append(series)
    return (_study_row(members[0], len(members)) for members in found.values())


def _updated(index: Index, query: Query) -> Iterable[Row]:
    after = parse_date(query["fromDate"])
    return (series_row(series) for series in index.series.values() if series.released > after)


def _size(index: Index, query: Query) -> Iterable[Row]:
    return ({"TotalSizeInBytes": s.size, "ObjectCount": len(s.files)} for s in _matching(index, query))


def _sops(index: Index, query: Query) -> Iterable[Row]:
    return ({"SOPInstanceUID": uid} for series in _matching(index, query) for uid in series.files)


_SERIES = ("Collection", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "BodyPartExamined")
_ONE = ("SeriesInstanceUID",)

ENDPOINTS: dict[str, Endpoint] = {
    "getCollectionValues": Endpoint((), _values("Collection")),
    "getModalityValues": Endpoint(("Collection", "BodyPartExamined"), _values("Modality")),
    "getBodyPartValues": Endpoint(("Collection", "Modality"), _values("BodyPartExamined")),
    "getManufacturerValues": Endpoint(
        ("Collection", "Modality", "BodyPartExamined"), _values("Manufacturer")
    ),
    "getPatient": Endpoint(("Collection", "PatientId"), _patients),
    "getPatientByCollectionAndModality": Endpoint(
        ("Collection", "Modality"),
        lambda i, q: ({"PatientId": r["PatientId"], "Authorized": 1} for r in _patients(i, q)),
        ("Collection", "Modality"),
    ),
    "NewPatientsInCollection": Endpoint(("Collection", "fromDate"), _patients, ("Collection", "fromDate")),
    "getPatientStudy": Endpoint(("Collection", "PatientID", "StudyInstanceUID"), _studies),
    "NewStudiesInPatientCollection": Endpoint(
        ("Collection", "PatientID", "fromDate"), _studies, ("Collection", "fromDate")
    ),
    "getSeries": Endpoint(
        (*_SERIES, "Manufacturer", "ManufacturerModelName"), lambda i, q: map(series_row, _matching(i, q))
    ),
    "getUpdatedSeries": Endpoint(("fromDate",), _updated, ("fromDate",)),
    "getSeriesSize": Endpoint(_ONE, _size, _ONE),
    "getSOPInstanceUIDs": Endpoint(_ONE, _sops, _ONE),
}


_NOT_IN_V1 = (
    "Site",
    "PatientSex",
    "PatientAge",
    "ReleasedStatus",
    "Authorized",
    "AdmittingDiagnosisDescription",
)


def as_v1(row: Row) -> Row:
    """A row as v1 and v2 give it: fewer fields, CollectionURI, dates with a time."""
    kept = {name: value for name, value in row.items() if name not in _NOT_IN_V1}
    if "DataDescriptionURI" in kept:
        kept["CollectionURI"] = kept.pop("DataDescriptionURI")
        kept["TimeStamp"] = kept.pop("MaxSubmissionTimestamp", None)
    for name, value in kept.items():
        if name in ("SeriesDate", "StudyDate", "DateReleased", "TimeStamp") and value:
            kept[name] = f"{value[6:]}-{value[:2]}-{value[3:5]} 00:00:00.0"
    return kept


def as_v4(endpoint: str, query: Query) -> Query:
    """A question to v1 as v4 would be asked: the day comes first there, and with slashes."""
    if endpoint != "getUpdatedSeries" or "fromDate" not in query:
        return query
    day = dt.datetime.strptime(query["fromDate"], "%d/%m/%Y").replace(tzinfo=dt.UTC)
    return {**query, "fromDate": f"{day:%m-%d-%Y}"}


def as_json(rows: Sequence[Row]) -> bytes:
    """Nothing found is an empty body, and a null value is a missing key: both as the server does."""
    if not rows:
        return b""
    kept = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return json.dumps(kept).encode()


def as_csv(rows: Sequence[Row], *, quoted: bool = True) -> bytes:
    """The same rows as CSV; nothing found is an empty body."""
    if not rows:
        return b""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, fieldnames=list(rows[0]), quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()

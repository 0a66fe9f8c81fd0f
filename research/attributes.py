"""Read from a de-identified series what the catalog keeps as columns and what it keeps as JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from research.tracking import tracking_ids

# Attributes worth finding again that have no column of their own; none of them identifies anybody.
_REST = (
    "SOPClassUID", "PhotometricInterpretation", "BitsStored", "PatientPosition", "SpiralPitchFactor",
    "ReconstructionDiameter", "DistanceSourceToDetector", "CTDIvol", "ContrastBolusAgent", "ScanOptions",
    "RescaleSlope", "RescaleIntercept", "DeidentificationMethod", "LongitudinalTemporalInformationModified",
)  # fmt: skip
# An accession number counts only as a hash (deid.pseudonyms): reports are hashed alike, and find their images by it.
_HASH = re.compile(r"H[0-9A-HJKMNP-TV-Z]{12}")
_AGE_UNITS = {"D": 365.25, "W": 52.1786, "M": 12.0, "Y": 1.0}


@dataclass(frozen=True)
class SeriesAttributes:
    """One series as the catalog sees it. Lengths in mm, tube current in mA, exposure in mAs, age in years."""

    modality: str
    image_count: int
    manifest: tuple[tuple[str, str], ...]
    body_part: str | None = None
    image_type: tuple[str, ...] = ()
    derived: bool = False
    manufacturer: str | None = None
    manufacturer_model: str | None = None
    row_count: int | None = None
    column_count: int | None = None
    slice_thickness_mm: float | None = None
    spacing_between_slices_mm: float | None = None
    kvp: float | None = None
    exposure_mas: float | None = None
    tube_current_ma: float | None = None
    convolution_kernel: str | None = None
    patient_sex: str | None = None
    patient_age_years: float | None = None
    study_date: date | None = None
    rest: dict[str, Any] = field(default_factory=dict)

    def columns(self) -> dict[str, Any]:
        """Values by column name."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["image_type"] = list(self.image_type)
        return {name: value for name, value in values.items() if name not in ("rest", "manifest")}


def series_attributes(files: Sequence[Path]) -> SeriesAttributes:
    """Attributes of one series from its files (all of one series, de-identified).

    Raises:
        ValueError: no files.
    """
    if not files:
        msg = "a series without files"
        raise ValueError(msg)
    read = [_read(path) for path in files]
    headers = [header for header, _ in read]
    first = headers[0]
    image_type = tuple(str(value) for value in first.get("ImageType", ()) or ())
    return SeriesAttributes(
        modality=str(first.get("Modality", "OT")),
        image_count=len(files),
        manifest=tuple(
            sorted((str(h.SOPInstanceUID), _sha256(path)) for h, path in zip(headers, files, strict=True))
        ),
        body_part=_text(first, "BodyPartExamined"),
        image_type=image_type,
        derived=bool(image_type) and image_type[0].upper() == "DERIVED",
        manufacturer=_text(first, "Manufacturer"),
        manufacturer_model=_text(first, "ManufacturerModelName"),
        row_count=_whole(first, "Rows"),
        column_count=_whole(first, "Columns"),
        slice_thickness_mm=_number(first, "SliceThickness"),
        spacing_between_slices_mm=_spacing(headers),
        kvp=_number(first, "KVP"),
        exposure_mas=_number(first, "Exposure"),
        tube_current_ma=_number(first, "XRayTubeCurrent"),
        convolution_kernel=_text(first, "ConvolutionKernel"),
        patient_sex=_text(first, "PatientSex"),
        patient_age_years=age_in_years(_text(first, "PatientAge")),
        study_date=_date(_text(first, "StudyDate")),
        rest={
            name: str(first[name].value)
            for name in _REST
            if name in first and first[name].value not in (None, "")
        }
        | _accession(first)
        | _lesions(headers)
        | _pixels([digest for _, digest in read]),
    )


def _read(path: Path) -> tuple[Dataset, str | None]:
    """Header, and SHA-256 of the rest of the file from Pixel Data on; None where there is none, or it is deflated."""
    with path.open("rb") as handle:
        header = pydicom.dcmread(handle, stop_before_pixels=True)
        place = handle.tell()
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
        return header, digest if handle.tell() > place else None


def _lesions(headers: Sequence[Dataset]) -> dict[str, list[dict[str, str]]]:
    found = {one["uid"]: one for header in headers for one in tracking_ids(header)}
    return {"Tracking": list(found.values())} if found else {}


def _pixels(digests: Sequence[str | None]) -> dict[str, str]:
    """One hash for the pixels of a series, whatever its UIDs and the names of its files: it finds duplicates."""
    known = sorted(digest for digest in digests if digest is not None)
    whole = hashlib.sha256("\n".join(known).encode()).hexdigest()
    return {"PixelSha256": whole} if len(known) == len(digests) else {}


def _accession(header: Dataset) -> dict[str, str]:
    number = _text(header, "AccessionNumber")
    return {"AccessionNumber": number} if number and _HASH.fullmatch(number) else {}


def manifest_sha256(manifest: Sequence[tuple[str, str]]) -> str:
    """Hash of a series' content: over the sorted (SOP Instance UID, sha256) pairs, so a renamed file shows."""
    return hashlib.sha256(json.dumps(sorted(manifest), separators=(",", ":")).encode()).hexdigest()


def age_in_years(text: str | None) -> float | None:
    """PatientAge (VR AS, ``062Y``) in years; None where absent or malformed (PS3.5 section 6.2)."""
    if not text or len(text) < 2 or not text[:-1].isdigit() or text[-1] not in _AGE_UNITS:
        return None
    return int(text[:-1]) / _AGE_UNITS[text[-1]]


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _text(header: Dataset, name: str) -> str | None:
    value = header.get(name)
    if value is None:
        return None
    parts = value if isinstance(value, pydicom.multival.MultiValue) else [value]
    return "\\".join(str(part) for part in parts).replace("\0", "").strip() or None


def _number(header: Dataset, name: str) -> float | None:
    text = _text(header, name)
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and np.isfinite(value) else None


def _whole(header: Dataset, name: str) -> int | None:
    value = _number(header, name)
    return None if value is None else int(value)


def _date(text: str | None) -> date | None:
    try:
        return datetime.strptime(text or "", "%Y%m%d").date()  # noqa: DTZ007 - a DICOM date has no zone
    except ValueError:
        return None


def _spacing(headers: Sequence[Dataset]) -> float | None:
    """Median distance of neighbouring slices along their normal, mm (PS3.3 C.7.6.2.1.1)."""
    try:
        orientation = np.array(headers[0].ImageOrientationPatient, float)
        normal = np.cross(orientation[:3], orientation[3:])
        places = sorted(float(normal @ np.array(h.ImagePositionPatient, float)) for h in headers)
    except (AttributeError, TypeError, ValueError):
        return None
    return round(float(np.median(np.diff(places))), 4) if len(places) > 1 else None

"""Checks that received files are whole DICOM objects of one series of one patient."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

from research.errors import LandingError
from research.landing.whole import is_whole

_PARSE_ERRORS = (
    ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError,
    struct.error, zlib.error,
)  # fmt: skip
"""What pydicom raises on bytes that are not what they should be."""


@dataclass(frozen=True)
class ImageFacts:
    """What one file says about itself; identity is hidden from ``repr``."""

    sop_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    modality: str
    person: tuple[str, str, str, str] = field(repr=False)
    """PatientID, IssuerOfPatientID, PatientBirthDate, PatientName (letters and digits only, folded)."""


def inspect(paths: Sequence[Path]) -> tuple[ImageFacts, ...]:
    """Read every file's attributes, see that it is whole, and that together they are one series of one patient.

    Pixel data is stepped over and not read: memory does not grow with it.

    Args:
        paths: the files, in order; a reason names one by its place (``image 3 of 48``), never by its content.

    Raises:
        LandingError: ``no-images``, ``empty-file``, ``not-dicom``, ``truncated``, ``missing-uid``,
            ``two-patients``, ``two-series`` or ``duplicate-sop-instance``.
    """
    if not paths:
        raise _bad(code="no-images", reason="There is no image in what was received.")
    facts = tuple(_read(path, f"image {i} of {len(paths)}") for i, path in enumerate(paths, start=1))
    for place, name in enumerate(("patient identifiers", "issuers", "birth dates", "patient names")):
        stated = {fact.person[place] for fact in facts} - {""}
        if len(stated) > 1:
            raise _bad(
                code="two-patients", reason=f"One series holds images with {len(stated)} different {name}."
            )
    series = {fact.series_uid for fact in facts}
    if len(series) > 1:
        raise _bad(
            code="two-series", reason=f"What was received as one series holds images of {len(series)} series."
        )
    if len({fact.sop_uid for fact in facts}) < len(facts):
        raise _bad(
            code="duplicate-sop-instance", reason="Two images of the series have the same SOP Instance UID."
        )
    return facts


def examine(path: Path, place: str = "image") -> tuple[ImageFacts, bool]:
    """What one file says about itself, and whether it is whole; one that is cut off in its pixels names its series.

    Args:
        path: the file.
        place: what a reason calls it.

    Raises:
        LandingError: ``empty-file``, ``not-dicom``, ``truncated`` (not even that much can be read) or ``missing-uid``.
    """
    size = path.stat().st_size
    if not size:
        raise _bad(code="empty-file", reason=f"The {place} is an empty file.")
    # pydicom's warnings quote values, and a value may name a patient: they must not reach a log.
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")
        try:
            image = pydicom.dcmread(file, stop_before_pixels=True)
        except InvalidDicomError:
            raise _bad(code="not-dicom", reason=f"The {place} is not a DICOM file.") from None
        except _PARSE_ERRORS as error:
            # Whatever pydicom stumbles over, the file cannot be vouched for. Its message may quote a value,
            # so only its kind is told and the chain is cut.
            reason = f"The {place} is cut off or cannot be parsed ({type(error).__name__})."
            raise _bad(code="truncated", reason=reason) from None
        try:
            whole = is_whole(image, file, size)
            uids = str(image.get("SOPInstanceUID", "")), str(image.get("SeriesInstanceUID", ""))
            person, modality = _person(image), str(image.get("Modality", ""))
        except _PARSE_ERRORS as error:
            reason = f"The attributes of the {place} cannot be parsed ({type(error).__name__})."
            raise _bad(code="truncated", reason=reason) from None
    if not all(uids):
        if not whole:
            raise _cut_off(place)
        raise _bad(
            code="missing-uid", reason=f"The {place} has no SOP Instance UID or no Series Instance UID."
        )
    return ImageFacts(*uids, modality, person), whole


def _read(path: Path, place: str) -> ImageFacts:
    facts, whole = examine(path, place)
    if not whole:
        raise _cut_off(place)
    return facts


def _cut_off(place: str) -> LandingError:
    return _bad(code="truncated", reason=f"The {place} ends before its last element does.")


def _person(image: pydicom.Dataset) -> tuple[str, str, str, str]:
    name = str(image.get("PatientName", "") or "").split("=")[0]
    return (
        str(image.get("PatientID", "") or "").strip(),
        str(image.get("IssuerOfPatientID", "") or "").strip(),
        str(image.get("PatientBirthDate", "") or "").strip(),
        "".join(char for char in name.casefold() if char.isalnum()),
    )


def _bad(*, code: str, reason: str) -> LandingError:
    return LandingError(reason, "It was set aside; ask the source for a corrected series.", code=code)

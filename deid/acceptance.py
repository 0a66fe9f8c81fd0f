"""Which files may go on: whole, coherent, and of a kind that this version can vouch for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pydicom.uid

from deid.exceptions import QuarantineError
from deid.pseudonyms import normal
from deid.rawbytes import StructureError, walk

if TYPE_CHECKING:
    from deid.policy import Policy
    from deid.rawbytes import Layout

_DICOMDIR = "1.2.840.10008.1.3.10"
_DOCUMENTS = ("1.2.840.10008.5.1.4.1.1.104.",)
_REPORTS = ("1.2.840.10008.5.1.4.1.1.88.",)
_COLOUR = ("RGB", "YBR", "PALETTE", "ARGB", "CMYK", "HSV")
_DEAD_UIDS = frozenset({"0", "1", ""})


@dataclass(frozen=True, repr=False)
class Header:
    """The few attributes that decide about a file; holds identity, so it has no repr.

    Attributes:
        layout: the walked bytes.
        patient_id: as written, without padding; may not be empty.
        issuer: issuer of the patient ID, empty where absent.
        name: normalised patient name, empty where absent.
        birth_date: as written, empty where absent.
    """

    layout: Layout
    sop_class: str
    sop_uid: str
    series_uid: str
    study_uid: str
    patient_id: str
    issuer: str
    name: str
    birth_date: str


def read_header(raw: bytes, file: str) -> Header:
    """Check that the bytes add up and read what identifies the object.

    Args:
        raw: the file's bytes.
        file: how to call the file in an error (``File 3 of 12``), never its name.

    Raises:
        QuarantineError: ``empty-file``, ``not-dicom``, ``truncated``, ``malformed``, ``dicomdir`` or
            ``missing-identifier``.
    """
    try:
        layout = walk(raw)
    except StructureError as error:
        raise QuarantineError.of(file, error.code) from None
    values = {
        span.path[0]: layout.data[span.start : span.end] for span in layout.spans if len(span.path) == 1
    }

    def text(tag: int) -> str:
        return values.get(tag, b"").decode("latin-1").strip("\0 ")

    if _DICOMDIR in (text(0x00020002), text(0x00080016)) or 0x00041130 in values:
        raise QuarantineError.of(file, "dicomdir")
    header = Header(
        layout=layout,
        sop_class=text(0x00080016),
        sop_uid=text(0x00080018),
        series_uid=text(0x0020000E),
        study_uid=text(0x0020000D),
        patient_id=text(0x00100020),
        issuer=text(0x00100021),
        name=normal(text(0x00100010).replace("^", " ")),
        birth_date=text(0x00100030),
    )
    uids = {header.sop_class, header.sop_uid, header.series_uid, header.study_uid}
    if uids & _DEAD_UIDS or not normal(header.patient_id):
        raise QuarantineError.of(file, "missing-identifier")
    return header


def check_same(header: Header, first: Header, file: str) -> None:
    """Check that a file belongs with the first file of its series.

    Raises:
        QuarantineError: ``two-patients`` or ``two-series``.
    """
    same_id = normal(header.patient_id) == normal(first.patient_id) and normal(header.issuer) == normal(
        first.issuer
    )
    differs = (header.name and first.name and header.name != first.name) or (
        header.birth_date and first.birth_date and header.birth_date != first.birth_date
    )
    if not same_id or differs:
        raise QuarantineError.of(file, "two-patients")
    if (header.series_uid, header.study_uid) != (first.series_uid, first.study_uid):
        raise QuarantineError.of(file, "two-series")


def check_object(header: Header, policy: Policy, file: str) -> None:
    """Check that the object is of a kind that the policy and this version can vouch for.

    Raises:
        QuarantineError: ``structured-report``, ``encapsulated-document``, ``burned-in-annotation``,
            ``unsupported-object``, ``no-pixel-data``, ``truncated`` or ``pixel-data-mismatch``.
    """
    layout, sop = header.layout, header.sop_class
    if sop.startswith(_REPORTS):
        raise QuarantineError.of(file, "structured-report")
    if sop.startswith(_DOCUMENTS):
        raise QuarantineError.of(file, "encapsulated-document")
    if sop not in policy.accept:
        image = layout.pixels is not None or "Image Storage" in pydicom.uid.UID(sop).name
        raise QuarantineError.of(file, "burned-in-annotation" if image else "unsupported-object")
    if _screen(layout, policy):
        raise QuarantineError.of(file, "burned-in-annotation")
    _check_pixels(layout, file)


def _words(layout: Layout, tag: int) -> list[str]:
    value = (layout.top(tag) or b"").decode("latin-1").upper()
    return [word.strip("\0 ") for word in value.split("\\")]


def _screen(layout: Layout, policy: Policy) -> bool:
    """Whether the pixels may show typed text."""
    if "YES" in _words(layout, 0x00280301):
        return True
    image_type = " ".join(_words(layout, 0x00080008))
    if any(mark in image_type for mark in policy.quarantine_image_types):
        return True
    if policy.quarantine_modalities & set(_words(layout, 0x00080060)):
        return True
    return policy.quarantine_colour and any(word.startswith(_COLOUR) for word in _words(layout, 0x00280004))


def _number(layout: Layout, tag: int, default: int) -> int:
    value = layout.top(tag)
    if value is None or len(value) != 2:
        return default
    return int.from_bytes(value, "little" if layout.little_endian else "big")


def _frames(layout: Layout) -> int:
    text = (layout.top(0x00280008) or b"").decode("latin-1").strip("\0 ")
    return max(int(text), 1) if text.isascii() and text.isdigit() else 1


def _check_pixels(layout: Layout, file: str) -> None:
    """Native pixel data must be exactly as long as its description says (plus a pad byte)."""
    rows, columns = _number(layout, 0x00280010, 0), _number(layout, 0x00280011, 0)
    if layout.pixels is None:
        raise QuarantineError.of(file, "no-pixel-data")
    start, end = layout.pixels
    if layout.fragments:
        if layout.fragments < _frames(layout):
            raise QuarantineError.of(file, "truncated")
        return
    samples, allocated = _number(layout, 0x00280002, 1), _number(layout, 0x00280100, 0)
    bits = rows * columns * samples * allocated * _frames(layout)
    if "YBR_FULL_422" in _words(layout, 0x00280004):
        bits = bits * 2 // 3  # two pixels share their colour (PS3.3 C.7.6.3.1.2)
    expected = (bits + 7) // 8
    if end - start < expected or not expected:
        raise QuarantineError.of(file, "truncated" if expected else "malformed")
    if end - start > expected + expected % 2:
        raise QuarantineError.of(file, "pixel-data-mismatch")

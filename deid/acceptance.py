"""Which files may go on: whole, coherent, and of a kind that the policy can vouch for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from deid import documents
from deid.exceptions import QuarantineError
from deid.objects import Kind, kind, needs_pixels
from deid.original import text_of
from deid.pixels import needs_look
from deid.pseudonyms import normal

if TYPE_CHECKING:
    from deid.original import Original
    from deid.policy import Policy

_DICOMDIR = "1.2.840.10008.1.3.10"
_ROWS = 0x00280010
_NUMBERS = frozenset({0x00280002, _ROWS, 0x00280011, 0x00280100, 0x00280101})
_DEAD_UIDS = frozenset({"0", "1", ""})
#: What the objects of a series say alike, in the order of :class:`Header`; the SOP Instance UID is not among it.
_SHARED = (
    0x00080016, 0x0020000E, 0x0020000D, 0x00100020, 0x00100021, 0x00100010, 0x00100030, 0x00080060,
)  # fmt: skip


class Header(NamedTuple):
    """The few attributes that decide about a file; holds identity, so its repr says nothing.

    Attributes:
        sop_class: SOP Class UID.
        sop_uid: SOP Instance UID.
        series_uid: Series Instance UID.
        study_uid: Study Instance UID.
        patient_id: as written, without padding; may not be empty.
        issuer: issuer of the patient ID, empty where absent.
        name: normalised patient name, empty where absent.
        birth_date: as written, empty where absent.
        modality: as written.
    """

    sop_class: str
    sop_uid: str
    series_uid: str
    study_uid: str
    patient_id: str
    issuer: str
    name: str
    birth_date: str
    modality: str

    def __repr__(self) -> str:
        return "Header()"


def read_header(original: Original, file: str) -> Header:
    """Read what identifies the object.

    Args:
        original: the opened file.
        file: how to call the file in an error (``File 3 of 12``), never its name.

    Raises:
        QuarantineError: ``dicomdir`` or ``missing-identifier``.
    """
    top = original.top
    sop_class, *shared = _shared(*map(top.get, _SHARED))
    if sop_class == _DICOMDIR or 0x00041130 in top:
        raise QuarantineError.of(file, "dicomdir")
    header = Header(sop_class, original.text(0x00080018), *shared)
    uids = {sop_class, header.sop_uid, header.series_uid, header.study_uid}
    if uids & _DEAD_UIDS or not normal(header.patient_id):
        raise QuarantineError.of(file, "missing-identifier")
    return header


@lru_cache(maxsize=8)
def _shared(*values: bytes | None) -> tuple[str, ...]:
    """What :data:`_SHARED` says, as text; the next object of a series says the same."""
    sop_class, series, study, patient_id, issuer, name, birth_date, modality = map(text_of, values)
    return (
        sop_class, series, study, patient_id, issuer, normal(name.replace("^", " ")), birth_date, modality,
    )  # fmt: skip


def check_same(header: Header, first: Header, policy: Policy, file: str) -> None:
    """Check that a file belongs with the first file of its series.

    Raises:
        QuarantineError: ``two-patients`` or ``two-series``.
    """
    if (header.patient_id, header.issuer, header.name, header.birth_date) != (
        first.patient_id,
        first.issuer,
        first.name,
        first.birth_date,
    ):
        linkage = policy.linkage
        same_id = linkage.person(header.patient_id, header.issuer) == linkage.person(
            first.patient_id, first.issuer
        )
        differs = (header.name and first.name and header.name != first.name) or (
            header.birth_date and first.birth_date and header.birth_date != first.birth_date
        )
        if not same_id or differs:
            raise QuarantineError.of(file, "two-patients")
    if (header.series_uid, header.study_uid) != (first.series_uid, first.study_uid):
        raise QuarantineError.of(file, "two-series")


def check_object(header: Header, original: Original, policy: Policy, file: str) -> None:
    """Check that the object is of a kind that the policy can vouch for.

    Raises:
        QuarantineError: ``structured-report``, ``encapsulated-document``, ``burned-in-annotation``,
            ``unsupported-object``, ``no-pixel-data``, ``truncated``, ``malformed`` or
            ``pixel-data-mismatch``.
    """
    sop = header.sop_class
    what = kind(sop)
    replaced = what is Kind.DOCUMENTS and policy.documents == "dummy" and documents.replaceable(sop)
    if what is Kind.DOCUMENTS and not replaced:
        raise QuarantineError.of(file, "encapsulated-document")
    if what is Kind.REPORTS and "clean_structured_content" not in policy.options:
        raise QuarantineError.of(file, "structured-report")
    if not (replaced or sop in policy.accept or str(what) in policy.accept):
        raise QuarantineError.of(
            file, "burned-in-annotation" if what is Kind.IMAGES else "unsupported-object"
        )
    if original.pixels is None:
        if needs_pixels(sop):
            raise QuarantineError.of(file, "no-pixel-data")
        return
    if _ROWS not in original.top:
        raise QuarantineError.of(file, "malformed")  # pixels of no size: nothing can be said of them
    if "clean_pixel_data" not in policy.options and may_show_text(original, policy):
        raise QuarantineError.of(file, "burned-in-annotation")
    _check_pixels(original, file)


def may_show_text(original: Original, policy: Policy) -> bool:
    """Whether the pixels may show typed text, by the policy's rules for pixels."""
    return needs_look(header_values(original), policy.pixels) is not None


def header_values(original: Original) -> dict[int, bytes]:
    """Top-level values as the pixel stages expect them: numbers little endian."""
    if original.order == "<":
        return original.top
    return {tag: value[::-1] if tag in _NUMBERS else value for tag, value in original.top.items()}


def _frames(original: Original) -> int:
    text = original.text(0x00280008)
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _check_pixels(original: Original, file: str) -> None:
    """Native pixel data must be exactly as long as its description says (plus a pad byte)."""
    pixels = original.pixels
    if pixels is None:
        return
    rows, columns = original.number(0x00280010, 0), original.number(0x00280011, 0)
    if pixels.header[-4:] == b"\xff\xff\xff\xff":
        if pixels.fragments < _frames(original):
            raise QuarantineError.of(file, "truncated")
        return
    samples, allocated = original.number(0x00280002, 1), original.number(0x00280100, 0)
    bits = rows * columns * samples * allocated * _frames(original)
    if "YBR_FULL_422" in original.words(0x00280004):
        bits = bits * 2 // 3  # two pixels share their colour (PS3.3 C.7.6.3.1.2)
    expected = (bits + 7) // 8
    if pixels.end - pixels.start < expected or not expected:
        raise QuarantineError.of(file, "truncated" if expected else "malformed")
    if pixels.end - pixels.start > expected + expected % 2:
        raise QuarantineError.of(file, "pixel-data-mismatch")

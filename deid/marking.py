"""What a de-identified object says about itself, and its file meta information, written from scratch."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from deid.plans import inserted
from deid.policy import OPTIONS
from deid.structure import vr_of
from deid.version import VERSION

if TYPE_CHECKING:
    from deid.policy import Policy

#: Made once for this engine (a random UUID as decimal, PS3.5 B.2); says which program wrote the file.
IMPLEMENTATION_UID = "2.25.174193315259094322586568489465888238927"
_BASIC = ("113100", "Basic Application Confidentiality Profile")
_NUMBERS = {"US": 2, "SS": 2, "UL": 4, "SL": 4}
MARKS = (0x00120062, 0x00120063, 0x00120064, 0x00280303)


def method(policy: Policy) -> str:
    """Deidentification Method (0012,0063), at most 64 characters."""
    return f"Radflow deid {VERSION} policy {policy.name} {policy.sha256[:12]}"


def marks(policy: Policy, *, implicit: bool, order: str) -> list[tuple[int, bytes]]:
    """The marks that PS3.15 E.1.1 asks for, encoded: codes of CID 7050 for the profile and each option."""

    def one(tag: int, vr: str, value: bytes) -> tuple[int, bytes]:
        return inserted(tag, vr, value, implicit=implicit, order=order)

    codes = [
        _BASIC,
        *(OPTIONS[option][:2] for option in sorted(policy.options, key=lambda name: OPTIONS[name][0])),
    ]
    items = b""
    for value, meaning in codes:
        item = b"".join(
            one(tag, vr, even(text, " "))[1]
            for tag, vr, text in (
                (0x00080100, "SH", value),
                (0x00080102, "SH", "DCM"),
                (0x00080104, "LO", meaning),
            )
        )
        items += _item(item, order)
    modified = "MODIFIED" if "retain_longitudinal_modified_dates" in policy.options else "REMOVED"
    if "retain_longitudinal_full_dates" in policy.options:
        modified = "UNMODIFIED"
    return [
        one(0x00120062, "CS", even("YES", " ")),
        one(0x00120063, "LO", even(method(policy), " ")),
        one(0x00120064, "SQ", items),
        one(0x00280303, "CS", even(modified, " ")),
    ]


def changed(changes: dict[int, bytes], *, implicit: bool, order: str) -> list[tuple[int, bytes]]:
    """Attributes that a stage sets, encoded.

    Args:
        changes: tag -> value, little endian, even in length.
        implicit: whether VRs are left out.
        order: ``<`` or ``>``.
    """
    found = []
    for tag, value in changes.items():
        vr = vr_of(tag).split(" or ")[0]
        size = _NUMBERS.get(vr, 0) if order == ">" else 0
        if size:
            value = b"".join(value[at : at + size][::-1] for at in range(0, len(value), size))
        found.append(inserted(tag, vr, value, implicit=implicit, order=order))
    return found


def even(text: str, pad: str) -> bytes:
    """ASCII text padded to even length."""
    return (text + pad * (len(text) % 2)).encode("ascii")


def _item(value: bytes, order: str) -> bytes:
    byteorder: Literal["little", "big"] = "little" if order == "<" else "big"
    tag = b"\xfe\xff\x00\xe0" if order == "<" else b"\xff\xfe\xe0\x00"
    return tag + len(value).to_bytes(4, byteorder) + value


@lru_cache(maxsize=64)
def _meta_parts(sop_class: str, syntax: str) -> tuple[bytes, bytes]:
    def one(tag: int, vr: str, value: bytes) -> bytes:
        return inserted(tag, vr, value, implicit=False, order="<")[1]

    first = one(0x00020001, "OB", b"\0\1") + one(0x00020002, "UI", even(sop_class, "\0"))
    last = (
        one(0x00020010, "UI", even(syntax, "\0"))
        + one(0x00020012, "UI", even(IMPLEMENTATION_UID, "\0"))
        + one(0x00020013, "SH", even("RADFLOW_" + VERSION.replace(".", "_"), " "))
    )
    return first, last


def file_meta(sop_class: str, sop_uid: str, syntax: str) -> bytes:
    """Preamble and file meta information (PS3.10 7.1); nothing of the original's is taken over."""
    first, last = _meta_parts(sop_class, syntax)
    uid = even(sop_uid, "\0")
    group = first + b"\x02\0\3\0UI" + len(uid).to_bytes(2, "little") + uid + last
    return bytes(128) + b"DICM" + b"\x02\0\0\0UL\4\0" + len(group).to_bytes(4, "little") + group

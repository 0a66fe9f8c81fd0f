"""Sequences: a kept one is cleaned item by item, at every depth, by the same rules."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydicom.datadict import dictionary_keyword

from deid.handlers.base import encoded
from deid.handlers.codes import SCHEME, VALUE
from deid.handlers.dummies import TEXT

if TYPE_CHECKING:
    from deid.policy import Policy

    #: (tag, VR, text, encoded number, or the elements of the only item), ascending.
    Elements = tuple[tuple[int, str, "str | bytes | Elements"], ...]

_CODE: Elements = ((VALUE, "SH", TEXT), (SCHEME, "SH", "99RADFLOW"), (0x00080104, "LO", TEXT))
_PERSON: Elements = ((0x00080080, "LO", TEXT), (0x00401101, "SQ", _CODE))
_TEXT_OBJECT: Elements = (
    (0x00700004, "CS", "PIXEL"),
    (0x00700006, "ST", TEXT),
    (0x00700014, "FL", struct.pack("<2f", 1, 1)),
    (0x00700015, "CS", "N"),
)
#: Sequences with code D (or a compound with D) whose items have attributes of type 1.
_ITEMS: dict[int, Elements] = {
    0x00081072: _PERSON,
    0x0040A073: (
        (0x0040A027, "LO", TEXT),
        (0x0040A030, "DT", "19000101000000"),
        (0x0040A075, "PN", TEXT),
        (0x0040A088, "SQ", ()),
    ),
    0x0040A730: (
        (0x0040A010, "CS", "CONTAINS"),
        (0x0040A040, "CS", "TEXT"),
        (0x0040A043, "SQ", _CODE),
        (0x0040A160, "UT", TEXT),
    ),
    0x00400612: ((0x0040A040, "CS", "TEXT"), (0x0040A043, "SQ", _CODE), (0x0040A160, "UT", TEXT)),
    0x0040B020: ((0x0040A0B0, "US", bytes(4)), (0x00700006, "ST", TEXT)),
    0x00700001: ((0x00700002, "CS", TEXT), (0x00700008, "SQ", _TEXT_OBJECT)),
}


def dummy_items(tag: int) -> tuple[bytes, bytes]:
    """The only item of a sequence with code D, explicit and implicit little endian.

    It has what its attributes of type 1 ask for: a meaningless code where a code is due, a text that says
    nothing in an annotation; else the item is empty.
    """
    elements = _ITEMS.get(tag, ())
    try:
        if dictionary_keyword(tag).endswith("CodeSequence"):
            elements = _CODE
    except KeyError:
        elements = ()
    return _item(elements, implicit=False), _item(elements, implicit=True)


def _item(elements: Elements, *, implicit: bool) -> bytes:
    body = b""
    for tag, vr, content in elements:
        if isinstance(content, tuple):
            value = _item(content, implicit=implicit) if content else b""
        else:
            value = content if isinstance(content, bytes) else encoded(content, vr)
        head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
        if implicit:
            size = len(value).to_bytes(4, "little")
        elif vr in ("SQ", "UT"):
            size = vr.encode() + b"\0\0" + len(value).to_bytes(4, "little")
        else:
            size = vr.encode() + len(value).to_bytes(2, "little")
        body += head + size + value
    return b"\xfe\xff\x00\xe0" + len(body).to_bytes(4, "little") + body


class Sequences:
    """Describes what the walkers do with sequences."""

    def describe(self, _policy: Policy) -> list[str]:
        """See :class:`deid.handlers.base.Handler`."""
        return ["Sequences that stay are cleaned item by item by the same rules; D leaves one dummy item."]

"""Reading DICOM bytes strictly: element headers, sequences and what identifies an object, without decoding.

PS3.5 sections 7 and A, PS3.10 section 7. Bytes that do not add up are refused: a lenient parser drops what it
does not understand, and identity may be in there. The verifier does not use this module but has its own
parser (:mod:`deid.rawbytes`), so that one parser's mistake cannot hide itself. ``_walker.c`` does the same
work, faster; this one is what it is tested against.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pydicom.datadict import dictionary_VR

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
SHORT = frozenset(
    (
        b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH",
        b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
    )
)  # fmt: skip
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
DEEPEST = 64
#: Codes of a StructureError, see the class.
EMPTY_FILE, NOT_DICOM = "empty-file", "not-dicom"
TRUNCATED, MALFORMED, DISORDER, MORE = "truncated", "malformed", "disorder", "more"
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_SIZES = {b"AT": 2, b"FD": 8, b"FL": 4, b"SL": 4, b"SS": 2, b"UL": 4, b"US": 2}
#: What :func:`facts` says about a tag.
IS_SEQUENCE, COLLECT_TOP, WHO, TELLING = 1, 2, 4, 8


class StructureError(Exception):
    """The bytes do not add up.

    ``code`` is ``truncated``, ``malformed``, ``disorder`` (attributes not in ascending order: another reader
    may put it right) or ``more`` (the buffer ends too early, the file does not).
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Element(NamedTuple):
    """An element header: tag, VR as in the file (empty for implicit), first byte and length of the value."""

    tag: int
    vr: bytes
    start: int
    length: int


class Scan(NamedTuple):
    """What a scan found.

    Attributes:
        stop: where the top-level pixel data element begins, or the end of the data.
        top: tag -> value of the wanted top-level attributes.
        who: (tag, value) of the attributes at every depth that tell of identity, in file order.
        telling_items: whether items must be looked at one by one: one has a Specific Character Set of its own, or is
            a content item (it names a concept).
    """

    stop: int
    top: dict[int, bytes]
    who: list[tuple[int, bytes]]
    telling_items: bool


@cache
def vr_of(tag: int) -> str:
    """VR by the data dictionary, empty where unknown."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


class Reader:
    """Element headers out of a buffer.

    Args:
        data: the bytes.
        little_endian: byte order.
        complete: whether the buffer ends where the data do.
    """

    def __init__(self, data: bytes, *, little_endian: bool = True, complete: bool = True) -> None:
        order = "<" if little_endian else ">"
        self.data = data
        self.order = order
        self._short = "truncated" if complete else "more"
        self._tag = struct.Struct(order + "HH").unpack_from
        self._u16 = struct.Struct(order + "H").unpack_from
        self._u32 = struct.Struct(order + "L").unpack_from

    def need(self, position: int, count: int, end: int) -> None:
        """Raise unless ``count`` bytes follow."""
        if position + count > end:
            raise StructureError(self._short if position + count > len(self.data) else "malformed")

    def tag(self, position: int) -> int:
        """The tag at a position."""
        group, element = self._tag(self.data, position)
        return int(group << 16 | element)

    def length(self, position: int) -> int:
        """The four bytes at a position as a length."""
        return int(self._u32(self.data, position)[0])

    def element(self, position: int, end: int, *, implicit: bool) -> Element:
        """The element header at a position; a defined length lies inside ``end``."""
        self.need(position, 8, end)
        tag = self.tag(position)
        if tag >> 16 == 0xFFFE:
            raise StructureError(MALFORMED)
        if implicit:
            found = Element(tag, b"", position + 8, self.length(position + 4))
        else:
            vr = self.data[position + 4 : position + 6]
            if vr in SHORT:
                found = Element(tag, vr, position + 8, self._u16(self.data, position + 6)[0])
            elif vr in LONG:
                self.need(position, 12, end)
                found = Element(tag, vr, position + 12, self.length(position + 8))
            else:
                raise StructureError(MALFORMED)
        if found.length != UNDEFINED:
            self.need(found.start, found.length, end)
        return found

    def item(self, position: int, end: int, *, delimited: bool) -> tuple[int, int] | None:
        """First byte and length of the item at a position; None at the end of the sequence."""
        if position == end and not delimited:
            return None
        self.need(position, 8, end)
        tag, length = self.tag(position), self.length(position + 4)
        if tag == SEQUENCE_END and delimited:
            return None
        if tag != ITEM:
            raise StructureError(MALFORMED)
        if length != UNDEFINED:
            self.need(position + 8, length, end)
        return position + 8, length

    def skip_items(self, position: int, end: int, *, implicit: bool, depth: int) -> int:
        """Where a sequence of undefined length ends (behind its delimiter)."""
        while (item := self.item(position, end, delimited=True)) is not None:
            start, length = item
            position = self.behind_item(start, length, end, implicit=implicit, depth=depth)
        return position + 8

    def behind_item(self, start: int, length: int, end: int, *, implicit: bool, depth: int) -> int:
        """Where the item whose value begins at ``start`` ends."""
        if length != UNDEFINED:
            return start + length
        return self._skip_data_set(start, end, implicit=implicit, depth=depth + 1)

    def _skip_data_set(self, position: int, end: int, *, implicit: bool, depth: int) -> int:
        if depth > DEEPEST:
            raise StructureError(MALFORMED)
        while True:
            self.need(position, 8, end)
            if self.tag(position) == ITEM_END:
                return position + 8
            found = self.element(position, end, implicit=implicit)
            position = self.behind(found, end, implicit=implicit, depth=depth)

    def behind(self, found: Element, end: int, *, implicit: bool, depth: int) -> int:
        """Where the element after ``found`` begins."""
        if found.length != UNDEFINED:
            return found.start + found.length
        if found.tag in PIXELS:
            return self.fragments(found.start, end)
        return self.skip_items(found.start, end, implicit=implicit or found.vr == b"UN", depth=depth)

    def fragments(self, position: int, end: int) -> int:
        """Where encapsulated pixel data end (behind the delimiter)."""
        while True:
            self.need(position, 8, end)
            tag, length = self.tag(position), self.length(position + 4)
            position += 8
            if tag == SEQUENCE_END:
                return position
            if tag != ITEM or length == UNDEFINED:
                raise StructureError(MALFORMED)
            self.need(position, length, end)
            position += length


def scan(
    data: bytes,
    start: int,
    *,
    implicit: bool,
    complete: bool,
    facts: Callable[[int], int],
    little_endian: bool = True,
) -> Scan:
    """Walk the data set up to its pixel data, at every depth, and collect what identifies the object.

    Args:
        data: the bytes of the file, or of its beginning.
        start: where the data set begins.
        implicit: whether VRs are left out.
        complete: whether ``data`` is the whole file.
        facts: what is known of a tag: a sum of :data:`IS_SEQUENCE`, :data:`COLLECT_TOP` ...
        little_endian: byte order.

    Raises:
        StructureError: see the class.
    """
    reader = Reader(data, little_endian=little_endian, complete=complete)
    walker = _Scanner(reader, facts)
    stop = walker.data_set(start, len(data), 0, implicit=implicit, delimited=False)
    return Scan(stop, walker.top, walker.who, walker.telling_items)


def swapped(data: bytes, *, implicit: bool) -> bytes:
    """Elements or items in explicit VR little endian as big endian; ``implicit`` leaves the VRs out."""
    reader, out, position = Reader(data), b"", 0
    while position < len(data):
        if reader.tag(position) == ITEM:
            start, length = position + 8, reader.length(position + 4)
            body = swapped(data[start : start + length], implicit=implicit)
            out += struct.pack(">HHL", ITEM >> 16, ITEM & 0xFFFF, len(body)) + body
            position = start + length
            continue
        found = reader.element(position, len(data), implicit=False)
        position = found.start + found.length
        value = data[found.start : position]
        if found.vr == b"SQ":
            value = swapped(value, implicit=implicit)
        elif found.vr in _SIZES:
            size = _SIZES[found.vr]
            value = b"".join(value[at : at + size][::-1] for at in range(0, len(value), size))
        out += struct.pack(">HH", found.tag >> 16, found.tag & 0xFFFF)
        if implicit:
            out += struct.pack(">L", len(value))
        elif found.vr in LONG:
            out += found.vr + b"\0\0" + struct.pack(">L", len(value))
        else:
            out += found.vr + struct.pack(">H", len(value))
        out += value
    return out


class _Scanner:
    def __init__(self, reader: Reader, facts: Callable[[int], int]) -> None:
        self._reader = reader
        self._facts = facts
        self.top: dict[int, bytes] = {}
        self.who: list[tuple[int, bytes]] = []
        self.telling_items = False

    def data_set(self, position: int, end: int, depth: int, *, implicit: bool, delimited: bool) -> int:
        if depth > DEEPEST:
            raise StructureError(MALFORMED)
        reader, last = self._reader, -1
        while True:
            if position == end and not delimited:
                return position
            reader.need(position, 8, end)
            if delimited and reader.tag(position) == ITEM_END:
                return position + 8
            if depth == 0 and reader.tag(position) in PIXELS:
                return position
            found = reader.element(position, end, implicit=implicit)
            if found.tag <= last:
                raise StructureError(DISORDER)
            last = found.tag
            position = self._element(found, end, depth, implicit=implicit)

    def _element(self, found: Element, end: int, depth: int, *, implicit: bool) -> int:
        reader, facts = self._reader, self._facts(found.tag)
        unknown = found.vr == b"UN"
        if depth and facts & TELLING:
            self.telling_items = True
        if found.length == UNDEFINED and found.tag in PIXELS:
            return reader.fragments(found.start, end)
        sequence = found.vr == b"SQ" or (facts & IS_SEQUENCE and (implicit or unknown))
        if sequence or found.length == UNDEFINED:
            delimited = found.length == UNDEFINED
            last = end if delimited else found.start + found.length
            position = found.start
            while (item := reader.item(position, last, delimited=delimited)) is not None:
                start, length = item
                open_ended = length == UNDEFINED
                stop = last if open_ended else start + length
                position = self.data_set(
                    start, stop, depth + 1, implicit=implicit or unknown, delimited=open_ended
                )
            return position + 8 if delimited else position
        value = found.start, found.start + found.length
        if depth == 0 and facts & COLLECT_TOP:
            self.top[found.tag] = reader.data[slice(*value)]
        if facts & WHO or found.vr == b"PN":
            self.who.append((found.tag, reader.data[slice(*value)]))
        return value[1]

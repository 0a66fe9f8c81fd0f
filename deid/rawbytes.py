"""Where every value of a DICOM file lies: a walk over the raw bytes, strict, without pydicom's parser.

Used twice: the engine refuses a file whose bytes do not add up before it reads it (a lenient parser drops
what it does not understand, and identity may be in there), and the verifier reads the outputs with it, so
that one parser's mistake cannot hide itself. PS3.5 sections 7 and A, PS3.10 section 7.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from pydicom.datadict import dictionary_VR

IMPLICIT, BIG, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_PREFIX = "1.2.840.10008.1.2"
_LONG = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)  # PS3.5 7.1.2
_SHORT = frozenset(
    (
        b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH",
        b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
    )
)  # fmt: skip
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_DEEPEST = 64
_LARGEST = 1 << 32
_EMPTY_FILE, _NOT_DICOM, _TRUNCATED, _MALFORMED = "empty-file", "not-dicom", "truncated", "malformed"
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})


class StructureError(Exception):
    """The bytes do not add up; ``code`` is a quarantine code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Span(NamedTuple):
    """One value: the tags from the top to it, its VR (empty where unknown), first and last+1 byte."""

    path: tuple[int, ...]
    vr: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A walked file.

    Attributes:
        data: the file's bytes, with the data set inflated.
        syntax: transfer syntax UID.
        little_endian: byte order of the data set.
        body: where the data set begins.
        spans: every value that is not a sequence, in file order, file meta information included.
        pixels: (start, end) of the value of the top-level pixel data, or None; what to leave out of a search.
        fragments: number of fragments of encapsulated pixel data (offset table not counted), 0 for native.
    """

    data: bytes
    syntax: str
    little_endian: bool
    body: int
    spans: tuple[Span, ...]
    pixels: tuple[int, int] | None
    fragments: int

    def top(self, tag: int) -> bytes | None:
        """The value of a top-level attribute, or None."""
        for span in self.spans:
            if len(span.path) == 1 and span.path[0] == tag:
                return self.data[span.start : span.end]
        return None


@cache
def vr_of(tag: int) -> str:
    """VR by the data dictionary, empty where unknown."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def walk(raw: bytes) -> Layout:
    """Walk a DICOM file (PS3.10).

    Raises:
        StructureError: ``empty-file``, ``not-dicom``, ``truncated`` or ``malformed``.
    """
    if not raw:
        raise StructureError(_EMPTY_FILE)
    if raw[128:132] != b"DICM":
        raise StructureError(_NOT_DICOM)
    meta = _Walker(raw, little_endian=True)
    body = meta.file_meta(132)
    syntax = meta.value(0x00020010).decode("ascii", "replace").strip("\0 ")
    if not syntax.startswith(_PREFIX):
        raise StructureError(_MALFORMED)
    data = raw
    if syntax == DEFLATED:
        data = raw[:body] + _inflate(raw[body:])
    walker = _Walker(data, little_endian=syntax != BIG)
    walker.data_set(body, len(data), (), implicit=syntax == IMPLICIT, delimited=False)
    spans = (*meta.spans, *walker.spans)
    return Layout(data, syntax, syntax != BIG, body, spans, walker.pixels, walker.fragments)


def _inflate(raw: bytes) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = stream.decompress(raw, _LARGEST)
    except zlib.error:
        raise StructureError(_MALFORMED) from None
    if not stream.eof:
        raise StructureError(_MALFORMED if stream.unconsumed_tail else _TRUNCATED)
    # A pad byte may follow, and the trailer of gzip, which some writers leave; all else may hide something.
    trailer = struct.pack("<LL", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    if stream.unused_data not in (b"", b"\0", trailer, b"\0" + trailer):
        raise StructureError(_MALFORMED)
    return data


class _Walker:
    def __init__(self, data: bytes, *, little_endian: bool) -> None:
        order = "<" if little_endian else ">"
        self.data = data
        self.spans: list[Span] = []
        self.pixels: tuple[int, int] | None = None
        self.fragments = 0
        self._tag = struct.Struct(order + "HH").unpack_from
        self._u16 = struct.Struct(order + "H").unpack_from
        self._u32 = struct.Struct(order + "L").unpack_from

    def value(self, tag: int) -> bytes:
        for span in self.spans:
            if span.path == (tag,):
                return self.data[span.start : span.end]
        return b""

    def file_meta(self, position: int) -> int:
        """Walk group 0002 from its first element; returns where the data set begins."""
        while position + 8 <= len(self.data) and self._u16(self.data, position)[0] == 0x0002:
            position = self._element(position, len(self.data), (), implicit=False)
        return position

    def data_set(
        self, position: int, end: int, path: tuple[int, ...], *, implicit: bool, delimited: bool
    ) -> int:
        if len(path) > _DEEPEST:
            raise StructureError(_MALFORMED)
        while True:
            if position == end and not delimited:
                return position
            self._need(position, 8, end)
            if delimited and self._read_tag(position) == _ITEM_END:
                return position + 8
            position = self._element(position, end, path, implicit=implicit)

    def _read_tag(self, position: int) -> int:
        group, element = self._tag(self.data, position)
        return int(group << 16 | element)

    def _need(self, position: int, count: int, end: int) -> None:
        if position + count > end:
            raise StructureError(_TRUNCATED if position + count > len(self.data) else _MALFORMED)

    def _header(self, position: int, end: int, tag: int, *, implicit: bool) -> tuple[str, int, int]:
        """VR, where the value starts, its length."""
        if implicit:
            return vr_of(tag), position + 8, self._u32(self.data, position + 4)[0]
        vr = self.data[position + 4 : position + 6]
        if vr in _SHORT:
            return vr.decode(), position + 8, self._u16(self.data, position + 6)[0]
        if vr not in _LONG:
            raise StructureError(_MALFORMED)
        self._need(position, 12, end)
        return vr.decode(), position + 12, self._u32(self.data, position + 8)[0]

    def _element(self, position: int, end: int, path: tuple[int, ...], *, implicit: bool) -> int:
        tag = self._read_tag(position)
        if tag >> 16 == 0xFFFE:
            raise StructureError(_MALFORMED)
        vr, start, length = self._header(position, end, tag, implicit=implicit)
        here = (*path, tag)
        if length == _UNDEFINED:
            if tag in PIXELS:
                return self._encapsulated(start, end, here)
            return self._sequence(start, end, here, implicit=implicit or vr == "UN", delimited=True)
        self._need(start, length, end)
        if vr == "SQ":
            return self._sequence(start, start + length, here, implicit=implicit, delimited=False)
        if tag in PIXELS and not path:
            self.pixels = (start, start + length)
        self.spans.append(Span(here, vr, start, start + length))
        return start + length

    def _sequence(
        self, position: int, end: int, path: tuple[int, ...], *, implicit: bool, delimited: bool
    ) -> int:
        while True:
            if position == end and not delimited:
                return position
            self._need(position, 8, end)
            tag = self._read_tag(position)
            length = self._u32(self.data, position + 4)[0]
            position += 8
            if tag == _SEQUENCE_END and delimited:
                return position
            if tag != _ITEM:
                raise StructureError(_MALFORMED)
            if length == _UNDEFINED:
                position = self.data_set(position, end, path, implicit=implicit, delimited=True)
            else:
                self._need(position, length, end)
                position = self.data_set(
                    position, position + length, path, implicit=implicit, delimited=False
                )

    def _encapsulated(self, start: int, end: int, path: tuple[int, ...]) -> int:
        position, items = start, 0
        while True:
            self._need(position, 8, end)
            tag = self._read_tag(position)
            length = self._u32(self.data, position + 4)[0]
            position += 8
            if tag == _SEQUENCE_END:
                break
            if tag != _ITEM or length == _UNDEFINED:
                raise StructureError(_MALFORMED)
            self._need(position, length, end)
            position += length
            items += 1
        if len(path) == 1:
            self.pixels = (start, position)
            self.fragments = max(items - 1, 0)
        self.spans.append(Span(path, "OB", start, position))
        return position

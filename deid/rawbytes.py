"""Where every value of a DICOM file lies: the verifier's own walk over raw bytes, strict, without pydicom's parser.

The walk sees a window of the file, so that neither pixel data nor a large file need be in memory; it stops at
top-level pixel data and says where to go on. It is the oracle of the compiled walk in ``_search.c``, which
must agree with it byte for byte. PS3.5 sections 7 and A, PS3.10 section 7.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import NamedTuple

from pydicom.datadict import dictionary_VR

IMPLICIT, BIG, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_PREFIX = "1.2.840.10008.1.2"
#: VRs whose length is written in four bytes, and in two (PS3.5 7.1.2).
LONG_FORM = ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
SHORT_FORM = (
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST",
    "TM", "UI", "UL", "US",
)  # fmt: skip
_LONG = frozenset(vr.encode() for vr in LONG_FORM)
_SHORT = frozenset(vr.encode() for vr in SHORT_FORM)
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SCHEME, _MEANING = 0x00080102, 0x00080104
_UNDEFINED = 0xFFFFFFFF
_DEEPEST = 64
_LARGEST = 1 << 29
_EMPTY_FILE, _NOT_DICOM, _TRUNCATED, _MALFORMED = "empty-file", "not-dicom", "truncated", "malformed"
PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})


class StructureError(Exception):
    """The bytes do not add up; ``code`` is a quarantine code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Mode(IntEnum):
    """How a part of a file is encoded; META is the file meta information, which ends with its group."""

    IMPLICIT = 0
    EXPLICIT = 1
    BIG_ENDIAN = 2
    META = 3


class Status(IntEnum):
    """Why a walk ended: all seen; the window is too small; top-level pixel data, native or encapsulated."""

    DONE = 0
    MORE = 1
    NATIVE = 2
    ENCAPSULATED = 3
    TRUNCATED = -1
    MALFORMED = -2


class Span(NamedTuple):
    """One value: the tags from the top to it, its VR (empty where unknown), first and last+1 byte."""

    path: tuple[int, ...]
    vr: str
    start: int
    end: int


class Found(NamedTuple):
    """A value with its context: where its private creator stands, or that of the private sequence it is in.

    For a code meaning it is the coding scheme; (0, 0) where there is none.
    """

    path: tuple[int, ...]
    vr: str
    start: int
    end: int
    context: tuple[int, int]


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
    """VR by the data dictionary, empty where unknown; the first where the dictionary leaves a choice."""
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return ""


def mode_of(syntax: str) -> Mode:
    """How a data set in a transfer syntax is encoded, once it is inflated.

    Raises:
        StructureError: ``malformed`` where the UID is no transfer syntax.
    """
    if not syntax.startswith(_PREFIX):
        raise StructureError(_MALFORMED)
    return {IMPLICIT: Mode.IMPLICIT, BIG: Mode.BIG_ENDIAN}.get(syntax, Mode.EXPLICIT)


def check_prefix(head: bytes) -> None:
    """Check that a file begins as PS3.10 says.

    Raises:
        StructureError: ``empty-file`` or ``not-dicom``.
    """
    if not head:
        raise StructureError(_EMPTY_FILE)
    if head[128:132] != b"DICM":
        raise StructureError(_NOT_DICOM)


def walk(raw: bytes) -> Layout:
    """Walk a DICOM file that is in memory (PS3.10).

    Raises:
        StructureError: ``empty-file``, ``not-dicom``, ``truncated`` or ``malformed``.
    """
    check_prefix(raw)
    meta = Walk(raw, 0, len(raw), Mode.META)
    body, _ = _checked(meta, 132)
    syntax = ""
    for found in meta.found:
        if found.path == (0x00020010,):
            syntax = raw[found.start : found.end].decode("ascii", "replace").strip("\0 ")
    mode = mode_of(syntax)
    data = raw[:body] + inflate(raw[body:]) if syntax == DEFLATED else raw
    walked = Walk(data, 0, len(data), mode)
    spans = [Span(*found[:4]) for found in meta.found]
    pixels, fragments, position, status = None, 0, body, Status.MORE
    while status is not Status.DONE:
        walked.found = []
        position, status = _checked(walked, position)
        spans += [Span(*found[:4]) for found in walked.found]
        if status in (Status.NATIVE, Status.ENCAPSULATED):
            if status is Status.ENCAPSULATED:
                position, items = walked.fragments(position, len(data))
                fragments = max(items - 1, 0)
                pixels = (walked.pixels[0], position)
            else:
                pixels = walked.pixels
            spans.append(Span((walked.pixel_tag,), walked.pixel_vr, *pixels))
    return Layout(data, syntax, mode is not Mode.BIG_ENDIAN, body, tuple(spans), pixels, fragments)


def _checked(walk: Walk, position: int) -> tuple[int, Status]:
    position, status = walk.run(position)
    if status < 0:
        raise StructureError(_TRUNCATED if status is Status.TRUNCATED else _MALFORMED)
    return position, status


def inflate(raw: bytes) -> bytes:
    """Inflate a deflated data set (PS3.5 A.5).

    Raises:
        StructureError: ``truncated`` or ``malformed``.
    """
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


class _Stop(Exception):
    def __init__(self, status: Status, position: int = 0) -> None:
        super().__init__(status)
        self.status = status
        self.position = position


@dataclass(slots=True)
class _Level:
    """What one data set or item has said so far that gives later values their context."""

    outer: tuple[int, int] = (0, 0)
    scheme: tuple[int, int] = (0, 0)
    creators: dict[int, tuple[int, int]] = field(default_factory=dict)

    def creator(self, tag: int) -> tuple[int, int]:
        """Where the creator of a private element stands."""
        return self.creators.get(tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8, (0, 0)) if tag >> 16 & 1 else (0, 0)


class Walk:
    """A walk over a window of a file.

    Args:
        window: bytes ``[base, base + len(window))`` of the file.
        base: where the window begins.
        total: length of the file.
        mode: how the bytes are encoded.

    Attributes:
        found: the values of the last run, in file order.
        pixels: where the top-level pixel data lie that ended the last run; (start, 0) where encapsulated.
        pixel_tag: their tag.
        pixel_vr: their VR.
    """

    def __init__(self, window: bytes, base: int, total: int, mode: Mode) -> None:
        order = ">" if mode is Mode.BIG_ENDIAN else "<"
        self.found: list[Found] = []
        self.pixels = (0, 0)
        self.pixel_tag, self.pixel_vr = 0, ""
        self._data, self._base, self._total = window, base, total
        self._have = base + len(window)
        self._mode = mode
        self._u16 = struct.Struct(order + "H").unpack_from
        self._u32 = struct.Struct(order + "L").unpack_from
        self._tag = struct.Struct(order + "HH").unpack_from

    def run(self, position: int) -> tuple[int, Status]:
        """Walk from a position of the file on; where it ended (or how far the window must reach), and why."""
        try:
            if self._mode is Mode.META:
                return self._file_meta(position), Status.DONE
            implicit = self._mode is Mode.IMPLICIT
            return self._data_set(
                position, self._total, (), (0, 0), implicit=implicit, delimited=False
            ), Status.DONE
        except _Stop as stop:
            return stop.position, stop.status

    def fragments(self, position: int, end: int) -> tuple[int, int]:
        """Walk the items of encapsulated pixel data; where they end, and how many there are.

        Raises:
            StructureError: ``truncated`` or ``malformed``.
        """
        try:
            return self._encapsulated(position, end)
        except _Stop as stop:
            raise StructureError(_TRUNCATED if stop.status is Status.TRUNCATED else _MALFORMED) from None

    def _file_meta(self, position: int) -> int:
        level = _Level()
        while position + 8 <= self._total:
            self._need(position, 8, self._total)
            if self._u16(self._data, position - self._base)[0] != 0x0002:
                break
            position = self._element(position, self._total, (), level, implicit=False)
        return position

    def _data_set(
        self,
        position: int,
        end: int,
        path: tuple[int, ...],
        outer: tuple[int, int],
        *,
        implicit: bool,
        delimited: bool,
    ) -> int:
        if len(path) > _DEEPEST:
            raise _Stop(Status.MALFORMED)
        level = _Level(outer)
        while True:
            if position == end and not delimited:
                return position
            self._need(position, 8, end)
            if delimited and self._read_tag(position) == _ITEM_END:
                return position + 8
            position = self._element(position, end, path, level, implicit=implicit)

    def _read_tag(self, position: int) -> int:
        group, element = self._tag(self._data, position - self._base)
        return int(group << 16 | element)

    def _length(self, position: int) -> int:
        return int(self._u32(self._data, position - self._base)[0])

    def _need(self, position: int, count: int, end: int) -> None:
        """Check that bytes lie before an end and in the window."""
        if position + count > end:
            raise _Stop(Status.TRUNCATED if position + count > self._total else Status.MALFORMED)
        if position + count > self._have:
            raise _Stop(Status.MORE, position + count)

    def _header(self, position: int, end: int, tag: int, *, implicit: bool) -> tuple[str, int, int]:
        """VR, where the value starts, its length."""
        if implicit:
            return vr_of(tag), position + 8, self._length(position + 4)
        at = position - self._base
        vr = self._data[at + 4 : at + 6]
        if vr in _SHORT:
            return vr.decode(), position + 8, self._u16(self._data, at + 6)[0]
        if vr not in _LONG:
            raise _Stop(Status.MALFORMED)
        self._need(position, 12, end)
        return vr.decode(), position + 12, self._length(position + 8)

    def _element(
        self, position: int, end: int, path: tuple[int, ...], level: _Level, *, implicit: bool
    ) -> int:
        tag = self._read_tag(position)
        if tag >> 16 == 0xFFFE:
            raise _Stop(Status.MALFORMED)
        vr, start, length = self._header(position, end, tag, implicit=implicit)
        here = (*path, tag)
        nested = tag not in PIXELS if length == _UNDEFINED else vr == "SQ"
        if tag in PIXELS and not path and not nested:
            self._pixels(tag, vr, start, length)
        if length != _UNDEFINED:
            self._need(start, length, end)
        if nested:
            delimited = length == _UNDEFINED
            return self._sequence(
                start,
                end if delimited else start + length,
                here,
                level.creator(tag) if tag >> 16 & 1 else level.outer,
                implicit=implicit or (delimited and vr == "UN"),
                delimited=delimited,
            )
        if length == _UNDEFINED:
            last, _ = self._encapsulated(start, end)
            if last - start >= _UNDEFINED:
                raise _Stop(Status.MALFORMED)
            vr = "OB"
        else:
            last = start + length
        self.found.append(Found(here, vr, start, last, self._context(level, tag, start, last)))
        return last

    def _pixels(self, tag: int, vr: str, start: int, length: int) -> None:
        """Stop at top-level pixel data."""
        self.pixel_tag = tag
        if length == _UNDEFINED:
            self.pixels, self.pixel_vr = (start, 0), "OB"
            raise _Stop(Status.ENCAPSULATED, start)
        if start + length > self._total:
            raise _Stop(Status.TRUNCATED)
        self.pixels, self.pixel_vr = (start, start + length), vr
        raise _Stop(Status.NATIVE, start + length)

    def _context(self, level: _Level, tag: int, start: int, end: int) -> tuple[int, int]:
        """Remember what later values are judged by; give back what this one is."""
        if tag == _SCHEME:
            level.scheme = (start, end)
        elif tag == _MEANING:
            return level.scheme
        elif tag >> 16 & 1 and 0x10 <= (tag & 0xFFFF) <= 0xFF:
            level.creators[tag] = (start, end)
        elif tag >> 16 & 1:
            return level.creator(tag)
        return level.outer

    def _sequence(
        self,
        position: int,
        end: int,
        path: tuple[int, ...],
        outer: tuple[int, int],
        *,
        implicit: bool,
        delimited: bool,
    ) -> int:
        while True:
            if position == end and not delimited:
                return position
            self._need(position, 8, end)
            tag, length = self._read_tag(position), self._length(position + 4)
            position += 8
            if tag == _SEQUENCE_END and delimited:
                return position
            if tag != _ITEM:
                raise _Stop(Status.MALFORMED)
            if length == _UNDEFINED:
                position = self._data_set(position, end, path, outer, implicit=implicit, delimited=True)
            else:
                self._need(position, length, end)
                position = self._data_set(
                    position, position + length, path, outer, implicit=implicit, delimited=False
                )

    def _encapsulated(self, start: int, end: int) -> tuple[int, int]:
        position, items = start, 0
        while True:
            self._need(position, 8, end)
            tag, length = self._read_tag(position), self._length(position + 4)
            position += 8
            if tag == _SEQUENCE_END:
                return position, items
            if tag != _ITEM or length == _UNDEFINED:
                raise _Stop(Status.MALFORMED)
            self._need(position, length, end)
            position += length
            items += 1

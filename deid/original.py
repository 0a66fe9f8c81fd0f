"""An original on disk, opened for treatment: its header in memory, its pixel data left where they are.

Memory stays flat however large a multi-frame object is: the header is read up to the pixel data element, and
of encapsulated pixel data only the item headers.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from deid import plans
from deid.structure import (
    EMPTY_FILE,
    ITEM,
    LONG,
    MALFORMED,
    MORE,
    NOT_DICOM,
    SEQUENCE_END,
    TRUNCATED,
    UNDEFINED,
    Reader,
    StructureError,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
BIG, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_PREFIX = "1.2.840.10008.1.2"
_FIRST_READ, _LONGEST_GUESS, _MARGIN = 1 << 16, 1 << 22, 1 << 11
_GROUP_LENGTH = b"\x02\0\0\0UL\4\0"
_LARGEST = 1 << 29  #: bytes of an inflated object; what claims more is taken for a bomb
_PIECE = 1 << 20
_META_SYNTAX = 0x00020010


class Pixels(NamedTuple):
    """Where the pixel data of an object lie.

    Attributes:
        header: the element header as encoded.
        start: first byte of the value, in the file (in ``data`` for a deflated one).
        end: last + 1; behind the delimiter for encapsulated pixel data.
        fragments: number of fragments without the offset table, 0 for native pixel data.
    """

    header: bytes
    start: int
    end: int
    fragments: int


def text_of(value: bytes | None) -> str:
    """A value as Latin-1 text without padding; empty where absent."""
    return value.decode("latin-1").strip("\0 ") if value else ""


@dataclass(slots=True, repr=False)
class Original:
    """An opened file; holds identity, so it has no repr.

    Attributes:
        fd: descriptor of the file, for the kernel to copy from.
        data: bytes up to the pixel data at least; inflated for a deflated file, then complete.
        body: where the data set begins.
        stop: where the pixel data element begins, or the end.
        syntax: transfer syntax UID.
        top: values of the top-level attributes that matter, see :mod:`deid.identifiers`.
        who: (tag, value) of what identifies, at every depth.
        telling_items: whether items must be looked at one by one, see :class:`deid.structure.Scan`.
        pixels: where the pixel data are, or None.
        trailing: what follows the pixel data.
        size: bytes of the file.
    """

    fd: int
    data: bytes
    body: int
    stop: int
    syntax: str
    top: dict[int, bytes]
    who: list[tuple[int, bytes]]
    telling_items: bool
    pixels: Pixels | None
    trailing: bytes
    size: int

    @property
    def implicit(self) -> bool:
        """Whether VRs are left out."""
        return self.syntax == IMPLICIT

    @property
    def order(self) -> str:
        """``<`` or ``>``, as :mod:`struct` says it."""
        return ">" if self.syntax == BIG else "<"

    def text(self, tag: int) -> str:
        """A top-level value as Latin-1 text without padding; empty where absent."""
        return text_of(self.top.get(tag))

    def words(self, tag: int) -> list[str]:
        """A multi-valued code string, in upper case."""
        return [word.strip("\0 ") for word in self.text(tag).upper().split("\\")]

    def number(self, tag: int, default: int) -> int:
        """An unsigned short, or the default."""
        value = self.top.get(tag)
        if value is None or len(value) != 2:
            return default
        return int.from_bytes(value, "big" if self.order == ">" else "little")


def opened(path: Path, *, pure: bool = False) -> AbstractContextManager[Original]:
    """Open an original.

    Raises:
        StructureError: ``empty-file``, ``not-dicom``, ``truncated`` or ``malformed``.
    """
    return _Opening(path, pure=pure)


class _Opening:
    def __init__(self, path: Path, *, pure: bool) -> None:
        self._path = path
        self._pure = pure
        self._fd = -1

    def __enter__(self) -> Original:
        self._fd = os.open(self._path, os.O_RDONLY)
        try:
            return _read(self._fd, pure=self._pure)
        except BaseException:
            os.close(self._fd)
            raise

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _read(fd: int, *, pure: bool) -> Original:
    quick = None if pure else plans.read(fd, _guess.bytes)
    if quick is None:
        return _read_slowly(fd, pure=pure)
    data, body, implicit, top, who, telling_items, stop, start, end = quick
    _guess.bytes = min(stop + _MARGIN, _LONGEST_GUESS)
    pixels = Pixels(data[stop:start], start, end, 0) if start > stop else None
    syntax = IMPLICIT if implicit else EXPLICIT
    return Original(fd, data, body, stop, syntax, top, who, telling_items, pixels, b"", end)


def _read_slowly(fd: int, *, pure: bool) -> Original:
    size = os.fstat(fd).st_size
    count = _guess.bytes
    while True:
        data = _pread(fd, min(size, count), 0)
        if not data:
            raise StructureError(EMPTY_FILE)
        if data[128:132] != b"DICM":
            raise StructureError(NOT_DICOM)
        try:
            body, syntax = _meta(data, complete=len(data) >= size, pure=pure)
            if syntax == DEFLATED:
                return _deflated(fd, size, body, pure=pure)
            found = _header(data, size, body, syntax, pure=pure)
            break
        except StructureError as error:
            if error.code != MORE:
                raise
        count = max(len(data) * 4, _FIRST_READ)
    _guess.bytes = min(found.stop + _MARGIN, _LONGEST_GUESS)
    found.fd = fd
    pixels = found.pixels
    if pixels is None:
        return found
    end = pixels.end
    if pixels.fragments:
        end, fragments = _fragments(fd, size, pixels.start, found.order)
        found.pixels = pixels._replace(end=end, fragments=fragments)
    if end > size:
        raise StructureError(TRUNCATED)
    if end < size:
        found.trailing = _pread(fd, size - end, end)
        _check_trailing(found.trailing, syntax, pure=pure)
    return found


class _Guess:
    """How much to read at first: headers of one series are about as long as each other."""

    bytes = _FIRST_READ


_guess = _Guess()


def _pread(fd: int, count: int, offset: int) -> bytes:
    """``count`` bytes; fewer only where the file ends."""
    data = os.pread(fd, count, offset)
    while len(data) < count:
        more = os.pread(fd, count - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data


def _meta(data: bytes, *, complete: bool, pure: bool) -> tuple[int, str]:
    """Where the data set begins, and its transfer syntax."""
    body = 144 + int.from_bytes(data[140:144], "little")
    if data[132:140] != _GROUP_LENGTH or body + 2 > len(data) or data[body : body + 2] == b"\x02\0":
        reader = Reader(data, complete=complete)
        reader.need(132, 12, len(data))
        body = 132  # no group length, or a wrong one: look element by element
        while data[body : body + 2] == b"\x02\0":
            found = reader.element(body, len(data), implicit=False)
            body = reader.behind(found, len(data), implicit=False, depth=0)
    syntax = plans.scan(data[:body], 132, implicit=False, complete=True, pure=pure).top.get(_META_SYNTAX, b"")
    name = syntax.decode("ascii", "replace").strip("\0 ")
    if not name.startswith(_PREFIX):
        raise StructureError(MALFORMED)
    return body, name


def _header(data: bytes, size: int, body: int, syntax: str, *, pure: bool, whole: bool = False) -> Original:
    complete = whole or len(data) >= size
    implicit, big = syntax == IMPLICIT, syntax == BIG
    found = plans.scan(data, body, implicit=implicit, complete=complete, little_endian=not big, pure=pure)
    pixels = None
    if found.stop == len(data) and not complete:
        raise StructureError(MORE)  # the window ends between two attributes; the file goes on
    if found.stop < len(data):
        start = found.stop + (8 if implicit else 12)
        if start > len(data):
            raise StructureError(TRUNCATED if complete else MORE)
        if not implicit and data[found.stop + 4 : found.stop + 6] not in LONG:
            raise StructureError(MALFORMED)
        length = int.from_bytes(data[start - 4 : start], "big" if big else "little")
        undefined = length == UNDEFINED
        end = start if undefined else start + length
        pixels = Pixels(data[found.stop : start], start, end, 1 if undefined else 0)
    return Original(
        -1, data, body, found.stop, syntax, found.top, found.who, found.telling_items, pixels, b"", size
    )


def _fragments(fd: int, size: int, position: int, order: str) -> tuple[int, int]:
    """(behind the delimiter, number of fragments) of encapsulated pixel data."""
    unpack, items = struct.Struct(order + "HHL").unpack, 0
    while True:
        if position + 8 > size:
            raise StructureError(TRUNCATED)
        group, element, length = unpack(os.pread(fd, 8, position))
        tag, position = group << 16 | element, position + 8
        if tag == SEQUENCE_END:
            return position, max(items - 1, 0)
        if tag != ITEM or length == UNDEFINED:
            raise StructureError(MALFORMED)
        position, items = position + length, items + 1
        if position > size:
            raise StructureError(TRUNCATED)


def _check_trailing(trailing: bytes, syntax: str, *, pure: bool) -> None:
    """What follows the pixel data must add up too, and hold no pixel data."""
    implicit, little = syntax == IMPLICIT, syntax != BIG
    found = plans.scan(trailing, 0, implicit=implicit, complete=True, little_endian=little, pure=pure)
    if found.stop != len(trailing):
        raise StructureError(MALFORMED)


def _deflated(fd: int, size: int, body: int, *, pure: bool) -> Original:
    raw = _pread(fd, size, 0)
    data = raw[:body] + _inflate(raw[body:])
    found = _header(data, len(data), body, DEFLATED, pure=pure, whole=True)
    found.fd, found.size = fd, size
    if found.pixels is None:
        return found
    if found.pixels.fragments or found.pixels.end > len(data):
        raise StructureError("malformed" if found.pixels.fragments else "truncated")
    found.trailing = data[found.pixels.end :]
    _check_trailing(found.trailing, DEFLATED, pure=pure)
    return found


def _inflate(raw: bytes) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        found, rest = bytearray(), raw
        while not stream.eof:
            piece = stream.decompress(rest, _PIECE)
            found += piece
            rest = stream.unconsumed_tail
            if len(found) > _LARGEST:
                raise StructureError(MALFORMED)
            if not piece and not rest and not stream.eof:
                raise StructureError(TRUNCATED)
    except zlib.error:
        raise StructureError(MALFORMED) from None
    data = bytes(found)
    # A pad byte may follow, and the trailer of gzip, which some writers leave; all else may hide something.
    trailer = struct.pack("<LL", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    if stream.unused_data not in (b"", b"\0", trailer, b"\0" + trailer):
        raise StructureError(MALFORMED)
    return data

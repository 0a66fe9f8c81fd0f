"""Reads what of a file can be judged cheaply: the header, and what follows the pixel data.

Of pixel data only samples are read, of encapsulated ones the item headers and the ends of each fragment too.
"""

from __future__ import annotations

import os
import struct
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deid.rawbytes import DEFLATED, Mode, Status, StructureError, check_prefix, inflate, mode_of
from deid.verify.scanner import Buffer, Event, Scanner
from deid.verify.streams import texts
from deid.verify.stretch import Stretch, sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deid.verify.scanner import Scan

    _ScanOf = Callable[[Buffer, int, int, int, int], Scan]

_BODY = 132
_FIRST = 1 << 16
_SLACK = 1 << 10
_ITEM, _SEQUENCE_END, _UNDEFINED = 0xFFFEE000, 0xFFFEE0DD, 0xFFFFFFFF
SYNTAX = 0x00020010


@dataclass
class Reading:
    """What one file said.

    Attributes:
        syntax: transfer syntax UID.
        preamble: the first 128 bytes.
        events: what the scanner reported.
        pixels: top-level pixel data, in file order.
        texts: pieces of an output's compressed pixel data that may hold text.
    """

    syntax: str
    preamble: bytes = field(repr=False)
    events: list[Event] = field(repr=False)
    pixels: list[Stretch]
    texts: list[bytes] = field(default_factory=list, repr=False)


class Reader:
    """Reads the files of one series, in one thread.

    Args:
        scanner: what is asked for every piece of header.
        compiled: see :func:`deid.verify.scanner.compiled_module`.
    """

    def __init__(self, scanner: Scanner, *, compiled: bool | None = None) -> None:
        self._scanner = scanner
        self._compiled = compiled
        self._buffer = memoryview(bytearray(_FIRST))
        self._guess = _FIRST

    def original(self, path: Path) -> Reading:
        """Read an original.

        Raises:
            StructureError: as :func:`deid.rawbytes.walk`.
        """
        return self._read(path, self._scanner.original, searched=False)

    def output(self, path: Path) -> Reading:
        """Read an output.

        Raises:
            StructureError: as :func:`deid.rawbytes.walk`.
        """
        return self._read(path, self._scanner.output, searched=True)

    def _read(self, path: Path, scan: _ScanOf, *, searched: bool) -> Reading:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self._open(path, fd, scan, searched=searched)
        finally:
            os.close(fd)

    def _open(self, path: Path, fd: int, scan: _ScanOf, *, searched: bool) -> Reading:
        total = os.fstat(fd).st_size
        window = self._buffer[: os.preadv(fd, [self._buffer[: self._guess]], 0)]
        preamble = bytes(window[:_BODY])
        check_prefix(preamble)
        file = _File(fd, total, window, scan, searched=searched)
        body, _, _, _, events = file.step(_BODY, Mode.META)
        syntax = ""
        for event in events:
            if event.path == (SYNTAX,):
                syntax = event.value.decode("ascii", "replace").strip("\0 ")
        mode = mode_of(syntax)
        reading = Reading(syntax, preamble[:128], events, [])
        if syntax != DEFLATED:
            self._data_set(path, file, body, mode, reading, inflated=False)
            return reading
        data = file.bytes(0, body) + inflate(file.bytes(body, total - body))
        with tempfile.TemporaryFile() as inflated:
            inflated.write(data)
            inflated.flush()
            whole = _File(inflated.fileno(), len(data), data, scan, searched=searched)
            self._data_set(path, whole, body, mode, reading, inflated=True)
        return reading

    def _data_set(
        self, path: Path, file: _File, body: int, mode: Mode, reading: Reading, *, inflated: bool
    ) -> None:
        position = body
        while True:
            position, status, start, end, events = file.step(position, mode)
            reading.events += events
            if status == Status.DONE:
                return
            if not reading.pixels and not inflated:
                self._guess = min(_FIRST, start + _SLACK)
            if status == Status.ENCAPSULATED:
                items, end = file.fragments(start, big=mode is Mode.BIG_ENDIAN)
                for first, last in items if file.searched else ():
                    reading.texts += texts(file.bytes, first, last)
            found = sample(file.fd, start, end, compiled=self._compiled)
            reading.pixels.append(Stretch(path, start, end, body if inflated else 0, found))
            position = end
            if position == file.total:
                return


class _File:
    """A file and the window of it that is in memory."""

    def __init__(self, fd: int, total: int, window: Buffer, scan: _ScanOf, *, searched: bool) -> None:
        self.fd, self.total, self.searched = fd, total, searched
        self._window, self._base, self._scan = window, 0, scan

    def bytes(self, start: int, count: int) -> bytes:
        """Some bytes of the file.

        Raises:
            StructureError: ``truncated``, when it shrank meanwhile.
        """
        pieces = []
        while count:
            piece = os.pread(self.fd, count, start)
            if not piece:
                code = "truncated"
                raise StructureError(code)
            pieces.append(piece)
            start, count = start + len(piece), count - len(piece)
        return b"".join(pieces)

    def step(self, position: int, mode: Mode) -> tuple[int, int, int, int, list[Event]]:
        """Scan on from a position, with as much of the file in memory as it takes."""
        if not self._base <= position <= self._base + len(self._window):
            self._move(position, min(_FIRST, self.total - position))
        while True:
            status, end, first, last, events = self._scan(
                self._window, self._base, position, self.total, mode
            )
            if status == Status.MORE:
                size = min(max(end - self._base, 4 * len(self._window)), self.total - self._base)
                self._move(self._base, size)
            elif status < 0:
                raise StructureError("truncated" if status == Status.TRUNCATED else "malformed")
            else:
                return end, status, first, last, events

    def _move(self, base: int, size: int) -> None:
        self._window, self._base = self.bytes(base, size), base

    def fragments(self, position: int, *, big: bool) -> tuple[list[tuple[int, int]], int]:
        """Where the items of encapsulated pixel data lie (the offset table first), and where they end.

        Raises:
            StructureError: ``truncated`` or ``malformed``.
        """
        header = struct.Struct(">HHL" if big else "<HHL")
        found: list[tuple[int, int]] = []
        while True:
            group, element, length = header.unpack(self.bytes(position, 8))
            position += 8
            tag = group << 16 | element
            if tag == _SEQUENCE_END:
                return found, position
            if tag != _ITEM or length == _UNDEFINED:
                raise StructureError("malformed")  # noqa: EM101 - a code
            if position + length > self.total:
                raise StructureError("truncated")  # noqa: EM101
            found.append((position, position + length))
            position += length

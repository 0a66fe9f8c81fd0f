"""Write an object to disk: new header bytes, and pixel data that never pass through Python's memory whole."""

from __future__ import annotations

import os
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from deid.original import DEFLATED
from deid.structure import TRUNCATED, StructureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deid.original import Original
    from deid.pixel_result import PixelResult

_BUFFER = 1 << 20
_ALLOCATED = 0x00280100


class Writer:
    """Writes new files; they must not exist.

    Behind a header of another length than the original's the pixel data lie unaligned. Then the kernel's own copy
    (sendfile) is the faster way in memory, and on a disk reading and writing through one buffer is (measured for
    half a megabyte: 0.31 against 0.34 ms in memory, 0.38 against 0.29 ms on a disk).
    """

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(_BUFFER))

    def write(
        self,
        path: str | Path,
        original: Original,
        meta: bytes,
        body: bytes,
        behind: bytes,
        pixels: PixelResult | None,
    ) -> None:
        """Write one file."""
        out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            found = original.pixels
            if original.syntax == DEFLATED:
                data = b"" if found is None else found.header + original.data[found.start : found.end]
                if pixels is not None and pixels.value is not None and found is not None:
                    value = pixels.value.read_bytes()
                    data = found.header[:-4] + len(value).to_bytes(4, "little") + value
                _put(out, meta + _deflate(body + data + behind))
            elif found is None:
                _put(out, meta + body + behind)
            elif pixels is not None and pixels.value is not None:
                self._new_pixels(out, [meta, body], found.header, pixels, original.number(_ALLOCATED, 0))
                _put(out, behind)
            else:
                self._move(out, [meta, body, found.header], original.fd, found.start, found.end)
                if behind:
                    _put(out, behind)
        finally:
            os.close(out)

    def _new_pixels(
        self, out: int, before: list[bytes], header: bytes, pixels: PixelResult, bits: int
    ) -> None:
        if pixels.value is None:
            raise TypeError
        source = os.open(pixels.value, os.O_RDONLY)
        try:
            size = os.fstat(source).st_size
            encapsulated = os.pread(source, 4, 0) == b"\xfe\xff\x00\xe0" and header[4:6] in (
                b"OB",
                b"OW",
                b"UN",
            )
            if pixels.transfer_syntax is None:
                encapsulated = header[-4:] == b"\xff\xff\xff\xff"
            length = b"\xff\xff\xff\xff" if encapsulated else size.to_bytes(4, "little")
            if header[:2] == b"\x7f\xe0":  # big endian
                length = size.to_bytes(4, "big")
            if header[4:6] == b"OB" and not encapsulated and bits > 8:
                header = header[:4] + b"OW" + header[6:]  # was compressed, is not any more (PS3.5 A.2)
            self._move(out, [*before, header[:-4] + length], source, 0, size)
        finally:
            os.close(source)

    def _move(self, out: int, before: list[bytes], source: int, first: int, last: int) -> None:
        """Write ``before`` and a part of another file."""
        if in_memory(os.fstat(out).st_dev):
            _put_all(out, before)
            while first < last:
                moved = os.sendfile(out, source, first, last - first)
                if not moved:
                    raise StructureError(TRUNCATED)
                first += moved
            return
        while before or first < last:
            part = self._buffer[: last - first]
            count = os.preadv(source, [part], first) if part else 0
            if part and not count:
                raise StructureError(TRUNCATED)
            _put_all(out, [*before, part[:count]])
            first, before = first + count, []


@cache
def in_memory(device: int) -> bool:
    """Whether a file system (``st_dev``) is held in memory; False where the system does not say."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(f" {wanted} " in line and " - tmpfs " in line for line in mounts)


def _deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    raw = squeeze.compress(data) + squeeze.flush()
    return raw + b"\0" * (len(raw) % 2)


def _put(out: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def _put_all(out: int, parts: Sequence[bytes | memoryview]) -> None:
    """Write several buffers in one call; what the system did not take at once, one by one."""
    written = os.writev(out, parts)
    for part in parts:
        if written < len(part):
            _put(out, memoryview(part)[written:])
        written = max(written - len(part), 0)

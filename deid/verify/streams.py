"""Text inside compressed pixel data: comments, application segments, what follows the end of the image.

JPEG and JPEG-LS (ITU T.81 annex B, T.87), JPEG 2000 codestreams and files (T.800 annexes A and I); of any
other stream the runs of printable characters at both ends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Read = Callable[[int, int], bytes]

#: Bytes at either end of a stream that are looked at where its structure says nothing.
END = 1 << 12
_RUN = re.compile(rb"[\x20-\x7e\xa0-\xff]{6,}")
_TYPED = re.compile(rb"[A-Za-z0-9 .,:;/()#@'_^=+\-]")
_SHARE = 0.92
#: Letters, digits and blanks are most of what is typed, in anything longer than a number with its signs; a line has few
#: kinds of other signs.
_PLAIN = re.compile(rb"[A-Za-z0-9 ]+")
_LONG, _LINE, _SIGNS, _KINDS = 24, 160, 0.25, 8
_JPEG, _J2K, _JP2 = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "
_END_OF_IMAGE = b"\xff\xd9"
_SCAN, _TILE, _CODESTREAM = 0xDA, 0x90, b"jp2c"
_JPEG_TEXT = frozenset((*range(0xE0, 0xF0), 0xFE))
_J2K_TEXT = frozenset({0x64})
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))


def texts(read: Read, start: int, end: int) -> Iterator[bytes]:
    """Every piece of a compressed stream that may hold text.

    Args:
        read: bytes of the file: (start, count).
        start: first byte of a fragment's value.
        end: one behind its last.
    """
    if end - start < 2:
        return
    head = read(start, min(END, end - start))
    if head.startswith(_JPEG):
        yield from _segments(read, start + 2, end, _SCAN, _JPEG_TEXT)
    elif head.startswith(_J2K):
        yield from _segments(read, start + 2, end, _TILE, _J2K_TEXT)
    elif head.startswith(_JP2):
        yield from _boxes(read, start, end)
    else:
        yield from _RUN.findall(head)
    tail_from = max(start, end - END)
    tail = read(tail_from, end - tail_from)
    last = tail.rfind(_END_OF_IMAGE)
    if last >= 0 and head.startswith((_JPEG, _J2K, _JP2)):
        yield tail[last + 2 :].strip(b"\0")
    elif tail_from > start or last < 0:
        yield from _RUN.findall(tail)


def looks_typed(run: bytes) -> bool:
    """Whether somebody may have typed a run of printable bytes.

    Compressed samples hold printable runs by chance, with many signs that text has few of. A form (a telephone number)
    or three letters (a name) in such a run mean nothing; a longer name does.
    """
    signs = _PLAIN.sub(b"", run)
    if len(run) >= _LONG and len(signs) > _SIGNS * len(run):
        return False
    if _LONG <= len(run) < _LINE and len(set(signs)) > _KINDS:
        return False
    return len(_TYPED.findall(run)) >= _SHARE * len(run)


def _segments(read: Read, position: int, end: int, last: int, wanted: frozenset[int]) -> Iterator[bytes]:
    """Contents of marker segments up to the first scan or tile."""
    while position + 4 <= end:
        marker = read(position, 4)
        if marker[0] != 0xFF or marker[1] == last:
            return
        if marker[1] == 0xFF or marker[1] in _BARE:
            position += 1 if marker[1] == 0xFF else 2
            continue
        length = int.from_bytes(marker[2:], "big")
        if length < 2 or position + 2 + length > end:
            return
        if marker[1] in wanted:
            yield read(position + 4, length - 2)
        position += 2 + length


def _boxes(read: Read, position: int, end: int) -> Iterator[bytes]:
    """Contents of the boxes of a JPEG 2000 file, and the segments of its codestream."""
    while position + 8 <= end:
        head = read(position, 8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        body = position + 8
        if length == 1 and body + 8 <= end:
            length = int.from_bytes(read(body, 8), "big")
            body += 8
        stop = end if length == 0 else position + length
        if stop < body or stop > end:
            return
        if kind == _CODESTREAM:
            yield from _segments(read, body + 2, stop, _TILE, _J2K_TEXT)
        else:
            yield from _RUN.findall(read(body, min(stop - body, 1 << 20)))
        position = stop

"""Stretches of files: whether the pixel data of an output are those of an original, without holding either.

Outputs are not paired with originals by UID, since that map is the engine's secret. They are paired by length
and sixteen samples of the pixel data, then compared byte by byte, in pieces that stay in the processor's cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deid.rawbytes import inflate
from deid.verify.scanner import compiled_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_CHUNK = 1 << 16
_SAMPLES, _SAMPLE = 16, 256


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes ``[start, end)`` of a file.

    Attributes:
        path: the file.
        start: first byte; in the inflated data set where ``body`` is not 0.
        end: one behind the last.
        body: where the deflated data set begins that has to be inflated first; 0 where nothing has.
        sample: equal for equal bytes, and seldom for others; comparable within one run.
    """

    path: Path
    start: int
    end: int
    body: int
    sample: bytes

    @property
    def length(self) -> int:
        """Number of bytes."""
        return self.end - self.start


def sample(fd: int, start: int, end: int, *, compiled: bool | None = None) -> bytes:
    """A key of a stretch of a file, from its length and sixteen samples.

    Raises:
        EOFError: when the file ends before.
    """
    module = compiled_module(force=compiled)
    if module is not None:
        return bytes(module.sample(fd, start, end))
    length = end - start
    size = min(length, _SAMPLE)
    found = hashlib.blake2b(length.to_bytes(8, "little"), digest_size=16)
    for number in range(_SAMPLES):
        piece = os.pread(fd, size, start + (length - size) * number // (_SAMPLES - 1))
        if len(piece) != size:
            msg = "the file ends before its pixel data do"
            raise EOFError(msg)
        found.update(piece)
    return found.digest()


def same(one: Stretch, other: Stretch, *, compiled: bool | None = None) -> bool:
    """Whether two stretches hold the same bytes.

    Raises:
        EOFError: when a file has become shorter.
    """
    if one.length != other.length or one.sample != other.sample:
        return False
    module = compiled_module(force=compiled)
    if module is not None and not one.body and not other.body:
        with _opened(one) as first, _opened(other) as second:
            return bool(module.same(first, one.start, second, other.start, one.length))
    return all(a == b for a, b in zip(_pieces(one), _pieces(other), strict=True))


@contextlib.contextmanager
def _opened(stretch: Stretch) -> Iterator[int]:
    fd = os.open(stretch.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _pieces(stretch: Stretch) -> Iterator[bytes]:
    if stretch.body:
        raw = stretch.path.read_bytes()
        data = raw[: stretch.body] + inflate(raw[stretch.body :])
        for start in range(stretch.start, stretch.end, _CHUNK):
            yield data[start : min(start + _CHUNK, stretch.end)]
        return
    with _opened(stretch) as fd:
        for start in range(stretch.start, stretch.end, _CHUNK):
            size = min(_CHUNK, stretch.end - start)
            piece = os.pread(fd, size, start)
            if len(piece) != size:
                msg = "the file ends before its pixel data do"
                raise EOFError(msg)
            yield piece


class Shelf:
    """The pixel data of the originals of a series, to find those of an output among.

    Args:
        compiled: see :func:`deid.verify.scanner.make_scanner`.
    """

    def __init__(self, *, compiled: bool | None = None) -> None:
        self._compiled = compiled
        self._known: dict[bytes, list[Stretch]] = defaultdict(list)

    def put(self, stretches: Iterable[Stretch]) -> None:
        """Remember pixel data of an original."""
        for stretch in stretches:
            self._known[stretch.sample].append(stretch)

    def take(self, stretch: Stretch) -> bool:
        """Whether an original has these pixel data, and no other output had them before.

        Several originals may have the same pixel data; each may be found once.
        """
        alike = self._known.get(stretch.sample, [])
        for place, known in enumerate(alike):
            if same(known, stretch, compiled=self._compiled):
                del alike[place]
                return True
        return False

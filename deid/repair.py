"""Mild repairs of files that are not quite as DICOM says: rewritten first, then judged as strictly as any other.

Mended is what can be mended without a guess about what a value means:

* no preamble, no file meta information, or none that says the transfer syntax: the data set itself tells,
  where it can be read to its end in exactly one of the three native encodings;
* attributes that are not in ascending order: sorted, at every depth; an attribute that occurs twice is refused;
* a tail of zeros behind the last attribute, as tapes and some archives leave it.

A mended file goes through the same reader, the same rules and the same verifier, which compares the output with
the mended file. Whatever cannot be mended this way keeps the reason why the strict reader refused it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from deid import plans, structure
from deid.marking import even
from deid.original import BIG, DEFLATED, IMPLICIT, opened
from deid.structure import DEEPEST, ITEM_END, PIXELS, UNDEFINED, Element, Reader, StructureError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

EXPLICIT = "1.2.840.10008.1.2.1"
_PREFIX = "1.2.840.10008.1.2"
_META_SYNTAX = 0x00020010
#: Refusals of the strict reader after which a repair is tried.
MENDABLE = frozenset({"not-dicom", "malformed", "truncated"})
_LARGEST, _MALFORMED = 1 << 29, "malformed"


def mend_all(paths: Sequence[Path], folder: Path) -> list[Path] | None:
    """Mend the files that the strict reader refuses.

    Args:
        paths: the files of a series.
        folder: where mended copies are written, ``0001.dcm`` and so on; holds identity.

    Returns:
        The paths, with a mended copy in place of each file that could be mended; None where none was.
    """
    found, mended = [], False
    for number, path in enumerate(paths, start=1):
        try:
            with opened(path):
                pass
        except StructureError:
            raw = path.read_bytes() if path.stat().st_size <= _LARGEST else b""
            better = mended_bytes(raw)
            if better is not None:
                mended = True
                path = folder / f"{number:06d}.dcm"
                path.write_bytes(better)
        found.append(path)
    return found if mended else None


def mended_bytes(raw: bytes) -> bytes | None:
    """The same object as a file that the strict reader can read; None where it cannot be had without guessing."""
    body, syntax = _start(raw)
    if body >= len(raw) or syntax == DEFLATED:
        return None
    made = {}
    for candidate in [syntax] if syntax else [EXPLICIT, IMPLICIT, BIG]:
        try:
            made[candidate] = _Rebuild(raw, candidate, known=bool(syntax)).data_set(body)
        except StructureError:
            continue
    if len(made) != 1:
        return None
    ((found, data_set),) = made.items()
    element = plans.inserted(_META_SYNTAX, "UI", even(found, "\0"), implicit=False, order="<")[1]
    length = plans.inserted(0x00020000, "UL", len(element).to_bytes(4, "little"), implicit=False, order="<")[
        1
    ]
    return bytes(128) + b"DICM" + length + element + data_set


def _start(raw: bytes) -> tuple[int, str]:
    """Where the data set begins, and the transfer syntax that the file states, empty where it does not."""
    at = 132 if raw[128:132] == b"DICM" else 4 if raw[:4] == b"DICM" else 0
    reader, syntax = Reader(raw), b""
    try:
        while raw[at : at + 2] == b"\x02\0":
            found = reader.element(at, len(raw), implicit=False)
            at = reader.behind(found, len(raw), implicit=False, depth=0)
            if found.tag == _META_SYNTAX:
                syntax = raw[found.start : at]
    except StructureError:
        return len(raw), ""
    name = syntax.decode("ascii", "replace").strip("\0 ")
    if name and not (name.startswith(_PREFIX) and name.isascii()):
        return len(raw), ""
    return at, name


class _Rebuild:
    """Reads a data set strictly, but for the order of its attributes and a tail of zeros, and writes it anew."""

    def __init__(self, raw: bytes, syntax: str, *, known: bool) -> None:
        self._implicit = syntax == IMPLICIT
        self._reader = Reader(raw, little_endian=syntax != BIG)
        self._known = known
        self._order: Literal["big", "little"] = "big" if syntax == BIG else "little"

    def data_set(self, start: int) -> bytes:
        found, _ = self._level(start, len(self._reader.data), 0, implicit=self._implicit, delimited=False)
        if not found or self._reader.tag(start) >> 16 > 0x0010:  # a data set begins with what it is and whose
            raise StructureError(_MALFORMED)
        return found

    def _level(
        self, position: int, end: int, depth: int, *, implicit: bool, delimited: bool
    ) -> tuple[bytes, int]:
        """An item or data set in order, and where it ends."""
        if depth > DEEPEST:
            raise StructureError(_MALFORMED)
        reader, elements = self._reader, {}
        while position < end or delimited:
            if depth == 0 and not any(reader.data[position:end]):
                break
            reader.need(position, 8, end)
            if delimited and reader.tag(position) == ITEM_END:
                position += 8
                break
            found = reader.element(position, end, implicit=implicit)
            if found.tag in elements or found.tag >> 16 in (0x0000, 0x0002):
                raise StructureError(_MALFORMED)
            elements[found.tag], position = self._element(found, position, end, depth, implicit=implicit)
        return b"".join(elements[tag] for tag in sorted(elements)), position

    def _element(
        self, found: Element, position: int, end: int, depth: int, *, implicit: bool
    ) -> tuple[bytes, int]:
        reader = self._reader
        behind = reader.behind(found, end, implicit=implicit, depth=depth)
        unknown = found.vr == b"UN"
        fragments = found.tag in PIXELS and found.length == UNDEFINED
        if fragments and not self._known:
            raise StructureError(_MALFORMED)  # how they are compressed, nobody says
        listed = plans.facts(found.tag) & structure.IS_SEQUENCE and (implicit or unknown)
        sequence = found.vr == b"SQ" or listed or found.length == UNDEFINED
        if fragments or not sequence:
            return reader.data[position:behind], behind
        delimited = found.length == UNDEFINED
        last = end if delimited else behind
        items, at = b"", found.start
        while (item := reader.item(at, last, delimited=delimited)) is not None:
            start, length = item
            open_ended = length == UNDEFINED
            body, at = self._level(
                start, last if open_ended else start + length, depth + 1, implicit=implicit or unknown,
                delimited=open_ended,
            )  # fmt: skip
            items += self._number(0xFFFE, 2) + self._number(0xE000, 2) + self._number(len(body), 4) + body
        head = reader.data[position : found.start - 4]
        return head + self._number(len(items), 4) + items, behind

    def _number(self, value: int, size: int) -> bytes:
        return value.to_bytes(size, self._order)

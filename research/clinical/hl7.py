"""HL7 v2 messages: segments, fields, repetitions, components, escapes, character sets, MLLP and batch framing.

After HL7 v2.5.1 chapters 2 and 7. What a segment means is in :mod:`research.clinical.oru`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from research.clinical.model import ClinicalError

_FRAME = re.compile(rb"[\x0b\x1c]")
_START = re.compile(rb"(?:^|(?<=[\r\n\x0b\x1c]))MSH(?=[^\w\s])")
_FORMAT = re.compile(r"[HN]|[CM][0-9A-Fa-f]{4,6}|Z\w*")
_HEX = re.compile(r"[0-9A-Fa-f]+")
#: MSH-18 (HL7 table 0211) as Python's codecs.
_CHARSETS = {
    "": "", "ASCII": "ascii", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UNICODE": "utf-8", "8859/1": "latin-1",
    **{f"8859/{part}": f"iso8859_{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 15)}, "UNICODE UTF-16": "utf-16",
    "ISO IR87": "iso2022_jp", "ISO IR159": "iso2022_jp_1", "GB 18030-2000": "gb18030", "KS X 1001": "euc_kr",
    "CNS 11643-1992": "big5", "BIG-5": "big5", "ISO IR6": "ascii", "ISO IR14": "shift_jis", "WINDOWS-1252": "cp1252",
}  # fmt: skip


@dataclass(frozen=True)
class Segment:
    """One segment; fields are counted as the standard does (MSH-1 is the separator itself)."""

    name: str
    fields: tuple[str, ...] = field(repr=False)
    marks: str = field(default="|^~\\&", repr=False)

    def raw(self, number: int) -> str:
        """A field as sent."""
        return self.fields[number] if number < len(self.fields) else ""

    def repetitions(self, number: int) -> list[list[str]]:
        """Components of every repetition of a field, unescaped."""
        value = self.raw(number)
        if value in ("", '""'):
            return []
        return [
            [unescaped(part, self.marks) for part in one.split(self.marks[1])]
            for one in value.split(self.marks[2])
            if one
        ]

    def parts(self, number: int) -> list[str]:
        """Components of the first repetition of a field."""
        found = self.repetitions(number)
        return found[0] if found else []

    def text(self, number: int, component: int = 1) -> str:
        """One component of the first repetition."""
        found = self.parts(number)
        return found[component - 1].strip() if len(found) >= component else ""

    def first(self, number: int, component: int = 1) -> str:
        """The first subcomponent of a component (namespace of an HD)."""
        value = self.raw(number).split(self.marks[2])[0].split(self.marks[1])
        return (
            unescaped(value[component - 1].split(self.marks[4])[0], self.marks)
            if len(value) >= component
            else ""
        )


def unescaped(value: str, marks: str) -> str:
    r"""A value with its escape sequences resolved (2.7): ``\F\ \S\ \T\ \R\ \E\ \Xdd..\ \.br\``; formatting goes."""
    escape = marks[3]
    if escape not in value:
        return value
    literal = {"F": marks[0], "S": marks[1], "R": marks[2], "E": marks[3], "T": marks[4], "P": "#"}
    parts = value.split(escape)
    out, place = [parts[0]], 1
    while place < len(parts):
        if place + 1 == len(parts):  # a lone escape character is a character
            out += [escape, parts[place]]
            break
        inner = parts[place]
        if inner in literal:
            out.append(literal[inner])
        elif inner[:1] == "X" and _HEX.fullmatch(inner[1:]) and len(inner) % 2 == 1:
            out.append(bytes.fromhex(inner[1:]).decode("latin-1").replace("\0", ""))
        elif inner[:1] == ".":
            out.append("\n" if inner[1:3] in ("br", "sp", "ce") else " ")
        elif not _FORMAT.fullmatch(inner):
            out += [escape, inner]
            place += 1
            continue
        out.append(parts[place + 1])
        place += 2
    return "".join(out)


def spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Begin and length of every message in a file: MLLP frames, batch files (FHS, BHS), or one after the other."""
    starts = [found.start() for found in _START.finditer(data)]
    for start, end in pairwise([*starts, len(data)]):
        raw = data[start:end]
        cut = _FRAME.search(raw)
        raw = raw[: cut.start()] if cut else raw
        trailer = re.search(rb"[\r\n](?:BTS|FTS|BHS|FHS)\b", raw)
        raw = (raw[: trailer.start()] if trailer else raw).rstrip(b"\r\n")
        yield start, len(raw)


def message(raw: bytes) -> list[Segment]:
    """Segments of one message, MSH first.

    Raises:
        ClinicalError: ``unreadable`` or ``charset``.
    """
    code = "unreadable"
    if not raw.startswith(b"MSH") or len(raw) < 9:
        raise ClinicalError(code)
    lines = [line for line in re.split(r"[\r\n]+", _decoded(raw)) if line.strip()]
    separator, rest = lines[0][3], lines[0][4:]
    encoding = rest.split(separator)[0]
    if len(encoding) < 4 or len({separator, *encoding[:4]}) < 5:
        raise ClinicalError(code)
    marks = separator + encoding[:4]
    found = [Segment("MSH", ("MSH", separator, *rest.split(separator)), marks)]
    for line in lines[1:]:
        cells = line.split(separator)
        if len(cells[0]) != 3 or not cells[0].isalnum():
            raise ClinicalError(code)
        found.append(Segment(cells[0], tuple(cells), marks))
    return found


def _decoded(raw: bytes) -> str:
    head = raw.split(b"\r")[0].split(b"\n")[0]
    cells = head.split(head[3:4])
    said = cells[17].decode("ascii", "replace").split("~")[0].strip().upper() if len(cells) > 17 else ""
    code = "charset"
    if said not in _CHARSETS:
        raise ClinicalError(code)
    for codec in [_CHARSETS[said]] if said else ["utf-8", "latin-1"]:  # nothing said: what most senders send
        try:
            return raw.decode(codec).replace("\0", "")
        except UnicodeDecodeError:
            continue
    raise ClinicalError(code)

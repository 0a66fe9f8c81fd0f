"""The verifier: knowing what the originals said, search the outputs for anything of it.

Independent of the engine: outputs are read as raw bytes (:mod:`deid.rawbytes`), not by pydicom, and what to
look for comes from the originals and the standard, not from the engine's rules. Searched are preamble, file
meta information, every header byte at every depth and everything behind the pixel data; not the pixels.

A hit is excused only where it means nothing: a word that a coded attribute of the original had in the same
place (CHEST), a number in a number, a shifted date that falls on another date of the patient, the engine's
own marks.
"""

from __future__ import annotations

import datetime
import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from deid import standard
from deid.findings import Finding
from deid.identity import NUMBERS, TEXT_VRS, Collector, Known, Token
from deid.policy import OPTIONS
from deid.rawbytes import Layout, Span, StructureError, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from deid.policy import Policy

_SHORT = 5
_ALIAS = re.compile(rb"RF-[0-9A-HJKMNP-TV-Z]{10} ?")
_HASH = re.compile(rb"H[0-9A-HJKMNP-TV-Z]{12} ?")
_CONSTANTS = frozenset(
    {b"DEIDENTIFIED", b"LOCAL CODE", b"99RADFLOW", b"YES", b"MODIFIED", b"UNMODIFIED", b"REMOVED"}
)
#: Manufacturer and model: a vendor may also be the institution of a phantom or a converted object.
_MAKERS = frozenset({0x00080070, 0x00081090})
_MARKS = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280303})
_METHOD = re.compile(rb"Radflow deid [0-9.]+ policy \w+ [0-9a-f]{12} ?")
_MEANINGS = frozenset(
    {b"Basic Application Confidentiality Profile", *(meaning.encode() for _, meaning, _ in OPTIONS.values())}
)
_HOUR = re.compile(rb"[0-2]\d[0-5]\d")
_PRINTABLE = re.compile(rb"[\x20-\x7e]{6,}")
#: Defined terms that are also somebody's name: excused in a CS attribute that had the same value before.
_TERMS = standard.words("terms")
_VENDORS = standard.words("vendors")


def verify_series(
    originals: Sequence[Path], outputs: Sequence[Path], *, policy: Policy | None = None
) -> list[Finding]:
    """Search de-identified files for anything that identifies the patient, staff or place of the originals.

    Args:
        originals: the files before; what must not be found is collected from them.
        outputs: the files after, any order; their position counts from 1 in the findings.
        policy: where given, what it openly retains (UIDs, full dates, device, institution) is no finding.

    Returns:
        Findings, sorted; empty when nothing was found. They carry codes and places, never values.
    """
    collector = Collector(policy)
    findings = []
    for path in originals:
        try:
            collector.add(walk(path.read_bytes()))
        except StructureError:
            findings.append(Finding(0, "an original", "unreadable"))
    if len(originals) != len(outputs):
        findings.append(Finding(0, "number of files", "count"))
    for number, path in enumerate(outputs, start=1):
        try:
            layout = walk(path.read_bytes())
        except StructureError:
            findings.append(Finding(number, "structure", "unreadable"))
            continue
        search = _Search(collector, layout)
        findings += [Finding(number, where, code) for code, where in search.findings()]
    return sorted(set(findings))


class _Search:
    """The search of one output."""

    def __init__(self, collector: Collector, layout: Layout) -> None:
        self._collector = collector
        self._known: Known = collector.known
        self._layout = layout
        self._starts = [span.start for span in layout.spans]
        self._days = self._shift()

    def findings(self) -> Iterator[tuple[str, str]]:
        """(code, place) of everything that should not be there."""
        yield from self._marks()
        yield from self._places()
        first, last = self._layout.pixels or (len(self._layout.data),) * 2
        for base, blob in ((0, self._layout.data[:first]), (last, self._layout.data[last:])):
            lowered = blob.lower()
            for token in self._known.tokens.values():
                yield from self._hits(token, base, lowered)

    def _marks(self) -> Iterator[tuple[str, str]]:
        top = self._layout.top
        if (top(0x00120062) or b"").strip() != b"YES" or not top(0x00120063):
            yield "not-marked", "(0012,0062)"
        if (top(0x00020003) or b"").strip(b"\0 ") != (top(0x00080018) or b"").strip(b"\0 "):
            yield "not-marked", "(0002,0003)"
        if any(self._layout.data[:128]):
            yield "text", "preamble"

    def _places(self) -> Iterator[tuple[str, str]]:
        """Values that identify by their place: a direct identifier unchanged, a local or private one."""
        scheme: dict[tuple[int, ...], bytes] = {}
        creators: dict[tuple[tuple[int, ...], int, int], str] = {}
        for span in self._layout.spans:
            tag = span.path[-1]
            value = self._layout.data[span.start : span.end]
            stripped = value.strip(b"\0 ")
            known = self._known.direct.get(tag, set())
            if stripped and stripped in known and stripped not in _CONSTANTS:
                yield "unchanged", _where(span)
            if tag == 0x00080102:
                scheme[span.path[:-1]] = stripped
            local = tag == 0x00080104 and scheme.get(span.path[:-1], b"").startswith(b"99")
            if local and stripped not in _CONSTANTS:
                yield "text", _where(span)
            if not tag >> 16 & 1:
                continue
            if 0x10 <= (tag & 0xFFFF) <= 0xFF:
                creators[span.path[:-1], tag >> 16, tag & 0xFF] = stripped.decode("latin-1")
                continue
            creator = creators.get((span.path[:-1], tag >> 16, tag >> 8 & 0xFF), "")
            if (creator, tag >> 16, tag & 0xFF) not in standard.safe_private():
                yield "private-text", _where(span)

    def _hits(self, token: Token, base: int, blob: bytes) -> Iterator[tuple[str, str]]:
        for pattern in token.patterns:
            position = blob.find(pattern)
            while position >= 0:
                if _bounded(token, pattern, blob, position):
                    span = self._span(base + position)
                    if span is None:
                        if len(pattern) >= _SHORT or base + position < 128:
                            yield token.code, f"byte {base + position}"
                    elif not self._excused(token, pattern, span, base + position):
                        yield token.code, _where(span)
                position = blob.find(pattern, position + 1)

    def _span(self, position: int) -> Span | None:
        index = bisect_right(self._starts, position) - 1
        if index < 0:
            return None
        span = self._layout.spans[index]
        return span if position < span.end else None

    def _excused(self, token: Token, pattern: bytes, span: Span, position: int) -> bool:
        value = self._layout.data[span.start : span.end]
        if len(pattern) < _SHORT and not self._textual(span, value, position):
            return True
        if self._own(span, value):
            return True
        path_known = self._known.values.get(span.path, set())
        if token.code == "date":
            return self._shifted(token, value, path_known)
        if self._collector.identifying(span.path) or value not in path_known:
            return False
        maker = span.path[-1] in _MAKERS and (token.code == "place" or token.word in _VENDORS)
        if maker or not token.strong or span.vr in NUMBERS or self._inside_word(token, pattern, position):
            return True
        return span.vr == "CS" and token.word in _TERMS

    def _inside_word(self, token: Token, pattern: bytes, position: int) -> bool:
        """Whether a name is only part of a longer word, as Philip is of Philips."""
        data, end = self._layout.data, position + len(pattern)
        return token.code == "name" and (
            _letter(data[position - 1 : position]) or _letter(data[end : end + 1])
        )

    def _textual(self, span: Span, value: bytes, position: int) -> bool:
        """Whether a short hit lies in text; three letters come up by chance in a table of numbers."""
        if span.vr in TEXT_VRS or span.vr in ("DS", "IS"):
            return True
        if span.vr in NUMBERS or len(value) > 1 << 12:
            return False
        offset = position - span.start
        return any(run.start() <= offset < run.end() for run in _PRINTABLE.finditer(value))

    def _own(self, span: Span, value: bytes) -> bool:
        """Whether the value is one that de-identification itself writes, whole."""
        if _ALIAS.fullmatch(value) or _HASH.fullmatch(value):
            return value not in self._known.values.get(span.path, set())
        stripped = value.strip(b"\0 ")
        if stripped in _CONSTANTS:
            return True
        return span.path[0] in _MARKS and (stripped in _MEANINGS or _METHOD.fullmatch(value) is not None)

    def _shifted(self, token: Token, value: bytes, path_known: set[bytes]) -> bool:
        """Whether a date is the shifted form of another date that the original had in this place."""
        if not self._days:
            return False
        try:
            before = datetime.date(*_ymd(token.word)) - datetime.timedelta(days=self._days)
        except (OverflowError, ValueError):
            return False
        found = f"{before:%Y%m%d}".encode()
        return any(found in known and len(known) == len(value) for known in path_known)

    def _shift(self) -> int:
        """Days between the study dates before and after; 0 where unknown or unchanged."""
        for tag in (0x00080020, 0x00080021, 0x00080023, 0x00080022):
            after = (self._layout.top(tag) or b"").decode("latin-1").strip("\0 ")
            before = {value.decode("latin-1").strip("\0 ") for value in self._known.values.get((tag,), set())}
            if len(before) == 1 and len(after) == 8:
                try:
                    first, last = (datetime.date(*_ymd(text)) for text in (before.pop(), after))
                except ValueError:
                    continue
                return (last - first).days
        return 0


def _ymd(text: str) -> tuple[int, int, int]:
    return int(text[:4]), int(text[4:6]), int(text[6:8])


def _bounded(token: Token, pattern: bytes, blob: bytes, position: int) -> bool:
    """Whether a hit stands by itself, as far as its kind asks for it."""
    before = blob[position - 1 : position]
    after = blob[position + len(pattern) : position + len(pattern) + 1]
    if token.code == "uid":
        return not (before.isdigit() or before == b"." or after.isdigit())
    if token.code == "date" and len(pattern) == 8 and pattern.isdigit():
        hour = blob[position + 8 : position + 12]
        return not before.isdigit() and (not after.isdigit() or _HOUR.fullmatch(hour) is not None)
    if pattern[:1].isdigit() and before.isdigit():
        return False
    if pattern[-1:].isdigit() and after.isdigit():
        return False
    return len(pattern) >= _SHORT or not (_letter(before) or _letter(after))


def _letter(byte: bytes) -> bool:
    return byte.isascii() and byte.isalpha()


def _where(span: Span) -> str:
    return " > ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in span.path)

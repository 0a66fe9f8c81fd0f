"""Clean Descriptors: identity out of a text, clinical words kept."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from deid.text import names, patterns, places
from deid.text.dates import Dates, moved
from deid.text.dictionary import Dictionary
from deid.text.lexicon import DEED, LINK, MONTH, SPEAKER, TITLE, UNIT, bits
from deid.text.plain import Plain, plain
from deid.text.tokens import Tokens

#: What stands for a cut in a long text.
PLACEHOLDERS = {
    "name": "[NAME]", "date": "[DATE]", "id": "[ID]", "uid": "[UID]", "phone": "[PHONE]", "email": "[EMAIL]",
    "url": "[URL]", "address": "[ADDRESS]", "place": "[PLACE]", "age": "[AGE]", "other": "[CUT]",
}  # fmt: skip
_PLACEHOLDER = re.compile("|".join(re.escape(value) for value in PLACEHOLDERS.values()))
_ALNUM = re.compile(r"[^\W_]")
_DIGITS = re.compile(r"\d+")
_MEMO = 4096
_PASSES = 8
_LEADS = DEED | LINK | SPEAKER | TITLE
#: What a physician's name takes with it; "Smith PA" may be a projection.
_DEGREE = re.compile(
    r",? ?(?:MD|M\.D\.|PhD|Ph\.D\.|RN|R\.N\.|R\.T\.)(?!\w)|, ?(?:DO|D\.O\.|NP|PA)(?=[;,.)]|$)"
)
_NUMBERED = frozenset({"id", "phone", "uid"})
_LABELS = frozenset({"ref", "reference", "order", "case", "file", "record", "visit"})  # of numbers, too
_NUMBER = re.compile(r"[^\W\d]*[-/ ]?\d")
_LAST = re.compile(r"[^\W\d_]+(?=[\s:=#.-]*$)")
_SEPARATORS = " \t\u3000,;:/_^|-=&+~"
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">", '"': '"', "'": "'"}


@dataclass(frozen=True)
class Cut:
    """What was cut: its kind and its place in the input, never its value.

    Attributes:
        kind: a key of :data:`PLACEHOLDERS`, or "shift" for a date that was moved.
        start, end: offsets in the input.
    """

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class Cleaned:
    """A cleaned text and what was cut; repr does not show the text."""

    text: str = field(repr=False)
    cuts: tuple[Cut, ...] = ()


class TextCleaner:
    """Cleans the texts of one patient.

    Args:
        identity: (kind, value) pairs from the patient's own headers, kind in name (PN values as decoded), id, date
            (DA or DT), place, phone, other.
        days: dates move by so many days; None: dates are cut.

    Raises:
        ValueError: for an unknown kind.
    """

    def __init__(self, identity: Sequence[tuple[str, str]], *, days: int | None) -> None:
        self._dictionary = Dictionary(identity)
        self._dates = Dates(self._dictionary.dates)
        self._days = days
        self._memo: dict[tuple[str, bool, bool], Cleaned] = {}

    def clean(self, text: str, *, placeholder: bool, own_only: bool = False) -> Cleaned:
        """Clean a text.

        Args:
            text: as decoded.
            placeholder: True puts ``[NAME]`` and the like where something was cut (long texts), False closes the gap
                (short values).
            own_only: search the patient's own identifiers only, not what looks like identity in general.

        Returns:
            The text and the cuts, in order, not overlapping. Cleaning the result again cuts nothing.
        """
        known = self._memo.get((text, placeholder, own_only))
        if known is None:
            known = self._clean(text, placeholder=placeholder, own_only=own_only)
            if len(self._memo) >= _MEMO:
                self._memo.clear()
            self._memo[text, placeholder, own_only] = known
        return known

    def _clean(self, text: str, *, placeholder: bool, own_only: bool) -> Cleaned:
        if not _ALNUM.search(text):
            return Cleaned(text)
        cuts = _merged(self._find(text, dates=not own_only, own_only=own_only))
        if not cuts:
            return Cleaned(text)
        for _ in range(_PASSES):
            output, pieces = _render(text, cuts, placeholder=placeholder)
            # what a cut brought together may be identity again; dates that were moved are not moved twice
            more = [
                _Span(start, end, span.kind, None, min(start, _mapped(pieces, span.lead, span.lead + 1)[0]))
                for span in self._find(output, dates=self._days is None and not own_only, own_only=own_only)
                for start, end in (_mapped(pieces, span.start, span.end),)
            ]
            if not more:
                break
            cuts = _merged([*cuts, *more])
        output, _ = _render(text, cuts, placeholder=placeholder)
        return Cleaned(
            output, tuple(Cut("shift" if cut.new else cut.kind, cut.start, cut.end) for cut in cuts)
        )

    def _find(self, text: str, *, dates: bool, own_only: bool) -> list[_Span]:
        """What is to be cut or moved, in no order, possibly overlapping, in offsets of the text."""
        folded = plain(text)
        source = folded.text
        if "[" in source:
            source = _PLACEHOLDER.sub(lambda found: "\0" * len(found.group()), source)
        tokens = Tokens(source)
        digits = [found.span() for found in _DIGITS.finditer(source)]
        spans = self._dictionary.find(tokens, digits=bool(digits))
        if not own_only:
            spans += patterns.find(source, tokens.lows, digits)
            spans += places.find(tokens)
        found = [
            _span(folded, start, end if kind != "name" else _with_degree(source, end), kind)
            for start, end, kind in spans
        ]
        people = [] if own_only else names.find(tokens)
        roads = sorted(span[:2] for span in spans if span[2] == "address") if people else []
        for start, end, lead in people:
            road = bisect_left(roads, (start, 0)) - 1
            if road >= 0 and start < roads[road][1] < end:
                continue  # "12 Kingfisher Lane Gross tumor": the lane is nobody
            end = _with_degree(source, end)
            span = _span(folded, start, end, "name")
            found.append(_Span(span.start, span.end, "name", None, folded.span(lead, end)[0]))
        if dates and digits:
            months = [
                (tokens.starts[at], tokens.ends[at])
                for at, bits in enumerate(tokens.bits)
                if bits & MONTH and not (at and tokens.lows[at] == "ago" and tokens.bits[at - 1] & UNIT)
            ]
            begun = [span[0] for span in spans if span[2] == "name"] + [start for start, _, _ in people]
            for date in self._dates.find(source, months):
                if date.precision == "m-d" and any(date.start < start < date.end for start in begun):
                    continue  # "level 2 June Bishop, MD"
                new = None if self._days is None else moved(source, date, self._days)
                found.append(_span(folded, date.start, date.end, "date", new))
        return found


def _with_degree(text: str, end: int) -> int:
    """Where a name ends with the degree behind it: "I. Stone MD"."""
    degree = _DEGREE.match(text, end) if text[end : end + 1] in (" ", ",") else None
    return end if degree is None else degree.end()


@dataclass(frozen=True)
class _Span:
    start: int
    end: int
    kind: str
    new: str | None  # the date to write instead
    lead: int  # where the word begins that introduced it and is pointless without it


def _span(folded: Plain, start: int, end: int, kind: str, new: str | None = None) -> _Span:
    start, end = folded.span(start, end)
    return _Span(start, end, kind, new, start)


@dataclass(frozen=True)
class _Piece:
    """A stretch of the output: kept from the input, or written for a cut."""

    out: int
    start: int
    end: int
    kept: bool


def _merged(spans: Sequence[_Span]) -> list[_Span]:
    """Sorted and without overlaps; where a moved date meets a cut, the cut wins."""
    merged: list[_Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            if last.new is not None and span.new is not None:
                continue  # two readings of one date: the first
            kind = last.kind if last.new is None else span.kind
            lead = min(last.lead, span.lead)
            merged[-1] = _Span(last.start, max(last.end, span.end), kind, None, lead)
        else:
            merged.append(span)
    return merged


def _render(text: str, cuts: Sequence[_Span], *, placeholder: bool) -> tuple[str, list[_Piece]]:
    parts: list[str] = []
    pieces: list[_Piece] = []
    out = position = 0
    for start, end, new in _gaps(text, cuts, placeholder=placeholder):
        for stretch, kept, first, last in (
            (text[position:start], True, position, start),
            (new, False, start, end),
        ):
            if stretch:
                parts.append(stretch)
                pieces.append(_Piece(out, first, last, kept))
                out += len(stretch)
        position = end
    if text[position:]:
        parts.append(text[position:])
        pieces.append(_Piece(out, position, len(text), kept=True))
    return "".join(parts), pieces


def _gaps(text: str, cuts: Sequence[_Span], *, placeholder: bool) -> Iterator[tuple[int, int, str]]:
    """Stretches of the input and what to write for them."""
    if placeholder:
        for cut in cuts:
            yield cut.start, cut.end, cut.new or PLACEHOLDERS[cut.kind]
        return
    floor = 0
    index = 0
    while index < len(cuts):
        cut = cuts[index]
        index += 1
        if cut.new is not None:
            yield cut.start, cut.end, cut.new
            floor = cut.end
            continue
        end = cut.end
        # cuts with only separators between them are one gap
        while (
            index < len(cuts)
            and cuts[index].new is None
            and not text[end : cuts[index].start].strip(_SEPARATORS + ".'")
        ):
            end = cuts[index].end
            index += 1
        ceiling = cuts[index].start if index < len(cuts) else len(text)
        gap = _squeezed(text, max(floor, cut.lead), end, floor, ceiling)
        yield _parted(text, gap, cut.kind, floor)
        floor = end


def _parted(text: str, gap: tuple[int, int, str], kind: str, floor: int) -> tuple[int, int, str]:
    """Part the words around a gap, so that the one that said "a name follows" does not say it of the next.

    "Patient: Ann Smith Isovue-300" becomes "Patient; Isovue-300".
    """
    start, end, new = gap
    before = _LAST.search(text, floor, start)
    behind = len(text) - len(text[end:].lstrip(" \t:-"))
    if before is None or new.strip() or not text[behind : behind + 1].isalnum():
        return gap
    labelled = kind in _NUMBERED or before.group().lower() in _LABELS
    numbered = labelled and _NUMBER.match(text, behind) is not None
    if numbered or bits()[before.group().lower()] & _LEADS:
        return before.end(), behind, "; "
    return gap


def _squeezed(text: str, start: int, end: int, floor: int, ceiling: int) -> tuple[int, int, str]:
    """Take blanks and punctuation along that would be left behind around a gap."""
    while start > floor and end < ceiling and _PAIRS.get(text[start - 1]) == text[end]:
        start, end = start - 1, end + 1
    left, right = start, end
    while left > floor and text[left - 1] in _SEPARATORS:
        left -= 1
    while right < ceiling and text[right] in _SEPARATORS:
        right += 1
    if left == 0 and floor == 0 and right == len(text):
        return 0, right, ""
    if left == 0:
        while right < ceiling and text[right] in _SEPARATORS + ".":
            right += 1
        return 0, right, ""
    if right == len(text):
        return left, right, ""
    before, after = text[left:start], text[end:right]
    if before and after:
        # keep the one that separates more
        if after.strip() and not before.strip():
            # a colon behind a name was the name's: it would make a label of the word before
            return (start, right, "") if after.strip() == ":" else (left, end, "")
        return start, right, ""
    if not before and not after and text[start - 1].isalnum() and text[end].isalnum():
        return start, end, " "
    if before and not after and not before.strip() and end < len(text) and text[end] in ".)]}!?":
        return left, end, ""
    if not before and after == " " and text[start - 1] in "([{":
        return start, right, ""
    return start, end, ""


def _mapped(pieces: Sequence[_Piece], start: int, end: int) -> tuple[int, int]:
    """A span of the output as a span of the input, taking in whatever was cut inside it."""
    first = _piece(pieces, start)
    last = _piece(pieces, end - 1)
    begin = first.start + (start - first.out) if first.kept else first.start
    stop = last.start + (end - last.out) if last.kept else last.end
    return begin, stop


def _piece(pieces: Sequence[_Piece], offset: int) -> _Piece:
    low, high = 0, len(pieces)
    while high - low > 1:
        middle = (low + high) // 2
        if pieces[middle].out <= offset:
            low = middle
        else:
            high = middle
    return pieces[low]

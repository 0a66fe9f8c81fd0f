"""What the originals say about people: every string that must not be in an output.

Collected from the raw bytes of the originals, by the facts of the standard and not by the engine's rules, so
that a mistake of the engine does not become a mistake of its verifier.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydicom.charset import python_encoding

from deid import standard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deid.policy import Policy
    from deid.rawbytes import Layout, Span

TEXT_VRS = frozenset(
    ("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
)
NUMBERS = frozenset({"DS", "IS", "FD", "FL", "SL", "SS", "UL", "US", "AT", "SV", "UV"})
BIRTH_DATE = 0x00100030
#: Containers that stay with their items cleaned; what is in them is judged item by item.
_CONTAINERS = frozenset({0x00081140, 0x00082112})
#: Identify a person or a place by themselves; a hit is never excused by "it was there before".
_DIRECT = frozenset(
    {
        0x00080050, 0x00080080, 0x00080081, 0x00081010, 0x00081040, 0x00100020, 0x00100021, 0x00101000,
        0x00101001, 0x00101005, 0x00101040, 0x00101060, 0x00101080, 0x00101090, 0x00102154, 0x00102155,
        0x00181000, 0x00200010, 0x00321032, 0x00321033, 0x00380010, 0x00380300, 0x00380400, 0x00401001,
        0x00402016, 0x00402017,
    }
)  # fmt: skip
_PLACES = frozenset({0x00080080, 0x00080081, 0x00081040, 0x00101040})
_COMMON = standard.words("common")
_NOBODY = standard.words("nobody")
#: Outside the table: network names and private information of the file meta, frame label, trailing padding.
_FURTHER = frozenset({0x00020016, 0x00020017, 0x00020018, 0x00020102, 0x00209453, 0xFFFCFFFC})
_WELL_KNOWN = ("1.2.840.10008.", "2.16.840.1.113883.6.")
_PARTS = re.compile(r"[\s^=,\\./;:()_\"-]+")
_RUN = re.compile(rb"[\x20-\x7e\xa0-\xff]{5,}")
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class Token:
    """A string to search for; its value is never shown.

    Attributes:
        code: code of the finding, see :class:`deid.findings.Finding`.
        patterns: what to look for in the bytes, ASCII letters in lower case.
        strong: whether it identifies by itself, so that "the original said so here" is no excuse.
        word: the token as text in lower case, for excuses; for dates ``YYYYMMDD``.
    """

    code: str
    patterns: tuple[bytes, ...] = field(repr=False)
    strong: bool
    word: str = field(repr=False)


@dataclass
class Known:
    """Everything known of the originals of one series; repr shows nothing.

    Nothing is paired by UID: an output is compared with the series as a whole.

    Attributes:
        tokens: what to search for.
        values: path -> every value that an original has there.
        direct: tag -> values of direct identifiers.
    """

    tokens: dict[tuple[str, str], Token] = field(default_factory=dict, repr=False)
    values: dict[tuple[int, ...], set[bytes]] = field(default_factory=lambda: defaultdict(set), repr=False)
    direct: dict[int, set[bytes]] = field(default_factory=lambda: defaultdict(set), repr=False)


class Collector:
    """Collects from one original after the other.

    Args:
        policy: what a policy openly keeps is no finding; without one, what PS3.15 calls patient
        characteristics.
    """

    def __init__(self, policy: Policy | None) -> None:
        options = policy.options if policy else frozenset({"retain_patient_characteristics"})
        kept = {tag for tag, action in policy.site.items() if action == "keep"} if policy else set()
        self.full_dates = "retain_longitudinal_full_dates" in options
        self.identity = frozenset(
            row.tag
            for row in standard.rows().values()
            if not options
            & row.options.keys() - {"retain_longitudinal_modified_dates", "retain_safe_private"}
            and row.tag not in kept | _CONTAINERS
            and row.vr != "TM"  # a time of day identifies no one
        )
        self._uids_kept = "retain_uids" in options
        self._seen: set[tuple[tuple[int, ...], bytes]] = set()
        self.known = Known()

    def identifying(self, path: tuple[int, ...]) -> bool:
        """Whether a value at this path is identity by its place: a table row, private, an overlay."""
        return any(
            tag in self.identity or tag in _FURTHER or tag >> 16 & 1 or tag >> 24 in (0x50, 0x60)
            for tag in path
        )

    def add(self, layout: Layout) -> None:
        """Collect from an original."""
        charset = (layout.top(0x00080005) or b"").decode("latin-1").split("\\")
        codecs = [python_encoding.get(name.strip("\0 "), "latin-1") for name in charset] or ["latin-1"]
        blocks: dict[tuple[tuple[int, ...], int, int], str] = {}
        scheme: dict[tuple[int, ...], bytes] = {}
        for span in layout.spans:
            if layout.pixels and span.start == layout.pixels[0]:
                continue
            value = layout.data[span.start : span.end]
            tag, parent = span.path[-1], span.path[:-1]
            self.known.values[span.path].add(value)
            if tag >> 16 & 1 and 0x10 <= (tag & 0xFFFF) <= 0xFF:
                blocks[parent, tag >> 16, tag & 0xFF] = value.decode("latin-1").strip("\0 ")
            if tag == 0x00080102:
                scheme[parent] = value
            if not value.strip(b"\0 ") or (span.path, value) in self._seen:
                continue
            self._seen.add((span.path, value))
            local = tag == 0x00080104 and scheme.get(parent, b"99").startswith(b"99")
            creator = blocks.get((parent, tag >> 16, tag >> 8 & 0xFF))
            self._value(span, value, codecs, creator=creator, local=local)
        for run in _RUN.findall(layout.data[:128]):
            self._text(run.decode("latin-1"), "text")

    def _value(
        self, span: Span, value: bytes, codecs: list[str], *, creator: str | None, local: bool
    ) -> None:
        tag, vr = span.path[-1], span.vr
        row = standard.rows().get(tag)
        vr = vr if vr not in ("", "UN") else (row.vr if row else vr)
        if tag >> 16 & 1:
            self._private(tag, vr, value, creator)
        elif vr == "PN":
            if self.identifying(span.path):
                self.known.direct[tag].add(value.strip(b"\0 "))
            for text in _decoded(value, codecs):
                self._name(text)
            for raw in re.split(rb"[\^=\\]", value):
                if len(raw.strip(b"\0 ")) > 3 and not raw.isascii():
                    self._put("name", raw.hex(), (raw.strip(b"\0 ").lower(),), strong=True)
        elif vr == "UI":
            self._uids(tag, value, row)
        elif vr in ("DA", "DT"):
            self._dates(tag, value)
        elif tag in _DIRECT and self.identifying(span.path):
            self.known.direct[tag].add(value.strip(b"\0 "))
            for text in _decoded(value, codecs):
                self._identifier(text, place=tag in _PLACES)
        elif self.identifying(span.path) or local or not vr:
            if vr in TEXT_VRS - {"TM", "AS"}:
                for text in _decoded(value, codecs):
                    self._text(text, "text")
            elif vr not in NUMBERS and len(value) < 1 << 16:
                for run in _RUN.findall(value):
                    self._text(run.decode("latin-1"), "text")

    def _private(self, tag: int, vr: str, value: bytes, creator: str | None) -> None:
        if creator is not None and (creator, tag >> 16, tag & 0xFF) in standard.safe_private():
            return
        if vr in NUMBERS or len(value) > 1 << 12:
            return
        if 0x10 <= (tag & 0xFFFF) <= 0xFF and any(
            value.decode("latin-1").strip("\0 ") == known for known, _, _ in standard.safe_private()
        ):
            return
        if vr == "PN":
            self._name(value.decode("latin-1"))
        text = value.strip(b"\0 ")
        if all(byte >= 0x20 or byte in b"\r\n\t" for byte in text):
            self._text(text.decode("latin-1"), "private-text")

    def _uids(self, tag: int, value: bytes, row: standard.Row | None) -> None:
        if tag in (0x00020002, 0x00020010, 0x00020012) or (
            self._uids_kept and row and "retain_uids" in row.options
        ):
            return
        for uid in value.decode("latin-1").strip("\0 ").split("\\"):
            if len(uid) > 6 and not uid.startswith(_WELL_KNOWN):
                self._put("uid", uid, (uid.lower().encode("latin-1"),), strong=True)

    def _dates(self, tag: int, value: bytes) -> None:
        if self.full_dates and tag != BIRTH_DATE:
            return
        for text in value.decode("latin-1").strip("\0 ").split("\\"):
            found = _DATE.match(text.strip())
            if found is None:
                continue
            try:
                day = datetime.date(*map(int, found.groups()))
            except ValueError:
                continue
            if day.year > 1900 and tag not in (0x00080106, 0x00080107):
                spellings = (pattern.encode() for pattern in _spellings(day))
                self._put("date", f"{day:%Y%m%d}", tuple(spellings), strong=True)

    def _name(self, text: str) -> None:
        for part in _PARTS.split(text):
            if part.lower() in _NOBODY:
                continue
            if len(part) >= 3 and not any(character.isdigit() for character in part):
                self._put("name", part.lower(), _encodings(part), strong=True)
            elif len(part) >= 4:
                self._identifier(part, place=False)

    def _identifier(self, text: str, *, place: bool) -> None:
        for value in text.split("\\"):
            word = value.strip("\0 ").lower()
            digits = re.sub(r"\D", "", word)
            if len(word) >= 4 and (not word.isdigit() or len(word) >= 5):
                strong = not word.isdigit() or len(word) > 5
                code = "place" if place else "identifier"
                self._put(code, word, _encodings(value.strip("\0 ")), strong=strong)
            if len(digits) >= 7 and digits != word:
                self._put("identifier", digits, _encodings(digits), strong=True)
            for part in _PARTS.split(word) if place else ():
                if len(part) >= 4 and part.isalpha() and part not in _COMMON:
                    self._put("text", part, _encodings(part), strong=False)

    def _text(self, text: str, code: str) -> None:
        for line in re.split(r"[\\\r\n\f]+", text):
            word = line.strip("\0 ").lower()
            letters = any(character.isalpha() for character in word)
            if (letters and len(word) >= 5) or (word.isdigit() and len(word) >= 6):
                self._put(code, word, _encodings(line.strip("\0 "), wide=False), strong=False)

    def _put(self, code: str, word: str, patterns: Iterable[bytes], *, strong: bool) -> None:
        known = self.known.tokens.get((code, word))
        if known is None:
            self.known.tokens[code, word] = Token(code, tuple(dict.fromkeys(patterns)), strong, word)


def _decoded(value: bytes, codecs: list[str]) -> Iterator[str]:
    """The value in each character set that it may be in."""
    done = set()
    for codec in (*codecs, "utf-8"):
        try:
            text = value.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
        if text not in done:
            done.add(text)
            yield text
    if not done:
        yield value.decode("latin-1")


def _encodings(text: str, *, wide: bool = True) -> list[bytes]:
    """The text as it may be written, ASCII letters in lower case."""
    patterns = []
    variants = [text] if text.isascii() else [text, text.lower(), text.upper(), text.title()]
    for variant in variants:
        for codec in ("utf-8", "latin-1", *(("utf-16-le", "utf-16-be") if wide else ())):
            try:
                patterns.append(variant.encode(codec).lower())
            except UnicodeEncodeError:
                continue
    return patterns


def _spellings(day: datetime.date) -> Iterator[str]:
    """A date as people write it."""
    y, m, d = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    yield y + m + d
    for separator in "-./":
        yield separator.join((y, m, d))
        yield separator.join((d, m, y))
        yield separator.join((m, d, y))
    month = _MONTHS[day.month - 1]
    for separator in " -":
        yield separator.join((d, month, y))
        yield separator.join((str(day.day), month, y))

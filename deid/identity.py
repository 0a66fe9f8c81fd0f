"""What the originals say about people: every string that must not be in an output.

Collected from the raw bytes of the originals, by the facts of the standard and not by the engine's rules, so
that a mistake of the engine does not become a mistake of its verifier.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import permutations
from typing import TYPE_CHECKING

from pydicom.charset import python_encoding

from deid import standard
from deid.rawbytes import vr_of
from deid.verify import spellings
from deid.verify.generic import generic_in
from deid.verify.scanner import QUIET_ORIGINAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deid.policy import Policy
    from deid.verify.scanner import Event, Scanner

FREE_VRS = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
TEXT_VRS = FREE_VRS | {"AE", "AS", "CS", "DA", "DT", "PN", "TM", "UI", "UR"}
NUMBERS = frozenset(QUIET_ORIGINAL)
BIRTH_DATE = 0x00100030
CHARSET = 0x00080005
_DATES = ("retain_longitudinal_modified_dates", "retain_longitudinal_full_dates")
CLEANING = frozenset({"clean_descriptors", "clean_structured_content", "clean_graphics"})
#: Containers that stay with their items cleaned; what is in them is judged item by item.
_CONTAINERS = frozenset({0x00081140, 0x00082112})
#: Numbers, places and devices that identify by themselves; a hit is never excused by "it was there before".
_DIRECT = frozenset(
    {
        0x00080050, 0x00080080, 0x00080081, 0x00081010, 0x00081040, 0x00100020, 0x00100021, 0x00101000,
        0x00101001, 0x00101005, 0x00101040, 0x00101060, 0x00101080, 0x00101090, 0x00102154, 0x00102155,
        0x00102152, 0x00102299, 0x00120030, 0x00120031, 0x00120040, 0x00120042, 0x00080092, 0x00080094,
        0x00181000, 0x00200010, 0x00321032, 0x00380010, 0x00380060, 0x00380300, 0x00380400,
        0x00400009, 0x00400253, 0x00401001, 0x00402016, 0x00402017, 0x00400512, 0x00400551,
    }
)  # fmt: skip
_PLACES = frozenset(
    {0x00080080, 0x00080081, 0x00080092, 0x00081040, 0x00101040, 0x00120031, 0x00380300, 0x00380400}
)
#: Outside the table, and identity by their place all the same: network names and private information of the
#: file meta, who issued a number, dates in other calendars, addresses and files, registers, encrypted
#: originals, drawings and icons, frame label, trailing padding.
_FURTHER = frozenset(
    {
        0x00020016, 0x00020017, 0x00020018, 0x00020026, 0x00020027, 0x00020028, 0x00020102,
        0x00080051, 0x00100024, 0x00400026, 0x00400027, 0x00400031, 0x00400032, 0x0040E001,
        0x00100033, 0x00100034, 0x00100035,
        0x00080407, 0x00080408, 0x00080409, 0x0008040B, 0x00081190, 0x00181803, 0x00287FE0, 0x00404073, 0x0040E010,
        0x00687005, 0x0074100A, 0x00880130,
        0x00102295, 0x00720008, 0x0074100C, 0x21000160,
        0x04000500, 0x04000520, 0x00686300, 0x00880200, 0x00209453, 0xFFFCFFFC,
    }
)  # fmt: skip
_CODES = frozenset({0x00080100, 0x00080102, 0x00080103, 0x00080104, 0x00080119})
#: Dates of tables and coding schemes, not of people.
_EDITIONS = frozenset({0x00080106, 0x00080107, 0x0008010D})
_WELL_KNOWN = (b"1.2.840.10008.", b"2.16.840.1.113883.6.")
_REGISTERED = frozenset({0x00020002, 0x00020010, 0x00020012})
_PARTS = re.compile(r"[\s^=,\\./;:()_\"-]+")
_RUN = re.compile(rb"[\x20-\x7e\xa0-\xff]{5,}")
#: A date with or without a time of day, as private attributes of implicit files have it.
_STAMP = re.compile(r"(?:19|20)\d{6}(?:\d{4,6}(?:\.\d{1,6})?)?(?:[+-]\d{4})?")
_DATE = re.compile(rb"(\d{4})\.?(\d{2})\.?(\d{2})")
_LONGEST_UID = 190
#: A name of this many letters is found inside longer words too.
_WORD = 5


@dataclass(slots=True)
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

    Nothing is paired by UID: an output is compared with the series as a whole. Values themselves are remembered
    by the scanner.

    Attributes:
        tokens: what to search for, in the order of their numbers.
        numbers: (code, word) -> number.
        dates: days of the patient.
        places: path -> the days that an original has there.
        told: days that only free text names.
        digits: numbers of seven digits or more.
        squeezed: whole names and numbers without anything between their letters.
        clinical: path -> clinical words that are also somebody's name and that an original has there.
        said: path -> words that the text of an original has there, where the text may stay.
    """

    tokens: list[Token] = field(default_factory=list, repr=False)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict, repr=False)
    dates: set[datetime.date] = field(default_factory=set, repr=False)
    places: dict[tuple[int, ...], set[datetime.date]] = field(
        default_factory=lambda: defaultdict(set), repr=False
    )
    told: set[datetime.date] = field(default_factory=set, repr=False)
    digits: set[str] = field(default_factory=set, repr=False)
    squeezed: set[str] = field(default_factory=set, repr=False)
    clinical: dict[tuple[int, ...], set[str]] = field(default_factory=lambda: defaultdict(set), repr=False)
    said: dict[tuple[int, ...], set[str]] = field(default_factory=lambda: defaultdict(set), repr=False)


def _kept(row: standard.Row, option: str) -> bool:
    """Whether an option lets a value of a row stay, as it is or cleaned; dates only where they stay in full."""
    code = row.options.get(option)
    if option in CLEANING or option == "retain_patient_characteristics":
        cleanable = row.vr in FREE_VRS or row.vr in ("SQ", "UR", "")
        return code == "K" or (code == "C" and cleanable)
    return code is not None and option != _DATES[0]


def is_graphics(tag: int) -> bool:
    """Whether a tag is of a curve (50xx) or an overlay (60xx); the odd groups among them are private."""
    return tag >> 24 in (0x50, 0x60) and not tag >> 16 & 1


class Grounds:
    """What a policy makes identity by its place, by Table E.1-1 and what lies beyond.

    Args:
        options: the policy's options; None where there is no policy.
        declared: without a policy, what the outputs say was cleaned.
        kept: attributes that a site's rules keep.
        private: which private attributes may stay, see :attr:`deid.policy.Policy.private`.
        oldest: ages in years above are classed together, None where they stay.
    """

    def __init__(
        self,
        options: frozenset[str] | None,
        kept: frozenset[int],
        private: str,
        oldest: int | None,
        declared: frozenset[str] = frozenset(),
    ) -> None:
        without = options is None
        options = declared | {"retain_patient_characteristics"} if options is None else options
        rows = standard.rows().values()
        self.options = options
        self.oldest = oldest
        self._private = _kept_private(private) if without or "retain_safe_private" in options else frozenset()
        self._graphics = "clean_graphics" in options
        self.full_dates = "retain_longitudinal_full_dates" in options
        timed = without or not options.isdisjoint(_DATES)
        #: Attributes whose values may not stay as they are.
        self.identity = frozenset(
            row.tag
            for row in rows
            if row.tag not in kept | _CONTAINERS
            and not (
                row.vr == "TM" and timed and _DATES[0] in row.options
            )  # beside a moved date a time of day identifies no one
            and not any(_kept(row, option) for option in options)
        )
        #: Attributes that stay, with what identifies cut out of them.
        cleaning = CLEANING | {"retain_patient_characteristics"}
        self.cleaned = frozenset(
            row.tag for row in rows if any(row.options.get(option) == "C" for option in options & cleaning)
        )
        #: Attributes that a policy keeps openly, as they are.
        self.open = kept | {
            row.tag for row in rows if any(row.options.get(option) == "K" for option in options)
        }
        self.further = _FURTHER - kept
        #: Sequences that stay where their UIDs are mapped, so that references still resolve.
        self.references = frozenset(row.tag for row in rows if "U*" in row.basic)
        self.loud = tuple(sorted(self.identity | self.further))
        self.identifying = cache(self._identifying)
        self.must_change = cache(self._must_change)
        self.free_text = cache(self._free_text)

    def _identifying(self, path: tuple[int, ...]) -> bool:
        """Whether a value at this path is identity by its place: a table row, an overlay, what lies beyond."""
        return any(
            tag in self.identity or tag in self.further or (is_graphics(tag) and not self._graphics)
            for tag in path
        )

    def private(self, event: Event) -> bool:
        """Whether a private element, or the private sequence that a value is in, is known to be safe."""
        tag = event.path[-1]
        if not tag >> 16 & 1:
            tag = next(outer for outer in reversed(event.path) if outer >> 16 & 1)
        name = event.context.decode("latin-1").strip("\0 ").casefold()
        return (name, tag >> 16, tag & 0xFF) in self._private

    def creator(self, event: Event) -> bool:
        """Whether a private creator reserves a block of which something may stay."""
        name = event.value.decode("latin-1").strip("\0 ").casefold()
        return any(name == known for known, _, _ in self._private)

    def _must_change(self, path: tuple[int, ...]) -> bool:
        """Whether a value that an original has at this path may not be in an output."""
        places = self.identity | self.further
        inside = any(tag in places and tag not in self.references for tag in path[:-1])
        return inside or path[-1] in places

    def _free_text(self, path: tuple[int, ...]) -> bool:
        """Whether the policy keeps a value at this path, cleaned; codes are no text."""
        if self._graphics and is_graphics(path[-1]):
            return True
        if path[-1] in _CODES:
            return False
        if any(tag in self.cleaned for tag in path):
            return True
        # what the table does not list is cleaned, too, where it is text
        listed = path[-1] in standard.rows() or path[-1] >> 16 & 1
        return "clean_descriptors" in self.options and not listed and vr_of(path[-1]) in FREE_VRS


@lru_cache(maxsize=4)
def _kept_private(private: str) -> frozenset[tuple[str, int, int]]:
    """(creator in lower case, group, low byte) of what may stay."""
    found = {(creator.casefold(), group, low) for creator, group, low in standard.safe_private()}
    if private == "tcia":
        found |= {
            key for key, known in standard.private_dispositions().items() if set(known.values()) != {"remove"}
        }
    return frozenset(found)


_grounds = lru_cache(maxsize=16)(Grounds)


def grounds_of(policy: Policy | None, declared: frozenset[str] = frozenset()) -> Grounds:
    """The grounds of a policy.

    Without one, what PS3.15 calls patient characteristics may stay, and text where the outputs say that they
    were cleaned; the text is searched all the same.
    """
    if policy is None:
        return _grounds(None, frozenset(), "", None, declared & CLEANING)
    site: Mapping[int, str] = policy.site
    kept = frozenset(tag for tag, action in site.items() if action in ("keep", "clean"))
    return _grounds(policy.options, kept, policy.private, policy.oldest_age)


class Collector:
    """Collects from one original after the other, and tells the scanner what to search for.

    Args:
        grounds: what the policy makes identity.
        scanner: the scanner of the series.
    """

    def __init__(self, grounds: Grounds, scanner: Scanner) -> None:
        self._grounds = grounds
        self._scanner = scanner
        self._codecs: list[str] = []
        self._uids_kept = "retain_uids" in grounds.options
        self._days: dict[bytes, datetime.date | None] = {}
        self.known = Known()

    def preamble(self, raw: bytes) -> None:
        """Collect from the 128 bytes before a file."""
        for run in _RUN.findall(raw):
            self._text(run.decode("latin-1"), "text")

    def add(self, events: Iterable[Event]) -> None:
        """Collect from what the scanner reported of one original."""
        self._codecs = ["latin-1"]
        for event in events:
            if event.path == (CHARSET,):
                names = event.value.decode("latin-1").split("\\")
                found = [python_encoding.get(name.strip("\0 "), "latin-1") for name in names]
                self._codecs = found or ["latin-1"]
            elif event.vr == "UI" and event.hits is not None and not event.path[-1] >> 16 & 1:
                self._uids(event.path[-1], event.value)
            elif event.hits is not None and event.value.strip(b"\0 "):
                self._value(event)

    def _value(self, event: Event) -> None:
        path, vr, value, context, _ = event
        tag = path[-1]
        row = standard.rows().get(tag)
        vr = vr if vr not in ("", "UN") else (vr_of(tag) or (row.vr if row else vr))
        if tag >> 16 & 1:
            self._private(event, vr)
        elif vr == "UI":
            self._uids(tag, value)
        elif vr in ("DA", "DT"):
            self._dates(path, value)
        elif vr == "PN":
            self._names(value)
        elif tag in _DIRECT and self._grounds.identifying(path):
            for text in self._decoded(value):
                self._identifier(text, place=tag in _PLACES)
        else:
            local = tag == 0x00080104 and (context or b"99").startswith(b"99")
            mine = self._grounds.identifying(path) or local or not vr
            if vr in TEXT_VRS - {"TM", "AS"}:
                for text in self._decoded(value):
                    if mine:
                        self._text(text, "text")
                    self._read(path, vr, text, dated=row is not None or mine)
            elif mine and vr not in NUMBERS and len(value) < 1 << 16:
                for run in _RUN.findall(value):
                    self._text(run.decode("latin-1"), "text")

    def _read(self, path: tuple[int, ...], vr: str, text: str, *, dated: bool) -> None:
        """What free text says about people, in forms that need no knowledge of the patient."""
        if vr not in FREE_VRS:
            return
        cleaned = self._grounds.free_text(path)
        if (dated or cleaned) and not self._grounds.full_dates:
            self.known.places[path] |= spellings.dates_in(text)
            if cleaned:
                self.known.told |= spellings.dates_in(text, loose=False)
        for hit in generic_in(text, path[-1]):
            if hit.code == "generic-name":
                self._name(hit.text)
            elif hit.code in ("generic-phone", "generic-ssn", "generic-id"):
                self._identifier(hit.text, place=False)
        if cleaned:
            words = spellings.words_in(text)
            self.known.clinical[path] |= standard.words("terms").intersection(words)
            self.known.said[path].update(spellings.runs_in(text))

    def _private(self, event: Event, vr: str) -> None:
        tag, value = event.path[-1], event.value
        if vr in NUMBERS or len(value) > 1 << 12:
            return
        if self._grounds.creator(event) if 0x10 <= (tag & 0xFFFF) <= 0xFF else self._grounds.private(event):
            for said in decoded(value, ("latin-1",)):
                self.known.said[event.path].update(spellings.runs_in(said))
                stamp = vr in ("DA", "DT") or (vr in ("", "UN") and _STAMP.fullmatch(said.strip("\0 ")))
                if stamp:  # moved, it may come to fall on another day of the patient
                    self.known.places[event.path] |= spellings.dates_in(said)
            return
        if vr == "PN":
            self._names(value)
        text = value.strip(b"\0 ")
        if all(byte >= 0x20 or byte in b"\r\n\t" for byte in text):
            self._text(text.decode("latin-1"), "private-text")

    def _uids(self, tag: int, value: bytes) -> None:
        if tag in _REGISTERED:
            return
        row = standard.rows().get(tag) if self._uids_kept else None
        if row is not None and "retain_uids" in row.options:
            return
        for uid in value.strip(b"\0 ").split(b"\\"):
            if len(uid) <= 6 or uid.startswith(_WELL_KNOWN):
                continue
            if not uid.translate(None, b"0123456789.") and b"." in uid[1:] and len(uid) <= _LONGEST_UID:
                self._scanner.uid(uid.lstrip(b"."))
            else:
                self._put("uid", uid.decode("latin-1"), (uid.lower(),), strong=True)

    def _dates(self, path: tuple[int, ...], value: bytes) -> None:
        tag = path[-1]
        if (self._grounds.full_dates and tag != BIRTH_DATE) or tag in _EDITIONS:
            return
        if b"\\" in value:
            for part in value.split(b"\\"):
                self._dates(path, part)
            return
        start = value.lstrip()[:10]
        if start[4:5] != b".":
            start = start[:8]
        if start in self._days:
            day = self._days[start]
        else:
            day = self._days[start] = _day(start)
        if day is None:
            return
        self.known.places[path].add(day)
        if day.year > 1900 and day not in self.known.dates:
            self.known.dates.add(day)
            self._put("date", f"{day:%Y%m%d}", spellings.byte_dates(day), strong=True)

    def _names(self, value: bytes) -> None:
        for text in self._decoded(value):
            for component in re.split(r"[=\\]", text):
                self._name(component)
        for raw in re.split(rb"[\^=\\]", value):
            if len(raw.strip(b"\0 ")) > 3 and not raw.isascii():
                self._put("name", raw.hex(), (raw.strip(b"\0 ").lower(),), strong=True)

    def _name(self, text: str) -> None:
        parts = [part.strip("'\u2019\0") for part in _PARTS.split(text)]
        nobody = standard.words("nobody") | standard.words("particles")
        parts = [part for part in parts if part and part.lower() not in nobody]
        for part in parts:
            for variant in (part, *spellings.plain(part)):
                if any(character.isdigit() for character in variant):
                    if len(variant) >= 4:
                        self._identifier(variant, place=False)
                elif len(variant) >= 3 or (len(variant) == 2 and not variant.isascii()):
                    self._put("name", variant.lower(), spellings.encodings(variant), strong=True)
        for first, second in permutations(parts[:4], 2):
            # A short part counts only as a word; a part of two letters only beside another one.
            if len(first) < 3 and len(second) < 3:
                together = list(spellings.joined(first, second))
            else:
                together = [first + second] if min(len(first), len(second)) < _WORD else []
            for whole in together:
                if len(whole) > 2:
                    self._put("name", whole.lower(), spellings.encodings(whole), strong=True)
            squeezed = spellings.squeezed(first + second)
            if len(squeezed) >= 8:
                self.known.squeezed.add(squeezed)

    def _identifier(self, text: str, *, place: bool) -> None:
        for value in text.split("\\"):
            word = value.strip("\0 ").lower()
            if not word or word in standard.words("nobody"):
                continue
            digits = re.sub(r"\D", "", word)
            if len(word) >= 4 and (not word.isdigit() or len(word) >= 5):
                strong = not word.isdigit() or len(word) > 5
                code = "place" if place else "identifier"
                self._put(code, word, spellings.encodings(value.strip("\0 ")), strong=strong)
            if len(digits) >= 7:
                self.known.digits.add(digits)
                self._put("identifier", digits, spellings.encodings(digits), strong=True)
            short = digits.lstrip("0")
            if len(short) >= 5 and short != word and not place and word.count(".") < 3:
                self._put("identifier", short, spellings.encodings(short), strong=len(short) > 5)
            together = spellings.squeezed(word)
            if len(together) >= 6 and together != word and any(map(str.isdigit, together)):
                self.known.squeezed.add(together)
            for part in _PARTS.split(word) if place else ():
                if len(part) >= 4 and part.isalpha() and part not in standard.words("common"):
                    self._put("place", part, spellings.encodings(part), strong=False)

    def _text(self, text: str, code: str) -> None:
        for line in re.split(r"[\\\r\n\f]+", text):
            word = line.strip("\0 ").lower()
            letters = any(character.isalpha() for character in word)
            if (letters and len(word) >= 5) or (word.isdigit() and len(word) >= 6):
                self._put(code, word, spellings.encodings(line.strip("\0 "), wide=False), strong=False)

    def _put(self, code: str, word: str, patterns: Iterable[bytes], *, strong: bool) -> None:
        if (code, word) in self.known.numbers:
            return
        found = tuple(pattern for pattern in patterns if len(pattern) >= 3)
        number = self.known.numbers[code, word] = len(self.known.tokens)
        self.known.tokens.append(Token(code, found, strong, word))
        for pattern in found:
            self._scanner.pattern(pattern, number)

    def _decoded(self, value: bytes) -> Iterator[str]:
        return decoded(value, self._codecs)


def _day(start: bytes) -> datetime.date | None:
    found = _DATE.match(start)
    try:
        return datetime.date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def decoded(value: bytes, codecs: Iterable[str]) -> Iterator[str]:
    """The value in each character set that it may be in."""
    if value.isascii() and b"\x1b" not in value:
        yield value.decode("ascii")
        return
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
